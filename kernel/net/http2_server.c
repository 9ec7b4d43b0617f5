/* http2_server: what nghttp2 tells of a server connection, and the life of the connection. */
#include <net/http2_server.h>

#include <base/check.h>
#include <base/codec.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <string.h>

#define MAX_FRAME 16384u
#define DEFAULT_MAX_HEAD (1u << 20)

static size_t max_head(const struct http2_server *s)
{
    const struct http_server_setup *setup = http2_setup(s);
    size_t max = setup->http1 || !setup->http2_max_header_list ? setup->max_head
                                                               : setup->http2_max_header_list;
    return max ? max : DEFAULT_MAX_HEAD;
}

bool http2_server_is_idle(const struct http2_server *s)
{
    return list_is_empty(&s->opening) && list_is_empty(&s->waiting) && list_is_empty(&s->running) &&
           list_is_empty(&s->leaving);
}

/* --- heads ---------------------------------------------------------------------------------- */
static struct http2_exchange *find(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_server *s = http2_server_of(checked(arg, struct http2, HTTP2_MAGIC));
    int32_t id = frame->hd.stream_id;
    struct http2_exchange *x = find(ng, id);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        x = http2_exchange_take(s, id);
        nghttp2_session_set_stream_user_data(ng, id, x);
    }
    s->open_head = id;
    s->head_due_ns = loop_now_ns(s->h.loop) + http2_setup(s)->head_timeout_ns;
    if (x)
        x->intake = (struct http2_intake){.max = max_head(s)};
    return 0;
}

