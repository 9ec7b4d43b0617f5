/* steps: the engine that walks a request from step to step, and all its pauses. */
#include <base/check.h>
#include <request/private.h>

static void note(struct request *rq, const char *name)
{
    struct request_trail_entry *entry = &rq->trail[rq->steps++ % REQUEST_TRAIL];
    entry->name = name ? name : "?";
    entry->at_ns = loop_now_ns(rq->loop);
}

/* The way out of a cancelled request: what is under way hears of it, then nothing runs any more. */
static void leave(struct request *rq)
{
    if (rq->cancelled && rq->is_awaiting) {
        rq->is_awaiting = false;
        if (rq->on_cancel)
            rq->on_cancel(rq, rq->on_cancel_arg, rq->cancelled);
    }
    request_finish(rq);
}

/* true: parked. An answer that came while its step still ran has cleared is_awaiting. */
static bool walk(struct request *rq)
{
    struct trb_next next = rq->then;
    rq->then = request_over();
    while (!rq->cancelled) {
        if (next.kind == TRB_NEXT_GO) {
            check(!rq->is_awaiting);
            note(rq, next.name);
            next = next.step(&rq->public_);
        } else if (next.kind == TRB_NEXT_AWAIT) {
            if (rq->is_awaiting)
                return true;
            next = rq->then;
            rq->then = request_over();
        } else {
            check(!rq->is_awaiting);
            return false;
        }
    }
    return false;
}

static void run(void *arg)
{
    struct request *rq = checked(arg, struct request, REQUEST_MAGIC);
    rq->phase = REQUEST_RUNNING;
    rq->in_step = true;
    rq->home->depth++;
    bool parked = walk(rq);
    rq->home->depth--;
    rq->in_step = false;
    if (parked)
        rq->phase = REQUEST_PARKED;
    else
        leave(rq);
}

/* Nested steps of two requests would make stacks that nobody can foresee: one at a time per loop. */
static void run_soon(struct request *rq)
{
    if (rq->home->depth)
        job_defer(rq->loop, &rq->job, run, rq);
    else
        run(rq);
}

void request_start(struct request *rq, struct trb_next first)
{
    check(rq->phase == REQUEST_NEW);
    if (rq->cancelled)
        return;
    rq->phase = REQUEST_PARKED;
    rq->then = first;
    run_soon(rq);
}

struct trb_next request_await(struct request *rq, struct trb_next then,
                              void (*cancel)(struct request *, void *, uint32_t), void *arg)
{
    check(rq->in_step && !rq->is_awaiting);
    rq->is_awaiting = true;
    rq->then = then;
    rq->on_cancel = cancel;
    rq->on_cancel_arg = arg;
    return (struct trb_next){.kind = TRB_NEXT_AWAIT};
}

void request_resume(struct request *rq)
{
    if (!rq->is_awaiting)
        return;
    rq->is_awaiting = false;
    if (!rq->in_step)
        run_soon(rq);
}

void request_resume_with(struct request *rq, struct trb_next then)
{
    if (rq->is_awaiting)
        rq->then = then;
    request_resume(rq);
}

static void tell_client(struct request *rq)
{
    if (rq->cancelled == TRB_WHY_CLIENT || rq->out.ended)
        return;
    rq->out.ended = true;
    if (rq->out.head_sent && rq->door->cut)
        rq->door->cut(rq);
    else if (!rq->out.head_sent && rq->door->expire)
        rq->door->expire(rq);
}

void request_cancel(struct request *rq, uint32_t why)
{
    check(why);
    if (rq->phase == REQUEST_ENDED || rq->cancelled)
        return;
    rq->cancelled = (uint8_t)why;
    tell_client(rq);
    if (!rq->in_step)
        leave(rq);
}

static void on_slept(void *arg)
{
    request_resume(checked(arg, struct request, REQUEST_MAGIC));
}

static void on_sleep_cancelled(struct request *rq, void *arg, uint32_t why)
{
    timer_end(&rq->sleep_timer);
}

struct trb_next request_sleep(struct request *rq, uint64_t ns, struct trb_next then)
{
    if (request_is_over(rq))
        return request_over();
    struct trb_next next = request_await(rq, then, on_sleep_cancelled, NULL);
    timer_after(rq->loop, &rq->sleep_timer, ns, on_slept, rq);
    return next;
}

void request_wait_cancelled(struct request *rq, void *arg, uint32_t why)
{
}

struct trb_next request_park(struct request *rq, struct trb_next then)
{
    return request_is_over(rq) ? request_over() : request_await(rq, then, request_wait_cancelled, NULL);
}

static void wake_here(struct request *rq)
{
    if (!rq->is_awaiting || (rq->on_cancel != on_sleep_cancelled && rq->on_cancel != request_wait_cancelled))
        return;
    timer_end(&rq->sleep_timer);
    request_body_watch(rq, NULL, NULL);
    request_resume(rq);
}

static void on_wake_letter(void *arg)
{
    wake_here(checked(arg, struct request, REQUEST_MAGIC));
}

void request_wake(struct request *rq)
{
    if (rq->loop == loop_self())
        wake_here(rq);
    else
        loop_call(rq->loop, on_wake_letter, rq);
}

static void on_unpin_letter(void *arg)
{
    request_unpin(checked(arg, struct request, REQUEST_MAGIC));
}

/* By letter from its own loop too: another one may have woken it, and that letter is ahead of this. */
void request_unpin_from_anywhere(struct request *rq)
{
    loop_call(rq->loop, on_unpin_letter, rq);
}
