/* Another app, by way of its sidecar. A small body is kept until it is answered, so that the call can be
 * repeated when the way was broken; a large or endless one passes through once. */
#include "../invoke_block.h"

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
static void say_who_calls(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_name callee = text_kept(rq, v->call.app_id);
    headers_say(v, NAME("X-Forwarded-For"), info->host_address);
    headers_say(v, NAME("X-Forwarded-Host"), info->host_name);
    headers_say(v, NAME("Forwarded"), forwarded(rq, info));
    headers_say(v, NAME("Dapr-Caller-App-Id"), info->app_id);
    headers_say(v, NAME("Dapr-Caller-Namespace"), info->namespace_.len ? info->namespace_ : NAME("default"));
    headers_say(v, NAME("Dapr-Callee-App-Id"), callee);
    headers_say(v, NAME("destination-app-id"), callee);
}

static void say_length(struct trb_request *rq)
{
    int64_t length = rq->kernel->body_length(rq);
    char room[20];
    if (length > 0)
        headers_say(rq->state, NAME("Content-Length"), text_kept(rq, slice_decimal((uint64_t)length, room)));
}

static struct trb_next send_whole(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    const char *fault = rq->kernel->body_fault(rq);
    if (fault)
        return invoke_failed(rq, slice_of(fault));
    v->call.body_mode = TRB_BODY_GIVEN;
    v->call.body = rq->kernel->body(rq);
    return rq->kernel->send(rq, &v->call, v->then);
}

struct trb_next invoke_remote(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct invoke *v = rq->state;
    int64_t length = k->body_length(rq);
    headers_take(rq, v, HEADERS_TO_PEER, 8);
    say_who_calls(rq);
    say_length(rq);
    v->call.to = TRB_TO_PEER;
    v->call.headers = v->headers;
    v->call.path = v->method;
    v->call.query = k->raw_query(rq);
    v->call.content_type = k->header(rq, "content-type");
    if (length > 0 && length <= (int64_t)REPLAYED)
        return k->body_gather(rq, TRB_GO(send_whole));
    return send_streamed(rq);
}
