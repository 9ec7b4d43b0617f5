/* http2_stream: the outgoing body and the windows of one stream, the same on both sides. */
#include <net/http2_session.h>

#include <base/check.h>
#include <base/slice.h>

#define PROVEN (HTTP2_WINDOW / 2)   /* consumed bytes after which a stream's window is the connection's */

void http2_stream_init(struct http2_stream *s, struct http2 *h, int32_t id,
                       void (*room)(struct http2_stream *))
{
    *s = (struct http2_stream){.h = h, .id = id, .window = HTTP2_WINDOW, .room = room};
    list_init(&s->roomy);
}

void http2_stream_fini(struct http2_stream *s)
{
    list_remove(&s->roomy);
    http2_queue_drop(&s->out);
    http2_stream_forget_input(s);
}

void http2_stream_forget_input(struct http2_stream *s)
{
    if (s->unconsumed) {
        http2_used(s->h, s->unconsumed);
        http2_drain_later(s->h);
    }
    s->unconsumed = 0;
}

/* --- out ------------------------------------------------------------------------------------ */
static ssize_t on_source(nghttp2_session *ng, int32_t id, uint8_t *unused, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    struct http2_stream *s = source->ptr;
    size_t n = s->out.len < room ? s->out.len : room;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->is_finished && n == s->out.len) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->trailer_count && !nghttp2_submit_trailer(ng, id, s->trailers, s->trailer_count))
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    } else if (!n) {
        s->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)n;
}

nghttp2_data_provider http2_stream_source(struct http2_stream *s)
{
    return (nghttp2_data_provider){.source.ptr = s, .read_callback = on_source};
}

static bool is_open(const struct http2_stream *s)
{
    return s->h->ng && !s->is_closed;
}

static void resume(struct http2_stream *s)
{
    if (s->is_deferred) {
        s->is_deferred = false;
        nghttp2_session_resume_data(s->h->ng, s->id);
    }
    http2_drain_later(s->h);
}

bool http2_stream_write(struct http2_stream *s, struct trb_data data)
{
    if (!is_open(s))
        return true;
    http2_queue_add(&s->out, data);
    resume(s);
    s->wants_room = s->out.cost >= HTTP2_OUT_HIGH;
    return !s->wants_room;
}

/* Trailers after all data has left need no window: nghttp2 would ask for one before it asks us. */
void http2_stream_finish(struct http2_stream *s, nghttp2_nv *trailers, size_t count)
{
    if (!is_open(s) || s->is_finished)
        return;
    s->is_finished = true;
    s->trailers = trailers;
    s->trailer_count = count;
    if (count && s->is_deferred && !s->out.len) {
        nghttp2_submit_trailer(s->h->ng, s->id, trailers, count);
        http2_drain_later(s->h);
    } else {
        resume(s);
    }
}

void http2_stream_reset(struct http2_stream *s, uint32_t code)
{
    if (!is_open(s))
        return;
    nghttp2_submit_rst_stream(s->h->ng, NGHTTP2_FLAG_NONE, s->id, code);
    http2_drain_later(s->h);
}

/* --- in ------------------------------------------------------------------------------------- */
/* A piece keeps the buffer it was read into alive only when it is a good part of it. */
struct trb_data http2_stream_took(struct http2_stream *s, const uint8_t *at, size_t len)
{
    struct http2 *h = s->h;
    http2_took(h, len);
    s->unconsumed += len;
    bool is_shared = h->input && len * 8 >= buf_bytes(h->input).len;
    return (struct trb_data){(const char *)at, len, is_shared ? h->input : NULL};
}

static void open_window(struct http2_stream *s, size_t n)
{
    uint32_t size = s->h->window.size;
    if (s->window < size && s->consumed >= PROVEN) {
        s->window = size;
        nghttp2_session_set_local_window_size(s->h->ng, NGHTTP2_FLAG_NONE, s->id, (int32_t)size);
    }
    nghttp2_session_consume_stream(s->h->ng, s->id, n);
}

void http2_stream_consume(struct http2_stream *s, size_t n)
{
    if (n > s->unconsumed)
        n = s->unconsumed;
    s->unconsumed -= n;
    s->consumed += n;
    if (!n || !s->h->ng)
        return;
    http2_used(s->h, n);
    if (!s->is_closed)
        open_window(s, n);
    http2_drain_later(s->h);
}

void http2_skip(struct http2 *h, int32_t id, size_t len)
{
    nghttp2_session_consume(h->ng, id, len);
}
