/* watch: see watch.h. */
#include "watch_inside.h"
#include <base/mem.h>

#define MOST_WAITING 1000u /* beyond that an older change of the same key gives way to the newer one */

static void close_now(struct watch *, uint32_t why);
static trb_step close_stream, move_stream, let_last_go, close_last;

static void watch_lock(struct watch *w)
{
    w->block->kernel->lock(w->block);
}

static void watch_unlock(struct watch *w)
{
    w->block->kernel->unlock(w->block);
}

static struct change *change_of(struct list *node)
{
    return list_item(node, struct change, link);
}

static void change_free(struct change *c)
{
    text_fini(&c->key);
    text_fini(&c->message);
    mem_free(c);
}

void watch_unref(struct watch *w)
{
    struct list *node;
    if (atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    while ((node = list_take(&w->waiting)))
        change_free(change_of(node));
    text_fini(&w->fault);
    arena_destroy(w->keep);
    mem_free(w);
}

/* Takes the client away from those who could wake it. */
static struct trb_request *client_take(struct watch *w)
{
    struct trb_request *client = w->client;
    w->client = NULL;
    w->is_alone = true;
    return client;
}

/* Wakes the client without the lock, for its step may run at once. Whoever takes the client away meanwhile leaves its pin
 * to us, and whoever wants to wake it, too, the waking. Called with the lock, and comes back without it. */
static void client_wake(struct watch *w)
{
    const struct trb_kernel *k = w->block->kernel;
    struct trb_request *client = w->client;
    w->is_missed = true;
    w->client = NULL;
    while (client && w->is_missed) {
        w->is_missed = false;
        watch_unlock(w);
        k->wake(client);
        watch_lock(w);
    }
    if (client && !w->is_alone) {
        w->client = client;
        client = NULL;
    }
    watch_unlock(w);
    if (client)
        k->unpin(client);
}

/* ----------------------------------------------------------------------------------- the request */
bool watch_enlist(struct watch *w)
{
    watch_lock(w);
    bool is_leaving = w->block->is_leaving;
    if (!is_leaving)
        list_append(&w->block->watches, &w->link);
    watch_unlock(w);
    return !is_leaving;
}

struct watch *watch_create(struct block *b, struct trb_slice store, const struct trb_configuration_get *q,
                                  struct trb_next first)
{
    struct watch *w = mem_zero(sizeof *w);
    *w = (struct watch){.block = b, .refs = 1, .first = first, .keep = arena_create(SIZE_MAX)};
    w->store = arena_name(w->keep, store);
    w->question = question_copy(w->keep, q);
    list_init(&w->waiting);
    return w;
}

struct watch *watch_begin(struct trb_request *rq, struct trb_name store, const struct trb_configuration_get *q,
                          struct trb_next first)
{
    struct block *b = rq->self;
    struct watch *w = watch_create(b, slice_name(store), q, first);
    w->refs = 2;
    w->client = rq;
    uuid_v4(w->id);
    b->kernel->pin(rq);
    if (!watch_enlist(w)) {
        b->kernel->unpin(rq);
        w->refs = 1;
        watch_unref(w);
        return NULL;
    }
    b->kernel->task(b->kernel, b, 0, TRB_GO(watch_open_stream), w);
    return w;
}

static void end_soon(struct watch *w)
{
    atomic_fetch_add(&w->refs, 1);
    w->block->kernel->task(w->block->kernel, w->block, 0, TRB_GO(close_stream), w);
}

void watch_keep(struct watch *w)
{
    watch_lock(w);
    struct trb_request *client = client_take(w);
    w->is_kept = true;
    watch_unlock(w);
    if (client)
        w->block->kernel->unpin(client);
}

void watch_over(struct trb_request *rq, void *arg)
{
    struct watch *w = arg;
    watch_lock(w);
    struct trb_request *client = client_take(w);
    bool ends = !w->is_kept && w->phase <= WATCH_OPEN && !w->is_unwanted;
    w->is_unwanted = w->is_unwanted || ends;
    watch_unlock(w);
    if (client)
        w->block->kernel->unpin(client);
    if (ends)
        end_soon(w);
    watch_unref(w);
}

uint32_t watch_phase(struct watch *w)
{
    watch_lock(w);
    uint32_t phase = w->phase;
    watch_unlock(w);
    return phase;
}

struct trb_name watch_fault(struct watch *w, struct trb_request *rq)
{
    return trb_printf(rq, "%.*s", SLICE_ARG(text_slice(&w->fault)));
}

struct trb_name watch_id(const struct watch *w)
{
    return (struct trb_name){w->id, UUID_TEXT - 1};
}

struct trb_name watch_store(const struct watch *w)
{
    return w->store;
}

bool watch_next(struct watch *w, struct text *ret_message, bool *ret_ended)
{
    watch_lock(w);
    struct list *node = list_take(&w->waiting);
    w->is_idle = !node;
    w->waiting_count -= node ? 1 : 0;
    *ret_ended = !node && (w->phase == WATCH_OVER || w->is_unwanted);
    watch_unlock(w);
    if (!node)
        return false;
    *ret_message = change_of(node)->message;
    change_of(node)->message = (struct text){0};
    change_free(change_of(node));
    return true;
}

/* ------------------------------------------------------------------------------------ the events */
static struct change *older_of(struct watch *w, struct trb_slice key)
{
    list_each(node, &w->waiting)
        if (slice_is(text_slice(&change_of(node)->key), key))
            return change_of(node);
    return NULL;
}

void watch_tell(struct watch *w, struct trb_slice key, struct text *message)
{
    struct change *c = mem_zero(sizeof *c), *older = NULL;
    text_add(&c->key, key);
    c->message = *message;
    *message = (struct text){0};
    watch_lock(w);
    if (w->waiting_count >= MOST_WAITING)
        older = older_of(w, key);
    if (older)
        list_remove(&older->link);
    w->waiting_count += older ? 0 : 1;
    list_append(&w->waiting, &c->link);
    bool was_idle = w->is_idle;
    w->is_idle = false;
    if (was_idle)
        client_wake(w);
    else
        watch_unlock(w);
    if (older)
        change_free(older);
}

/* --------------------------------------------------------------------------------- the main loop */
void watches_check_drained(struct block *b)
{
    void (*done)(void *) = b->drained;
    b->kernel->lock(b);
    bool any = !list_is_empty(&b->watches);
    b->kernel->unlock(b);
    if (!done || any)
        return;
    b->drained = NULL;
    done(b->drained_token);
}

/* The client learns of the new phase in its next step; only the main loop and the request forget it. */
static void settle(struct watch *w, uint32_t phase, const char *fault)
{
    watch_lock(w);
    w->phase = phase;
    text_adds(&w->fault, fault);
    if (phase > WATCH_OPEN)
        list_remove(&w->link);
    client_wake(w);
}

struct watch *watch_of_event(struct trb_request *rq)
{
    return ((const struct line *)rq->kernel->task_arg(rq))->watch;
}

bool watch_is_wanted(struct watch *w)
{
    watch_lock(w);
    bool is_wanted = !w->is_unwanted;
    watch_unlock(w);
    return is_wanted;
}

static void line_close(struct line *l, uint32_t why)
{
    bool was_closing = l->is_closing;
    l->is_closing = true;
    if (!was_closing)
        l->watch->block->kernel->stream_close(l->stream, why);
}

/* The earlier line is closed only after a while, so that no change falls between the two; one may be told by both. */
static void take_over(struct watch *w, struct line *l)
{
    if (w->last)
        line_close(w->last, TRB_WHY_ENDED);
    w->last = w->line;
    w->line = l;
    w->next = NULL;
    atomic_fetch_add(&w->refs, 1);
    w->block->kernel->task(w->block->kernel, w->block, 0, TRB_GO(let_last_go), w);
}

static struct trb_next let_last_go(struct trb_request *rq)
{
    return rq->kernel->sleep(rq, GRACE_NS, TRB_GO(close_last));
}

static struct trb_next close_last(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    if (w->last)
        line_close(w->last, TRB_WHY_ENDED);
    watch_unref(w);
    return rq->kernel->task_end(rq);
}

static void on_opened(void *arg)
{
    struct line *l = arg;
    struct watch *w = l->watch;
    if (w->next == l)
        take_over(w, l);
    if (w->phase != WATCH_OPENING)
        return;
    settle(w, WATCH_OPEN, "");
    watch_lock(w);
    w->opened_ns = clock_now_ns();
    watch_unlock(w);
}

static void tell_lost(struct watch *w, const struct trb_error *err)
{
    say_in(w->block->kernel, "dapr.runtime", TRB_LOG_ERROR, "the subscription %s to configuration store %.100s has ended: %.300s",
           w->id, w->store.at, err ? err->message : "the component gave no reason");
}

static void finish(struct watch *w, const struct trb_error *err)
{
    struct block *b = w->block;
    bool was_opening = w->phase == WATCH_OPENING;
    if ((!was_opening || w->is_kept) && !w->is_unwanted)
        tell_lost(w, err);
    settle(w, was_opening ? WATCH_REFUSED : WATCH_OVER, was_opening && err ? err->message : "");
    watch_unref(w);
    watches_check_drained(b);
}

/* A line that should have taken over and did not takes the earlier one with it: that one's store has left. */
static void on_ended(void *arg, const struct trb_error *err)
{
    struct line *l = arg;
    struct watch *w = l->watch;
    bool was_next = w->next == l, was_last = w->line == l && !w->next;
    if (w->last == l)
        w->last = NULL;
    if (w->line == l)
        w->line = w->next;
    if (w->line == w->next || was_next)
        w->next = NULL;
    mem_free(l);
    if (was_next && !w->is_unwanted) {
        tell_lost(w, err);
        close_now(w, TRB_WHY_ENDED);
    }
    if (was_last)
        finish(w, err);
    else
        watch_unref(w);
}

static struct line *open_on(struct watch *w, struct trb_instance *i)
{
    const struct trb_kernel *k = w->block->kernel;
    struct line *l = mem_zero(sizeof *l);
    *l = (struct line){.watch = w, .instance = i};
    l->stream = k->stream_open(k, w->block, i, TRB_AT(configuration, subscribe), w->question, w->first, l, on_ended);
    k->stream_on_open(l->stream, on_opened);
    return l;
}

/* The reference of the task is its first line's from now on. */
struct trb_next watch_open_stream(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    struct trb_instance *i = rq->kernel->find(rq, "configuration", slice_name(w->store));
    struct trb_error gone = {.size = sizeof gone, .item = -1, .message = "the store has left"};
    if (i && !w->is_unwanted && !w->block->is_leaving)
        w->line = open_on(w, i);
    else
        finish(w, &gone);
    return rq->kernel->task_end(rq);
}

static void close_now(struct watch *w, uint32_t why)
{
    watch_lock(w);
    w->is_closing = w->is_unwanted = true;
    watch_unlock(w);
    if (w->next)
        line_close(w->next, why);
    if (w->line)
        line_close(w->line, why);
    if (w->last)
        line_close(w->last, why);
}

static struct trb_next close_stream(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    close_now(w, TRB_WHY_ENDED);
    watch_unref(w);
    return rq->kernel->task_end(rq);
}

struct watch *watch_at(struct list *node)
{
    return list_item(node, struct watch, link);
}

/* One that came from another copy of this block counts before it is open again. */
bool watch_is_known(const struct watch *w)
{
    return (w->phase == WATCH_OPEN || (w->phase == WATCH_OPENING && w->is_adopted)) && !w->is_unwanted;
}

bool watch_end(struct block *b, struct trb_slice id)
{
    struct watch *found = NULL;
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        struct watch *w = watch_at(node);
        if (watch_is_known(w) && slice_is(slice_of(w->id), id))
            found = w;
    }
    if (found) {
        found->is_unwanted = true;
        atomic_fetch_add(&found->refs, 1);
    }
    b->kernel->unlock(b);
    if (found)
        b->kernel->task(b->kernel, b, 0, TRB_GO(close_stream), found);
    return found;
}

