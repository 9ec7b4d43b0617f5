/* pubsub.mqtt3: topics of an MQTT 3.1.1 broker. components.md 2.8
 *
 * The client id is the session at the broker, so there is one connection, on one loop, for publishing and listening. */
#include <base/mem.h>
#include <base/slice.h>
#include <mqtt/mqtt.h>
#include <trilby/pubsub.h>

struct bus {
    struct mqtt_config config;
    int64_t qos, redeliver_ns;
    uint32_t retain;

    const struct trb_host *host;
    struct mqtt *mqtt;
};

static const struct trb_option options[] = {
    MQTT_OPTIONS(struct bus, config),
    TRB_STRING(struct bus, config.consumer_id, "consumerID", .empty_is_absent = 1,
               .doc = "Client id, which names the session at the broker; the application's id unless said. Two clients of one id put "
                      "each other out."),
    TRB_INT(struct bus, qos, "qos", .fallback = "1", .max = 2,
            .doc = "Quality of service of publications and subscriptions: 0 at most once, 1 at least once, 2 exactly once between "
                   "client and broker."),
    TRB_BOOL(struct bus, retain, "retain", .fallback = "false",
             .doc = "Ask the broker to keep the last message of a topic for those who subscribe later; a publication may say it itself."),
    TRB_DURATION(struct bus, redeliver_ns, "redeliverInterval", .fallback = "60s",
                 .doc = "What a handler failed on is handed to it again within this time; until then the broker counts it as "
                        "unacknowledged, and sends it again to the next connection. 0: only then."),
};

/* ------------------------------------------------------------------------------------ publishing */
/* As Go spells truth: 1 t T TRUE true True and 0 f F FALSE false False. */
static bool read_bool(struct trb_slice s, uint32_t *ret_value)
{
    static const char *const words[] = {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"};
    for (uint32_t i = 0; i < 12; i++) {
        if (!slice_is(s, slice_of(words[i])))
            continue;
        *ret_value = i < 6;
        return true;
    }
    return false;
}

static void publish_one(struct bus *b, struct mqtt_publication *p, const struct trb_pairs *metadata)
{
    struct trb_error err = {0};
    struct trb_name retain = trb_pair_get(metadata, "retain");
    p->qos = (uint32_t)b->qos;
    p->is_retained = b->retain;
    if (retain.at && !read_bool(slice_name(retain), &p->is_retained)) {
        trb_error(&err, TRB_PRECONDITION, "BAD_METADATA", "metadata 'retain': '%.100s' is neither true nor false", retain.at);
        p->answered(p->call, p->arg, p->index, &err);
        return;
    }
    mqtt_publish(b->mqtt, p);
}

static void on_published(struct trb_call *call, void *unused, uint32_t index, const struct trb_error *err)
{
    if (err)
        call->host->fail(call, err);
    else
        trb_done(call);
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    struct mqtt_publication p = {.topic = slice_name(q->topic), .data = q->data, .call = call, .answered = on_published};
    publish_one(self, &p, &q->metadata);
}

struct bulk {
    uint32_t owed;
};

static void on_one_published(struct trb_call *call, void *arg, uint32_t index, const struct trb_error *err)
{
    struct bulk *k = arg;
    call->host->item(call, index, NULL, 0, err);
    if (--k->owed)
        return;
    trb_done(call);
    mem_free(k);
}

static void bulk_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_bulk_publish *q = question;
    uint32_t count = q->entries.count;
    if (!count) {
        trb_done(call);
        return;
    }
    struct bulk *k = mem_zero(sizeof *k);
    k->owed = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct trb_pubsub_entry *e = trb_list_at(&q->entries, i);
        struct mqtt_publication p = {.topic = slice_name(q->topic), .data = e->data, .call = call,
                                     .answered = on_one_published, .arg = k, .index = i};
        publish_one(self, &p, &e->metadata);
    }
}

