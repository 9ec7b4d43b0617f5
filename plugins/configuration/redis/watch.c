/* watch: one subscription: the server tells which keys changed, and each is read again.
 *
 *     ears: connections that have subscribed to keyspace events ──► changed ──► reading ──► emitted
 *
 * A connection that was lost may have missed changes: when it is back, all its keys count as changed. One server has one
 * ear for everything; in a cluster events stay on the node of their key, so that each key has its own. */
#include "settings.h"
#include <base/check.h>
#include <base/error.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>

#define PULSE_NS (10000 * REDIS_MS) /* a silent connection is asked so often whether it lives */
#define REST_NS (500 * REDIS_MS)    /* before what could not be read is read again */
#define MOST_TWICE 1000             /* with more that wait none of them waits twice */

struct changed { /* a key that is to be read */
    struct list link;
    char *key;
    size_t len;
};

struct watch;

struct ear {
    struct watch *watch;
    struct redis_link *link;
    uint32_t first, count; /* of the question's keys; count 0: all there are */
    uint32_t owed;         /* answers to SUBSCRIBE */
    bool is_open;
};

struct watch {
    struct list link;
    struct settings *settings;
    struct trb_call *call;
    const struct trb_configuration_get *question;
    struct ear *ears;
    uint32_t ear_count, open_count;
    struct list changed;
    struct map waiting; /* of each key the last in changed */
    struct trb_timer *pulse, *rest;
    uint32_t owed, changed_count; /* reads under way; how many wait */
    bool is_open, has_credit, is_ending, has_missed, has_failed, has_been_refused;
};

static void read_changed(struct watch *);
static void look_again(struct ear *);
static void on_pulse(void *);

/* --------------------------------------------------------------------------------------- the end */
static void close_ears(struct watch *w)
{
    for (uint32_t i = 0; i < w->ear_count; i++)
        w->ears[i].link = redis_link_destroy(w->ears[i].link);
    w->pulse = w->settings->timers->cancel(w->pulse);
    w->rest = w->settings->timers->cancel(w->rest);
}

static void changed_free(struct changed *c)
{
    mem_free(c->key);
    mem_free(c);
}

static struct trb_call *take_down(struct watch *w)
{
    struct trb_call *call = w->call;
    struct list *node;
    list_remove(&w->link);
    while ((node = list_take(&w->changed)))
        changed_free(list_item(node, struct changed, link));
    map_fini(&w->waiting);
    mem_free(w->ears);
    mem_free(w);
    return call;
}

static void check_end(struct watch *w)
{
    if (w->is_ending && !w->owed)
        trb_done(take_down(w));
}

static struct watch *find(struct settings *s, const struct trb_call *call)
{
    list_each(node, &s->watches)
        if (list_item(node, struct watch, link)->call == call)
            return list_item(node, struct watch, link);
    return NULL;
}

/* owed keeps it while links tell who still waits. */
void watch_cancel(struct settings *s, struct trb_call *call)
{
    struct watch *w = find(s, call);
    if (!w || w->is_ending)
        return;
    w->is_ending = true;
    w->owed++;
    close_ears(w);
    w->owed--;
    check_end(w);
}

/* --------------------------------------------------------------------------------------- changes */
static void on_rested(void *arg)
{
    struct watch *w = arg;
    w->rest = w->settings->timers->cancel(w->rest);
    if (w->has_missed)
        look_again(&w->ears[0]);
    w->has_missed = false;
    read_changed(w);
}

/* Is it worth another try? Otherwise, as when a key may not be read, the next is due. */
static bool rest_from(struct watch *w, const struct resp *reply, const struct trb_error *err)
{
    struct trb_error why = ERROR_INIT;
    if (err)
        why = *err;
    else
        redis_reply_error(reply, &why);
    bool again = err || why.code == TRB_UNAVAILABLE, *is_said = again ? &w->has_failed : &w->has_been_refused;
    if (!*is_said)
        trb_log(w->settings->host, w->settings->origin, TRB_LOG_WARN, "cannot read what changed%s: %s",
                again ? ", and try again" : "", why.message);
    *is_said = true;
    if (again && !w->rest)
        w->rest = w->settings->timers->start(w->settings->origin, REST_NS, on_rested, w);
    return again;
}

static struct trb_slice key_of(const struct changed *c)
{
    return (struct trb_slice){c->key, c->len};
}

/* The key of one that is back may wait again already. */
static void put_back(struct watch *w, struct changed *c)
{
    if (map_get(&w->waiting, key_of(c))) {
        changed_free(c);
        return;
    }
    map_set(&w->waiting, key_of(c), c);
    list_prepend(&w->changed, &c->link);
    w->changed_count++;
}