static int is_too_large(struct http2_exchange *x, bool is_request)
{
    if (x->is_large)
        return 0;
    x->is_large = true;
    if (is_request && http2_setup(x->server)->http1)
        return 0;                       /* answered when the head is complete */
    http2_exchange_refuse(x, NGHTTP2_FRAME_SIZE_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct http2_exchange *x = find(ng, frame->hd.stream_id);
    if (!x)
        return 0;
    bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    struct http_head unused = {0};
    struct http_head *head = is_request ? &x->base.request : &unused;
    if (!x->is_large && http2_intake_add(&x->intake, x->base.arena, head,
                                         is_request ? &head->headers : &x->trailers, name, value))
        return 0;
    return is_too_large(x, is_request);
}

static int on_bad_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                         nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void wait_for_turn(struct http2_exchange *x)
{
    struct http2_server *s = x->server;
    list_remove(&x->link);
    list_append(&s->waiting, &x->link);
    x->is_waiting = true;
    x->weight = x->intake.size;
    s->waiting_bytes += x->weight;
    s->waiting_count++;
    if (s->waiting_count > HTTP2_WAITING || s->waiting_bytes > HTTP2_WAITING_BYTES)
        http2_exchange_refuse(x, NGHTTP2_REFUSED_STREAM);
}

static void head_is_complete(struct http2_exchange *x, bool is_whole)
{
    struct http_head *head = &x->base.request;
    head->major = 2;
    head->content_length = x->intake.has_length ? (int64_t)x->intake.length
                           : is_whole           ? HTTP_NO_BODY
                                                : HTTP_LENGTH_UNKNOWN;
    x->is_head = slice_is(head->method, SLICE("HEAD"));
    x->is_ended = is_whole;
    if (!head->target.len)
        head->target = SLICE("/");      /* CONNECT has none */
    http2_join_cookies(x->base.arena, &head->headers);
    if (x->is_large)
        http2_exchange_reply_431(x);
    else if (x->server->running_count < HTTP2_RUNNING && list_is_empty(&x->server->waiting))
        http2_exchange_offer(x);
    else
        wait_for_turn(x);
}

static void wait_no_longer(struct http2_exchange *x)
{
    if (!x->is_waiting)
        return;
    x->is_waiting = false;
    x->server->waiting_count--;
    x->server->waiting_bytes -= x->weight;
}

void http2_server_admit(struct http2_server *s)
{
    while (s->h.ng && !s->c->is_cut && s->running_count < HTTP2_RUNNING && !list_is_empty(&s->waiting)) {
        struct http2_exchange *x = list_item(s->waiting.next, struct http2_exchange, link);
        wait_no_longer(x);
        if (x->was_reset) {
            list_remove(&x->link);
            list_append(&s->opening, &x->link);     /* until nghttp2 closes it */
        } else {
            http2_exchange_offer(x);
        }
    }
}

/* --- frames --------------------------------------------------------------------------------- */
static void on_headers(struct http2_server *s, const nghttp2_frame *frame)
{
    struct http2_exchange *x = find(s->h.ng, frame->hd.stream_id);
    bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    s->open_head = 0;
    if (!x)
        return;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        head_is_complete(x, is_last);
    if (is_last)
        http2_exchange_ended(x);
}

static void on_ping(struct http2_server *s, const nghttp2_frame *frame)
{
    if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
        http2_server_ping(s);
    else if (s->drain == HTTP2_DRAIN_NOTICED)
        http2_server_drained(s);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_server *s = http2_server_of(checked(arg, struct http2, HTTP2_MAGIC));
    struct http2_exchange *x;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers(s, frame);
        break;
    case NGHTTP2_DATA:
        x = find(ng, frame->hd.stream_id);
        if (x && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            http2_exchange_ended(x);
        break;
    case NGHTTP2_PING:
        on_ping(s, frame);
        break;
    case NGHTTP2_SETTINGS:
        s->has_settings = true;
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *at, size_t len, void *arg)
{
    struct http2 *h = checked(arg, struct http2, HTTP2_MAGIC);
    struct http2_exchange *x = find(ng, id);
    if (x)
        http2_exchange_data(x, at, len);
    else
        http2_skip(h, id, len);
    return 0;
}

/* The answer has left while the request still comes: the rest of it is not needed. */
static int on_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2 *h = checked(arg, struct http2, HTTP2_MAGIC);
    bool is_ours = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!is_ours)
        return 0;
    http2_guard_sent(&h->guard);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    http2_guard_served(&h->guard);
    struct http2_exchange *x = find(ng, frame->hd.stream_id);
    if (x && nghttp2_session_get_stream_remote_close(ng, frame->hd.stream_id) == 0) {
        x->was_reset = true;
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

/* --- streams that end ----------------------------------------------------------------------- */
static void end_exchange(struct http2_exchange *x, uint32_t code)
{
    struct trb_error err = ERROR_INIT;
    if (x->is_released || !x->is_offered) {
        wait_no_longer(x);
        http2_exchange_free(x);
        return;
    }
    error_set(&err, TRB_CANCELLED, "STREAM_RESET", "stream terminated by RST_STREAM with error code: %s",
              http2_code_name(code));
    http2_exchange_gone(x, &err);
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    struct http2_server *s = http2_server_of(checked(arg, struct http2, HTTP2_MAGIC));
    struct http2_exchange *x = find(ng, id);
    if (s->open_head == id)
        s->open_head = 0;
    if (!x)
        return 0;
    x->s.is_closed = true;
    bool is_waste = code != NGHTTP2_NO_ERROR && !x->was_reset && !x->base.responded;
    end_exchange(x, code);
    if (http2_server_is_idle(s))
        s->idle_from_ns = loop_now_ns(s->h.loop);
    if (is_waste && !http2_guard_reset(&s->h.guard, loop_now_ns(s->h.loop)))
        http2_end(&s->h, NGHTTP2_ENHANCE_YOUR_CALM, "too many resets");
    return 0;
}

/* --- the session's events ------------------------------------------------------------------- */
static void set_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

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

static void after(struct http2 *h)
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

static const struct http2_role role = {.is_server = true, .set_callbacks = set_callbacks, .after = after};

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
    http2_server_drain(of(c));
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
    http2_open(&s->h, &role, c->loop, c->stream, max_head(s));
    size_t window = http2_setup(s)->window;
    s->h.window = window < HTTP2_CONNECTION_WINDOW ? window : HTTP2_CONNECTION_WINDOW;
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
        head_is_complete(x, true);
        return;
    }
    x->s.is_closed = true;
    http2_exchange_free(x);
    http2_end(&s->h, NGHTTP2_PROTOCOL_ERROR, "HTTP2-Settings cannot be read");
}
