/* route: whom a call is for: an endpoint by its name, a URL, the own app, or another one.
 *
 *     route ──► own_app ──► app_http
 *          │           └──► app_grpc
 *          ├──► peer
 *          └──► url
 */
#include "call.h"

static struct trb_slice own_namespace(const struct trb_runtime_info *info)
{
    return info->namespace_.len ? slice_name(info->namespace_) : SLICE("default");
}

struct trb_next invoke_own_app(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_runtime_info *info = rq->kernel->info;
    if (!info->app_port)
        return c->asker->no_app(rq);
    if (slice_starts(slice_name(info->app_protocol), SLICE("grpc")))
        return TRB_GO(to_app_grpc);
    return TRB_GO(to_app_http);
}

static bool is_endpoint(struct trb_request *rq)
{
    struct call *c = rq->state;
    struct block *b = rq->self;
    rq->kernel->lock(b);
    bool found = endpoints_find(b->endpoints, rq, slice_name(c->target), &c->endpoint);
    rq->kernel->unlock(b);
    return found;
}

static struct trb_next refuse(struct trb_request *rq)
{
    struct call *c = rq->state;
    if (!c->target.len)
        return c->asker->failed(rq, TRB_INVALID, SLICE("app id is empty"));
    return c->asker->failed(rq, TRB_INVALID, slice_name(trb_printf(rq, "invalid app id %s", c->target.at)));
}

struct trb_next invoke_route(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_slice target = slice_name(c->target), app_id, namespace_;
    if (is_endpoint(rq))
        return TRB_GO(to_url);
    if (target_is_url(target)) {
        c->endpoint = (struct endpoint){.base_url = c->target, .is_bare = true};
        return TRB_GO(to_url);
    }
    if (!target_split(target, &app_id, &namespace_))
        return refuse(rq);
    c->out.app_id = app_id;
    c->out.namespace_ = namespace_.at ? namespace_ : own_namespace(info);
    bool is_own = slice_is(app_id, slice_name(info->app_id)) && slice_is(c->out.namespace_, own_namespace(info));
    return is_own ? TRB_GO(invoke_own_app) : TRB_GO(to_peer);
}
