/* pubsub.rabbitmq: topics as exchanges, subscriptions as queues, over AMQP 0-9-1. */
#include "bus.h"
#include <base/mem.h>
#include <base/slice.h>

static const struct trb_option options[] = {
    TRB_STRING(struct bus, config.uri, "connectionString", .aliases = "host", .sensitive = 1, .empty_is_absent = 1,
               .doc = "The broker as amqp://user:password@host:port/vhost, or amqps://…; the host alone may be named by hostname.",
               .example = "amqp://guest:guest@localhost:5672/"),
    TRB_STRING(struct bus, config.protocol, "protocol", .empty_is_absent = 1,
               .doc = "amqp or amqps; the one of connectionString where that is given, else amqp."),
    TRB_STRING(struct bus, config.hostname, "hostname", .empty_is_absent = 1,
               .doc = "The broker's host or host:port, without connectionString; localhost unless said."),
    TRB_STRING(struct bus, config.username, "username", .empty_is_absent = 1,
               .doc = "User, where connectionString names none; guest unless said."),
    TRB_STRING(struct bus, config.password, "password", .sensitive = 1, .empty_is_absent = 1,
               .doc = "Password of username."),
    TRB_STRING(struct bus, consumer_id, "consumerID", .empty_is_absent = 1,
               .doc = "First part of a queue's name, which is <consumerID>-<topic>; the application's id unless said."),
    TRB_BOOL(struct bus, durable, "durable", .fallback = "true", .doc = "Exchanges and queues outlive a restart of the broker."),
    TRB_BOOL(struct bus, delete_when_unused, "deletedWhenUnused", .fallback = "true",
             .doc = "A queue goes, with what is in it, when its last consumer has left, and an exchange with its last queue."),
    TRB_BOOL(struct bus, auto_ack, "autoAck", .fallback = "false",
             .doc = "Messages count as done when they are sent: what is not handled then is lost."),
    TRB_BOOL(struct bus, requeue, "requeueInFailure", .fallback = "false",
             .doc = "A message whose handler failed goes back into its queue; else it is dropped, or a dead letter."),
    TRB_INT(struct bus, delivery_mode, "deliveryMode", .fallback = "0", .max = 2,
            .doc = "2: messages are kept on the broker's disk; 1: they are not; 0: not said, which means 1."),
    TRB_INT(struct bus, prefetch, "prefetchCount", .fallback = "0", .max = 255,
            .doc = "At most so many messages of a subscription are unacknowledged; 0: 1,000, with concurrencyMode single 100, "
                   "and 1 with requeueInFailure too, which alone keeps the order when a handler fails."),
    TRB_DURATION(struct bus, config.reconnect_ns, "reconnectWaitSeconds", .fallback = "3s",
                 .doc = "Pause between attempts to connect, and before a subscription that ended is declared again."),
    TRB_INT(struct bus, max_len, "maxLen", .fallback = "0", .doc = "A queue keeps at most so many messages; 0: any number."),
    TRB_INT(struct bus, max_len_bytes, "maxLenBytes", .fallback = "0",
            .doc = "A queue keeps at most so many bytes of messages; 0: any number."),
    TRB_CHOICE(struct bus, exchange_kind, "exchangeKind", .fallback = "fanout", .choices = "fanout|topic|direct|headers",
               .doc = "How an exchange chooses among its queues."),
    TRB_BOOL(struct bus, dead_letter, "enableDeadLetter", .fallback = "false",
             .doc = "What a queue drops goes to the queue dlq-<queue>, through the exchange dlx-<queue>."),
    TRB_BOOL(struct bus, confirm, "publisherConfirm", .fallback = "true",
             .doc = "A message counts as published when the broker has confirmed it; else when it is written."),
    TRB_BOOL(struct bus, config.sasl_external, "saslExternal", .fallback = "false",
             .doc = "The client's certificate says who it is; needs amqps, caCert, clientCert and clientKey."),
    TRB_DURATION(struct bus, ttl_ns, "ttlInSeconds", .empty_is_absent = 1,
                 .doc = "A message expires after this, unless it says so itself; never, unless said."),
    TRB_STRING(struct bus, config.client_name, "clientName", .empty_is_absent = 1,
               .doc = "Name of the connections in the broker's lists."),
    TRB_DURATION(struct bus, config.heartbeat_ns, "heartBeat", .fallback = "10s", .max = 65535000000000,
                 .doc = "Both sides say something at least so often; a connection silent for twice as long is lost; 0: never."),
    TRB_CHOICE(struct bus, concurrency, "concurrencyMode", .aliases = "concurrency", .fallback = "parallel",
               .choices = "parallel|single",
               .doc = "single: a subscription's next message waits until the last is handled, so that order is kept."),
    TRB_BOOL(struct bus, properties_to_metadata, "publishMessagePropertiesToMetadata", .fallback = "false",
             .doc = "A message's properties and headers reach the application as metadata.<name>."),
    RABBIT_TLS_OPTIONS(struct bus, config),
};

