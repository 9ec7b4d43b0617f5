/* bindings.rabbitmq: messages into one queue, and out of it, over AMQP 0-9-1. */
#include "queue.h"
#include <base/slice.h>

static const struct trb_option options[] = {
    TRB_STRING(struct queue, config.uri, "host", .required = 1, .sensitive = 1,
               .doc = "The broker as amqp://user:password@host:port/vhost, or amqps://….",
               .example = "amqp://guest:guest@localhost:5672"),
    TRB_STRING(struct queue, name, "queueName", .required = 1, .doc = "The queue; it is declared.", .example = "orders"),
    TRB_BOOL(struct queue, durable, "durable", .fallback = "false", .doc = "The queue outlives a restart of the broker."),
    TRB_BOOL(struct queue, delete_when_unused, "deleteWhenUnused", .fallback = "false",
             .doc = "The queue goes, with what is in it, when its last consumer has left."),
    TRB_BOOL(struct queue, exclusive, "exclusive", .fallback = "false",
             .doc = "Only this component may use the queue, and it goes with the component's connection."),
    TRB_INT(struct queue, prefetch, "prefetchCount", .fallback = "0", .max = 65535,
            .doc = "At most so many messages are unacknowledged; 0: 1,000."),
    TRB_INT(struct queue, max_priority, "maxPriority", .fallback = "0",
            .doc = "The queue has so many priorities, at most 255; 0: none."),
    TRB_DURATION(struct queue, ttl_ns, "ttlInSeconds", .aliases = "ttl", .empty_is_absent = 1,
                 .doc = "What lies in the queue for longer expires; never, unless said."),
    TRB_DURATION(struct queue, config.reconnect_ns, "reconnectWaitInSeconds", .fallback = "5s",
                 .doc = "Pause between attempts to connect, and before a queue that went is declared again."),
    TRB_BOOL(struct queue, config.sasl_external, "externalSasl", .aliases = "saslExternal", .fallback = "false",
             .doc = "The client's certificate says who it is; needs amqps, caCert, clientCert and clientKey."),
    RABBIT_TLS_OPTIONS(struct queue, config),
};

/* ---------------------------------------------------------------------------------- the queue */
void queue_declare(const struct queue *q, struct rabbit_channel *c, rabbit_then *then)
{
    struct text arguments = {0};
    uint32_t flags = (q->durable ? RABBIT_DURABLE : 0) | (q->delete_when_unused ? RABBIT_AUTO_DELETE : 0) |
                     (q->exclusive ? RABBIT_EXCLUSIVE : 0);
    if (q->ttl_ns > 0)
        wire_put_int(&arguments, "x-message-ttl", q->ttl_ns / 1000000);
    if (q->max_priority > 0)
        wire_put_int(&arguments, "x-max-priority", q->max_priority > 255 ? 255 : q->max_priority);
    rabbit_queue_declare(c, slice_of(q->name), flags, text_slice(&arguments), then);
    text_fini(&arguments);
}

/* -------------------------------------------------------------------------------------- starting */
#define LOCK_TRIES 30u
#define LOCK_REST_NS 100000000ull

static void declare_first(struct queue *);

static void start_failed(struct queue *q, const struct trb_error *err)
{
    struct trb_call *start = q->starting;
    struct trb_error told = *err;
    q->starting = NULL;
    q->tick = q->timers->cancel(q->tick);
    q->out = rabbit_link_destroy(q->out);
    q->host->fail(start, &told);
}

static void try_again(void *arg)
{
    struct queue *q = arg;
    q->tick = q->timers->cancel(q->tick);
    if (rabbit_link_is_up(q->out))
        declare_first(q);
}

/* An exclusive queue is locked until the broker has seen the end of the connection that a former process had. */
static void on_refused(void *arg, const struct trb_error *err, uint32_t by)
{
    struct queue *q = arg;
    q->first = NULL;
    if (by && q->starting && err->code == TRB_ABORTED && q->exclusive && q->lock_tries++ < LOCK_TRIES)
        q->tick = q->timers->start(q->origin, LOCK_REST_NS, try_again, q);
    else if (by && q->starting)
        start_failed(q, err);
}

static void on_declared(void *arg)
{
    struct queue *q = arg;
    struct trb_call *start = q->starting;
    rabbit_channel_drop(q->first);
    q->first = NULL;
    q->starting = NULL;
    output_start(q);
    trb_done(start);
}

