/* Messages on their way to the application, many at once. Each is a task of its own; the first of a
 * batch leads it, the others are parked until it has their verdicts. http-api.md 5.6
 *
 *     parse ──► join ──► (parked) ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄► end ──► (delivery_end)
 *                 └────► fill ┄┄ full, or it is time ┄┄► post ──► call ┄┄► gather ──► verdict
 *                                                         ▲   one round per path         │
 *                                                         └──────────────────────────────┘
 */
#include "delivery.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <stdlib.h>

#define NAP_NS (CLOCK_S / 5) /* how soon a batch that fills hears that its stream is closing */

#define WAITING 0u /* for its round */
#define POSTED 1u
#define JUDGED 2u

struct member {
    struct delivery delivery; /* first: the ends expect it */
    struct trb_request *rq;
    struct member *next;
    char id[UUID_TEXT];
    uint32_t phase, verdict;
    bool is_final;            /* no dead letter topic for it */
};

struct batch { /* in the leader's memory */
    struct listener *listener;
    struct trb_request *leader;
    struct member *first, **last;
    uint32_t count;
    uint64_t until_ns, began_ns;
    struct trb_outcall call;
    struct trb_pair headers[3];
};

struct leader {
    struct member member; /* first, as for everybody */
    struct batch batch;
};

static trb_step fill, post, call, gather, verdict, end;

static struct batch *batch_of(struct trb_request *rq)
{
    return &((struct leader *)rq->state)->batch;
}

/* ------------------------------------------------------------------------------------- joining */
static void begin(struct trb_request *rq, struct listener *l)
{
    struct batch *b = batch_of(rq);
    *b = (struct batch){.listener = l, .leader = rq, .last = &b->first,
                        .until_ns = clock_now_ns() + l->sub->bulk_wait_ns};
    l->batch = b;
}

struct trb_next bulk_event_parse(struct trb_request *rq)
{
    struct member *m = trb_request_state(rq, sizeof(struct leader));
    struct trb_next ending;
    m->rq = rq;
    uuid_v4(m->id);
    if (!delivery_read(rq, &m->delivery, &ending))
        return ending;
    struct listener *l = m->delivery.listener;
    bool leads = !l->batch;
    if (leads)
        begin(rq, l);
    struct batch *b = l->batch;
    *b->last = m;
    b->last = &m->next;
    if (++b->count == l->sub->bulk_max) {
        l->batch = NULL;
        rq->kernel->wake(b->leader);
    }
    return leads ? TRB_GO(fill) : rq->kernel->park(rq, TRB_GO(end));
}

/* The members' verdicts are in: nobody needs the batch any more. */
static struct trb_next disband(struct trb_request *rq)
{
    for (struct member *m = batch_of(rq)->first, *next; m; m = next) {
        next = m->next;
        if (m->rq != rq)
            rq->kernel->wake(m->rq);
    }
    return TRB_GO(end);
}

static struct trb_next hold_all(struct trb_request *rq)
{
    for (struct member *m = batch_of(rq)->first; m; m = m->next)
        m->verdict = TRB_HELD;
    return disband(rq);
}

static struct trb_next fill(struct trb_request *rq)
{
    struct batch *b = batch_of(rq);
    uint64_t now = clock_now_ns();
    bool is_full = b->listener->batch != b, is_closing = b->listener->is_closing;
    if (!is_full && !is_closing && now < b->until_ns) {
        uint64_t left = b->until_ns - now;
        return rq->kernel->sleep(rq, left < NAP_NS ? left : NAP_NS, TRB_GO(fill));
    }
    if (!is_full)
        b->listener->batch = NULL;
    return is_closing ? hold_all(rq) : TRB_GO(post);
}

/* ------------------------------------------------------------------------------------- the body */
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

static struct trb_data make_body(struct trb_request *rq, struct trb_slice path)
{
    struct text t = {0};
    bool is_first = true;
    text_adds(&t, "{\"entries\":[");
    for (struct member *m = batch_of(rq)->first; m; m = m->next) {
        if (m->phase != WAITING || !slice_is(m->delivery.path, path))
            continue;
        if (!is_first)
            text_addc(&t, ',');
        is_first = false;
        m->phase = POSTED;
        add_member(&t, m);
    }
    add_tail(&t, batch_of(rq)->listener->sub);
    struct trb_name copy = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return (struct trb_data){copy.at, copy.len, NULL};
}

/* --------------------------------------------------------------------------------------- a round */
static struct trb_next post(struct trb_request *rq)
{
    struct batch *b = batch_of(rq);
    struct member *m = b->first;
    while (m && m->phase != WAITING)
        m = m->next;
    if (!m)
        return disband(rq);
    struct trb_name trace = delivery_trace_header(&m->delivery);
    b->began_ns = clock_now_ns();
    b->headers[0] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    b->headers[1] = (struct trb_pair){NAME("Pubsubname"), b->listener->sub->pubsub};
    b->headers[2] = (struct trb_pair){NAME("Traceparent"), trace};
    b->call = (struct trb_outcall){
        .size = sizeof b->call, .to = TRB_TO_APP, .method = SLICE("POST"), .path = m->delivery.path,
        .headers = {b->headers, trace.at ? 3 : 2, sizeof b->headers[0]}, .body_mode = TRB_BODY_GIVEN,
        .body = make_body(rq, m->delivery.path), .flags = TRB_OUT_NO_TRACE};
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &batch_of(rq)->call, TRB_GO(gather));
}

