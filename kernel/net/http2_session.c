/* http2_session: feeding nghttp2 and draining it. Streams are http2_stream.c. */
#include <net/http2_session.h>

#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/http2_memory.h>
#include <net/stream_private.h>
#include <string.h>

#define SHARE_FROM 8192u            /* bytes read at once from which pieces may be referenced */
#define HEADER_TABLE 4096u          /* HPACK, both ways */
#define MAX_SENT_HEAD (1u << 20)
#define MAX_ACKS 1000u

/* --- creation ------------------------------------------------------------------------------- */
/* Frames of a head: honest ones are full, so this allows sixteen times as many as are needed. */
static size_t max_continuations(size_t max_head)
{
    return 16 + max_head / 1024;
}

static nghttp2_option *make_options(size_t max_head, bool is_server)
{
    nghttp2_option *o;
    check(nghttp2_option_new(&o) == 0);
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, MAX_ACKS);
    nghttp2_option_set_max_deflate_dynamic_table_size(o, HEADER_TABLE);
    nghttp2_option_set_max_send_header_block_length(o, MAX_SENT_HEAD);
    nghttp2_option_set_max_continuations(o, max_continuations(max_head));
    nghttp2_option_set_stream_reset_rate_limit(o, 1ull << 32, 1ull << 24);  /* ours counts */
    /* gRPC for Go sends a grpc-message that ends in a blank as it is. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(o, !is_server);
    return o;
}

/* One frame of DATA: nghttp2 made its header, the bytes are ours. */
static int on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                        nghttp2_data_source *source, void *arg)
{
    struct http2 *h = checked(arg, struct http2, HTTP2_MAGIC);
    struct http2_stream *s = source->ptr;
    if (stream_unsent(h->stream) >= STREAM_HIGH)
        return NGHTTP2_ERR_WOULDBLOCK;
    stream_write(h->stream, slice_from((const char *)head, 9));
    http2_queue_send(&s->out, len, h->stream);
    http2_guard_sent(&h->guard);
    if (s->wants_room && s->out.cost < HTTP2_OUT_LOW && list_is_empty(&s->roomy))
        list_append(&h->roomy, &s->roomy);
    return 0;
}

/* Every frame that comes has its price. */
static bool is_affordable(struct http2 *h, const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_DATA:
        return hd->length || hd->flags & NGHTTP2_FLAG_END_STREAM ||
               http2_guard_empty(&h->guard, loop_now_ns(h->loop));
    case NGHTTP2_HEADERS:
        return true;
    default:
        return http2_guard_control(&h->guard, loop_now_ns(h->loop));
    }
}

