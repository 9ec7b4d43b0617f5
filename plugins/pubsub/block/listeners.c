/* listeners: the streams of subscriptions: opened when the app is up and the component is there,
 * closed when either leaves, opened again after a pause when a broker ended one. */
#include "pubsub_block.h"
#include "steps/delivery.h"
#include <base/clock.h>
#include <base/mem.h>
#include <words/rest.h>

#define OPENING_NS (5 * CLOCK_S)        /* so long a stream that does not open keeps the process unready */

static trb_step rest, wake_up;

static struct listener *item(struct list *node)
{
    return list_item(node, struct listener, link);
}

void listener_close(struct listener *l, uint32_t why)
{
    if (l->is_closing)
        return;
    l->is_closing = why;
    l->sub->listener = NULL;
    l->block->kernel->stream_close(l->stream, why);
}

/* A client's stream and an outbox need no app. */
static bool is_the_apps(const struct subscription *s)
{
    return s->origin != STREAMING && s->origin != OUTBOX;
}

void listeners_close_app(struct block *b, uint32_t why)
{
    list_each(node, &b->listeners)
        if (is_the_apps(item(node)->sub))
            listener_close(item(node), why);
}

void listeners_close(struct block *b, const struct trb_instance *only, uint32_t why)
{
    list_each(node, &b->listeners)
        if (!only || item(node)->instance == only)
            listener_close(item(node), why);
}

