/* outboxes: which internal topics of state stores are listened to. Stores that share one share a subscription, so
 * that none of them takes the events of another for lost. */
#include "pubsub_block.h"
#include <base/clock.h>
#include <base/mem.h>

#define PATIENCE_NS (5 * CLOCK_S)   /* a store that goes is most often one that comes again: nothing may be missed */
#define NAP_NS (CLOCK_S / 5)        /* how soon patience ends when the process is leaving */

struct wish { /* a store's, while they are collected */
    struct list link;
    struct trb_outbox is;
};

struct collecting {
    struct arena *keep;
    struct list wishes;
};

static trb_step look, be_patient, nap;

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
static struct wish *wish_of(struct list *node)
{
    return list_item(node, struct wish, link);
}

/* A store that is replaced may be there twice for a moment. */
static void collect(void *arg, const struct trb_outbox *o)
{
    struct collecting *c = arg;
    list_each(node, &c->wishes)
        if (slice_is(slice_name(wish_of(node)->is.store), slice_name(o->store)))
            list_remove(node);
    struct wish *w = arena_zero(c->keep, sizeof *w);
    w->is = *o;
    list_append(&c->wishes, &w->link);
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
        old->unwanted_ns = 0;
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

static bool is_replaced(struct block *b, const struct subscription *s)
{
    list_each(node, &b->subscriptions) {
        const struct subscription *other = list_item(node, struct subscription, link);
        if (other->origin == OUTBOX && other->is_kept && slice_is(slice_name(other->pubsub), slice_name(s->pubsub)) &&
            slice_is(slice_name(other->topic), slice_name(s->topic)))
            return true;
    }
    return false;
}

/* Is one left that goes later? */
static bool sweep(struct block *b)
{
    uint64_t now = clock_now_ns();
    bool any = false;
    list_each(node, &b->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (s->origin != OUTBOX || s->is_kept)
            continue;
        s->unwanted_ns = s->unwanted_ns ? s->unwanted_ns : now;
        if (now - s->unwanted_ns >= PATIENCE_NS || is_replaced(b, s))
            subscription_remove(b, s);
        else
            any = true;
    }
    return any;
}

struct patience {
    uint64_t until_ns;
};

static struct trb_next be_patient(struct trb_request *rq)
{
    struct patience *p = trb_request_state(rq, sizeof *p);
    p->until_ns = clock_now_ns() + PATIENCE_NS;
    return TRB_GO(nap);
}

static struct trb_next nap(struct trb_request *rq)
{
    struct block *b = rq->self;
    if (!b->is_leaving && clock_now_ns() < ((struct patience *)rq->state)->until_ns)
        return rq->kernel->sleep(rq, NAP_NS, TRB_GO(nap));
    b->is_patient = false;
    return b->is_leaving ? rq->kernel->task_end(rq) : TRB_GO(look);
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
    if (sweep(b) && !b->is_patient) {
        b->is_patient = true;
        b->kernel->task(b->kernel, b, 0, TRB_GO(be_patient), NULL);
    }
    arena_destroy(c.keep);
    return TRB_GO(listeners_open);
}
