/* to_http: an application that speaks HTTP: a POST for each message, or for each round of a batch.
 * http-api.md 5.5, 5.6
 *
 *     hear ──► gather ──► verdict
 */
#include "delivery.h"
#include <base/mem.h>
#include <stdlib.h>

/* As given, with its slash; bytes that no request line may hold are escaped. */
static struct trb_slice path_of(struct trb_request *rq, struct trb_slice path)
{
    struct text t = {0};
    if (!path.len || path.at[0] != '/')
        text_addc(&t, '/');
    text_add_escaped(&t, path, "/-._~!$&'()*+,;=:@%?[]");
    struct trb_name name = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return slice_name(name);
}

static const char *read_route(struct trb_request *rq, struct delivery *d, struct trb_slice route)
{
    d->path = path_of(rq, route);
    return NULL;
}

/* ------------------------------------------------------------------------------------- headers */
/* As the field's HTTP libraries spell a name: Foo-Bar. */
static struct trb_name canonical(struct trb_request *rq, struct trb_name name)
{
    if (name.len && name.at[0] == '_')
        return name;
    char *at = trb_alloc(rq, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool upper = i == 0 || at[i - 1] == '-';
        at[i] = (char)(upper && c >= 'a' && c <= 'z' ? c - 32 : !upper && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return (struct trb_name){at, name.len};
}

/* Metadata must not speak for the connection, nor say again what we say. */
static bool is_own_header(struct trb_slice name)
{
    static const char *const own[] = {"content-type", "content-length", "pubsubname", "traceparent", "host",
                                      "connection", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer",
                                      "expect", "dapr-api-token", "user-agent", "accept-encoding"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (slice_is_nocase(name, slice_of(own[i])))
            return true;
    return false;
}

static void make_headers(struct trb_request *rq, struct alone *a)
{
    const struct trb_pairs *metadata = &a->delivery.event->metadata;
    struct trb_pair *to = trb_alloc(rq, (metadata->count + 3) * sizeof *to);
    struct trb_name trace = delivery_trace_header(&a->delivery);
    uint32_t n = 0;
    to[n++] = (struct trb_pair){NAME("Content-Type"), NAME("application/cloudevents+json")};
    for (uint32_t i = 0; i < metadata->count; i++) {
        const struct trb_pair *p = trb_pair_at(metadata, i);
        if (!is_own_header(slice_name(p->key)))
            to[n++] = (struct trb_pair){canonical(rq, p->key), p->value};
    }
    to[n++] = (struct trb_pair){NAME("Pubsubname"), a->delivery.sub->pubsub};
    if (trace.at)
        to[n++] = (struct trb_pair){NAME("Traceparent"), trace};
    a->call.headers = (struct trb_pairs){to, n, sizeof *to};
}

/* -------------------------------------------------------------------------------------- alone */
static trb_step verdict, verdicts;

static void ask(struct trb_request *rq, struct alone *a)
{
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP, .method = SLICE("POST"), .path = a->delivery.path,
        .body_mode = TRB_BODY_GIVEN, .body = a->delivery.body, .flags = TRB_OUT_NO_TRACE};
    make_headers(rq, a);
}

static struct trb_next no_answer(struct trb_request *rq)
{
    return delivery_fail(rq, "error returned from app channel while sending pub/sub event to app: %s",
                         rq->kernel->failure(rq)->message);
}

static struct trb_next hear(struct trb_request *rq)
{
    return rq->kernel->outcome(rq) ? rq->kernel->outcome_gather(rq, APP_ANSWER_MAX, TRB_GO(verdict)) : no_answer(rq);
}

/* An answer that is no object with a text in status says no more than its HTTP status. */
static struct trb_name status_word(struct trb_request *rq, struct trb_data body)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(slice_from(body.at ? body.at : "", body.len), &v, &fault) || v.kind != JSON_OBJECT)
        return NAME("");
    return string_copy(rq, json_find_nocase(v, SLICE("status")));
}

