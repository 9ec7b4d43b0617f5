/* declare: what a subscription needs at the broker: its exchange, its queue and the bindings between them,
 * and where dead letters go. The broker refuses what is there already with other arguments. */
#include "bus.h"
#include <base/mem.h>
#include <base/slice.h>

#define PREFETCH_SINGLE 100u
#define PREFETCH_ORDERED 1u                 /* what goes back into the queue must find nothing before it already sent */

static struct trb_slice said(const struct subscription *s, const char *name)
{
    return slice_trim(slice_name(trb_pair_get(&s->metadata, name)));
}

static bool is_quorum(const struct subscription *s)
{
    return slice_is(said(s, "queueType"), SLICE("quorum"));
}

/* ------------------------------------------------------------------------------------- its names */
static char *joined(const char *first, const char *dash, struct trb_slice last)
{
    struct text t = {0};
    text_adds(&t, first);
    text_adds(&t, dash);
    text_add(&t, last);
    return t.at;
}

static char *quoted(struct trb_name topic)
{
    struct text t = {0};
    text_addf(&t, "topic '%s'", topic.at);
    return t.at;
}

static const char *number_fault(const struct subscription *s)
{
    static const char *const names[] = {"maxPriority", "maxLen", "maxLenBytes"};
    int64_t unused;
    for (size_t i = 0; i < countof(names); i++) {
        struct trb_slice text = said(s, names[i]);
        if (text.len && !slice_to_i64(text, &unused))
            return "maxPriority, maxLen and maxLenBytes of a subscription must be numbers";
    }
    return NULL;
}

const char *subscription_name(struct subscription *s)
{
    struct trb_slice queue = said(s, "queueName"), type = said(s, "queueType");
    if (type.len && !slice_is(type, SLICE("classic")) && !is_quorum(s))
        return "queueType must be classic or quorum";
    s->queue = queue.len ? mem_text(queue.at, queue.len) : joined(s->bus->consumer, "-", slice_name(s->topic));
    s->dead_exchange = joined("dlx", "-", slice_of(s->queue));
    s->dead_queue = joined("dlq", "-", slice_of(s->queue));
    s->tag = rabbit_consumer_tag(s->queue);
    s->what = quoted(s->topic);
    if (strlen(s->dead_queue) > WIRE_SHORT || s->topic.len > WIRE_SHORT)
        return "the names of a topic and its queue have at most 251 bytes";
    return number_fault(s);
}

/* --------------------------------------------------------------------------------- its arguments */
static int64_t number(const struct subscription *s, const char *name, int64_t fallback)
{
    int64_t value = fallback;
    slice_to_i64(said(s, name), &value);
    return value;
}

static void put_limits(const struct subscription *s, struct text *t, int64_t len, int64_t bytes)
{
    if (len > 0)
        wire_put_int(t, "x-max-length", len);
    if (bytes > 0)
        wire_put_int(t, "x-max-length-bytes", bytes);
}

static void put_arguments(const struct subscription *s, struct text *t)
{
    const struct bus *b = s->bus;
    int64_t priority = number(s, "maxPriority", 0);
    wire_put_text(t, "x-queue-type", is_quorum(s) ? SLICE("quorum") : SLICE("classic"));
    put_limits(s, t, number(s, "maxLen", b->max_len), number(s, "maxLenBytes", b->max_len_bytes));
    if (b->dead_letter)
        wire_put_text(t, "x-dead-letter-exchange", slice_of(s->dead_exchange));
    if (priority > 0)
        wire_put_int(t, "x-max-priority", priority > 255 ? 255 : priority);
    if (slice_is_truthy(said(s, "singleActiveConsumer")))
        wire_put_bool(t, "x-single-active-consumer", true);
}

static void declare_dead_letters(const struct subscription *s, struct rabbit_channel *c)
{
    const struct bus *b = s->bus;
    uint32_t flags = bus_flags(b) | RABBIT_DURABLE;
    struct text arguments = {0};
    wire_put_text(&arguments, "x-queue-mode", SLICE("lazy"));
    put_limits(s, &arguments, b->max_len, b->max_len_bytes);
    rabbit_exchange_declare(c, slice_of(s->dead_exchange), "fanout", flags);
    rabbit_queue_declare(c, slice_of(s->dead_queue), flags, text_slice(&arguments), NULL);
    rabbit_queue_bind(c, slice_of(s->dead_queue), slice_of(s->dead_exchange), SLICE(""));
    text_fini(&arguments);
}

static void bind_keys(const struct subscription *s, struct rabbit_channel *c)
{
    struct trb_slice keys = slice_name(trb_pair_get(&s->metadata, "routingKey"));
    if (!keys.len)
        keys = SLICE("");
    do
        rabbit_queue_bind(c, slice_of(s->queue), slice_name(s->topic), slice_split(&keys, ','));
    while (keys.at);
}

static uint32_t prefetch(const struct bus *b)
{
    if (b->prefetch)
        return (uint32_t)b->prefetch;
    return b->concurrency != BUS_SINGLE ? RABBIT_PREFETCH : b->requeue ? PREFETCH_ORDERED : PREFETCH_SINGLE;
}

void subscription_declare(struct subscription *s, struct rabbit_channel *c, rabbit_then *consuming)
{
    const struct bus *b = s->bus;
    struct text arguments = {0};
    put_arguments(s, &arguments);
    if (b->dead_letter)
        declare_dead_letters(s, c);
    rabbit_exchange_declare(c, slice_name(s->topic), bus_kind(b), bus_flags(b));
    rabbit_queue_declare(c, slice_of(s->queue), bus_flags(b), text_slice(&arguments), NULL);
    bind_keys(s, c);
    rabbit_qos(c, prefetch(b));
    rabbit_consume(c, slice_of(s->queue), slice_of(s->tag), b->auto_ack, false, consuming);
    text_fini(&arguments);
}