/* ------------------------------------------------------------------------------------- listening */
static uint32_t emit(struct trb_call *call, struct mqtt_message *x)
{
    struct trb_pair retained = {NAME("retained"), x->is_retained ? NAME("true") : NAME("false")};
    struct trb_pubsub_event event = {.size = sizeof event, .topic = x->topic, .data = mqtt_data(x),
                                     .metadata = {&retained, 1, sizeof retained}};
    return call->host->emit(call, &event, sizeof event, x);
}

static void subscribe(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_subscribe *q = question;
    struct bus *b = self;
    struct mqtt_listening what = {
        .call = call, .filter = slice_name(q->topic), .qos = (uint32_t)b->qos, .emit = emit,
        .unsubscribes = slice_is_truthy(slice_name(trb_pair_get(&q->metadata, "unsubscribeOnClose")))};
    mqtt_listen(b->mqtt, &what);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct bus *b = self;
    if (!b->mqtt)
        return;
    mqtt_unlisten(b->mqtt, call);
    mqtt_give_up(b->mqtt, call, why);
}

static void resume(void *self, struct trb_call *call)
{
    mqtt_resume(((struct bus *)self)->mqtt, call);
}

static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    mqtt_settle(cookie, how->verdict);
}

/* -------------------------------------------------------------------------------- start and stop */
static void warn(struct bus *b, const struct trb_origin *origin)
{
    if (!b->config.tls && (b->config.ca_cert || b->config.client_cert))
        trb_log(b->host, origin, TRB_LOG_WARN, "caCert, clientCert and clientKey have no effect: the scheme of url is without TLS");
    if (!b->config.tls && b->config.password)
        trb_log(b->host, origin, TRB_LOG_WARN, "the password of url goes to the broker unencrypted: use mqtts:// where others may listen");
}

static void start(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_setup *setup = question;
    struct trb_error err = {0};
    struct trb_slice id = slice_trim(slice_of(b->config.consumer_id));
    b->host = call->host;
    if (!id.len)
        id = slice_name(setup->app_id);
    if (mqtt_config_check(&b->config, &err)) {
        call->host->fail(call, &err);
        return;
    }
    if (!id.len || id.len > 65535 || !slice_is_utf8(id) || memchr(id.at, 0, id.len)) {
        trb_fail(call, TRB_INVALID, "BAD_OPTION", id.len ? "consumerID is no text that MQTT can carry" :
                 "consumerID is required where the application has no id");
        return;
    }
    warn(b, call->origin);
    struct mqtt_setup mqtt = {.host = b->host, .origin = call->origin, .config = &b->config, .client_id = id,
                              .is_successor = TRB_HAS(setup, is_successor),
                              .redeliver_ns = b->redeliver_ns > 0 ? (uint64_t)b->redeliver_ns : 0};
    mqtt_start(&mqtt, &b->mqtt, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    b->mqtt = mqtt_stop(b->mqtt);
    mqtt_config_fini(&b->config);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    mqtt_ping(((struct bus *)self)->mqtt, call);
}

/* What is handed over is the session at the broker: nothing of it passes through here. */
static void on_aside(void *arg)
{
    struct trb_call *call = arg;
    struct trb_data session = {"", 0, NULL};
    call->host->done(call, &session, sizeof session);
}

static void hand_over(void *self, struct trb_call *call, const void *question)
{
    mqtt_step_aside(((struct bus *)self)->mqtt, on_aside, call);
}

/* It steps in when it is used: until then the earlier one may have to go on. */
static void adopt(void *self, struct trb_slice unused)
{
}

static const struct trb_pubsub_ops ops = {
    .size = sizeof ops, .publish = publish, .bulk_publish = bulk_publish, .subscribe = subscribe};

static const char *const aliases[] = {"pubsub.mqtt", NULL};

static const struct trb_component component = {
    .size = sizeof component, .block = "pubsub", .type = "pubsub.mqtt3", .version = "v1", .aliases = aliases,
    .summary = "Topics of an MQTT 3.1.1 broker.", .caps = TRB_PUBSUB_WILDCARDS,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bus, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle, .hand_over = hand_over, .adopt = adopt};

TRB_PLUGIN("pubsub.mqtt3", "1.0.0", "Apache-2.0", &component);
