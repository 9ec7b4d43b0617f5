/* conn: nghttp2 between a stream of the host and calls. Its callbacks only note what came; askers are told when
 * it has returned, because they may ask again or end the connection. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/conn.h>
#include <grpc/frame.h>
#include <nghttp2/nghttp2.h>
#include <trilby/services.h>

#define DIALING 0
#define GREETING 1
#define UP 2
#define LEAVING 3
#define GONE 4

#define STREAM_WINDOW (1 << 20)
#define CONNECTION_WINDOW (16 << 20)
#define MAX_HEAD 65536u                         /* names and values of one answer */
#define MAX_UNSENT (256u << 10)                  /* more is left with nghttp2 until it has gone out */

struct conn {
    uint32_t magic;
    struct conn_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct trb_stream *stream;
    struct trb_timer *timer;
    nghttp2_session *session;
    struct list running, ended;                 /* ended: its asker is not told yet */
    uint32_t state, depth;
    bool is_dead, was_up, has_greeted, has_goodbye;
    uint64_t heard_ns, up_ns;
};
#define CONN_MAGIC 0x47525043u

/* -------------------------------------------------------------------------------------- its end */
static void enter(struct conn *c)
{
    c->depth++;
}

static void leave(struct conn *c)
{
    if (--c->depth || !c->is_dead)
        return;
    nghttp2_session_del(c->session);
    c->magic = 0;
    mem_free(c);
}

void conn_lose(struct conn *c, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    if (c->state == GONE)
        return;
    trb_error(&err, TRB_UNAVAILABLE, reason, "%s %s: %s%s", c->setup.config->product, c->setup.endpoint->text, sentence,
              list_is_empty(&c->running) ? "" : "; what had been asked may have been carried out");
    c->state = GONE;
    c->timer = c->timers->cancel(c->timer);
    c->stream = c->streams->destroy(c->stream);
    enter(c);
    c->setup.gone(c->setup.arg, c, &err);
    leave(c);
}

/* ------------------------------------------------------------------------------------- sending */
static void tell_ended(struct conn *c)
{
    struct list *node;
    while (!c->is_dead && (node = list_take(&c->ended)))
        c->setup.finished(c->setup.arg, c, list_item(node, struct grpc_call, link));
}

static void send_all(struct conn *c)
{
    const uint8_t *at;
    ssize_t len = 0;
    while (c->streams->unsent(c->stream) < MAX_UNSENT && (len = nghttp2_session_mem_send(c->session, &at)) > 0)
        c->streams->write(c->stream, slice_from((const char *)at, (size_t)len));
    if (len < 0)
        conn_lose(c, "PROTOCOL", nghttp2_strerror((int)len));
}

/* What is sent may end streams, those that we reset; and who is told of it may ask again. */
static void flush(struct conn *c)
{
    enter(c);
    while (!c->is_dead && c->state != GONE) {
        send_all(c);
        if (list_is_empty(&c->ended))
            break;
        tell_ended(c);
    }
    leave(c);
}

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
    memcpy(to, call->request.at + call->sent, len);
    call->sent += len;
    if (len == left)
        *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

static nghttp2_nv pair(const char *name, const char *value, size_t len)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), len, NGHTTP2_NV_FLAG_NONE};
}
#define PAIR(name, value) pair(name, value, strlen(value))

bool conn_start(struct conn *c, struct grpc_call *call)
{
    char timeout[16];
    const char *authority = strncmp(c->setup.endpoint->host, "unix:", 5) ? c->setup.endpoint->text : "localhost";
    int64_t left = (int64_t)(call->deadline_ns - c->setup.host->now_ns());
    const nghttp2_nv head[] = {PAIR(":method", "POST"), PAIR(":scheme", c->setup.config->tls ? "https" : "http"),
                               PAIR(":path", call->path), PAIR(":authority", authority), PAIR("te", "trailers"),
                               PAIR("content-type", "application/grpc"), PAIR("user-agent", "trilby"),
                               pair("grpc-timeout", timeout, grpc_timeout_write(left, timeout))};
    nghttp2_data_provider body = {.read_callback = on_body_wanted};
    if (c->state != UP)
        return false;
    int32_t id = nghttp2_submit_request(c->session, NULL, head, countof(head), &body, call);
    if (id < 0)
        return false;
    call->stream_id = id;
    list_append(&c->running, &call->link);
    if (!c->depth)
        flush(c);
    return true;
}

void conn_cancel(struct conn *c, struct grpc_call *call)
{
    nghttp2_session_set_stream_user_data(c->session, call->stream_id, NULL);
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
    list_remove(&call->link);
    if (!c->depth)
        flush(c);
}

/* ------------------------------------------------------------------------- what nghttp2 has read */
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
        grpc_text_read(value, call->status_text, sizeof call->status_text);
    return 0;
}

static int on_body(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *at, size_t len, void *arg)
{
    struct conn *c = arg;
    struct grpc_call *call = call_of(s, id);
    if (!call || call->is_too_long)
        return 0;
    if (call->reply.len + len > c->setup.config->max_reply + GRPC_HEAD) {
        call->is_too_long = true;
        nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        return 0;
    }
    text_add(&call->reply, slice_from((const char *)at, len));
    return 0;
}

static int on_stream_end(nghttp2_session *s, int32_t id, uint32_t reason, void *arg)
{
    struct conn *c = arg;
    struct grpc_call *call = call_of(s, id);
    if (!call)
        return 0;
    call->reset = reason;
    list_remove(&call->link);
    list_append(&c->ended, &call->link);
    return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
    struct conn *c = arg;
    c->has_greeted = c->has_greeted || (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK));
    c->has_goodbye = c->has_goodbye || frame->hd.type == NGHTTP2_GOAWAY;
    return 0;
}

