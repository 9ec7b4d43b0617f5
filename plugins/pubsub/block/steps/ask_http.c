/* GET /dapr/subscribe of the app. http-api.md 5.3
 *
 *     hear ──► gather ──► take
 */
#include "app_ask.h"

#define MAX_ANSWER (16u << 20)

static trb_step take;

static void ask(struct trb_request *rq, struct asking *a)
{
    a->headers[0] = (struct trb_pair){NAME("Dapr-App-Id"), rq->kernel->info->app_id};
    a->headers[1] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP, .method = SLICE("GET"), .path = SLICE("/dapr/subscribe"),
        .headers = {a->headers, 2, sizeof a->headers[0]}, .flags = TRB_OUT_NO_TRACE | TRB_OUT_EVEN_UNHEALTHY};
}

/* Only a failure to reach it is tried again. */
static struct trb_next hear(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return app_ask_again(rq, rq->kernel->failure(rq)->message);
    return rq->kernel->outcome_gather(rq, MAX_ANSWER, TRB_GO(take));
}

static struct trb_next take(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return app_ask_again(rq, rq->kernel->failure(rq)->message);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status == 200)
        return app_ask_take(rq, slice_from(body.at ? body.at : "", body.len));
    if (o->status == 404)
        say(rq->kernel, TRB_LOG_DEBUG, "the app has no /dapr/subscribe, so it has no subscriptions of its own");
    else
        say(rq->kernel, TRB_LOG_ERROR, "app returned http status code %u from subscription endpoint", o->status);
    return app_ask_over(rq);
}

const struct question http_question = {.ask = ask, .hear = hear};
