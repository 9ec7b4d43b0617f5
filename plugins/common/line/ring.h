/* ring: who waits for an answer, in the order of the questions: a queue of entries of one size that doubles.
 *
 * The entry's size is given with each call, a constant there, so that nothing is divided or looked up. */
#ifndef COMMON_LINE_RING_H
#define COMMON_LINE_RING_H

#include <stddef.h>
#include <stdint.h>

struct ring {
    char *at;
    uint32_t first, count, room;                /* room is a power of two */
};

void ring_grow(struct ring *, size_t size);
void ring_fini(struct ring *);

static inline void *ring_at(const struct ring *r, uint32_t i, size_t size)      /* NULL: there are not so many */
{
    return i < r->count ? r->at + ((r->first + i) & (r->room - 1)) * size : NULL;
}

static inline void *ring_add(struct ring *r, size_t size)                       /* not zeroed */
{
    if (r->count == r->room)
        ring_grow(r, size);
    return r->at + ((r->first + r->count++) & (r->room - 1)) * size;
}

/* The first is gone, its bytes stay until the next ring_add; there must be one. */
static inline void *ring_take(struct ring *r, size_t size)
{
    char *entry = r->at + r->first * size;
    r->first = (r->first + 1) & (r->room - 1);
    r->count--;
    return entry;
}

#endif