const char *bus_kind(const struct bus *b)
{
    static const char *const kinds[] = {"fanout", "topic", "direct", "headers"};
    return kinds[b->exchange_kind];
}

uint32_t bus_flags(const struct bus *b)
{
    return (b->durable ? RABBIT_DURABLE : 0) | (b->delete_when_unused ? RABBIT_AUTO_DELETE : 0);
}

/* -------------------------------------------------------------------------------- lost and back */
static void set_lost(struct bus *b, bool *one, const struct trb_error *err)
{
    bool was_lost = b->is_out_lost || b->is_in_lost;
    *one = err;
    if (err)
        b->host->lost(b->origin, err);
    else if (was_lost && !b->is_out_lost && !b->is_in_lost)
        b->host->ready(b->origin);
}

static void on_out_up(void *arg)
{
    struct bus *b = arg;
    struct trb_call *start = b->starting;
    b->starting = NULL;
    if (start) {
        trb_done(start);
        return;
    }
    set_lost(b, &b->is_out_lost, NULL);
    exits_flush(b);
}

static void on_out_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct bus *b = arg;
    struct trb_call *start = b->starting;
    struct trb_error told = *err;
    b->starting = NULL;
    if (start) {
        b->out = rabbit_link_destroy(b->out);
        b->host->fail(start, &told);
    } else if (!was_up) {
        set_lost(b, &b->is_out_lost, &told);
        exits_missed(b, &told);
    }
}

static void on_out_room(void *arg)
{
    exits_flush(arg);
}

static void on_in_up(void *arg)
{
    struct bus *b = arg;
    set_lost(b, &b->is_in_lost, NULL);
    subscriptions_begin(b);
}

static void on_in_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct bus *b = arg;
    if (!was_up)
        set_lost(b, &b->is_in_lost, err);
}

/* ---------------------------------------------------------------------------------------- verbs */
static trb_code check_options(struct bus *b, const struct trb_setup *setup, struct trb_error *err)
{
    struct trb_slice id = slice_trim(slice_of(b->consumer_id));
    if (!id.len)
        id = slice_name(setup->app_id);
    if (!id.len)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "consumerID is required where the application has no id");
    b->consumer = mem_text(id.at, id.len);
    return rabbit_config_check(&b->config, err);
}

static void start(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    struct trb_error err = {0};
    b->host = call->host;
    b->origin = call->origin;
    b->timers = b->host->extension(TRB_TIMER);
    list_init(&b->exits);
    list_init(&b->subscriptions);
    if (check_options(b, question, &err)) {
        b->host->fail(call, &err);
        return;
    }
    if (!b->timers || !b->host->extension(TRB_STREAM_SERVICE)) {
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which RabbitMQ needs");
        return;
    }
    struct rabbit_link_setup out = {.host = b->host, .origin = b->origin, .config = &b->config, .arg = b, .up = on_out_up,
                                    .down = on_out_down, .room = on_out_room};
    b->starting = call;
    b->out = rabbit_link_create(&out);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    rabbit_link_forget(b->out);
    rabbit_link_forget(b->in);
    b->tick = NULL;
    b->out = rabbit_link_destroy(b->out);
    b->in = rabbit_link_destroy(b->in);
    if (b->host)
        exits_close(b);
    rabbit_config_fini(&b->config);
    b->consumer = mem_free(b->consumer);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    if (rabbit_link_is_up(b->out))
        trb_done(call);
    else
        b->host->fail(call, rabbit_link_fault(b->out));
}

static void subscribe(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    if (!b->in) {
        struct rabbit_link_setup in = {.host = b->host, .origin = b->origin, .config = &b->config, .arg = b, .up = on_in_up,
                                       .down = on_in_down};
        b->in = rabbit_link_create(&in);
    }
    bus_subscribe(self, call, question);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct bus *b = self;
    struct subscription *s = subscription_find(b, call);
    if (s)
        rabbit_consumer_cancel(s->consumer);
    else
        exits_cancel(b, call);
}

static void resume(void *self, struct trb_call *call)
{
    struct subscription *s = subscription_find(self, call);
    if (s)
        rabbit_consumer_resume(s->consumer);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    rabbit_consumer_settle(cookie, how->verdict, ((const struct bus *)self)->requeue);
}

static const struct trb_pubsub_ops ops = {
    .size = sizeof ops, .publish = bus_publish, .bulk_publish = bus_bulk_publish, .subscribe = subscribe};

static const struct trb_component component = {
    .size = sizeof component, .block = "pubsub", .type = "pubsub.rabbitmq", .version = "v1",
    .summary = "RabbitMQ, with an exchange per topic and a queue per subscription.", .caps = TRB_PUBSUB_MESSAGE_TTL,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bus, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle};

TRB_PLUGIN("pubsub.rabbitmq", "1.0.0", "Apache-2.0", &component);