static void tell(struct watch *w, const struct changed *c, const struct resp *reply)
{
    struct trb_configuration_item item;
    if (!item_read(reply, (struct trb_name){c->key, c->len}, &item))
        item.value = item.version = (struct trb_slice){0};
    w->has_failed = false;
    w->has_credit = w->settings->host->emit(w->call, &item, sizeof item, NULL) > 0;
}

static void on_value(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err)
{
    struct watch *w = wish->self;
    struct changed *c = wish->call;
    bool is_none = err || (resp_is(reply, RESP_ERROR) && !resp_error_is(reply, "WRONGTYPE"));
    w->owed--;
    if (!w->is_ending && !is_none)
        tell(w, c, reply);
    if (!w->is_ending && is_none && rest_from(w, reply, err))
        put_back(w, c);
    else
        changed_free(c);
    if (w->is_ending)
        check_end(w);
    else
        read_changed(w);
}

/* One after the other: what is emitted keeps the order of the changes, and stops when nobody takes it. */
static void read_changed(struct watch *w)
{
    if (w->owed || w->rest || !w->is_open || !w->has_credit || list_is_empty(&w->changed))
        return;
    struct changed *c = list_item(list_take(&w->changed), struct changed, link);
    struct redis_wish wish = {.answered = on_value, .self = w, .call = c};
    w->changed_count--;
    if (map_get(&w->waiting, key_of(c)) == c)
        map_remove(&w->waiting, key_of(c));
    w->owed++;
    redis_ask(w->settings->redis, key_of(c), &wish, (struct trb_data[]){redis_text("GET"), redis_word(key_of(c))}, 2);
}

/* While nobody takes them, or many wait, a key waits once: its newest value is what will be read. */
static void note(struct watch *w, struct trb_slice key)
{
    if ((!w->has_credit || w->changed_count >= MOST_TWICE) && map_get(&w->waiting, key))
        return;
    struct changed *c = mem_zero(sizeof *c);
    c->key = mem_text(key.at, key.len);
    c->len = key.len;
    map_set(&w->waiting, key, c);
    list_append(&w->changed, &c->link);
    w->changed_count++;
    read_changed(w);
}

void watch_resume(struct settings *s, struct trb_call *call)
{
    struct watch *w = find(s, call);
    if (!w)
        return;
    w->has_credit = true;
    read_changed(w);
}

static struct trb_slice key_at(const struct watch *w, uint32_t i)
{
    return slice_name(((const struct trb_configuration_key *)trb_list_at(&w->question->keys, i))->key);
}

/* ["message", "__keyspace@0__:key", "set"], ["pmessage", pattern, the same two] */
static void on_push(void *arg, const struct resp *message)
{
    struct ear *e = arg;
    const struct resp *channel = resp_at(message, message->count == 4 ? 2 : 1);
    const char *colon = resp_is(channel, RESP_STRING) ? memchr(channel->text.at, ':', channel->text.len) : NULL;
    if (colon)
        note(e->watch, slice_skip(channel->text, (size_t)(colon + 1 - channel->text.at)));
}

/* ------------------------------------------------------------------------------------------ ears */
/* All of its subscriptions are in force. What changed before that is read only now: sooner, a change between the
 * reading and the subscribing would never be told. */
static void check_open(struct ear *e)
{
    struct watch *w = e->watch;
    if (e->owed)
        return;
    if (e->is_open) {
        look_again(e);
        return;
    }
    e->is_open = true;
    if (++w->open_count < w->ear_count)
        return;
    w->is_open = true;
    w->settings->host->opened(w->call);
    w->pulse = w->settings->timers->start(w->settings->origin, PULSE_NS, on_pulse, w);
    read_changed(w);
}

/* Before it was ever open a refusal ends the subscription: only its owner can help. */
static void on_subscribed(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err)
{
    struct ear *e = wish->self;
    struct watch *w = e->watch;
    if (err || w->is_ending)
        return; /* the link comes back, and subscribes again */
    e->owed--;
    if (!resp_is(reply, RESP_ERROR)) {
        check_open(e);
        return;
    }
    if (w->is_open) {
        struct trb_error why = {0};
        redis_reply_error(reply, &why);
        redis_link_lost(e->link, &why);
        return;
    }
    w->is_ending = true;
    close_ears(w);
    redis_fail(take_down(w), reply, NULL);
}

static void subscribe(struct ear *e, const char *how, struct trb_slice key)
{
    struct settings *s = e->watch->settings;
    struct redis_wish wish = {.answered = on_subscribed, .self = e};
    struct text channel = {0};
    text_addf(&channel, "__keyspace@%lld__:", (long long)(s->config.type == REDIS_TYPE_CLUSTER ? 0 : s->config.database));
    text_add(&channel, key);
    e->owed++;
    redis_link_ask(e->link, &wish, (struct trb_data[]){redis_text(how), redis_word(text_slice(&channel))}, 2);
    text_fini(&channel);
}

/* What changed while it was away is not known: all of its keys are looked at. */
static void on_key(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err);

