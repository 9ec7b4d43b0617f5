/* consumer: see consumer.h. */
#include <base/check.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <rabbitmq/consumer.h>

#define MAX_QUEUED 4096u                    /* deliveries that wait for handlers; more only with autoAck */
#define MAX_QUEUED_BYTES (32u << 20)
#define END_NS 1000000000ull                /* the broker has so long to confirm the end */
#define NO_ROOM_NS 100000000ull             /* before what the host had no memory for is given back */
#define LEAST_REST_NS 500000000ull

#define CONSUMER_MAGIC 0x434f4e53u

struct rabbit_consumer {
    uint32_t magic;
    struct rabbit_consumer_setup setup;
    const struct trb_timer_service *timers;
    struct rabbit_channel *channel;
    uint64_t round;                         /* counts channels: what came over an earlier one cannot be settled */
    struct list queued;                     /* deliveries */
    size_t queued_bytes;
    uint64_t first_short, last_short;       /* tags that the host had no memory for; 0: none */
    uint32_t queued_count, running;         /* running: at handlers */
    struct trb_timer *timer;                /* to declare again; to give back; ending: to wait no longer */
    bool is_open, is_ending, has_credit, is_holding;
};

static void begin(struct rabbit_consumer *);

static void timer_set(struct rabbit_consumer *c, uint64_t after_ns, void (*fire)(void *))
{
    const struct trb_timer_service *timers = c->timers;
    c->timer = timers->cancel(c->timer);
    c->timer = timers->start(c->setup.origin, after_ns, fire, c);
}

/* ---------------------------------------------------------------------------------- what waits */
static void check_hold(struct rabbit_consumer *c)
{
    uint32_t over = c->is_holding ? 2 : 1;  /* lets go at the half */
    bool hold = c->queued_count > MAX_QUEUED / over || c->queued_bytes > MAX_QUEUED_BYTES / over;
    if (hold == c->is_holding)
        return;
    c->is_holding = hold;
    rabbit_link_hold(c->setup.link, hold);
}

static struct rabbit_delivery *take_first(struct rabbit_consumer *c)
{
    struct rabbit_delivery *d = list_item(list_take(&c->queued), struct rabbit_delivery, link);
    c->queued_count--;
    c->queued_bytes -= d->len;
    return d;
}

static void forget_queued(struct rabbit_consumer *c)
{
    while (c->queued_count)
        rabbit_delivery_free(c->setup.host, take_first(c));
    check_hold(c);
}

static bool may_emit(const struct rabbit_consumer *c)
{
    return c->queued_count && c->has_credit && !c->is_ending && (!c->setup.one_by_one || !c->running);
}

static void pump(struct rabbit_consumer *c)
{
    while (may_emit(c)) {
        c->running++;
        c->has_credit = c->setup.emit(c->setup.arg, take_first(c)) > 0;
    }
    check_hold(c);
}

/* -------------------------------------------------------------------------------------- the end */
static void finish(struct rabbit_consumer *c, const struct trb_error *err)
{
    struct rabbit_consumer_setup s = c->setup;
    forget_queued(c);
    rabbit_channel_drop(c->channel);
    c->timer = c->timers->cancel(c->timer);
    c->magic = 0;
    mem_free(c);
    s.over(s.arg);
    if (err)
        s.host->fail(s.call, err);
    else
        trb_done(s.call);
}

static void on_waited(void *arg)
{
    finish(checked(arg, struct rabbit_consumer, CONSUMER_MAGIC), NULL);
}

static void check_end(struct rabbit_consumer *c)
{
    if (!c->is_ending || c->running)
        return;
    if (!c->channel) {
        finish(c, NULL);
        return;
    }
    rabbit_channel_end(c->channel);
    timer_set(c, END_NS, on_waited);
}

/* A queue that goes with its consumer must stay until the handlers are done: what they fail on goes back to it. */
void rabbit_consumer_cancel(struct rabbit_consumer *c)
{
    if (c->is_ending)
        return;
    c->is_ending = true;
    c->timer = c->timers->cancel(c->timer);
    forget_queued(c);
    if (c->channel && c->running && !c->setup.goes_unused)
        rabbit_cancel(c->channel, slice_of(c->setup.tag), NULL);
    check_end(c);
}

/* ------------------------------------------------------------------------------------ the channel */
static void on_rested(void *arg)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    c->timer = c->timers->cancel(c->timer);
    begin(c);
}

static void rest(struct rabbit_consumer *c)
{
    uint64_t pause = (uint64_t)c->setup.pause_ns;
    timer_set(c, pause > LEAST_REST_NS ? pause : LEAST_REST_NS, on_rested);
}

static void lose_channel(struct rabbit_consumer *c)
{
    c->channel = NULL;
    c->round++;
    c->first_short = 0;
    c->timer = c->timers->cancel(c->timer);
    forget_queued(c);
}

