/* reclaim: looks through what the group has not acknowledged, page by page, and takes over what has
 * waited for processingTimeout: of a consumer that died, or of a handler that failed. */
#include "bus.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

struct page {
    struct subscription *sub;
    uint32_t count;
    bool is_full;                           /* there may be another behind it */
    char last[ID_ROOM];
    char (*ids)[ID_ROOM];                   /* due */
};

static void ask_page(struct subscription *s, const char *from);

bool reclaim_is_on(const struct bus *b)
{
    return b->processing_timeout_ns > 0 && b->redeliver_ns > 0;
}

static void on_time(void *arg)
{
    struct subscription *s = checked(arg, struct subscription, SUBSCRIPTION_MAGIC);
    s->reclaim_timer = s->bus->timers->cancel(s->reclaim_timer);
    ack_again(s);
    reclaim_start(s);
}

/* What another look finds is due later. */
static void rest(struct subscription *s)
{
    struct bus *b = s->bus;
    s->is_reclaiming = false;
    if (s->is_ending) {
        subscription_give_back(s);
        subscription_check_end(s);
        return;
    }
    s->reclaim_timer = b->timers->start(b->origin, (uint64_t)b->redeliver_ns, on_time, s);
    bus_pump(b);
}

static void page_end(struct page *p)
{
    struct subscription *s = p->sub;
    bool goes_on = p->is_full && !s->is_ending && s->queued_count < (uint64_t)s->bus->queue_depth;
    char next[ID_ROOM] = "";
    unsigned long long ms, sequence;
    if (goes_on && sscanf(p->last, "%llu-%llu", &ms, &sequence) == 2)
        snprintf(next, sizeof next, "%llu-%llu", sequence == UINT64_MAX ? ms + 1 : ms, sequence + 1);
    mem_free(p->ids);
    mem_free(p);
    if (next[0])
        ask_page(s, next);
    else
        rest(s);
}

/* --------------------------------------------------------------- entries that are no longer there */
static void on_looked(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct page *p = w->call;
    if (resp_is(reply, RESP_ARRAY) && !reply->count && !p->sub->is_ending)
        ack_send(p->sub, p->ids[w->index]);
    if (!--p->count)
        page_end(p);
}

static bool has_id(const struct resp *entries, const char *id)
{
    const struct resp *one = resp_first(entries);
    for (uint32_t i = 0; i < entries->count; i++, one = resp_next(one)) {
        const struct resp *name = resp_at(one, 0);
        if (resp_is(name, RESP_STRING) && slice_is(name->text, slice_of(id)))
            return true;
    }
    return false;
}

/* Not claimed: another consumer was faster, or the entry was cut from the stream. Only the latter is
 * acknowledged away. */
static void look_for(struct page *p, const struct resp *claimed)
{
    struct subscription *s = p->sub;
    uint32_t due = p->count;
    p->count = 1;
    for (uint32_t i = 0; i < due; i++) {
        if (has_id(claimed, p->ids[i]))
            continue;
        struct redis_wish w = {.answered = on_looked, .self = s, .call = p, .index = i};
        struct trb_data words[] = {redis_text("XRANGE"), redis_name(s->topic), redis_text(p->ids[i]), redis_text(p->ids[i])};
        p->count++;
        redis_ask(s->bus->redis, subscription_key(s), &w, words, 4);
    }
    if (!--p->count)
        page_end(p);
}

/* -------------------------------------------------------------------------------------- claiming */
static void on_claimed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct page *p = w->call;
    if (!resp_is(reply, RESP_ARRAY)) {
        page_end(p);
        return;
    }
    const struct resp *entry = resp_first(reply);
    for (uint32_t i = 0; i < reply->count; i++, entry = resp_next(entry))
        subscription_take(p->sub, entry);
    look_for(p, reply);
}

static void claim(struct page *p)
{
    struct subscription *s = p->sub;
    struct bus *b = s->bus;
    char idle[REDIS_NUMBER];
    struct trb_data *words = mem_alloc((5 + p->count) * sizeof *words);
    words[0] = redis_text("XCLAIM");
    words[1] = redis_name(s->topic);
    words[2] = words[3] = redis_name(b->group);
    words[4] = redis_number(idle, b->processing_timeout_ns / REDIS_MS);
    for (uint32_t i = 0; i < p->count; i++)
        words[5 + i] = redis_text(p->ids[i]);
    struct redis_wish w = {.answered = on_claimed, .self = s, .call = p};
    redis_ask(b->redis, subscription_key(s), &w, words, 5 + p->count);
    mem_free(words);
}

/* --------------------------------------------------------------------------------------- looking */
static bool is_queued(const struct subscription *s, struct trb_slice id)
{
    list_each(node, &((struct subscription *)(uintptr_t)s)->queued)
        if (slice_is(slice_of(list_item(node, struct message, link)->id), id))
            return true;
    return false;
}

static struct page *read_page(struct subscription *s, const struct resp *pending)
{
    struct page *p = mem_zero(sizeof *p);
    p->sub = s;
    p->ids = mem_zero((pending->count + 1) * sizeof *p->ids);
    p->is_full = pending->count >= (uint64_t)s->bus->queue_depth;
    const struct resp *one = resp_first(pending);
    for (uint32_t i = 0; i < pending->count; i++, one = resp_next(one)) {
        const struct resp *id = resp_at(one, 0), *idle = resp_at(one, 2);
        if (!resp_is(id, RESP_STRING) || id->text.len >= ID_ROOM || !resp_is(idle, RESP_INTEGER))
            continue;
        snprintf(p->last, sizeof p->last, "%.*s", SLICE_ARG(id->text));
        if (idle->integer >= s->bus->processing_timeout_ns / REDIS_MS && !is_queued(s, id->text))
            memcpy(p->ids[p->count++], id->text.at, id->text.len);
    }
    return p;
}

static void on_pending(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    if (!resp_is(reply, RESP_ARRAY) || s->is_ending) {
        rest(s);
        return;
    }
    struct page *p = read_page(s, reply);
    if (p->count)
        claim(p);
    else
        page_end(p);
}

static void ask_page(struct subscription *s, const char *from)
{
    char count[REDIS_NUMBER];
    struct redis_wish w = {.answered = on_pending, .self = s};
    struct trb_data words[] = {redis_text("XPENDING"), redis_name(s->topic), redis_name(s->bus->group), redis_text(from),
                               redis_text("+"), redis_number(count, s->bus->queue_depth)};
    redis_ask(s->bus->redis, subscription_key(s), &w, words, 6);
}

void reclaim_start(struct subscription *s)
{
    if (!reclaim_is_on(s->bus) || s->is_reclaiming || s->is_ending)
        return;
    s->is_reclaiming = true;
    ask_page(s, "-");
}
