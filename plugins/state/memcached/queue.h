/* queue: who waits for an answer, in the order of the commands. */
#ifndef STATE_MEMCACHED_QUEUE_H
#define STATE_MEMCACHED_QUEUE_H

#include "link.h"

struct entry {
    struct wish wish;
    uint64_t since_ns;
};

struct queue {                                  /* a ring; room is a power of two */
    struct entry *entries;
    uint32_t first, count, room;
};

struct entry *queue_add(struct queue *);
struct entry *queue_at(struct queue *, uint32_t i);         /* NULL: there are not so many */
struct entry queue_take(struct queue *);                    /* the first; there must be one */
void queue_fini(struct queue *);

#endif
