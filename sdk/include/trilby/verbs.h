/* trilby/verbs.h: how a block's table of verbs becomes structs, an ops table and a layout.
 *
 * A block writes <block>.def once, in these words:
 *
 *     TRB_STRUCT(state_get)                        a question, an answer or an element
 *     TRB_FIELD(state_get, NAME, key, "The full key.")
 *     TRB_END(state_get)
 *     TRB_VERB(get, state_get, state_item, "…")    name, question, answer (or nothing), sentence
 *     TRB_BULK(…) answers by item, TRB_STREAM(…) by events
 *
 * Kinds: NAME, SLICE, DATA, PAIRS, U32, U64, I64; TRB_FIELD_OF(struct, name, element, "…") is a list. The host copies answers by
 * the layout that the same file yields, so a component never has to keep them. */
#ifndef TRILBY_VERBS_H
#define TRILBY_VERBS_H

#include <trilby/types.h>

#define TRB_FIELD_NAME 1u  /* a struct trb_name */
#define TRB_FIELD_SLICE 2u /* a struct trb_slice */
#define TRB_FIELD_DATA 3u  /* a struct trb_data */
#define TRB_FIELD_PAIRS 4u /* a struct trb_pairs */
#define TRB_FIELD_U32 5u   /* a uint32_t */
#define TRB_FIELD_U64 6u   /* a uint64_t */
#define TRB_FIELD_I64 7u   /* an int64_t */
#define TRB_FIELD_LIST 8u  /* a struct trb_list */

struct trb_list { /* elements of a struct of the same .def; each begins with its size */
    const void *at;         /* step by stride: trb_list_at */
    uint32_t count, stride; /* how many; bytes from one to the next */
};

/* One member of a question or an answer, for the host and for who writes tools. */
struct trb_field {
    const char *name, *doc; /* as in the .def */
    uint32_t kind, offset;  /* TRB_FIELD_…; bytes from the struct's beginning */
    const struct trb_layout *of; /* LIST: the element's */
};

/* A question or an answer. */
struct trb_layout {
    const char *name;               /* as in the .def, without trb_ */
    uint32_t size, field_count;     /* of the described struct, in bytes; of fields */
    const struct trb_field *fields; /* in their order */
};

/* A verb of a block. */
struct trb_verb_info {
    const char *name, *doc; /* as in the .def */
    uint32_t offset; /* in the ops table */
    const struct trb_layout *question, *answer; /* answer NULL: nothing but done */
    uint32_t flags; /* TRB_VERB_STREAM, TRB_VERB_BULK or 0 */
};
#define TRB_VERB_STREAM 1u /* opened, emit, settle; the answer layout is the event's */
#define TRB_VERB_BULK 2u   /* results by item; the answer layout is the item's */

#define TRB_TYPE_NAME struct trb_name
#define TRB_TYPE_SLICE struct trb_slice
#define TRB_TYPE_DATA struct trb_data
#define TRB_TYPE_PAIRS struct trb_pairs
#define TRB_TYPE_U32 uint32_t
#define TRB_TYPE_U64 uint64_t
#define TRB_TYPE_I64 int64_t

/* What a verb answers when it answers nothing but done. */
struct trb_nothing {
    uint32_t size;
};

/* The i-th element of a list. */
static inline const void *trb_list_at(const struct trb_list *list, uint32_t i)
{
    return (const char *)list->at + (size_t)i * list->stride;
}

#endif
