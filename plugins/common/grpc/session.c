/* session: nghttp2 between the connection and its calls. Its callbacks only note what came: askers are told when it has
 * returned, because they may ask again or end the connection. */
#include <base/check.h>
#include <base/codec.h>
#include <base/slice.h>
#include <grpc/conn_inside.h>
#include <grpc/frame.h>

#define STREAM_WINDOW (1 << 20)
#define CONNECTION_WINDOW (16 << 20)
#define MAX_HEAD 65536u                         /* names and values of one answer */

/* ------------------------------------------------------------------------------------- sending */
static struct grpc_call *call_of(nghttp2_session *s, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(s, id) : NULL;
}

static ssize_t on_body_wanted(nghttp2_session *s, int32_t id, uint8_t *to, size_t room, uint32_t *ret_flags,
                              nghttp2_data_source *source, void *arg)
{
    struct grpc_call *call = call_of(s, id);
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t left = call->request.len - call->sent, len = left < room ? left : room;
    if (len)
        memcpy(to, call->request.at + call->sent, len);
    call->sent += len;
    if (len < left)
        return (ssize_t)len;
    if (!call->events || call->is_finished)
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (!len)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)len;
}

static nghttp2_nv pair(const char *name, const char *value, size_t len)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), len, NGHTTP2_NV_FLAG_NONE};
}
#define PAIR(name, value) pair(name, value, strlen(value))

bool conn_start(struct conn *c, struct grpc_call *call)
{
    const struct grpc_config *g = c->setup.config;
    char timeout[16];
    const char *authority = strncmp(c->setup.endpoint->host, "unix:", 5) ? c->setup.endpoint->text : "localhost";
    nghttp2_nv head[9] = {PAIR(":method", "POST"), PAIR(":scheme", g->tls ? "https" : "http"),
                          PAIR(":path", call->path), PAIR(":authority", authority), PAIR("te", "trailers"),
                          PAIR("content-type", "application/grpc"), PAIR("user-agent", "trilby")};
    size_t count = 7;
    nghttp2_data_provider body = {.read_callback = on_body_wanted};
    if (c->state != UP)
        return false;
    if (call->deadline_ns != GRPC_NO_DEADLINE) {
        int64_t left = (int64_t)(call->deadline_ns - c->setup.host->now_ns());
        head[count++] = pair("grpc-timeout", timeout, grpc_timeout_write(left, timeout));
    }
    if (g->metadata_name)
        head[count++] = PAIR(g->metadata_name, g->metadata_value);
    int32_t id = nghttp2_submit_request(c->session, NULL, head, count, &body, call);
    if (id < 0)
        return false;
    call->stream_id = id;
    call->conn = c;
    list_append(&c->running, &call->link);
    if (!c->depth)
        conn_flush(c);
    return true;
}

void conn_cancel(struct conn *c, struct grpc_call *call)
{
    nghttp2_session_set_stream_user_data(c->session, call->stream_id, NULL);
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
    list_remove(&call->link);
    list_remove(&call->arrived);
}

void conn_send(struct conn *c, struct grpc_call *call)
{
    if (call->sent == call->request.len && !call->is_finished)
        return;
    nghttp2_session_resume_data(c->session, call->stream_id);
    conn_flush_later(c);
}

void conn_consumed(struct conn *c, struct grpc_call *call)
{
    if (call->unconsumed)
        nghttp2_session_consume_stream(c->session, call->stream_id, call->unconsumed);
    call->unconsumed = 0;
    conn_flush_later(c);
}

/* ------------------------------------------------------------------------- what nghttp2 has read */
static void take_text(struct grpc_call *call, struct trb_slice escaped)
{
    text_clear(&call->status_text);
    char *at = text_room(&call->status_text, escaped.len);
    text_wrote(&call->status_text, grpc_text_read(escaped, at, escaped.len + 1));
}

static void take_details(struct grpc_call *call, struct trb_slice base64)
{
    size_t len = 0;
    text_clear(&call->details);
    char *at = text_room(&call->details, base64.len * 3 / 4 + 3);
    if (base64_decode(base64, true, at, &len, NULL))
        text_wrote(&call->details, len);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name_at, size_t name_len,
                     const uint8_t *value_at, size_t value_len, uint8_t flags, void *arg)
{
    struct grpc_call *call = call_of(s, frame->hd.stream_id);
    struct trb_slice name = {(const char *)name_at, name_len}, value = {(const char *)value_at, value_len};
    if (!call)
        return 0;
    call->head_bytes += (uint32_t)(name_len + value_len + 32);
    if (call->head_bytes > MAX_HEAD)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (slice_is(name, SLICE(":status")))
        slice_to_i64(value, &call->http_status);
    else if (slice_is(name, SLICE("content-type")))
        call->is_grpc = slice_starts(value, SLICE("application/grpc"));
    else if (slice_is(name, SLICE("grpc-status")))
        call->has_status = grpc_status_read(value, &call->status);
    else if (slice_is(name, SLICE("grpc-message")))
        take_text(call, value);
    else if (slice_is(name, SLICE("grpc-status-details-bin")))
        take_details(call, value);
    return 0;
}

static int on_body(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *at, size_t len, void *arg)
{
    struct conn *c = arg;
    struct grpc_call *call = call_of(s, id);
    nghttp2_session_consume_connection(s, len);
    if (!call || call->is_too_long)
        return 0;
    if (call->events) {
        text_add(&call->reply, slice_from((const char *)at, len));
        call->unconsumed += len;
        list_remove(&call->arrived);
        list_append(&c->arrived, &call->arrived);
        return 0;
    }
    nghttp2_session_consume_stream(s, id, len);
    if (call->reply.len + len > c->setup.config->max_reply + GRPC_HEAD) {
        call->is_too_long = true;
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        return 0;
    }
    text_add(&call->reply, slice_from((const char *)at, len));
    return 0;
}

/* A server knows the call's time, too, which was told to it in whole milliseconds. */
#define ROUNDING_NS 2000000u

static int on_stream_end(nghttp2_session *s, int32_t id, uint32_t reason, void *arg)
{
    struct conn *c = arg;
    struct grpc_call *call = call_of(s, id);
    if (!call)
        return 0;
    call->reset = reason;
    call->is_late = reason == NGHTTP2_CANCEL && call->deadline_ns <= c->setup.host->now_ns() + ROUNDING_NS;
    call->conn = NULL;
    list_remove(&call->link);
    list_append(&c->ended, &call->link);
    return 0;
}

/* The server has said its last word, and we might go on for ever: the stream is over. */
static void end_ours(nghttp2_session *s, const nghttp2_frame *frame)
{
    bool is_last = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                   frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct grpc_call *call = is_last ? call_of(s, frame->hd.stream_id) : NULL;
    if (call && call->events && !call->is_finished)
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
    struct conn *c = arg;
    end_ours(s, frame);
    c->has_greeted = c->has_greeted || (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK));
    c->has_goodbye = c->has_goodbye || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
}

void session_open(struct conn *c)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
                                               {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEAD}};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    check(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_no_auto_window_update(options, 1);
    /* gRPC for Go sends a message that ends in a space as it is: better so than not at all. */
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(options, 1);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_body);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_end);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    check(nghttp2_session_client_new2(&c->session, callbacks, c, options) == 0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, countof(settings));
    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}
