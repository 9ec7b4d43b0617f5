/* publisher: see publisher.h. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/methods.h>
#include <rabbitmq/publisher.h>

#define PATIENCE_NS 30000000000ull          /* for one message, from asked to settled */
#define MAX_MISSED 2u                       /* attempts to connect that a waiting message sees fail */
#define MAX_TRIES 3u                        /* written anew when the exchange was gone */
#define MAX_WAITING 65536u
#define PUBLISHER_MAGIC 0x50554253u

struct entry {
    struct rabbit_wish wish;
    uint64_t since_ns;
    uint32_t tries, missed;
    bool is_settled, is_returned;
};

struct rabbit_publisher {
    uint32_t magic;
    struct rabbit_publisher_setup setup;
    char *exchange;
    struct rabbit_channel *channel;         /* NULL: opened with the next message */
    struct entry *ring;                     /* written ones first, then waiting ones */
    uint32_t first, written, count, room;
    uint64_t first_tag;                     /* of the oldest written one */
    struct text scratch;
};

static struct entry *at(const struct rabbit_publisher *p, uint32_t n)
{
    return &p->ring[(p->first + n) & (p->room - 1)];
}

static void settle(struct entry *e, const struct trb_error *err)
{
    struct rabbit_wish w = e->wish;
    if (e->is_settled)
        return;
    e->is_settled = true;
    w.settled(&w, err);
}

static void pop(struct rabbit_publisher *p)
{
    p->first = (p->first + 1) & (p->room - 1);
    p->first_tag++;
    p->count--;
    p->written--;
}

static void pop_settled(struct rabbit_publisher *p)
{
    while (p->written && at(p, 0)->is_settled)
        pop(p);
}

static void describe(struct rabbit_publisher *p, struct entry *e, struct rabbit_message *ret_message)
{
    *ret_message = (struct rabbit_message){.properties = RABBIT_NO_PROPERTIES};
    text_clear(&p->scratch);
    p->setup.describe(p->setup.arg, &e->wish, &p->scratch, ret_message);
}

static void grow(struct rabbit_publisher *p)
{
    uint32_t room = p->room ? p->room * 2 : 8;
    struct entry *ring = mem_alloc(room * sizeof *ring);
    for (uint32_t n = 0; n < p->count; n++)
        ring[n] = *at(p, n);
    mem_free(p->ring);
    p->ring = ring;
    p->room = room;
    p->first = 0;
}

static void append(struct rabbit_publisher *p, const struct entry *e)
{
    struct entry copy = *e;
    if (p->count == p->room)
        grow(p);
    *at(p, p->count++) = copy;
}

/* --------------------------------------------------------------------- what no queue has taken */
/* The broker does not say which it was. The oldest with the same bytes is as good as any of its equals. */
static bool is_that(struct rabbit_publisher *p, struct entry *e, const struct rabbit_delivery *d)
{
    struct rabbit_message m;
    if (e->is_settled || e->is_returned)
        return false;
    describe(p, e, &m);
    if (m.data.len != d->len || !d->body)
        return m.data.len == d->len;
    return slice_is(slice_from(m.data.at, m.data.len), p->setup.host->buf_bytes(d->body));
}

static void on_returned(void *arg, struct rabbit_delivery *d)
{
    struct rabbit_publisher *p = checked(arg, struct rabbit_publisher, PUBLISHER_MAGIC);
    uint32_t n = 0;
    while (n < p->written && !is_that(p, at(p, n), d))
        n++;
    if (n < p->written)
        at(p, n)->is_returned = true;
    rabbit_delivery_free(p->setup.host, d);
}

/* True: it is written again, behind what waits. */
static bool send_again(struct rabbit_publisher *p, uint32_t n)
{
    struct entry *e = at(p, n);
    if (!e->is_returned || e->is_settled || e->tries >= MAX_TRIES)
        return false;
    struct entry again = *e;
    e->is_settled = true;
    again.is_returned = false;
    append(p, &again);
    p->setup.declare(p->setup.arg, p->channel, slice_of(p->exchange));
    return true;
}

/* ----------------------------------------------------------------------------------- confirms */
static void settle_confirmed(struct rabbit_publisher *p, uint32_t n, bool is_taken)
{
    struct trb_error err = {0};
    bool was_returned = at(p, n)->is_returned;
    if (is_taken && send_again(p, n))
        return;
    if (was_returned)
        trb_error(&err, TRB_UNAVAILABLE, "NO_QUEUE", "RabbitMQ has no queue that took the message");
    else if (!is_taken)
        trb_error(&err, TRB_UNAVAILABLE, "NOT_TAKEN", "RabbitMQ did not take the message for exchange '%s'", p->exchange);
    settle(at(p, n), err.code ? &err : NULL);
}

static void on_confirmed(void *arg, uint64_t tag, bool multiple, bool is_taken)
{
    struct rabbit_publisher *p = checked(arg, struct rabbit_publisher, PUBLISHER_MAGIC);
    if (tag < p->first_tag || tag - p->first_tag >= p->written)
        return;
    uint32_t last = (uint32_t)(tag - p->first_tag);
    for (uint32_t n = multiple ? 0 : last; n <= last; n++)
        settle_confirmed(p, n, is_taken);
    pop_settled(p);
    rabbit_publisher_flush(p);
}

/* ------------------------------------------------------------------------------------- the end */
/* What was written becomes waiting again, in its order, or fails. */
static void take_back(struct rabbit_publisher *p, const struct trb_error *err, bool again)
{
    uint32_t written = p->written;
    p->written = 0;
    for (uint32_t n = 0; n < written; n++) {
        struct entry *e = at(p, n);
        if (!again || e->tries >= MAX_TRIES)
            settle(e, err);
    }
}

