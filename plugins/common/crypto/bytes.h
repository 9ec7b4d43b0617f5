/* bytes: what an operation made: ours to wipe. */
#ifndef CRYPTO_BYTES_H
#define CRYPTO_BYTES_H

#include <base/mem.h>
#include <stdint.h>
#include <trilby/types.h>

struct bytes {
    uint8_t *at;
    size_t len;
};

static inline void bytes_make(struct bytes *b, size_t room)
{
    b->at = mem_alloc(room ? room : 1);
    b->len = room;
}

static inline void bytes_wipe(struct bytes *b)
{
    if (b->at)
        mem_wipe(b->at, b->len);
    b->at = mem_free(b->at);
    b->len = 0;
}

static inline struct trb_slice bytes_slice(const struct bytes *b)      /* nothing made: absent */
{
    return (struct trb_slice){(const char *)b->at, b->len};
}

#endif
