/* First pass over a .def: the structs. Define TRB_DEF to the file's name, then include. No guard. */
#define TRB_STRUCT(name)                                                                           \
    struct trb_##name {                                                                            \
        uint32_t size;
#define TRB_FIELD(of, kind, name, doc) TRB_TYPE_##kind name;
#define TRB_FIELD_OF(of, name, element, doc) struct trb_list name;
#define TRB_END(name)                                                                              \
    }                                                                                              \
    ;
#define TRB_VERB(name, question, answer, doc)
#define TRB_STREAM(name, question, event, doc)
#define TRB_BULK(name, question, item, doc)
#include TRB_DEF
#undef TRB_STRUCT
#undef TRB_FIELD
#undef TRB_FIELD_OF
#undef TRB_END
#undef TRB_VERB
#undef TRB_STREAM
#undef TRB_BULK