/* ---------------------------------------------------------------------------------- the verdicts */
/* component and process_status read as the field's dashboards know them: http-api.md 7. */
static void count(struct trb_request *rq, const char *name, const char *process, double by)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_pair pairs[] = {{NAME("app_id"), k->info->app_id},
                               {NAME("component"), NAME("pubsubName")},
                               {NAME("namespace"), k->info->namespace_},
                               {NAME("process_status"), name_of(process)},
                               {NAME("topic"), batch_of(rq)->listener->sub->topic}};
    struct trb_pairs labels = {pairs, 5, sizeof pairs[0]};
    k->metric_add(k->metric(k, name, &labels), by);
}

static struct trb_next round_over(struct trb_request *rq)
{
    struct batch *b = batch_of(rq);
    double events[4] = {0};
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == POSTED) {
            m->phase = JUDGED;
            events[m->verdict < 4 ? m->verdict : 0]++;
        }
    count(rq, "dapr_component_pubsub_ingress_bulk_count", "", 1);
    count(rq, "dapr_component_pubsub_ingress_bulk_latencies", "", (double)(clock_now_ns() - b->began_ns) / 1e6);
    static const char *const words[] = {NULL, "SUCCESS", "RETRY", "DROP"};
    for (uint32_t v = TRB_ACK; v <= TRB_DROP; v++)
        if (events[v] > 0)
            count(rq, "dapr_component_pubsub_ingress_bulk_event_count", words[v], events[v]);
    return TRB_GO(post);
}

static struct trb_next judge_all(struct trb_request *rq, uint32_t verdict, bool is_final, const char *why)
{
    struct batch *b = batch_of(rq);
    say(rq->kernel, TRB_LOG_ERROR, "bulk delivery of topic %s: %s", b->listener->sub->topic.at, why);
    for (struct member *m = b->first; m; m = m->next) {
        if (m->phase != POSTED)
            continue;
        m->verdict = verdict;
        m->is_final = is_final;
        if (verdict == TRB_RETRY) {
            m->delivery.why = (struct trb_error){.size = sizeof m->delivery.why, .code = TRB_INTERNAL, .item = -1};
            snprintf(m->delivery.why.message, sizeof m->delivery.why.message, "%s", why);
        }
    }
    return round_over(rq);
}

static struct member *find(struct batch *b, struct trb_name id)
{
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == POSTED && slice_is(slice_name(id), slice_of(m->id)))
            return m;
    return NULL;
}

static void judge_one(struct trb_request *rq, struct json_value status)
{
    struct trb_name id = string_copy(rq, json_find_nocase(status, SLICE("entryId")));
    struct trb_slice word = slice_name(string_copy(rq, json_find_nocase(status, SLICE("status"))));
    struct member *m = find(batch_of(rq), id);
    if (!m)
        say(rq->kernel, TRB_LOG_WARN, "the app answered for an entry id that it was not asked about: %s",
            id.at ? id.at : "");
    else
        m->verdict = slice_is(word, SLICE("SUCCESS")) ? TRB_ACK : slice_is(word, SLICE("DROP")) ? TRB_DROP : TRB_RETRY;
}

/* What the app does not speak of, or not in these words, is to be tried again. */
static struct trb_next judge_each(struct trb_request *rq, struct json_value statuses)
{
    struct batch *b = batch_of(rq);
    struct json_value v;
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == POSTED)
            m->verdict = TRB_RETRY;
    if (statuses.kind == JSON_ARRAY)
        for (struct json_cursor c = json_enter(statuses); json_next(&c, &v);)
            judge_one(rq, v);
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == POSTED && m->verdict == TRB_RETRY)
            delivery_blame(&m->delivery, rq->kernel, "RETRY required while processing bulk subscribe event for entry "
                           "id: %s", m->id);
    return round_over(rq);
}

static struct trb_next gather(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return judge_all(rq, TRB_RETRY, false, rq->kernel->failure(rq)->message);
    return rq->kernel->outcome_gather(rq, APP_ANSWER_MAX, TRB_GO(verdict));
}

static struct trb_next verdict(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct json_value v;
    struct json_fault fault;
    char why[64];
    if (!o)
        return judge_all(rq, TRB_RETRY, false, rq->kernel->failure(rq)->message);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status == 404)
        return judge_all(rq, TRB_DROP, true, "status code returned: 404, the messages are dropped");
    if (o->status < 200 || o->status > 299) {
        snprintf(why, sizeof why, "retriable error returned from app, status code: %u", o->status);
        return judge_all(rq, TRB_RETRY, false, why);
    }
    if (!envelope_read(slice_from(body.at ? body.at : "", body.len), &v, &fault))
        return judge_all(rq, TRB_RETRY, false, "the app's answer is no JSON object with statuses");
    return judge_each(rq, json_find_nocase(v, SLICE("statuses")));
}

static struct trb_next end(struct trb_request *rq)
{
    struct member *m = rq->state;
    uint32_t verdict = m->verdict ? m->verdict : TRB_HELD;
    return delivery_end(rq, m->is_final && verdict == TRB_DROP ? TRB_ACK : verdict, NULL, NULL);
}
