/* http2_exchange: one request on a server connection, and the verbs of its owner. Exchanges and their
 * arenas are kept warm per thread. */
#include <net/http2_server.h>

#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <string.h>

#define KEPT 32
static _Thread_local struct http2_exchange *kept;
static _Thread_local unsigned kept_count;

static const struct exchange_ops ops;
static const struct exchange_events unheard = {0};

static void on_room(struct http2_stream *s)
{
    struct http2_exchange *x = container_of(s, struct http2_exchange, s);
    if (!x->is_silent && !x->is_released)
        x->base.events->room(&x->base);
}

struct http2_exchange *http2_exchange_take(struct http2_server *server, int32_t id)
{
    struct http2_exchange *x = kept;
    struct arena *arena = x ? x->base.arena : arena_cache_take();
    if (x) {
        kept = x->next;
        kept_count--;
    } else {
        x = mem_alloc(sizeof *x);
    }
    memset(x, 0, offsetof(struct http2_exchange, base.room));
    memset(&x->next, 0, sizeof *x - offsetof(struct http2_exchange, next));
    x->base.magic = EXCHANGE_MAGIC;
    x->base.ops = &ops;
    x->base.events = &unheard;
    x->base.loop = server->h.loop;
    x->base.connection = server->c;
    x->base.arena = arena;
    x->base.request.headers = (struct http_headers){x->base.room, 0, countof(x->base.room)};
    x->server = server;
    http2_stream_init(&x->s, &server->h, id, on_room);
    list_append(&server->opening, &x->link);
    return x;
}

