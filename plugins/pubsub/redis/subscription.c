/* subscription: reads one topic for the group, on a connection of its own that waits at the server.
 *
 *     group ──► read ──► queued ──► at the handler ──► acknowledged, or left for reclaim.c
 *
 * It ends in order: the read is called off, what waits is given back, what is at handlers is awaited. */
#include "bus.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define READ_WAIT_NS (5000 * REDIS_MS)      /* at the server, when readTimeout says nothing */
#define READ_AGAIN_NS (500 * REDIS_MS)

static void ensure_group(struct subscription *s);

struct trb_slice subscription_key(const struct subscription *s)
{
    return slice_name(s->topic);
}

static int64_t wait_ns(const struct bus *b)
{
    return b->config.read_timeout_ns > 0 ? b->config.read_timeout_ns : READ_WAIT_NS;
}

/* -------------------------------------------------------------------------------------- the end */
static void drop_reader(struct subscription *s)
{
    struct redis_link *reader = s->reader;
    s->reader = NULL;
    s->is_reading = false;
    s->read_timer = s->bus->timers->cancel(s->read_timer);
    redis_link_destroy(reader);
}

void subscription_give_back(struct subscription *s)
{
    struct list *node;
    while ((node = list_take(&s->queued))) {
        struct message *m = list_item(node, struct message, link);
        s->queued_count--;
        release_send(s, m->id);
        message_free(m);
    }
}

void subscription_check_end(struct subscription *s)
{
    if (!s->is_ending || s->reader || s->running || s->owed || s->is_reclaiming)
        return;
    struct trb_call *call = s->call;
    list_remove(&s->link);
    ack_forget(s);
    s->magic = 0;
    mem_free(s);
    trb_done(call);
}

/* owed keeps it while it works on itself. */
static void finish_reading(struct subscription *s)
{
    s->owed++;
    drop_reader(s);
    subscription_give_back(s);
    s->owed--;
    subscription_check_end(s);
}

static void on_waited(void *arg)
{
    finish_reading(checked(arg, struct subscription, SUBSCRIPTION_MAGIC));
}

static void on_called_off(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    s->owed--;
    if (s->reader && (err || !resp_is(reply, RESP_INTEGER)))
        finish_reading(s);
    else
        subscription_check_end(s);
}

/* What the server was about to hand over comes with the answer, and is given back. */
static void call_off(struct subscription *s)
{
    struct redis_wish w = {.answered = on_called_off, .self = s};
    struct trb_data words[] = {redis_text("CLIENT"), redis_text("UNBLOCK"), redis_text(s->reader_id)};
    s->read_timer = s->bus->timers->cancel(s->read_timer);
    s->read_timer = s->bus->timers->start(s->bus->origin, (uint64_t)(1000 * REDIS_MS), on_waited, s);
    s->owed++;
    redis_ask(s->bus->redis, subscription_key(s), &w, words, 3);
}

static struct subscription *find(struct bus *b, const struct trb_call *call)
{
    list_each(node, &b->subscriptions)
        if (list_item(node, struct subscription, link)->call == call)
            return list_item(node, struct subscription, link);
    return NULL;
}

void subscription_cancel(struct bus *b, struct trb_call *call)
{
    struct subscription *s = find(b, call);
    if (!s || s->is_ending)
        return;
    s->is_ending = true;
    s->reclaim_timer = b->timers->cancel(s->reclaim_timer);
    if (s->is_reading && s->reader_id[0] && redis_link_is_up(s->reader))
        call_off(s);
    else
        finish_reading(s);
}

/* The server refuses the topic: only its owner can help. */
static void fail(struct subscription *s, const struct resp *reply)
{
    struct trb_error err = {0}, told = {0};
    struct trb_call *call = s->call;
    const struct trb_host *host = s->bus->host;
    redis_reply_error(reply, &err);
    trb_error(&told, err.code, err.reason, "topic '%s': %s", s->topic.at, err.message);
    list_remove(&s->link);
    drop_reader(s);
    s->magic = 0;
    mem_free(s);
    host->fail(call, &told);
}

/* -------------------------------------------------------------------------------------- reading */
static void on_read_again(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    s->read_timer = s->bus->timers->cancel(s->read_timer);
    subscription_read(s);
}

/* The topic lives on another node now: the reader goes there. */
static bool has_moved(struct subscription *s, const struct resp *reply)
{
    struct trb_error err = {0};
    if (!redis_learn_move(s->bus->redis, reply))
        return false;
    redis_reply_error(reply, &err);
    redis_link_lost(s->reader, &err);
    return true;
}

static void read_failed(struct subscription *s, const struct resp *reply)
{
    struct bus *b = s->bus;
    if (has_moved(s, reply))
        return;
    if (resp_error_is(reply, "NOGROUP") || resp_error_is(reply, "UNBLOCKED")) {
        ensure_group(s);
        return;
    }
    trb_log(b->host, b->origin, TRB_LOG_WARN, "topic '%s': reading failed and is tried again: %.*s", s->topic.at,
            SLICE_ARG(slice_cut(reply->text, 300)));
    s->read_timer = b->timers->cancel(s->read_timer);
    s->read_timer = b->timers->start(b->origin, (uint64_t)READ_AGAIN_NS, on_read_again, s);
}