static const struct rabbit_channel_events first_events = {.closed = on_refused};

static void declare_first(struct queue *q)
{
    q->first = rabbit_channel_open(q->out, &first_events, q);
    queue_declare(q, q->first, on_declared);
}

/* -------------------------------------------------------------------------------- lost and back */
static void set_lost(struct queue *q, bool *one, const struct trb_error *err)
{
    bool was_lost = q->is_out_lost || q->is_in_lost;
    *one = err;
    if (err)
        q->host->lost(q->origin, err);
    else if (was_lost && !q->is_out_lost && !q->is_in_lost)
        q->host->ready(q->origin);
}

static void on_out_up(void *arg)
{
    struct queue *q = arg;
    if (q->starting) {
        declare_first(q);
        return;
    }
    set_lost(q, &q->is_out_lost, NULL);
    rabbit_publisher_flush(q->publisher);
    if (q->in == q->out)
        input_begin(q);
}

static void on_out_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct queue *q = arg;
    if (q->starting) {
        start_failed(q, err);
    } else if (!was_up) {
        set_lost(q, &q->is_out_lost, err);
        rabbit_publisher_missed(q->publisher, err);
    }
}

static void on_out_room(void *arg)
{
    struct queue *q = arg;
    if (q->publisher)
        rabbit_publisher_flush(q->publisher);
}

static void on_in_up(void *arg)
{
    struct queue *q = arg;
    set_lost(q, &q->is_in_lost, NULL);
    input_begin(q);
}

static void on_in_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct queue *q = arg;
    if (!was_up)
        set_lost(q, &q->is_in_lost, err);
}

/* ---------------------------------------------------------------------------------------- verbs */
static void start(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    struct trb_error err = {0};
    q->host = call->host;
    q->origin = call->origin;
    q->timers = q->host->extension(TRB_TIMER);
    list_init(&q->readers);
    if (strlen(q->name) > WIRE_SHORT)
        trb_error(&err, TRB_INVALID, "BAD_OPTION", "queueName has more than 255 bytes");
    else if (!q->timers || !q->host->extension(TRB_STREAM_SERVICE))
        trb_error(&err, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which RabbitMQ needs");
    else
        rabbit_config_check(&q->config, &err);
    if (err.code) {
        q->host->fail(call, &err);
        return;
    }
    struct rabbit_link_setup out = {.host = q->host, .origin = q->origin, .config = &q->config, .arg = q, .up = on_out_up,
                                    .down = on_out_down, .room = on_out_room};
    q->starting = call;
    q->out = rabbit_link_create(&out);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    rabbit_link_forget(q->out);
    if (q->in != q->out) {
        rabbit_link_forget(q->in);
        rabbit_link_destroy(q->in);
    }
    q->in = NULL;
    q->out = rabbit_link_destroy(q->out);
    output_stop(q);
    rabbit_config_fini(&q->config);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    if (rabbit_link_is_up(q->out))
        trb_done(call);
    else
        q->host->fail(call, rabbit_link_fault(q->out));
}

static void read_queue(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    struct rabbit_link_setup in = {.host = q->host, .origin = q->origin, .config = &q->config, .arg = q, .up = on_in_up,
                                   .down = on_in_down};
    if (!q->in)
        q->in = q->exclusive ? q->out : rabbit_link_create(&in);
    input_read(self, call, question);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct reader *r = input_find(self, call);
    if (r)
        rabbit_consumer_cancel(r->consumer);
    else
        output_cancel(self, call);
}

static void resume(void *self, struct trb_call *call)
{
    struct reader *r = input_find(self, call);
    if (r)
        rabbit_consumer_resume(r->consumer);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    rabbit_consumer_settle(cookie, how->verdict, true);
}

static const struct trb_bindings_ops ops = {
    .size = sizeof ops, .operations = "create", .invoke = output_invoke, .read = read_queue};

static const struct trb_component component = {
    .size = sizeof component, .block = "bindings", .type = "bindings.rabbitmq", .version = "v1",
    .summary = "Messages into a queue of RabbitMQ, and out of it.", .caps = TRB_BINDINGS_INPUT | TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct queue, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle};

TRB_PLUGIN("bindings.rabbitmq", "1.0.0", "Apache-2.0", &component);
