/* * /v1.0/invoke/{target}/method/{method…}, and every path without a route of its own
 *
 *     parse ──► local ────────► answer
 *          ├──► remote ───────► answer
 *          └──► external ─────► answer
 */
#include "../invoke_block.h"

static struct trb_next refuse_target(struct trb_request *rq)
{
    return trb_refuse(rq, &NO_TARGET, "failed getting app id either from the URL path or the header dapr-app-id");
}

static bool wants_events(struct trb_request *rq)
{
    return slice_is_nocase(slice_trim(rq->kernel->header(rq, "accept")), SLICE("text/event-stream"));
}

static struct trb_slice own_namespace(const struct trb_runtime_info *info)
{
    return info->namespace_.len ? slice_name(info->namespace_) : SLICE("default");
}

static struct trb_next choose(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_slice target = slice_name(v->target), app_id, namespace_;
    struct endpoint endpoint;
    struct block *b = rq->self;
    rq->kernel->lock(b);
    bool is_endpoint = endpoints_find(b->endpoints, rq, target, &endpoint);
    rq->kernel->unlock(b);
    if (is_endpoint) {
        v->endpoint = endpoint;
        v->follows = true;
        return TRB_GO(invoke_external);
    }
    if (target_is_url(target)) {
        v->endpoint.base_url = v->target;
        return TRB_GO(invoke_external);
    }
    if (!target_split(target, &app_id, &namespace_))
        return invoke_failed(rq, slice_name(trb_printf(rq, "invalid app id %s", v->target.at)));
    v->call.app_id = app_id;
    v->call.namespace_ = namespace_.at ? namespace_ : own_namespace(info);
    if (slice_is(app_id, slice_name(info->app_id)) && slice_is(v->call.namespace_, own_namespace(info)))
        return TRB_GO(invoke_local);
    return TRB_GO(invoke_remote);
}

struct trb_next invoke_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct invoke *v = trb_request_state(rq, sizeof *v);
    struct trb_slice path = k->target(rq), authorization = k->header(rq, "authorization");
    char *fault = trb_alloc(rq, ADDRESS_FAULT);
    struct address address;
    if (!address_find(k->header(rq, "dapr-app-id"), authorization, path,
                      trb_alloc(rq, 2 * path.len + authorization.len + 2), &address))
        return refuse_target(rq);
    v->target = text_kept(rq, address.target);
    if (!method_clean(address.method, trb_alloc(rq, address.method.len + 1), &v->method, fault))
        return invoke_failed(rq, slice_name(trb_printf(
            rq, "rpc error: code = InvalidArgument desc = invalid method: %s", fault)));
    v->call.size = sizeof v->call;
    v->verb = v->call.method = verb_of(k->method(rq));
    v->then = TRB_GO(invoke_answer);
    v->is_streamed = k->body_length(rq) == -1;
    v->is_events = wants_events(rq);
    return choose(rq);
}
