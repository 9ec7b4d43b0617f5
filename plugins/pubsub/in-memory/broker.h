/* broker: what an instance is: its subscriptions, and the places of those that will come again. */
#ifndef IN_MEMORY_BROKER_H
#define IN_MEMORY_BROKER_H

#include "queue.h"
#include <base/list.h>
#include <pthread.h>

struct broker {
    uint64_t max_queued, published;
    pthread_mutex_t lock;
    struct list subscriptions, places;
    const struct trb_host *host;
    const struct trb_origin *origin;
};

struct place {
    struct list link;
    struct queue queue;
    uint64_t kept_ns;
    struct trb_name topic;          /* behind the struct */
};

struct place *place_create(struct broker *, struct trb_name topic);    /* empty; under the lock */

/* What waits in places, for the instance that takes this one's, and from the one before. */
trb_verb broker_hand_over;
void broker_adopt(void *broker, struct trb_slice kept);

#endif