void http2_exchange_free(struct http2_exchange *x)
{
    http2_stream_fini(&x->s);
    gather_drop(&x->held);
    list_remove(&x->link);
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

/* --- what its owner hears ------------------------------------------------------------------- */
static bool is_heard(const struct http2_exchange *x)
{
    return x->is_offered && !x->is_silent && !x->is_released && !x->base.finished;
}

static void tell_end(struct http2_exchange *x)
{
    if (!is_heard(x) || x->was_end_told)
        return;
    x->was_end_told = true;
    x->base.events->end(&x->base, x->trailers.count ? &x->trailers : NULL);
}

static void send_continue(struct http2_exchange *x)
{
    static const nghttp2_nv status = {(uint8_t *)":status", (uint8_t *)"100", 7, 3,
                                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    struct trb_slice expect = http_header_get(&x->base.request.headers, SLICE("expect"));
    if (x->is_ended || x->base.responded || !slice_is_nocase(expect, SLICE("100-continue")))
        return;
    nghttp2_submit_headers(x->server->h.ng, NGHTTP2_FLAG_NONE, x->s.id, NULL, &status, 1, NULL);
}

void http2_exchange_offer(struct http2_exchange *x)
{
    const struct http_server_setup *setup = http2_setup(x->server);
    list_remove(&x->link);
    list_append(&x->server->running, &x->link);
    x->server->running_count++;
    x->is_offered = true;
    setup->on_request(setup->arg, &x->base);
    if (!is_heard(x))
        return;
    check(x->base.events);
    send_continue(x);
    if (x->held.len) {
        struct trb_buf *held = gather_finish(&x->held);
        x->base.events->data(&x->base, buf_data(held));
        buf_unref(held);
    }
    if (x->is_ended)
        tell_end(x);
}

static void hold(struct http2_exchange *x, struct trb_data piece)
{
    x->server->waiting_bytes += piece.len;
    x->weight += piece.len;
    bool is_kept = x->server->waiting_bytes <= HTTP2_WAITING_BYTES &&
                   gather_add(&x->held, slice_from(piece.at, piece.len), HTTP2_WAITING_BYTES);
    if (!is_kept)
        http2_exchange_refuse(x, NGHTTP2_REFUSED_STREAM);
}

void http2_exchange_data(struct http2_exchange *x, const uint8_t *at, size_t len)
{
    if (x->is_offered ? !is_heard(x) : x->was_reset) {
        http2_skip(&x->server->h, x->s.id, len);
        return;
    }
    struct trb_data piece = http2_stream_took(&x->s, at, len);
    if (x->is_offered)
        x->base.events->data(&x->base, piece);
    else
        hold(x, piece);
}

void http2_exchange_ended(struct http2_exchange *x)
{
    x->is_ended = true;
    tell_end(x);
}

/* x may be freed when this returns. */
void http2_exchange_gone(struct http2_exchange *x, const struct trb_error *err)
{
    bool is_told = is_heard(x) && !x->is_answered;
    x->is_silent = true;
    if (is_told)
        x->base.events->gone(&x->base, err);
}

void http2_exchange_refuse(struct http2_exchange *x, uint32_t code)
{
    x->was_reset = true;
    http2_stream_reset(&x->s, code);
}

/* --- verbs: the head ------------------------------------------------------------------------ */
static struct http2_exchange *of(struct exchange *base)
{
    check(base->magic == EXCHANGE_MAGIC && base->ops == &ops);
    return container_of(base, struct http2_exchange, base);
}

static bool is_open(const struct http2_exchange *x)
{
    return x->server->h.ng && !x->s.is_closed && !x->was_reset;
}

static bool is_http(const struct http2_exchange *x)
{
    return http2_setup(x->server)->http1;
}

static void add_length(struct http2_exchange *x, const struct http_head *head, struct http2_fields *f)
{
    if (head->status == 204 || head->status == 304)
        return;
    if (head->content_length >= 0)
        http2_fields_add_length(f, head->content_length);
    else if (head->content_length == HTTP_NO_BODY && !x->is_head && is_http(x))
        http2_fields_add_length(f, 0);
}

static void make_head(struct http2_exchange *x, const struct http_head *head, struct http2_fields *f)
{
    char status[3] = {(char)('0' + head->status / 100), (char)('0' + head->status / 10 % 10),
                      (char)('0' + head->status % 10)};
    struct trb_slice text = slice_name(arena_name(x->base.arena, slice_from(status, 3)));
    http2_fields_init(f, x->base.arena, head->headers.count + 3);
    http2_fields_add(f, SLICE(":status"), text);
    http2_fields_add_all(f, &head->headers);
    if (is_http(x) && !http_header_get(&head->headers, SLICE("date")).at)
        http2_fields_add(f, SLICE("date"), http_date(x->base.loop));
    add_length(x, head, f);
    if (!is_http(x))
        http2_fields_fit(f, http2_max_list(&x->server->h));
}

static void respond(struct exchange *base, const struct http_head *head)
{
    struct http2_exchange *x = of(base);
    check(!base->responded && head->status >= 200 && head->status < 1000);
    base->responded = true;
    x->left = head->content_length >= 0 ? head->content_length : -1;
    x->has_no_body = x->is_head || head->status == 204 || head->status == 304 ||
                     head->content_length == 0 || head->content_length == HTTP_NO_BODY;
    if (!is_open(x))
        return;
    struct http2_fields f;
    make_head(x, head, &f);
    nghttp2_data_provider source = http2_stream_source(&x->s);
    nghttp2_submit_response(x->server->h.ng, x->s.id, f.at, f.count, x->has_no_body ? NULL : &source);
    x->is_answered = x->has_no_body;
    http2_drain_later(&x->server->h);
}

/* --- verbs: the rest ------------------------------------------------------------------------ */
static bool write_body(struct exchange *base, struct trb_data data)
{
    struct http2_exchange *x = of(base);
    check(base->responded && !base->finished);
    if (x->has_no_body || !data.len || !is_open(x))
        return true;
    if (x->left >= 0) {
        if (data.len > (uint64_t)x->left)
            data.len = (size_t)x->left;
        x->left -= (int64_t)data.len;
    }
    return http2_stream_write(&x->s, data);
}

static void make_trailers(struct http2_exchange *x, const struct http_headers *trailers, struct http2_fields *f)
{
    http2_fields_init(f, x->base.arena, trailers->count);
    http2_fields_add_all(f, trailers);
    http2_fields_fit(f, http2_max_list(&x->server->h));
}

static void finish(struct exchange *base, const struct http_headers *trailers)
{
    struct http2_exchange *x = of(base);
    check(base->responded && !base->finished);
    base->finished = true;
    if (!is_open(x) || x->is_answered)
        return;
    struct http2_fields f = {0};
    if (trailers && trailers->count)
        make_trailers(x, trailers, &f);
    x->is_answered = true;
    if (x->left > 0)
        http2_exchange_refuse(x, NGHTTP2_INTERNAL_ERROR);   /* a promise of bytes that is not kept */
    else
        http2_stream_finish(&x->s, f.at, f.count);
}

static void consume(struct exchange *base, size_t bytes)
{
    http2_stream_consume(&of(base)->s, bytes);
}

static void reset(struct exchange *base, uint32_t http2_code)
{
    struct http2_exchange *x = of(base);
    x->is_silent = base->finished = base->responded = true;
    if (is_open(x))
        http2_exchange_refuse(x, http2_code);
}

static void release(struct exchange *base)
{
    struct http2_exchange *x = of(base);
    struct http2_server *server = x->server;
    check(!x->is_released && x->is_offered);
    x->is_released = true;
    if (!base->finished && !x->is_answered && is_open(x))
        http2_exchange_refuse(x, NGHTTP2_CANCEL);
    http2_stream_forget_input(&x->s);
    list_remove(&x->link);
    server->running_count--;
    if (x->s.is_closed)
        http2_exchange_free(x);
    else
        list_append(&server->leaving, &x->link);
    http2_server_released(server);
}

static const struct exchange_ops ops = {.respond = respond,
                                        .write = write_body,
                                        .finish = finish,
                                        .consume = consume,
                                        .reset = reset,
                                        .release = release};

void http2_exchange_reply_431(struct http2_exchange *x)
{
    struct http_head head = {.status = 431};
    http_header_add(x->base.arena, &head.headers, SLICE("content-type"), SLICE("text/plain; charset=utf-8"));
    struct trb_slice body = SLICE("431 Request Header Fields Too Large");
    list_remove(&x->link);
    list_append(&x->server->running, &x->link);
    x->server->running_count++;
    x->is_offered = x->is_silent = true;
    exchange_reply(&x->base, &head, (struct trb_data){body.at, body.len, NULL});
    release(&x->base);
}
