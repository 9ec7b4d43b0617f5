/* buf: counted bytes, the kernel's side of struct trb_buf. References are atomic. [any]
 *
 * A buffer is written by its maker before the first other reference exists, and never after. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdbool.h>
#include <trilby/types.h>

struct trb_buf *buf_new(size_t len, char **ret_bytes);                /* one block, header and bytes */
struct trb_buf *buf_copy(struct trb_slice);
struct trb_buf *buf_wrap(struct trb_slice, void (*release)(void *), void *arg);
struct trb_buf *buf_ref(struct trb_buf *);                            /* NULL is welcome */
struct trb_buf *buf_unref(struct trb_buf *);                          /* returns NULL */
struct trb_slice buf_bytes(const struct trb_buf *);                   /* absent for NULL */
void buf_shorten(struct trb_buf *, size_t len);                       /* by its maker only */

/* What a buffer pins while it lives: called once when the last reference goes. NULL: nothing. */
void buf_on_gone(struct trb_buf *, void (*gone)(void *), void *arg);

static inline struct trb_data buf_data(struct trb_buf *b)             /* borrowed: no new reference */
{
    struct trb_slice s = buf_bytes(b);
    return (struct trb_data){s.at, s.len, b};
}

/* Bytes that grow: what a body is gathered in. Geometric growth, a hard limit. */
struct gather {
    struct trb_buf *buf;
    size_t len, room;
};

bool gather_add(struct gather *, struct trb_slice, size_t limit);     /* false: over the limit */
void gather_expect(struct gather *, size_t len);                      /* a hint: one allocation */
struct trb_buf *gather_finish(struct gather *);                       /* given; never NULL; g is empty again */
void gather_drop(struct gather *);

#endif
