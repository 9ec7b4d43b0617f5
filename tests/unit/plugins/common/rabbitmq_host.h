/* rabbitmq_host: a host and a broker for tests of plugins/common/rabbitmq, both played by the test: nothing runs, time
 * stands still until it is moved, and what is written can be read as frames. */
#ifndef TEST_RABBITMQ_HOST_H
#define TEST_RABBITMQ_HOST_H

#include <base/buf.h>
#include <base/check.h>
#include <base/list.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/channel.h>
#include <rabbitmq/methods.h>
#include <stdio.h>
#include <stdlib.h>
#include <trilby/plugin.h>

#define SECOND_NS 1000000000ull

/* ------------------------------------------------------------------------------------------ time */
struct trb_timer {
    struct list link;
    uint64_t due_ns;
    void (*fire)(void *);
    void *arg;
};
static struct list timers;
static uint64_t now_ns;

static uint64_t host_now(void)
{
    return now_ns;
}

static struct trb_timer *timer_start(const struct trb_origin *o, uint64_t after_ns, void (*fire)(void *), void *arg)
{
    struct trb_timer *t = mem_zero(sizeof *t);
    *t = (struct trb_timer){.due_ns = now_ns + after_ns, .fire = fire, .arg = arg};
    list_append(&timers, &t->link);
    return t;
}

static struct trb_timer *timer_cancel(struct trb_timer *t)
{
    if (t)
        list_remove(&t->link);
    return mem_free(t);
}

static struct trb_timer *first_due(void)
{
    struct trb_timer *first = NULL;
    list_each(node, &timers) {
        struct trb_timer *t = list_item(node, struct trb_timer, link);
        if (!first || t->due_ns < first->due_ns)
            first = t;
    }
    return first;
}

/* Every timer that is due until then fires, in order; each is cancelled by who set it. */
static void pass(uint64_t ns)
{
    uint64_t end = now_ns + ns;
    struct trb_timer *t;
    while ((t = first_due()) && t->due_ns <= end) {
        now_ns = t->due_ns > now_ns ? t->due_ns : now_ns;
        t->due_ns = UINT64_MAX;
        t->fire(t->arg);
    }
    now_ns = end;
}

static const struct trb_timer_service timer_service = {.size = sizeof timer_service, .start = timer_start, .cancel = timer_cancel};

/* ---------------------------------------------------------------------------------------- streams */
struct trb_stream {
    struct trb_stream_events events;
    void *arg;
    struct text in;
    size_t used;
};
static struct trb_stream *stream;               /* the present one, or NULL */
static struct text written;
static size_t looked;
static uint32_t dials, is_reading;
static size_t unsent;

static struct trb_stream *stream_connect(const struct trb_origin *o, const struct trb_stream_target *t,
                                         const struct trb_stream_events *e, void *arg)
{
    check(!stream);
    dials++;
    is_reading = 1;
    stream = mem_zero(sizeof *stream);
    stream->events = *e;
    stream->arg = arg;
    return stream;
}

static struct trb_stream *stream_destroy(struct trb_stream *s)
{
    if (!s)
        return NULL;
    check(s == stream);
    stream = NULL;
    text_fini(&s->in);
    return mem_free(s);
}

static struct trb_slice stream_bytes(const struct trb_stream *s)
{
    return slice_skip(text_slice(&s->in), s->used);
}

static void stream_consume(struct trb_stream *s, size_t len)
{
    s->used += len;
}

static void stream_write(struct trb_stream *s, struct trb_slice bytes)
{
    check(s && s == stream);
    text_add(&written, bytes);
}

static void stream_write_data(struct trb_stream *s, struct trb_data data)
{
    text_add(&written, slice_from(data.at, data.len));
}

static size_t stream_unsent(const struct trb_stream *s)
{
    return unsent;
}

static void stream_read_on(struct trb_stream *s, uint32_t on)
{
    is_reading = on;
}

static void stream_read_limit(struct trb_stream *s, size_t len)
{
}

static const struct trb_stream_service stream_service = {
    .size = sizeof stream_service, .connect = stream_connect, .destroy = stream_destroy, .bytes = stream_bytes,
    .consume = stream_consume, .write = stream_write, .write_data = stream_write_data, .unsent = stream_unsent,
    .read_on = stream_read_on, .read_limit = stream_read_limit};

/* ------------------------------------------------------------------------------------------- host */
static uint32_t no_buffers, emitted, opened, answered;
static struct trb_error failure;                /* code 0: it went well */
static char last_log[1024];

static const void *host_extension(const char *id)
{
    return !strcmp(id, TRB_TIMER) ? (const void *)&timer_service : !strcmp(id, TRB_STREAM_SERVICE) ? (const void *)&stream_service : NULL;
}

static struct trb_buf *host_buf_new(const struct trb_origin *o, size_t len, char **ret_bytes)
{
    return no_buffers ? NULL : buf_new(len, ret_bytes);
}

static struct trb_buf *host_buf_unref(struct trb_buf *b)
{
    return b ? buf_unref(b) : NULL;
}

static void host_log(const struct trb_origin *o, uint32_t level, const char *text)
{
    snprintf(last_log, sizeof last_log, "%s", text);
}

static void host_opened(struct trb_call *c)
{
    opened++;
}

