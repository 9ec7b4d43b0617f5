/* The answer to InvokeService: one message, or a status. An HTTP app's failure becomes a code, with what it
 * said in the details; a gRPC app's passes as it is.
 *
 *     rpc ──► (gather) ──► say
 */
#include "../call.h"
#include "../status.h"
#include "../trace.h"
#include <rpc/rpc.h>
#include <wire/wire.h>

static trb_step say;

static struct answer *answer_of(struct trb_request *rq)
{
    return &((struct call *)rq->state)->answer;
}

/* ---------------------------------------------------------------------------------- metadata */
static uint32_t way_of(const struct answer *a)
{
    return HEADERS_TO_GRPC_CLIENT | (a->is_http ? HEADERS_OF_HTTP : HEADERS_NO_GRPC);
}

/* The app's own trace, or the request's; always in both forms. */
static void set_trace(struct trb_request *rq, const struct answer *a)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_slice text = slice_name(trb_pair_get(&a->headers, "traceparent"));
    struct trb_slice binary = slice_name(trb_pair_get(&a->headers, "grpc-trace-bin"));
    char parent[TRACE_TEXT + 1], base64[TRACE_BASE64 + 1];
    if (!a->is_http)
        text = trace_from_binary(binary, parent) ? slice_of(parent) : (struct trb_slice){NULL, 0};
    struct trb_slice state = text.len ? slice_name(trb_pair_get(&a->headers, "tracestate")) : k->tracestate(rq);
    if (!text.len)
        text = k->traceparent(rq);
    if (!trace_to_binary(text, base64))
        return;
    k->set_header(rq, SLICE("traceparent"), text);
    k->set_header(rq, SLICE("grpc-trace-bin"), slice_of(base64));
    if (state.len)
        k->set_header(rq, SLICE("tracestate"), state);
}

static void set_lines(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    struct trb_pairs lines = lines_take(rq, &a->headers, way_of(a) | HEADERS_NO_TRACE, 0);
    for (uint32_t i = 0; i < lines.count; i++)
        rq->kernel->set_header(rq, slice_name(lines.at[i].key), slice_name(lines.at[i].value));
    set_trace(rq, a);
}

static void set_trailers(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    struct trb_pairs lines = lines_take(rq, &a->trailers, way_of(a), 0);
    for (uint32_t i = 0; i < lines.count; i++)
        rq->kernel->set_trailer(rq, slice_name(lines.at[i].key), slice_name(lines.at[i].value));
}

/* ------------------------------------------------------------------------------ the message */
static void put_data(struct text *t, const struct answer *a)
{
    if (!a->body.len && !a->type_url.len)
        return;
    size_t data = wire_begin(t, 1);
    wire_put_bytes(t, 1, a->type_url);
    wire_put_bytes(t, 2, slice_from(a->body.at, a->body.len));
    wire_end(t, data);
}

/* InvokeResponse, with the body copied once. */
static struct trb_next say_message(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    struct text message = {0};
    (void)text_room(&message, a->body.len + a->type_url.len + a->content_type.len + 64);
    put_data(&message, a);
    wire_put_bytes(&message, 2, a->content_type);
    struct trb_next next = trb_reply(rq, 200, (struct trb_data){message.at, message.len, NULL});
    text_fini(&message);
    return next;
}

/* ------------------------------------------------------------------------------- the failure */
static struct trb_next say_http_failure(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    struct trb_slice text = slice_of(rq->kernel->status_text(a->status));
    struct text details = {0};
    trb_code code = error_code_from_http((int)a->status);
    status_of_http(&details, code, text, a->status, slice_from(a->body.at, a->body.len));
    struct trb_status s = {.size = sizeof s, .code = code, .message = text, .details = text_slice(&details)};
    struct trb_next next = rq->kernel->reply_status(rq, &s);
    text_fini(&details);
    return next;
}

static struct trb_next say_failure(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    struct trb_status s = {.size = sizeof s, .code = a->code, .message = a->message, .details = a->details};
    return rq->kernel->reply_status(rq, &s);
}

static struct trb_next say_http(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    char room[20];
    rq->kernel->set_header(rq, SLICE("dapr-http-status"), slice_decimal(a->status, room));
    return error_code_from_http((int)a->status) ? say_http_failure(rq) : say_message(rq);
}

static struct trb_next say(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    set_lines(rq);
    set_trailers(rq);
    if (a->is_http)
        return say_http(rq);
    return a->code ? say_failure(rq) : say_message(rq);
}

/* ----------------------------------------------------------------------------------- all of it */
static struct trb_next too_large(struct trb_request *rq, uint64_t len)
{
    return rpc_refuse(rq, TRB_EXHAUSTED, "service-invocation", "grpc: trying to send message larger than max (%llu vs. %llu)",
                      (unsigned long long)len, (unsigned long long)rq->kernel->info->max_body);
}

static struct trb_next gathered(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_error *err = rq->kernel->outcome(rq) ? NULL : rq->kernel->failure(rq);
    if (err && !strcmp(err->reason, "ANSWER_TOO_LARGE"))
        return too_large(rq, rq->kernel->info->max_body + 1);
    if (err)
        return c->asker->failed(rq, TRB_INTERNAL, slice_of(err->message));
    c->answer.body = rq->kernel->outcome_body(rq);
    return TRB_GO(say);
}

struct trb_next answer_rpc(struct trb_request *rq)
{
    const struct answer *a = answer_of(rq);
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    uint64_t max = rq->kernel->info->max_body;
    if (a->is_whole || a->is_ended)
        return TRB_GO(say);
    if (max && o->content_length > 0 && (uint64_t)o->content_length > max)
        return too_large(rq, (uint64_t)o->content_length);
    return rq->kernel->outcome_gather(rq, max, TRB_GO(gathered));
}
