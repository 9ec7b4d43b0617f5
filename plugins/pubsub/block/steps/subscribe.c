/* SubscribeTopicEventsAlpha1: the client's side of a session. grpc-api.md 3.3
 *
 *     subscribe ──► first ┄┄ the subscription runs ┄┄► opened ──► run ◄┄┄ a message, an event, the end
 *                                                                  └─────────┘
 */
#include "../session.h"
#include "refusals.h"
#include <base/arena.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>

struct subscriber {
    struct session *session;
    struct arena *scratch;   /* of one message: a stream outlives many */
    bool is_running;         /* the handshake is done */
};

typedef struct runtime_subscribe_topic_events_request_alpha1 message;
static trb_step first, opened, run;

static struct trb_next end_unknown(struct trb_request *rq, const char *text)
{
    return rpc_refuse(rq, TRB_UNKNOWN, "pubsub", "%s", text);
}

/* ------------------------------------------------------------------------------------ messages */
static void *from_arena(void *arena, size_t size)
{
    return arena_zero(arena, size);
}

/* false: *ret ends the stream. */
static bool read_message(struct trb_request *rq, struct trb_data data, message *ret_message, struct trb_next *ret)
{
    struct subscriber *s = rq->state;
    arena_clear(s->scratch);
    *ret_message = (message){0};
    const char *fault = pb_read(&runtime_subscribe_topic_events_request_alpha1_pb, slice_from(data.at, data.len),
                                (struct pb_memory){from_arena, s->scratch}, ret_message);
    if (fault)
        *ret = rpc_refuse(rq, TRB_INTERNAL, "common", "grpc: error unmarshalling request: %s", fault);
    return !fault;
}

/* ----------------------------------------------------------------------------------- handshake */
/* As an app's entry that has one route. */
static void write_wish(struct text *t, const struct runtime_subscribe_topic_events_request_initial_alpha1 *from)
{
    text_adds(t, "{\"route\":\"/\",\"pubsubname\":");
    text_add_json(t, slice_name(from->pubsub_name), false);
    text_adds(t, ",\"topic\":");
    text_add_json(t, slice_name(from->topic), false);
    text_adds(t, ",\"deadLetterTopic\":");
    text_add_json(t, from->dead_letter_topic.at ? slice_name(from->dead_letter_topic) : SLICE(""), false);
    metadata_write(t, &from->metadata);
    text_addc(t, '}');
}

static struct trb_next shake_hands(struct trb_request *rq, const message *m)
{
    struct text wish = {0};
    if (!m->initial_request)
        return end_unknown(rq, "initial request is required");
    if (!m->initial_request->pubsub_name.len)
        return end_unknown(rq, "pubsubName is required");
    if (!m->initial_request->topic.len)
        return end_unknown(rq, "topic is required");
    write_wish(&wish, m->initial_request);
    struct subscriber *s = rq->state;
    session_wish(s->session, slice_name(m->initial_request->pubsub_name), text_slice(&wish));
    text_fini(&wish);
    return rq->kernel->park(rq, TRB_GO(opened));
}

static struct trb_next first(struct trb_request *rq)
{
    struct subscriber *s = rq->state;
    message m;
    struct trb_next next;
    if (session_is_leaving(s->session))
        return end_unknown(rq, "api server closed");
    struct trb_data data = rq->kernel->body_take(rq);
    if (!data.at)
        return rq->kernel->body_ended(rq) ? end_unknown(rq, "EOF") : rq->kernel->body_wait(rq, TRB_GO(first));
    bool fine = read_message(rq, data, &m, &next);
    if (fine)
        next = shake_hands(rq, &m);
    rq->kernel->host->buf_unref(data.owner);
    return next;
}

static struct trb_next unknown(struct trb_request *rq)
{
    struct target t = {.pubsub = session_pubsub(((struct subscriber *)rq->state)->session, rq)};
    return refuse_metadata(rq, &t, &NOT_FOUND, (struct trb_pairs){NULL, 0, sizeof(struct trb_pair)},
                           trb_printf(rq, "pubsub %s is not found", t.pubsub.at), false);
}

