/* publish: one message, or many of one request, each through the publisher of its exchange. */
#include "bus.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define MAX_EXITS 512u                      /* exchanges with a channel; the one longest unused goes */
#define TICK_NS 1000000000ull

struct exit {
    struct list link;
    struct rabbit_publisher *publisher;
};

static struct exit *exit_of(struct list *node)
{
    return list_item(node, struct exit, link);
}

/* ------------------------------------------------------------------------- an exchange's way out */
static void declare(void *arg, struct rabbit_channel *c, struct trb_slice exchange)
{
    const struct bus *b = arg;
    rabbit_exchange_declare(c, exchange, bus_kind(b), bus_flags(b));
}

/* Of a question, or of one of its entries: both have these. */
static void describe(void *arg, const struct rabbit_wish *w, struct text *scratch, struct rabbit_message *ret_message)
{
    const struct bus *b = arg;
    const struct trb_pubsub_publish *single = w->message;
    const struct trb_pubsub_entry *entry = w->message;
    const struct trb_pairs *metadata = w->context ? &entry->metadata : &single->metadata;
    ret_message->data = w->context ? entry->data : single->data;
    ret_message->key = slice_name(trb_pair_get(metadata, "routingKey"));
    struct rabbit_metadata_setup setup = {b->host, b->origin, b->ttl_ns, b->delivery_mode};
    rabbit_metadata_properties(&setup, metadata, scratch, &ret_message->properties);
}

static void exit_free(struct bus *b, struct exit *e, const struct trb_error *err)
{
    list_remove(&e->link);
    rabbit_publisher_destroy(e->publisher, err);
    b->exit_count--;
    mem_free(e);
}

static void drop_oldest_idle(struct bus *b)
{
    for (struct list *node = b->exits.prev; node != &b->exits; node = node->prev)
        if (rabbit_publisher_is_idle(exit_of(node)->publisher)) {
            exit_free(b, exit_of(node), NULL);
            return;
        }
}

static struct exit *exit_create(struct bus *b, struct trb_slice exchange)
{
    struct rabbit_publisher_setup setup = {.host = b->host, .origin = b->origin, .link = b->out, .exchange = exchange,
                                           .is_confirmed = b->confirm, .arg = b, .declare = declare, .describe = describe};
    struct exit *e = mem_zero(sizeof *e);
    if (b->exit_count >= MAX_EXITS)
        drop_oldest_idle(b);
    e->publisher = rabbit_publisher_create(&setup);
    list_prepend(&b->exits, &e->link);
    b->exit_count++;
    return e;
}

static struct exit *exit_find(struct bus *b, struct trb_slice exchange)
{
    list_each(node, &b->exits) {
        if (!slice_is(rabbit_publisher_exchange(exit_of(node)->publisher), exchange))
            continue;
        list_remove(node);
        list_prepend(&b->exits, node);
        return exit_of(node);
    }
    return exit_create(b, exchange);
}

/* --------------------------------------------------------------------------------- all of them */
void exits_flush(struct bus *b)
{
    list_each(node, &b->exits)
        rabbit_publisher_flush(exit_of(node)->publisher);
}

void exits_missed(struct bus *b, const struct trb_error *err)
{
    list_each(node, &b->exits)
        rabbit_publisher_missed(exit_of(node)->publisher, err);
}

void exits_cancel(struct bus *b, const struct trb_call *call)
{
    list_each(node, &b->exits)
        rabbit_publisher_cancel(exit_of(node)->publisher, call);
}

void exits_close(struct bus *b)
{
    struct trb_error err = {0};
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "the component is stopping");
    list_each(node, &b->exits)
        exit_free(b, exit_of(node), &err);
}

static void on_tick(void *arg)
{
    struct bus *b = arg;
    bool any = false;
    b->tick = b->timers->cancel(b->tick);
    list_each(node, &b->exits) {
        rabbit_publisher_tick(exit_of(node)->publisher);
        any = any || !rabbit_publisher_is_idle(exit_of(node)->publisher);
    }
    if (any)
        b->tick = b->timers->start(b->origin, TICK_NS, on_tick, b);
}

static void add(struct bus *b, struct exit *e, const struct rabbit_wish *w)
{
    rabbit_publisher_add(e->publisher, w);
    if (!b->tick)
        b->tick = b->timers->start(b->origin, TICK_NS, on_tick, b);
}

/* ---------------------------------------------------------------------------------------- verbs */
static const char *topic_fault(struct trb_name topic)
{
    return topic.len > WIRE_SHORT ? "a topic is an exchange, whose name has at most 255 bytes" : NULL;
}

static void on_settled(struct rabbit_wish *w, const struct trb_error *err)
{
    struct trb_call *call = (struct trb_call *)(uintptr_t)w->call;
    if (err)
        call->host->fail(call, err);
    else
        trb_done(call);
}

void bus_publish(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_pubsub_publish *q = question;
    struct rabbit_wish w = {.settled = on_settled, .call = call, .message = q};
    const char *fault = topic_fault(q->topic);
    fault = fault ? fault : rabbit_metadata_fault(&q->metadata);
    if (fault)
        trb_fail(call, TRB_INVALID, "BAD_MESSAGE", "%s", fault);
    else
        add(b, exit_find(b, slice_name(q->topic)), &w);
}

struct bulk {
    struct trb_call *call;
    uint32_t owed;
};

static void bulk_item(struct bulk *k, uint32_t index, const struct trb_error *err)
{
    k->call->host->item(k->call, index, NULL, 0, err);
    if (--k->owed)
        return;
    trb_done(k->call);
    mem_free(k);
}

static void on_item_settled(struct rabbit_wish *w, const struct trb_error *err)
{
    bulk_item(w->context, w->index, err);
}

void bus_bulk_publish(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_pubsub_bulk_publish *q = question;
    uint32_t count = q->entries.count;
    const char *fault = topic_fault(q->topic);
    if (fault)
        trb_fail(call, TRB_INVALID, "BAD_MESSAGE", "%s", fault);
    else if (!count)
        trb_done(call);
    if (fault || !count)
        return;
    struct exit *e = exit_find(b, slice_name(q->topic));
    struct bulk *k = mem_alloc(sizeof *k);
    struct trb_error err = {0};
    *k = (struct bulk){.call = call, .owed = count};
    for (uint32_t i = 0; i < count; i++) {
        const struct trb_pubsub_entry *entry = trb_list_at(&q->entries, i);
        struct rabbit_wish w = {.settled = on_item_settled, .call = call, .context = k, .message = entry, .index = i};
        fault = rabbit_metadata_fault(&entry->metadata);
        if (fault) {
            trb_error(&err, TRB_INVALID, "BAD_MESSAGE", "%s", fault);
            bulk_item(k, i, &err);
        } else {
            add(b, e, &w);
        }
    }
}
