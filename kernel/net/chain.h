/* chain: blocks of bytes, kept warm per thread, and the queue of them that a stream sends.
 * Private to this folder. Blocks may be dropped from any thread; all else is [loop]. */
#ifndef NET_CHAIN_H
#define NET_CHAIN_H

#include <base/buf.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <trilby/types.h>

struct block {
    struct block *next;
    atomic_uint refs;
    uint32_t size;                  /* of bytes[]; 0 when the bytes are owner's */
    char *at, *end;                 /* what is unread or unsent */
    struct trb_buf *owner;
    char bytes[];
};

#define BLOCK_WHOLE 16384u          /* one block as the allocator sees it */
#define BLOCK_ROOM (BLOCK_WHOLE - (uint32_t)sizeof(struct block))

struct block *block_new(size_t room);           /* at least so much */
struct block *block_unref(struct block *);      /* NULL is welcome; returns NULL [any] */
struct trb_buf *block_share(struct block *, struct trb_slice part);    /* a buffer that pins it */

static inline size_t block_len(const struct block *b)
{
    return (size_t)(b->end - b->at);
}

static inline size_t block_room(const struct block *b)
{
    return (size_t)(b->bytes + b->size - b->end);
}

static inline bool block_is_shared(const struct block *b)
{
    return atomic_load_explicit(&b->refs, memory_order_acquire) > 1;
}

struct chain {
    struct block *head, *tail;
    size_t len;
};

void chain_add(struct chain *, struct trb_slice);               /* copied */
void chain_add_data(struct chain *, struct trb_data);           /* large ones with an owner: referenced */
char *chain_room(struct chain *, size_t n);
void chain_wrote(struct chain *, size_t n);
int chain_pieces(const struct chain *, struct iovec *pieces, int room);
void chain_drop(struct chain *, size_t n);                      /* from the front; all: blocks go back */

#endif
