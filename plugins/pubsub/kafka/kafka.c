/* pubsub.kafka: topics of an Apache Kafka cluster over librdkafka. components.md 2.6 */
#include <kafka/kafka.h>
#include <trilby/pubsub.h>

static const struct trb_option options[] = {
    KAFKA_OPTIONS(struct kafka, options, "true"),
};

static void sent(struct trb_call *call)
{
    trb_done(call);
}

static uint32_t emit(struct trb_call *call, struct trb_name topic, struct trb_data data, struct trb_pairs metadata,
                     void *cookie)
{
    struct trb_pubsub_event event = {.size = sizeof event, .topic = topic, .data = data, .metadata = metadata};
    return call->host->emit(call, &event, sizeof event, cookie);
}

static const struct kafka_kind kind = {.sent = sent, .emit = emit};

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct kafka *k = self;
    k->kind = &kind;
    kafka_start(k, call);
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    struct kafka_record record = {.topic = q->topic, .data = q->data, .own = &q->metadata};
    kafka_send(self, call, &record);
}

static void bulk_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_bulk_publish *q = question;
    struct sending *s = kafka_send_begin(call, q->entries.count);
    for (uint32_t n = 0; n < q->entries.count; n++) {
        const struct trb_pubsub_entry *e = trb_list_at(&q->entries, n);
        struct kafka_record record = {.topic = q->topic, .data = e->data, .own = &e->metadata, .over = &q->metadata};
        kafka_send_one(self, s, n, &record);
    }
    kafka_send_end(s);
}

static void subscribe(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_subscribe *q = question;
    kafka_listen(self, call, &q->topic, 1, TRB_KNOWS(q, batch) ? q->batch : 1);
}

static const struct trb_pubsub_ops ops = {
    .size = sizeof ops, .publish = publish, .bulk_publish = bulk_publish, .subscribe = subscribe,
};
static const struct trb_component component = {
    .size = sizeof component, .block = "pubsub", .type = "pubsub.kafka", .version = "v1",
    .summary = "Topics of an Apache Kafka cluster.", .caps = TRB_PUBSUB_BULK_PUBLISH,
    .run = TRB_ANYWHERE, TRB_SELF(struct kafka, options), .ops = &ops, .start = start, .stop = kafka_stop,
    .ping = kafka_ping, .cancel = kafka_cancel, .resume = kafka_resume, .settle = kafka_settle,
};
/* librdkafka's threads may end a moment after it was destroyed: never unmapped. */
TRB_PLUGIN_FLAGS(0, "kafka", "0.1.0", "Apache-2.0", &component);
