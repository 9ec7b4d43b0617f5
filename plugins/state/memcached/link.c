/* link: the life of one connection. */
#include "link.h"
#include "queue.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>

#define DIALING 0
#define GREETING 1
#define UP 2
#define RESTING 3

#define LARGE 16384u                            /* from here a value with an owner is referenced, not copied */
#define MAX_WAITING (64u << 20)                 /* bytes kept for a connection that is being dialled */
#define READ_LIMIT (REPLY_MAX_VALUE + 2 * REPLY_MAX_LINE)
#define MIN_PAUSE (8 * MS)
#define MAX_PAUSE (512 * MS)

struct link {
    uint32_t magic;
    struct link_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct trb_stream *stream;
    struct trb_timer *timer;                    /* of the state: greeting, rest; answers when up */
    uint32_t state, failures, depth, streams_had;
    bool is_dead;
    struct queue asked;                         /* up: sent; else: waiting */
    struct text waiting;                        /* their bytes */
    size_t need;                                /* so many bytes must have come before it is worth a look */
    uint64_t heard_ns;                          /* when bytes last came: a server that answers is not silent */
    struct trb_error fault;                     /* why the last attempt failed */
};
#define LINK_MAGIC 0x4d434c4bu

static void dial(struct link *);

/* ------------------------------------------------------------------------------------- timers */
static void timer_stop(struct link *l)
{
    l->timer = l->timers->cancel(l->timer);
}

static void timer_set(struct link *l, int64_t after_ns, void (*fire)(void *))
{
    timer_stop(l);
    l->timer = l->timers->start(l->setup.origin, (uint64_t)after_ns, fire, l);
}

/* ---------------------------------------------------------------------------------- losing it */
static void enter(struct link *l)
{
    l->depth++;
}

static void leave(struct link *l)
{
    if (--l->depth || !l->is_dead)
        return;
    text_fini(&l->waiting);
    l->magic = 0;
    mem_free(l);
}

static void tell_all(struct queue *q, const struct trb_error *err)
{
    while (q->count) {
        struct entry e = queue_take(q);
        e.wish.answered(&e.wish, NULL, err);
    }
    queue_fini(q);
}

static struct queue hang_up(struct link *l)
{
    struct queue orphans = l->asked;
    l->asked = (struct queue){0};
    l->stream = l->streams->destroy(l->stream);
    l->streams_had++;
    timer_stop(l);
    text_clear(&l->waiting);
    l->need = 0;
    return orphans;
}

static void on_rested(void *arg)
{
    struct link *l = checked(arg, struct link, LINK_MAGIC);
    enter(l);
    timer_stop(l);
    dial(l);
    leave(l);
}

static void rest(struct link *l)
{
    int64_t pause = MIN_PAUSE;
    for (uint32_t i = 1; i < l->failures && pause < MAX_PAUSE; i++)
        pause *= 2;
    l->state = RESTING;
    timer_set(l, pause, on_rested);
}

static void lose(struct link *l, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    bool was_up = l->state == UP;
    trb_error(&err, TRB_UNAVAILABLE, reason, "memcached %s: %s%s", l->setup.address->text, sentence,
              was_up && l->asked.count ? "; what had been asked may have been carried out" : "");
    l->fault = err;
    l->failures = was_up ? 0 : l->failures + 1;
    enter(l);
    struct queue orphans = hang_up(l);
    if (was_up)
        l->state = DIALING;
    else
        rest(l);
    tell_all(&orphans, &err);
    if (!l->is_dead)
        l->setup.down(l->setup.arg, l->setup.number, &err, was_up);
    if (was_up && !l->is_dead)
        dial(l);
    leave(l);
}

/* ------------------------------------------------------------------------------------ answers */
static void on_answer_timeout(void *arg)
{
    struct link *l = checked(arg, struct link, LINK_MAGIC);
    struct entry *oldest = queue_at(&l->asked, 0);
    timer_stop(l);
    if (!oldest)
        return;
    uint64_t since = oldest->since_ns > l->heard_ns ? oldest->since_ns : l->heard_ns;
    uint64_t age = l->setup.host->now_ns() - since, limit = (uint64_t)l->setup.timeout_ns;
    if (age < limit) {
        timer_set(l, (int64_t)(limit - age), on_answer_timeout);
        return;
    }
    char sentence[80];
    snprintf(sentence, sizeof sentence, "no answer within %lld ms (timeout)", (long long)(l->setup.timeout_ns / MS));
    lose(l, "TIMEOUT", sentence);
}

static void watch_answers(struct link *l)
{
    if (!l->timer)
        timer_set(l, l->setup.timeout_ns, on_answer_timeout);
}

static void on_greeted(struct link *l, const struct reply *r)
{
    char sentence[400];
    if (r->kind != REPLY_VERSION) {
        snprintf(sentence, sizeof sentence, "answered the greeting with '%.*s'", SLICE_ARG(slice_cut(r->line, 300)));
        lose(l, "REFUSED", sentence);
        return;
    }
    uint64_t now = l->setup.host->now_ns();
    l->state = UP;
    l->failures = 0;
    timer_stop(l);
    for (uint32_t i = 0; i < l->asked.count; i++)
        queue_at(&l->asked, i)->since_ns = now;
    l->streams->write(l->stream, text_slice(&l->waiting));
    text_fini(&l->waiting);
    if (l->asked.count)
        watch_answers(l);
    l->setup.up(l->setup.arg, l->setup.number);
}

