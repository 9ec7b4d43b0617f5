/* session: see session.h. */
#include "session.h"
#include <base/mem.h>
#include <stdatomic.h>

struct session {
    struct list link;                     /* of the block's, until it is closed */
    struct block *block;
    _Atomic uint32_t refs;                /* the client's, the keeper's, the subscription's */
    struct trb_request *client, *keeper;  /* NULL: nobody may wake them any more */
    struct list queued, sent;             /* parcels: before and after the client has them */
    uint32_t phase;
    bool is_idle, is_over;                /* idle: the client's steps wait. over: they have ended */
    struct text pubsub, wish, fault;
    struct subscription *sub;             /* the keeper's */
};

static trb_step keep, look;

static void lock(struct session *s)
{
    s->block->kernel->lock(s->block);
}

static void unlock(struct session *s)
{
    s->block->kernel->unlock(s->block);
}

static struct parcel *parcel_of(struct list *node)
{
    return list_item(node, struct parcel, link);
}

struct session *session_unref(struct session *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return NULL;
    text_fini(&s->pubsub);
    text_fini(&s->wish);
    text_fini(&s->fault);
    return mem_free(s);
}

bool session_is_listed(const struct session *s)
{
    return s->phase == SESSION_OPEN && !s->is_over;
}

/* ------------------------------------------------------------------------------------- parcels */
/* Under the lock. */
static void take_out(struct parcel *p, uint32_t fate)
{
    list_remove(&p->link);
    p->is_listed = false;
    p->fate = fate;
}

static void hold_list(struct list *from, struct list *to)
{
    struct list *node;
    while (!list_is_empty(from)) {
        node = from->next;
        take_out(parcel_of(node), PARCEL_HELD);
        list_append(to, node);
    }
}

/* Without the lock, for a step may run at once. What was taken out is pinned and nobody else's. */
static void let_go(const struct trb_kernel *k, struct list *taken)
{
    struct list *node;
    while ((node = list_take(taken))) {
        struct trb_request *delivery = parcel_of(node)->delivery;
        k->wake(delivery);
        k->unpin(delivery);
    }
}

static bool is_taking(const struct session *s)
{
    return s->phase < SESSION_UNKNOWN && !s->block->is_leaving;
}

bool session_join(struct session *s, struct parcel *p)
{
    const struct trb_kernel *k = s->block->kernel;
    lock(s);
    bool taken = is_taking(s);
    if (taken) {
        k->pin(p->delivery);
        p->session = s;
        p->is_listed = true;
        list_append(&s->queued, &p->link);
    }
    if (taken && s->is_idle && s->client) {
        s->is_idle = false;
        k->wake(s->client);
    }
    unlock(s);
    return taken;
}

void session_withdraw(struct parcel *p)
{
    struct session *s = p->session;
    if (!s)
        return;
    lock(s);
    bool was_listed = p->is_listed;
    if (was_listed)
        take_out(p, PARCEL_HELD);
    unlock(s);
    if (was_listed)
        s->block->kernel->unpin(p->delivery);
    text_fini(&p->message);
}

uint32_t session_fate(struct parcel *p, int32_t *ret_status)
{
    lock(p->session);
    uint32_t fate = p->fate;
    *ret_status = p->status;
    unlock(p->session);
    return fate;
}

/* ---------------------------------------------------------------------------------- the client */
/* One that is in the list keeps the process from leaving before its keeper has begun. */
static bool enlist(struct session *s)
{
    lock(s);
    bool is_leaving = s->block->is_leaving;
    if (!is_leaving)
        list_append(&s->block->sessions, &s->link);
    unlock(s);
    return !is_leaving;
}

struct session *session_begin(struct trb_request *client)
{
    struct block *b = client->self;
    struct session *s = mem_zero(sizeof *s);
    s->block = b;
    s->refs = 2;
    s->client = client;
    list_init(&s->queued);
    list_init(&s->sent);
    if (!enlist(s))
        return mem_free(s);
    b->kernel->pin(client);
    b->kernel->task(b->kernel, b, 0, TRB_GO(keep), s);
    return s;
}

/* The keeper may not have begun yet: then it looks by itself. */
void session_wish(struct session *s, struct trb_slice pubsub, struct trb_slice json)
{
    text_add(&s->pubsub, pubsub);
    text_add(&s->wish, json);
    lock(s);
    s->phase = SESSION_OPENING;
    if (s->keeper)
        s->block->kernel->wake(s->keeper);
    unlock(s);
}

