/* connection: see connection.h. */
#include <net/connection.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LINGER_NS 2000000000ull     /* between looks at a closing connection */
#define LINGER_STALLS 15            /* looks without progress before it is cut */
#define LINGER_BYTES (8u << 20)     /* of what a peer still sends, a refused body above all, before it is cut */

/* The last codec of a connection that closes. */
struct goodbye {
    size_t unsent, discarded;
    uint32_t stalls;
};

void connection_home_init(struct connection_home *home, struct loop *loop,
                          const struct http_server_setup *setup)
{
    *home = (struct connection_home){.loop = loop, .setup = setup};
    list_init(&home->connections);
}

void connection_home_drain(struct connection_home *home)
{
    home->draining = true;
    list_each(node, &home->connections) {
        struct connection *c = list_item(node, struct connection, link);
        if (c->is_closed || c->is_cut)
            continue;
        if (c->codec)
            c->codec->drain(c);
        else
            connection_cut(c);
    }
}

void connection_home_cut(struct connection_home *home)
{
    home->draining = true;
    list_each(node, &home->connections)
        connection_cut(list_item(node, struct connection, link));
}

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE_LEN (sizeof preface - 1)

static void on_head_timeout(void *arg)
{
    connection_cut(checked(arg, struct connection, CONNECTION_MAGIC));
}

static bool asks_http1(struct trb_slice bytes)
{
    struct trb_slice verb = slice_split(&bytes, ' ');
    static const struct trb_slice known[] = {SLICE("GET"), SLICE("HEAD"), SLICE("POST"), SLICE("PUT"), SLICE("DELETE"),
                                             SLICE("PATCH"), SLICE("OPTIONS")};
    for (size_t i = 0; bytes.at && i < countof(known); i++)
        if (slice_is(verb, known[i]))
            return true;
    return false;
}

/* Frames would tell a client of HTTP/1 nothing. */
static void answer_http1(struct connection *c)
{
    const char *why = c->home->setup->http2_only;
    char answer[512];
    int len = snprintf(answer, sizeof answer, "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\n"
                       "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n", strlen(why) + 1, why);
    check(len > 0 && (size_t)len < sizeof answer);
    stream_write(c->stream, slice_from(answer, (size_t)len));
    connection_linger(c, false);
}

/* The preface decides; a beginning of it may still become either. */
static void choose(struct connection *c)
{
    const struct http_server_setup *setup = c->home->setup;
    struct trb_slice bytes = stream_bytes(c->stream);
    size_t len = bytes.len < PREFACE_LEN ? bytes.len : PREFACE_LEN;
    bool is_h2 = setup->http2 && (!setup->http1 || slice_is(stream_alpn(c->stream), SLICE("h2")));
    if (!is_h2 && setup->http2 && !memcmp(bytes.at, preface, len)) {
        if (len < PREFACE_LEN) {
            if (!timer_is_armed(&c->timer) && setup->head_timeout_ns)
                timer_after(c->loop, &c->timer, setup->head_timeout_ns, on_head_timeout, c);
            return;
        }
        is_h2 = true;
    }
    timer_end(&c->timer);
    if (is_h2 && setup->http2_only && asks_http1(bytes))
        answer_http1(c);
    else if (is_h2)
        http2_connection_create(c);
    else
        http1_connection_create(c);
}

static void on_readable(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    if (c->is_cut) {
        stream_consume(c->stream, stream_bytes(c->stream).len);
        return;
    }
    if (!c->codec)
        choose(c);
    if (c->codec)
        c->codec->readable(c);
}

static void on_writable(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    if (c->codec && !c->is_cut)
        c->codec->writable(c);
}

static void on_eof(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    if (c->codec && !c->is_cut)
        c->codec->eof(c);
    else
        connection_cut(c);
}

static void tell_closed(struct connection *c, const struct trb_error *err)
{
    if (c->is_closed)
        return;
    c->is_closed = true;
    timer_end(&c->timer);
    job_end(&c->cut);
    if (c->codec)
        c->codec->closed(c, err);
    else
        connection_end(c);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct trb_error none = ERROR_INIT;
    error_set(&none, TRB_CANCELLED, "CONNECTION_CLOSED", "the connection was closed");
    tell_closed(checked(arg, struct connection, CONNECTION_MAGIC), err ? err : &none);
}

