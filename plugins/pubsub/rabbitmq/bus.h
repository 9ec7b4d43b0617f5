/* bus: pubsub.rabbitmq as its files share it. A topic is an exchange; a subscription is a queue bound to it.
 *
 * Publishing and consuming have a connection each: a broker short of memory or disk stops reading from those
 * that publish, and what was consumed must still be acknowledged. [loop] */
#ifndef PUBSUB_RABBITMQ_BUS_H
#define PUBSUB_RABBITMQ_BUS_H

#include <base/list.h>
#include <rabbitmq/consumer.h>
#include <rabbitmq/metadata.h>
#include <rabbitmq/publisher.h>
#include <trilby/pubsub.h>

struct bus {
    struct rabbit_config config;
    const char *consumer_id;
    uint32_t durable, delete_when_unused, auto_ack, requeue, dead_letter, confirm, properties_to_metadata;
    uint32_t exchange_kind, concurrency;
    int64_t delivery_mode, prefetch, max_len, max_len_bytes, ttl_ns;

    char *consumer;                         /* consumer_id without blanks around it */
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct trb_call *starting;              /* start is not answered yet */
    struct rabbit_link *out, *in;           /* in: made with the first subscription */
    bool is_out_lost, is_in_lost;
    struct list exits, subscriptions;       /* exits: publishers, the last used first */
    uint32_t exit_count;
    struct trb_timer *tick;
};
#define BUS_PARALLEL 0
#define BUS_SINGLE 1

const char *bus_kind(const struct bus *);                   /* of every exchange */
uint32_t bus_flags(const struct bus *);                     /* of every exchange and queue */
trb_verb bus_publish, bus_bulk_publish, bus_subscribe;

/* --- publishing ----------------------------------------------------------------------------------- */
void exits_flush(struct bus *);
void exits_missed(struct bus *, const struct trb_error *);
void exits_cancel(struct bus *, const struct trb_call *);
void exits_close(struct bus *);

/* --- subscriptions -------------------------------------------------------------------------------- */
struct subscription {
    struct list link;                       /* of the bus */
    struct bus *bus;
    struct trb_call *call;
    struct trb_name topic;                  /* the question's, as metadata: readable until the call is answered */
    struct trb_pairs metadata;
    char *what, *queue, *dead_exchange, *dead_queue, *tag;
    struct rabbit_consumer *consumer;
};

void subscriptions_begin(struct bus *);                     /* the link is up */
struct subscription *subscription_find(struct bus *, const struct trb_call *);
/* Names its queues; a sentence about what is wrong with its metadata, or NULL. */
const char *subscription_name(struct subscription *);
/* All that it needs at the broker, in one go. */
void subscription_declare(struct subscription *, struct rabbit_channel *, rabbit_then *consuming);
/* A delivery as an event, with its properties as metadata where that is asked for; gives the credit. */
uint32_t subscription_emit(void *subscription, struct rabbit_delivery *);

#endif