static void tell(struct conn *c)
{
    if (c->state == GREETING && c->has_greeted) {
        c->state = UP;
        c->was_up = true;
        c->up_ns = c->heard_ns;
        c->timer = c->timers->cancel(c->timer);
        c->setup.up(c->setup.arg, c);
    }
    if (!c->is_dead && c->state == UP && c->has_goodbye) {
        c->state = LEAVING;
        c->setup.leaving(c->setup.arg, c);
    }
    tell_ended(c);
}

static const char not_http2[] = "the answer is not HTTP/2; is the port right, and TLS?";

static void on_readable(void *arg)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    c->heard_ns = c->setup.host->now_ns();
    enter(c);
    while (!c->is_dead && c->state != GONE) {
        struct trb_slice bytes = c->streams->bytes(c->stream);
        if (!bytes.len)
            break;
        ssize_t len = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes.at, bytes.len);
        if (len >= 0)
            c->streams->consume(c->stream, (size_t)len);
        tell(c);
        if (len < 0 && !c->is_dead)
            conn_lose(c, "PROTOCOL", c->has_greeted ? nghttp2_strerror((int)len) : not_http2);
    }
    if (!c->is_dead && c->state != GONE)
        flush(c);
    if (!c->is_dead && c->state != GONE && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
        conn_lose(c, "CLOSED", c->has_greeted ? "the connection has ended" : not_http2);
    leave(c);
}

/* ------------------------------------------------------------------------------------ dialling */
static void on_silence(void *arg)
{
    conn_lose(checked(arg, struct conn, CONN_MAGIC), "TIMEOUT", "connected, but no answer to the greeting in time");
}

static void session_open(struct conn *c)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
                                               {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEAD}};
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *options;
    check(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0);
    nghttp2_option_set_no_closed_streams(options, 1);
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

static void on_connected(void *arg)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    c->state = GREETING;
    c->timer = c->timers->cancel(c->timer);
    c->timer = c->timers->start(c->setup.origin, (uint64_t)c->setup.config->connect_timeout_ns, on_silence, c);
    session_open(c);
    flush(c);
}

static void on_writable(void *arg)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    if (c->session)
        flush(c);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    const char *sentence = err ? err->message : "the connection was closed";
    bool is_shaking = c->setup.config->tls && c->state == DIALING;
    if (is_shaking && !strcmp(sentence, "EOF"))
        sentence = "the server ended the connection in the middle of the handshake; does it speak TLS?";
    conn_lose(c, "CONNECTION", sentence);
}

static const struct trb_stream_events stream_events = {.size = sizeof stream_events, .connected = on_connected,
                                                       .readable = on_readable, .writable = on_writable,
                                                       .closed = on_closed};

static void on_no_stream(void *arg)
{
    conn_lose(checked(arg, struct conn, CONN_MAGIC), "BAD_OPTION", "what is given for TLS is not PEM that can be used");
}

struct conn *conn_create(const struct conn_setup *setup)
{
    const struct grpc_config *g = setup->config;
    struct trb_stream_target target = {
        .size = sizeof target, .host = slice_of(setup->endpoint->host), .port = setup->endpoint->port, .tls = g->tls,
        .verify = !g->skip_verify, .ca_pem = slice_of(g->ca_pem), .certificate_pem = slice_of(g->cert_pem),
        .key_pem = slice_of(g->key_pem), .connect_timeout_ns = (uint64_t)g->connect_timeout_ns, .alpn = SLICE("h2")};
    struct conn *c = mem_zero(sizeof *c);
    c->magic = CONN_MAGIC;
    c->setup = *setup;
    list_init(&c->running);
    list_init(&c->ended);
    c->streams = setup->host->extension(TRB_STREAM_SERVICE);
    c->timers = setup->host->extension(TRB_TIMER);
    c->stream = c->streams->connect(setup->origin, &target, &stream_events, c);
    if (!c->stream)
        c->timer = c->timers->start(setup->origin, 0, on_no_stream, c);
    return c;
}

/* --------------------------------------------------------------------------------------- looking */
struct grpc_call *conn_take(struct conn *c)
{
    struct list *node = list_take(&c->ended);
    node = node ? node : list_take(&c->running);
    return node ? list_item(node, struct grpc_call, link) : NULL;
}

struct list *conn_running(struct conn *c)
{
    return &c->running;
}

bool conn_is_up(const struct conn *c)
{
    return c->state == UP;
}

void conn_part(struct conn *c)
{
    c->state = LEAVING;
}

uint64_t conn_up_ns(const struct conn *c)
{
    return c->up_ns;
}

bool conn_was_up(const struct conn *c)
{
    return c->was_up;
}

bool conn_is_idle(const struct conn *c)
{
    return list_is_empty(&c->running) && list_is_empty(&c->ended);
}

uint64_t conn_heard_ns(const struct conn *c)
{
    return c->heard_ns;
}

const struct grpc_endpoint *conn_endpoint(const struct conn *c)
{
    return c->setup.endpoint;
}

void conn_forget(struct conn *c)
{
    c->stream = NULL;
    c->timer = NULL;
}

struct conn *conn_destroy(struct conn *c)
{
    if (!c)
        return NULL;
    check(c->magic == CONN_MAGIC && conn_is_idle(c) && !c->is_dead);
    enter(c);
    c->is_dead = true;
    c->state = GONE;
    c->timer = c->timers->cancel(c->timer);
    c->stream = c->streams->destroy(c->stream);
    leave(c);
    return NULL;
}
