/* consumer: one queue, read over a channel of its own for one stream of the host.
 *
 *     declare ──► consuming ──► queued ──► at the handler ──► acknowledged, given back, or dropped
 *
 * It ends in order: what is at handlers is awaited, then the channel closes, and the broker gives what was not
 * acknowledged to whoever consumes next. A channel or connection that breaks is replaced by itself. [loop] */
#ifndef RABBITMQ_CONSUMER_H
#define RABBITMQ_CONSUMER_H

#include <rabbitmq/channel.h>

#define RABBIT_PREFETCH 1000u               /* where none is said: what may wait for handlers here */

struct rabbit_consumer;

struct rabbit_consumer_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct rabbit_link *link;
    struct trb_call *call;                  /* opened when it consumes; answered when it is over */
    const char *what;                       /* of sentences: "topic 'orders'" */
    const char *tag;                        /* of the consumer at the broker; these outlive it, as arg */
    int64_t pause_ns;                       /* before a queue is declared again */
    bool auto_ack;
    bool one_by_one;                        /* the next waits until the last is settled */
    bool goes_unused;                       /* the queue goes with its last consumer */
    void *arg;
    /* All that it needs at the broker, up to rabbit_consume(…, consuming). */
    void (*declare)(void *arg, struct rabbit_channel *, rabbit_then *consuming);
    /* The delivery is the event's cookie. Gives the credit that is left. */
    uint32_t (*emit)(void *arg, struct rabbit_delivery *);
    void (*over)(void *arg);                /* it is gone; the call is answered next */
};

struct rabbit_consumer *rabbit_consumer_create(const struct rabbit_consumer_setup *);
void rabbit_consumer_begin(struct rabbit_consumer *);           /* the link is up; may be repeated */
void rabbit_consumer_cancel(struct rabbit_consumer *);          /* may be over at once */
void rabbit_consumer_resume(struct rabbit_consumer *);
/* requeue: where what a handler failed on goes; else it is dropped, or a dead letter. */
void rabbit_consumer_settle(struct rabbit_delivery *, uint32_t verdict, bool requeue);
/* A name nobody else has, at most 255 bytes: first, a dash and a number. */
char *rabbit_consumer_tag(const char *first);

#endif
