/* stream: the life of a stream and its events. Reading is stream_read.c, writing stream_write.c,
 * connecting stream_dial.c, TLS tls_session.c. */
#include <net/stream_private.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdio.h>
#include <unistd.h>

#define READ_LIMIT 65536u

struct stream *stream_create(struct loop *loop, const struct stream_events *events, void *arg)
{
    struct stream *s = mem_zero(sizeof *s);
    s->magic = STREAM_MAGIC;
    s->fd = -1;
    s->loop = loop;
    s->events = events;
    s->arg = arg;
    s->read_limit = READ_LIMIT;
    return s;
}

struct stream *stream_accept(struct loop *loop, int fd, struct tls_context *tls,
                             const struct stream_events *events, void *arg)
{
    struct stream *s = stream_create(loop, events, arg);
    s->fd = fd;
    if (tls)
        s->tls = tls_session_create(s, tls, true, (struct trb_slice){0}, (struct trb_slice){0});
    stream_open(s);
    return s;
}

struct stream *stream_over_pipes(struct loop *loop, struct stream_ends ends, const struct stream_events *events,
                                 void *arg)
{
    struct stream *s = stream_create(loop, events, arg);
    s->fd = ends.in;
    s->pipe = mem_zero(sizeof *s->pipe);
    s->pipe->fd = ends.out;
    stream_open(s);
    return s;
}

void stream_close_pipe(struct stream *s)
{
    if (!s->pipe || s->pipe->fd < 0)
        return;
    watch_end(&s->pipe->watch);
    close(s->pipe->fd);
    s->pipe->fd = -1;
}

static void unplug(struct stream *s)
{
    watch_end(&s->watch);
    stream_close_pipe(s);
    job_end(&s->flush);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->in = block_unref(s->in);
    chain_drop(&s->out, s->out.len);
}

static void stream_free(struct stream *s)
{
    s->tls = tls_session_destroy(s->tls);
    mem_free(s->fault);
    mem_free(s->texts);
    mem_free(s->pipe);
    s->magic = 0;
    mem_free(s);
}

struct stream *stream_destroy(struct stream *s)
{
    if (!s)
        return NULL;
    check(s->magic == STREAM_MAGIC && !s->is_dead);
    dial_destroy(s);
    unplug(s);
    job_end(&s->later);
    s->state = STREAM_CLOSED;
    s->is_dead = true;
    if (!s->depth)
        stream_free(s);
    return NULL;
}

void stream_enter(struct stream *s)
{
    s->depth++;
}

void stream_leave(struct stream *s)
{
    if (--s->depth == 0 && s->is_dead)
        stream_free(s);
}

/* Ends the stream; closed() follows from the loop, because the caller may be a verb of its owner. */
static void end(struct stream *s)
{
    dial_destroy(s);
    unplug(s);
    s->state = STREAM_CLOSED;
    s->owes_closed = true;
    s->owes_writable = s->owes_read = false;
    stream_later(s);
}

void stream_fail(struct stream *s, trb_code code, const char *format, ...)
{
    if (s->state == STREAM_CLOSED)
        return;
    if (!s->fault) {
        s->fault = mem_zero(sizeof *s->fault);
        *s->fault = (struct trb_error)ERROR_INIT;
        va_list args;
        va_start(args, format);
        error_vset(s->fault, code, "CONNECTION", format, args);
        va_end(args);
        s->fault->retryable = code == TRB_UNAVAILABLE;
    }
    end(s);
}

void stream_end(struct stream *s)
{
    if (s->state != STREAM_CLOSED)
        end(s);
}

static void on_later(void *arg)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    stream_enter(s);
    if (s->owes_read)
        stream_read_now(s);
    if (s->owes_writable && !s->is_dead) {
        s->owes_writable = false;
        if (s->events->writable)
            s->events->writable(s->arg);
    }
    if (s->owes_closed && !s->is_dead) {
        s->owes_closed = false;
        s->events->closed(s->arg, s->fault);
    }
    stream_leave(s);
}

