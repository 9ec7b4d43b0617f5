/* conn: the life of one connection. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/conn_inside.h>

#define MAX_UNSENT (256u << 10)                  /* more is left with nghttp2 until it has gone out */

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

static void tell_arrived(struct conn *c)
{
    struct list *node;
    while (!c->is_dead && (node = list_take(&c->arrived)))
        c->setup.arrived(c->setup.arg, c, list_item(node, struct grpc_call, arrived));
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
void conn_flush(struct conn *c)
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

void conn_flush_later(struct conn *c)
{
    if (!c->depth && c->session)
        conn_flush(c);
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
    tell_arrived(c);
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
        conn_flush(c);
    if (!c->is_dead && c->state != GONE && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session))
        conn_lose(c, "CLOSED", c->has_greeted ? "the connection has ended" : not_http2);
    leave(c);
}

/* ------------------------------------------------------------------------------------ dialling */
static void on_silence(void *arg)
{
    conn_lose(checked(arg, struct conn, CONN_MAGIC), "TIMEOUT", "connected, but no answer to the greeting in time");
}

static void on_connected(void *arg)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    c->state = GREETING;
    c->timer = c->timers->cancel(c->timer);
    c->timer = c->timers->start(c->setup.origin, (uint64_t)c->setup.config->connect_timeout_ns, on_silence, c);
    session_open(c);
    conn_flush(c);
}

static void on_writable(void *arg)
{
    struct conn *c = checked(arg, struct conn, CONN_MAGIC);
    if (c->session)
        conn_flush(c);
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
    list_init(&c->arrived);
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
    if (!node)
        return NULL;
    struct grpc_call *call = list_item(node, struct grpc_call, link);
    list_remove(&call->arrived);
    call->conn = NULL;
    return call;
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
