/* to_http_many: a POST for each round of a batch. http-api.md 5.6
 *
 *     hear ──► gather ──► verdicts
 */
#include "to_http.h"
#include <base/mem.h>
#include <stdlib.h>

static trb_step verdicts;

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
    text_add_json_pairs(t, &(struct trb_pairs){sorted, pairs->count, sizeof *sorted});
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

void http_ask_many(struct trb_request *rq, struct batch *b, struct trb_slice path)
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

struct trb_next http_hear_many(struct trb_request *rq)
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
