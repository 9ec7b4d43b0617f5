/* pubsub: a broker of another process. One stream is one subscription; its messages are handled one by one. */
#include "bridge.h"
#include "kinds.h"
#include "stream.h"
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <trilby/pubsub.h>

#define SERVICE SERVICES "PubSub/"
#define PAUSE_NS 1000000000ll

/* ------------------------------------------------------------------------------------- greeting */
static void hear_features(struct bridge *b, const struct components_features_response *m)
{
    static const char *const names[] = {"MESSAGE_TTL", "SUBSCRIBE_WILDCARDS", "BULK_PUBSUB"};
    b->host->narrow(b->origin, features_caps(m, names, 3));
}

static const struct greeting greetings[] = {{SERVICE "Init", NULL}, {SERVICE "Features", hear_features}};
static const struct kind kind = {"pubsub", greetings, 2};

static void start(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &kind, call, setup);
}

/* ----------------------------------------------------------------------------------- publishing */
static struct trb_name own_name(const struct bridge *b)
{
    return name_of(b->name);
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    struct components_publish_request m = {.data = {q->data.at, q->data.len}, .pubsub_name = own_name(self),
                                           .topic = q->topic, .metadata = q->metadata};
    bridge_ask(self, call, SERVICE "Publish", &components_publish_request_pb, &m, q, bridge_answer_nothing);
}

/* The component names what failed; the rest is there. */
static void tell_failed(struct grpc_wish *w, const struct components_bulk_publish_response *m)
{
    const struct trb_pubsub_bulk_publish *q = w->question;
    struct bridge *b = w->self;
    struct map failed = {0};
    for (uint32_t i = 0; i < m->failed_entries.count; i++)
        map_set(&failed, slice_name(m->failed_entries.at[i].entry_id), &m->failed_entries.at[i]);
    for (uint32_t i = 0; i < q->entries.count; i++) {
        const struct trb_pubsub_entry *entry = trb_list_at(&q->entries, i);
        const struct components_bulk_publish_response_failed_entry *why = map_get(&failed, slice_name(entry->id));
        struct trb_error err = {0};
        if (why)
            trb_error(&err, TRB_UNKNOWN, "NOT_PUBLISHED", "%s", why->error.at);
        b->host->item(w->call, i, NULL, 0, why ? &err : NULL);
    }
    map_fini(&failed);
}

static void on_published(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_bulk_publish_response m;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_bulk_publish_response_pb, &m);
    if (!arena)
        return;
    tell_failed(w, &m);
    trb_done(w->call);
    arena_destroy(arena);
}

static void bulk_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_bulk_publish *q = question;
    struct components_bulk_message_entry *entries = mem_zero((q->entries.count + 1) * sizeof *entries);
    for (uint32_t i = 0; i < q->entries.count; i++) {
        const struct trb_pubsub_entry *e = trb_list_at(&q->entries, i);
        entries[i] = (struct components_bulk_message_entry){.entry_id = e->id, .event = {e->data.at, e->data.len},
                                                            .content_type = e->content_type, .metadata = e->metadata};
    }
    struct components_bulk_publish_request m = {.entries = {entries, q->entries.count}, .pubsub_name = own_name(self),
                                                .topic = q->topic, .metadata = q->metadata};
    bridge_ask(self, call, SERVICE "BulkPublish", &components_bulk_publish_request_pb, &m, q, on_published);
    mem_free(entries);
}

/* ---------------------------------------------------------------------------------- subscribing */
static const char *emit(struct flow *f, struct event *e, struct trb_slice message, uint32_t *ret_credit)
{
    struct components_pull_messages_response m;
    struct arena *arena;
    const char *fault = message_read(message, &components_pull_messages_response_pb, &m, &arena);
    if (!fault) {
        struct trb_pubsub_event event = {.size = sizeof event, .topic = m.topic_name, .data = {m.data.at, m.data.len, NULL},
                                         .metadata = m.metadata};
        if (m.content_type.len)
            event.content_type = m.content_type;
        e->id = (struct trb_name){mem_text(m.id.at, m.id.len), m.id.len};
        *ret_credit = f->bridge->host->emit(f->call, &event, sizeof event, e);
    }
    arena_destroy(arena);
    return fault;
}

static void settled(struct flow *f, struct trb_name id, const struct trb_settlement *s)
{
    struct components_ack_message_error why = {.message = settlement_text(s)};
    struct components_pull_messages_request m = {.ack_message_id = id, .ack_error = s->verdict == TRB_RETRY ? &why : NULL};
    if (s->verdict != TRB_HELD)
        stream_send(f, &components_pull_messages_request_pb, &m);
}

static void tell(struct bridge *, bool is_paused);

/* A component need not know the word. */
static void on_told(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct bridge *b = w->self;
    b->is_telling = false;
    if (b->grpc && b->is_told_paused != b->is_paused)
        tell(b, b->is_paused);
}

/* One word after the other's answer: the component's threads may take two at once in either order. */
static void tell(struct bridge *b, bool is_paused)
{
    struct grpc_wish w = {.answered = on_told, .self = b};
    struct text message = {0};
    b->is_paused = is_paused;
    if (b->is_telling)
        return;
    b->is_telling = true;
    b->is_told_paused = is_paused;
    grpc_message_begin(&message);
    grpc_ask(b->grpc, &w, is_paused ? SERVICE "Pause" : SERVICE "Resume", &message, PAUSE_NS);
}

/* With the last subscription: until then the others want their messages. */
static void closing(struct flow *f, uint32_t why)
{
    list_each(node, &f->bridge->streams)
        if (!list_item(node, struct flow, link)->is_closing)
            return;
    if (why == TRB_WHY_DRAINING)
        tell(f->bridge, true);
}

static const struct flow_kind subscription = {.path = SERVICE "PullMessages", .is_one_by_one = true, .emit = emit,
                                              .settled = settled, .closing = closing};

static void subscribe(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_subscribe *q = question;
    struct components_topic topic = {.name = q->topic, .metadata = q->metadata};
    struct components_pull_messages_request m = {.topic = &topic, .ack_message_id = NAME("")};
    struct bridge *b = self;
    struct text first = {0};
    if (b->is_paused)
        tell(b, false);
    grpc_message_begin(&first);
    pb_write(&components_pull_messages_request_pb, &m, &first);
    stream_open(b, call, &subscription, &first);
}

/* ------------------------------------------------------------------------------------- manifest */
static const struct trb_pubsub_ops ops = {.size = sizeof ops, .publish = publish, .bulk_publish = bulk_publish,
                                          .subscribe = subscribe};

const struct trb_component pluggable_pubsub = {
    .size = sizeof pluggable_pubsub, .block = "pubsub", .type = "pubsub.pluggable", .version = "v1",
    .summary = "A broker in a process of its own, over the socket that is named as the type.",
    .caps = TRB_PUBSUB_MESSAGE_TTL | TRB_PUBSUB_WILDCARDS | TRB_PUBSUB_BULK_PUBLISH, .run = TRB_ON_ONE_LOOP,
    TRB_SELF(struct bridge, bridge_options), .ops = &ops, .start = start, .stop = bridge_stop, .cancel = bridge_cancel,
    .resume = stream_resume, .settle = stream_settle};
