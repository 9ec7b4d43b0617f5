/* http1_input: what is read off a server connection: bodies and heads, and what a head leads to. */
#include <net/http1_server.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/stream_private.h>
#include <string.h>

#define SHARE_FROM 8192u            /* body pieces from which a buffer is handed out */

static const struct http_server_setup *setup_of(const struct http1 *h)
{
    return h->c->home->setup;
}

/* --- the body --------------------------------------------------------------------------------- */
static void deliver(struct http1 *h, struct trb_slice data)
{
    struct http1_exchange *x = h->x;
    size_t len = data.len;
    h->unconsumed += len;
    http1_body_took(&h->body, len);
    if (len >= SHARE_FROM) {
        struct trb_buf *piece = stream_take(h->c->stream, len);
        x->base.events->data(&x->base, buf_data(piece));
        buf_unref(piece);
        return;
    }
    x->base.events->data(&x->base, (struct trb_data){data.at, len, NULL});
    stream_consume(h->c->stream, len);
}

/* An answer that did not say close has promised to read the next request: whatever is left of this one is read. */
static bool drop(struct http1 *h, size_t len)
{
    http1_body_took(&h->body, len);
    stream_consume(h->c->stream, len);
    return true;
}

/* Framing that is none: the owner learns it, the peer gets the bare answer if none has begun. */
static bool body_is_bad(struct http1 *h)
{
    struct http1_exchange *x = h->x;
    h->body_open = h->keep_alive = false;
    if (!x || x->is_silent || x->base.finished)
        return true;
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INVALID, "MALFORMED_BODY", "malformed chunked encoding");
    x->is_silent = true;
    if (x->base.responded)
        connection_cut(h->c);
    else
        http1_refuse(h, &(struct http1_fault){400, NULL});
    x->base.events->gone(&x->base, &err);
    return true;
}

static void body_ends(struct http1 *h, struct trb_slice trailers)
{
    struct http1_exchange *x = h->x;
    h->body_open = false;
    if (!x || x->is_silent || x->base.finished) {
        stream_consume(h->c->stream, trailers.len);
        return;
    }
    struct http_headers list = {0};
    bool has = trailers.len > 2;
    if (has) {
        struct trb_name copy = arena_name(x->base.arena, trailers);
        if (!http1_trailers_parse(x->base.arena, slice_name(copy), &list)) {
            body_is_bad(h);
            return;
        }
    }
    stream_consume(h->c->stream, trailers.len);
    x->base.events->end(&x->base, has ? &list : NULL);
}

bool http1_read_body(struct http1 *h)
{
    bool is_wanted = h->x && !h->x->is_silent && !h->x->base.finished;
    size_t window = setup_of(h)->window, skip;
    if (is_wanted && window && h->unconsumed >= window)
        return false;
    struct trb_slice data;
    int result = http1_body_next(&h->body, stream_bytes(h->c->stream), &skip, &data);
    stream_consume(h->c->stream, skip);
    switch (result) {
    case HTTP1_BODY_DATA:
        if (!is_wanted)
            return drop(h, data.len);
        if (window && data.len > window - h->unconsumed)
            data.len = window - h->unconsumed;
        deliver(h, data);
        return true;
    case HTTP1_BODY_END:
        body_ends(h, data);
        return true;
    case HTTP1_BODY_BAD:
        return body_is_bad(h);
    default:
        return false;
    }
}

/* --- the head --------------------------------------------------------------------------------- */
static bool refuse(struct http1 *h, int status, const char *text)
{
    h->keep_alive = false;
    http1_refuse(h, &(struct http1_fault){status, text});
    return true;
}

/* A head that has begun must end in time; a first line that is none need not be waited for. */
static bool wait_for_head(struct http1 *h, struct trb_slice bytes)
{
    const char *feed = memchr(bytes.at, '\n', bytes.len);
    if (feed && !http1_request_line_is_good(slice_from(bytes.at, (size_t)(feed + 1 - bytes.at))))
        return refuse(h, 400, NULL);
    http1_wait_for_head(h);
    return false;
}

static const struct exchange_events unheard = {0};

static void answer_options(struct http1 *h)
{
    struct exchange *x = &h->x->base;
    struct http_head head = {.status = 200};
    x->events = &unheard;
    h->x->is_silent = true;
    exchange_reply(x, &head, (struct trb_data){0});
    x->ops->release(x);
}

static bool is_of_upgrade(struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("connection")) || slice_is_nocase(name, SLICE("upgrade")) ||
           slice_is_nocase(name, SLICE("http2-settings"));
}