static struct trb_next judge_word(struct trb_request *rq, struct trb_name word)
{
    if (!word.len || slice_is(slice_name(word), SLICE("SUCCESS")))
        return delivery_end(rq, TRB_ACK, "success", "success");
    if (slice_is(slice_name(word), SLICE("DROP"))) {
        say(rq->kernel, TRB_LOG_WARN, "DROP status returned from app while processing pub/sub event");
        return delivery_end(rq, TRB_DROP, "drop", "success");
    }
    if (slice_is(slice_name(word), SLICE("RETRY")))
        return delivery_fail(rq, "RETRY status returned from app while processing pub/sub event");
    return delivery_fail(rq, "unknown status returned from app while processing pub/sub event, status: %s", word.at);
}

static struct trb_next verdict(struct trb_request *rq)
{
    struct alone *a = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return no_answer(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status >= 200 && o->status < 300)
        return judge_word(rq, status_word(rq, body));
    if (o->status != 404)
        return delivery_fail(rq, "retriable error returned from app while processing pub/sub event, topic: %s, body: "
                             "%.*s. status code returned: %u", a->delivery.sub->topic.at,
                             body.len > 200 ? 200 : (int)body.len, body.at ? body.at : "", o->status);
    say(rq->kernel, TRB_LOG_ERROR, "non-retriable error returned from app while processing pub/sub event, topic: %s. "
        "status code returned: 404", a->delivery.sub->topic.at);
    return delivery_end(rq, TRB_DROP, "drop", "drop");
}

/* --------------------------------------------------------------------------------- a round's body */
static int by_key(const void *left, const void *right)
{
    const struct trb_pair *a = left, *b = right;
    return strcmp(a->key.at, b->key.at);
}

static void add_metadata(struct text *t, const struct trb_pairs *pairs)
{
    if (!pairs->at) {
        text_adds(t, "null");
        return;
    }
    struct trb_pair *sorted = mem_alloc((pairs->count + 1) * sizeof *sorted);
    for (uint32_t i = 0; i < pairs->count; i++)
        sorted[i] = *trb_pair_at(pairs, i);
    qsort(sorted, pairs->count, sizeof *sorted, by_key);
    text_addc(t, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        if (i)
            text_addc(t, ',');
        text_add_json(t, slice_name(sorted[i].key), true);
        text_addc(t, ':');
        text_add_json(t, slice_name(sorted[i].value), true);
    }
    text_addc(t, '}');
    mem_free(sorted);
}

static void add_event(struct text *t, const struct delivery *d)
{
    if (!d->sub->is_raw) {
        text_add(t, slice_from(d->body.at, d->body.len));
        return;
    }
    struct trb_slice raw = slice_from(d->event->data.at ? d->event->data.at : "", d->event->data.len);
    char *coded = mem_alloc(base64_encoded_len(raw.len, true) + 1);
    size_t len = base64_encode(raw, true, coded);
    text_addc(t, '"');
    text_add(t, slice_from(coded, len));
    text_addc(t, '"');
    mem_free(coded);
}

static void add_member(struct text *t, const struct member *m)
{
    text_addf(t, "{\"entryId\":\"%s\",\"event\":", m->id);
    add_event(t, &m->delivery);
    text_adds(t, ",\"metadata\":");
    add_metadata(t, &m->delivery.event->metadata);
    text_addf(t, ",\"contentType\":\"%s\"}",
              m->delivery.sub->is_raw ? "application/octet-stream" : "application/cloudevents+json");
}

static void add_tail(struct text *t, const struct subscription *s)
{
    char id[UUID_TEXT];
    uuid_v4(id);
    text_addf(t, "],\"id\":\"%s\",\"metadata\":{\"pubsubName\":", id);
    text_add_json(t, slice_name(s->pubsub), true);
    text_adds(t, "},\"pubsubname\":");
    text_add_json(t, slice_name(s->pubsub), true);
    text_adds(t, ",\"topic\":");
    text_add_json(t, slice_name(s->topic), true);
    text_adds(t, ",\"type\":\"com.dapr.event.sent.bulk\"}");
}