static const struct stream_events events = {
    .readable = on_readable, .writable = on_writable, .eof = on_eof, .closed = on_closed};

struct connection *connection_accept(struct connection_home *home, int fd, struct tls_context *tls)
{
    struct connection *c = mem_zero(sizeof *c);
    c->magic = CONNECTION_MAGIC;
    c->loop = home->loop;
    c->home = home;
    list_append(&home->connections, &c->link);
    home->count++;
    c->is_tls = tls != NULL;
    if (tls && home->setup->head_timeout_ns)    /* the handshake counts as a beginning */
        timer_after(c->loop, &c->timer, home->setup->head_timeout_ns, on_head_timeout, c);
    c->stream = stream_accept(home->loop, fd, tls, &events, c);
    return c;
}

static void on_cut(void *arg)
{
    on_closed(arg, NULL);
}

void connection_cut(struct connection *c)
{
    c->is_cut = true;
    if (!c->is_closed)
        job_defer(c->loop, &c->cut, on_cut, c);
}

/* --- closing in peace: a reset would destroy an answer that the peer has not read yet ------- */
static void linger_readable(struct connection *c)
{
    struct goodbye *l = c->state;
    size_t len = stream_bytes(c->stream).len;
    stream_consume(c->stream, len);
    l->discarded += len;
    if (l->discarded > LINGER_BYTES)
        connection_cut(c);
}

static void linger_eof(struct connection *c)
{
    stream_close_after_flush(c->stream);
}

static void linger_nothing(struct connection *c)
{
}

static void linger_closed(struct connection *c, const struct trb_error *err)
{
    mem_free(c->state);
    connection_end(c);
}

static const struct connection_codec linger_codec = {.readable = linger_readable,
                                                     .writable = linger_nothing,
                                                     .eof = linger_eof,
                                                     .closed = linger_closed,
                                                     .drain = linger_nothing};

static void on_linger(void *arg)
{
    struct connection *c = checked(arg, struct connection, CONNECTION_MAGIC);
    struct goodbye *l = c->state;
    size_t unsent = stream_unsent(c->stream);
    bool is_stuck = unsent == l->unsent && ++l->stalls >= LINGER_STALLS;
    if (unsent != l->unsent)
        l->stalls = 0;
    l->unsent = unsent;
    if (!unsent || is_stuck)
        connection_cut(c);
    else
        timer_after(c->loop, &c->timer, LINGER_NS, on_linger, c);
}

void connection_linger(struct connection *c, bool is_eof)
{
    if (c->is_cut || c->is_closed)
        return;
    struct goodbye *l = mem_zero(sizeof *l);
    c->codec = &linger_codec;
    c->state = l;
    if (is_eof)
        stream_close_after_flush(c->stream);
    else {
        stream_consume(c->stream, stream_bytes(c->stream).len);
        stream_read_on(c->stream, true);
        stream_shutdown(c->stream);
    }
    timer_after(c->loop, &c->timer, LINGER_NS, on_linger, c);
}

void connection_close(struct connection *c)
{
    if (!c->is_cut && !c->is_closed)
        stream_close_after_flush(c->stream);
}

void connection_end(struct connection *c)
{
    struct connection_home *home = c->home;
    timer_end(&c->timer);
    job_end(&c->cut);
    list_remove(&c->link);
    stream_destroy(c->stream);
    mem_free(c->info);
    c->magic = 0;
    mem_free(c);
    home->count--;
    if (home->ended)
        home->ended(home);
}

const struct connection_info *connection_info_of(struct connection *c)
{
    if (c->info)
        return c->info;
    c->info = mem_zero(sizeof *c->info);
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    bool has = getsockname(stream_fd(c->stream), (void *)&sa, &len) == 0;
    *c->info = (struct connection_info){
        .peer_address = stream_peer(c->stream),
        .local_address = stream_local(c->stream),
        .is_tls = c->is_tls,
        .is_unix = has && sa.ss_family == AF_UNIX,
        .peer_identity = stream_peer_identity(c->stream),
    };
    struct ucred peer;
    len = sizeof peer;
    c->info->has_uid = c->info->is_unix && !getsockopt(stream_fd(c->stream), SOL_SOCKET, SO_PEERCRED, &peer, &len);
    c->info->uid = c->info->has_uid ? peer.uid : 0;
    return c->info;
}
