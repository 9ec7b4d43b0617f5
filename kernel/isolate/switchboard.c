/* switchboard: the host's half: judges where an isolated component wants to go, connects and hands over. */
#include <base/error.h>
#include <base/list.h>
#include <base/mem.h>
#include <base/slice.h>
#include <ctype.h>
#include <fcntl.h>
#include <isolate/dial.h>
#include <net/stream.h>
#include <stdio.h>
#include <sys/socket.h>
#include <trilby/options.h>
#include <unistd.h>

#define AT_ONCE 64u
#define TIMEOUT_NS (10 * 1000000000ull)

struct switchboard {
    int fd;
    struct watch watch;
    const struct trb_component *real;
    const struct trb_pairs *properties;
    struct list errands;
    uint32_t count;
};

struct errand {
    struct list link;
    struct switchboard *board;
    struct stream *stream;
    uint64_t id;
};

/* --------------------------------------------------------------------------------------- judging */
static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '.' || c == '-' || c == '_';
}

/* Behind the name: a port, which must be this one, or none. */
static bool port_fits(struct trb_slice behind, uint32_t port)
{
    uint32_t said = 0;
    size_t i = 1;
    if (behind.len < 2 || behind.at[0] != ':' || !isdigit((unsigned char)behind.at[1]))
        return true;
    for (; i < behind.len && isdigit((unsigned char)behind.at[i]) && said <= 65535; i++)
        said = said * 10 + (uint32_t)(behind.at[i] - '0');
    return said == port;
}

/* A name that is part of a longer one is not named. Brackets around an address belong to neither. */
static bool names(struct trb_slice text, struct trb_slice host, uint32_t port)
{
    for (size_t at = 0; host.len && at + host.len <= text.len; at++) {
        struct trb_slice behind = slice_skip(text, at + host.len);
        if (!slice_is_nocase(slice_from(text.at + at, host.len), host) || (at && is_of_name(text.at[at - 1])))
            continue;
        if (behind.len && behind.at[0] == ']')
            behind = slice_skip(behind, 1);
        if ((!behind.len || !is_of_name(behind.at[0])) && port_fits(behind, port))
            return true;
    }
    return false;
}

bool dial_is_named(const struct trb_component *real, const struct trb_pairs *properties, struct trb_slice host, uint32_t port)
{
    if (slice_starts(host, SLICE("unix:")))
        host = slice_skip(host, 5);
    for (uint32_t i = 0; i < properties->count; i++)
        if (names(slice_name(trb_pair_at(properties, i)->value), host, port))
            return true;
    for (size_t i = 0; i < real->option_count; i++) {
        const char *at = (const char *)(const void *)real->options + i * real->option_size;
        if (names(slice_of(((const struct trb_option *)(const void *)at)->fallback), host, port))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------- answering */
static void answer(struct switchboard *b, uint64_t id, int fd, struct trb_slice why)
{
    struct dial_answer a = {.id = id};
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&a, sizeof a};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    snprintf(a.why, sizeof a.why, "%.*s", SLICE_ARG(why));
    if (fd >= 0) {
        m.msg_control = control;
        m.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    (void)!sendmsg(b->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void end(struct errand *e)
{
    stream_destroy(e->stream);
    list_remove(&e->link);
    e->board->count--;
    mem_free(e);
}

static void on_connected(void *arg)
{
    struct errand *e = arg;
    answer(e->board, e->id, stream_fd(e->stream), (struct trb_slice){0});
    end(e);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct errand *e = arg;
    answer(e->board, e->id, -1, err ? error_text(err) : SLICE("closed"));
    end(e);
}

/* The product may speak first: what it says stays in the socket, for the child. */
static void on_readable(void *arg)
{
}

static const struct stream_events events = {.connected = on_connected, .readable = on_readable, .closed = on_closed};

/* --------------------------------------------------------------------------------------- asking */
static void refuse(struct switchboard *b, const struct dial_request *q, struct trb_slice host)
{
    char why[240];
    snprintf(why, sizeof why, "dial %.*s:%u: its options do not name that, and it is isolated (isolate-network: open lets it)",
             SLICE_ARG(host), q->port);
    answer(b, q->id, -1, slice_of(why));
}

static void connect_to(struct switchboard *b, const struct dial_request *q, struct trb_slice host)
{
    struct errand *e = mem_zero(sizeof *e);
    struct stream_target target = {.host = host, .port = (uint16_t)q->port, .connect_timeout_ns = TIMEOUT_NS};
    e->board = b;
    e->id = q->id;
    list_append(&b->errands, &e->link);
    b->count++;
    e->stream = stream_connect(loop_at(0), &target, &events, e);
    stream_read_on(e->stream, false);
}

static void on_ready(void *arg, uint32_t what)
{
    struct switchboard *b = arg;
    struct dial_request q;
    ssize_t len = recv(b->fd, &q, sizeof q, MSG_DONTWAIT);
    if (len == 0)
        return watch_end(&b->watch);
    if (len != sizeof q || q.len >= sizeof q.host || !q.len || q.port > 65535)
        return;
    struct trb_slice host = {q.host, q.len};
    if (memchr(host.at, 0, host.len) || !dial_is_named(b->real, b->properties, host, q.port))
        refuse(b, &q, host);
    else if (b->count >= AT_ONCE)
        answer(b, q.id, -1, SLICE("dial tcp: too many connections are being asked for"));
    else
        connect_to(b, &q, host);
}

struct switchboard *switchboard_create(int fd, const struct trb_component *real, const struct trb_pairs *properties)
{
    struct switchboard *b = mem_zero(sizeof *b);
    b->fd = fd;
    b->real = real;
    b->properties = properties;
    list_init(&b->errands);
    watch_set(loop_at(0), &b->watch, fd, LOOP_READ, on_ready, b, NULL);
    return b;
}

struct switchboard *switchboard_destroy(struct switchboard *b)
{
    if (!b)
        return NULL;
    list_each(node, &b->errands)
        end(list_item(node, struct errand, link));
    watch_end(&b->watch);
    close(b->fd);
    return mem_free(b);
}
