/* to_rpc: an application that speaks gRPC: OnTopicEvent for each message, OnBulkTopicEvent for each round of a
 * batch. grpc-api.md 3.3, 5.2 */
#include "delivery.h"
#include <base/error.h>
#include <rpc/rpc.h>

#define APP_SERVICE "/dapr.proto.runtime.v1.AppCallback/"
#define OLDER_SERVICE "/dapr.proto.runtime.v1.AppCallbackAlpha/"
#define NO_TRACE NAME("00-00000000000000000000000000000000-0000000000000000-00")

/* A message of plain bytes has its attributes elsewhere, and no member with data. */
static const char *read_parts(struct trb_request *rq, struct delivery *d, struct trb_slice route)
{
    bool is_plain = !d->sub->is_raw && envelope_is_binary(&d->event->metadata);
    struct trb_slice plain = {NULL, 0};
    if (is_plain)
        plain = slice_from(d->event->data.at ? d->event->data.at : "", d->event->data.len);
    d->path = route;
    return topic_event_read(rq, d->envelope, plain, &d->parts);
}

/* As the broker said, without the namespace that only brokers know of. */
static struct trb_name topic_of(struct trb_request *rq, const struct delivery *d)
{
    const struct listener *l = d->listener;
    struct trb_slice topic = slice_name(d->event->topic), prefix = slice_name(l->topic);
    prefix.len -= d->sub->topic.len;
    if (!topic.len)
        return d->sub->topic;
    return slice_starts(topic, prefix) ? name_copy(rq, slice_skip(topic, prefix.len)) : d->event->topic;
}

struct runtime_topic_event_request delivery_event(struct trb_request *rq, const struct delivery *d)
{
    const struct runtime_topic_event_ce_request *p = &d->parts;
    return (struct runtime_topic_event_request){
        .id = p->id, .source = p->source, .type = p->type, .spec_version = p->spec_version,
        .data_content_type = p->data_content_type, .topic = topic_of(rq, d), .data = p->data,
        .pubsub_name = d->sub->pubsub, .path = name_copy(rq, d->path), .extensions = p->extensions};
}

/* ------------------------------------------------------------------------------------ metadata */
static bool is_own(struct trb_slice key)
{
    static const char *const own[] = {"content-type", "content-length", "pubsubname", "traceparent", "grpc-trace-bin",
                                      "host", "connection", "transfer-encoding", "keep-alive", "upgrade", "te",
                                      "trailer", "dapr-api-token", "user-agent"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (slice_is_nocase(key, slice_of(own[i])))
            return true;
    return slice_starts_nocase(key, SLICE("grpc-"));
}

static bool is_key(struct trb_slice key)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return key.len && strspn(key.at, alphabet) == key.len;
}

static bool is_printable(struct trb_slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < 0x20 || value.at[i] > 0x7e)
            return false;
    return true;
}

static struct trb_name base64(struct trb_request *rq, struct trb_name value)
{
    char *at = trb_alloc(rq, base64_encoded_len(value.len, false) + 1);
    return (struct trb_name){at, base64_encode(slice_name(value), false, at)};
}

/* What neither a name nor a value of metadata can be stays behind. */
static bool add_pair(struct trb_request *rq, const struct trb_pair *p, struct trb_pair *to)
{
    if (!is_key(slice_name(p->key)) || is_own(slice_name(p->key)))
        return false;
    bool is_binary = slice_ends(slice_name(p->key), SLICE("-bin"));
    *to = (struct trb_pair){p->key, is_binary ? base64(rq, p->value) : p->value};
    return is_printable(slice_name(to->value));
}

static struct trb_pairs headers_of(struct trb_request *rq, const struct delivery *d, const struct trb_pairs *metadata)
{
    struct trb_pair *to = trb_alloc(rq, (metadata->count + 2) * sizeof *to);
    struct trb_name trace = delivery_trace_header(d);
    uint32_t n = 0;
    for (uint32_t i = 0; i < metadata->count; i++)
        n += add_pair(rq, trb_pair_at(metadata, i), &to[n]);
    to[n++] = (struct trb_pair){NAME("pubsubname"), d->sub->pubsub};
    to[n++] = (struct trb_pair){NAME("traceparent"), trace.at ? trace : NO_TRACE};
    return (struct trb_pairs){to, n, sizeof *to};
}

/* --------------------------------------------------------------------------------------- alone */
static void ask(struct trb_request *rq, struct alone *a)
{
    struct runtime_topic_event_request m = delivery_event(rq, &a->delivery);
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP_GRPC, .method = SLICE(APP_SERVICE "OnTopicEvent"),
        .headers = headers_of(rq, &a->delivery, &a->delivery.event->metadata), .body_mode = TRB_BODY_GIVEN,
        .body = rpc_message(rq, &runtime_topic_event_request_pb, &m), .flags = TRB_OUT_NO_TRACE | TRB_OUT_NO_SLOT};
}

static struct trb_slice answer_of(struct trb_request *rq)
{
    struct trb_data body = rq->kernel->outcome_body(rq);
    return slice_from(body.at ? body.at : "", body.len);
}

static struct trb_name id_of(const struct delivery *d)
{
    return d->id.at ? d->id : NAME("");
}

