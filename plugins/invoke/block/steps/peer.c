/* A call of another sidecar for our app: CallLocal and CallLocalStream. Its answer travels as the app
 * gave it; only a failure to get one is a status of the call.
 *
 *     parse ──► send ┄┄ the app answers ┄┄► answer ──► relay
 */
#include "../invoke_block.h"

static trb_step answer;

static struct trb_next fail(struct trb_request *rq, const char *why)
{
    return trb_refuse(rq, &PEER_FAILED, "error invoking app channel: %s", why);
}

struct trb_next invoke_peer_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct invoke *v = trb_request_state(rq, sizeof *v);
    struct trb_slice method = k->target(rq);
    char *fault = trb_alloc(rq, ADDRESS_FAULT);
    if (!method_clean(method, trb_alloc(rq, method.len + 1), &v->method, fault))
        return trb_refuse(rq, &PEER_BAD_METHOD, "invalid method: %s", fault);
    if (!k->info->app_port)
        return trb_refuse(rq, &PEER_FAILED, "app channel is not initialized");
    v->call.size = sizeof v->call;
    v->verb = v->call.method = k->method(rq);
    v->then = TRB_GO(answer);
    const char *why = app_call_make(rq);
    return why ? fail(rq, why) : send_streamed(rq);
}

static struct trb_next refuse(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    if (!strcmp(err->reason, "APP_UNHEALTHY") || !strcmp(err->reason, "NO_APP"))
        return trb_refuse(rq, &PEER_FAILED, "%s", err->message);
    return fail(rq, err->message);
}

static struct trb_next answer(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    const struct trb_outcome *o = k->outcome(rq);
    if (!o)
        return refuse(rq);
    answer_headers(rq, o);
    k->reply_head(rq, o->status, -1);
    return o->ended ? k->reply_end(rq) : k->outcome_relay(rq);
}