static struct watch *first_open(struct block *b)
{
    struct watch *found = NULL;
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        struct watch *w = watch_at(node);
        if (!w->is_closing && w->line)
            found = w;
    }
    if (found)
        atomic_fetch_add(&found->refs, 1);
    b->kernel->unlock(b);
    return found;
}

void watches_end(struct block *b, uint32_t why)
{
    struct watch *w;
    while ((w = first_open(b))) {
        close_now(w, why);
        watch_unref(w);
    }
}

/* ----------------------------------------------------------------------- to another instance of the store */
static struct trb_next move_stream(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    struct trb_instance *i = rq->kernel->find(rq, "configuration", slice_name(w->store));
    bool moves = w->line && !w->line->is_closing && !w->next;
    if (moves && i && i != w->line->instance) {
        atomic_fetch_add(&w->refs, 1);
        w->next = open_on(w, i);
    } else if (moves && !i) {
        close_now(w, TRB_WHY_ENDED);
    }
    watch_unref(w);
    return rq->kernel->task_end(rq);
}

void watches_move(struct block *b, const struct trb_instance *from)
{
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        struct watch *w = watch_at(node);
        if (!w->line || w->line->instance != from || b->is_leaving)
            continue;
        atomic_fetch_add(&w->refs, 1);
        b->kernel->task(b->kernel, b, 0, TRB_GO(move_stream), w);
    }
    b->kernel->unlock(b);
}
