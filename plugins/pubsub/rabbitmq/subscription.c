/* subscription: one queue, read over a channel of its own.
 *
 *     declare ──► consuming ──► queued ──► at the handler ──► acknowledged, given back, or dropped
 *
 * It ends in order: what is at handlers is awaited, then the channel closes, and the broker gives what was not
 * acknowledged to whoever consumes next. A channel or connection that breaks is replaced by itself. */
#include "bus.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define MAX_QUEUED 4096u                    /* deliveries that wait for handlers; more only with autoAck */
#define MAX_QUEUED_BYTES (32u << 20)
#define END_NS 1000000000ull                /* the broker has so long to confirm the end */
#define NO_ROOM_NS 100000000ull             /* before what the host had no memory for is given back */
#define LEAST_REST_NS 500000000ull

static void begin(struct subscription *);

static void timer_set(struct subscription *s, uint64_t after_ns, void (*fire)(void *))
{
    const struct trb_timer_service *timers = s->bus->timers;
    s->timer = timers->cancel(s->timer);
    s->timer = timers->start(s->bus->origin, after_ns, fire, s);
}

/* ---------------------------------------------------------------------------------- what waits */
static void check_hold(struct subscription *s)
{
    uint32_t over = s->is_holding ? 2 : 1;  /* lets go at the half */
    bool hold = s->queued_count > MAX_QUEUED / over || s->queued_bytes > MAX_QUEUED_BYTES / over;
    if (hold == s->is_holding)
        return;
    s->is_holding = hold;
    rabbit_link_hold(s->bus->in, hold);
}

static struct rabbit_delivery *take_first(struct subscription *s)
{
    struct rabbit_delivery *d = list_item(list_take(&s->queued), struct rabbit_delivery, link);
    s->queued_count--;
    s->queued_bytes -= d->len;
    return d;
}

static void forget_queued(struct subscription *s)
{
    while (s->queued_count)
        rabbit_delivery_free(s->bus->host, take_first(s));
    if (s->channel)
        check_hold(s);
    s->is_holding = false;
}

static bool may_emit(const struct subscription *s)
{
    return s->queued_count && s->has_credit && !s->is_ending && (s->bus->concurrency != BUS_SINGLE || !s->running);
}

static void pump(struct subscription *s)
{
    while (may_emit(s))
        subscription_emit(s, take_first(s));
    if (s->channel)
        check_hold(s);
}

/* -------------------------------------------------------------------------------------- the end */
static void subscription_free(struct subscription *s)
{
    list_remove(&s->link);
    s->timer = s->bus->timers->cancel(s->timer);
    mem_free(s->queue);
    mem_free(s->dead_exchange);
    mem_free(s->dead_queue);
    mem_free(s->tag);
    s->magic = 0;
    mem_free(s);
}

static void finish(struct subscription *s, const struct trb_error *err)
{
    struct trb_call *call = s->call;
    forget_queued(s);
    rabbit_channel_drop(s->channel);
    subscription_free(s);
    if (err)
        call->host->fail(call, err);
    else
        trb_done(call);
}

static void on_waited(void *arg)
{
    finish(checked(arg, struct subscription, SUBSCRIPTION_MAGIC), NULL);
}

static void check_end(struct subscription *s)
{
    if (!s->is_ending || s->running)
        return;
    if (!s->channel) {
        finish(s, NULL);
        return;
    }
    rabbit_channel_end(s->channel);
    timer_set(s, END_NS, on_waited);
}

/* A queue that goes with its consumer must stay until the handlers are done: what they fail on goes back to it. */
void subscription_cancel(struct subscription *s)
{
    if (s->is_ending)
        return;
    s->is_ending = true;
    s->timer = s->bus->timers->cancel(s->timer);
    forget_queued(s);
    if (s->channel && s->running && !s->bus->delete_when_unused)
        rabbit_cancel(s->channel, slice_of(s->tag), NULL);
    check_end(s);
}

/* ------------------------------------------------------------------------------------ the channel */
static void on_rested(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    s->timer = s->bus->timers->cancel(s->timer);
    begin(s);
}

static void rest(struct subscription *s)
{
    uint64_t pause = (uint64_t)s->bus->config.reconnect_ns;
    timer_set(s, pause > LEAST_REST_NS ? pause : LEAST_REST_NS, on_rested);
}

static void lose_channel(struct subscription *s)
{
    s->channel = NULL;
    s->round++;
    s->first_short = 0;
    s->timer = s->bus->timers->cancel(s->timer);
    forget_queued(s);
}

