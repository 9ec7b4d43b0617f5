/* grpc_answer_fuzz: any bytes as what a gRPC server sends, in pieces of any size, while calls run: every call is
 * answered once, and nothing is left when the channel goes. The first byte is the size of the pieces. */
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <grpc/grpc.h>
#include <stdlib.h>
#include <trilby/services.h>

#define CALLS 3u

struct trb_stream {
    const struct trb_stream_events *events;
    void *arg;
    struct trb_slice unread;
};

struct trb_timer {
    int unused;
};

static struct trb_stream *line;
static uint32_t lines, timers_held, answered[CALLS];

static struct trb_stream *line_connect(const struct trb_origin *o, const struct trb_stream_target *t,
                                       const struct trb_stream_events *events, void *arg)
{
    line = mem_zero(sizeof *line);
    line->events = events;
    line->arg = arg;
    lines++;
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
}

static size_t line_unsent(const struct trb_stream *s)
{
    return 0;
}

static struct trb_timer *timer_start(const struct trb_origin *o, uint64_t after, void (*fire)(void *), void *arg)
{
    timers_held++;
    return mem_zero(sizeof(struct trb_timer));
}

static struct trb_timer *timer_cancel(struct trb_timer *t)
{
    timers_held -= t != NULL;
    return mem_free(t);
}

static const void *extension(const char *id)
{
    static const struct trb_stream_service streams = {
        .size = sizeof streams, .connect = line_connect, .destroy = line_destroy, .bytes = line_bytes, .consume = line_consume,
        .write = line_write, .unsent = line_unsent};
    static const struct trb_timer_service timers = {.size = sizeof timers, .start = timer_start, .cancel = timer_cancel};
    return !strcmp(id, TRB_TIMER) ? (const void *)&timers : (const void *)&streams;
}

static uint64_t now_ns(void)
{
    return 1000000000;
}

static const struct trb_host host = {.size = sizeof host, .extension = extension, .now_ns = now_ns};

static void on_answer(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    if (++answered[w->index] > 1 || (err && !err->code))
        abort();
    for (size_t i = 0; i < message.len; i++)
        *(volatile const char *)&message.at[i];
}

static void on_up(void *arg)
{
}

static void on_down(void *arg, const struct trb_error *err)
{
    if (!err->code)
        abort();
}

static void feed(struct trb_slice bytes)
{
    struct trb_stream *to = line;
    to->unread = bytes;
    to->events->readable(to->arg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grpc_config config = {.product = "it", .endpoints = {{"a", "a:1", 1}}, .endpoint_count = 1,
                                              .connect_timeout_ns = 1000000000, .max_reply = 65536};
    struct grpc_setup setup = {.host = &host, .config = &config, .up = on_up, .down = on_down};
    struct trb_slice in = slice_skip((struct trb_slice){(const char *)data, size}, 1);
    size_t piece = size && data[0] ? data[0] : SIZE_MAX;
    struct grpc *g = grpc_create(&setup);
    memset(answered, 0, sizeof answered);
    line->events->connected(line->arg);
    feed(SLICE("\0\0\0\4\0\0\0\0\0"));          /* its settings: none */
    for (uint32_t i = 0; i < CALLS; i++) {
        struct grpc_wish w = {.answered = on_answer, .index = i};
        struct text message = {0};
        grpc_message_begin(&message);
        text_adds(&message, "question");
        grpc_ask(g, &w, "/a.B/C", &message, 1000000000);
    }
    struct trb_stream *first = line;
    while (in.len && line && line == first) {
        struct trb_slice part = slice_cut(in, piece);
        in = slice_skip(in, part.len);
        feed(part);
    }
    grpc_destroy(g);
    for (uint32_t i = 0; i < CALLS; i++)
        if (answered[i] != 1)
            abort();
    if (lines || timers_held)
        abort();
    return 0;
}
