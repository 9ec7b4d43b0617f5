/* listeners: the streams of subscriptions: opened when the app is up and the component is there,
 * closed when either leaves, opened again after a pause when a broker ended one. */
#include "pubsub_block.h"
#include <base/clock.h>
#include <base/mem.h>

#define OPENING_NS (5 * CLOCK_S)        /* so long a stream that does not open keeps the process unready */
#define REST_NS (CLOCK_S / 2)           /* before the second attempt; twice as long each time */
#define MAX_REST_NS (60 * CLOCK_S)
#define NAP_NS (CLOCK_S / 5)            /* how soon a rest hears that the process is leaving */

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

/* -------------------------------------------------------------------------------------- the end */
static void tell_drained(struct block *b)
{
    void (*done)(void *) = b->drained;
    if (!done || !list_is_empty(&b->listeners))
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
    s->listener = NULL;
    if (k->stream_is_open(l->stream))
        s->attempts = 0;
    say(k, TRB_LOG_ERROR, "subscription to topic '%s' on pubsub '%s' has ended, it will be opened again: %s", s->topic.at,
        s->pubsub.at, err ? err->message : "the component gave no reason");
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
    subscription_unref(l->sub);
    mem_free((char *)(uintptr_t)l->topic.at);
    mem_free(l);
    tell_drained(b);
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

static void open_on(struct trb_request *rq, struct trb_instance *i, struct subscription *s)
{
    struct block *b = rq->self;
    struct listener *l = mem_zero(sizeof *l);
    *l = (struct listener){.block = b, .sub = s, .instance = i, .asked_ns = clock_now_ns(),
                           .topic = broker_topic(rq, i, s)};
    s->refs++;
    s->listener = l;
    struct trb_pubsub_subscribe q = {.size = sizeof q, .topic = l->topic, .metadata = s->metadata};
    l->stream = b->kernel->stream_open(b->kernel, b, i, TRB_AT(pubsub, subscribe), &q,
                                       s->is_bulk ? TRB_GO(bulk_event_parse) : TRB_GO(event_parse), l, on_ended);
    b->kernel->lock(b);
    list_append(&b->listeners, &l->link);
    b->kernel->unlock(b);
    say(b->kernel, TRB_LOG_DEBUG, "subscribing to topic '%s' on pubsub '%s'", s->topic.at, s->pubsub.at);
}

static bool is_allowed(struct trb_request *rq, struct trb_instance *i, struct subscription *s)
{
    bool allowed = scopes_may_subscribe(rq->kernel->instance_data(i), slice_name(s->topic));
    if (!allowed && !s->is_refused)
        say(rq->kernel, TRB_LOG_ERROR, "subscription to topic '%s' on pubsub '%s' is not allowed", s->topic.at,
            s->pubsub.at);
    s->is_refused = !allowed;
    return allowed;
}

static void open_if_wanted(struct trb_request *rq, struct subscription *s)
{
    struct block *b = rq->self;
    if (!b->is_app_up || b->is_leaving || s->is_shadowed) {
        if (s->listener)
            listener_close(s->listener, TRB_WHY_ENDED);
        return;
    }
    if (s->listener || s->is_resting)
        return;
    struct trb_instance *i = rq->kernel->find(rq, "pubsub", slice_name(s->pubsub));
    if (i && is_allowed(rq, i, s))
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
    uint64_t ns = REST_NS << (s->attempts < 7 ? s->attempts : 7);
    s->attempts++;
    r->sub = s;
    r->until_ns = clock_now_ns() + (ns < MAX_REST_NS ? ns : MAX_REST_NS);
    return TRB_GO(wake_up);
}

static struct trb_next wake_up(struct trb_request *rq)
{
    struct resting *r = rq->state;
    uint64_t now = clock_now_ns();
    if (now < r->until_ns && !((struct block *)rq->self)->is_leaving) {
        uint64_t left = r->until_ns - now;
        return rq->kernel->sleep(rq, left < NAP_NS ? left : NAP_NS, TRB_GO(wake_up));
    }
    struct subscription *s = still_there(rq->self, r->sub);
    if (s)
        s->is_resting = false;
    return TRB_GO(listeners_open);
}
