/* watch: descriptors and signals as libevent sees them.
 *
 * libevent cannot say EPOLLEXCLUSIVE. An exclusive watch is therefore two things: an event on a
 * stand-in, a descriptor that never becomes ready, and an entry of our own in libevent's epoll that
 * reports the listening socket under the stand-in's number. */
#include <base/error.h>
#include <base/mem.h>
#include <errno.h>
#include <event2/event.h>
#include <loop/loop_inside.h>
#include <loop/watch_inside.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
/* libevent tells epoll of a closed descriptor later in the turn, when another thread may have its number
 * again; epoll knows the file by more than its number and says that it is not there. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libevent_core\n";
}
#endif

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct watch *w = arg;
    loop_refresh(w->loop);
    w->ready(w->arg, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

static short events_of(uint32_t want)
{
    return (short)(EV_PERSIST | (want & LOOP_READ ? EV_READ : 0) | (want & LOOP_WRITE ? EV_WRITE : 0) |
                   (want & LOOP_EDGE ? EV_ET : 0));
}

/* The number under which libevent knows the watch: its own, or its stand-in's. */
static int event_fd(const struct watch *w)
{
    return (int)event_get_fd(w->event);
}

static bool has_stand_in(const struct watch *w)
{
    return event_fd(w) != w->fd;
}

static bool enter_exclusive(struct loop *l, int fd, int stand_in)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = stand_in};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

static bool create_event(struct watch *w, uint32_t want)
{
    int fd = w->fd;
    if (want & LOOP_EXCLUSIVE && w->loop->epoll_fd >= 0)
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return false;
    w->event = event_new(w->loop->base, fd, events_of(want), on_ready, w);
    if (!w->event && fd != w->fd)
        close(fd);
    return w->event;
}

static void pause_watch(struct watch *w)
{
    event_del(w->event);
    if (has_stand_in(w) && w->want & LOOP_READ)
        epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->want = 0;
}

static bool apply(struct watch *w, uint32_t want)
{
    int fd = event_fd(w);
    pause_watch(w);
    if (!(want & (LOOP_READ | LOOP_WRITE)))
        return true;
    if (event_assign(w->event, w->loop->base, fd, events_of(want), on_ready, w) != 0 ||
        event_add(w->event, NULL) != 0 ||
        (fd != w->fd && want & LOOP_READ && !enter_exclusive(w->loop, w->fd, fd)))
        return false;
    w->want = want;
    return true;
}

trb_code watch_set(struct loop *l, struct watch *w, int fd, uint32_t want,
                   void (*ready)(void *arg, uint32_t what), void *arg, struct trb_error *err)
{
    loop_check_owner(l);
    if (w->event && (w->loop != l || w->fd != fd))
        watch_end(w);
    w->loop = l;
    w->ready = ready;
    w->arg = arg;
    if (w->event && w->want == want)
        return TRB_OK;
    w->fd = fd;
    errno = 0;
    if ((w->event || create_event(w, want)) && apply(w, want))
        return TRB_OK;
    int number = errno ? errno : EINVAL;
    watch_end(w);
    return error_errno(err, number, "watching a descriptor");
}

void watch_want(struct watch *w, uint32_t want)
{
    if (!w->event || w->want == want)
        return;
    loop_check_owner(w->loop);
    check(apply(w, want));
}

void watch_end(struct watch *w)
{
    if (!w->event)
        return;
    loop_check_owner(w->loop);
    int fd = event_fd(w);
    pause_watch(w);
    event_free(w->event);
    if (fd != w->fd)
        close(fd);
    w->event = NULL;
}

/* ------------------------------------------------------------------------------- libevent's epoll */
int watch_next_fd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd;
}

static bool is_epoll(int fd)
{
    char path[32], kind[32] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, kind, sizeof kind - 1) > 0 && strcmp(kind, "anon_inode:[eventpoll]") == 0;
}

static void on_proof(void *arg, uint32_t what)
{
    *(bool *)arg = what & LOOP_READ;
}

int watch_prove_epoll(struct loop *l, int candidate)
{
    bool seen = false;
    struct watch proof = {0};
    int ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ready < 0)
        return -1;
    if (is_epoll(candidate)) {
        l->epoll_fd = candidate;
        if (watch_set(l, &proof, ready, LOOP_READ | LOOP_EXCLUSIVE, on_proof, &seen, NULL) == TRB_OK)
            event_base_loop(l->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
        /* The change list forgets the descriptor while it is still ours: its number may be another's soon. */
        watch_end(&proof);
        event_base_loop(l->base, EVLOOP_NONBLOCK | EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
    }
    close(ready);
    return seen ? candidate : -1;
}

/* ------------------------------------------------------------------------------------- signals */
struct signal_watch {
    struct list link;
    struct loop *loop;
    struct event *event;
    void (*run)(void *arg, int number);
    void *arg;
};

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct signal_watch *s = arg;
    loop_refresh(s->loop);
    s->run(s->arg, (int)number);
}

void loop_on_signal(struct loop *l, int number, void (*run)(void *arg, int number), void *arg)
{
    loop_check_owner(l);
    struct signal_watch *s = mem_zero(sizeof *s);
    s->loop = l;
    s->run = run;
    s->arg = arg;
    s->event = evsignal_new(l->base, number, on_signal, s);
    check(s->event && event_add(s->event, NULL) == 0);
    list_append(&l->signals, &s->link);
}

void watch_signals_end(struct loop *l)
{
    for (struct list *node; (node = list_take(&l->signals));) {
        struct signal_watch *s = list_item(node, struct signal_watch, link);
        event_free(s->event);
        mem_free(s);
    }
}
