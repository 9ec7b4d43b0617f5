/* metrics_server: every path answers the metrics in Prometheus' text form, in chunks. */
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <observe/metrics.h>
#include <runtime/inside.h>

#define TYPE "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

static void answer(struct exchange *x)
{
    struct text body = {0};
    struct http_head head = {.status = 200, .content_length = HTTP_LENGTH_UNKNOWN, .major = x->request.major,
                             .minor = x->request.minor};
    http_header_add(x->arena, &head.headers, SLICE("Content-Type"), SLICE(TYPE));
    metrics_write(&body);
    struct trb_buf *b = text_to_buf(&body);
    x->ops->respond(x, &head);
    x->ops->write(x, buf_data(b));
    x->ops->finish(x, NULL);
    buf_unref(b);
    x->ops->release(x);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    answer(x);
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    x->ops->release(x);
}

static void on_request(void *arg, struct exchange *x)
{
    static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};
    x->events = &events;
}

struct http_server_setup metrics_server_setup(struct runtime *rt)
{
    return (struct http_server_setup){.on_request = on_request, .arg = rt, .max_head = 65536, .window = 65536,
                                      .head_timeout_ns = 10 * CLOCK_S, .http1 = true};
}
