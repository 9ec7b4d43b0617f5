/* watch: one subscription: a connection of its own that listens.
 *
 *     LISTEN ──► opened ──► notified ──► emitted, or kept until somebody takes it
 *
 * A connection that was lost may have missed changes: when it listens again, all its items count as changed. */
#include "settings.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>

#define PULSE_NS (10 * CLOCK_S)         /* a silent connection is asked so often whether it lives */
#define ARENA_BYTES (16u << 20)
#define MOST_KEPT 10000u

struct kept {                           /* an item that nobody takes yet; all of it in its arena */
    struct list link;
    struct arena *arena;
    struct trb_configuration_item item;
};

struct watch {
    struct list link;
    struct settings *settings;
    struct trb_call *call;
    const struct trb_configuration_get *question;
    struct pg_link *ear;
    struct text listen;                 /* the statement */
    struct list kept;
    uint32_t kept_count;
    struct trb_timer *pulse;
    bool is_open, has_credit;
};

static void on_pulse(void *);

/* --------------------------------------------------------------------------------------- the end */
static struct kept *kept_free(struct kept *k)
{
    list_remove(&k->link);
    arena_destroy(k->arena);
    return mem_free(k);
}

static struct trb_call *take_down(struct watch *w)
{
    struct trb_call *call = w->call;
    list_remove(&w->link);              /* who is told by the link finds it no more */
    w->pulse = w->settings->timers->cancel(w->pulse);
    struct pg_link *ear = w->ear;
    w->ear = NULL;
    pg_link_destroy(ear);
    list_each(node, &w->kept)
        kept_free(list_item(node, struct kept, link));
    text_fini(&w->listen);
    mem_free(w);
    return call;
}

static struct watch *find(struct settings *s, const struct trb_call *call)
{
    list_each(node, &s->watches)
        if (list_item(node, struct watch, link)->call == call)
            return list_item(node, struct watch, link);
    return NULL;
}

void watch_cancel(struct settings *s, struct trb_call *call)
{
    struct watch *w = find(s, call);
    if (w)
        trb_done(take_down(w));
}

/* --------------------------------------------------------------------------------------- changes */
static bool is_asked(const struct watch *w, struct trb_slice key)
{
    uint32_t count = w->question->keys.count, i = 0;
    while (i < count && !slice_is(slice_name(((const struct trb_configuration_key *)trb_list_at(&w->question->keys, i))->key), key))
        i++;
    return !count || i < count;
}

static void hand_on(struct watch *w, const struct trb_configuration_item *item)
{
    w->has_credit = w->settings->host->emit(w->call, item, sizeof *item, NULL) > 0;
}

static struct trb_slice copy(struct arena *arena, struct trb_slice s)
{
    if (!s.at)
        return s;
    struct trb_name n = arena_name(arena, s);
    return slice_name(n);
}

/* Its newest state is what counts: an older one of the same key makes room. */
static void keep(struct watch *w, const struct trb_configuration_item *item)
{
    list_each(node, &w->kept) {
        struct kept *k = list_item(node, struct kept, link);
        if (!slice_is(slice_name(k->item.key), slice_name(item->key)))
            continue;
        kept_free(k);
        w->kept_count--;
    }
    if (w->kept_count >= MOST_KEPT) {
        trb_log(w->settings->host, w->settings->origin, TRB_LOG_WARN, "a change of '%.*s' is dropped: %u wait for the subscriber",
                SLICE_ARG(slice_cut(slice_name(item->key), 100)), MOST_KEPT);
        return;
    }
    struct kept *k = mem_zero(sizeof *k);
    k->arena = arena_create(ARENA_BYTES);
    k->item = *item;
    k->item.key = arena_name(k->arena, slice_name(item->key));
    k->item.value = copy(k->arena, item->value);
    k->item.version = copy(k->arena, item->version);
    struct trb_pair *pairs = arena_alloc(k->arena, item->metadata.count * sizeof *pairs + 1);
    for (uint32_t i = 0; i < item->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&item->metadata, i);
        pairs[i] = (struct trb_pair){arena_name(k->arena, slice_name(p->key)), arena_name(k->arena, slice_name(p->value))};
    }
    k->item.metadata = (struct trb_pairs){pairs, item->metadata.count, sizeof *pairs};
    list_append(&w->kept, &k->link);
    w->kept_count++;
}

static void changed(struct watch *w, const struct trb_configuration_item *item)
{
    if (w->has_credit && list_is_empty(&w->kept))
        hand_on(w, item);
    else
        keep(w, item);
}

void watch_resume(struct settings *s, struct trb_call *call)
{
    struct watch *w = find(s, call);
    if (!w)
        return;
    w->has_credit = true;
    while (w->has_credit && !list_is_empty(&w->kept)) {
        struct kept *k = list_item(w->kept.next, struct kept, link);
        hand_on(w, &k->item);
        kept_free(k);
        w->kept_count--;
    }
}

