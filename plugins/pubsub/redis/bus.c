/* pubsub.redis: topics as Redis Streams, delivered at least once. */
#include "bus.h"
#include <base/slice.h>

static const struct trb_option options[] = {
    REDIS_OPTIONS(struct bus, config),
    TRB_STRING(struct bus, consumer_id, "consumerID", .empty_is_absent = 1,
               .doc = "Name of the consumer group, and of this consumer in it; the application's id unless said."),
    REDIS_DURATION_(struct bus, processing_timeout_ns, "processingTimeout", .fallback = "60s",
                    .doc = "A message not acknowledged for so long is delivered again; 0: never. A bare number is milliseconds."),
    REDIS_DURATION_(struct bus, redeliver_ns, "redeliverInterval", .fallback = "15s",
                    .doc = "How often to look for messages to deliver again; 0: never. A bare number is milliseconds."),
    TRB_INT(struct bus, queue_depth, "queueDepth", .fallback = "100", .min = 1, .max = 100000,
            .doc = "At most so many messages are taken at once and wait for a handler."),
    TRB_INT(struct bus, concurrency, "concurrency", .fallback = "10", .min = 1, .max = 100000,
            .doc = "At most so many messages are at handlers, of all topics together."),
    TRB_INT(struct bus, max_len, "maxLenApprox", .fallback = "0",
            .doc = "Cut a topic to about so many messages when publishing; 0: never."),
    REDIS_DURATION_(struct bus, stream_ttl_ns, "streamTTL", .fallback = "0",
                    .doc = "Cut messages older than about this when publishing; 0: never; not with maxLenApprox."),
    TRB_BOOL(struct bus, ack_on_failure, "ackOnFailure", .fallback = "false",
             .doc = "Acknowledge also what the handler failed on, so that it is not delivered again."),
};

static void on_connected(void *self, struct trb_call *call)
{
    trb_done(call);
}

static void on_back(void *self)
{
    struct bus *b = self;
    list_each(node, &b->subscriptions)
        ack_again(list_item(node, struct subscription, link));
}

static void start(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_setup *setup = question;
    b->host = call->host;
    b->origin = call->origin;
    b->timers = b->host->extension(TRB_TIMER);
    list_init(&b->subscriptions);
    b->group = setup->app_id;
    struct trb_slice named = slice_trim(slice_of(b->consumer_id));
    if (named.len)
        b->group = (struct trb_name){named.at, named.len};
    if (!b->group.len) {
        trb_fail(call, TRB_INVALID, "BAD_OPTION", "consumerID is required where the application has no id");
        return;
    }
    if (b->max_len > 0 && b->stream_ttl_ns > 0)
        trb_log(b->host, b->origin, TRB_LOG_WARN, "maxLenApprox and streamTTL exclude each other; streamTTL has no effect");
    struct redis_setup redis = {.host = b->host, .origin = b->origin, .config = &b->config, .self = b,
                                .place = &b->redis, .then = on_connected, .back = on_back};
    redis_start(&redis, &b->config, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    b->redis = redis_stop(b->redis);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    redis_ping(((struct bus *)self)->redis, call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    subscription_cancel(self, call);
}

static void resume(void *self, struct trb_call *call)
{
    subscription_resume(self, call);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    subscription_settle(cookie, how->verdict);
}

static const struct trb_pubsub_ops ops = {
    .size = sizeof ops, .publish = bus_publish, .bulk_publish = bus_bulk_publish, .subscribe = bus_subscribe};

static const struct trb_component component = {
    .size = sizeof component, .block = "pubsub", .type = "pubsub.redis", .version = "v1",
    .summary = "Redis Streams, with consumer groups.",
    .run = TRB_ON_LOOP, TRB_SELF(struct bus, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle};

TRB_PLUGIN("pubsub.redis", "1.0.0", "Apache-2.0", &component);
