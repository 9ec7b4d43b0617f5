/* subscription: one topic's queue, and the consumer that reads it. */
#include "bus.h"
#include <base/mem.h>
#include <base/slice.h>

static struct subscription *item(struct list *node)
{
    return list_item(node, struct subscription, link);
}

static void on_over(void *arg)
{
    struct subscription *s = arg;
    list_remove(&s->link);
    mem_free(s->what);
    mem_free(s->queue);
    mem_free(s->dead_exchange);
    mem_free(s->dead_queue);
    mem_free(s->tag);
    mem_free(s);
}

static void declare(void *arg, struct rabbit_channel *channel, rabbit_then *consuming)
{
    subscription_declare(arg, channel, consuming);
}

static struct rabbit_consumer *make_consumer(struct subscription *s)
{
    const struct bus *b = s->bus;
    struct rabbit_consumer_setup setup = {
        .host = b->host, .origin = b->origin, .link = b->in, .call = s->call, .what = s->what, .tag = s->tag,
        .pause_ns = b->config.reconnect_ns, .auto_ack = b->auto_ack, .one_by_one = b->concurrency == BUS_SINGLE,
        .goes_unused = b->delete_when_unused, .arg = s, .declare = declare, .emit = subscription_emit, .over = on_over};
    return rabbit_consumer_create(&setup);
}

void bus_subscribe(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_pubsub_subscribe *q = question;
    struct subscription *s = mem_zero(sizeof *s);
    *s = (struct subscription){.bus = b, .call = call, .topic = q->topic, .metadata = q->metadata};
    list_append(&b->subscriptions, &s->link);
    const char *fault = subscription_name(s);
    if (fault) {
        on_over(s);
        trb_fail(call, TRB_INVALID, "BAD_SUBSCRIPTION", "topic '%s': %s", q->topic.at, fault);
        return;
    }
    s->consumer = make_consumer(s);
    rabbit_consumer_begin(s->consumer);
}

void subscriptions_begin(struct bus *b)
{
    list_each(node, &b->subscriptions)
        rabbit_consumer_begin(item(node)->consumer);
}

struct subscription *subscription_find(struct bus *b, const struct trb_call *call)
{
    list_each(node, &b->subscriptions)
        if (item(node)->call == call)
            return item(node);
    return NULL;
}
