/* stream_write: what is queued in a turn leaves in one system call at its end. */
#include <net/stream_private.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECES 64

static struct chain *queue(struct stream *s)
{
    return s->tls ? tls_plain(s) : &s->out;
}

size_t stream_unsent(const struct stream *s)
{
    return s->out.len + (s->tls ? tls_plain((struct stream *)s)->len : 0);
}

static void on_turn_end(void *arg)
{
    struct stream *s = checked(arg, struct stream, STREAM_MAGIC);
    stream_enter(s);
    stream_flush(s);
    stream_leave(s);
}

static void queued(struct stream *s)
{
    if (stream_unsent(s) >= STREAM_HIGH)
        s->was_high = true;
    if (s->state >= STREAM_SHAKING && !s->is_blocked)
        job_at_turn_end(s->loop, &s->flush, on_turn_end, s);
}

static bool is_deaf(const struct stream *s)
{
    return s->state == STREAM_CLOSED || s->is_broken || s->wants_shutdown || s->wants_close;
}

void stream_write(struct stream *s, struct trb_slice bytes)
{
    if (!bytes.len || is_deaf(s))
        return;
    chain_add(queue(s), bytes);
    queued(s);
}

void stream_write_buf(struct stream *s, struct trb_data data)
{
    if (!data.len || is_deaf(s))
        return;
    chain_add_data(queue(s), data);
    queued(s);
}

/* A closed stream lends room as well: callers need not ask, what they write is dropped with it. */
char *stream_room(struct stream *s, size_t n)
{
    return chain_room(queue(s), n);
}

void stream_wrote(struct stream *s, size_t n)
{
    if (is_deaf(s))
        return;
    chain_wrote(queue(s), n);
    queued(s);
}

/* Whoever makes pipes ignores SIGPIPE. */
static ssize_t send_pieces(struct stream *s, struct iovec *pieces, int count)
{
    if (s->pipe)
        return count == 1 ? write(s->pipe->fd, pieces[0].iov_base, pieces[0].iov_len) : writev(s->pipe->fd, pieces, count);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    return count == 1 ? send(s->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                      : sendmsg(s->fd, &message, MSG_NOSIGNAL);
}

void stream_send_last(struct stream *s)
{
    struct iovec pieces[PIECES];
    int count = chain_pieces(&s->out, pieces, PIECES);
    if (s->fd >= 0 && count)
        (void)!send_pieces(s, pieces, count);
}

/* The peer may have answered before it stopped listening: that is read first. */
static void stream_break(struct stream *s, int number)
{
    struct trb_slice local = stream_local(s), peer = stream_peer(s);
    s->fault = mem_zero(sizeof *s->fault);
    *s->fault = (struct trb_error)ERROR_INIT;
    error_set(s->fault, TRB_UNAVAILABLE, "CONNECTION", "write tcp %.*s->%.*s: write: %s", SLICE_ARG(local),
              SLICE_ARG(peer), socket_fault(number));
    s->fault->retryable = 1;
    s->is_broken = true;
    chain_drop(&s->out, s->out.len);
    if (s->tls)
        chain_drop(tls_plain(s), tls_plain(s)->len);
    s->owes_read = true;
    stream_later(s);
}

/* One system call. */
static int send_some(struct stream *s)
{
    struct iovec pieces[PIECES];
    int count = chain_pieces(&s->out, pieces, PIECES);
    ssize_t sent = send_pieces(s, pieces, count);
    if (sent >= 0) {
        size_t all = 0;
        for (int i = 0; i < count; i++)
            all += pieces[i].iov_len;
        chain_drop(&s->out, (size_t)sent);
        return (size_t)sent == all ? IO_OK : IO_AGAIN;
    }
    if (errno == EAGAIN || errno == EINTR)
        return IO_AGAIN;
    stream_break(s, errno);
    return IO_FAULT;
}

static int send_all(struct stream *s)
{
    for (;;) {
        if (s->tls && tls_push(s) == IO_FAULT)
            return IO_FAULT;
        if (!s->out.len)
            return IO_OK;
        int result = send_some(s);
        if (result != IO_OK)
            return result;
    }
}

/* Everything has left: what was to happen then. */
static void sent_all(struct stream *s)
{
    bool is_through = s->state == STREAM_OPEN && !stream_unsent(s);
    if (is_through && (s->wants_shutdown || s->wants_close) && !s->did_shutdown) {
        s->did_shutdown = true;
        if (s->tls) {
            tls_say_goodbye(s);
            if (s->out.len && send_some(s) == IO_FAULT)
                return;
        }
        if (!s->wants_close && s->pipe)
            stream_close_pipe(s);
        else if (!s->wants_close)
            (void)shutdown(s->fd, SHUT_WR);
    }
    if (is_through && s->wants_close)
        stream_end(s);
}

void stream_flush(struct stream *s)
{
    if ((s->state != STREAM_SHAKING && s->state != STREAM_OPEN) || s->is_broken)
        return;
    int result = send_all(s);
    if (result == IO_FAULT)
        return;
    s->is_blocked = result == IO_AGAIN;
    if (s->was_high && stream_unsent(s) < STREAM_LOW) {
        s->was_high = false;
        s->owes_writable = true;
        stream_later(s);
    }
    if (result == IO_OK)
        sent_all(s);
    stream_watch(s);
}

void stream_shutdown(struct stream *s)
{
    s->wants_shutdown = true;
    if (s->state != STREAM_CLOSED)
        job_at_turn_end(s->loop, &s->flush, on_turn_end, s);
}

void stream_close_after_flush(struct stream *s)
{
    s->wants_close = true;
    if (s->state == STREAM_CONNECTING)
        stream_end(s);
    else if (s->state != STREAM_CLOSED)
        job_at_turn_end(s->loop, &s->flush, on_turn_end, s);
}