static void on_notified(void *arg, const char *channel, const char *payload)
{
    struct watch *w = arg;
    struct trb_configuration_item item;
    struct arena *arena = arena_create(ARENA_BYTES);
    if (!notification_read(arena, slice_of(payload), &item))
        trb_log(w->settings->host, w->settings->origin, TRB_LOG_WARN, "a notification on channel '%.60s' is no "
                "{\"data\":{\"key\",\"value\",\"version\",\"metadata\"}} of texts: it is dropped", channel);
    else if (is_asked(w, slice_name(item.key)))
        changed(w, &item);
    arena_destroy(arena);
}

/* ------------------------------------------------------------------------------------- listening */
static struct watch *watch_of(const struct pg_wish *wish)
{
    return find(wish->self, wish->call);
}

static void say_all(struct pg_wish *wish, struct pg_batch *b)
{
    select_say(wish->self, wish->question, b);
}

static void on_all(struct pg_wish *wish, const struct pg_answer *a, const struct trb_error *err)
{
    struct watch *w = watch_of(wish);
    struct trb_configuration_item *items;
    if (!w || err || pg_columns(a) < 4)
        return;
    struct arena *arena = arena_create(ARENA_BYTES);
    uint32_t count = rows_read(a, arena, &items);
    for (uint32_t i = 0; i < count; i++)
        changed(w, &items[i]);
    arena_destroy(arena);
}

static void look_again(struct watch *w)
{
    const struct pg_wish wish = {.say = say_all, .answered = on_all, .self = w->settings, .call = w->call, .question = w->question,
                                 .is_read = true};
    pg_link_ask(w->ear, &wish);
}

static void say_listen(struct pg_wish *wish, struct pg_batch *b)
{
    struct watch *w = watch_of(wish);
    pg_say(b, &(struct pg_statement){.sql = w ? w->listen.at : "SELECT 1"}, NULL, 0);
}

/* Before it was ever open a refusal ends the subscription: only its owner can help. */
static void on_listening(struct pg_wish *wish, const struct pg_answer *a, const struct trb_error *err)
{
    struct watch *w = watch_of(wish);
    if (!w)
        return;
    if (err && !w->is_open && *pg_state(a)) {
        struct settings *s = w->settings;
        s->host->fail(take_down(w), err);
    } else if (!err && w->is_open) {
        look_again(w);
    } else if (!err) {
        w->is_open = true;
        w->settings->host->opened(w->call);
        w->pulse = w->settings->timers->start(w->settings->origin, PULSE_NS, on_pulse, w);
    }
}

static void on_up(void *arg)
{
    struct watch *w = arg;
    const struct pg_wish wish = {.say = say_listen, .answered = on_listening, .self = w->settings, .call = w->call};
    pg_link_ask(w->ear, &wish);
}

/* Later the link comes back by itself; before it was ever open somebody waits to be told. */
static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct watch *w = arg;
    struct trb_error why = *err;
    struct settings *s = w->settings;
    if (!w->is_open && !was_up)
        s->host->fail(take_down(w), &why);
}

static void say_pulse(struct pg_wish *wish, struct pg_batch *b)
{
    pg_say(b, &(struct pg_statement){.sql = "SELECT 1"}, NULL, 0);
}

static void on_alive(struct pg_wish *wish, const struct pg_answer *a, const struct trb_error *err)
{
}

static void on_pulse(void *arg)
{
    struct watch *w = arg;
    const struct pg_wish wish = {.say = say_pulse, .answered = on_alive};
    w->pulse = w->settings->timers->cancel(w->pulse);
    w->pulse = w->settings->timers->start(w->settings->origin, PULSE_NS, on_pulse, w);
    if (pg_link_is_up(w->ear))
        pg_link_ask(w->ear, &wish);
}

/* ------------------------------------------------------------------------------------- the verb */
/* As identifiers are: plain ones fold to lower case, others are quoted. */
static void add_channel(struct text *to, struct trb_slice channel)
{
    char *plain = mem_text(channel.at, channel.len);
    bool is_plain = pg_is_identifier(plain, false);
    text_adds(to, is_plain ? "LISTEN " : "LISTEN \"");
    for (size_t i = 0; i < channel.len; i++) {
        if (!is_plain && channel.at[i] == '"')
            text_addc(to, '"');
        text_addc(to, channel.at[i]);
    }
    text_adds(to, is_plain ? "" : "\"");
    mem_free(plain);
}

void settings_subscribe(void *self, struct trb_call *call, const void *question)
{
    struct settings *s = self;
    const struct trb_configuration_get *q = question;
    struct trb_name said = trb_pair_get(&q->metadata, "pgNotifyChannel");
    struct trb_slice channel = said.len ? slice_name(said) : slice_of(s->channel);
    if (!channel.len || memchr(channel.at, 0, channel.len)) {
        trb_fail(call, TRB_INVALID, "NO_CHANNEL", "unable to subscribe to \"%s\". notifyChannel must be set in component metadata or "
                 "request metadata", s->table);
        return;
    }
    struct watch *w = mem_zero(sizeof *w);
    *w = (struct watch){.settings = s, .call = call, .question = q, .has_credit = true};
    list_init(&w->kept);
    list_append(&s->watches, &w->link);
    add_channel(&w->listen, channel);
    struct pg_link_setup setup = {.arg = w, .up = on_up, .down = on_down, .notified = on_notified};
    w->ear = pg_own_link(s->pg, &setup);
}