struct trb_name session_pubsub(const struct session *s, struct trb_request *rq)
{
    return name_copy(rq, text_slice(&s->pubsub));
}

uint32_t session_phase(struct session *s)
{
    lock(s);
    uint32_t phase = s->phase;
    unlock(s);
    return phase;
}

bool session_is_leaving(struct session *s)
{
    return s->block->is_leaving;
}

struct trb_name session_fault(struct session *s, struct trb_request *rq)
{
    return name_copy(rq, text_slice(&s->fault));
}

void session_over(struct trb_request *client, void *arg)
{
    struct session *s = arg;
    const struct trb_kernel *k = s->block->kernel;
    lock(s);
    struct trb_request *keeper = s->keeper;
    s->is_over = true;
    s->keeper = NULL;
    unlock(s);
    if (keeper) {
        k->wake(keeper);
        k->unpin(keeper);
    }
    session_unref(s);
}

/* A process that leaves gives nothing new away, and waits for what the client has. */
bool session_next(struct session *s, struct text *ret_message, bool *ret_ended)
{
    struct list held;
    list_init(&held);
    lock(s);
    bool is_leaving = s->block->is_leaving;
    if (is_leaving)
        hold_list(&s->queued, &held);
    bool found = !list_is_empty(&s->queued);
    if (found) {
        struct parcel *p = parcel_of(s->queued.next);
        list_remove(&p->link);
        list_append(&s->sent, &p->link);
        *ret_message = p->message;
        p->message = (struct text){0};
    }
    *ret_ended = s->phase == SESSION_CLOSED || (is_leaving && list_is_empty(&s->sent));
    s->is_idle = !found;
    unlock(s);
    let_go(s->block->kernel, &held);
    return found;
}

bool session_answer(struct session *s, struct trb_slice id, int32_t status)
{
    struct list taken;
    list_init(&taken);
    lock(s);
    list_each(node, &s->sent) {
        struct parcel *p = parcel_of(node);
        if (!slice_is(slice_name(p->id), id))
            continue;
        p->status = status;
        take_out(p, PARCEL_ANSWERED);
        list_append(&taken, node);
        break;
    }
    unlock(s);
    bool found = !list_is_empty(&taken);
    let_go(s->block->kernel, &taken);
    return found;
}

/* ---------------------------------------------------------------------------------- the keeper */
/* The listener closes first, so that what is held comes to a component that takes it back. */
static void close_session(struct trb_request *rq, void *arg)
{
    struct session *s = arg;
    struct block *b = s->block;
    struct list held;
    list_init(&held);
    if (s->sub)
        subscription_remove(b, s->sub);
    lock(s);
    hold_list(&s->queued, &held);
    hold_list(&s->sent, &held);
    struct trb_request *client = s->client;
    s->client = NULL;
    s->phase = SESSION_CLOSED;
    list_remove(&s->link);
    unlock(s);
    let_go(b->kernel, &held);
    b->kernel->wake(client);
    b->kernel->unpin(client);
    session_unref(s);
    block_check_drained(b);
}

static struct trb_next keep(struct trb_request *rq)
{
    struct session *s = rq->state = rq->kernel->task_arg(rq);
    rq->kernel->on_over(rq, close_session, s);
    lock(s);
    if (!s->is_over) {
        rq->kernel->pin(rq);
        s->keeper = rq;
    }
    unlock(s);
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
    lock(s);
    bool is_over = s->is_over, has_wish = s->phase == SESSION_OPENING;
    unlock(s);
    if (is_over)
        return rq->kernel->task_end(rq);
    if (has_wish && !s->sub)
        subscribe(s);
    return rq->kernel->park(rq, TRB_GO(look));
}

/* ------------------------------------------------------------------------- what the listener says */
/* The client is woken without the lock, for its step may run at once; only the main loop forgets it. */
static void settle_opening(struct session *s, uint32_t phase, const char *fault)
{
    lock(s);
    bool was_opening = s->phase == SESSION_OPENING;
    if (was_opening) {
        s->phase = phase;
        text_adds(&s->fault, fault);
    }
    unlock(s);
    if (was_opening)
        s->block->kernel->wake(s->client);
}

void session_opened(struct session *s)
{
    settle_opening(s, SESSION_OPEN, "");
}

void session_unknown(struct session *s)
{
    settle_opening(s, SESSION_UNKNOWN, "");
}

void session_refused(struct session *s, const char *why)
{
    settle_opening(s, SESSION_REFUSED, why);
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
