/* bindings.kafka: records to one topic of an Apache Kafka cluster, and those of several to the application.
 * components.md 2.6 */
#include <base/mem.h>
#include <base/slice.h>
#include <kafka/kafka.h>
#include <trilby/bindings.h>

struct binding {
    struct kafka kafka;                     /* first: its verbs are ours */
    const char *topics_text, *publish_topic;

    char *group;                            /* the app's id */
    char *texts;                            /* of topics_text, cut */
    struct trb_name *topics;
    uint32_t topic_count;
    struct trb_call *idle;                  /* reads no topic; under the lock */
};

static const struct trb_option options[] = {
    KAFKA_OPTIONS(struct binding, kafka.options, "false"),
    TRB_STRING(struct binding, topics_text, "topics", .empty_is_absent = 1, .example = "orders,returns",
               .doc = "Topics to listen to, separated by commas; without any the binding reads nothing."),
    TRB_STRING(struct binding, publish_topic, "publishTopic", .empty_is_absent = 1, .example = "orders",
               .doc = "The topic that create publishes to."),
};

/* ------------------------------------------------------------------------------------- output */
static void sent(struct trb_call *call)
{
    struct trb_binding_answer nothing = {.size = sizeof nothing};
    call->host->done(call, &nothing, sizeof nothing);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct binding *b = self;
    if (!slice_is(slice_name(q->operation), SLICE("create"))) {
        trb_fail(call, TRB_INVALID, "UNKNOWN_OPERATION", "bindings.kafka knows the operation create only");
    } else if (!b->publish_topic) {
        trb_fail(call, TRB_PRECONDITION, "NO_TOPIC", "the component has no publishTopic: there is nowhere to publish to");
    } else {
        struct kafka_record record = {.topic = name_of(b->publish_topic), .data = q->data, .own = &q->metadata,
                                      .is_exact = true};
        kafka_send(&b->kafka, call, &record);
    }
}

/* --------------------------------------------------------------------------------------- input */
static uint32_t emit(struct trb_call *call, struct trb_name topic, struct trb_data data, struct trb_pairs metadata,
                     void *cookie)
{
    struct trb_binding_event event = {.size = sizeof event, .data = data, .metadata = metadata};
    return call->host->emit(call, &event, sizeof event, cookie);
}

static void read_topics(void *self, struct trb_call *call, const void *unused)
{
    struct binding *b = self;
    if (b->topic_count) {
        kafka_listen(&b->kafka, call, b->topics, b->topic_count, 1);
        return;
    }
    trb_log(b->kafka.host, b->kafka.origin, TRB_LOG_WARN, "there are no topics: nothing is read");
    pthread_mutex_lock(&b->kafka.lock);
    b->idle = call;
    pthread_mutex_unlock(&b->kafka.lock);
    call->host->opened(call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct binding *b = self;
    pthread_mutex_lock(&b->kafka.lock);
    bool was_idle = b->idle == call;
    if (was_idle)
        b->idle = NULL;
    pthread_mutex_unlock(&b->kafka.lock);
    if (was_idle)
        trb_done(call);
    else
        kafka_cancel(self, call, why);
}

/* -------------------------------------------------------------------------------- start and stop */
static void closed(struct kafka *k)
{
    struct binding *b = (struct binding *)k;
    b->kafka.options.other_group = NULL;
    b->group = mem_free(b->group);
    b->texts = mem_free(b->texts);
    b->topics = mem_free(b->topics);
    b->topic_count = 0;
}

static const struct kafka_kind kind = {.sent = sent, .emit = emit, .closed = closed};

static bool is_listed(const struct binding *b, struct trb_slice topic)
{
    for (uint32_t n = 0; n < b->topic_count; n++)
        if (slice_is(slice_name(b->topics[n]), topic))
            return true;
    return false;
}

static void list_topics(struct binding *b)
{
    struct trb_slice all = slice_of(b->topics_text ? b->topics_text : "");
    b->texts = mem_text(all.at, all.len);
    b->topics = mem_zero((all.len / 2 + 1) * sizeof *b->topics);
    for (all.at = b->texts; all.len;) {
        struct trb_slice one = slice_trim(slice_split(&all, ','));
        if (!one.len || is_listed(b, one))
            continue;
        b->topics[b->topic_count++] = (struct trb_name){one.at, one.len};
        b->texts[one.at - b->texts + (ptrdiff_t)one.len] = 0;
    }
}

static void start(void *self, struct trb_call *call, const void *question)
{
    const struct trb_setup *setup = question;
    struct binding *b = self;
    b->kafka.kind = &kind;
    b->group = mem_text(setup->app_id.at, setup->app_id.len);
    b->kafka.options.other_group = b->group;
    list_topics(b);
    kafka_start(&b->kafka, call);
}

static const struct trb_bindings_ops ops = {
    .size = sizeof ops, .operations = "create", .invoke = invoke, .read = read_topics,
};
static const struct trb_component component = {
    .size = sizeof component, .block = "bindings", .type = "bindings.kafka", .version = "v1",
    .summary = "Records to and from topics of an Apache Kafka cluster.", .caps = TRB_BINDINGS_INPUT | TRB_BINDINGS_OUTPUT,
    .run = TRB_ANYWHERE, TRB_SELF(struct binding, options), .ops = &ops, .start = start, .stop = kafka_stop,
    .ping = kafka_ping, .cancel = cancel, .resume = kafka_resume, .settle = kafka_settle,
};
/* librdkafka's threads may end a moment after it was destroyed: never unmapped. */
TRB_PLUGIN_FLAGS(0, "bindings.kafka", "1.0.0", "Apache-2.0", &component);
