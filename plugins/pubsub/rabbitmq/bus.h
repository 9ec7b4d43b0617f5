/* bus: pubsub.rabbitmq as its files share it. A topic is an exchange; a subscription is a queue bound to it.
 *
 * Publishing and consuming have a connection each: a broker short of memory or disk stops reading from those
 * that publish, and what was consumed must still be acknowledged. [loop] */
#ifndef PUBSUB_RABBITMQ_BUS_H
#define PUBSUB_RABBITMQ_BUS_H

#include <base/list.h>
#include <rabbitmq/publisher.h>
#include <trilby/pubsub.h>

struct bus {
    struct rabbit_config config;
    const char *consumer_id;
    uint32_t durable, delete_when_unused, auto_ack, requeue, dead_letter, confirm, properties_to_metadata;
    uint32_t exchange_kind, concurrency;
    int64_t delivery_mode, prefetch, max_len, max_len_bytes, ttl_ns;

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
/* Text that AMQP sends with one byte of length: a sentence about one that is too long, or NULL. */
const char *message_fault(const struct trb_pairs *metadata);
void message_properties(const struct bus *, const struct trb_pairs *metadata, struct text *scratch,
                        struct rabbit_properties *ret_properties);

/* --- subscriptions -------------------------------------------------------------------------------- */
struct subscription {
    uint32_t magic;
    struct list link;                       /* of the bus */
    struct bus *bus;
    struct trb_call *call;
    struct trb_name topic;                  /* the question's, as metadata: readable until the call is answered */
    struct trb_pairs metadata;
    char *queue, *dead_exchange, *dead_queue, *tag;
    struct rabbit_channel *channel;
    uint64_t round;                         /* counts channels: what came over an earlier one cannot be settled */
    struct list queued;                     /* deliveries */
    uint64_t first_short, last_short;       /* tags that the host had no memory for; 0: none */
    size_t queued_bytes;
    uint32_t queued_count, running;         /* running: at handlers */
    struct trb_timer *timer;                /* to declare again; ending: to wait no longer */
    bool is_open, is_ending, has_credit, is_holding;
};
#define SUBSCRIPTION_MAGIC 0x51535542u

void subscriptions_begin(struct bus *);                     /* the link is up */
void subscription_cancel(struct subscription *);
void subscription_resume(struct subscription *);
void subscription_settle(struct rabbit_delivery *, uint32_t verdict);
struct subscription *subscription_find(struct bus *, const struct trb_call *);
void subscription_emit(struct subscription *, struct rabbit_delivery *);
/* Names its queues; a sentence about what is wrong with its metadata, or NULL. */
const char *subscription_name(struct subscription *);
/* All that it needs at the broker, in one go. */
void subscription_declare(struct subscription *, rabbit_then *consuming);

#endif
