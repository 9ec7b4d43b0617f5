/* pubsub.in-memory: topics inside the process. components.md 2.9
 *
 * Each subscription has a queue and one message on its way at a time, so that it sees a topic in the
 * order of publication. A message lives while somebody waits for it; nobody does: it is gone. Called
 * on every loop at once, so all state is under one lock, and nothing is told to the host under it. */
#include "message.h"
#include <base/list.h>
#include <base/mem.h>
#include <pthread.h>
#include <stdbool.h>

struct broker {
    uint64_t max_queued;
    pthread_mutex_t lock;
    struct list subscriptions;
};

static const struct trb_option options[] = {
    TRB_BYTES(struct broker, max_queued, "maxQueuedBytes", .fallback = "64Mi",
              .doc = "Refuse to publish when so much waits for a subscription that does not keep up."),
};

struct waiting {
    struct waiting *next;
    struct message *message;
};

struct subscription {
    struct list link, ready;        /* ready: in the hands of the one who emits next */
    struct trb_call *call;
    struct trb_name topic;          /* the question's: readable until answered */
    struct waiting *first, **last;  /* the first is on its way when is_busy */
    uint64_t queued;
    bool is_busy, is_ending;
};

static struct subscription *item(struct list *node)
{
    return list_item(node, struct subscription, link);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct broker *b = self;
    pthread_mutex_init(&b->lock, NULL);
    list_init(&b->subscriptions);
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    pthread_mutex_destroy(&((struct broker *)self)->lock);
    trb_done(call);
}

/* --------------------------------------------------------------------------------- the queue */
static void append(struct subscription *s, struct message *m)
{
    struct waiting *w = mem_zero(sizeof *w);
    w->message = m;
    m->refs++;
    *s->last = w;
    s->last = &w->next;
    s->queued += m->cost;
}

static void remove_first(const struct trb_host *host, struct subscription *s)
{
    struct waiting *w = s->first;
    s->first = w->next;
    if (!s->first)
        s->last = &s->first;
    s->queued -= w->message->cost;
    message_unref(host, w->message);
    mem_free(w);
}

/* Under the lock: takes the right to emit the first one. */
static bool make_busy(struct subscription *s)
{
    if (s->is_busy || s->is_ending || !s->first)
        return false;
    return s->is_busy = true;
}

/* Without the lock: nobody else touches the first one of a busy subscription. It may be settled, and
 * the subscription gone, before emit returns. */
static void emit_first(struct subscription *s)
{
    const struct trb_host *host = s->call->host;
    const struct trb_pubsub_event *event = &s->first->message->event;
    host->buf_ref(event->data.owner);
    host->emit(s->call, event, sizeof *event, s);
}

/* ------------------------------------------------------------------------------------ publish */
static bool hears(const struct subscription *s, struct trb_name topic)
{
    struct trb_name own = s->topic;
    if (own.len && own.at[own.len - 1] == '*' && topic.len >= own.len)
        return !memcmp(own.at, topic.at, own.len - 1);
    return own.len == topic.len && !memcmp(own.at, topic.at, own.len);
}

static bool has_room(struct broker *b, struct trb_name topic, size_t cost)
{
    list_each(node, &b->subscriptions)
        if (hears(item(node), topic) && item(node)->first && item(node)->queued + cost > b->max_queued)
            return false;
    return true;
}

static void spread(struct broker *b, struct message *m, struct list *ready)
{
    list_each(node, &b->subscriptions) {
        struct subscription *s = item(node);
        if (s->is_ending || !hears(s, m->event.topic))
            continue;
        append(s, m);
        if (make_busy(s))
            list_append(ready, &s->ready);
    }
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    struct broker *b = self;
    struct message *m = message_create(call, question);
    struct list ready, *node;
    list_init(&ready);
    pthread_mutex_lock(&b->lock);
    bool fits = has_room(b, m->event.topic, m->cost);
    if (fits)
        spread(b, m, &ready);
    message_unref(call->host, m);
    pthread_mutex_unlock(&b->lock);
    while ((node = list_take(&ready)))
        emit_first(list_item(node, struct subscription, ready));
    if (fits)
        trb_done(call);
    else
        trb_fail(call, TRB_EXHAUSTED, "QUEUE_FULL", "a subscription of topic '%s' does not keep up: more than %llu bytes "
                 "wait for it (maxQueuedBytes)", ((const struct trb_pubsub_publish *)question)->topic.at,
                 (unsigned long long)b->max_queued);
}

/* ---------------------------------------------------------------------------------- subscribe */
static void subscribe(void *self, struct trb_call *call, const void *question)
{
    struct broker *b = self;
    struct subscription *s = mem_zero(sizeof *s);
    s->call = call;
    s->topic = ((const struct trb_pubsub_subscribe *)question)->topic;
    s->last = &s->first;
    list_init(&s->ready);
    pthread_mutex_lock(&b->lock);
    list_append(&b->subscriptions, &s->link);
    pthread_mutex_unlock(&b->lock);
    call->host->opened(call);
}

/* Under the lock: out of the broker's sight, its queue dropped. */
static void forget(struct subscription *s)
{
    while (s->first)
        remove_first(s->call->host, s);
    list_remove(&s->link);
}

static void end(struct subscription *s)
{
    struct trb_call *call = s->call;
    mem_free(s);
    trb_done(call);
}

/* The message on its way is waited for. */
static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct broker *b = self;
    struct subscription *over = NULL;
    pthread_mutex_lock(&b->lock);
    list_each(node, &b->subscriptions)
        if (item(node)->call == call) {
            item(node)->is_ending = true;
            over = item(node)->is_busy ? NULL : item(node);
        }
    if (over)
        forget(over);
    pthread_mutex_unlock(&b->lock);
    if (over)
        end(over);
}

/* Whatever the verdict: there is no redelivery here. */
static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct broker *b = self;
    struct subscription *s = cookie;
    pthread_mutex_lock(&b->lock);
    remove_first(s->call->host, s);
    s->is_busy = false;
    bool is_over = s->is_ending, goes_on = make_busy(s);
    if (is_over)
        forget(s);
    pthread_mutex_unlock(&b->lock);
    if (goes_on)
        emit_first(s);
    if (is_over)
        end(s);
}

static const struct trb_pubsub_ops ops = {.size = sizeof ops, .publish = publish, .subscribe = subscribe};
static const struct trb_component in_memory = {
    .size = sizeof in_memory, .block = "pubsub", .type = "pubsub.in-memory", .version = "v1",
    .summary = "Topics inside the sidecar, for one process.", .caps = TRB_PUBSUB_WILDCARDS,
    .run = TRB_ANYWHERE, TRB_SELF(struct broker, options), .ops = &ops, .start = start, .stop = stop,
    .cancel = cancel, .settle = settle,
};
TRB_PLUGIN("in-memory", "0.1.0", "Apache-2.0", &in_memory);
