/* http1_exchange: an answer onto the wire. Exchanges and their arenas are kept warm per thread, so a
 * request costs no allocation and an idle connection holds none. */
#include <net/http1_server.h>

#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/http1_write.h>
#include <net/stream_private.h>
#include <stdio.h>
#include <string.h>

#define KEPT 64                     /* as many as a turn may have */
#define MAX_DRAIN (256u * 1024)     /* of a body that nobody may want, to keep the connection */
static _Thread_local struct http1_exchange *kept;
static _Thread_local unsigned kept_count;

void http1_exchange_reset(struct http1_exchange *x)
{
    struct arena *arena = x->base.arena;
    memset(x, 0, offsetof(struct http1_exchange, base.room));
    memset(&x->h, 0, sizeof *x - offsetof(struct http1_exchange, h));
    x->base.arena = arena;
}

struct http1_exchange *http1_exchange_take(struct http1 *h)
{
    struct http1_exchange *x = kept;
    if (x) {
        kept = x->next;
        kept_count--;
    } else {
        x = mem_alloc(sizeof *x);
        x->base.arena = arena_cache_take();
    }
    http1_exchange_reset(x);
    x->base.magic = EXCHANGE_MAGIC;
    x->base.ops = &http1_exchange_ops;
    x->base.loop = h->c->loop;
    x->base.connection = h->c;
    x->base.request.headers = (struct http_headers){x->base.room, 0, countof(x->base.room)};
    x->h = h;
    return x;
}

void http1_exchange_give(struct http1_exchange *x)
{
    x->base.magic = 0;
#ifndef TRB_SANITIZED
    if (kept_count < KEPT) {
        arena_clear(x->base.arena);
        x->next = kept;
        kept = x;
        kept_count++;
        return;
    }
#endif
    arena_cache_give(x->base.arena);
    mem_free(x);
}

