/* publish: one message or many. The answer comes when the stream has it, on a thread of libnats. */
#include "jetstream.h"
#include <base/arena.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdatomic.h>

#define MAX_PENDING 20000u
#define MAX_WAIT_NS (10000ull * (uint64_t)JS_MS)

struct batch {                                  /* one question with all its messages */
    struct trb_call *call;
    bool is_bulk;
    _Atomic uint32_t missing;
};

struct sending {
    struct job job;
    struct batch *batch;
    uint32_t index;
    natsMsg *msg;
    uint64_t until_ns;
};

/* --------------------------------------------------------------------------------------- answers */
static void sending_end(struct sending *s, const struct trb_error *err)
{
    struct batch *batch = s->batch;
    struct trb_call *call = batch->call;
    if (batch->is_bulk)
        call->host->item(call, s->index, NULL, 0, err);
    else if (err)
        call->host->fail(call, err);
    else
        trb_done(call);
    natsMsg_Destroy(s->msg);
    mem_free(s);
    if (atomic_fetch_sub(&batch->missing, 1) > 1)
        return;
    if (batch->is_bulk)
        trb_done(call);
    mem_free(batch);
}

static struct trb_slice key_of(natsMsg *const *msg)
{
    return slice_from((const char *)(const void *)msg, sizeof *msg);
}

static struct sending *pending_take(struct bus *b, natsMsg *msg)
{
    pthread_mutex_lock(&b->lock);
    struct sending *s = map_remove(&b->pending, key_of(&msg));
    b->pending_count -= s != NULL;
    pthread_mutex_unlock(&b->lock);
    return s;
}

void publish_acked(jsCtx *js, natsMsg *msg, jsPubAck *ack, jsPubAckErr *bad, void *arg)
{
    struct sending *s = pending_take(arg, msg);
    struct trb_error err = {0};
    if (bad && bad->Err == NATS_TIMEOUT)
        trb_error(&err, TRB_UNAVAILABLE, "TIMEOUT", "the stream has not confirmed the message in time; it may have arrived");
    else if (bad && bad->Err == NATS_NO_RESPONDERS)
        trb_error(&err, TRB_UNAVAILABLE, "NO_STREAM", "no stream takes subject '%.200s', or JetStream is not available",
                  natsMsg_GetSubject(msg));
    else if (bad)
        trb_error(&err, TRB_UNAVAILABLE, "JETSTREAM", "the message was not stored: %s",
                  bad->ErrText && *bad->ErrText ? bad->ErrText : natsStatus_GetText(bad->Err));
    if (!s) {
        natsMsg_Destroy(msg);
        return;
    }
    s->msg = msg;
    sending_end(s, bad ? &err : NULL);
}

/* An answer may come meanwhile: each is taken once. */
void publish_lose(struct bus *b)
{
    struct trb_error err = {0};
    uint32_t cursor = 0;
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "the connection was closed before the message was confirmed; it may have arrived");
    for (;;) {
        pthread_mutex_lock(&b->lock);
        struct map_entry *e = map_next(&b->pending, &cursor);
        struct sending *s = e ? e->value : NULL;
        if (s)
            map_remove(&b->pending, slice_name(e->key));
        b->pending_count -= s != NULL;
        pthread_mutex_unlock(&b->lock);
        if (!s)
            return;
        s->msg = NULL;                          /* libnats had it to the end */
        sending_end(s, &err);
    }
}

void publish_end(struct bus *b)
{
    struct trb_error err = {0};
    uint32_t cursor = 0;
    struct map_entry *e;
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "the component is closed");
    while ((e = map_next(&b->pending, &cursor))) {
        struct sending *s = e->value;
        s->msg = NULL;                          /* libnats had it to the end */
        sending_end(s, &err);
    }
    map_fini(&b->pending);
    b->pending = (struct map){0};
    b->pending_count = 0;
}

/* --------------------------------------------------------------------------------------- sending */
static void transmit(struct bus *b, struct job *job)
{
    struct sending *s = list_item(job, struct sending, job);
    struct trb_error err = {0};
    jsPubOptions o;
    natsMsg *msg = s->msg;
    uint64_t now = b->host->now_ns();
    jsPubOptions_Init(&o);
    o.MaxWait = s->until_ns > now + (uint64_t)JS_MS ? (int64_t)((s->until_ns - now) / (uint64_t)JS_MS) : 1;
    pthread_mutex_lock(&b->lock);
    s->msg = NULL;
    map_set(&b->pending, key_of(&msg), s);
    pthread_mutex_unlock(&b->lock);
    natsMsg *given = msg;
    natsStatus status = js_PublishMsgAsync(b->js, &given, &o);
    if (!status || !(s = pending_take(b, msg)))
        return;
    s->msg = given;
    bus_error(&err, status, 0, "the message was not sent");
    sending_end(s, &err);
}

