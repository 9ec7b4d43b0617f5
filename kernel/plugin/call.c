/* call: asking, answers, and what happens to the late, the double and the forgotten. Tokens are in slot.c. */
#include <base/check.h>
#include <base/doing.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <plugin/call.h>
#include <plugin/call_private.h>
#include <plugin/copy.h>

#define MAX_OWED 65536
#define MAX_ITEMS (1u << 24)

/* ------------------------------------------------------------------------------------- asking */
static void call_forget(struct call *c);
static void on_settled(struct call *c);

/* Calls are kept warm per thread: asked and forgotten on the same loop. */
#define KEPT_CALLS 64
static _Thread_local struct call *kept;
static _Thread_local unsigned kept_count;

static struct call *call_take(void)
{
    struct call *c = kept;
    if (!c)
        return mem_zero(sizeof *c);
    kept = c->next;
    kept_count--;
    memset(c, 0, offsetof(struct call, room));
    return c;
}

static void call_give(struct call *c)
{
#ifndef TRB_SANITIZED
    if (kept_count < KEPT_CALLS) {
        c->next = kept;
        kept = c;
        kept_count++;
        return;
    }
#endif
    mem_free(c);
}

static struct call *call_create(struct instance *i, const struct call_question *q, call_answered *answered,
                                void *arg)
{
    struct call *c = call_take();
    c->magic = CALL_MAGIC;
    c->instance = i;
    c->loop = loop_self();
    c->layout = q->stream ? NULL : q->verb ? q->verb->answer : q->answer;
    c->wipe = i->is_secret;
    c->question = q->question;
    c->stream = q->stream;
    c->deadline_ns = q->deadline_ns;
    c->answered = answered;
    c->arg = arg;
    c->asked_ns = loop_now_ns(c->loop);
    list_init(&c->owed_link);
    instance_pin(i);
    return c;
}

static void call_arm(struct call *c, struct trb_origin *origin)
{
    slot_take(c);
    c->slot->public_ = (struct trb_call){.size = sizeof(struct trb_call), .host = &host_table, .origin = origin};
    c->slot->magic = SLOT_MAGIC;
    c->slot->call = c;
    c->slot->deadline_ns = c->deadline_ns;
    atomic_store_explicit(&c->slot->cancelled, 0, memory_order_relaxed);
    c->origin = origin;
    atomic_fetch_add(&c->instance->calls, 1);          /* ordered before the look at is_held: see hold.c */
    atomic_store_explicit(&c->slot->state, SLOT_ASKED, memory_order_release);
}

static void run_function(struct call *c)
{
    const char *before = doing_enter(c->instance->label);     /* c may be gone when it returns */
    c->function(c->origin->self, &c->slot->public_, c->question);
    doing_leave(before);
}

/* The answer may leave before the function returns; who drains waits for that, too. */
static void on_worker(struct work *w)
{
    struct call *c = container_of(w, struct call, work);
    struct instance *i = c->instance;
    run_function(c);
    instance_unpin(i);
}

static void give_to_worker(struct call *c)
{
    struct instance *i = c->instance;
    c->work.run = on_worker;
    instance_pin(i);
    if (worker_queue_add(i->queue, &c->work))
        return;
    instance_unpin(i);
    call_refuse(c, TRB_UNAVAILABLE, "QUEUE_FULL", "too many calls are waiting for this component");
}

static void on_home_loop(struct letter *l)
{
    run_function(container_of(l, struct call, travel));
}

void call_refuse(struct call *c, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, reason, "%s", sentence);
    err.retryable = 1;
    host_table.fail(&c->slot->public_, &err);
}

void call_dispatch(struct call *c)
{
    struct instance *i = c->instance;
    if (i->component->run == TRB_ON_WORKERS) {
        give_to_worker(c);
    } else if (c->origin->loop && c->origin->loop != c->loop) {
        c->travel.deliver = on_home_loop;
        loop_post(c->origin->loop, &c->travel);
    } else {
        run_function(c);
    }
}

static trb_verb *verb_at(const struct instance *i, uint32_t offset)
{
    const void *ops = i->component->ops;
    uint32_t size = *(const uint32_t *)ops;
    return size >= offset + sizeof(trb_verb *) ? *(trb_verb *const *)(const void *)((const char *)ops + offset) : NULL;
}

