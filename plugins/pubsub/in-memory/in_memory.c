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
    struct list link, claimed;      /* claimed: by the one who emits next */
    struct trb_call *call;
    struct trb_name topic;          /* the question's: readable until answered */
    struct waiting *first, **last;
    uint64_t queued;
    bool is_emitting, is_unsettled; /* then the first one is on its way */
    bool has_credit, is_resumed;    /* resumed: credit came while emit had not yet said there is none */
    bool is_ending;
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

/* ------------------------------------------------------------------------------------- its turn */
#define NOTHING 0u
#define EMIT 1u
#define END 2u

/* Under the lock, where its state changed: what has to be done now, by nobody else. */
static uint32_t turn(struct subscription *s)
{
    if (s->is_emitting || s->is_unsettled)
        return NOTHING;
    if (s->is_ending) {
        while (s->first)
            remove_first(s->call->host, s);
        list_remove(&s->link);
        return END;
    }
    if (!s->has_credit || !s->first)
        return NOTHING;
    s->is_emitting = s->is_unsettled = true;
    return EMIT;
}

/* Its settlement and new credit may come before emit returns. */
static uint32_t emit(struct broker *b, struct subscription *s)
{
    const struct trb_host *host = s->call->host;
    const struct trb_pubsub_event *event = &s->first->message->event;
    host->buf_ref(event->data.owner);
    uint32_t left = host->emit(s->call, event, sizeof *event, s);
    pthread_mutex_lock(&b->lock);
    s->is_emitting = false;
    s->has_credit = left || s->is_resumed;
    s->is_resumed = false;
    uint32_t next = turn(s);
    pthread_mutex_unlock(&b->lock);
    return next;
}

/* Without the lock. */
static void act(struct broker *b, struct subscription *s, uint32_t what)
{
    while (what == EMIT)
        what = emit(b, s);
    if (what != END)
        return;
    struct trb_call *call = s->call;
    mem_free(s);
    trb_done(call);
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

static void spread(struct broker *b, struct message *m, struct list *claimed)
{
    list_each(node, &b->subscriptions) {
        struct subscription *s = item(node);
        if (s->is_ending || !hears(s, m->event.topic))
            continue;
        append(s, m);
        if (turn(s) == EMIT)
            list_append(claimed, &s->claimed);
    }
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    struct broker *b = self;
    struct message *m = message_create(call, question);
    struct list claimed, *node;
    list_init(&claimed);
    pthread_mutex_lock(&b->lock);
    bool fits = has_room(b, m->event.topic, m->cost);
    if (fits)
        spread(b, m, &claimed);
    message_unref(call->host, m);
    pthread_mutex_unlock(&b->lock);
    while ((node = list_take(&claimed)))
        act(b, list_item(node, struct subscription, claimed), EMIT);
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
    s->has_credit = true;
    list_init(&s->claimed);
    pthread_mutex_lock(&b->lock);
    list_append(&b->subscriptions, &s->link);
    pthread_mutex_unlock(&b->lock);
    call->host->opened(call);
}

static struct subscription *find(struct broker *b, const struct trb_call *call)
{
    list_each(node, &b->subscriptions)
        if (item(node)->call == call)
            return item(node);
    return NULL;
}

/* The message on its way is waited for. */
static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct broker *b = self;
    uint32_t what = NOTHING;
    pthread_mutex_lock(&b->lock);
    struct subscription *s = find(b, call);
    if (s && !s->is_ending) {
        s->is_ending = true;
        what = turn(s);
    }
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
}

static void resume(void *self, struct trb_call *call)
{
    struct broker *b = self;
    uint32_t what = NOTHING;
    pthread_mutex_lock(&b->lock);
    struct subscription *s = find(b, call);
    if (s) {
        s->is_resumed = s->is_emitting;
        s->has_credit = true;
        what = turn(s);
    }
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
}

/* Whatever the verdict: there is no redelivery here. */
static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct broker *b = self;
    struct subscription *s = cookie;
    pthread_mutex_lock(&b->lock);
    remove_first(s->call->host, s);
    s->is_unsettled = false;
    uint32_t what = turn(s);
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
}

static const struct trb_pubsub_ops ops = {.size = sizeof ops, .publish = publish, .subscribe = subscribe};
static const struct trb_component in_memory = {
    .size = sizeof in_memory, .block = "pubsub", .type = "pubsub.in-memory", .version = "v1",
    .summary = "Topics inside the sidecar, for one process.", .caps = TRB_PUBSUB_WILDCARDS,
    .run = TRB_ANYWHERE, TRB_SELF(struct broker, options), .ops = &ops, .start = start, .stop = stop,
    .cancel = cancel, .resume = resume, .settle = settle,
};
TRB_PLUGIN("in-memory", "0.1.0", "Apache-2.0", &in_memory);
