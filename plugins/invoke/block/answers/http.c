/* The answer to an HTTP client: streamed below 400, with its length from there on. What an app that speaks
 * gRPC failed with is said as JSON.
 *
 *     http ──► (peek) ──► relay
 *         ├──► gather ──► whole
 *         └──► message, or status
 */
#include "../call.h"
#include "../sniff.h"
#include "../status.h"

#define ERROR_BODY (64u << 20)             /* an error answer is gathered so that its length can be said */

static trb_step first_bytes, gathered;

static const struct trb_data nothing = {"", 0, NULL};

static void set_type(struct trb_request *rq, struct trb_slice type)
{
    rq->kernel->set_header(rq, SLICE("Content-Type"), type);
}

/* Of an app that speaks gRPC the message says the type, its metadata only how gRPC is spelled. */
static bool set_lines(struct trb_request *rq)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    uint32_t way = HEADERS_TO_HTTP_CLIENT | HEADERS_NO_TYPE | (a->is_http ? 0 : HEADERS_NO_GRPC);
    struct trb_pairs lines = lines_take(rq, &a->headers, way, 0);
    for (uint32_t i = 0; i < lines.count; i++)
        rq->kernel->set_header(rq, slice_name(lines.at[i].key), slice_name(lines.at[i].value));
    if (a->content_type.len && a->status != 304)
        set_type(rq, a->content_type);
    return a->content_type.len > 0;
}

/* ------------------------------------------------------------------------------ as it streams */
static uint32_t status_of(struct trb_request *rq)
{
    return ((struct call *)rq->state)->answer.status;
}

static struct trb_next relay(struct trb_request *rq)
{
    rq->kernel->reply_head(rq, status_of(rq), -1);
    return rq->kernel->outcome_relay(rq);
}

static struct trb_next reply_bare(struct trb_request *rq)
{
    set_lines(rq);
    return trb_reply_empty(rq, status_of(rq));
}

static struct trb_next reply_nothing(struct trb_request *rq)
{
    if (!set_lines(rq) && status_of(rq) >= 400)
        set_type(rq, SLICE("application/json"));
    return trb_reply(rq, status_of(rq), nothing);
}

static struct trb_next fail(struct trb_request *rq)
{
    struct call *c = rq->state;
    return c->asker->failed(rq, TRB_INTERNAL, slice_of(rq->kernel->failure(rq)->message));
}

static struct trb_next first_bytes(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return fail(rq);
    struct trb_slice first = rq->kernel->outcome_first(rq);
    if (!first.at)
        return reply_nothing(rq);
    if (!set_lines(rq))
        set_type(rq, sniff(first));
    return relay(rq);
}

static struct trb_next gathered(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return fail(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (!set_lines(rq))
        set_type(rq, SLICE("application/json"));
    return trb_reply(rq, status_of(rq), body.len ? body : nothing);
}

static struct trb_next begin_events(struct trb_request *rq)
{
    set_lines(rq);
    set_type(rq, SLICE("text/event-stream"));
    rq->kernel->set_header(rq, SLICE("Cache-Control"), (struct trb_slice){NULL, 0});
    rq->kernel->set_header(rq, SLICE("Cache-Control"), SLICE("no-cache"));
    rq->kernel->set_header(rq, SLICE("Connection"), SLICE("keep-alive"));
    return relay(rq);
}

/* ----------------------------------------------------------------------- of an app that speaks gRPC */
static struct trb_next end(struct trb_request *rq)
{
    return rq->kernel->reply_end(rq);
}

static struct trb_next reply_message(struct trb_request *rq)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    if (!set_lines(rq))
        set_type(rq, sniff(slice_cut(slice_from(a->body.at, a->body.len), SNIFF_BYTES)));
    rq->kernel->reply_head(rq, a->status, -1);
    return rq->kernel->reply_send(rq, a->body, TRB_GO(end));
}

static struct trb_next reply_status(struct trb_request *rq)
{
    struct answer *a = &((struct call *)rq->state)->answer;
    a->content_type = SLICE("application/json");
    set_lines(rq);
    struct text json = {0};
    status_json(&json, a->code, a->message, a->details);
    struct trb_next next = trb_reply(rq, (uint32_t)error_code_to_http(a->code), (struct trb_data){json.at, json.len, NULL});
    text_fini(&json);
    return next;
}

struct trb_next answer_http(struct trb_request *rq)
{
    struct call *c = rq->state;
    struct answer *a = &c->answer;
    if (!a->is_http && a->code)
        return reply_status(rq);
    if (!a->is_http)
        a->status = 200;
    if (a->status == 204 || a->status == 304 || a->status < 200 || slice_is(c->verb, SLICE("HEAD")))
        return reply_bare(rq);
    if (a->is_ended)
        return reply_nothing(rq);
    if (a->is_whole)
        return reply_message(rq);
    if (c->is_events && a->status < 400)
        return begin_events(rq);
    if (a->status >= 400 && !c->is_streamed)
        return rq->kernel->outcome_gather(rq, ERROR_BODY, TRB_GO(gathered));
    return rq->kernel->outcome_peek(rq, TRB_GO(first_bytes));
}
