/* session_keeper: the part of a session on the main loop: a task that subscribes for the client, lives as long as it,
 * and takes everything back. What listeners say, and the end of the process, come through here too. */
#include "session_inside.h"

static trb_step look;

/* The listener closes first, so that what is held comes to a component that takes it back. */
static void close_session(struct trb_request *rq, void *arg)
{
    struct session *s = arg;
    struct block *b = s->block;
    struct list held;
    list_init(&held);
    if (s->sub)
        subscription_remove(b, s->sub);
    session_lock(s);
    session_hold(&s->queued, &held);
    session_hold(&s->sent, &held);
    struct trb_request *client = s->client;
    s->client = NULL;
    s->phase = SESSION_CLOSED;
    list_remove(&s->link);
    session_unlock(s);
    session_let_go(b->kernel, &held);
    b->kernel->wake(client);
    b->kernel->unpin(client);
    session_unref(s);
    block_check_drained(b);
}

struct trb_next session_keep(struct trb_request *rq)
{
    struct session *s = rq->state = rq->kernel->task_arg(rq);
    rq->kernel->on_over(rq, close_session, s);
    session_lock(s);
    if (!s->is_over) {
        rq->kernel->pin(rq);
        s->keeper = rq;
    }
    session_unlock(s);
    return TRB_GO(look);
}

static void subscribe(struct session *s)
{
    struct block *b = s->block;
    struct fault fault;
    s->sub = subscription_create(b->kernel, text_slice(&s->wish), STREAMING, &fault);
    if (!s->sub) {
        session_refused(s, fault.text);
        return;
    }
    s->sub->session = s;
    atomic_fetch_add(&s->refs, 1);
    subscription_add(b, s->sub);
    listeners_schedule(b);
}

static struct trb_next look(struct trb_request *rq)
{
    struct session *s = rq->state;
    session_lock(s);
    bool is_over = s->is_over, has_wish = s->phase == SESSION_OPENING;
    session_unlock(s);
    if (is_over)
        return rq->kernel->task_end(rq);
    if (has_wish && !s->sub)
        subscribe(s);
    return rq->kernel->park(rq, TRB_GO(look));
}

/* ------------------------------------------------------------------------- what the listener says */
/* The client is woken without the lock, for its step may run at once; only the main loop forgets it. */
static bool settle_opening(struct session *s, uint32_t phase, const char *fault)
{
    session_lock(s);
    bool was_opening = s->phase == SESSION_OPENING;
    if (was_opening) {
        s->phase = phase;
        text_adds(&s->fault, fault);
    }
    session_unlock(s);
    if (was_opening)
        s->block->kernel->wake(s->client);
    return was_opening;
}

void session_opened(struct session *s)
{
    settle_opening(s, SESSION_OPEN, "");
}

void session_unknown(struct session *s)
{
    settle_opening(s, SESSION_UNKNOWN, "");
}

bool session_refused(struct session *s, const char *why)
{
    return settle_opening(s, SESSION_REFUSED, why);
}

/* ------------------------------------------------------------------------------ all of a block's */
bool sessions_any(struct block *b)
{
    b->kernel->lock(b);
    bool any = !list_is_empty(&b->sessions);
    b->kernel->unlock(b);
    return any;
}

/* In a step, so that those of this loop run behind it. */
static struct trb_next wake_all(struct trb_request *rq)
{
    struct block *b = rq->self;
    b->kernel->lock(b);
    list_each(node, &b->sessions) {
        struct session *s = list_item(node, struct session, link);
        b->kernel->wake(s->client);
    }
    b->kernel->unlock(b);
    return rq->kernel->task_end(rq);
}

void sessions_leave(struct block *b)
{
    b->kernel->task(b->kernel, b, 0, TRB_GO(wake_all), NULL);
}
