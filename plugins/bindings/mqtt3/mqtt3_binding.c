/* bindings.mqtt3: messages to topics of an MQTT 3.1.1 broker, and those of one topic to the application. components.md 2.8
 *
 * Two sessions: CONSUMERID-producer publishes, CONSUMERID-consumer listens. A message that its handler fails on waits here and is
 * delivered again as often as the options say; then it stays unacknowledged, and the broker's. */
#include <base/list.h>
#include <base/mem.h>
#include <base/slice.h>
#include <mqtt/mqtt.h>
#include <trilby/bindings.h>

#define INVOKE_NS (10000 * MQTT_MS)
#define RETRY_NS (5000 * MQTT_MS)

struct binding {
    struct mqtt_config config;
    const char *topic;
    int64_t max_retries, redeliver_ns, unused_qos;
    uint32_t retain;

    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct mqtt *producer, *consumer;
    char *producer_id, *consumer_id;
    bool is_successor;
    struct list failed;                         /* messages that wait for their next delivery */
    struct trb_call *reading;
};

static const struct trb_option options[] = {
    MQTT_OPTIONS(struct binding, config),
    TRB_STRING(struct binding, config.consumer_id, "consumerID", .required = 1, .example = "orders",
               .doc = "Names the sessions at the broker: with -producer and -consumer behind it."),
    TRB_STRING(struct binding, topic, "topic", .required = 1, .example = "orders",
               .doc = "Where create publishes unless its metadata 'topic' says otherwise, and what is listened to; then it may hold "
                      "wildcards."),
    TRB_BOOL(struct binding, retain, "retain", .fallback = "false",
             .doc = "Ask the broker to keep the last message of a topic for those who subscribe later."),
    TRB_INT(struct binding, max_retries, "backOffMaxRetries", .fallback = "0", .min = -1,
            .doc = "How often a message is delivered again, every 5 s, that the application failed on; -1: without end."),
    TRB_DURATION(struct binding, redeliver_ns, "redeliverInterval", .fallback = "60s",
                 .doc = "What a handler failed on is handed to it again within this time; until then the broker counts it as "
                        "unacknowledged, and sends it again to the next connection. 0: only then."),
    TRB_INT(struct binding, unused_qos, "qos", .doc = "Accepted; messages are sent and asked for at least once (1)."),
};

/* ------------------------------------------------------------------------------------- output */
static void on_published(struct trb_call *call, void *unused, uint32_t index, const struct trb_error *err)
{
    struct trb_binding_answer nothing = {.size = sizeof nothing};
    if (err)
        call->host->fail(call, err);
    else
        call->host->done(call, &nothing, sizeof nothing);
}

/* start NULL: when it is needed, which is not before another has handed over. */
static void open_session(struct binding *b, struct mqtt **place, const char *id, struct trb_call *start)
{
    struct mqtt_setup setup = {.host = b->host, .origin = b->origin, .config = &b->config, .client_id = slice_of(id),
                               .is_successor = start && b->is_successor,
                               .redeliver_ns = b->redeliver_ns > 0 ? (uint64_t)b->redeliver_ns : 0};
    if (!*place)
        mqtt_start(&setup, place, start);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct binding *b = self;
    struct trb_name topic = trb_pair_get(&q->metadata, "topic");
    struct mqtt_publication p = {.topic = topic.len ? slice_name(topic) : slice_of(b->topic), .data = q->data, .qos = 1,
                                 .is_retained = b->retain, .limit_ns = INVOKE_NS, .call = call, .answered = on_published};
    if (!slice_is(slice_name(q->operation), SLICE("create"))) {
        trb_fail(call, TRB_INVALID, "UNKNOWN_OPERATION", "bindings.mqtt3 knows the operation create only");
        return;
    }
    open_session(b, &b->producer, b->producer_id, NULL);
    mqtt_publish(b->producer, &p);
}

/* --------------------------------------------------------------------------------------- input */
static uint32_t emit(struct trb_call *call, struct mqtt_message *x)
{
    struct trb_pair topic = {NAME("topic"), x->topic};
    struct trb_binding_event event = {.size = sizeof event, .data = mqtt_data(x), .metadata = {&topic, 1, sizeof topic}};
    return call->host->emit(call, &event, sizeof event, x);
}

static void read_topic(void *self, struct trb_call *call, const void *unused)
{
    struct binding *b = self;
    struct mqtt_listening what = {.call = call, .filter = slice_of(b->topic), .qos = 1, .emit = emit};
    b->reading = call;
    open_session(b, &b->consumer, b->consumer_id, NULL);
    mqtt_listen(b->consumer, &what);
}

struct waiting {                                /* for a message's next delivery */
    struct list link;
    struct binding *binding;
    struct mqtt_message *message;
    struct trb_timer *timer;
};

static struct mqtt_message *waiting_end(struct waiting *w)
{
    struct mqtt_message *x = w->message;
    w->binding->timers->cancel(w->timer);
    list_remove(&w->link);
    mem_free(w);
    return x;
}

static void on_due(void *arg)
{
    struct waiting *w = arg;
    struct trb_call *call = w->binding->reading;
    emit(call, waiting_end(w));
}