static void look_again(struct ear *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        note(e->watch, key_at(e->watch, e->first + i));
    if (e->count)
        return;
    struct redis_wish wish = {.answered = on_key, .self = e->watch};
    e->watch->owed++;
    redis_ask_node(e->watch->settings->redis, 0, &wish, (struct trb_data[]){redis_text("KEYS"), redis_text("*")}, 2);
}

static void on_key(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err)
{
    struct watch *w = wish->self;
    w->owed--;
    const struct resp *key = resp_is(reply, RESP_ARRAY) && !w->is_ending ? resp_first(reply) : NULL;
    for (uint32_t i = 0; key && i < reply->count; i++, key = resp_next(key))
        note(w, key->text);
    if (w->is_ending) {
        check_end(w);
        return;
    }
    if (!resp_is(reply, RESP_ARRAY))
        w->has_missed |= rest_from(w, reply, err);
    read_changed(w);
}

static void on_up(void *arg)
{
    struct ear *e = arg;
    e->owed = 0;
    for (uint32_t i = 0; i < e->count; i++)
        subscribe(e, "SUBSCRIBE", key_at(e->watch, e->first + i));
    if (!e->count)
        subscribe(e, "PSUBSCRIBE", SLICE("*"));
}

/* Later the link comes back by itself; before it was ever open somebody waits to be told. */
static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct watch *w = ((struct ear *)arg)->watch;
    if (w->is_open || w->is_ending)
        return;
    const struct trb_host *host = w->settings->host;
    struct trb_error why = *err;
    w->is_ending = true;
    close_ears(w);
    host->fail(take_down(w), &why);
}

static void on_alive(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err)
{
}

static void on_pulse(void *arg)
{
    struct watch *w = arg;
    struct redis_wish wish = {.answered = on_alive, .self = w};
    w->pulse = w->settings->timers->cancel(w->pulse);
    w->pulse = w->settings->timers->start(w->settings->origin, PULSE_NS, on_pulse, w);
    for (uint32_t i = 0; i < w->ear_count; i++)
        if (redis_link_is_up(w->ears[i].link))
            redis_link_ask(w->ears[i].link, &wish, (struct trb_data[]){redis_text("PING")}, 1);
}

static void open_ear(struct watch *w, uint32_t n, uint32_t first, uint32_t count)
{
    struct ear *e = &w->ears[n];
    *e = (struct ear){.watch = w, .first = first, .count = count};
    struct redis_link_setup setup = {.arg = e, .up = on_up, .down = on_down, .push = on_push,
                                     .read_timeout_ns = redis_read_timeout(&w->settings->config)};
    e->link = redis_own_link(w->settings->redis, count ? key_at(w, first) : SLICE(""), &setup);
}

static void open_ears(struct watch *w)
{
    uint32_t keys = w->question->keys.count;
    bool each = w->settings->config.type == REDIS_TYPE_CLUSTER;
    w->ear_count = each ? keys : 1;
    w->ears = mem_zero(w->ear_count * sizeof *w->ears);
    for (uint32_t i = 0; i < w->ear_count; i++)
        open_ear(w, i, each ? i : 0, each ? 1 : keys);
}

/* ------------------------------------------------------------------------------------- the verb */
static void on_events_asked(struct redis_wish *wish, const struct resp *reply, const struct trb_error *err)
{
    struct settings *s = wish->self;
    if (resp_is(reply, RESP_ERROR))
        trb_log(s->host, s->origin, TRB_LOG_WARN, "cannot set notify-keyspace-events, without which no change is told "
                "unless the server has Kg$xe already: %.*s", SLICE_ARG(slice_cut(reply->text, 200)));
}

static void ask_for_events(struct settings *s)
{
    struct redis_wish wish = {.answered = on_events_asked, .self = s};
    for (uint32_t n = 0; n < redis_node_count(s->redis); n++)
        redis_ask_node(s->redis, n, &wish, (struct trb_data[]){redis_text("CONFIG"), redis_text("SET"),
                       redis_text("notify-keyspace-events"), redis_text("Kg$xe")}, 4);
}

void settings_subscribe(void *self, struct trb_call *call, const void *question)
{
    struct settings *s = self;
    const struct trb_configuration_get *q = question;
    struct trb_error err = ERROR_INIT;
    if (s->config.type == REDIS_TYPE_CLUSTER && !q->keys.count) {
        trb_error(&err, TRB_INVALID, "NO_KEYS", "a cluster tells of changes key by key: name the keys to subscribe to");
        s->host->fail(call, &err);
        return;
    }
    struct watch *w = mem_zero(sizeof *w);
    *w = (struct watch){.settings = s, .call = call, .question = q, .has_credit = true};
    list_init(&w->changed);
    list_append(&s->watches, &w->link);
    ask_for_events(s);
    open_ears(w);
}