static const char stray_frame[] = "a frame for a stream that is over";

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *arg)
{
    struct http2 *h = checked(arg, struct http2, HTTP2_MAGIC);
    uint32_t code = h->role->judge ? h->role->judge(h, hd) : NGHTTP2_NO_ERROR;
    h->ignored = 0;
    if (!is_affordable(h, hd))
        http2_end(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many control frames");
    else if (code != NGHTTP2_NO_ERROR)
        http2_end(h, code, stray_frame);
    else
        return 0;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

void http2_open(struct http2 *h, const struct http2_role *role, struct loop *loop, struct stream *stream,
                size_t max_head)
{
    h->magic = HTTP2_MAGIC;
    h->role = role;
    h->loop = loop;
    h->stream = stream;
    h->read_ns = loop_now_ns(loop);
    h->frames.left = role->is_server ? HTTP2_PREFACE : 0;
    list_init(&h->roomy);
    http2_window_init(&h->window);
    http2_guard_init(&h->guard, h->read_ns);
    nghttp2_session_callbacks *callbacks;
    check(nghttp2_session_callbacks_new(&callbacks) == 0);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    role->set_callbacks(callbacks);
    nghttp2_option *options = make_options(max_head, role->is_server);
    check((role->is_server ? nghttp2_session_server_new3(&h->ng, callbacks, h, options, http2_memory())
                           : nghttp2_session_client_new3(&h->ng, callbacks, h, options, http2_memory())) == 0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
}

void http2_close(struct http2 *h)
{
    job_end(&h->drain);
    nghttp2_session_del(h->ng);
    h->ng = NULL;
    http2_window_fini(&h->window);
    while (list_take(&h->roomy))
        ;
}

/* What was under way when we reset a stream may fill the connection's window, not more. */
#define MAX_IGNORED (HTTP2_MAX_WINDOW + (1u << 20))

/* --- in ------------------------------------------------------------------------------------- */
static uint32_t code_of(ssize_t fault)
{
    switch (fault) {
    case NGHTTP2_ERR_FLOODED:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
        return NGHTTP2_PROTOCOL_ERROR;
    default:
        return NGHTTP2_INTERNAL_ERROR;
    }
}

static void feed(struct http2 *h, struct trb_slice bytes)
{
    ssize_t n = nghttp2_session_mem_recv(h->ng, (const uint8_t *)bytes.at, bytes.len);
    h->ignored += bytes.len;
    if (n < 0)
        http2_end(h, code_of(n), nghttp2_strerror((int)n));
    else if (h->ignored > MAX_IGNORED)
        http2_end(h, NGHTTP2_ENHANCE_YOUR_CALM, "nothing but frames of closed streams");
    else if (nghttp2_session_get_outbound_queue_size(h->ng) > HTTP2_MAX_FRAMES)
        http2_end(h, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames to answer");
}

/* All but what follows a head that must not come. */
static struct trb_slice look_ahead(struct http2 *h, struct trb_slice bytes, uint32_t *ret_code)
{
    struct trb_slice rest = bytes;
    nghttp2_frame_hd hd;
    while (http2_frames_next(&h->frames, &rest, &hd)) {
        *ret_code = h->role->foresee(h, &hd);
        if (*ret_code != NGHTTP2_NO_ERROR)
            return slice_cut(bytes, bytes.len - rest.len);
    }
    return bytes;
}

static void digest(struct http2 *h, struct trb_slice bytes)
{
    uint32_t code = NGHTTP2_NO_ERROR;
    if (h->role->foresee)
        bytes = look_ahead(h, bytes, &code);
    feed(h, bytes);
    if (code != NGHTTP2_NO_ERROR)
        http2_end(h, code, stray_frame);
}

void http2_receive(struct http2 *h)
{
    struct trb_slice bytes = stream_bytes(h->stream);
    h->read_ns = loop_now_ns(h->loop);
    if (!h->ng || h->is_deaf) {
        stream_consume(h->stream, bytes.len);
    } else if (bytes.len >= SHARE_FROM) {
        struct trb_buf *input = h->input = stream_take(h->stream, bytes.len);
        digest(h, buf_bytes(input));
        h->input = NULL;
        buf_unref(input);
    } else {
        digest(h, bytes);
        stream_consume(h->stream, bytes.len);
    }
    http2_drain_later(h);
}

/* --- windows -------------------------------------------------------------------------------- */
static const uint8_t measuring_ping[8] = {2, 4, 16, 16, 9, 14, 7, 7};

/* The connection's window opens by what was read, not by what was consumed: one reader that stands
 * still does not hold up the others, until very much is held. */
void http2_took(struct http2 *h, size_t len)
{
    h->held += len;
    if (h->held - h->owed > HTTP2_MAX_HELD)
        h->owed += len;
    else
        nghttp2_session_consume_connection(h->ng, len);
    if (http2_window_came(&h->window, len, loop_now_ns(h->loop)))
        nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, measuring_ping);
}

void http2_used(struct http2 *h, size_t len)
{
    h->held -= len;
    if (!h->owed || !h->ng)
        return;
    int64_t room = (int64_t)HTTP2_MAX_HELD - (int64_t)(h->held - h->owed);
    size_t paid = room < (int64_t)h->owed ? (size_t)(room > 0 ? room : 0) : h->owed;
    h->owed -= paid;
    nghttp2_session_consume_connection(h->ng, paid);
}

void http2_pong(struct http2 *h, const uint8_t data[8])
{
    if (memcmp(data, measuring_ping, 8) || !http2_window_answered(&h->window, loop_now_ns(h->loop)))
        return;
    nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, (int32_t)h->window.size);
}

/* --- out ------------------------------------------------------------------------------------ */
static bool is_part_of_head(const uint8_t *frame)
{
    bool is_head = frame[3] == NGHTTP2_HEADERS || frame[3] == NGHTTP2_CONTINUATION;
    return is_head && !(frame[4] & NGHTTP2_FLAG_END_HEADERS);
}

static void send_frames(struct http2 *h)
{
    while (h->mid_head || stream_unsent(h->stream) < STREAM_HIGH) {
        const uint8_t *at;
        ssize_t n = nghttp2_session_mem_send(h->ng, &at);
        if (n <= 0) {
            if (n < 0)
                h->is_deaf = h->is_ending = true;
            return;
        }
        bool is_preface = n >= 24 && !memcmp(at, "PRI * HTTP", 10);
        h->mid_head = !is_preface && is_part_of_head(at);
        stream_write(h->stream, slice_from((const char *)at, (size_t)n));
    }
}

static void tell_rooms(struct http2 *h)
{
    struct list *node;
    while ((node = list_take(&h->roomy))) {
        struct http2_stream *s = list_item(node, struct http2_stream, roomy);
        if (!s->wants_room || s->is_closed || s->is_finished)
            continue;
        s->wants_room = false;
        s->room(s);
    }
}

static void on_drain(void *arg)
{
    struct http2 *h = checked(arg, struct http2, HTTP2_MAGIC);
    if (h->ng)
        send_frames(h);
    tell_rooms(h);
    h->role->after(h);
}

void http2_drain_later(struct http2 *h)
{
    if (h->ng)
        job_defer(h->loop, &h->drain, on_drain, h);
}

/* --- the end -------------------------------------------------------------------------------- */
void http2_end(struct http2 *h, uint32_t code, const char *text)
{
    if (!h->ng || h->is_ending)
        return;
    int32_t last = nghttp2_session_get_last_proc_stream_id(h->ng);
    nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE, last, code, (const uint8_t *)text, strlen(text));
    h->is_deaf = h->is_ending = true;
    http2_drain_later(h);
}

bool http2_is_over(const struct http2 *h)
{
    return h->is_ending || (!nghttp2_session_want_read(h->ng) && !nghttp2_session_want_write(h->ng));
}

const char *http2_code_name(uint32_t code)
{
    return nghttp2_http2_strerror(code);
}

size_t http2_max_list(const struct http2 *h)
{
    size_t theirs = nghttp2_session_get_remote_settings(h->ng, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    return theirs < MAX_SENT_HEAD ? theirs : MAX_SENT_HEAD;
}