void call_move(struct call *c, struct instance *to)
{
    struct instance *from = c->instance;
    uint32_t offset = c->verb->offset;
    atomic_store(&c->slot->state, SLOT_ANSWERED);
    slot_spend(c);
    atomic_fetch_sub(&from->calls, 1);
    c->instance = to;
    instance_pin(to);
    call_arm(c, instance_origin(to, c->loop));
    instance_unpin(from);
    c->function = verb_at(to, offset);
    if (!c->function)
        call_refuse(c, TRB_UNIMPLEMENTED, "NO_VERB", "the component that took over does not do that");
    else if (!call_is_held(c))
        call_dispatch(c);
}

struct call *call_ask(struct instance *i, const struct call_question *q, call_answered *answered, void *arg)
{
    struct call *c = call_create(i, q, answered, arg);
    c->verb = q->verb;
    c->function = q->verb ? verb_at(i, q->verb->offset) : q->function;
    check(c->function);
    call_arm(c, q->origin ? q->origin : instance_origin(i, c->loop));
    if (atomic_load_explicit(&i->calls, memory_order_relaxed) > MAX_OWED)
        call_refuse(c, TRB_EXHAUSTED, "TOO_MANY_CALLS", "this component owes too many answers");
    else if (q->verb && i->failure.code)
        host_table.fail(&c->slot->public_, &i->failure);
    else if (!q->verb || !call_is_held(c))
        call_dispatch(c);
    return c;
}

/* ------------------------------------------------------------------------------------ answers */
static void deliver(struct call *c)
{
    if (c->settled)
        on_settled(c);
    else if (!c->abandoned)
        c->answered(c, c->arg);
    else
        call_forget(c);
}

static void on_letter(struct letter *l)
{
    deliver(container_of(l, struct call, letter));
}

static void on_job(void *arg)
{
    deliver(arg);
}

/* The answer is in the call; nothing of the plugin is touched any more. */
static void send_home(struct call *c)
{
    slot_spend(c);
    atomic_fetch_sub(&c->instance->calls, 1);          /* what it changed is seen by who finds it still */
    if (loop_self() == c->loop) {
        job_defer(c->loop, &c->job, on_job, c);
    } else {
        c->letter.deliver = on_letter;
        loop_post(c->loop, &c->letter);
    }
}

static void *keep_copy(struct call *c, const void *answer, size_t size, bool inline_room)
{
    size_t need = copy_measure(c->layout, answer, size);
    void *room = inline_room && need <= sizeof c->room ? (void *)c->room : mem_alloc(need);
    return copy_into(c->layout, answer, size, room);
}

static void host_done(struct trb_call *token, const void *answer, size_t size)
{
    struct slot *s = (struct slot *)(void *)token;
    if (!slot_redeem(s, "done"))
        return;
    struct call *c = s->call;
    if (answer && c->layout)
        c->answer = keep_copy(c, answer, size, true);
    send_home(c);
}

static struct trb_error *copy_error(const struct trb_error *from)
{
    struct trb_error *err = mem_zero(sizeof *err);
    err->item = -1;
    if (from)
        memcpy(err, from, from->size < sizeof *err ? from->size : sizeof *err);
    err->size = sizeof *err;
    err->reason[sizeof err->reason - 1] = err->message[sizeof err->message - 1] = 0;
    if (!err->code)
        err->code = TRB_UNKNOWN;
    return err;
}

static void host_fail(struct trb_call *token, const struct trb_error *err)
{
    struct slot *s = (struct slot *)(void *)token;
    if (!slot_redeem(s, "fail"))
        return;
    struct call *c = s->call;
    c->failure = copy_error(err);
    send_home(c);
}

static struct call_item *item_at(struct call *c, uint32_t index)
{
    if (index >= c->item_room) {
        uint32_t room = index + 1 > c->item_room * 2 ? index + 8 : c->item_room * 2;
        c->items = mem_grow(c->items, room * sizeof *c->items);
        memset(c->items + c->item_room, 0, (room - c->item_room) * sizeof *c->items);
        c->item_room = room;
    }
    return &c->items[index];
}

static void host_item(struct trb_call *token, uint32_t index, const void *answer, size_t size,
                      const struct trb_error *err)
{
    struct call *c = index > MAX_ITEMS ? NULL : slot_enter(token, "item");
    if (!c)
        return;
    struct call_item *item = item_at(c, index);
    if (!item->is_set) {
        item->is_set = true;
        item->answer = answer && c->layout ? keep_copy(c, answer, size, false) : NULL;
        item->failure = err ? copy_error(err) : NULL;
        if (index >= c->item_count)
            c->item_count = index + 1;
    }
    slot_leave(c);
}

/* Both are asked at any time and on any thread: they look at nothing but the token. */
static uint64_t host_deadline(const struct trb_call *token)
{
    struct slot *s = (struct slot *)(void *)(uintptr_t)token;
    return s->magic == SLOT_MAGIC && atomic_load(&s->state) == SLOT_ASKED ? s->deadline_ns : 1;
}

