/* stream_dial: from a name to a connected socket: resolve, try each address in turn, in time.
 * Sentences as in "dial tcp 127.0.0.1:3001: connect: connection refused". */
#include <net/stream_private.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct stream_dialer *dialer;         /* NULL: we connect ourselves */

void stream_dial_through(const struct stream_dialer *d)
{
    dialer = d;
}

struct stream_dial {
    struct dns_query *query;
    void *ticket;                           /* of the dialer, while it is asked */
    struct dns_answer answer;
    uint32_t next;
    struct timer timer;
    char *host, *server_name, *alpn;        /* with TLS the latter two; NULL: absent */
    struct tls_context *context;
    bool tls, is_unix;
    char first_fault[SOCKET_TEXT + 96];
};

static char *keep(struct trb_slice s)
{
    return s.at ? mem_text(s.at, s.len) : NULL;
}

static const char *network(const struct stream_dial *d)
{
    return d->is_unix ? "unix" : "tcp";
}

/* The address tried last. */
static void address_text(const struct stream_dial *d, char ret_text[SOCKET_TEXT])
{
    const struct dns_address *a = &d->answer.at[d->next ? d->next - 1 : 0];
    socket_text((const void *)&a->addr, a->len, ret_text);
}

static void note(struct stream_dial *d, int number)
{
    char text[SOCKET_TEXT];
    address_text(d, text);
    if (!d->first_fault[0])
        snprintf(d->first_fault, sizeof d->first_fault, "dial %s %s: connect: %s", network(d), text,
                 socket_fault(number));
}

static void dial_open(struct stream *s)
{
    struct stream_dial *d = s->dial;
    if (d->tls)
        s->tls = tls_session_create(s, d->context, false,
                                    slice_of(d->server_name ? d->server_name : d->host),
                                    slice_of(d->alpn));
    if (s->state == STREAM_CLOSED)
        return;
    (void)stream_peer(s);           /* known now, for the sentences of later */
    stream_open(s);
    if (s->tls || s->state == STREAM_CLOSED)
        return;
    stream_enter(s);
    stream_connected(s);
    if (!s->is_dead)
        stream_flush(s);
    stream_leave(s);
}

static void try_next(struct stream *s)
{
    struct stream_dial *d = s->dial;
    while (d->next < d->answer.count) {
        const struct dns_address *a = &d->answer.at[d->next++];
        int number = socket_connect((const void *)&a->addr, a->len, &s->fd);
        if (number == 0) {
            dial_open(s);
            return;
        }
        if (number == EINPROGRESS) {
            stream_watch(s);
            return;
        }
        note(d, number);
    }
    stream_fail(s, TRB_UNAVAILABLE, "%s", d->first_fault[0] ? d->first_fault : "dial tcp: no address");
}

void dial_ready(struct stream *s)
{
    int number = 0;
    socklen_t len = sizeof number;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &number, &len))
        number = errno;
    if (!number) {
        dial_open(s);
        return;
    }
    note(s->dial, number);
    watch_end(&s->watch);
    close(s->fd);
    s->fd = -1;
    try_next(s);
}

static void on_resolved(void *arg, const struct dns_answer *answer, const struct trb_error *err)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    s->dial->query = NULL;
    if (err) {
        struct trb_slice text = error_text(err);
        stream_fail(s, TRB_UNAVAILABLE, "dial tcp: %.*s", SLICE_ARG(text));
        return;
    }
    stream_enter(s);
    s->dial->answer = *answer;
    try_next(s);
    stream_leave(s);
}

static void on_dialled(void *arg, int fd, const struct trb_error *err)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    s->dial->ticket = NULL;
    if (err) {
        struct trb_slice text = error_text(err);
        stream_fail(s, TRB_UNAVAILABLE, "%.*s", SLICE_ARG(text));
        return;
    }
    stream_enter(s);
    s->fd = fd;
    dial_open(s);
    stream_leave(s);
}

static void on_timeout(void *arg)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    char text[SOCKET_TEXT];
    if (s->state == STREAM_SHAKING)
        stream_fail(s, TRB_UNAVAILABLE, "net/http: TLS handshake timeout");
    else if (s->dial->ticket)
        stream_fail(s, TRB_UNAVAILABLE, "dial tcp %s: i/o timeout", s->dial->host);
    else if (s->dial->query)
        stream_fail(s, TRB_UNAVAILABLE, "dial tcp: lookup %s: i/o timeout", s->dial->host);
    else {
        address_text(s->dial, text);
        stream_fail(s, TRB_UNAVAILABLE, "dial %s %s: i/o timeout", network(s->dial), text);
    }
}

struct stream *stream_connect(struct loop *loop, const struct stream_target *target,
                              const struct stream_events *events, void *arg)
{
    struct stream *s = stream_create(loop, events, arg);
    struct stream_dial *d = mem_zero(sizeof *d);
    s->dial = d;
    d->host = mem_text(target->host.at, target->host.len);
    d->is_unix = slice_starts(target->host, SLICE("unix:"));
    d->tls = target->tls;
    d->server_name = keep(target->server_name);
    d->alpn = keep(target->alpn);
    if (target->tls_context)
        d->context = tls_context_ref((struct tls_context *)target->tls_context);
    if (target->connect_timeout_ns)
        timer_after(loop, &d->timer, target->connect_timeout_ns, on_timeout, s);
    if (dialer)
        d->ticket = dialer->begin(loop, slice_of(d->host), target->port, on_dialled, s);
    else
        d->query = dns_resolve(loop, slice_of(d->host), target->port, on_resolved, s);
    return s;
}

void dial_destroy(struct stream *s)
{
    struct stream_dial *d = s->dial;
    if (!d)
        return;
    s->dial = NULL;
    if (d->query)
        dns_cancel(d->query);
    if (d->ticket)
        dialer->cancel(d->ticket);
    timer_end(&d->timer);
    tls_context_unref(d->context);
    mem_free(d->host);
    mem_free(d->server_name);
    mem_free(d->alpn);
    mem_free(d);
}
