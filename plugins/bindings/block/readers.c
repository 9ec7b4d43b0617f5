/* readers: the streams of input bindings: opened when the app is up and takes the binding's events, closed when
 * either leaves, opened again after a pause when the product ended one. All of it on the main loop. */
#include "bindings_block.h"
#include <base/clock.h>
#include <base/mem.h>
#include <words/rest.h>

#define OPENING_NS (5 * CLOCK_S)        /* so long a stream that does not open keeps the process unready */

static trb_step rest, wake_up;

static struct binding *item(struct list *node)
{
    return list_item(node, struct binding, link);
}

struct binding *binding_still_there(struct block *b, const struct binding *binding)
{
    list_each(node, &b->bindings)
        if (item(node) == binding)
            return item(node);
    return NULL;
}

struct trb_instance *binding_instance(struct trb_request *rq, const struct binding *binding)
{
    struct trb_instance *i = rq->kernel->find(rq, "bindings", slice_name(binding->name));
    return i && rq->kernel->instance_data(i) == binding ? i : NULL;
}

/* ---------------------------------------------------------------------------------------- closing */
static void reader_close(struct reader *r, uint32_t why)
{
    if (r->is_closing)
        return;
    r->is_closing = why;
    r->block->kernel->stream_close(r->stream, why);
}

void readers_close(struct block *b, const struct binding *only, uint32_t why)
{
    list_each(node, &b->bindings)
        if (item(node)->reader && (!only || only == item(node)))
            reader_close(item(node)->reader, why);
}

void block_check_drained(struct block *b)
{
    void (*done)(void *) = b->drained;
    if (!done || b->readers)
        return;
    b->drained = NULL;
    done(b->drained_token);
}

void reader_check_moved(struct binding *binding)
{
    void (*moved)(void *) = binding->moved;
    if (!moved || binding->reader)
        return;
    binding->moved = NULL;
    moved(binding->moved_token);
}

static void no_longer_opening(struct reader *r)
{
    if (!r->is_open)
        r->block->opening--;
    r->is_open = true;
}

static void on_broken(struct reader *r, const struct trb_error *err, bool was_open)
{
    struct block *b = r->block;
    struct binding *binding = r->binding;
    if (was_open)
        binding->attempts = 0;
    say(b->kernel, TRB_LOG_ERROR, "error reading from input binding %s, it is read again soon: %s", binding->name.at,
        err ? err->message : "the component gave no reason");
    binding->is_resting = true;
    b->kernel->task(b->kernel, b, 0, TRB_GO(rest), binding);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct reader *r = arg;
    struct block *b = r->block;
    struct binding *binding = r->binding;
    bool was_open = r->is_open;
    no_longer_opening(r);
    binding->reader = NULL;
    b->readers--;
    if (!r->is_closing)
        on_broken(r, err, was_open);
    else if (b->is_app_up && !b->is_leaving)
        readers_schedule(b);
    mem_free(r);
    reader_check_moved(binding);
    block_check_drained(b);
}

/* ---------------------------------------------------------------------------------------- opening */
static void on_opened(void *arg)
{
    no_longer_opening(arg);
}

static void open_on(struct trb_request *rq, struct trb_instance *i, struct binding *binding)
{
    static const struct trb_nothing question = {.size = sizeof question};
    struct block *b = rq->self;
    struct reader *r = mem_zero(sizeof *r);
    *r = (struct reader){.block = b, .binding = binding};
    binding->reader = r;
    b->readers++;
    b->opening++;
    b->opening_until_ns = clock_now_ns() + OPENING_NS;
    r->stream = b->kernel->stream_open(b->kernel, b, i, TRB_AT(bindings, read), &question, TRB_GO(event_parse), r, on_ended);
    b->kernel->stream_on_open(r->stream, on_opened);
    say(b->kernel, TRB_LOG_DEBUG, "reading from input binding %s", binding->name.at);
}

static bool may_open(const struct block *b, const struct binding *binding)
{
    return b->is_app_up && !b->is_leaving && binding->is_input && !binding->is_leaving && !binding->is_moving &&
           !binding->reader && !binding->is_resting && !binding->is_asking;
}

/* Whoever takes events only from some is asked for each of them over HTTP, and once over gRPC. */
static void ask_app(struct block *b, struct binding *binding)
{
    if (!app_speaks_grpc(b->kernel)) {
        binding->is_asking = true;
        b->kernel->task(b->kernel, b, 0, TRB_GO(ask_http), binding);
    } else if (!b->is_asking) {
        b->is_asking = true;
        b->kernel->task(b->kernel, b, 0, TRB_GO(ask_rpc), NULL);
    }
}

static void open_if_wanted(struct trb_request *rq, struct binding *binding)
{
    struct block *b = rq->self;
    if (!may_open(b, binding))
        return;
    if (binding->is_asked_for && binding->verdict == VERDICT_UNKNOWN)
        return ask_app(b, binding);
    if (binding->is_asked_for && binding->verdict == VERDICT_UNWANTED)
        return;
    struct trb_instance *i = binding_instance(rq, binding);
    if (i)
        open_on(rq, i, binding);
}

static bool is_asking(struct block *b)
{
    list_each(node, &b->bindings)
        if (item(node)->is_asking)
            return true;
    return b->is_asking;
}

struct trb_next readers_open(struct trb_request *rq)
{
    struct block *b = rq->self;
    list_each(node, &b->bindings)
        open_if_wanted(rq, item(node));
    b->is_busy = is_asking(b);
    return rq->kernel->task_end(rq);
}

void readers_schedule(struct block *b)
{
    b->kernel->task(b->kernel, b, 0, TRB_GO(readers_open), NULL);
}

/* --------------------------------------------------------------------------------------- the rest */
struct resting {
    struct binding *binding; /* to compare only: it may have gone meanwhile */
    uint64_t until_ns;
};

static struct trb_next rest(struct trb_request *rq)
{
    struct resting *r = trb_request_state(rq, sizeof *r);
    struct binding *binding = binding_still_there(rq->self, rq->kernel->task_arg(rq));
    if (!binding)
        return rq->kernel->task_end(rq);
    r->binding = binding;
    r->until_ns = rest_until(binding->attempts++);
    return TRB_GO(wake_up);
}

static struct trb_next wake_up(struct trb_request *rq)
{
    struct resting *r = rq->state;
    struct trb_next next;
    if (rest_goes_on(rq, r->until_ns, ((struct block *)rq->self)->is_leaving, TRB_GO(wake_up), &next))
        return next;
    struct binding *binding = binding_still_there(rq->self, r->binding);
    if (binding)
        binding->is_resting = false;
    return TRB_GO(readers_open);
}