static uint32_t host_is_cancelled(const struct trb_call *token)
{
    struct slot *s = (struct slot *)(void *)(uintptr_t)token;
    return s->magic != SLOT_MAGIC || atomic_load(&s->state) != SLOT_ASKED || atomic_load(&s->cancelled);
}

/* ---------------------------------------------------------------------------------- the asker */
const void *call_answer(const struct call *c)
{
    return c->failure ? NULL : c->answer;
}

const struct trb_error *call_failure(const struct call *c)
{
    return c->failure;
}

uint32_t call_item_count(const struct call *c)
{
    return c->item_count;
}

const struct call_item *call_item_at(const struct call *c, uint32_t i)
{
    return i < c->item_count ? &c->items[i] : NULL;
}

uint64_t call_age_ns(const struct call *c)
{
    return clock_now_ns() - c->asked_ns;
}

static void error_destroy(struct trb_error *err)
{
    if (err)
        error_release(err);
    mem_free(err);
}

static void call_forget(struct call *c)
{
    for (uint32_t i = 0; i < c->item_count; i++) {
        if (c->items[i].answer)
            copy_release(c->layout, c->items[i].answer, c->wipe);
        mem_free(c->items[i].answer);
        error_destroy(c->items[i].failure);
    }
    mem_free(c->items);
    if (c->answer)
        copy_release(c->layout, c->answer, c->wipe);
    if (c->answer != (void *)c->room)
        mem_free(c->answer);
    error_destroy(c->failure);
    job_end(&c->job);
    instance_unpin(c->instance);
    c->magic = 0;
    call_give(c);
}

struct call *call_release(struct call *c)
{
    if (c)
        call_forget(checked(c, struct call, CALL_MAGIC));
    return NULL;
}

static void on_settled(struct call *c)
{
    void (*settled)(void *) = c->settled;
    void *arg = c->settled_arg;
    call_forget(c);
    settled(arg);
}

struct cancel_message {
    struct letter letter;
    struct call *call;                         /* to be compared only: it may be gone */
    struct slot *slot;
    struct instance *instance;
    void *self;
    uint32_t why;
};

/* The token may have been redeemed meanwhile; then there is nothing left to cancel. */
static void cancel_run(struct cancel_message *m)
{
    const char *before = doing_enter(m->instance->label);
    if (slot_is_asked(m->slot, m->call))
        m->instance->component->cancel(m->self, &m->slot->public_, m->why);
    doing_leave(before);
    instance_unpin(m->instance);
    mem_free(m);
}

static void cancel_on_loop(struct letter *l)
{
    cancel_run(container_of(l, struct cancel_message, letter));
}

/* What has been answered already, and only waits to be delivered, is left alone: its token may be
 * another call's by then. */
void call_tell_cancel(struct call *c, uint32_t why)
{
    struct instance *i = c->instance;
    if (c->told || !slot_is_asked(c->slot, c))
        return;
    c->told = true;
    atomic_store(&c->slot->cancelled, 1);
    if (!i->component->cancel || c->is_held)
        return;
    struct cancel_message *m = mem_zero(sizeof *m);
    *m = (struct cancel_message){.call = c, .slot = c->slot, .instance = i, .self = c->origin->self, .why = why};
    instance_pin(i);
    m->letter.deliver = cancel_on_loop;
    if (i->component->run != TRB_ON_WORKERS && c->origin->loop && c->origin->loop != c->loop)
        loop_post(c->origin->loop, &m->letter);
    else
        cancel_run(m);
}

void call_abandon(struct call *c, uint32_t why, void (*settled)(void *), void *arg)
{
    check(c->magic == CALL_MAGIC && !c->abandoned);
    c->abandoned = true;
    c->settled = settled;
    c->settled_arg = arg;
    call_tell_cancel(c, why);
}

const struct trb_host host_table = {
    .size = sizeof host_table,
    .abi_minor = TRB_ABI_MINOR,
    .done = host_done,
    .fail = host_fail,
    .item = host_item,
    .opened = host_opened,
    .emit = host_emit,
    .deadline_ns = host_deadline,
    .is_cancelled = host_is_cancelled,
    .buf_new = host_buf_new,
    .buf_wrap = host_buf_wrap,
    .buf_ref = buf_ref,
    .buf_unref = buf_unref,
    .buf_bytes = buf_bytes,
    .log = host_log,
    .narrow = host_narrow,
    .lost = host_lost,
    .ready = host_ready,
    .extension = host_extension,
    .now_ns = clock_now_ns,
};
