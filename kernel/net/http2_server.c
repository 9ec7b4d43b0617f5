/* http2_server: what nghttp2 tells of a server connection. Its life is http2_connection.c. */
#include <net/http2_server.h>

#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>

#define DEFAULT_MAX_HEAD (1u << 20)

size_t http2_server_max_head(const struct http2_server *s)
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
        s->past.newest = id;
    }
    s->open_head = id;
    s->heading = x;
    s->head_due_ns = loop_now_ns(s->h.loop) + http2_setup(s)->head_timeout_ns;
    if (x)
        x->intake = (struct http2_intake){.max = http2_server_max_head(s)};
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
    struct http2_exchange *x = http2_server_of(checked(arg, struct http2, HTTP2_MAGIC))->heading;
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

void http2_server_head_is_complete(struct http2_exchange *x, bool is_whole)
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
    s->heading = NULL;
    if (!x)
        return;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        http2_server_head_is_complete(x, is_last);
    if (is_last)
        http2_exchange_ended(x);
}

static void on_ping(struct http2_server *s, const nghttp2_frame *frame)
{
    if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
        http2_server_ping(s);
    else if (!http2_server_pong(s, frame->ping.opaque_data))
        http2_pong(&s->h, frame->ping.opaque_data);
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
    case NGHTTP2_RST_STREAM:
        x = find(ng, frame->hd.stream_id);
        if (x)
            x->was_left = true;
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
    return s->h.is_ending ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;      /* nothing behind it is heard */
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

/* A head that is too large to be sent: its client would wait for ever. */
static int on_not_sent(nghttp2_session *ng, const nghttp2_frame *frame, int fault, void *arg)
{
    if (frame->hd.type == NGHTTP2_HEADERS && fault == NGHTTP2_ERR_FRAME_SIZE_ERROR)
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
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
    if (s->open_head == id) {
        s->open_head = 0;
        s->heading = NULL;
    }
    if (!x)
        return 0;
    x->s.is_closed = true;
    http2_past_add(&s->past, id, !x->is_ended && !x->was_left);
    bool is_waste = code != NGHTTP2_NO_ERROR && !x->was_reset && !x->base.responded;
    end_exchange(x, code);
    if (http2_server_is_idle(s))
        s->idle_from_ns = loop_now_ns(s->h.loop);
    if (is_waste && !http2_guard_reset(&s->h.guard, loop_now_ns(s->h.loop)))
        http2_end(&s->h, NGHTTP2_ENHANCE_YOUR_CALM, "too many resets");
    return 0;
}

/* --- what nghttp2 calls ---------------------------------------------------------------------- */
/* nghttp2 remembers no stream that is over (they would be without number), and lets pass what comes for
 * one. After the last GOAWAY streams may begin that we never hear of. */
static bool is_past(const struct http2_server *s, int32_t id)
{
    return id <= s->past.newest && id % 2 == 1 && s->drain != HTTP2_DRAIN_LAST && !find(s->h.ng, id);
}

static uint32_t judge(struct http2 *h, const nghttp2_frame_hd *hd)
{
    struct http2_server *s = http2_server_of(h);
    if (hd->type != NGHTTP2_HEADERS || !is_past(s, hd->stream_id))
        return NGHTTP2_NO_ERROR;
    return http2_past_judge(&s->past, hd->stream_id, true, hd->flags & NGHTTP2_FLAG_END_STREAM);
}

/* Of DATA for such a stream nghttp2 says nothing. */
static uint32_t foresee(struct http2 *h, const nghttp2_frame_hd *hd)
{
    struct http2_server *s = http2_server_of(h);
    if (hd->type == NGHTTP2_RST_STREAM)
        http2_past_left(&s->past, hd->stream_id);
    if (hd->type != NGHTTP2_DATA)
        return NGHTTP2_NO_ERROR;
    if (http2_past_is_left(&s->past, hd->stream_id))
        return NGHTTP2_STREAM_CLOSED;
    return is_past(s, hd->stream_id) ? http2_past_judge(&s->past, hd->stream_id, false, false) : NGHTTP2_NO_ERROR;
}

static void set_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

const struct http2_role http2_server_role = {
    .is_server = true, .set_callbacks = set_callbacks, .foresee = foresee, .judge = judge, .after = http2_server_after};
