/* OPTIONS of an input binding's path: does the app take its events? http-api.md 5.7
 *
 *     find ──► call ┄┄► hear ──► readers_open
 */
#include "../bindings_block.h"

struct asking {
    struct binding *binding;
    uint32_t times_up;
    struct trb_pair header;
    struct trb_outcall call;
};

static trb_step hear;

struct trb_next ask_http(struct trb_request *rq)
{
    struct asking *a = trb_request_state(rq, sizeof *a);
    struct binding *binding = binding_still_there(rq->self, rq->kernel->task_arg(rq));
    if (!binding)
        return TRB_GO(readers_open);
    a->binding = binding;
    a->times_up = ((struct block *)rq->self)->times_up;
    if (!binding_instance(rq, binding)) {
        binding->is_asking = false;
        return rq->kernel->task_end(rq);
    }
    a->header = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP, .method = SLICE("OPTIONS"), .path = slice_name(binding->path),
        .headers = {&a->header, 1, sizeof a->header}, .timeout_ns = rq->kernel->info->app_binding_options_timeout_ns,
        .flags = TRB_OUT_NO_TRACE | TRB_OUT_EVEN_UNHEALTHY};
    return rq->kernel->send(rq, &a->call, TRB_GO(hear));
}

static void judge(struct trb_request *rq, struct binding *b)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    bool is_wanted = o && ((o->status >= 200 && o->status < 300) || o->status == 405);
    b->verdict = is_wanted ? VERDICT_WANTED : VERDICT_UNWANTED;
    if (!o)
        say(rq->kernel, TRB_LOG_ERROR, "failed to check whether the app is subscribed to bindings: could not invoke OPTIONS "
            "method on input binding subscription endpoint %s: %s", b->path.at, rq->kernel->failure(rq)->message);
    else if (is_wanted)
        say(rq->kernel, TRB_LOG_INFO, "application subscribed to binding %s", b->name.at);
    else
        say(rq->kernel, TRB_LOG_INFO, "application does not take events of binding %s: OPTIONS %s was answered %u",
            b->name.at, b->path.at, o->status);
}

static struct trb_next hear(struct trb_request *rq)
{
    struct asking *a = rq->state;
    if (a->times_up == ((struct block *)rq->self)->times_up)
        judge(rq, a->binding);
    a->binding->is_asking = false;
    return TRB_GO(readers_open);
}