static void on_read(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    s->is_reading = false;
    if (err && !s->is_ending)
        return;                             /* the link comes back, and then reads */
    const struct resp *entries = resp_at(resp_at(reply, 0), 1);
    if (resp_is(entries, RESP_ARRAY)) {
        const struct resp *entry = resp_first(entries);
        for (uint32_t i = 0; i < entries->count; i++, entry = resp_next(entry))
            subscription_take(s, entry);
    }
    if (s->is_ending)
        finish_reading(s);
    else if (resp_is(reply, RESP_ERROR))
        read_failed(s, reply);
    else
        bus_pump(s->bus);
}

void subscription_read(struct subscription *s)
{
    struct bus *b = s->bus;
    char count[REDIS_NUMBER], wait[REDIS_NUMBER];
    if (!s->is_open || s->is_reading || s->is_ending || s->read_timer || !redis_link_is_up(s->reader) ||
        s->queued_count * 2 > (uint64_t)b->queue_depth)
        return;
    struct redis_wish w = {.answered = on_read, .self = s};
    struct trb_data words[] = {
        redis_text("XREADGROUP"), redis_text("GROUP"), redis_name(b->group), redis_name(b->group), redis_text("COUNT"),
        redis_number(count, b->queue_depth - s->queued_count), redis_text("BLOCK"),
        redis_number(wait, wait_ns(b) / REDIS_MS), redis_text("STREAMS"), redis_name(s->topic), redis_text(">")};
    s->is_reading = true;
    redis_link_ask(s->reader, &w, words, 11);
}

/* ------------------------------------------------------------------------------------- the group */
static void on_group(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    if (err || s->is_ending)
        return;
    if (resp_is(reply, RESP_ERROR) && !resp_error_is(reply, "BUSYGROUP")) {
        if (!s->is_open && !resp_error_is(reply, "LOADING") && !resp_error_is(reply, "MOVED"))
            fail(s, reply);
        else
            read_failed(s, reply);
        return;
    }
    if (!s->is_open) {
        s->is_open = true;
        s->bus->host->opened(s->call);
        reclaim_start(s);
    }
    subscription_read(s);
}

static void on_id(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    if (resp_is(reply, RESP_INTEGER))
        snprintf(s->reader_id, sizeof s->reader_id, "%lld", (long long)reply->integer);
}

static void ensure_group(struct subscription *s)
{
    struct redis_wish w = {.answered = on_group, .self = s};
    struct trb_data words[] = {redis_text("XGROUP"), redis_text("CREATE"), redis_name(s->topic), redis_name(s->bus->group),
                               redis_text("0"), redis_text("MKSTREAM")};
    redis_link_ask(s->reader, &w, words, 6);
}

static void on_reader_up(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    struct redis_wish w = {.answered = on_id, .self = s};
    s->reader_id[0] = 0;
    redis_link_ask(s->reader, &w, (struct trb_data[]){redis_text("CLIENT"), redis_text("ID")}, 2);
    ensure_group(s);
}

static void on_reader_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    if (s->is_ending && s->reader)
        finish_reading(s);
}

/* ------------------------------------------------------------------------------------ the verbs */
void bus_subscribe(void *self, struct trb_call *call, const void *question)
{
    struct bus *b = self;
    struct subscription *s = mem_zero(sizeof *s);
    s->magic = SUBSCRIPTION_MAGIC;
    s->bus = b;
    s->call = call;
    s->topic = ((const struct trb_pubsub_subscribe *)question)->topic;
    s->has_credit = true;
    list_init(&s->queued);
    list_init(&s->unacked);
    list_append(&b->subscriptions, &s->link);
    struct redis_link_setup reader = {.arg = s, .up = on_reader_up, .down = on_reader_down};
    if (b->config.read_timeout_ns >= 0)
        reader.read_timeout_ns = wait_ns(b) + redis_read_timeout(&b->config);
    s->reader = redis_own_link(b->redis, slice_name(s->topic), &reader);
}

void subscription_resume(struct bus *b, struct trb_call *call)
{
    struct subscription *s = find(b, call);
    if (!s)
        return;
    s->has_credit = true;
    bus_pump(b);
}

void subscription_settle(struct message *m, uint32_t verdict)
{
    struct subscription *s = m->sub;
    struct bus *b = s->bus;
    s->owed++;
    s->running--;
    b->running--;
    if (verdict == TRB_ACK || verdict == TRB_DROP || (verdict == TRB_RETRY && b->ack_on_failure))
        ack_send(s, m->id);
    else if (verdict == TRB_HELD)
        release_send(s, m->id);
    message_free(m);
    s->owed--;
    if (s->is_ending)
        subscription_check_end(s);
    bus_pump(b);
}
