/* outboxes: which internal topics of state stores are listened to. Stores that share one share a subscription, so
 * that none of them takes the events of another for lost. */
#include "pubsub_block.h"
#include <base/mem.h>

struct wish { /* a store's, while they are collected */
    struct list link;
    struct trb_outbox is;
};

struct collecting {
    struct arena *keep;
    struct list wishes;
};

static trb_step look;

void outboxes_schedule(struct block *b)
{
    if (b->is_in_service && !b->is_leaving)
        b->kernel->task(b->kernel, b, 0, TRB_GO(outboxes_look), NULL);
}

/* A component that comes or goes is known to everybody once this loop has turned. */
struct trb_next outboxes_look(struct trb_request *rq)
{
    return rq->kernel->sleep(rq, 1, TRB_GO(look));
}

/* ----------------------------------------------------------------------------------- collecting */
static void collect(void *arg, const struct trb_outbox *o)
{
    struct collecting *c = arg;
    struct wish *w = arena_zero(c->keep, sizeof *w);
    w->is = *o;
    list_append(&c->wishes, &w->link);
}

static struct wish *wish_of(struct list *node)
{
    return list_item(node, struct wish, link);
}

static bool is_same_topic(const struct trb_outbox *a, const struct trb_outbox *b)
{
    return slice_is(slice_name(a->broker), slice_name(b->broker)) &&
           slice_is(slice_name(a->waiting), slice_name(b->waiting));
}

/* ------------------------------------------------------------------------------ one subscription */
static void describe(struct text *t, const struct trb_outbox *o)
{
    const struct trb_name *names[] = {&o->store, &o->pubsub, &o->topic};
    text_addf(t, "[%u", o->discards);
    for (uint32_t i = 0; i < 3; i++) {
        text_addc(t, ',');
        text_add_json(t, slice_name(*names[i]), false);
    }
    text_addc(t, ']');
}

static struct subscription *create(const struct trb_outbox *first, const struct trb_outbox *all, uint32_t count)
{
    struct subscription *s = mem_zero(sizeof *s);
    struct text t = {0};
    s->refs = 1;
    s->keep = arena_create(SIZE_MAX);
    s->origin = OUTBOX;
    s->is_kept = true;
    s->pubsub = arena_name(s->keep, slice_name(first->broker));
    s->topic = arena_name(s->keep, slice_name(first->waiting));
    s->metadata.stride = sizeof(struct trb_pair);
    s->outboxes = arena_zero(s->keep, count * sizeof *s->outboxes);
    s->outbox_count = count;
    for (uint32_t i = 0; i < count; i++) {
        describe(&t, &all[i]);
        s->outboxes[i] = (struct outbox){.store = arena_name(s->keep, slice_name(all[i].store)),
                                         .pubsub = arena_name(s->keep, slice_name(all[i].pubsub)),
                                         .topic = arena_name(s->keep, slice_name(all[i].topic)),
                                         .discards = all[i].discards};
    }
    s->source = slice_name(arena_name(s->keep, text_slice(&t)));
    text_fini(&t);
    return s;
}

static bool is_as_before(const struct subscription *old, const struct subscription *s)
{
    return old->origin == OUTBOX && !old->is_kept && slice_is(old->source, s->source) &&
           slice_is(slice_name(old->pubsub), slice_name(s->pubsub)) &&
           slice_is(slice_name(old->topic), slice_name(s->topic));
}

/* One that is as it was keeps its stream. */
static void put(struct block *b, struct subscription *s)
{
    list_each(node, &b->subscriptions) {
        struct subscription *old = list_item(node, struct subscription, link);
        if (!is_as_before(old, s))
            continue;
        old->is_kept = true;
        subscription_unref(s);
        return;
    }
    subscription_add(b, s);
}

/* Those that share the first one's topic leave the list together. */
static void take_topic(struct block *b, struct collecting *c)
{
    struct trb_outbox first = wish_of(c->wishes.next)->is, *all;
    uint32_t count = 0, n = 0;
    list_each(node, &c->wishes)
        count++;
    all = arena_zero(c->keep, count * sizeof *all);
    list_each(node, &c->wishes)
        if (is_same_topic(&first, &wish_of(node)->is)) {
            all[n++] = wish_of(node)->is;
            list_remove(node);
        }
    put(b, create(&first, all, n));
}

/* ---------------------------------------------------------------------------------- all of them */
static void mark(struct block *b)
{
    list_each(node, &b->subscriptions)
        if (list_item(node, struct subscription, link)->origin == OUTBOX)
            list_item(node, struct subscription, link)->is_kept = false;
}

static void sweep(struct block *b)
{
    list_each(node, &b->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (s->origin == OUTBOX && !s->is_kept)
            subscription_remove(b, s);
    }
}

static struct trb_next look(struct trb_request *rq)
{
    struct block *b = rq->self;
    const struct trb_outbox_source *source = rq->kernel->extension(rq->kernel, TRB_OUTBOXES);
    struct collecting c = {.keep = arena_create(SIZE_MAX)};
    list_init(&c.wishes);
    if (source)
        source->each(source->self, collect, &c);
    mark(b);
    while (!list_is_empty(&c.wishes))
        take_topic(b, &c);
    sweep(b);
    arena_destroy(c.keep);
    return TRB_GO(listeners_open);
}
