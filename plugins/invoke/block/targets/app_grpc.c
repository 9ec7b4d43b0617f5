/* The own app speaks gRPC: one call of its OnInvoke, with the body as a message. What the app answers is an
 * answer, whatever its code; so is what gRPC itself says when the app cannot be reached.
 *
 *     app_grpc ──► (gather) ──► ask ┄┄ the app answers ┄┄► taken ──► the asker's answer
 */
#include "../call.h"
#include "../verbs.h"
#include <pb/common.h>
#include <rpc/rpc.h>

#define ON_INVOKE SLICE("/dapr.proto.runtime.v1.AppCallback/OnInvoke")

static trb_step ask, taken;

static struct trb_data message_of(struct trb_request *rq, struct call *c)
{
    struct common_http_extension extension = {verb_number(c->verb), text_kept(rq, c->query)};
    struct google_any data = {text_kept(rq, c->type_url), slice_from(c->body.at, c->body.len)};
    struct common_invoke_request q = {
        .method = text_kept(rq, c->method), .data = c->body.len || c->type_url.len ? &data : NULL,
        .content_type = text_kept(rq, c->content_type), .http_extension = c->verb.at ? &extension : NULL};
    return rpc_message(rq, &common_invoke_request_pb, &q);
}

static struct trb_next fail(struct trb_request *rq, trb_code code, struct trb_slice message)
{
    struct call *c = rq->state;
    c->answer = (struct answer){.is_whole = true, .is_ended = true, .code = code, .message = message};
    return c->asker->answer;
}

struct trb_next to_app_grpc(struct trb_request *rq)
{
    uint64_t max = rq->kernel->info->max_body;
    int64_t length = body_length(rq);
    if (max && length > 0 && (uint64_t)length > max)
        return fail(rq, TRB_EXHAUSTED, slice_name(trb_printf(
            rq, "trying to send message larger than max (%lld vs. %llu)", (long long)length, (unsigned long long)max)));
    return body_gather(rq, TRB_GO(ask));
}

static struct trb_next ask(struct trb_request *rq)
{
    struct call *c = rq->state;
    uint32_t token = rq->kernel->info->has_api_token ? HEADERS_NO_API_TOKEN : 0;
    c->out.to = TRB_TO_APP_GRPC;
    c->out.method = ON_INVOKE;
    c->out.headers = lines_take(rq, &c->metadata, HEADERS_TO_GRPC_APP | c->asker->spelling | token, 0);
    c->out.body_mode = TRB_BODY_GIVEN;
    c->out.body = message_of(rq, c);
    return rq->kernel->send(rq, &c->out, TRB_GO(taken));
}

static void take_message(struct answer *a, struct trb_data message, const struct common_invoke_response *m)
{
    a->content_type = slice_name(m->content_type);
    a->type_url = m->data ? slice_name(m->data->type_url) : SLICE("");
    if (m->data)
        a->body = (struct trb_data){m->data->value.at, m->data->value.len, message.owner};
    a->is_ended = !a->body.len;
}

static struct trb_next read_message(struct trb_request *rq)
{
    struct call *c = rq->state;
    struct trb_data body = rq->kernel->outcome_body(rq);
    struct common_invoke_response message;
    const char *fault = rpc_parse(rq, slice_from(body.at ? body.at : "", body.len), &common_invoke_response_pb, &message);
    if (fault)
        return fail(rq, TRB_INTERNAL, slice_name(trb_printf(rq, "grpc: failed to unmarshal the received message: %s", fault)));
    take_message(&c->answer, body, &message);
    return c->asker->answer;
}

static struct trb_next taken(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    const struct trb_error *err = o ? NULL : rq->kernel->failure(rq);
    if (err && (!strcmp(err->reason, "NO_APP") || !strcmp(err->reason, "APP_UNHEALTHY")))
        return app_failed(rq);
    if (err)
        return fail(rq, err->code, slice_of(err->message));
    c->answer = (struct answer){.is_whole = true, .is_ended = true, .code = o->grpc_code, .message = o->reason,
                                .details = o->details, .headers = o->headers, .trailers = o->trailers};
    return o->grpc_code ? c->asker->answer : read_message(rq);
}
