/* forward: the answer of an app that speaks gRPC goes to other bindings as well: one after the other until one
 * fails, or to each of them whatever becomes of the others. A failure is logged; the event is done all the same.
 *
 *     begin ──► ask ┄┄► next ──► … ──► (delivery_done)
 *         └──► a task for each: alone ┄┄► alone_over
 */
#include "../bindings_block.h"
#include <base/mem.h>

static trb_step ask, next, alone, alone_over;

static void blame(struct trb_request *rq, struct trb_name name, const char *why)
{
    say(rq->kernel, TRB_LOG_ERROR, "error executing app response: error invoking output binding %s: %s", name.at, why);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const char *why;
    if (d->to_next == d->to_count)
        return delivery_done(rq);
    struct trb_instance *i = output_find(rq, d->to[d->to_next], d->copy.operation, &why);
    if (i)
        return trb_ask(rq, i, TRB_AT(bindings, invoke), &d->copy, TRB_GO(next));
    blame(rq, d->to[d->to_next], why);
    return delivery_done(rq);
}

/* NULL: it went well. */
static const char *failure_of(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    const struct trb_binding_answer *a = rq->kernel->answer(rq);
    if (err)
        return component_text(rq, err).at;
    return TRB_HAS(a, failure.at) ? name_copy(rq, a->failure).at : NULL;
}

static struct trb_next next(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const char *why = failure_of(rq);
    if (why) {
        blame(rq, d->to[d->to_next], why);
        return delivery_done(rq);
    }
    d->to_next++;
    return TRB_GO(ask);
}

/* ------------------------------------------------------------------------------------ side by side */
struct alone {
    struct trb_binding_invoke question;
    struct trb_name name;
};

static struct trb_next alone(struct trb_request *rq)
{
    struct alone *given = rq->kernel->task_arg(rq), *a = trb_request_state(rq, sizeof *a);
    const char *why;
    *a = *given;
    a->name = name_copy(rq, slice_name(given->name));
    struct trb_name data = name_copy(rq, slice_from(given->question.data.at, given->question.data.len));
    a->question.data = (struct trb_data){data.at, data.len, NULL};
    mem_free(given);
    struct trb_instance *i = output_find(rq, a->name, a->question.operation, &why);
    if (i)
        return trb_ask(rq, i, TRB_AT(bindings, invoke), &a->question, TRB_GO(alone_over));
    blame(rq, a->name, why);
    return rq->kernel->task_end(rq);
}

static struct trb_next alone_over(struct trb_request *rq)
{
    const char *why = failure_of(rq);
    if (why)
        blame(rq, ((struct alone *)rq->state)->name, why);
    return rq->kernel->task_end(rq);
}

/* The task has a copy of its own, in one piece: it may outlive the event. */
static void begin_alone(struct trb_request *rq, const struct delivery *d, struct trb_name to)
{
    struct alone *a = mem_zero(sizeof *a + to.len + 1 + d->copy.data.len);
    char *name = (char *)(a + 1), *data = name + to.len + 1;
    memcpy(name, to.at, to.len);
    memcpy(data, d->copy.data.at, d->copy.data.len);
    a->name = (struct trb_name){name, to.len};
    a->question = d->copy;
    a->question.data = (struct trb_data){data, d->copy.data.len, NULL};
    rq->kernel->task(rq->kernel, rq->self, -1, TRB_GO(alone), a);
}

struct trb_next forward_begin(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    if (!d->is_parallel)
        return TRB_GO(ask);
    for (uint32_t i = 0; i < d->to_count; i++)
        begin_alone(rq, d, d->to[i]);
    return delivery_done(rq);
}
