/* What the app itself wants to hear, asked once, when it is first there. http-api.md 5.3, grpc-api.md 5.2
 *
 *     ask ──► call ┄┄► hear (the tongue's) ──► take ──► listeners_open
 *              ▲   it could not be reached: three times again
 *              └──────────────┘
 */
#include "app_ask.h"
#include <base/clock.h>

#define RETRIES 3u
#define FIRST_PAUSE_NS (CLOCK_S / 2)
#define MAX_PAUSE_NS CLOCK_S

static trb_step call, hear;

struct trb_next app_ask_over(struct trb_request *rq)
{
    ((struct block *)rq->self)->is_asking = false;
    return TRB_GO(listeners_open);
}

static const struct question *question_of(struct trb_request *rq)
{
    return app_speaks_grpc(rq->kernel) ? &rpc_question : &http_question;
}

struct trb_next app_ask(struct trb_request *rq)
{
    struct asking *a = trb_request_state(rq, sizeof *a);
    question_of(rq)->ask(rq, a);
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &((struct asking *)rq->state)->call, TRB_GO(hear));
}

static struct trb_next hear(struct trb_request *rq)
{
    return question_of(rq)->hear(rq);
}

/* After the last time it is asked when it comes up anew. */
struct trb_next app_ask_again(struct trb_request *rq, const char *why)
{
    struct asking *a = rq->state;
    struct block *b = rq->self;
    if (a->failures == RETRIES || b->is_leaving || !b->is_app_up) {
        b->has_asked = false;
        say(rq->kernel, TRB_LOG_ERROR, "failed to get the subscriptions of the app: %s", why);
        return app_ask_over(rq);
    }
    uint64_t pause = FIRST_PAUSE_NS << a->failures++;
    return rq->kernel->sleep(rq, pause < MAX_PAUSE_NS ? pause : MAX_PAUSE_NS, TRB_GO(call));
}

struct trb_next app_ask_take(struct trb_request *rq, struct trb_slice list)
{
    struct fault fault;
    if (!subscriptions_take(rq->self, list, &fault))
        say(rq->kernel, fault.is_match ? TRB_LOG_WARN : TRB_LOG_ERROR, "failed to subscribe to topics: %s", fault.text);
    return app_ask_over(rq);
}