void http1_refuse(struct http1 *h, const struct http1_fault *fault)
{
    char line[128], text[640];
    snprintf(line, sizeof line, "%d %s%s%s", fault->status, http_reason(fault->status),
             fault->text ? ": " : "", fault->text ? fault->text : "");
    const char *body = fault->status == 501 ? "Unsupported transfer encoding" : line;
    int len = snprintf(text, sizeof text,
                       "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                       "Connection: close\r\n\r\n%s", line, body);
    stream_write(h->c->stream, slice_from(text, (size_t)len));
    h->keep_alive = h->body_open = false;
    if (h->x) {
        h->x->is_silent = true;
        h->x->base.responded = h->x->base.finished = true;
    }
}

/* --- the head --------------------------------------------------------------------------------- */
static char *put_status(char *to, const struct http_head *head, uint8_t minor)
{
    struct trb_slice reason = head->reason.at ? head->reason : slice_of(http_reason(head->status));
    to = put(to, minor ? SLICE("HTTP/1.1 ") : SLICE("HTTP/1.0 "));
    to = put_number(to, (uint64_t)head->status);
    *to++ = ' ';
    if (!reason.len) {
        to = put(to, SLICE("status code "));
        to = put_number(to, (uint64_t)head->status);
    }
    to = head->reason.at ? put_value(to, reason) : put(to, reason);
    return put(to, SLICE("\r\n"));
}

static size_t head_room(const struct http_head *head)
{
    return 256 + head->reason.len + put_headers_room(&head->headers);
}

static bool connection_says(const struct http_headers *headers, struct trb_slice word)
{
    for (uint32_t i = 0; i < headers->count; i++)
        if (slice_is_nocase(headers->at[i].name, SLICE("connection")) && http1_list_has(headers->at[i].value, word))
            return true;
    return false;
}

/* Is there more to come than an open connection is worth, or a body that the client has not begun to send? Whoever
 * hears of no close sends his next request, so this is known before the answer. */
static bool has_much_unread(const struct http1 *h)
{
    return h->body_open && (h->awaits_continue || (h->body.kind == HTTP1_BODY_LENGTH && h->body.left > MAX_DRAIN));
}

/* How the body will end: a length, chunks, or the connection's end. */
static void choose_framing(struct http1_exchange *x, const struct http_head *head)
{
    struct http1 *h = x->h;
    bool is_bodiless = head->status < 200 || head->status == 204 || head->status == 304;
    x->has_no_body = is_bodiless || x->is_head;
    x->left = head->content_length >= 0 ? head->content_length : 0;
    x->is_chunked = !x->has_no_body && head->content_length == HTTP_LENGTH_UNKNOWN &&
                    x->base.request.minor > 0;
    if (!x->has_no_body && head->content_length == HTTP_LENGTH_UNKNOWN && !x->is_chunked) {
        h->keep_alive = false;
        x->left = -1;
    }
    if (has_much_unread(h) || head->status < 200 || h->c->home->draining || connection_says(&head->headers, SLICE("close")))
        h->keep_alive = false;
}

static char *put_framing(char *to, struct http1_exchange *x, const struct http_head *head)
{
    bool is_bodiless = head->status < 200 || head->status == 204 || head->status == 304;
    bool is_empty = head->content_length == HTTP_NO_BODY && !x->is_head;
    if (!is_bodiless && (head->content_length >= 0 || is_empty)) {
        to = put(to, SLICE("Content-Length: "));
        to = put_number(to, is_empty ? 0 : (uint64_t)head->content_length);
        to = put(to, SLICE("\r\n"));
    }
    if (!x->h->keep_alive)
        to = put(to, SLICE("Connection: close\r\n"));
    else if (!x->base.request.minor || connection_says(&head->headers, SLICE("keep-alive")))
        to = put(to, SLICE("Connection: keep-alive\r\n"));
    if (x->is_chunked)
        to = put(to, SLICE("Transfer-Encoding: chunked\r\n"));
    return put(to, SLICE("\r\n"));
}

static struct http1_exchange *of(struct exchange *base)
{
    check(base->magic == EXCHANGE_MAGIC && base->ops == &http1_exchange_ops);
    return container_of(base, struct http1_exchange, base);
}

static bool is_deaf(const struct http1_exchange *x)
{
    return x->is_silent && x->base.events && x->h->c->is_closed;
}

static void respond(struct exchange *base, const struct http_head *head)
{
    struct http1_exchange *x = of(base);
    check(!base->responded && head->status >= 100 && head->status < 1000);
    base->responded = true;
    if (is_deaf(x))
        return;
    choose_framing(x, head);
    struct stream *s = x->h->c->stream;
    char *start = stream_room(s, head_room(head)), *to = start;
    bool has_date = false;
    to = put_status(to, head, x->base.request.minor);
    to = put_headers(to, &head->headers, &has_date);
    if (!has_date) {
        to = put(to, SLICE("Date: "));
        to = put(to, http_date(base->loop));
        to = put(to, SLICE("\r\n"));
    }
    to = put_framing(to, x, head);
    stream_wrote(s, (size_t)(to - start));
}

/* --- the body --------------------------------------------------------------------------------- */
static bool write_body(struct exchange *base, struct trb_data data)
{
    struct http1_exchange *x = of(base);
    struct stream *s = x->h->c->stream;
    check(base->responded && !base->finished);
    if (x->has_no_body || !data.len || is_deaf(x))
        return true;
    if (x->is_chunked)
        http1_write_chunk(s, data);
    else if (x->left < 0)
        stream_write_buf(s, data);
    else {
        if (data.len > (uint64_t)x->left)
            data.len = (size_t)x->left;
        x->left -= (int64_t)data.len;
        stream_write_buf(s, data);
    }
    if (x->h->is_eof)
        http1_wait_for_peer(x->h);
    return stream_unsent(s) < STREAM_HIGH;
}

static void finish(struct exchange *base, const struct http_headers *trailers)
{
    struct http1_exchange *x = of(base);
    check(base->responded && !base->finished);
    base->finished = true;
    if (is_deaf(x))
        return;
    if (x->is_chunked)
        http1_write_last_chunk(x->h->c->stream, trailers);
    else if (!x->has_no_body && x->left > 0) {
        x->is_silent = true;
        connection_cut(x->h->c);    /* a promise of bytes that is not kept */
    }
    if (x->h->body_open)
        http1_go_on(x->h);
}

static void consume(struct exchange *base, size_t bytes)
{
    struct http1 *h = of(base)->h;
    check(bytes <= h->unconsumed);
    bool was_shut = h->unconsumed >= h->c->home->setup->window;
    h->unconsumed -= bytes;
    if (was_shut && h->body_open)
        http1_go_on(h);
}

static void reset(struct exchange *base, uint32_t http2_code)
{
    struct http1_exchange *x = of(base);
    x->is_silent = base->finished = base->responded = true;
    stream_flush(x->h->c->stream);         /* what was said so far is said, however it ends */
    connection_cut(x->h->c);
}

static void release(struct exchange *base)
{
    struct http1_exchange *x = of(base);
    struct http1 *h = x->h;
    if (!base->finished)
        connection_cut(h->c);
    http1_exchange_give(x);
    http1_released(h);
}

const struct exchange_ops http1_exchange_ops = {.respond = respond,
                                                .write = write_body,
                                                .finish = finish,
                                                .consume = consume,
                                                .reset = reset,
                                                .release = release};