/* A value is a piece of its answer: who waits stays first until the end comes. */
static void on_value(struct link *l, const struct reply *r)
{
    struct wish w = queue_at(&l->asked, 0)->wish;
    uint32_t had = l->streams_had;
    w.answered(&w, r, NULL);
    if (l->streams_had == had)
        queue_at(&l->asked, 0)->wish = w;
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
    if (l->state == GREETING) {
        on_greeted(l, r);
    } else if (!l->asked.count) {
        lose(l, "PROTOCOL", "an answer came that nobody had asked for");
    } else if (r->kind == REPLY_CLIENT_ERROR) {
        on_refusal(l, r);
    } else if (r->kind == REPLY_VALUE) {
        on_value(l, r);
    } else {
        struct entry e = queue_take(&l->asked);
        e.wish.answered(&e.wish, r, NULL);
    }
}

static void on_readable(void *arg)
{
    struct link *l = checked(arg, struct link, LINK_MAGIC);
    uint32_t had = l->streams_had;
    struct reply r;
    int64_t len = REPLY_MORE;
    l->heard_ns = l->setup.host->now_ns();
    enter(l);
    while (l->streams_had == had) {
        struct trb_slice bytes = l->streams->bytes(l->stream);
        if (!bytes.len || bytes.len < l->need)
            break;
        len = reply_read(bytes, &r, &l->need);
        if (len <= 0)
            break;
        l->need = 0;
        on_reply(l, &r);
        if (l->streams_had == had)
            l->streams->consume(l->stream, (size_t)len);
    }
    if (len == REPLY_BROKEN && l->streams_had == had)
        lose(l, "PROTOCOL", "the answer is not memcached's text protocol; is the port right?");
    leave(l);
}

/* ----------------------------------------------------------------------------------- dialling */
static void on_silence(void *arg)
{
    lose(checked(arg, struct link, LINK_MAGIC), "TIMEOUT", "connected, but no answer to the greeting within the timeout");
}

static void on_connected(void *arg)
{
    struct link *l = checked(arg, struct link, LINK_MAGIC);
    l->state = GREETING;
    l->streams->write(l->stream, SLICE("version\r\n"));
    timer_set(l, l->setup.timeout_ns, on_silence);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    lose(checked(arg, struct link, LINK_MAGIC), "CONNECTION", err ? err->message : "the connection was closed");
}

static const struct trb_stream_events stream_events = {
    .size = sizeof stream_events, .connected = on_connected, .readable = on_readable, .closed = on_closed};

static void on_no_stream(void *arg)
{
    lose(checked(arg, struct link, LINK_MAGIC), "CONNECTION", "the host could not open a stream");
}

static void dial(struct link *l)
{
    struct trb_stream_target target = {.size = sizeof target, .host = slice_of(l->setup.address->host),
                                       .port = l->setup.address->port,
                                       .connect_timeout_ns = (uint64_t)l->setup.timeout_ns};
    l->state = DIALING;
    l->stream = l->streams->connect(l->setup.origin, &target, &stream_events, l);
    if (!l->stream)
        timer_set(l, 0, on_no_stream);
    else if (TRB_HAS(l->streams, read_limit))
        l->streams->read_limit(l->stream, READ_LIMIT);
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
    l->streams->write(l->stream, line);
    if (!value->at)
        return;
    if (value->owner && value->len >= LARGE)
        l->streams->write_data(l->stream, *value);
    else
        l->streams->write(l->stream, slice_from(value->at, value->len));
    l->streams->write(l->stream, SLICE("\r\n"));
}

void link_ask(struct link *l, const struct wish *wish, struct trb_slice line, const struct trb_data *value)
{
    static const struct trb_data none = {0};
    value = value ? value : &none;
    if (l->state == RESTING || (l->state != UP && l->failures)) {
        refuse(wish, &l->fault);
        return;
    }
    if (l->state != UP && l->waiting.len + line.len + value->len > MAX_WAITING) {
        struct trb_error err = {0};
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "memcached %s: too much waits for the connection",
                  l->setup.address->text);
        err.retryable = 1;
        refuse(wish, &err);
        return;
    }
    *queue_add(&l->asked) = (struct entry){.wish = *wish, .since_ns = l->setup.host->now_ns()};
    if (l->state != UP) {
        keep(l, line, value);
        return;
    }
    send_now(l, line, value);
    watch_answers(l);
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
    struct link *l = mem_zero(sizeof *l);
    l->magic = LINK_MAGIC;
    l->setup = *setup;
    l->streams = setup->host->extension(TRB_STREAM_SERVICE);
    l->timers = setup->host->extension(TRB_TIMER);
    dial(l);
    return l;
}

void link_forget(struct link *l)
{
    if (!l)
        return;
    l->stream = NULL;
    l->timer = NULL;
}

struct link *link_destroy(struct link *l)
{
    if (!l)
        return NULL;
    struct trb_error err = {0};
    check(l->magic == LINK_MAGIC && !l->is_dead);
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "memcached %s: the connection is closing", l->setup.address->text);
    enter(l);
    l->is_dead = true;
    l->state = RESTING;
    l->fault = err;
    struct queue orphans = hang_up(l);
    tell_all(&orphans, &err);
    leave(l);
    return NULL;
}
