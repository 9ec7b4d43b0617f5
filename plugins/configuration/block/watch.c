/* watch: see watch.h. */
#include "watch.h"
#include <base/mem.h>
#include <stdatomic.h>

#define MOST_WAITING 1000u /* beyond that an older change of the same key gives way to the newer one */

struct change { /* a message for a client that has not been sent yet */
    struct list link;
    struct text key, message;
};

struct watch {
    struct list link; /* of the block's, until it is over */
    struct block *block;
    _Atomic uint32_t refs; /* the request's, the stream's */
    char id[UUID_TEXT];
    struct trb_name store;
    const struct trb_configuration_get *question; /* the request's, until the stream is open */
    struct trb_next first;
    struct trb_request *client; /* NULL: nobody may wake it any more */
    struct trb_request *asker;  /* the same, pinned for its question */
    struct trb_stream_handle *stream;
    struct trb_instance *instance;
    struct list waiting; /* changes */
    uint32_t waiting_count, phase;
    bool is_idle, is_kept;
    bool is_unwanted, is_closing; /* somebody has ended it; and the main loop has heard of it */
    struct text fault;
};

static trb_step open_stream, close_stream;

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

static void watch_unref(struct watch *w)
{
    struct list *node;
    if (atomic_fetch_sub(&w->refs, 1) > 1)
        return;
    while ((node = list_take(&w->waiting)))
        change_free(change_of(node));
    text_fini(&w->fault);
    mem_free((char *)(uintptr_t)w->store.at);
    mem_free(w);
}

/* Takes the client away from those who could wake it. */
static struct trb_request *client_take(struct watch *w)
{
    struct trb_request *client = w->client;
    w->client = NULL;
    return client;
}

/* ----------------------------------------------------------------------------------- the request */
static bool enlist(struct watch *w)
{
    watch_lock(w);
    bool is_leaving = w->block->is_leaving;
    if (!is_leaving)
        list_append(&w->block->watches, &w->link);
    watch_unlock(w);
    return !is_leaving;
}

struct watch *watch_begin(struct trb_request *rq, struct trb_name store, const struct trb_configuration_get *q,
                          struct trb_next first)
{
    struct block *b = rq->self;
    struct watch *w = mem_zero(sizeof *w);
    *w = (struct watch){.block = b, .refs = 2, .question = q, .first = first, .client = rq, .asker = rq};
    w->store = (struct trb_name){mem_text(store.at, store.len), store.len};
    uuid_v4(w->id);
    list_init(&w->waiting);
    b->kernel->pin(rq);
    if (!enlist(w)) {
        b->kernel->unpin(rq);
        mem_free((char *)(uintptr_t)w->store.at);
        return mem_free(w);
    }
    b->kernel->pin(rq); /* for the question, until it is copied */
    b->kernel->task(b->kernel, b, 0, TRB_GO(open_stream), w);
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
    struct trb_request *client = w->is_idle ? w->client : NULL;
    w->is_idle = false;
    if (client)
        w->block->kernel->pin(client);
    watch_unlock(w);
    if (older)
        change_free(older);
    if (client) {
        w->block->kernel->wake(client);
        w->block->kernel->unpin(client);
    }
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
    struct trb_request *client = w->client;
    if (client)
        w->block->kernel->pin(client);
    watch_unlock(w);
    if (!client)
        return;
    w->block->kernel->wake(client);
    w->block->kernel->unpin(client);
}

static void on_opened(void *arg)
{
    settle(arg, WATCH_OPEN, "");
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
    if (!was_opening && !w->is_unwanted)
        tell_lost(w, err);
    settle(w, was_opening ? WATCH_REFUSED : WATCH_OVER, was_opening && err ? err->message : "");
    w->stream = NULL;
    watch_unref(w);
    watches_check_drained(b);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    finish(arg, err);
}

/* The request's question is copied here, and its second pin given back. */
static void open_on(struct watch *w, struct trb_instance *i)
{
    const struct trb_kernel *k = w->block->kernel;
    w->instance = i;
    w->stream = k->stream_open(k, w->block, i, TRB_AT(configuration, subscribe), w->question, w->first, w, on_ended);
    k->stream_on_open(w->stream, on_opened);
}

static struct trb_next open_stream(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    struct trb_instance *i = rq->kernel->find(rq, "configuration", slice_name(w->store));
    struct trb_error gone = {.size = sizeof gone, .item = -1, .message = "the store has left"};
    if (i && !w->is_unwanted && !w->block->is_leaving)
        open_on(w, i);
    rq->kernel->unpin(w->asker);
    if (!w->stream)
        finish(w, &gone);
    return rq->kernel->task_end(rq);
}

static void close_now(struct watch *w, uint32_t why)
{
    watch_lock(w);
    bool was_closing = w->is_closing;
    w->is_closing = w->is_unwanted = true;
    watch_unlock(w);
    if (!was_closing && w->stream)
        w->block->kernel->stream_close(w->stream, why);
}

static struct trb_next close_stream(struct trb_request *rq)
{
    struct watch *w = rq->kernel->task_arg(rq);
    close_now(w, TRB_WHY_ENDED);
    watch_unref(w);
    return rq->kernel->task_end(rq);
}

static struct watch *watch_at(struct list *node)
{
    return list_item(node, struct watch, link);
}

bool watch_end(struct block *b, struct trb_slice id)
{
    struct watch *found = NULL;
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        struct watch *w = watch_at(node);
        if (w->phase == WATCH_OPEN && !w->is_unwanted && slice_is(slice_of(w->id), id))
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

static struct watch *first_open(struct block *b, const struct trb_instance *only)
{
    struct watch *found = NULL;
    b->kernel->lock(b);
    list_each(node, &b->watches) {
        struct watch *w = watch_at(node);
        if (!w->is_closing && w->stream && (!only || w->instance == only))
            found = w;
    }
    if (found)
        atomic_fetch_add(&found->refs, 1);
    b->kernel->unlock(b);
    return found;
}

void watches_end(struct block *b, const struct trb_instance *only, uint32_t why)
{
    struct watch *w;
    while ((w = first_open(b, only))) {
        close_now(w, why);
        watch_unref(w);
    }
}
