/* link: the life of one connection. */
#include "link.h"
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <line/line.h>
#include <line/ring.h>
#include <stdio.h>

#define LARGE 16384u                            /* from here a value with an owner is referenced, not copied */
#define MAX_WAITING (64u << 20)                 /* bytes kept for a connection that is being dialled */
#define READ_LIMIT (REPLY_MAX_VALUE + 2 * REPLY_MAX_LINE)
#define MIN_PAUSE (8 * MS)
#define MAX_PAUSE (512 * MS)

struct entry {
    struct wish wish;
    uint64_t since_ns;
};

struct link {
    struct line line;
    struct link_setup setup;
    struct ring asked;                          /* of entries; up: sent; else: waiting */
    struct text waiting;                        /* their bytes */
    size_t need;                                /* so many bytes must have come before it is worth a look */
    uint64_t heard_ns;                          /* when bytes last came: a server that answers is not silent */
};

/* ---------------------------------------------------------------------------------- losing it */
static void lose(struct link *l, const char *reason, const char *sentence)
{
    line_lose(&l->line, TRB_UNAVAILABLE, reason, sentence);
}

static void tell_all(struct ring *r, const struct trb_error *err)
{
    while (r->count) {
        struct entry e = *(struct entry *)ring_take(r, sizeof e);
        e.wish.answered(&e.wish, NULL, err);
    }
    ring_fini(r);
}

static void on_dropped(void *self, const struct trb_error *err, bool was_up)
{
    struct link *l = self;
    struct trb_error why = *err;
    struct ring orphans = l->asked;
    l->asked = (struct ring){0};
    text_clear(&l->waiting);
    l->need = 0;
    tell_all(&orphans, &why);
    if (!l->line.is_dead)
        l->setup.down(l->setup.arg, l->setup.number, &why, was_up);
}

static bool is_owed(const void *self)
{
    return ((const struct link *)self)->asked.count;
}

static uint64_t waits_since(const void *self)
{
    const struct link *l = self;
    const struct entry *oldest = ring_at(&l->asked, 0, sizeof *oldest);
    return !oldest ? 0 : oldest->since_ns > l->heard_ns ? oldest->since_ns : l->heard_ns;
}

static void on_ended(void *self)
{
    struct link *l = self;
    text_fini(&l->waiting);
    mem_free(l);
}

/* ------------------------------------------------------------------------------------ answers */
static void on_greeted(struct link *l, const struct reply *r)
{
    char sentence[400];
    if (r->kind != REPLY_VERSION) {
        snprintf(sentence, sizeof sentence, "answered the greeting with '%.*s'", SLICE_ARG(slice_cut(r->line, 300)));
        lose(l, "REFUSED", sentence);
        return;
    }
    line_up(&l->line);
    for (uint32_t i = 0; i < l->asked.count; i++)
        ((struct entry *)ring_at(&l->asked, i, sizeof(struct entry)))->since_ns = l->line.up_ns;
    l->line.streams->write(l->line.stream, text_slice(&l->waiting));
    text_fini(&l->waiting);
    if (l->asked.count)
        line_watch(&l->line);
    l->setup.up(l->setup.arg, l->setup.number);
}

/* A value is a piece of its answer: who waits stays first until the end comes. */
static void on_value(struct link *l, const struct reply *r)
{
    struct entry first = *(struct entry *)ring_at(&l->asked, 0, sizeof first);
    uint32_t had = l->line.streams_had;
    first.wish.answered(&first.wish, r, NULL);
    if (l->line.streams_had == had)
        *(struct entry *)ring_at(&l->asked, 0, sizeof first) = first;
}

/* What the server did not understand may have left it in the middle of a value: no answer is certain then. */
static void on_refusal(struct link *l, const struct reply *r)
{
    char sentence[400];
    snprintf(sentence, sizeof sentence, "answered '%.*s'", SLICE_ARG(slice_cut(r->line, 300)));
    lose(l, "PROTOCOL", sentence);
}

static void on_reply(struct link *l, const struct reply *r)
{
    if (l->line.state == LINE_GREETING) {
        on_greeted(l, r);
    } else if (!l->asked.count) {
        lose(l, "PROTOCOL", "an answer came that nobody had asked for");
    } else if (r->kind == REPLY_CLIENT_ERROR) {
        on_refusal(l, r);
    } else if (r->kind == REPLY_VALUE) {
        on_value(l, r);
    } else {
        struct entry e = *(struct entry *)ring_take(&l->asked, sizeof e);
        e.wish.answered(&e.wish, r, NULL);
    }
}

