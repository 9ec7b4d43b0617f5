/* dial: the child's half: what waits for the host to connect. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/child.h>
#include <isolate/dial.h>
#include <isolate/ids.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct waiting {
    uint64_t id;
    void (*done)(void *arg, int fd, const struct trb_error *);
    void *arg;
    struct job job;                        /* it could not even be asked */
    char why[240];
};

static struct {
    struct loop *loop;
    int fd;
    struct watch watch;
    struct ids waiting;
} line;

static void answer(struct waiting *w, int fd, const char *why)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "CONNECTION", "%s", why);
    ids_drop(&line.waiting, w->id);
    w->done(w->arg, fd, fd < 0 ? &err : NULL);
    job_end(&w->job);
    mem_free(w);
}

static void on_not_asked(void *arg)
{
    struct waiting *w = arg;
    answer(w, -1, w->why);
}

static void *begin(struct loop *loop, struct trb_slice host, uint16_t port,
                   void (*done)(void *, int, const struct trb_error *), void *arg)
{
    struct waiting *w = mem_zero(sizeof *w);
    struct dial_request q = {.port = port, .len = (uint32_t)host.len};
    w->done = done;
    w->arg = arg;
    q.id = w->id = ids_put(&line.waiting, w);
    if (host.len < sizeof q.host)
        memcpy(q.host, host.at, host.len);
    if (host.len < sizeof q.host && send(line.fd, &q, sizeof q, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof q)
        return w;
    snprintf(w->why, sizeof w->why, "dial tcp: too many connections are being asked for");
    job_defer(loop, &w->job, on_not_asked, w);
    return w;
}

static void cancel(void *ticket)
{
    struct waiting *w = ticket;
    ids_drop(&line.waiting, w->id);
    job_end(&w->job);
    mem_free(w);
}

/* The descriptor that came with a packet; -1: none. */
static int descriptor_of(struct msghdr *m)
{
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static void on_ready(void *unused, uint32_t what)
{
    struct dial_answer a;
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&a, sizeof a};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(line.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof a)
        return;
    int fd = descriptor_of(&m);
    struct waiting *w = ids_get(&line.waiting, a.id);
    a.why[sizeof a.why - 1] = 0;
    if (w)
        answer(w, fd, a.why);
    else if (fd >= 0)
        close(fd);
}

static const struct stream_dialer dialer = {.begin = begin, .cancel = cancel};

void dial_through(struct loop *loop, int fd)
{
    line.loop = loop;
    line.fd = fd;
    watch_set(loop, &line.watch, fd, LOOP_READ, on_ready, NULL, NULL);
    stream_dial_through(&dialer);
}
