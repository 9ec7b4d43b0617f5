/* pubsub.in-memory: topics inside the process. components.md 2.9
 *
 * Each subscription has a queue and one message on its way at a time, so that it sees a topic in the
 * order of publication. A message lives while somebody waits for it; nobody does: it is gone. Called
 * on every loop at once, so all state is under one lock, and nothing is told to the host under it.
 *
 * When a subscription ends because its block or this plugin is leaving, a place is kept for the one that
 * follows: what waited, and what is published meanwhile, is there when it comes (kept.c: in another copy). */
#include "broker.h"
#include <base/mem.h>
#include <stdbool.h>

#define KEPT_NS (30ull * 1000000000)    /* nobody came for a place: the block did not follow itself */

static const struct trb_option options[] = {
    TRB_BYTES(struct broker, max_queued, "maxQueuedBytes", .fallback = "64Mi",
              .doc = "Refuse to publish when so much waits for a subscription that does not keep up."),
};

struct subscription {
    struct list link, claimed;      /* claimed: by the one who emits next */
    struct trb_call *call;
    struct trb_name topic;          /* the question's: readable until answered */
    struct queue queue;
    uint64_t since;                 /* the number of the last message before it */
    bool is_emitting, is_unsettled; /* then the first one is on its way */
    bool has_credit, is_resumed;    /* resumed: credit came while emit had not yet said there is none */
    bool is_ending, is_followed;    /* followed: by another copy of its block */
    const struct subscription *heir; /* who has what it left; to compare only */
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
    list_init(&b->places);
    b->host = call->host;
    b->origin = call->origin;
    trb_done(call);
}

static void place_destroy(struct broker *b, struct place *p)
{
    queue_clear(&p->queue, b->host);
    list_remove(&p->link);
    mem_free(p);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct broker *b = self;
    list_each(node, &b->places)
        place_destroy(b, list_item(node, struct place, link));
    pthread_mutex_destroy(&((struct broker *)self)->lock);
    trb_done(call);
}

/* -------------------------------------------------------------------------------------- places */
static bool is_same(struct trb_name a, struct trb_name b)
{
    return a.len == b.len && !memcmp(a.at, b.at, a.len);
}

static struct subscription *follower_of(struct broker *b, const struct subscription *s)
{
    list_each(node, &b->subscriptions)
        if (!item(node)->is_ending && item(node)->since > s->since && is_same(item(node)->topic, s->topic))
            return item(node);
    return NULL;
}

struct place *place_create(struct broker *b, struct trb_name topic)
{
    struct place *p = mem_zero(sizeof *p + topic.len + 1);
    memcpy(p + 1, topic.at, topic.len);
    p->topic = (struct trb_name){(char *)(p + 1), topic.len};
    p->kept_ns = b->host->now_ns();
    queue_init(&p->queue);
    list_append(&b->places, &p->link);
    return p;
}

/* A queue whose first one is on its way takes nothing in front of it. */
static void bequeath(struct broker *b, struct subscription *s)
{
    struct subscription *next = follower_of(b, s);
    s->heir = next;
    if (next)
        queue_put_before(&next->queue, &s->queue, next->since, next->is_emitting || next->is_unsettled, b->host);
    else
        queue_put_before(&place_create(b, s->topic)->queue, &s->queue, UINT64_MAX, false, b->host);
}

static void inherit(struct broker *b, struct subscription *s)
{
    list_each(node, &b->places) {
        struct place *p = list_item(node, struct place, link);
        if (!is_same(p->topic, s->topic))
            continue;
        queue_put_before(&s->queue, &p->queue, UINT64_MAX, false, b->host);
        place_destroy(b, p);
        return;
    }
}

/* ------------------------------------------------------------------------------------- its turn */
#define NOTHING 0u
#define EMIT 1u
#define END 2u

/* Under the lock, where its state changed: what has to be done now, by nobody else. */
static uint32_t turn(struct broker *b, struct subscription *s)
{
    if (s->is_emitting || s->is_unsettled)
        return NOTHING;
    if (s->is_ending) {
        list_remove(&s->link);
        if (s->is_followed)
            bequeath(b, s);
        queue_clear(&s->queue, b->host);
        return END;
    }
    if (!s->has_credit || !s->queue.first)
        return NOTHING;
    s->is_emitting = s->is_unsettled = true;
    return EMIT;
}

/* Its settlement and new credit may come before emit returns. */
static uint32_t emit(struct broker *b, struct subscription *s)
{
    const struct trb_host *host = s->call->host;
    const struct trb_pubsub_event *event = &s->queue.first->message->event;
    host->buf_ref(event->data.owner);
    uint32_t left = host->emit(s->call, event, sizeof *event, s);
    pthread_mutex_lock(&b->lock);
    s->is_emitting = false;
    s->has_credit = left || s->is_resumed;
    s->is_resumed = false;
    uint32_t next = turn(b, s);
    pthread_mutex_unlock(&b->lock);
    return next;
}