static struct trb_next begin(struct trb_request *rq)
{
    static const struct runtime_subscribe_topic_events_response_initial_alpha1 nothing;
    static const struct runtime_subscribe_topic_events_response_alpha1 m = {.initial_response = &nothing};
    ((struct subscriber *)rq->state)->is_running = true;
    rq->kernel->reply_head(rq, 200, -1);
    return rq->kernel->reply_send(rq, rpc_message(rq, &runtime_subscribe_topic_events_response_alpha1_pb, &m),
                                  TRB_GO(run));
}

static struct trb_next opened(struct trb_request *rq)
{
    struct session *s = ((struct subscriber *)rq->state)->session;
    switch (session_phase(s)) {
    case SESSION_OPEN: return begin(rq);
    case SESSION_UNKNOWN: return unknown(rq);
    case SESSION_REFUSED:
        return rpc_refuse(rq, TRB_UNKNOWN, "pubsub", "failed to create subscription for %s: %s",
                          session_pubsub(s, rq).at, session_fault(s, rq).at);
    case SESSION_CLOSED: return end_unknown(rq, "stream closed");
    default: break;
    }
    if (session_is_leaving(s))
        return rpc_refuse(rq, TRB_INVALID, "pubsub", "failed deserializing metadata. Error: subscriber is closed");
    return rq->kernel->park(rq, TRB_GO(opened));
}

/* ------------------------------------------------------------------------------------ the stream */
static bool take_answer(struct trb_request *rq, const message *m, struct trb_next *ret)
{
    const struct runtime_subscribe_topic_events_request_processed_alpha1 *said = m->event_processed;
    if (!said) {
        *ret = end_unknown(rq, "duplicate initial request received");
        return false;
    }
    struct session *s = ((struct subscriber *)rq->state)->session;
    if (!session_answer(s, slice_name(said->id), said->status ? said->status->status : 0))
        say(rq->kernel, TRB_LOG_ERROR, "a streaming subscriber answered for an event that it does not have: %s",
            said->id.at);
    return true;
}

static bool take_all(struct trb_request *rq, struct trb_next *ret)
{
    message m;
    bool fine = true;
    while (fine) {
        struct trb_data data = rq->kernel->body_take(rq);
        if (!data.at)
            break;
        fine = read_message(rq, data, &m, ret) && take_answer(rq, &m, ret);
        rq->kernel->host->buf_unref(data.owner);
    }
    return fine;
}

/* What the client has said comes first: it may be the last thing that it says. */
static struct trb_next run(struct trb_request *rq)
{
    struct session *s = ((struct subscriber *)rq->state)->session;
    struct text event = {0};
    struct trb_next next;
    bool ended;
    if (!take_all(rq, &next))
        return next;
    if (rq->kernel->body_ended(rq))
        return end_unknown(rq, "EOF");
    if (session_next(s, &event, &ended)) {
        next = rq->kernel->reply_send(rq, (struct trb_data){event.at, event.len, NULL}, TRB_GO(run));
        text_fini(&event);
        return next;
    }
    return ended ? end_unknown(rq, "stream closed") : rq->kernel->body_wait(rq, TRB_GO(run));
}

/* ---------------------------------------------------------------------- the beginning and the end */
/* What the client said last counts, even if no step came to it. */
static void over(struct trb_request *rq, void *arg)
{
    struct subscriber *s = arg;
    struct trb_next nowhere;
    if (s->is_running)
        take_all(rq, &nowhere);
    arena_destroy(s->scratch);
    session_over(rq, s->session);
}

struct trb_next subscribe_rpc(struct trb_request *rq)
{
    struct subscriber *s = trb_request_state(rq, sizeof *s);
    s->session = session_begin(rq);
    if (!s->session)
        return end_unknown(rq, "api server closed");
    s->scratch = arena_create(SIZE_MAX);
    rq->kernel->on_over(rq, over, s);
    return TRB_GO(first);
}
