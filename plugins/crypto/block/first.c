/* first: the first message of a gRPC stream, and the patience for it.
 *
 *     crossing_first ──► hear ◄┄┄ a message, the end of the stream, the end of the patience
 *     watch ┄┄ five seconds ┄┄► late      (a task of its own, woken early by the message)
 */
#include "crossing.h"
#include <base/mem.h>

#define PATIENCE_NS (5 * 1000000000ull)

struct patience {                   /* shared by the stream and its task, under the block's lock */
    const struct trb_kernel *kernel;
    void *block;
    struct trb_request *stream, *task;      /* both pinned until both have left; task: NULL until it runs */
    uint32_t refs;
    bool is_over, is_late;
};

/* The last of the two frees it. Nobody is woken with the lock: who wakes may run the other's step. */
static void leave(struct patience *p)
{
    p->kernel->lock(p->block);
    uint32_t left = --p->refs;
    p->kernel->unlock(p->block);
    if (left)
        return;
    p->kernel->unpin(p->stream);
    if (p->task)
        p->kernel->unpin(p->task);
    mem_free(p);
}

/* ------------------------------------------------------------------------------------- the task */
static void watch_over(struct trb_request *rq, void *arg)
{
    leave(arg);
}

static struct trb_next late(struct trb_request *rq)
{
    struct patience *p = rq->kernel->task_arg(rq);
    p->kernel->lock(p->block);
    p->is_late = !p->is_over;
    p->kernel->unlock(p->block);
    if (p->is_late)
        p->kernel->wake(p->stream);
    return rq->kernel->task_end(rq);
}

static struct trb_next watch(struct trb_request *rq)
{
    struct patience *p = rq->kernel->task_arg(rq);
    rq->kernel->pin(rq);
    rq->kernel->on_over(rq, watch_over, p);
    p->kernel->lock(p->block);
    p->task = rq;
    bool is_wanted = !p->is_over;
    p->kernel->unlock(p->block);
    return is_wanted ? rq->kernel->sleep(rq, PATIENCE_NS, TRB_GO(late)) : rq->kernel->task_end(rq);
}

/* ------------------------------------------------------------------------------------ the stream */
static void patience_begin(struct trb_request *rq, struct crossing *c)
{
    struct patience *p = mem_zero(sizeof *p);
    *p = (struct patience){.kernel = rq->kernel, .block = rq->self, .stream = rq, .refs = 2};
    c->patience = p;
    rq->kernel->pin(rq);
    rq->kernel->task(rq->kernel, rq->self, -1, TRB_GO(watch), p);
}

void patience_end(struct trb_request *rq, struct crossing *c)
{
    struct patience *p = c->patience;
    if (!p)
        return;
    c->patience = NULL;
    rq->kernel->lock(rq->self);
    p->is_over = true;
    struct trb_request *task = p->task;
    rq->kernel->unlock(rq->self);
    if (task)
        rq->kernel->wake(task);
    leave(p);
}

static bool is_late(struct trb_request *rq, const struct crossing *c)
{
    rq->kernel->lock(rq->self);
    bool is_so = c->patience && c->patience->is_late;
    rq->kernel->unlock(rq->self);
    return is_so;
}

static struct trb_next hear(struct trb_request *rq, struct crossing *c, struct trb_data data)
{
    struct crossing_message m;
    struct trb_next next;
    patience_end(rq, c);
    if (!crossing_read(rq, c, data, &m, &next))
        return next;
    if (!m.options)
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: first message does not contain the required options");
    if (!crossing_keep(rq, c, data, &m, &next))
        return next;
    return c->opened(rq, m.options);
}

static struct trb_next wait(struct trb_request *rq)
{
    struct crossing *c = rq->state;
    struct trb_data data = rq->kernel->body_take(rq);
    if (data.at) {
        struct trb_next next = hear(rq, c, data);
        rq->kernel->host->buf_unref(data.owner);
        return next;
    }
    if (rq->kernel->body_ended(rq))
        return crossing_fail(rq, c, "error receiving the first message: EOF");
    if (is_late(rq, c))
        return trb_refuse(rq, &BAD_REQUEST, "invalid request: error waiting for first message: context deadline exceeded");
    if (!c->patience)
        patience_begin(rq, c);
    return rq->kernel->body_wait(rq, TRB_GO(wait));
}

struct trb_next crossing_first(struct trb_request *rq, struct crossing *c, opened *then)
{
    c->opened = then;
    return TRB_GO(wait);
}
