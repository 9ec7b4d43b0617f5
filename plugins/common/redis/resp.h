/* resp: one reply of Redis (RESP2), read where it lies.
 *
 * A reply is a row of nodes in the order of the text; the bytes of a node are slices of the input and
 * live as long as it does. Nothing is allocated for a reply but that row, which is used again. */
#ifndef REDIS_RESP_H
#define REDIS_RESP_H

#include <stdbool.h>
#include <trilby/types.h>

#define RESP_NULL 0u
#define RESP_STATUS 1u
#define RESP_ERROR 2u
#define RESP_INTEGER 3u
#define RESP_STRING 4u
#define RESP_ARRAY 5u

#define RESP_MAX_DEPTH 16u
#define RESP_MAX_NODES (1u << 22)
#define RESP_MAX_STRING (512ull << 20)              /* the server's own limit */

struct resp {
    uint32_t kind;
    uint32_t count;                                 /* ARRAY: elements */
    uint32_t span;                                  /* nodes, itself included: the next sibling is there */
    int64_t integer;
    struct trb_slice text;                          /* STATUS, ERROR, STRING */
};

struct resp_reader {
    struct resp *nodes;
    uint32_t count, room;
    size_t need;                                    /* so many bytes must have come before it is worth a look */
};

#define RESP_MORE 0
#define RESP_BROKEN (-1)
/* The length of the reply at the start of bytes, whose nodes are then in the reader; RESP_MORE when it
 * has not come whole; RESP_BROKEN when it is none. */
int64_t resp_read(struct resp_reader *, struct trb_slice bytes);
void resp_fini(struct resp_reader *);

/* Elements: for (child = resp_first(r), i = 0; i < r->count; i++, child = resp_next(child)) */
static inline const struct resp *resp_first(const struct resp *r)
{
    return r + 1;
}
static inline const struct resp *resp_next(const struct resp *r)
{
    return r + r->span;
}
/* The i-th element, or NULL when it is no array or shorter. */
const struct resp *resp_at(const struct resp *, uint32_t i);
bool resp_is(const struct resp *, uint32_t kind);                        /* NULL is welcome */
bool resp_error_is(const struct resp *, const char *code);               /* "WRONGTYPE", "NOSCRIPT", … */

#endif
