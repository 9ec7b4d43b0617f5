/* Another app, by way of its sidecar. A small body is kept until it is answered, so that the call can be
 * repeated when the way was broken; a large or endless one passes through once.
 *
 *     peer ──► (gather) ──► send ┄┄ the other sidecar answers ┄┄► taken ──► the asker's answer
 */
#include "../call.h"

#define REPLAYED (256u << 10)              /* bytes of a body that may be sent again */
#define OURS 8u                            /* lines that are added */

static struct trb_name forwarded(struct trb_request *rq, const struct trb_runtime_info *info)
{
    bool v6 = memchr(info->host_address.at, ':', info->host_address.len) != NULL;
    bool bracketed = info->host_address.at[0] == '[';
    struct trb_slice host = slice_name(info->host_address), open = slice_of(bracketed ? "\"" : v6 ? "\"[" : ""),
                     close = slice_of(bracketed ? "\"" : v6 ? "]\"" : "");
    struct trb_slice parts[] = {SLICE("for="), open, host, close, SLICE(";by="), open, host, close, SLICE(";host="),
                                slice_name(info->host_name)};
    return text_joined(rq, parts, sizeof parts / sizeof parts[0]);
}

/* Lines of ours stand beside those of the client: nothing it said is replaced. */
static void say_who_calls(struct trb_request *rq, struct call *c)
{
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_name callee = text_kept(rq, c->out.app_id);
    lines_add(&c->headers, NAME("X-Forwarded-For"), info->host_address);
    lines_add(&c->headers, NAME("X-Forwarded-Host"), info->host_name);
    lines_add(&c->headers, NAME("Forwarded"), forwarded(rq, info));
    lines_add(&c->headers, NAME("Dapr-Caller-App-Id"), info->app_id);
    lines_add(&c->headers, NAME("Dapr-Caller-Namespace"), info->namespace_.len ? info->namespace_ : NAME("default"));
    lines_add(&c->headers, NAME("Dapr-Callee-App-Id"), callee);
    lines_add(&c->headers, NAME("destination-app-id"), callee);
}

/* HTTP knows it before the body comes; the message of a gRPC client has no such line. */
static void say_length(struct trb_request *rq, struct call *c, int64_t length)
{
    char room[20];
    if (length > 0 && c->asker->spelling & HEADERS_OF_HTTP)
        lines_add(&c->headers, NAME("Content-Length"), text_kept(rq, slice_decimal((uint64_t)length, room)));
}

static struct trb_next taken(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    const struct trb_error *err = o ? NULL : rq->kernel->failure(rq);
    if (err)
        return c->asker->failed(rq, err->code, slice_of(err->message));
    struct trb_slice type = o->content_type;
    if (o->status && !type.len)
        type = slice_name(trb_pair_get(&o->headers, "content-type"));
    c->answer = (struct answer){
        .is_http = o->status != 0, .is_ended = o->ended, .status = o->status, .code = o->grpc_code, .message = o->reason,
        .details = o->details, .headers = o->headers, .trailers = o->trailers, .content_type = type, .type_url = o->type_url};
    return c->asker->answer;
}

struct trb_next to_peer(struct trb_request *rq)
{
    struct call *c = rq->state;
    int64_t length = body_length(rq);
    c->headers = lines_take(rq, &c->metadata, HEADERS_TO_PEER | c->asker->spelling, OURS);
    say_who_calls(rq, c);
    say_length(rq, c, length);
    c->out.to = TRB_TO_PEER;
    c->out.method = c->verb;
    c->out.headers = c->headers;
    c->out.path = c->method;
    c->out.query = c->query;
    c->out.content_type = c->content_type;
    c->out.type_url = c->type_url;
    c->then = TRB_GO(taken);
    return length > 0 && length <= (int64_t)REPLAYED ? send_whole(rq) : send_streamed(rq);
}
