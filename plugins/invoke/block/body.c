/* body: the question's body on its way, whether it came inside a message or comes in piece by piece. */
#include "call.h"

int64_t body_length(struct trb_request *rq)
{
    struct call *c = rq->state;
    return c->has_body ? (int64_t)c->body.len : rq->kernel->body_length(rq);
}

static struct trb_next send(struct trb_request *rq, uint32_t mode)
{
    struct call *c = rq->state;
    c->out.body_mode = mode;
    c->out.body = c->body;
    return rq->kernel->send(rq, &c->out, c->then);
}

static struct trb_next send_given(struct trb_request *rq)
{
    struct call *c = rq->state;
    return send(rq, c->body.len ? TRB_BODY_GIVEN : TRB_BODY_ABSENT);
}

static bool is_usual_with_body(struct trb_slice verb)
{
    return slice_is(verb, SLICE("POST")) || slice_is(verb, SLICE("PUT")) || slice_is(verb, SLICE("PATCH")) ||
           slice_is(verb, SLICE("TRACE"));
}

static struct trb_next probe(struct trb_request *rq)
{
    bool is_empty = rq->kernel->body_ended(rq) && !rq->kernel->body_fault(rq);
    return send(rq, is_empty ? TRB_BODY_ABSENT : TRB_BODY_RELAYED);
}

/* Of a body without a length nobody knows whether it is one: verbs that rarely have one wait and see. */
struct trb_next send_streamed(struct trb_request *rq)
{
    struct call *c = rq->state;
    int64_t length = body_length(rq);
    if (c->has_body)
        return send_given(rq);
    if (length == -1 && c->out.to != TRB_TO_PEER && !is_usual_with_body(c->verb))
        return rq->kernel->body_wait(rq, TRB_GO(probe));
    return send(rq, length == 0 || length == -2 ? TRB_BODY_ABSENT : TRB_BODY_RELAYED);
}

static struct trb_next gathered(struct trb_request *rq)
{
    struct call *c = rq->state;
    const char *fault = rq->kernel->body_fault(rq);
    if (fault)
        return c->asker->failed(rq, TRB_INVALID, slice_of(fault));
    c->body = rq->kernel->body(rq);
    c->has_body = true;
    return c->gathered;
}

struct trb_next body_gather(struct trb_request *rq, struct trb_next then)
{
    struct call *c = rq->state;
    c->gathered = then;
    return c->has_body ? then : rq->kernel->body_gather(rq, TRB_GO(gathered));
}

struct trb_next send_whole(struct trb_request *rq)
{
    return body_gather(rq, TRB_GO(send_given));
}
