/* queue: bindings.rabbitmq as its files share it: one queue, written to and read from. [loop] */
#ifndef BINDINGS_RABBITMQ_QUEUE_H
#define BINDINGS_RABBITMQ_QUEUE_H

#include <rabbitmq/consumer.h>
#include <rabbitmq/metadata.h>
#include <rabbitmq/publisher.h>
#include <trilby/bindings.h>

struct queue {
    struct rabbit_config config;
    const char *name;
    uint32_t durable, delete_when_unused, exclusive;
    int64_t prefetch, max_priority, ttl_ns;

    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct trb_call *starting;              /* start is not answered yet */
    struct rabbit_channel *first;           /* declares the queue while starting */
    uint32_t lock_tries;
    struct rabbit_link *out, *in;           /* the same for an exclusive queue: it belongs to its connection */
    bool is_out_lost, is_in_lost;
    struct rabbit_publisher *publisher;
    struct trb_timer *tick;
    struct list readers;
};

void queue_declare(const struct queue *, struct rabbit_channel *, rabbit_then *);

/* --- output --------------------------------------------------------------------------------------- */
void output_start(struct queue *);
void output_cancel(struct queue *, const struct trb_call *);
void output_stop(struct queue *);
trb_verb output_invoke;

/* --- input ---------------------------------------------------------------------------------------- */
struct reader {
    struct list link;
    struct queue *queue;
    struct trb_call *call;
    char *what, *tag;
    struct rabbit_consumer *consumer;
};
void input_begin(struct queue *);           /* the link is up */
struct reader *input_find(struct queue *, const struct trb_call *);
trb_verb input_read;

#endif