static void begin_again(struct rabbit_consumer *c, const char *why)
{
    trb_log(c->setup.host, c->setup.origin, TRB_LOG_WARN, "%s: the broker ended it, its queue is declared again: %s",
            c->setup.what, why);
    rest(c);
}

static void on_closed(void *arg, const struct trb_error *err, uint32_t by)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    struct trb_error told = *err;
    lose_channel(c);
    if (c->is_ending) {
        check_end(c);
    } else if (by && !c->is_open) {
        trb_error(&told, err->code, err->reason, "%s: %s", c->setup.what, err->message);
        finish(c, &told);
    } else if (by) {
        begin_again(c, told.message);
    }
}

static void on_ended(void *arg)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    lose_channel(c);
    finish(c, NULL);
}

static void on_cancelled(void *arg)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    if (c->is_ending)
        return;
    rabbit_channel_drop(c->channel);
    lose_channel(c);
    begin_again(c, "the queue is gone");
}

/* ------------------------------------------------------------------------------------- deliveries */
/* What the host had no memory for goes back into the queue after a pause, and what came behind it too. */
static void on_room(void *arg)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    c->timer = c->timers->cancel(c->timer);
    for (uint64_t tag = c->first_short; tag && tag <= c->last_short && !c->setup.auto_ack; tag++)
        rabbit_nack(c->channel, tag, false, true);
    c->first_short = 0;
}

static void skip(struct rabbit_consumer *c, uint64_t tag)
{
    if (!c->first_short)
        timer_set(c, NO_ROOM_NS, on_room);
    c->first_short = c->first_short ? c->first_short : tag;
    c->last_short = tag;
}

static void on_delivered(void *arg, struct rabbit_delivery *d)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    if (c->is_ending || c->first_short || !d->body) {
        if (!c->is_ending)
            skip(c, d->tag);
        rabbit_delivery_free(c->setup.host, d);
        return;
    }
    d->owner = c;
    d->round = c->round;
    list_append(&c->queued, &d->link);
    c->queued_count++;
    c->queued_bytes += d->len;
    pump(c);
}

static const struct rabbit_channel_events events = {
    .closed = on_closed, .ended = on_ended, .delivered = on_delivered, .cancelled = on_cancelled};

static void on_consuming(void *arg)
{
    struct rabbit_consumer *c = checked(arg, struct rabbit_consumer, CONSUMER_MAGIC);
    if (c->is_open || c->is_ending)
        return;
    c->is_open = true;
    c->setup.host->opened(c->setup.call);
}

static void begin(struct rabbit_consumer *c)
{
    if (c->channel || c->is_ending || c->timer || !rabbit_link_is_up(c->setup.link))
        return;
    c->channel = rabbit_channel_open(c->setup.link, &events, c);
    if (c->channel)
        c->setup.declare(c->setup.arg, c->channel, on_consuming);
    else
        rest(c);
}

/* -------------------------------------------------------------------------------- for its owner */
void rabbit_consumer_begin(struct rabbit_consumer *c)
{
    begin(c);
}

struct rabbit_consumer *rabbit_consumer_create(const struct rabbit_consumer_setup *setup)
{
    struct rabbit_consumer *c = mem_zero(sizeof *c);
    *c = (struct rabbit_consumer){.magic = CONSUMER_MAGIC, .setup = *setup, .has_credit = true,
                                  .timers = setup->host->extension(TRB_TIMER)};
    list_init(&c->queued);
    return c;
}

void rabbit_consumer_resume(struct rabbit_consumer *c)
{
    c->has_credit = true;
    pump(c);
}

void rabbit_consumer_settle(struct rabbit_delivery *d, uint32_t verdict, bool requeue)
{
    struct rabbit_consumer *c = checked(d->owner, struct rabbit_consumer, CONSUMER_MAGIC);
    bool is_known = c->channel && d->round == c->round && !c->setup.auto_ack;
    c->running--;
    if (is_known && (verdict == TRB_ACK || verdict == TRB_DROP))
        rabbit_ack(c->channel, d->tag);
    else if (is_known && verdict == TRB_RETRY)
        rabbit_nack(c->channel, d->tag, false, requeue);
    rabbit_delivery_free(c->setup.host, d);
    if (c->is_ending)
        check_end(c);
    else
        pump(c);
}

char *rabbit_consumer_tag(const char *first)
{
    char number[UUID_TEXT];
    struct text t = {0};
    uuid_v4(number);
    text_addf(&t, "%s-%s", first, number);
    if (t.len > WIRE_SHORT)
        memmove(t.at, t.at + t.len - WIRE_SHORT, WIRE_SHORT + 1);
    return t.at;
}
