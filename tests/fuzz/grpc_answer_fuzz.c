/* grpc_answer_fuzz: any bytes as what a gRPC server sends, in pieces of any size, while calls run: every call is
 * answered once, and nothing is left when the channel goes. The first byte is the size of the pieces. */
#include "tests/unit/plugins/common/line_host.h"
#include <grpc/grpc.h>

#define CALLS 3u

static uint32_t answered[CALLS];

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct grpc_config config = {.product = "it", .endpoints = {{"a", "a:1", 1}}, .endpoint_count = 1,
                                              .connect_timeout_ns = 1000000000, .max_reply = 65536};
    struct grpc_setup setup = {.host = &line_host, .config = &config, .up = on_up, .down = on_down};
    struct trb_slice in = slice_skip((struct trb_slice){(const char *)data, size}, 1);
    size_t piece = size && data[0] ? data[0] : SIZE_MAX;
    struct grpc *g = grpc_create(&setup);
    memset(answered, 0, sizeof answered);
    line->events->connected(line->arg);
    line_feed_to(line, SLICE("\0\0\0\4\0\0\0\0\0"));          /* its settings: none */
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
        line_feed_to(line, part);
    }
    grpc_destroy(g);
    for (uint32_t i = 0; i < CALLS; i++)
        if (answered[i] != 1)
            abort();
    text_clear(&line_sent);
    if (lines || timers_held)
        abort();
    return 0;
}
