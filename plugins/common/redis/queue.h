/* queue: who waits for an answer, in the order of the commands. */
#ifndef REDIS_QUEUE_H
#define REDIS_QUEUE_H

#include <redis/command.h>

struct redis_entry {
    struct redis_wish wish;
    uint64_t since_ns;
};

struct redis_queue {                            /* a ring; room is a power of two */
    struct redis_entry *entries;
    uint32_t first, count, room;
};

struct redis_entry *redis_queue_add(struct redis_queue *);
struct redis_entry *redis_queue_first(struct redis_queue *);               /* NULL: empty */
struct redis_entry redis_queue_take(struct redis_queue *);                 /* the first; there must be one */
void redis_queue_fini(struct redis_queue *);

#endif