static void refuse(struct subscription *s, const struct trb_error *err)
{
    struct trb_error told = *err;
    trb_error(&told, err->code, err->reason, "topic '%s': %s", s->topic.at, err->message);
    finish(s, &told);
}

static void on_closed(void *arg, const struct trb_error *err, uint32_t by)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    struct bus *b = s->bus;
    lose_channel(s);
    if (s->is_ending) {
        check_end(s);
    } else if (by && !s->is_open) {
        refuse(s, err);
    } else if (by) {
        trb_log(b->host, b->origin, TRB_LOG_WARN, "topic '%s': the broker ended the subscription, it is declared again: %s",
                s->topic.at, err->message);
        rest(s);
    }
}

static void on_ended(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    lose_channel(s);
    finish(s, NULL);
}

static void on_cancelled(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    struct bus *b = s->bus;
    if (s->is_ending)
        return;
    trb_log(b->host, b->origin, TRB_LOG_WARN, "topic '%s': queue '%s' is gone, it is declared again", s->topic.at, s->queue);
    rabbit_channel_drop(s->channel);
    lose_channel(s);
    rest(s);
}

/* ------------------------------------------------------------------------------------- deliveries */
/* What the host had no memory for goes back into the queue after a pause, and what came behind it too. */
static void on_room(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    s->timer = s->bus->timers->cancel(s->timer);
    for (uint64_t tag = s->first_short; tag && tag <= s->last_short && !s->bus->auto_ack; tag++)
        rabbit_nack(s->channel, tag, false, true);
    s->first_short = 0;
}

static void skip(struct subscription *s, uint64_t tag)
{
    if (!s->first_short)
        timer_set(s, NO_ROOM_NS, on_room);
    s->first_short = s->first_short ? s->first_short : tag;
    s->last_short = tag;
}

static void on_delivered(void *arg, struct rabbit_delivery *d)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    if (s->is_ending || s->first_short || !d->body) {
        if (!s->is_ending)
            skip(s, d->tag);
        rabbit_delivery_free(s->bus->host, d);
        return;
    }
    d->owner = s;
    d->round = s->round;
    list_append(&s->queued, &d->link);
    s->queued_count++;
    s->queued_bytes += d->len;
    pump(s);
}

static const struct rabbit_channel_events events = {
    .closed = on_closed, .ended = on_ended, .delivered = on_delivered, .cancelled = on_cancelled};

static void on_consuming(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    if (s->is_open || s->is_ending)
        return;
    s->is_open = true;
    s->bus->host->opened(s->call);
}

static void begin(struct subscription *s)
{
    if (s->channel || s->is_ending || s->timer || !rabbit_link_is_up(s->bus->in))
        return;
    s->channel = rabbit_channel_open(s->bus->in, &events, s);
    if (s->channel)
        subscription_declare(s, on_consuming);
    else
        rest(s);
}

void subscriptions_begin(struct bus *b)
{
    list_each(node, &b->subscriptions)
        begin(list_item(node, struct subscription, link));
}

/* ------------------------------------------------------------------------------------ the verbs */
struct subscription *subscription_find(struct bus *b, const struct trb_call *call)
{
    list_each(node, &b->subscriptions)
        if (list_item(node, struct subscription, link)->call == call)
            return list_item(node, struct subscription, link);
    return NULL;
}

void bus_subscribe(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    const struct trb_pubsub_subscribe *q = question;
    struct subscription *s = mem_zero(sizeof *s);
    *s = (struct subscription){.magic = SUBSCRIPTION_MAGIC, .bus = b, .call = call, .topic = q->topic, .has_credit = true,
                               .metadata = q->metadata};
    list_init(&s->queued);
    list_append(&b->subscriptions, &s->link);
    const char *fault = subscription_name(s);
    struct trb_error err = {0};
    if (fault) {
        trb_error(&err, TRB_INVALID, "BAD_SUBSCRIPTION", "%s", fault);
        refuse(s, &err);
        return;
    }
    begin(s);
}

void subscription_resume(struct subscription *s)
{
    s->has_credit = true;
    pump(s);
}

void subscription_settle(struct rabbit_delivery *d, uint32_t verdict)
{
    struct subscription *s = d->owner;
    struct bus *b = s->bus;
    bool is_known = s->channel && d->round == s->round && !b->auto_ack;
    s->running--;
    if (is_known && (verdict == TRB_ACK || verdict == TRB_DROP))
        rabbit_ack(s->channel, d->tag);
    else if (is_known && verdict == TRB_RETRY)
        rabbit_nack(s->channel, d->tag, false, b->requeue);
    rabbit_delivery_free(b->host, d);
    if (s->is_ending)
        check_end(s);
    else
        pump(s);
}
