/* queue: messages that wait, in their order. Everything here is under the broker's lock. */
#ifndef IN_MEMORY_QUEUE_H
#define IN_MEMORY_QUEUE_H

#include "message.h"
#include <stdbool.h>

struct waiting {
    struct waiting *next;
    struct message *message;
};

struct queue {
    struct waiting *first, **last;
    uint64_t bytes;
};

void queue_init(struct queue *);
void queue_append(struct queue *, struct message *);              /* takes a reference of its own */
void queue_remove_first(struct queue *, const struct trb_host *);
void queue_clear(struct queue *, const struct trb_host *);
/* Puts what from holds of messages up to that number in front of to, or behind its first one; from is empty then. */
void queue_put_before(struct queue *to, struct queue *from, uint64_t number, bool behind_first, const struct trb_host *);

#endif
