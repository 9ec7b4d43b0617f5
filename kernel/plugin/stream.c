/* stream: one long call whose events become the owner's, each settled once, with credit.
 *
 * Events may be emitted on any thread; the owner meets them on the loop that opened the stream. */
#include <base/check.h>
#include <base/doing.h>
#include <base/error.h>
#include <base/mem.h>
#include <plugin/call_private.h>
#include <plugin/copy.h>

#define STREAM_MAGIC 0x5354434cu

struct stream_call {
    uint32_t magic;
    struct instance *instance;
    struct call *call;
    struct loop *loop;
    const struct trb_verb_info *verb;
    struct stream_call_owner owner;
    void *arg;
    void *question;
    uint32_t credit;
    _Atomic uint32_t outstanding;          /* emitted, not yet settled */
    _Atomic uint32_t errands;              /* letters under way that name the stream: opened, resume */
    _Atomic uint32_t is_waiting;           /* emit said 0: resume is owed */
    bool closed, ended;
    struct trb_error *failure;
    struct letter opened_letter;
};

static void copy_question(struct stream_call *s, const void *question)
{
    const struct trb_layout *q = s->verb->question;
    size_t size = *(const uint32_t *)question;
    s->question = copy_into(q, question, size, mem_alloc(copy_measure(q, question, size)));
}

static void finish(struct stream_call *s)
{
    if (!s->ended || atomic_load(&s->outstanding) || atomic_load(&s->errands))
        return;
    s->owner.ended(s->arg, s->failure);
    copy_release(s->verb->question, s->question, false);
    mem_free(s->question);
    if (s->failure)
        error_release(s->failure);
    mem_free(s->failure);
    instance_unpin(s->instance);
    s->magic = 0;
    mem_free(s);
}

static void on_ended(struct call *c, void *arg)
{
    struct stream_call *s = checked(arg, struct stream_call, STREAM_MAGIC);
    s->ended = true;
    if (call_failure(c)) {
        s->failure = mem_copy(call_failure(c), sizeof *s->failure);
        s->failure->text = s->failure->details = NULL;
    }
    s->call = call_release(c);
    finish(s);
}

struct stream_call *stream_call_open(struct instance *i, const struct trb_verb_info *verb, const void *question,
                                     uint32_t credit, const struct stream_call_owner *owner, void *arg)
{
    struct stream_call *s = mem_zero(sizeof *s);
    s->magic = STREAM_MAGIC;
    s->instance = i;
    s->verb = verb;
    s->owner = *owner;
    s->arg = arg;
    s->credit = credit;
    s->loop = loop_self();
    instance_pin(i);
    copy_question(s, question);
    struct call_question q = {.verb = verb, .question = s->question, .stream = s};
    s->call = call_ask(i, &q, on_ended, s);
    return s;
}

/* ------------------------------------------------------------------------------------- events */
static void event_destroy(struct stream_call_event *e)
{
    copy_release(e->stream->verb->answer, (void *)(uintptr_t)e->event, false);
    mem_free((void *)(uintptr_t)e->event);
    mem_free(e);
}

static void on_event(struct letter *l)
{
    struct stream_call_event *e = container_of(l, struct stream_call_event, letter);
    struct stream_call *s = checked(e->stream, struct stream_call, STREAM_MAGIC);
    struct trb_settlement held = {.size = sizeof held, .verdict = TRB_HELD};
    if (s->closed)
        stream_call_settle(e, &held);
    else
        s->owner.event(s->arg, e);
}

static struct stream_call_event *event_create(struct stream_call *s, const void *event, size_t size, void *cookie)
{
    const struct trb_layout *layout = s->verb->answer;
    struct stream_call_event *e = mem_zero(sizeof *e);
    e->event = copy_into(layout, event, size, mem_alloc(copy_measure(layout, event, size)));
    e->cookie = cookie;
    e->stream = s;
    e->letter.deliver = on_event;
    return e;
}

/* An event that is under way keeps its stream, even when another thread answers the call meanwhile. */
uint32_t host_emit(struct trb_call *token, const void *event, size_t size, void *cookie)
{
    struct call *c = slot_enter(token, "emit");
    struct stream_call *s = c ? c->stream : NULL;
    uint32_t out = s ? atomic_fetch_add(&s->outstanding, 1) + 1 : 0;
    if (c)
        slot_leave(c);
    if (!s)
        return 0;
    uint32_t left = out < s->credit ? s->credit - out : 0;
    if (!left)
        atomic_store(&s->is_waiting, 1);
    loop_post(s->loop, &event_create(s, event, size, cookie)->letter);
    return left;
}

