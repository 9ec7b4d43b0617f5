/* GET /dapr/subscribe of the app: what it wants to hear. http-api.md 5.3
 *
 *     ask ──► call ┄┄► gather ──► take ──► listeners_open
 *              ▲   transport failure: three times again
 *              └──────────────┘
 */
#include "../pubsub_block.h"
#include <base/clock.h>

#define RETRIES 3u
#define FIRST_PAUSE_NS (CLOCK_S / 2)
#define MAX_PAUSE_NS CLOCK_S
#define MAX_ANSWER (16u << 20)

struct asking {
    struct trb_outcall call;
    struct trb_pair headers[2];
    uint32_t failures;
};

static trb_step call, gather, take;

static struct trb_next over(struct trb_request *rq)
{
    ((struct block *)rq->self)->is_asking = false;
    return TRB_GO(listeners_open);
}

struct trb_next app_ask(struct trb_request *rq)
{
    struct asking *a = trb_request_state(rq, sizeof *a);
    a->headers[0] = (struct trb_pair){NAME("Dapr-App-Id"), rq->kernel->info->app_id};
    a->headers[1] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP, .method = SLICE("GET"), .path = SLICE("/dapr/subscribe"),
        .headers = {a->headers, 2, sizeof a->headers[0]}, .flags = TRB_OUT_NO_TRACE | TRB_OUT_EVEN_UNHEALTHY};
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &((struct asking *)rq->state)->call, TRB_GO(gather));
}

/* The app could not be reached: only then it is asked again; after the last time, when it comes up anew. */
static struct trb_next unreachable(struct trb_request *rq)
{
    struct asking *a = rq->state;
    struct block *b = rq->self;
    const char *why = rq->kernel->failure(rq)->message;
    if (a->failures == RETRIES || b->is_leaving || !b->is_app_up) {
        b->has_asked = false;
        say(rq->kernel, TRB_LOG_ERROR, "failed to get the subscriptions of the app: %s", why);
        return over(rq);
    }
    uint64_t pause = FIRST_PAUSE_NS << a->failures++;
    return rq->kernel->sleep(rq, pause < MAX_PAUSE_NS ? pause : MAX_PAUSE_NS, TRB_GO(call));
}

static struct trb_next gather(struct trb_request *rq)
{
    return rq->kernel->outcome(rq) ? rq->kernel->outcome_gather(rq, MAX_ANSWER, TRB_GO(take)) : unreachable(rq);
}

static struct trb_next take(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct fault fault;
    if (!o)
        return unreachable(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status == 404)
        say(rq->kernel, TRB_LOG_DEBUG, "the app has no /dapr/subscribe, so it has no subscriptions of its own");
    else if (o->status != 200)
        say(rq->kernel, TRB_LOG_ERROR, "app returned http status code %u from subscription endpoint", o->status);
    else if (!subscriptions_take(rq->self, slice_from(body.at ? body.at : "", body.len), &fault))
        say(rq->kernel, fault.is_match ? TRB_LOG_WARN : TRB_LOG_ERROR, "failed to subscribe to topics: %s", fault.text);
    return over(rq);
}
