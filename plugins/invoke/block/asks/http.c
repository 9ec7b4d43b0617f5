/* * /v1.0/invoke/{target}/method/{method…}, and every path without a route of its own.
 *
 *     http ──► route
 */
#include "../call.h"
#include "../verbs.h"

/* Its client reads no JSON. */
static struct trb_next refuse_grpc(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    k->set_header(rq, SLICE("Content-Type"), SLICE("application/grpc"));
    k->set_header(rq, SLICE("grpc-status"), SLICE("12"));
    k->set_header(rq, SLICE("grpc-message"), SLICE("this port speaks HTTP: the gRPC API is on --dapr-grpc-port"));
    return trb_reply_empty(rq, NO_TARGET.http_status);
}

static struct trb_next refuse_target(struct trb_request *rq)
{
    if (slice_starts(rq->kernel->header(rq, "content-type"), SLICE("application/grpc")))
        return refuse_grpc(rq);
    return trb_refuse(rq, &NO_TARGET, "failed getting app id either from the URL path or the header dapr-app-id");
}

/* GET HEAD POST PUT PATCH DELETE OPTIONS TRACE as they are, CONNECT too, anything else is POST. */
static struct trb_slice verb_of(struct trb_slice method)
{
    return verb_number(method) ? method : SLICE("POST");
}

static struct trb_slice unrooted(struct trb_slice method)
{
    while (method.len && method.at[0] == '/')
        method = slice_skip(method, 1);
    return method;
}

static bool find_address(struct trb_request *rq, struct address *ret)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_slice path = k->target(rq), authorization = k->header(rq, "authorization");
    char *room = trb_alloc(rq, 2 * path.len + authorization.len + 2);
    return address_find(k->header(rq, "dapr-app-id"), authorization, path, room, ret);
}

static const struct asker asker = {.spelling = HEADERS_OF_HTTP, .answer = TRB_GO(answer_http), .refused = client_refused,
                                   .failed = client_failed, .no_app = client_no_app};

struct trb_next invoke_http(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct call *c = call_create(rq, &asker);
    struct address address;
    if (!find_address(rq, &address))
        return refuse_target(rq);
    c->target = text_kept(rq, address.target);
    const char *fault = call_clean(rq, unrooted(address.method));
    if (fault)
        return client_refused(rq, TRB_INVALID, slice_of(fault));
    c->verb = verb_of(k->method(rq));
    c->query = k->raw_query(rq);
    c->content_type = k->header(rq, "content-type");
    c->metadata = k->headers(rq);
    c->is_streamed = k->body_length(rq) == -1;
    c->is_events = slice_is_nocase(slice_trim(k->header(rq, "accept")), SLICE("text/event-stream"));
    return TRB_GO(invoke_route);
}
