/* InvokeService: a message with the id of an app and what to call there.
 *
 *     rpc ──► route
 */
#include "../call.h"
#include "../verbs.h"
#include <pb/runtime.h>
#include <rpc/rpc.h>

/* What this hop says of itself; the rest is the caller's, its content type and name too. */
static bool is_of_this_hop(struct trb_slice name)
{
    static const char *const list[] = {"te", "grpc-timeout", "grpc-encoding", "grpc-message-type", "grpc-message", "grpc-status"};
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (slice_is(name, slice_of(list[i])))
            return true;
    return false;
}

static struct trb_pairs metadata_of(struct trb_request *rq)
{
    struct trb_pairs all = rq->kernel->headers(rq);
    struct trb_pair *to = trb_alloc(rq, (all.count + 1) * sizeof *to);
    uint32_t count = 0;
    for (uint32_t i = 0; i < all.count; i++)
        if (!is_of_this_hop(slice_name(trb_pair_at(&all, i)->key)))
            to[count++] = *trb_pair_at(&all, i);
    return (struct trb_pairs){to, count, sizeof *to};
}

static void take_message(struct trb_request *rq, const struct common_invoke_request *m)
{
    struct call *c = rq->state;
    if (m->http_extension)
        c->verb = verb_name(m->http_extension->verb);
    c->query = m->http_extension ? slice_name(m->http_extension->querystring) : SLICE("");
    c->content_type = slice_name(m->content_type);
    c->type_url = m->data ? slice_name(m->data->type_url) : SLICE("");
    c->body = rpc_data(rq, m->data ? m->data->value : SLICE(""));
    c->has_body = true;
}

static const struct asker asker = {.answer = TRB_GO(answer_rpc), .refused = client_refused, .failed = client_failed,
                                   .no_app = client_no_app};

struct trb_next invoke_rpc(struct trb_request *rq)
{
    static const struct common_invoke_request nothing;
    struct runtime_invoke_service_request q;
    struct trb_next refusal;
    struct call *c = call_create(rq, &asker);
    if (!rpc_read(rq, &runtime_invoke_service_request_pb, &q, &refusal))
        return refusal;
    c->target = q.id;
    c->metadata = metadata_of(rq);
    take_message(rq, q.message ? q.message : &nothing);
    const char *fault = call_clean(rq, q.message ? slice_name(q.message->method) : SLICE(""));
    if (fault)
        return client_refused(rq, TRB_INVALID, slice_of(fault));
    return TRB_GO(invoke_route);
}
