/* stream_read: bytes from the socket into one block, which goes back when it is empty. */
#include <net/stream_private.h>

#include <base/check.h>
#include <base/slice.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BIG_ROOM (65536u - (uint32_t)sizeof(struct block))
#define LEAST_ROOM 1024u
#define READS_A_TURN 4              /* TLS: records taken before others have their turn */

/* A block of the given room with what is unread at its front. */
static void move(struct stream *s, size_t room)
{
    struct block *old = s->in, *b = block_new(room);
    size_t len = block_len(old);
    memcpy(b->bytes, old->at, len);
    b->end = b->bytes + len;
    block_unref(old);
    s->in = b;
}

static void make_room(struct stream *s)
{
    size_t usual = s->reads_big ? BIG_ROOM : BLOCK_ROOM;
    if (!s->in) {
        s->in = block_new(usual < s->read_limit ? usual : s->read_limit);
        return;
    }
    if (block_room(s->in) >= LEAST_ROOM)
        return;
    size_t len = block_len(s->in), want = len * 2 > usual ? len * 2 : usual;
    if (want > s->read_limit)
        want = s->read_limit;
    if (want > len)
        move(s, want);
}

static int read_some(struct stream *s, char *to, size_t room, size_t *ret_got)
{
    if (s->tls)
        return tls_read(s, to, room, ret_got);
    ssize_t got = s->pipe ? read(s->fd, to, room) : recv(s->fd, to, room, 0);
    if (got > 0) {
        *ret_got = (size_t)got;
        return IO_OK;
    }
    if (got == 0)
        return IO_EOF;
    if (errno == EAGAIN || errno == EINTR)
        return IO_AGAIN;
    int number = errno;
    struct trb_slice local = stream_local(s), peer = stream_peer(s);
    stream_fail(s, TRB_UNAVAILABLE, "read tcp %.*s->%.*s: read: %s", SLICE_ARG(local), SLICE_ARG(peer),
                socket_fault(number));
    return IO_FAULT;
}

/* A waiting rest does not keep a large block alive. */
static void settle(struct stream *s)
{
    if (!s->in)
        return;
    size_t len = block_len(s->in);
    if (!len)
        s->in = block_unref(s->in);
    else if (s->in->size >= BLOCK_ROOM && len < BLOCK_ROOM / 8)
        move(s, len * 2 < 512 ? 512 : len * 2);
}

/* One read. Returns whether another may find more at once. */
static bool take(struct stream *s)
{
    make_room(s);
    size_t room = block_room(s->in), unread = block_len(s->in), got = 0;
    if (unread >= s->read_limit)
        return false;
    if (room > s->read_limit - unread)
        room = s->read_limit - unread;
    int result = read_some(s, s->in->end, room, &got);
    if (result == IO_OK) {
        s->in->end += got;
        s->reads_big = got == room;
        s->events->readable(s->arg);
    } else if (result == IO_EOF) {
        s->is_eof = true;
        if (s->events->eof)
            s->events->eof(s->arg);
    }
    return result == IO_OK && s->tls && s->state == STREAM_OPEN;
}

void stream_read_now(struct stream *s)
{
    s->owes_read = false;
    stream_enter(s);
    if (s->is_broken && (s->state == STREAM_SHAKING || s->is_eof || s->is_paused))
        stream_end(s);
    else if (s->state == STREAM_SHAKING)
        stream_shake(s);
    else if (s->state == STREAM_OPEN && !s->is_eof && !s->is_paused) {
        int turns = 0;
        while ((take(s) || s->is_broken) && !s->is_paused && s->state == STREAM_OPEN && !s->is_eof &&
               ++turns < READS_A_TURN)
            ;
        if (s->is_broken && s->state == STREAM_OPEN)
            stream_end(s);
        else if (s->state == STREAM_OPEN) {
            settle(s);
            stream_watch(s);
            stream_resume(s);
        }
    }
    stream_leave(s);
}

/* TLS may hold bytes that the socket will never announce. */
void stream_resume(struct stream *s)
{
    if (s->state != STREAM_OPEN || !s->tls || s->is_paused || s->is_eof || !tls_has_pending(s))
        return;
    if (s->in && block_len(s->in) >= s->read_limit)
        return;
    s->owes_read = true;
    stream_later(s);
}

struct trb_slice stream_bytes(const struct stream *s)
{
    return s->in ? slice_from(s->in->at, block_len(s->in)) : (struct trb_slice){"", 0};
}

void stream_consume(struct stream *s, size_t n)
{
    if (!n)
        return;
    check(s->in && n <= block_len(s->in));
    bool was_full = block_len(s->in) >= s->read_limit;
    s->in->at += n;
    if (s->in->at == s->in->end) {
        if (block_is_shared(s->in) || !s->depth)
            s->in = block_unref(s->in);
        else
            s->in->at = s->in->end = s->in->bytes;
    }
    if (was_full) {
        stream_watch(s);
        stream_resume(s);
    }
}

struct trb_buf *stream_take(struct stream *s, size_t n)
{
    struct trb_slice all = stream_bytes(s);
    check(n <= all.len);
    struct trb_slice part = slice_from(all.at, n);
    bool is_large = s->in && n >= s->in->size / 2;
    struct trb_buf *b = is_large ? block_share(s->in, part) : buf_copy(part);
    stream_consume(s, n);
    return b;
}

void stream_read_on(struct stream *s, bool on)
{
    if (s->is_paused == !on)
        return;
    s->is_paused = !on;
    stream_watch(s);
    stream_resume(s);
}

void stream_read_limit(struct stream *s, size_t bytes)
{
    s->read_limit = bytes < LEAST_ROOM ? LEAST_ROOM : bytes;
    stream_watch(s);
}