static void drop_settled(struct rabbit_publisher *p)
{
    uint32_t kept = 0;
    for (uint32_t n = 0; n < p->count; n++)
        if (n < p->written || !at(p, n)->is_settled)
            *at(p, kept++) = *at(p, n);
    p->count = kept;
}

static void on_closed(void *arg, const struct trb_error *err, uint32_t by)
{
    struct rabbit_publisher *p = checked(arg, struct rabbit_publisher, PUBLISHER_MAGIC);
    bool was_gone = by == BASIC_PUBLISH && err->code == TRB_NOT_FOUND;
    struct trb_error told = *err;
    p->channel = NULL;
    if (!by) {
        trb_error(&told, TRB_UNAVAILABLE, "CONNECTION", "%s; the message may have been taken", err->message);
        take_back(p, &told, false);
    } else {
        take_back(p, &told, was_gone);
        for (uint32_t n = 0; !was_gone && n < p->count; n++)
            settle(at(p, n), &told);        /* they would meet the same refusal */
    }
    drop_settled(p);
    rabbit_publisher_flush(p);
}

/* ------------------------------------------------------------------------------------- writing */
static const struct rabbit_channel_events events = {
    .closed = on_closed, .confirmed = on_confirmed, .returned = on_returned};

static bool open_channel(struct rabbit_publisher *p)
{
    p->channel = rabbit_channel_open(p->setup.link, &events, p);
    if (!p->channel)
        return false;
    p->first_tag = 1;
    if (p->setup.is_confirmed)
        rabbit_confirm(p->channel);
    p->setup.declare(p->setup.arg, p->channel, slice_of(p->exchange));
    return true;
}

static void write_one(struct rabbit_publisher *p, struct entry *e)
{
    struct rabbit_message m;
    describe(p, e, &m);
    rabbit_publish(p->channel, slice_of(p->exchange), m.key, p->setup.is_mandatory, &m.properties, m.data);
    e->tries++;
    p->written++;
    if (!p->setup.is_confirmed) {
        settle(e, NULL);
        pop_settled(p);
    }
}

void rabbit_publisher_flush(struct rabbit_publisher *p)
{
    struct trb_error err = {0};
    while (p->written < p->count && rabbit_link_has_room(p->setup.link)) {
        if (!p->channel && !open_channel(p)) {
            trb_error(&err, TRB_EXHAUSTED, "NO_CHANNEL", "the connection to RabbitMQ has no channel left for exchange '%s'",
                      p->exchange);
            settle(at(p, p->written), &err);
            drop_settled(p);
            continue;
        }
        write_one(p, at(p, p->written));
    }
}

/* -------------------------------------------------------------------------------------- asking */
void rabbit_publisher_add(struct rabbit_publisher *p, const struct rabbit_wish *wish)
{
    struct trb_error err = {0};
    if (p->count >= MAX_WAITING) {
        struct rabbit_wish w = *wish;
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "too many messages wait for RabbitMQ to take them");
        err.retryable = 1;
        w.settled(&w, &err);
        return;
    }
    append(p, &(struct entry){.wish = *wish, .since_ns = p->setup.host->now_ns()});
    rabbit_publisher_flush(p);
}

/* ------------------------------------------------------------------------------------- waiting */
static void fail_waiting(struct rabbit_publisher *p, struct entry *e)
{
    const char *why = rabbit_link_blocked(p->setup.link);
    struct trb_error err = *rabbit_link_fault(p->setup.link);
    if (why)
        trb_error(&err, TRB_UNAVAILABLE, "BLOCKED", "RabbitMQ takes no messages for now: %s", why);
    else if (rabbit_link_is_up(p->setup.link))
        trb_error(&err, TRB_UNAVAILABLE, "TIMEOUT", "RabbitMQ did not confirm the message within 30 s; it may have been taken");
    settle(e, &err);
}

void rabbit_publisher_missed(struct rabbit_publisher *p, const struct trb_error *err)
{
    for (uint32_t n = p->written; n < p->count; n++)
        if (++at(p, n)->missed >= MAX_MISSED)
            settle(at(p, n), err);
    drop_settled(p);
}

void rabbit_publisher_tick(struct rabbit_publisher *p)
{
    uint64_t now = p->setup.host->now_ns();
    for (uint32_t n = 0; n < p->count && now - at(p, n)->since_ns >= PATIENCE_NS; n++)
        fail_waiting(p, at(p, n));
    drop_settled(p);
}

void rabbit_publisher_cancel(struct rabbit_publisher *p, const void *call)
{
    for (uint32_t n = p->written; n < p->count; n++)
        if (at(p, n)->wish.call == call)
            fail_waiting(p, at(p, n));
    drop_settled(p);
}

/* ---------------------------------------------------------------------------------------- life */
struct trb_slice rabbit_publisher_exchange(const struct rabbit_publisher *p)
{
    return slice_of(p->exchange);
}

bool rabbit_publisher_is_idle(const struct rabbit_publisher *p)
{
    return !p->count;
}

struct rabbit_publisher *rabbit_publisher_create(const struct rabbit_publisher_setup *setup)
{
    struct rabbit_publisher *p = mem_zero(sizeof *p);
    p->magic = PUBLISHER_MAGIC;
    p->setup = *setup;
    p->exchange = mem_text(setup->exchange.at, setup->exchange.len);
    return p;
}

struct rabbit_publisher *rabbit_publisher_destroy(struct rabbit_publisher *p, const struct trb_error *err)
{
    if (!p)
        return NULL;
    rabbit_channel_drop(p->channel);
    for (uint32_t n = 0; n < p->count; n++)
        settle(at(p, n), err);
    text_fini(&p->scratch);
    mem_free(p->exchange);
    mem_free(p->ring);
    p->magic = 0;
    return mem_free(p);
}
