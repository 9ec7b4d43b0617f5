/* session_inside: what client, keeper and deliveries share, for the two files that speak for them. */
#ifndef PUBSUB_SESSION_INSIDE_H
#define PUBSUB_SESSION_INSIDE_H

#include "session.h"
#include <stdatomic.h>

struct session {
    struct list link;                     /* of the block's, until it is closed */
    struct block *block;
    _Atomic uint32_t refs;                /* the client's, the keeper's, the subscription's */
    struct trb_request *client, *keeper;  /* NULL: nobody may wake them any more */
    struct list queued, sent;             /* parcels: before and after the client has them */
    uint32_t phase;
    bool is_idle, is_over;                /* idle: the client's steps wait. over: they have ended */
    struct text pubsub, wish, fault;
    struct subscription *sub;             /* the keeper's */
};

trb_step session_keep;

static inline void session_lock(struct session *s)
{
    s->block->kernel->lock(s->block);
}

static inline void session_unlock(struct session *s)
{
    s->block->kernel->unlock(s->block);
}

/* All of a list, for good; under the lock. What was taken out is pinned and nobody else's. */
void session_hold(struct list *from, struct list *taken);
/* Wakes what was taken out; without the lock, for a step may run at once. */
void session_let_go(const struct trb_kernel *, struct list *taken);

#endif