/* A subject goes onto a line of the protocol: blanks and control characters would end it. */
static bool is_subject(struct trb_slice topic)
{
    struct trb_slice rest = topic;
    if (!topic.len || topic.len > 4000)
        return false;
    for (size_t i = 0; i < topic.len; i++)
        if ((uint8_t)topic.at[i] <= ' ' || topic.at[i] == 0x7f)
            return false;
    while (rest.at) {
        struct trb_slice token = slice_split(&rest, '.');
        if (!token.len || slice_is(token, SLICE("*")) || slice_is(token, SLICE(">")))
            return false;
    }
    return true;
}

static bool is_header_value(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)s.at[i] < ' ' || s.at[i] == 0x7f)
            return false;
    return s.len > 0 && s.len <= 1024;
}

/* The stream drops a second message of the same id: that of the CloudEvent. What is none has no id. */
static void add_id(natsMsg *msg, struct trb_data data, const struct trb_pairs *metadata)
{
    struct json_value event;
    struct json_fault fault;
    if (slice_is_truthy(slice_name(trb_pair_get(metadata, "rawPayload"))) || !json_parse(slice_from(data.at, data.len), &event, &fault) ||
        event.kind != JSON_OBJECT || json_find(event, SLICE("specversion")).kind != JSON_STRING)
        return;
    struct json_value id = json_find(event, SLICE("id"));
    if (id.kind != JSON_STRING)
        return;
    struct arena *arena = arena_create(SIZE_MAX);
    struct trb_slice text = json_text(arena, id);
    if (is_header_value(text))
        natsMsgHeader_Set(msg, "Nats-Msg-Id", arena_name(arena, text).at);
    arena_destroy(arena);
}

static uint64_t limit_of(const struct bus *b, const struct trb_call *call)
{
    uint64_t deadline = b->host->deadline_ns(call), until = b->host->now_ns() + MAX_WAIT_NS;
    return deadline && deadline < until ? deadline : until;
}

static void send(struct bus *b, struct batch *batch, uint32_t index, struct trb_name topic, struct trb_data data,
                 const struct trb_pairs *metadata)
{
    struct trb_error err = {0};
    struct sending *s = mem_zero(sizeof *s);
    s->job.run = transmit;
    s->batch = batch;
    s->index = index;
    s->until_ns = limit_of(b, batch->call);
    if (!is_subject(slice_name(topic)))
        trb_error(&err, TRB_PRECONDITION, "BAD_TOPIC", "'%.100s' is no subject to publish to: no blanks, no empty part, no '*' or '>'",
                  topic.at);
    else if (data.len > INT32_MAX)
        trb_error(&err, TRB_PRECONDITION, "TOO_LARGE", "the message is too large for NATS");
    else if (natsMsg_Create(&s->msg, topic.at, NULL, data.len ? data.at : "", (int)data.len))
        trb_error(&err, TRB_EXHAUSTED, "NO_MEMORY", "there is no memory for the message");
    if (err.code) {
        sending_end(s, &err);
        return;
    }
    add_id(s->msg, data, metadata);
    pthread_mutex_lock(&b->lock);
    bool is_full = b->pending_count >= MAX_PENDING;
    if (!is_full) {
        b->pending_count++;
        line_push(&b->sender, &s->job);
    }
    pthread_mutex_unlock(&b->lock);
    if (!is_full)
        return;
    trb_error(&err, TRB_EXHAUSTED, "QUEUE_FULL", "%u messages wait to be confirmed already", MAX_PENDING);
    sending_end(s, &err);
}

static struct batch *batch_create(struct trb_call *call, bool is_bulk, uint32_t count)
{
    struct batch *batch = mem_zero(sizeof *batch);
    batch->call = call;
    batch->is_bulk = is_bulk;
    atomic_init(&batch->missing, count);
    return batch;
}

void bus_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_publish *q = question;
    send(self, batch_create(call, false, 1), 0, q->topic, q->data, &q->metadata);
}

void bus_bulk_publish(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_bulk_publish *q = question;
    uint32_t count = q->entries.count;
    if (!count) {
        trb_done(call);
        return;
    }
    struct batch *batch = batch_create(call, true, count);
    for (uint32_t n = 0; n < count; n++) {      /* the question is readable until the last one is answered */
        const struct trb_pubsub_entry *e = trb_list_at(&q->entries, n);
        send(self, batch, n, q->topic, e->data, &e->metadata);
    }
}
