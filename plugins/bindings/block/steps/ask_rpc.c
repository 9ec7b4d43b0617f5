/* AppCallback/ListInputBindings of the app: heard once, it counts for good. grpc-api.md 5.2
 *
 *     call ┄┄► hear ──► readers_open
 */
#include "../bindings_block.h"
#include <base/error.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>

static trb_step hear;

struct asking {
    uint32_t times_up;
    struct trb_outcall call;
};

struct trb_next ask_rpc(struct trb_request *rq)
{
    struct asking *a = trb_request_state(rq, sizeof *a);
    a->times_up = ((struct block *)rq->self)->times_up;
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP_GRPC,
        .method = SLICE("/dapr.proto.runtime.v1.AppCallback/ListInputBindings"), .body_mode = TRB_BODY_GIVEN,
        .body = {"", 0, NULL}, .timeout_ns = rq->kernel->info->app_binding_options_timeout_ns,
        .flags = TRB_OUT_NO_TRACE | TRB_OUT_NO_TOKEN | TRB_OUT_NO_SLOT | TRB_OUT_EVEN_UNHEALTHY};
    return rq->kernel->send(rq, &a->call, TRB_GO(hear));
}

static const char *read_list(struct trb_request *rq, struct runtime_list_input_bindings_response *ret)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return rq->kernel->failure(rq)->message;
    if (o->grpc_code)
        return trb_printf(rq, "rpc error: code = %s desc = %.*s", error_code_name(o->grpc_code), SLICE_ARG(o->reason)).at;
    struct trb_data body = rq->kernel->outcome_body(rq);
    return rpc_parse(rq, slice_from(body.at ? body.at : "", body.len), &runtime_list_input_bindings_response_pb, ret);
}

static bool is_listed(const struct runtime_list_input_bindings_response *list, struct trb_name name)
{
    for (uint32_t i = 0; i < list->bindings.count; i++)
        if (slice_is(slice_name(list->bindings.at[i]), slice_name(name)))
            return true;
    return false;
}

static void judge(struct block *b, const struct runtime_list_input_bindings_response *list)
{
    list_each(node, &b->bindings) {
        struct binding *one = list_item(node, struct binding, link);
        if (one->verdict == VERDICT_UNKNOWN)
            one->verdict = is_listed(list, one->name) ? VERDICT_WANTED : VERDICT_UNWANTED;
    }
}

static struct trb_next hear(struct trb_request *rq)
{
    struct block *b = rq->self;
    struct runtime_list_input_bindings_response list = {0};
    b->is_asking = false;
    if (((struct asking *)rq->state)->times_up != b->times_up)
        return TRB_GO(readers_open);
    const char *fault = read_list(rq, &list);
    b->has_list = !fault;
    if (fault)
        say(b->kernel, TRB_LOG_ERROR, "failed to check whether the app is subscribed to bindings: %s", fault);
    judge(b, &list);
    return TRB_GO(readers_open);
}