static struct trb_data make_body(struct trb_request *rq, struct batch *b, struct trb_slice path)
{
    struct text t = {0};
    bool is_first = true;
    text_adds(&t, "{\"entries\":[");
    for (struct member *m = batch_next(b->first, path); m; m = batch_next(m->next, path)) {
        if (!is_first)
            text_addc(&t, ',');
        is_first = false;
        m->phase = MEMBER_POSTED;
        add_member(&t, m);
    }
    add_tail(&t, b->listener->sub);
    struct trb_name copy = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return (struct trb_data){copy.at, copy.len, NULL};
}

static void ask_many(struct trb_request *rq, struct batch *b, struct trb_slice path)
{
    struct trb_name trace = delivery_trace_header(&batch_next(b->first, path)->delivery);
    b->headers[0] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    b->headers[1] = (struct trb_pair){NAME("Pubsubname"), b->listener->sub->pubsub};
    b->headers[2] = (struct trb_pair){NAME("Traceparent"), trace};
    b->call = (struct trb_outcall){
        .size = sizeof b->call, .to = TRB_TO_APP, .method = SLICE("POST"), .path = path,
        .headers = {b->headers, trace.at ? 3 : 2, sizeof b->headers[0]}, .body_mode = TRB_BODY_GIVEN,
        .body = make_body(rq, b, path), .flags = TRB_OUT_NO_TRACE};
}

/* --------------------------------------------------------------------------------- its answer */
static void judge_one(struct trb_request *rq, struct json_value status)
{
    struct trb_name id = string_copy(rq, json_find_nocase(status, SLICE("entryId")));
    struct trb_slice word = slice_name(string_copy(rq, json_find_nocase(status, SLICE("status"))));
    struct member *m = batch_find(batch_of(rq), slice_name(id));
    if (!m) {
        say(rq->kernel, TRB_LOG_WARN, "the app answered for an entry id that it was not asked about: %s",
            id.at ? id.at : "");
        return;
    }
    m->is_heard = true;
    m->verdict = slice_is(word, SLICE("SUCCESS")) ? TRB_ACK : slice_is(word, SLICE("DROP")) ? TRB_DROP : TRB_RETRY;
}

/* What the app does not speak of, or not in these words, is to be tried again. */
static struct trb_next judge_each(struct trb_request *rq, struct json_value statuses)
{
    struct json_value v;
    batch_retry_all(batch_of(rq));
    if (statuses.kind == JSON_ARRAY)
        for (struct json_cursor c = json_enter(statuses); json_next(&c, &v);)
            judge_one(rq, v);
    return batch_over(rq);
}

static struct trb_next hear_many(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return batch_judge(rq, TRB_RETRY, rq->kernel->failure(rq)->message);
    return rq->kernel->outcome_gather(rq, APP_ANSWER_MAX, TRB_GO(verdicts));
}

static struct trb_next verdicts(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct json_value v;
    struct json_fault fault;
    if (!o)
        return batch_judge(rq, TRB_RETRY, rq->kernel->failure(rq)->message);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status == 404)
        return batch_judge(rq, TRB_DROP, "status code returned: 404, the messages are dropped");
    if (o->status < 200 || o->status > 299)
        return batch_judge(rq, TRB_RETRY, trb_printf(rq, "retriable error returned from app, status code: %u",
                                                     o->status).at);
    if (!envelope_read(slice_from(body.at ? body.at : "", body.len), &v, &fault))
        return batch_judge(rq, TRB_RETRY, "the app's answer is no JSON object with statuses");
    return judge_each(rq, json_find_nocase(v, SLICE("statuses")));
}

const struct tongue http_tongue = {
    .read = read_route, .ask = ask, .hear = hear, .ask_many = ask_many, .hear_many = hear_many,
};