static void act(struct broker *b, struct subscription *s, uint32_t what);

static void wake_heir(struct broker *b, const struct subscription *heir)
{
    struct subscription *found = NULL;
    uint32_t what = NOTHING;
    pthread_mutex_lock(&b->lock);
    list_each(node, &b->subscriptions)
        if (item(node) == heir)
            found = item(node);
    if (found)
        what = turn(b, found);
    pthread_mutex_unlock(&b->lock);
    act(b, found, what);
}

/* Without the lock. */
static void act(struct broker *b, struct subscription *s, uint32_t what)
{
    while (what == EMIT)
        what = emit(b, s);
    if (what != END)
        return;
    struct trb_call *call = s->call;
    const struct subscription *heir = s->heir;
    mem_free(s);
    if (heir)
        wake_heir(b, heir);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------ publish */
static bool hears(struct trb_name own, struct trb_name topic)
{
    if (own.len && own.at[own.len - 1] == '*' && topic.len >= own.len)
        return !memcmp(own.at, topic.at, own.len - 1);
    return own.len == topic.len && !memcmp(own.at, topic.at, own.len);
}

static bool has_room(struct broker *b, struct trb_name topic, size_t cost)
{
    list_each(node, &b->subscriptions)
        if (hears(item(node)->topic, topic) && item(node)->queue.first &&
            item(node)->queue.bytes + cost > b->max_queued)
            return false;
    return true;
}

static void spread(struct broker *b, struct message *m, struct list *claimed)
{
    m->number = ++b->published;
    list_each(node, &b->subscriptions) {
        struct subscription *s = item(node);
        if (!hears(s->topic, m->event.topic) || (s->is_ending && !s->is_followed))
            continue;
        queue_append(&s->queue, m);
        if (turn(b, s) == EMIT)
            list_append(claimed, &s->claimed);
    }
}

static void keep(struct broker *b, struct message *m)
{
    list_each(node, &b->places) {
        struct place *p = list_item(node, struct place, link);
        if (b->host->now_ns() - p->kept_ns > KEPT_NS)
            place_destroy(b, p);
        else if (hears(p->topic, m->event.topic) && p->queue.bytes + m->cost <= b->max_queued)
            queue_append(&p->queue, m);
    }
}

static void publish(void *self, struct trb_call *call, const void *question)
{
    struct broker *b = self;
    struct message *m = message_create(call, question);
    struct list claimed, *node;
    if (!m) {
        trb_fail(call, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for the message");
        return;
    }
    list_init(&claimed);
    pthread_mutex_lock(&b->lock);
    bool fits = has_room(b, m->event.topic, m->cost);
    if (fits) {
        spread(b, m, &claimed);
        keep(b, m);
    }
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
/* Under the lock. */
static uint32_t give_credit(struct broker *b, struct subscription *s)
{
    s->is_resumed = s->is_emitting;
    s->has_credit = true;
    return turn(b, s);
}

/* Whoever sees it open finds it in the list: what is published from then on is its own. */
static void subscribe(void *self, struct trb_call *call, const void *question)
{
    struct broker *b = self;
    struct subscription *s = mem_zero(sizeof *s);
    s->call = call;
    s->topic = ((const struct trb_pubsub_subscribe *)question)->topic;
    queue_init(&s->queue);
    list_init(&s->claimed);
    pthread_mutex_lock(&b->lock);
    s->since = b->published;
    inherit(b, s);
    list_append(&b->subscriptions, &s->link);
    pthread_mutex_unlock(&b->lock);
    call->host->opened(call);
    pthread_mutex_lock(&b->lock);
    uint32_t what = give_credit(b, s);
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
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
        s->is_followed = why == TRB_WHY_DRAINING;
        what = turn(b, s);
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
    if (s)
        what = give_credit(b, s);
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
}

/* There is no redelivery here, but what was held was never delivered. */
static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct broker *b = self;
    struct subscription *s = cookie;
    pthread_mutex_lock(&b->lock);
    if (how->verdict != TRB_HELD)
        queue_remove_first(&s->queue, b->host);
    s->is_unsettled = false;
    uint32_t what = turn(b, s);
    pthread_mutex_unlock(&b->lock);
    act(b, s, what);
}

static const struct trb_pubsub_ops ops = {.size = sizeof ops, .publish = publish, .subscribe = subscribe};
static const struct trb_component in_memory = {
    .size = sizeof in_memory, .block = "pubsub", .type = "pubsub.in-memory", .version = "v1",
    .summary = "Topics inside the sidecar, for one process.", .caps = TRB_PUBSUB_WILDCARDS,
    .run = TRB_ANYWHERE, TRB_SELF(struct broker, options), .ops = &ops, .start = start, .stop = stop,
    .cancel = cancel, .resume = resume, .settle = settle, .hand_over = broker_hand_over, .adopt = broker_adopt,
};
TRB_PLUGIN("in-memory", "0.1.0", "Apache-2.0", &in_memory);
