/* session: see session.h; the part of the client and of the deliveries. The keeper's: session_keeper.c. */
#include "session_inside.h"
#include <base/mem.h>

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

void session_hold(struct list *from, struct list *to)
{
    struct list *node;
    while (!list_is_empty(from)) {
        node = from->next;
        take_out(parcel_of(node), PARCEL_HELD);
        list_append(to, node);
    }
}

void session_let_go(const struct trb_kernel *k, struct list *taken)
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
    session_lock(s);
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
    session_unlock(s);
    return taken;
}

void session_withdraw(struct parcel *p)
{
    struct session *s = p->session;
    if (!s)
        return;
    session_lock(s);
    bool was_listed = p->is_listed;
    if (was_listed)
        take_out(p, PARCEL_HELD);
    session_unlock(s);
    if (was_listed)
        s->block->kernel->unpin(p->delivery);
    text_fini(&p->message);
    p->session = NULL;
}

uint32_t session_fate(struct parcel *p, int32_t *ret_status)
{
    session_lock(p->session);
    uint32_t fate = p->fate;
    *ret_status = p->status;
    session_unlock(p->session);
    return fate;
}

/* ---------------------------------------------------------------------------------- the client */
/* One that is in the list keeps the process from leaving before its keeper has begun. */
static bool enlist(struct session *s)
{
    session_lock(s);
    bool is_leaving = s->block->is_leaving;
    if (!is_leaving)
        list_append(&s->block->sessions, &s->link);
    session_unlock(s);
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
    b->kernel->task(b->kernel, b, 0, TRB_GO(session_keep), s);
    return s;
}

/* The keeper may not have begun yet: then it looks by itself. */
void session_wish(struct session *s, struct trb_slice pubsub, struct trb_slice json)
{
    text_add(&s->pubsub, pubsub);
    text_add(&s->wish, json);
    session_lock(s);
    s->phase = SESSION_OPENING;
    if (s->keeper)
        s->block->kernel->wake(s->keeper);
    session_unlock(s);
}

struct trb_name session_pubsub(const struct session *s, struct trb_request *rq)
{
    return name_copy(rq, text_slice(&s->pubsub));
}

uint32_t session_phase(struct session *s)
{
    session_lock(s);
    uint32_t phase = s->phase;
    session_unlock(s);
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
    session_lock(s);
    struct trb_request *keeper = s->keeper;
    s->is_over = true;
    s->keeper = NULL;
    session_unlock(s);
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
    session_lock(s);
    bool is_leaving = s->block->is_leaving;
    if (is_leaving)
        session_hold(&s->queued, &held);
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
    session_unlock(s);
    session_let_go(s->block->kernel, &held);
    return found;
}

bool session_answer(struct session *s, struct trb_slice id, int32_t status)
{
    struct list taken;
    list_init(&taken);
    session_lock(s);
    list_each(node, &s->sent) {
        struct parcel *p = parcel_of(node);
        if (!slice_is(slice_name(p->id), id))
            continue;
        p->status = status;
        take_out(p, PARCEL_ANSWERED);
        list_append(&taken, node);
        break;
    }
    session_unlock(s);
    bool found = !list_is_empty(&taken);
    session_let_go(s->block->kernel, &taken);
    return found;
}
