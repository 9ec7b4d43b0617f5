/* Third pass, for the block that owns the table: include once, in one source file, with TRB_DEF and
 * TRB_OPS (the ops struct) defined. Yields trb_layout_<struct> and trb_verbs_[]. No guard. */
#include <trilby/verbs.h>

static const struct trb_layout trb_layout_nothing __attribute__((unused)) = {
    .name = "nothing", .size = sizeof(struct trb_nothing)};

#define TRB_STRUCT(n) static const struct trb_field trb_fields_##n[] = {
#define TRB_FIELD(s, k, n, d)                                                                      \
    {.name = #n, .doc = d, .kind = TRB_FIELD_##k, .offset = offsetof(struct trb_##s, n)},
#define TRB_FIELD_OF(s, n, element, d)                                                             \
    {.name = #n, .doc = d, .kind = TRB_FIELD_LIST, .offset = offsetof(struct trb_##s, n),          \
     .of = &trb_layout_##element},
#define TRB_END(n)                                                                                 \
    }                                                                                              \
    ;                                                                                              \
    static const struct trb_layout trb_layout_##n = {                                              \
        .name = #n, .size = sizeof(struct trb_##n), .fields = trb_fields_##n,                      \
        .field_count = sizeof trb_fields_##n / sizeof trb_fields_##n[0]};
#define TRB_VERB(n, q, a, d)
#define TRB_STREAM(n, q, e, d)
#define TRB_BULK(n, q, i, d)
#include TRB_DEF
#undef TRB_STRUCT
#undef TRB_FIELD
#undef TRB_FIELD_OF
#undef TRB_END
#undef TRB_VERB
#undef TRB_STREAM
#undef TRB_BULK

#define TRB_STRUCT(n)
#define TRB_FIELD(s, k, n, d)
#define TRB_FIELD_OF(s, n, element, d)
#define TRB_END(n)
#define TRB_ROW_(n, q, a, d, f)                                                                    \
    {.name = #n, .doc = d, .offset = offsetof(TRB_OPS, n), .question = &trb_layout_##q,            \
     .answer = &trb_layout_##a, .flags = f},
#define TRB_VERB(n, q, a, d) TRB_ROW_(n, q, a, d, 0)
#define TRB_STREAM(n, q, e, d) TRB_ROW_(n, q, e, d, TRB_VERB_STREAM)
#define TRB_BULK(n, q, i, d) TRB_ROW_(n, q, i, d, TRB_VERB_BULK)
static const struct trb_verb_info trb_verbs_[] = {
#include TRB_DEF
};
#undef TRB_STRUCT
#undef TRB_FIELD
#undef TRB_FIELD_OF
#undef TRB_END
#undef TRB_VERB
#undef TRB_STREAM
#undef TRB_BULK