static bool may_come_again(const struct binding *b, const struct mqtt_message *x)
{
    return b->reading && (b->max_retries < 0 || x->tries < b->max_retries);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct mqtt_message *x = cookie;
    struct binding *b = self;
    if (how->verdict != TRB_RETRY || !may_come_again(b, x)) {
        mqtt_settle(x, how->verdict);
        return;
    }
    struct waiting *w = mem_zero(sizeof *w);
    x->tries++;
    w->binding = b;
    w->message = x;
    w->timer = b->timers->start(b->origin, RETRY_NS, on_due, w);
    list_append(&b->failed, &w->link);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct binding *b = self;
    if (b->producer)
        mqtt_give_up(b->producer, call, why);
    if (call != b->reading)
        return;
    b->reading = NULL;
    list_each(node, &b->failed)
        mqtt_settle(waiting_end(list_item(node, struct waiting, link)), TRB_HELD);
    mqtt_unlisten(b->consumer, call);
}

static void resume(void *self, struct trb_call *call)
{
    mqtt_resume(((struct binding *)self)->consumer, call);
}

/* -------------------------------------------------------------------------------- start and stop */
static char *session_id(const char *name, const char *role)
{
    struct trb_slice id = slice_trim(slice_of(name));
    size_t role_len = strlen(role);
    char *text = mem_alloc(id.len + role_len + 1);
    if (id.len)
        memcpy(text, id.at, id.len);
    memcpy(text + id.len, role, role_len + 1);
    return text;
}

static bool only_reads(const struct trb_setup *setup)
{
    struct trb_slice said = slice_name(trb_pair_get(&setup->properties, "direction"));
    return said.len && !slice_contains(said, SLICE("output"));
}

static trb_code validate(struct binding *b, struct trb_error *err)
{
    struct trb_slice id = slice_trim(slice_of(b->config.consumer_id));
    if (!id.len || id.len > 65000 || !slice_is_utf8(id))
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "consumerID is no text that MQTT can carry");
    if (!mqtt_filter_is_valid(slice_of(b->topic)))
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "topic: '%.200s' is none: '+' stands for a whole level, '#' for the rest",
                         b->topic);
    return mqtt_config_check(&b->config, err);
}

static void start(void *self, struct trb_call *call, const void *question)
{
    const struct trb_setup *given = question;
    struct binding *b = self;
    struct trb_error err = {0};
    b->is_successor = TRB_HAS(given, is_successor);
    b->host = call->host;
    b->origin = call->origin;
    b->timers = b->host->extension(TRB_TIMER);
    list_init(&b->failed);
    if (validate(b, &err)) {
        call->host->fail(call, &err);
        return;
    }
    b->producer_id = session_id(b->config.consumer_id, "-producer");
    b->consumer_id = session_id(b->config.consumer_id, "-consumer");
    if (!b->config.tls && (b->config.ca_cert || b->config.client_cert))
        trb_log(b->host, b->origin, TRB_LOG_WARN, "caCert, clientCert and clientKey have no effect: the scheme of url is without TLS");
    if (only_reads(question))
        open_session(b, &b->consumer, b->consumer_id, call);
    else
        open_session(b, &b->producer, b->producer_id, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct binding *b = self;
    b->producer = mqtt_stop(b->producer);
    b->consumer = mqtt_stop(b->consumer);
    b->producer_id = mem_free(b->producer_id);
    b->consumer_id = mem_free(b->consumer_id);
    mqtt_config_fini(&b->config);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    struct binding *b = self;
    mqtt_ping(b->producer ? b->producer : b->consumer, call);
}

/* What is handed over are the sessions at the broker: nothing of them passes through here. */
struct leaving {
    struct trb_call *call;
    uint32_t owed;
};

static void on_aside(void *arg)
{
    struct leaving *l = arg;
    struct trb_call *call = l->call;
    struct trb_data sessions = {"", 0, NULL};
    if (--l->owed)
        return;
    mem_free(l);
    call->host->done(call, &sessions, sizeof sessions);
}

static void hand_over(void *self, struct trb_call *call, const void *question)
{
    struct leaving *l = mem_zero(sizeof *l);
    struct binding *b = self;
    *l = (struct leaving){.call = call, .owed = 1};
    for (uint32_t i = 0; i < 2; i++) {
        struct mqtt *session = i ? b->consumer : b->producer;
        l->owed += session ? 1 : 0;
        if (session)
            mqtt_step_aside(session, on_aside, l);
    }
    on_aside(l);
}

/* It steps in when it is used: until then the earlier one may have to go on. */
static void adopt(void *self, struct trb_slice unused)
{
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .operations = "create", .invoke = invoke, .read = read_topic};

static const char *const aliases[] = {"bindings.mqtt", NULL};

static const struct trb_component component = {
    .size = sizeof component, .block = "bindings", .type = "bindings.mqtt3", .version = "v1", .aliases = aliases,
    .summary = "Messages to and from topics of an MQTT 3.1.1 broker.", .caps = TRB_BINDINGS_INPUT | TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct binding, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle, .hand_over = hand_over, .adopt = adopt};

TRB_PLUGIN("bindings.mqtt3", "1.0.0", "Apache-2.0", &component);