uint32_t stream_call_credit(struct trb_call *token)
{
    struct call *c = slot_enter(token, "credit");
    uint32_t credit = c && c->stream ? c->stream->credit : 0;
    if (c)
        slot_leave(c);
    return credit;
}

static void on_opened(struct letter *l)
{
    struct stream_call *s = container_of(l, struct stream_call, opened_letter);
    if (s->owner.opened)
        s->owner.opened(s->arg);
    atomic_fetch_sub(&s->errands, 1);
    finish(s);
}

void host_opened(struct trb_call *token)
{
    struct call *c = slot_enter(token, "opened");
    if (!c)
        return;
    struct stream_call *s = c->stream;
    bool again = s && s->opened_letter.deliver;
    if (s && !again) {
        s->opened_letter.deliver = on_opened;
        atomic_fetch_add(&s->errands, 1);
    }
    slot_leave(c);
    if (again)
        instance_misbehaved(((struct slot *)(void *)token)->public_.origin->instance, "opened twice");
    else if (s)
        loop_post(s->loop, &s->opened_letter);
}

/* --------------------------------------------------------------------------------- settlements */
struct settle_message {
    struct letter letter;
    struct work work;
    struct timer again;
    struct stream_call *stream;
    struct call *call;                         /* of a resume: to be compared only */
    struct slot *slot;
    void *cookie;
    struct trb_origin *origin;
    struct trb_settlement settlement;
    struct trb_error error;
    uint32_t *items;
    bool resume;
};

static void message_run(struct settle_message *m)
{
    const struct trb_component *c = m->stream->instance->component;
    const char *before = doing_enter(m->stream->instance->label);
    if (m->resume && c->resume && slot_is_asked(m->slot, m->call))
        c->resume(m->origin->self, &m->slot->public_);
    else if (!m->resume && c->settle)
        c->settle(m->origin->self, m->cookie, &m->settlement);
    doing_leave(before);
}

static void message_send(struct settle_message *m);

static void resume(struct stream_call *s)
{
    struct settle_message *m = mem_zero(sizeof *m);
    *m = (struct settle_message){.stream = s, .call = s->call, .slot = s->call->slot, .resume = true,
                                 .origin = s->call->origin};
    atomic_fetch_add(&s->errands, 1);
    message_send(m);
}

static void message_end(struct settle_message *m)
{
    struct stream_call *s = m->stream;
    bool was_resume = m->resume;
    buf_unref(m->settlement.data.owner);
    mem_free(m->items);
    mem_free(m);
    uint32_t left = atomic_fetch_sub(was_resume ? &s->errands : &s->outstanding, 1) - 1;
    if (!was_resume && !s->ended && left < s->credit && atomic_exchange(&s->is_waiting, 0))
        resume(s);
    finish(s);
}

static void back_on_loop(struct letter *l)
{
    message_end(container_of(l, struct settle_message, letter));
}

static void on_role_loop(struct letter *l)
{
    struct settle_message *m = container_of(l, struct settle_message, letter);
    message_run(m);
    m->letter.deliver = back_on_loop;
    loop_post(m->stream->loop, &m->letter);
}

static void on_worker(struct work *w)
{
    on_role_loop(&container_of(w, struct settle_message, work)->letter);
}

static void to_worker(void *arg)
{
    struct settle_message *m = arg;
    m->work.run = on_worker;
    if (!worker_queue_add(m->stream->instance->queue, &m->work))
        timer_after(m->stream->loop, &m->again, 10 * 1000000ull, to_worker, m);
}

static void message_send(struct settle_message *m)
{
    struct instance *i = m->stream->instance;
    struct loop *home = m->origin->loop;
    if (i->component->run == TRB_ON_WORKERS) {
        to_worker(m);
    } else if (home && home != m->stream->loop) {
        m->letter.deliver = on_role_loop;
        loop_post(home, &m->letter);
    } else {
        message_run(m);
        message_end(m);
    }
}

void stream_call_settle(struct stream_call_event *e, const struct trb_settlement *how)
{
    struct settle_message *m = mem_zero(sizeof *m);
    struct stream_call *s = e->stream;
    m->stream = s;
    m->cookie = e->cookie;
    m->origin = instance_origin(s->instance, s->loop);
    m->settlement = *how;
    buf_ref(m->settlement.data.owner);
    if (how->error) {
        m->error = *how->error;
        m->error.text = m->error.details = NULL;
        m->settlement.error = &m->error;
    }
    if (how->items) {
        m->items = mem_copy(how->items, how->item_count * sizeof *how->items);
        m->settlement.items = m->items;
    }
    event_destroy(e);
    message_send(m);
}

void stream_call_close(struct stream_call *s, uint32_t why)
{
    if (s->closed)
        return;
    s->closed = true;
    if (s->call)
        call_tell_cancel(s->call, why);
}