bool listeners_are_opening(struct block *b)
{
    list_each(node, &b->listeners) {
        struct listener *l = item(node);
        if (!l->is_closing && clock_now_ns() - l->asked_ns < OPENING_NS && !b->kernel->stream_is_open(l->stream))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------------- instances that hand over */
struct moving {
    struct list link;
    const struct trb_instance *instance; /* to compare only */
    void (*done)(void *);                /* NULL: it was told */
    void *token;
};

static struct moving *moving_of(struct block *b, const struct trb_instance *i)
{
    list_each(node, &b->moving)
        if (list_item(node, struct moving, link)->instance == i)
            return list_item(node, struct moving, link);
    return NULL;
}

static void moving_check(struct block *b, const struct trb_instance *i)
{
    struct moving *m = moving_of(b, i);
    if (!m || !m->done)
        return;
    list_each(node, &b->listeners)
        if (item(node)->instance == i)
            return;
    void (*done)(void *) = m->done;
    m->done = NULL;
    done(m->token);
}

void moving_begin(struct block *b, const struct trb_instance *i, void (*done)(void *), void *token)
{
    struct moving *m = mem_zero(sizeof *m);
    *m = (struct moving){.instance = i, .done = done, .token = token};
    list_append(&b->moving, &m->link);
    listeners_close(b, i, TRB_WHY_DRAINING);
    moving_check(b, i);
}

void moving_end(struct block *b, const struct trb_instance *i)
{
    struct moving *m = moving_of(b, i);
    if (m)
        list_remove(&m->link);
    mem_free(m);
}

/* -------------------------------------------------------------------------------------- the end */
void block_check_drained(struct block *b)
{
    void (*done)(void *) = b->drained;
    if (!done || !list_is_empty(&b->listeners) || sessions_any(b))
        return;
    b->drained = NULL;
    done(b->drained_token);
}

static void pause_for(struct block *b, struct subscription *s)
{
    s->is_resting = true;
    b->kernel->task(b->kernel, b, 0, TRB_GO(rest), s);
}

static void on_broken(struct listener *l, const struct trb_error *err)
{
    const struct trb_kernel *k = l->block->kernel;
    struct subscription *s = l->sub;
    const char *why = err ? err->message : "the component gave no reason";
    bool was_open = k->stream_is_open(l->stream);
    s->listener = NULL;
    if (!was_open && s->session && session_refused(s->session, why))
        return;
    if (was_open)
        s->attempts = 0;
    say(k, TRB_LOG_ERROR, "subscription to topic '%s' on pubsub '%s' has ended, it will be opened again: %s", s->topic.at,
        s->pubsub.at, why);
    pause_for(l->block, s);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct listener *l = arg;
    struct block *b = l->block;
    if (!l->is_closing)
        on_broken(l, err);
    b->kernel->lock(b);
    list_remove(&l->link);
    b->kernel->unlock(b);
    const struct trb_instance *instance = l->instance;
    subscription_unref(l->sub);
    mem_free((char *)(uintptr_t)l->topic.at);
    mem_free(l);
    moving_check(b, instance);
    block_check_drained(b);
}

/* ---------------------------------------------------------------------------------- the beginning */
static struct trb_name broker_topic(struct trb_request *rq, struct trb_instance *i, const struct subscription *s)
{
    struct trb_slice prefix = scopes_topic_prefix(rq->kernel->instance_data(i));
    char *at = mem_zero(prefix.len + s->topic.len + 1);
    memcpy(at, prefix.at, prefix.len);
    memcpy(at + prefix.len, s->topic.at, s->topic.len);
    return (struct trb_name){at, prefix.len + s->topic.len};
}

static void on_opened(void *arg)
{
    struct listener *l = arg;
    if (l->sub->session)
        session_opened(l->sub->session);
}

static struct trb_next first_step(const struct subscription *s)
{
    if (s->origin == STREAMING)
        return TRB_GO(stream_event_parse);
    if (s->origin == OUTBOX)
        return TRB_GO(outbox_event_parse);
    return s->is_bulk ? TRB_GO(bulk_event_parse) : TRB_GO(event_parse);
}

static void open_on(struct trb_request *rq, struct trb_instance *i, struct subscription *s)
{
    struct block *b = rq->self;
    struct listener *l = mem_zero(sizeof *l);
    *l = (struct listener){.block = b, .sub = s, .instance = i, .asked_ns = clock_now_ns(),
                           .topic = broker_topic(rq, i, s)};
    l->tongue = s->origin == STREAMING || app_speaks_grpc(b->kernel) ? &rpc_tongue : &http_tongue;
    s->refs++;
    s->listener = l;
    struct trb_pubsub_subscribe q = {.size = sizeof q, .topic = l->topic, .metadata = s->metadata,
                                     .batch = s->is_bulk ? s->bulk_max : 0};
    l->stream = b->kernel->stream_open(b->kernel, b, i, TRB_AT(pubsub, subscribe), &q,
                                       first_step(s), l, on_ended);
    b->kernel->stream_on_open(l->stream, on_opened);
    b->kernel->lock(b);
    list_append(&b->listeners, &l->link);
    b->kernel->unlock(b);
    say(b->kernel, TRB_LOG_DEBUG, "subscribing to topic '%s' on pubsub '%s'", s->topic.at, s->pubsub.at);
}

static void tell_refused(struct trb_request *rq, struct subscription *s)
{
    struct trb_name why = trb_printf(rq, "subscription to topic '%s' on pubsub '%s' is not allowed", s->topic.at,
                                     s->pubsub.at);
    if (!s->is_refused)
        say(rq->kernel, TRB_LOG_ERROR, "%s", why.at);
    if (s->session)
        session_refused(s->session, why.at);
}

static bool is_allowed(struct trb_request *rq, struct trb_instance *i, struct subscription *s)
{
    bool allowed = s->origin == OUTBOX || scopes_may_subscribe(rq->kernel->instance_data(i), slice_name(s->topic));
    if (!allowed)
        tell_refused(rq, s);
    s->is_refused = !allowed;
    return allowed;
}

static bool is_wanted(const struct block *b, const struct subscription *s)
{
    return !b->is_leaving && (!is_the_apps(s) || (b->is_app_up && !s->is_shadowed));
}

/* While the app is still asked nobody knows which of its topics count. */
static bool may_open(const struct block *b, const struct subscription *s)
{
    return !s->listener && !s->is_resting && (!is_the_apps(s) || !b->is_asking);
}

static void open_if_wanted(struct trb_request *rq, struct subscription *s)
{
    bool wanted = is_wanted(rq->self, s);
    if (!wanted && s->listener)
        listener_close(s->listener, TRB_WHY_ENDED);
    if (!wanted || !may_open(rq->self, s))
        return;
    struct trb_instance *i = rq->kernel->find(rq, "pubsub", slice_name(s->pubsub));
    if (!i && s->session)
        session_unknown(s->session);
    else if (i && !moving_of(rq->self, i) && is_allowed(rq, i, s))
        open_on(rq, i, s);
}

struct trb_next listeners_open(struct trb_request *rq)
{
    struct block *b = rq->self;
    list_each(node, &b->subscriptions)
        open_if_wanted(rq, list_item(node, struct subscription, link));
    if (!b->is_asking)
        b->is_busy = 0;
    return rq->kernel->task_end(rq);
}

void listeners_schedule(struct block *b)
{
    b->kernel->task(b->kernel, b, 0, TRB_GO(listeners_open), NULL);
}

/* ------------------------------------------------------------------------------------- the rest */
struct resting {
    struct subscription *sub; /* to compare only: it may have gone meanwhile */
    uint64_t until_ns;
};

static struct subscription *still_there(struct block *b, const struct subscription *s)
{
    list_each(node, &b->subscriptions)
        if (list_item(node, struct subscription, link) == s)
            return list_item(node, struct subscription, link);
    return NULL;
}

static struct trb_next rest(struct trb_request *rq)
{
    struct resting *r = trb_request_state(rq, sizeof *r);
    struct subscription *s = still_there(rq->self, rq->kernel->task_arg(rq));
    if (!s)
        return rq->kernel->task_end(rq);
    r->sub = s;
    r->until_ns = rest_until(s->attempts++);
    return TRB_GO(wake_up);
}

static struct trb_next wake_up(struct trb_request *rq)
{
    struct resting *r = rq->state;
    struct trb_next next;
    if (rest_goes_on(rq, r->until_ns, ((struct block *)rq->self)->is_leaving, TRB_GO(wake_up), &next))
        return next;
    struct subscription *s = still_there(rq->self, r->sub);
    if (s)
        s->is_resting = false;
    return TRB_GO(listeners_open);
}