/* The request becomes stream 1 of HTTP/2; of the HTTP/1 side nothing stays. */
static void upgrade(struct http1 *h)
{
    struct connection *c = h->c;
    struct http1_exchange *x = h->x;
    struct http_headers *headers = &x->base.request.headers;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < headers->count; i++)
        if (!is_of_upgrade(headers->at[i].name))
            headers->at[kept++] = headers->at[i];
    headers->count = kept;
    stream_write(c->stream, SLICE("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                                  "Upgrade: h2c\r\n\r\n"));
    job_end(&h->job);
    timer_end(&c->timer);
    h->magic = 0;
    mem_free(h);
    c->codec = NULL;
    c->state = NULL;
    http2_connection_upgrade(c, &x->base.request, x->traits.http2_settings);
    http1_exchange_give(x);
    if (stream_bytes(c->stream).len && !c->is_cut)
        c->codec->readable(c);
}

static uint8_t body_kind(const struct http_head *head)
{
    return head->content_length >= 0                     ? HTTP1_BODY_LENGTH
           : head->content_length == HTTP_LENGTH_UNKNOWN ? HTTP1_BODY_CHUNKED
                                                         : HTTP1_BODY_NONE;
}

static void expect_body(struct http1 *h)
{
    const struct http_head *head = &h->x->base.request;
    http1_body_begin(&h->body, body_kind(head),
                     head->content_length > 0 ? (uint64_t)head->content_length : 0,
                     (uint32_t)setup_of(h)->max_head);
    h->body_open = true;
    h->unconsumed = 0;
    h->keep_alive = h->x->traits.keep_alive;
    h->awaits_continue = h->x->traits.expects_continue && head->content_length != HTTP_NO_BODY &&
                         head->content_length != 0;
}

static void offer(struct http1 *h)
{
    setup_of(h)->on_request(setup_of(h)->arg, &h->x->base);
    if (!h->x || h->x->is_silent)
        return;
    check(h->x->base.events);
    if (!h->awaits_continue || h->x->base.responded)
        return;
    h->awaits_continue = false;
    if (!stream_bytes(h->c->stream).len)
        stream_write(h->c->stream, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
}

bool http1_begin(struct http1 *h, size_t len)
{
    struct http1_exchange *x = h->x = http1_exchange_take(h);
    struct http1_fault fault;
    char *copy = arena_alloc(x->base.arena, len);
    memcpy(copy, stream_bytes(h->c->stream).at, len);
    stream_consume(h->c->stream, len);
    h->scanned = 0;
    timer_end(&h->c->timer);
    if (!http1_request_parse(x->base.arena, slice_from(copy, len), &x->base.request, &x->traits, &fault)) {
        h->x = NULL;
        http1_exchange_give(x);
        return refuse(h, fault.status, fault.text);
    }
    x->is_head = slice_is(x->base.request.method, SLICE("HEAD"));
    if (x->traits.upgrades_h2c && setup_of(h)->upgrade_h2c) {
        upgrade(h);
        return false;
    }
    expect_body(h);
    if (x->traits.expects_other) {
        h->x = NULL;
        http1_exchange_give(x);
        return refuse(h, 417, NULL);
    }
    if (x->base.request.target.at[0] == '*')
        answer_options(h);
    else
        offer(h);
    return true;
}

static struct trb_slice skip_empty_lines(struct http1 *h)
{
    struct trb_slice bytes = stream_bytes(h->c->stream);
    size_t n = 0;
    while (!h->scanned && n + 1 < bytes.len && bytes.at[n] == '\r' && bytes.at[n + 1] == '\n')
        n += 2;
    stream_consume(h->c->stream, n);
    bytes = slice_skip(bytes, n);
    bool is_half = !h->scanned && bytes.len == 1 && bytes.at[0] == '\r';
    return is_half ? (struct trb_slice){"", 0} : bytes;
}

size_t http1_look_for_head(struct http1 *h, bool *ret_again)
{
    struct trb_slice bytes = skip_empty_lines(h);
    size_t max = setup_of(h)->max_head, len;
    *ret_again = false;
    if (!bytes.len || stream_unsent(h->c->stream) >= STREAM_HIGH)
        return 0;
    len = http1_head_end(bytes, &h->scanned);
    if (len > max || (!len && bytes.len >= max)) {
        *ret_again = refuse(h, 431, NULL);
        return 0;
    }
    if (!len)
        *ret_again = wait_for_head(h, bytes);
    return len;
}
