/* What the called app answered goes back: streamed below 400, with its length from there on.
 *
 *     answer ──► (peek) ──► relay
 *           └──► gather ──► whole
 */
#include "../invoke_block.h"

static trb_step first_bytes, whole;

static const struct trb_data nothing = {"", 0, NULL};

static void set_type(struct trb_request *rq, struct trb_slice type)
{
    rq->kernel->set_header(rq, SLICE("Content-Type"), type);
}

/* A code below 100 came from an app that speaks gRPC; 0 there is success. */
static uint32_t status_of(const struct trb_outcome *o)
{
    static const uint16_t by_code[] = {200, 408, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401};
    if (o->status)
        return o->status;
    return o->grpc_code >= 0 && o->grpc_code <= 16 ? by_code[o->grpc_code] : 500;
}

static struct trb_next reply_bare(struct trb_request *rq, uint32_t status)
{
    answer_headers(rq, rq->kernel->outcome(rq));
    return trb_reply_empty(rq, status);
}

static struct trb_next relay(struct trb_request *rq)
{
    rq->kernel->reply_head(rq, status_of(rq->kernel->outcome(rq)), -1);
    return rq->kernel->outcome_relay(rq);
}

static struct trb_next reply_nothing(struct trb_request *rq, uint32_t status)
{
    if (!answer_headers(rq, rq->kernel->outcome(rq)) && status >= 400)
        set_type(rq, SLICE("application/json"));
    return trb_reply(rq, status, nothing);
}

static struct trb_next first_bytes(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return invoke_call_failed(rq);
    struct trb_slice first = rq->kernel->outcome_first(rq);
    if (!first.at)
        return reply_nothing(rq, status_of(o));
    if (!answer_headers(rq, o))
        set_type(rq, sniff(first));
    return relay(rq);
}

static struct trb_next whole(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return invoke_call_failed(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (!answer_headers(rq, o))
        set_type(rq, SLICE("application/json"));
    return trb_reply(rq, status_of(o), body.len ? body : nothing);
}

/* {"code":5,"message":"…"}: what an app that speaks gRPC failed with. */
static struct trb_next reply_grpc_error(struct trb_request *rq, const struct trb_outcome *o)
{
    struct trb_slice quoted = json_quoted(rq, o->reason);
    struct trb_name body = trb_printf(rq, "{\"code\":%d,\"message\":%.*s}", o->grpc_code, SLICE_ARG(quoted));
    answer_headers(rq, o);
    set_type(rq, SLICE("application/json"));
    return trb_reply(rq, status_of(o), (struct trb_data){body.at, body.len, NULL});
}

static struct trb_next begin_events(struct trb_request *rq, const struct trb_outcome *o)
{
    answer_headers(rq, o);
    set_type(rq, SLICE("text/event-stream"));
    rq->kernel->set_header(rq, SLICE("Cache-Control"), (struct trb_slice){NULL, 0});
    rq->kernel->set_header(rq, SLICE("Cache-Control"), SLICE("no-cache"));
    rq->kernel->set_header(rq, SLICE("Connection"), SLICE("keep-alive"));
    return relay(rq);
}

struct trb_next invoke_answer(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct invoke *v = rq->state;
    const struct trb_outcome *o = k->outcome(rq);
    if (!o)
        return invoke_call_failed(rq);
    uint32_t status = status_of(o);
    if (!o->status && o->grpc_code)
        return reply_grpc_error(rq, o);
    if (status == 204 || status == 304 || status < 200 || slice_is(v->verb, SLICE("HEAD")))
        return reply_bare(rq, status);
    if (o->ended)
        return reply_nothing(rq, status);
    if (v->is_events && status < 400)
        return begin_events(rq, o);
    if (status >= 400 && !v->is_streamed)
        return k->outcome_gather(rq, ERROR_BODY, TRB_GO(whole));
    return k->outcome_peek(rq, TRB_GO(first_bytes));
}
