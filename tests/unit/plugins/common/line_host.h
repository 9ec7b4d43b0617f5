/* line_host: a host for a client library of the plugins whose server is the test: it sees what is sent, says what comes,
 * and when the time has come. */
#ifndef TEST_LINE_HOST_H
#define TEST_LINE_HOST_H

#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdlib.h>
#include <trilby/plugin.h>
#include <trilby/services.h>

struct trb_stream {
    const struct trb_stream_events *events;
    void *arg;
    struct trb_slice unread;
};

struct trb_timer {
    void (*fire)(void *);
    void *arg;
    uint64_t at_ns;
    uint32_t has_fired;
    struct trb_timer *next;
};

static struct trb_stream *line;             /* the last that was dialled; NULL: destroyed */
static uint32_t lines, lines_dialled, timers_held;
static uint64_t line_now_ns = 1000000000;
static struct text line_sent;               /* on all lines, in their order */

static struct trb_stream *line_dialled_to(const struct trb_origin *o, const struct trb_stream_target *t,
                                       const struct trb_stream_events *events, void *arg)
{
    line = mem_zero(sizeof *line);
    line->events = events;
    line->arg = arg;
    lines++;
    lines_dialled++;
    return line;
}

static struct trb_stream *line_destroy(struct trb_stream *s)
{
    lines -= s != NULL;
    line = s == line ? NULL : line;
    return mem_free(s);
}

static struct trb_slice line_bytes(const struct trb_stream *s)
{
    return s->unread;
}

static void line_consume(struct trb_stream *s, size_t n)
{
    if (n > s->unread.len)
        abort();
    s->unread = slice_skip(s->unread, n);
}

static void line_write(struct trb_stream *s, struct trb_slice bytes)
{
    if (!s || !bytes.len)
        abort();
    text_add(&line_sent, bytes);
}

static char *line_room(struct trb_stream *s, size_t n)
{
    line_sent.at = mem_grow(line_sent.at, line_sent.room = line_sent.len + n + 1);
    return line_sent.at + line_sent.len;
}

static void line_wrote(struct trb_stream *s, size_t n)
{
    line_sent.len += n;
    line_sent.at[line_sent.len] = 0;
}

static size_t line_unsent(const struct trb_stream *s)
{
    return 0;
}

static struct trb_timer *timers_all;

static struct trb_timer *timer_start(const struct trb_origin *o, uint64_t after, void (*fire)(void *), void *arg)
{
    struct trb_timer *t = mem_zero(sizeof *t);
    *t = (struct trb_timer){fire, arg, line_now_ns + after, 0, timers_all};
    timers_all = t;
    timers_held++;
    return t;
}

static struct trb_timer *timer_cancel(struct trb_timer *t)
{
    for (struct trb_timer **at = &timers_all; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            timers_held--;
            return mem_free(t);
        }
    return NULL;
}

static const void *line_extension(const char *id)
{
    static const struct trb_stream_service streams = {
        .size = sizeof streams, .connect = line_dialled_to, .destroy = line_destroy, .bytes = line_bytes, .consume = line_consume,
        .write = line_write, .room = line_room, .wrote = line_wrote, .unsent = line_unsent};
    static const struct trb_timer_service timers = {.size = sizeof timers, .start = timer_start, .cancel = timer_cancel};
    return !strcmp(id, TRB_TIMER) ? (const void *)&timers : (const void *)&streams;
}

static uint64_t line_clock(void)
{
    return line_now_ns;
}

static const struct trb_host line_host = {.size = sizeof line_host, .extension = line_extension, .now_ns = line_clock};

static inline void line_feed_to(struct trb_stream *to, struct trb_slice bytes)
{
    to->unread = bytes;
    to->events->readable(to->arg);
}

/* Time passes; what is due fires. */
static inline void line_wait(uint64_t ns)
{
    line_now_ns += ns;
    for (struct trb_timer *t = timers_all; t;) {
        if (t->has_fired || t->at_ns > line_now_ns) {
            t = t->next;
            continue;
        }
        t->has_fired = 1;
        t->fire(t->arg);
        t = timers_all;
    }
}

#endif
