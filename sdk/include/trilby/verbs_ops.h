/* Second pass: the members of the ops table. Include between the braces. No guard. */
#define TRB_STRUCT(name)
#define TRB_FIELD(of, kind, name, doc)
#define TRB_FIELD_OF(of, name, element, doc)
#define TRB_END(name)
#define TRB_VERB(name, question, answer, doc) trb_verb *name;
#define TRB_STREAM(name, question, event, doc) trb_verb *name;
#define TRB_BULK(name, question, item, doc) trb_verb *name;
#include TRB_DEF
#undef TRB_STRUCT
#undef TRB_FIELD
#undef TRB_FIELD_OF
#undef TRB_END
#undef TRB_VERB
#undef TRB_STREAM
#undef TRB_BULK