static void on_readable(void *self)
{
    struct link *l = self;
    const struct trb_stream_service *streams = l->line.streams;
    uint32_t had = l->line.streams_had;
    struct reply r;
    int64_t len = REPLY_MORE;
    l->heard_ns = l->setup.host->now_ns();
    while (l->line.streams_had == had) {
        struct trb_slice bytes = streams->bytes(l->line.stream);
        if (!bytes.len || bytes.len < l->need)
            break;
        len = reply_read(bytes, &r, &l->need);
        if (len <= 0)
            break;
        l->need = 0;
        on_reply(l, &r);
        if (l->line.streams_had == had)
            streams->consume(l->line.stream, (size_t)len);
    }
    if (len == REPLY_BROKEN && l->line.streams_had == had)
        lose(l, "PROTOCOL", "the answer is not memcached's text protocol; is the port right?");
}

/* ----------------------------------------------------------------------------------- dialling */
static void greet(void *self)
{
    struct link *l = self;
    l->line.streams->write(l->line.stream, SLICE("version\r\n"));
}

static void dial(void *self)
{
    struct link *l = self;
    struct trb_stream_target target = {.size = sizeof target, .host = slice_of(l->setup.address->host),
                                       .port = l->setup.address->port,
                                       .connect_timeout_ns = (uint64_t)l->setup.timeout_ns};
    line_connect(&l->line, &target, "the host could not open a stream");
}

/* ------------------------------------------------------------------------------------- asking */
static void refuse(const struct wish *wish, const struct trb_error *err)
{
    struct wish w = *wish;
    w.answered(&w, NULL, err);
}

static void keep(struct link *l, struct trb_slice line, const struct trb_data *value)
{
    text_add(&l->waiting, line);
    if (!value->at)
        return;
    text_add(&l->waiting, slice_from(value->at, value->len));
    text_add(&l->waiting, SLICE("\r\n"));
}

static void send_now(struct link *l, struct trb_slice line, const struct trb_data *value)
{
    l->line.streams->write(l->line.stream, line);
    if (!value->at)
        return;
    if (value->owner && value->len >= LARGE)
        l->line.streams->write_data(l->line.stream, *value);
    else
        l->line.streams->write(l->line.stream, slice_from(value->at, value->len));
    l->line.streams->write(l->line.stream, SLICE("\r\n"));
}

static void ask(struct link *l, const struct wish *wish, struct trb_slice line, const struct trb_data *value)
{
    if (!line_may_wait(&l->line)) {
        refuse(wish, &l->line.fault);
        return;
    }
    if (l->line.state != LINE_UP && l->waiting.len + line.len + value->len > MAX_WAITING) {
        struct trb_error err = {0};
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "memcached %s: too much waits for the connection",
                  l->setup.address->text);
        err.retryable = 1;
        refuse(wish, &err);
        return;
    }
    *(struct entry *)ring_add(&l->asked, sizeof(struct entry)) =
        (struct entry){.wish = *wish, .since_ns = l->setup.host->now_ns()};
    if (l->line.state != LINE_UP) {
        keep(l, line, value);
        return;
    }
    send_now(l, line, value);
    line_watch(&l->line);
}

void link_ask(struct link *l, const struct wish *wish, struct trb_slice line, const struct trb_data *value)
{
    static const struct trb_data none = {0};
    line_enter(&l->line);
    ask(l, wish, line, value ? value : &none);
    line_leave(&l->line);
}

void link_refusal(const struct reply *r, struct trb_error *ret_err)
{
    struct trb_slice line = slice_cut(r->line, 400);
    bool is_full = slice_contains(line, SLICE("too large")) || slice_contains(line, SLICE("out of memory"));
    trb_error(ret_err, is_full ? TRB_EXHAUSTED : TRB_INTERNAL, "MEMCACHED", "memcached answered '%.*s'", SLICE_ARG(line));
}

/* -------------------------------------------------------------------------------------- life */
struct link *link_create(const struct link_setup *setup)
{
    static const struct line_ops ops = {.dial = dial, .connected = greet, .readable = on_readable, .dropped = on_dropped,
                                        .is_owed = is_owed, .waits_since = waits_since, .ended = on_ended};
    struct link *l = mem_zero(sizeof *l);
    l->setup = *setup;
    line_begin(&l->line, &(struct line_setup){
        .host = setup->host, .origin = setup->origin, .ops = &ops, .owner = l, .product = "memcached",
        .place = setup->address->text, .read_limit = READ_LIMIT, .greeting_ns = (uint64_t)setup->timeout_ns,
        .silence = "connected, but no answer to the greeting within the timeout", .min_rest_ns = MIN_PAUSE,
        .max_rest_ns = MAX_PAUSE, .answer_ns = (uint64_t)setup->timeout_ns, .answer_option = "timeout"});
    return l;
}

void link_forget(struct link *l)
{
    if (l)
        line_forget(&l->line);
}

struct link *link_destroy(struct link *l)
{
    if (l)
        line_end(&l->line);
    return NULL;
}
