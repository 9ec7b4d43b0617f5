/* Messages on their way to the application, many at once. Each is a task of its own; the first of a
 * batch leads it, the others are parked until it has their verdicts. http-api.md 5.6
 *
 *     parse ──► join ──► (parked) ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄► end ──► (delivery_end)
 *                 └────► fill ┄┄ full, or it is time ┄┄► post ──► call ┄┄► hear (the tongue's)
 *                                                         ▲   one round per path    │
 *                                                         └─────────────────────────┘
 */
#include "delivery.h"
#include <base/clock.h>

#define NAP_NS (CLOCK_S / 5) /* how soon a batch that fills hears that its stream is closing */

struct leader {
    struct member member; /* first, as for everybody */
    struct batch batch;
};

static trb_step fill, post, call, hear, end;

struct batch *batch_of(struct trb_request *rq)
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

/* --------------------------------------------------------------------------------------- a round */
struct member *batch_next(struct member *from, struct trb_slice path)
{
    while (from && (from->phase != MEMBER_WAITING || !slice_is(from->delivery.path, path)))
        from = from->next;
    return from;
}

static struct trb_next post(struct trb_request *rq)
{
    struct batch *b = batch_of(rq);
    struct member *m = b->first;
    while (m && m->phase != MEMBER_WAITING)
        m = m->next;
    if (!m)
        return disband(rq);
    b->began_ns = clock_now_ns();
    b->is_second_try = false;
    b->listener->tongue->ask_many(rq, b, m->delivery.path);
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &batch_of(rq)->call, TRB_GO(hear));
}

struct trb_next batch_ask(struct trb_request *rq)
{
    return TRB_GO(call);
}

static struct trb_next hear(struct trb_request *rq)
{
    return batch_of(rq)->listener->tongue->hear_many(rq);
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
        if (m->phase == MEMBER_POSTED) {
            m->phase = MEMBER_JUDGED;
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

struct trb_next batch_judge(struct trb_request *rq, uint32_t verdict, const char *why)
{
    struct batch *b = batch_of(rq);
    say(rq->kernel, TRB_LOG_ERROR, "bulk delivery of topic %s: %s", b->listener->sub->topic.at, why);
    for (struct member *m = b->first; m; m = m->next) {
        if (m->phase != MEMBER_POSTED)
            continue;
        m->verdict = verdict;
        m->is_final = verdict == TRB_DROP;
        if (verdict == TRB_RETRY) {
            m->delivery.why = (struct trb_error){.size = sizeof m->delivery.why, .code = TRB_INTERNAL, .item = -1};
            snprintf(m->delivery.why.message, sizeof m->delivery.why.message, "%s", why);
        }
    }
    return round_over(rq);
}

struct member *batch_find(struct batch *b, struct trb_slice id)
{
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == MEMBER_POSTED && slice_is(id, slice_of(m->id)))
            return m;
    return NULL;
}

void batch_retry_all(struct batch *b)
{
    for (struct member *m = b->first; m; m = m->next)
        if (m->phase == MEMBER_POSTED)
            m->verdict = TRB_RETRY;
}

struct trb_next batch_over(struct trb_request *rq)
{
    for (struct member *m = batch_of(rq)->first; m; m = m->next)
        if (m->phase == MEMBER_POSTED && m->verdict == TRB_RETRY && !m->delivery.why.code)
            delivery_blame(&m->delivery, rq->kernel, "%sRETRY required while processing bulk subscribe event for "
                           "entry id: %s", m->is_heard ? "" : "response not received, ", m->id);
    return round_over(rq);
}

static struct trb_next end(struct trb_request *rq)
{
    struct member *m = rq->state;
    uint32_t verdict = m->verdict ? m->verdict : TRB_HELD;
    return delivery_end(rq, m->is_final && verdict == TRB_DROP ? TRB_ACK : verdict, NULL, NULL);
}
