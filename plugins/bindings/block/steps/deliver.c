/* An event of an input binding on its way to the application.
 *
 *     parse ──► call ┄┄ the app answers ┄┄► hear (the tongue's) ──► [forward …] ──► (delivery_done)
 */
#include "../bindings_block.h"
#include <base/clock.h>

static trb_step call, hear;

static const struct tongue *tongue_of(struct trb_request *rq)
{
    return app_speaks_grpc(rq->kernel) ? &rpc_tongue : &http_tongue;
}

struct trb_next event_parse(struct trb_request *rq)
{
    struct delivery *d = trb_request_state(rq, sizeof *d);
    d->binding = ((struct reader *)rq->kernel->task_arg(rq))->binding;
    d->event = rq->kernel->event(rq);
    d->began_ns = clock_now_ns();
    tongue_of(rq)->ask(rq, d);
    return TRB_GO(call);
}

static struct trb_next call(struct trb_request *rq)
{
    return rq->kernel->send(rq, &((struct delivery *)rq->state)->call, TRB_GO(hear));
}

static struct trb_next hear(struct trb_request *rq)
{
    return tongue_of(rq)->hear(rq);
}

struct trb_next delivery_done(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    binding_count_read(rq->kernel, d->binding, true, d->began_ns);
    return rq->kernel->settle(rq, TRB_ACK, NULL, d->answer);
}

struct trb_next delivery_fail(struct trb_request *rq, const char *format, ...)
{
    struct delivery *d = rq->state;
    va_list ap;
    d->why = (struct trb_error){.size = sizeof d->why, .code = TRB_INTERNAL, .item = -1};
    va_start(ap, format);
    vsnprintf(d->why.message, sizeof d->why.message, format, ap);
    va_end(ap);
    say(rq->kernel, TRB_LOG_ERROR, "error from app consumer for binding [%s]: %s", d->binding->name.at, d->why.message);
    binding_count_read(rq->kernel, d->binding, false, d->began_ns);
    return rq->kernel->settle(rq, TRB_RETRY, &d->why, (struct trb_data){NULL, 0, NULL});
}
