/* http2_connection: the life of an HTTP/2 server connection: its beginning, by preface or by Upgrade, what its
 * stream of bytes tells, and its end. */
#include <net/http2_server.h>

#include <base/check.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>

#define MAX_FRAME 16384u

/* --- the end -------------------------------------------------------------------------------- */
static void end(struct http2_server *s)
{
    struct connection *c = s->c;
    s->h.magic = 0;
    mem_free(s);
    connection_end(c);
}

/* Nothing is left to be said. */
static void leave(struct http2_server *s)
{
    struct connection *c = s->c;
    bool is_eof = s->is_eof;
    if (s->is_left)
        return;
    timer_end(&c->timer);
    if (!http2_server_is_idle(s)) {
        s->is_left = true;
        http2_server_wait_to_leave(s);
        connection_close(c);
        return;
    }
    http2_close(&s->h);
    s->h.magic = 0;
    mem_free(s);
    connection_linger(c, is_eof);
}

void http2_server_after(struct http2 *h)
{
    struct http2_server *s = http2_server_of(h);
    if (!h->ng || s->c->is_cut)
        return;
    if (s->owes_read) {
        s->owes_read = false;
        if (stream_bytes(h->stream).len)
            http2_receive(h);
    }
    http2_server_admit(s);
    if (s->drain == HTTP2_DRAIN_WANTED && !h->mid_head)
        http2_server_notice(s);
    if (http2_is_over(h))
        leave(s);
    else
        http2_server_wait(s);
}

void http2_server_released(struct http2_server *s)
{
    if (s->is_closed) {
        if (!s->is_busy && list_is_empty(&s->running))
            end(s);
        return;
    }
    if (http2_server_is_idle(s)) {
        s->idle_from_ns = loop_now_ns(s->h.loop);
        http2_drain_later(&s->h);
    } else if (!list_is_empty(&s->waiting)) {
        http2_drain_later(&s->h);
    }
}

/* --- the connection's events ---------------------------------------------------------------- */
static struct http2_server *of(struct connection *c)
{
    return http2_server_of(checked(c->state, struct http2, HTTP2_MAGIC));
}

static void on_readable(struct connection *c)
{
    struct http2_server *s = of(c);
    s->ack_due_ns = 0;
    s->past.was_left = false;
    http2_receive(&s->h);
}

static void on_writable(struct connection *c)
{
    http2_drain_later(&of(c)->h);
}

/* HTTP/2 knows no half-closed connection: requests under way are lost to their peer. */
static void on_eof(struct connection *c)
{
    struct http2_server *s = of(c);
    s->is_eof = true;
    s->h.is_deaf = s->h.is_ending = true;
    http2_drain_later(&s->h);
}

static void free_all(struct list *list)
{
    while (!list_is_empty(list))
        http2_exchange_free(list_item(list->next, struct http2_exchange, link));
}

static void on_closed(struct connection *c, const struct trb_error *err)
{
    struct http2_server *s = of(c);
    s->is_closed = s->is_busy = true;
    http2_close(&s->h);
    free_all(&s->opening);
    free_all(&s->waiting);
    free_all(&s->leaving);
    list_each(node, &s->running)
        list_item(node, struct http2_exchange, link)->s.is_closed = true;
    struct list told;
    list_init(&told);
    while (!list_is_empty(&s->running)) {       /* any of them may be released by another's gone */
        struct list *node = list_take(&s->running);
        list_append(&told, node);
        http2_exchange_gone(list_item(node, struct http2_exchange, link), err);
    }
    while (!list_is_empty(&told))
        list_append(&s->running, list_take(&told));
    s->is_busy = false;
    if (list_is_empty(&s->running))
        end(s);
}

static void on_drain(struct connection *c)
{
    http2_server_drain(of(c), "graceful_stop");
}

static const struct connection_codec codec = {.readable = on_readable,
                                              .writable = on_writable,
                                              .eof = on_eof,
                                              .closed = on_closed,
                                              .drain = on_drain};

/* --- creation ------------------------------------------------------------------------------- */
static struct http2_server *create(struct connection *c)
{
    struct http2_server *s = mem_zero(sizeof *s);
    s->c = c;
    c->codec = &codec;
    c->state = s;
    list_init(&s->opening);
    list_init(&s->waiting);
    list_init(&s->running);
    list_init(&s->leaving);
    http2_open(&s->h, &http2_server_role, c->loop, c->stream, http2_server_max_head(s));
    s->idle_from_ns = s->h.read_ns;
    s->head_due_ns = s->h.read_ns + http2_setup(s)->head_timeout_ns;
    return s;
}

static void send_settings(struct http2_server *s)
{
    nghttp2_settings_entry settings[2] = {
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, MAX_FRAME},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, http2_setup(s)->http2_max_header_list}};
    size_t count = settings[1].value ? 2 : 1;
    nghttp2_submit_settings(s->h.ng, NGHTTP2_FLAG_NONE, settings, count);
    http2_drain_later(&s->h);
}

void http2_connection_create(struct connection *c)
{
    send_settings(create(c));
}

/* --- Upgrade: h2c --------------------------------------------------------------------------- */
#define MAX_SETTINGS 1024u

static bool decode_settings(struct trb_slice text, uint8_t *ret_bytes, size_t *ret_len)
{
    char plain[MAX_SETTINGS];
    if (text.len > sizeof plain)
        return false;
    for (size_t i = 0; i < text.len; i++)
        plain[i] = text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i];
    return base64_decode(slice_from(plain, text.len), true, (char *)ret_bytes, ret_len, NULL);
}

static struct trb_slice copy(struct arena *arena, struct trb_slice s)
{
    return s.at ? slice_name(arena_name(arena, s)) : s;
}

static struct http2_exchange *copy_request(struct http2_server *s, const struct http_head *from)
{
    struct http2_exchange *x = http2_exchange_take(s, 1);
    struct arena *arena = x->base.arena;
    struct http_head *to = &x->base.request;
    to->method = copy(arena, from->method);
    to->target = copy(arena, from->target);
    to->authority = copy(arena, from->authority);
    to->scheme = from->scheme.at ? copy(arena, from->scheme) : SLICE("http");
    for (uint32_t i = 0; i < from->headers.count; i++)
        http_header_add(arena, &to->headers, copy(arena, from->headers.at[i].name),
                        copy(arena, from->headers.at[i].value));
    return x;
}

void http2_connection_upgrade(struct connection *c, const struct http_head *head, struct trb_slice settings)
{
    struct http2_server *s = create(c);
    uint8_t bytes[MAX_SETTINGS];
    size_t len;
    struct http2_exchange *x = copy_request(s, head);
    s->owes_read = true;
    bool is_good = decode_settings(settings, bytes, &len) &&
                   !nghttp2_session_upgrade2(s->h.ng, bytes, len, slice_is(head->method, SLICE("HEAD")), x);
    send_settings(s);
    if (is_good) {
        s->past.newest = 1;
        http2_server_head_is_complete(x, true);
        return;
    }
    x->s.is_closed = true;
    http2_exchange_free(x);
    http2_end(&s->h, NGHTTP2_PROTOCOL_ERROR, "HTTP2-Settings cannot be read");
}