void stream_later(struct stream *s)
{
    job_defer(s->loop, &s->later, on_later, s);
}

static void on_ready(void *arg, uint32_t what)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    stream_enter(s);
    if (s->state == STREAM_CONNECTING)
        dial_ready(s);
    else {
        if (what & LOOP_WRITE && s->state != STREAM_CLOSED)
            stream_flush(s);
        if (what & LOOP_READ && s->state != STREAM_CLOSED)
            stream_read_now(s);
    }
    stream_leave(s);
}

static uint32_t wanted(const struct stream *s)
{
    if (s->state == STREAM_CONNECTING)
        return LOOP_WRITE;
    bool is_full = s->in && block_len(s->in) >= s->read_limit;
    bool reads = s->state == STREAM_SHAKING || (!s->is_paused && !is_full);
    return (reads && !s->is_eof ? LOOP_READ : 0) | (s->out.len && s->is_blocked ? LOOP_WRITE : 0);
}

static void watch_for(struct stream *s, struct watch *w, int fd, uint32_t want)
{
    if (w->event) {
        if (w->want != want)
            watch_want(w, want);
        return;
    }
    struct trb_error err = ERROR_INIT;
    if (watch_set(s->loop, w, fd, want, on_ready, s, &err))
        stream_fail(s, err.code, "%s", err.message);
}

void stream_watch(struct stream *s)
{
    if (s->state == STREAM_CLOSED || s->fd < 0)        /* its name is still being resolved */
        return;
    uint32_t want = wanted(s);
    watch_for(s, &s->watch, s->fd, s->pipe ? want & LOOP_READ : want);
    if (s->pipe && s->pipe->fd >= 0 && (want & LOOP_WRITE || s->pipe->watch.event))
        watch_for(s, &s->pipe->watch, s->pipe->fd, want & LOOP_WRITE);
}

void stream_open(struct stream *s)
{
    s->state = s->tls ? STREAM_SHAKING : STREAM_OPEN;
    stream_watch(s);
    if (s->tls && s->state != STREAM_CLOSED)
        stream_shake(s);
}

/* Drives the handshake; when it is through, what waited may leave. */
void stream_shake(struct stream *s)
{
    int result = tls_shake(s);
    if (s->state == STREAM_CLOSED)
        return;
    stream_flush(s);
    if (result != IO_OK || s->state == STREAM_CLOSED)
        return;
    s->state = STREAM_OPEN;
    stream_watch(s);
    stream_enter(s);
    if (s->dial)
        stream_connected(s);
    if (!s->is_dead && s->state == STREAM_OPEN) {
        stream_flush(s);
        s->owes_read = true;        /* records may have come with the handshake */
        stream_later(s);
    }
    stream_leave(s);
}

void stream_connected(struct stream *s)
{
    dial_destroy(s);
    if (s->events->connected)
        s->events->connected(s->arg);
}

#define TEXT_ROOM SOCKET_TEXT

static const char *texts(struct stream *s)
{
    if (!s->texts) {
        s->texts = mem_zero(2 * TEXT_ROOM);
        socket_peer_text(s->fd, s->texts);
        socket_local_text(s->fd, s->texts + TEXT_ROOM);
    }
    return s->texts;
}

struct trb_slice stream_peer(struct stream *s)
{
    return slice_of(texts(s));
}

struct trb_slice stream_local(struct stream *s)
{
    return slice_of(texts(s) + TEXT_ROOM);
}

struct trb_slice stream_alpn(const struct stream *s)
{
    return s->tls ? tls_alpn(s) : (struct trb_slice){0};
}

struct trb_slice stream_peer_identity(const struct stream *s)
{
    return s->tls ? tls_identity(s) : (struct trb_slice){0};
}

int stream_fd(const struct stream *s)
{
    return s->fd;
}