static struct trb_next hear(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct trb_name id = id_of(rq->state);
    struct runtime_topic_event_response answer = {0};
    if (!o)
        return delivery_fail(rq, "error returned from app channel while sending pub/sub event to app: %s",
                             rq->kernel->failure(rq)->message);
    if (o->grpc_code == TRB_UNIMPLEMENTED) {
        say(rq->kernel, TRB_LOG_WARN, "non-retriable error returned from app while processing pub/sub event %s: %.*s",
            id.at, SLICE_ARG(o->reason));
        return delivery_end(rq, TRB_ACK, "drop", "drop");
    }
    if (o->grpc_code)
        return delivery_fail(rq, "error returned from app while processing pub/sub event %s: rpc error: code = %s "
                             "desc = %.*s", id.at, error_code_name(o->grpc_code), SLICE_ARG(o->reason));
    const char *fault = rpc_parse(rq, answer_of(rq), &runtime_topic_event_response_pb, &answer);
    if (fault)
        return delivery_fail(rq, "the app's answer to pub/sub event %s cannot be read: %s", id.at, fault);
    return delivery_judge(rq, answer.status);
}

/* ------------------------------------------------------------------------------------- a round */
static void add_member(struct member *m, struct runtime_topic_event_bulk_request_entry *to)
{
    const struct trb_pubsub_event *e = m->delivery.event;
    m->phase = MEMBER_POSTED;
    *to = (struct runtime_topic_event_bulk_request_entry){.entry_id = name_of(m->id), .metadata = e->metadata};
    to->content_type = NAME("application/cloudevents+json");
    if (!m->delivery.sub->is_raw) {
        to->cloud_event = &m->delivery.parts;
        return;
    }
    to->content_type = NAME("application/octet-stream");
    to->bytes = slice_from(e->data.at ? e->data.at : "", e->data.len);
}

static struct trb_data make_round(struct trb_request *rq, struct batch *b, struct trb_slice path)
{
    const struct subscription *s = b->listener->sub;
    const struct trb_pair pair = {NAME("pubsubName"), s->pubsub};
    char id[UUID_TEXT];
    uuid_v4(id);
    struct runtime_topic_event_bulk_request m = {
        .id = name_of(id), .metadata = {&pair, 1, sizeof pair}, .topic = s->topic, .pubsub_name = s->pubsub,
        .type = NAME("com.dapr.event.sent.bulk"), .path = name_copy(rq, path)};
    m.entries.at = trb_alloc(rq, b->count * sizeof *m.entries.at);
    for (struct member *one = batch_next(b->first, path); one; one = batch_next(one->next, path))
        add_member(one, &m.entries.at[m.entries.count++]);
    return rpc_message(rq, &runtime_topic_event_bulk_request_pb, &m);
}

static void ask_many(struct trb_request *rq, struct batch *b, struct trb_slice path)
{
    static const struct trb_pairs none = {NULL, 0, sizeof(struct trb_pair)};
    const struct delivery *first = &batch_next(b->first, path)->delivery;
    b->call = (struct trb_outcall){
        .size = sizeof b->call, .to = TRB_TO_APP_GRPC, .method = SLICE(APP_SERVICE "OnBulkTopicEvent"),
        .headers = headers_of(rq, first, &none), .body_mode = TRB_BODY_GIVEN, .body = make_round(rq, b, path),
        .flags = TRB_OUT_NO_TRACE | TRB_OUT_NO_SLOT};
}

/* Apps that are older know the method by another name only. */
static struct trb_next unknown_method(struct trb_request *rq)
{
    struct batch *b = batch_of(rq);
    if (b->is_second_try)
        return batch_judge(rq, TRB_DROP, "the app does not implement OnBulkTopicEvent, the messages are dropped");
    b->is_second_try = true;
    b->call.method = SLICE(OLDER_SERVICE "OnBulkTopicEventAlpha1");
    return batch_ask(rq);
}

static uint32_t verdict_of(int32_t status)
{
    return status == 0 ? TRB_ACK : status == 2 ? TRB_DROP : TRB_RETRY;
}

static struct trb_next judge_each(struct trb_request *rq, const struct runtime_topic_event_bulk_response *answer)
{
    struct batch *b = batch_of(rq);
    batch_retry_all(b);
    for (uint32_t i = 0; i < answer->statuses.count; i++) {
        const struct runtime_topic_event_bulk_response_entry *one = &answer->statuses.at[i];
        struct member *m = batch_find(b, slice_name(one->entry_id));
        if (!m) {
            say(rq->kernel, TRB_LOG_WARN, "the app answered for an entry id that it was not asked about: %s",
                one->entry_id.at);
            continue;
        }
        m->is_heard = true;
        m->verdict = verdict_of(one->status);
    }
    return batch_over(rq);
}

static struct trb_next hear_many(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct runtime_topic_event_bulk_response answer = {0};
    if (!o)
        return batch_judge(rq, TRB_RETRY, rq->kernel->failure(rq)->message);
    if (o->grpc_code == TRB_UNIMPLEMENTED)
        return unknown_method(rq);
    if (o->grpc_code)
        return batch_judge(rq, TRB_RETRY, trb_printf(rq, "error returned from app: rpc error: code = %s desc = %.*s",
                                                     error_code_name(o->grpc_code), SLICE_ARG(o->reason)).at);
    const char *fault = rpc_parse(rq, answer_of(rq), &runtime_topic_event_bulk_response_pb, &answer);
    return fault ? batch_judge(rq, TRB_RETRY, fault) : judge_each(rq, &answer);
}

const struct tongue rpc_tongue = {
    .read = read_parts, .ask = ask, .hear = hear, .ask_many = ask_many, .hear_many = hear_many,
};