static void host_done(struct trb_call *c, const void *answer, size_t size)
{
    answered++;
    failure = (struct trb_error){0};
}

static void host_fail(struct trb_call *c, const struct trb_error *err)
{
    answered++;
    failure = *err;
}

static const struct trb_host host = {
    .size = sizeof host, .extension = host_extension, .now_ns = host_now, .buf_new = host_buf_new, .buf_unref = host_buf_unref,
    .buf_bytes = buf_bytes, .log = host_log, .opened = host_opened, .done = host_done, .fail = host_fail};

/* ----------------------------------------------------------------------------------------- broker */
/* What was written next, as a frame; NULL-like kind 0: nothing more. */
static struct wire_frame next_frame(void)
{
    struct wire_frame f = {0};
    int64_t len = wire_frame_read(slice_skip(text_slice(&written), looked), 131072, &f);
    check(len >= 0);
    looked += (size_t)len;
    return len ? f : (struct wire_frame){0};
}

static uint32_t method_of(const struct wire_frame *f)
{
    struct wire w = wire_of(f->payload);
    return f->kind == WIRE_METHOD ? (uint32_t)wire_number(&w, 4) : 0;
}

/* How many methods of this kind have been written since the last look. */
static inline uint32_t count_written(uint32_t method)
{
    uint32_t found = 0;
    for (struct wire_frame f = next_frame(); f.kind; f = next_frame())
        found += method_of(&f) == method;
    return found;
}

static void feed(struct trb_slice bytes)
{
    check(stream);
    text_add(&stream->in, bytes);
    stream->events.readable(stream->arg);
}

static void feed_frame(uint32_t kind, uint32_t channel, struct trb_slice payload)
{
    struct text t = {0};
    size_t begun = wire_frame_begin(&t, kind, channel);
    text_add(&t, payload);
    wire_frame_end(&t, begun);
    feed(text_slice(&t));
    text_fini(&t);
}

/* say(1, BASIC_ACK, SLICE("\0…")): a method and its arguments. */
static void say(uint32_t channel, uint32_t method, struct trb_slice arguments)
{
    struct text t = {0};
    wire_put(&t, method, 4);
    text_add(&t, arguments);
    feed_frame(WIRE_METHOD, channel, text_slice(&t));
    text_fini(&t);
}

static inline void confirm(uint32_t channel, uint64_t tag, bool multiple, bool is_taken)
{
    struct text t = {0};
    wire_put(&t, tag, 8);
    wire_put(&t, multiple, 1);
    say(channel, is_taken ? BASIC_ACK : BASIC_NACK, text_slice(&t));
    text_fini(&t);
}

static inline void close_channel(uint32_t channel, uint32_t code, const char *why, uint32_t by)
{
    struct text t = {0};
    wire_put(&t, code, 2);
    wire_put_short(&t, slice_of(why));
    wire_put(&t, by, 4);
    say(channel, CHANNEL_CLOSE, text_slice(&t));
    text_fini(&t);
}

static inline void content(uint32_t channel, uint32_t method, struct trb_slice arguments, struct trb_slice body)
{
    struct text t = {0};
    say(channel, method, arguments);
    wire_put(&t, 60, 2);
    wire_put(&t, 0, 2);
    wire_put(&t, body.len, 8);
    wire_put(&t, 0, 2);
    feed_frame(WIRE_HEADER, channel, text_slice(&t));
    text_fini(&t);
    if (body.len)
        feed_frame(WIRE_BODY, channel, body);
}

static inline void deliver(uint32_t channel, uint64_t tag, struct trb_slice body)
{
    struct text t = {0};
    wire_put_short(&t, SLICE("tag"));
    wire_put(&t, tag, 8);
    wire_put(&t, 0, 1);
    wire_put_short(&t, SLICE(""));
    wire_put_short(&t, SLICE(""));
    content(channel, BASIC_DELIVER, text_slice(&t), body);
    text_fini(&t);
}

static void tune(uint32_t heartbeat_s)
{
    struct text t = {0};
    wire_put(&t, 2047, 2);
    wire_put(&t, 131072, 4);
    wire_put(&t, heartbeat_s, 2);
    say(0, CONNECTION_TUNE, text_slice(&t));
    text_fini(&t);
}

/* The whole greeting, from the broker's side. */
static void greet(void)
{
    stream->events.connected(stream->arg);
    say(0, CONNECTION_START, SLICE("\0\x09\0\0\0\0\0\0\0\x0e" "AMQPLAIN PLAIN" "\0\0\0\x05" "en_US"));
    tune(60);
    say(0, CONNECTION_OPEN_OK, SLICE("\0"));
}

static inline void lose(void)
{
    struct trb_error err = {.code = TRB_UNAVAILABLE, .message = "connection reset"};
    stream->events.closed(stream->arg, &err);
}

static void host_begin(void)
{
    list_init(&timers);
    now_ns = 100 * SECOND_NS;
    dials = emitted = opened = answered = no_buffers = 0;
    unsent = 0;
    looked = 0;
    last_log[0] = 0;
    failure = (struct trb_error){0};
}

static void host_end(void)
{
    check(list_is_empty(&timers));
    check(!stream);
    text_fini(&written);
}

#endif
