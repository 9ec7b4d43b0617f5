/* poll_host: the smallest host that a library on the loop can live under: watches and timers over poll, in
 * the test's own thread. One at a time. */
#ifndef TEST_POLL_HOST_H
#define TEST_POLL_HOST_H

#include <base/check.h>
#include <base/clock.h>
#include <base/mem.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <trilby/plugin.h>
#include <trilby/services.h>

struct trb_timer {
    struct trb_timer *next;
    uint64_t at_ns;
    void (*fire)(void *);
    void *arg;
};

struct trb_watch {
    struct trb_watch *next;
    int fd;
    uint32_t want;
    void (*ready)(void *, uint32_t);
    void *arg;
};

static struct trb_timer *host_timers;
static struct trb_watch *host_watches;
static uint64_t host_deadline_ns;

static struct trb_timer *host_timer_start(const struct trb_origin *o, uint64_t after_ns, void (*fire)(void *), void *arg)
{
    struct trb_timer *t = mem_zero(sizeof *t);
    *t = (struct trb_timer){host_timers, clock_now_ns() + after_ns, fire, arg};
    return host_timers = t;
}

static struct trb_timer *host_timer_cancel(struct trb_timer *t)
{
    struct trb_timer **at = &host_timers;
    if (!t)
        return NULL;
    while (*at && *at != t)
        at = &(*at)->next;
    check(*at);
    *at = t->next;
    return mem_free(t);
}

static struct trb_watch *host_watch_start(const struct trb_origin *o, int32_t fd, uint32_t want, void (*ready)(void *, uint32_t),
                                          void *arg)
{
    struct trb_watch *w = mem_zero(sizeof *w);
    *w = (struct trb_watch){host_watches, fd, want, ready, arg};
    return host_watches = w;
}

static void host_watch_change(struct trb_watch *w, uint32_t want)
{
    w->want = want;
}

static struct trb_watch *host_watch_end(struct trb_watch *w)
{
    struct trb_watch **at = &host_watches;
    if (!w)
        return NULL;
    while (*at && *at != w)
        at = &(*at)->next;
    check(*at);
    *at = w->next;
    return mem_free(w);
}

static void host_once(const char *key, void (*init)(void))
{
    static bool is_done;
    if (!is_done)
        init();
    is_done = true;
}

static const void *host_extension(const char *id)
{
    static const struct trb_timer_service timers = {sizeof timers, host_timer_start, host_timer_cancel};
    static const struct trb_watch_service watches = {sizeof watches, host_watch_start, host_watch_change, host_watch_end};
    static const struct trb_once_service once = {sizeof once, host_once};
    return !strcmp(id, TRB_TIMER) ? (const void *)&timers
           : !strcmp(id, TRB_WATCH) ? (const void *)&watches
           : !strcmp(id, TRB_ONCE) ? (const void *)&once
                                   : NULL;
}

struct trb_buf {
    struct trb_slice bytes;
    void (*release)(void *);
    void *arg;
};

static struct trb_buf *host_buf_wrap(const struct trb_origin *o, struct trb_slice bytes, void (*release)(void *), void *arg)
{
    return mem_copy(&(struct trb_buf){bytes, release, arg}, sizeof(struct trb_buf));
}

static struct trb_buf *host_buf_unref(struct trb_buf *b)
{
    if (b)
        b->release(b->arg);
    return mem_free(b);
}

static uint64_t host_deadline(const struct trb_call *call)
{
    return host_deadline_ns;
}

static const struct trb_host poll_host = {
    .size = sizeof poll_host, .extension = host_extension, .now_ns = clock_now_ns, .deadline_ns = host_deadline,
    .buf_wrap = host_buf_wrap, .buf_unref = host_buf_unref};

static inline struct trb_timer *host_first_timer(void)
{
    struct trb_timer *first = host_timers;
    for (struct trb_timer *t = host_timers; t; t = t->next)
        if (t->at_ns < first->at_ns)
            first = t;
    return first;
}

static inline void host_turn(void)
{
    struct pollfd fds[64];
    nfds_t count = 0;
    struct trb_timer *first = host_first_timer();
    uint64_t now = clock_now_ns();
    int wait_ms = !first ? 10000 : first->at_ns <= now ? 0 : (int)((first->at_ns - now) / 1000000 + 1);
    for (struct trb_watch *w = host_watches; w; w = w->next) {
        check(count < countof(fds));
        fds[count++] = (struct pollfd){w->fd, (short)((w->want & TRB_WATCH_READ ? POLLIN : 0) | (w->want & TRB_WATCH_WRITE ? POLLOUT : 0)), 0};
    }
    check(count || first);                              /* else nothing would ever happen */
    poll(fds, count, wait_ms);
    for (nfds_t n = 0; n < count; n++)
        for (struct trb_watch *w = fds[n].revents ? host_watches : NULL; w; w = w->next)
            if (w->fd == fds[n].fd) {
                short got = fds[n].revents;
                w->ready(w->arg, (got & (POLLIN | POLLHUP | POLLERR) ? TRB_WATCH_READ : 0) | (got & (POLLOUT | POLLERR) ? TRB_WATCH_WRITE : 0));
                break;
            }
    first = host_first_timer();
    if (first && first->at_ns <= clock_now_ns())
        first->fire(first->arg);
}

/* What the host does before stop. */
static inline void host_take_back(void)
{
    while (host_timers)
        host_timer_cancel(host_timers);
    while (host_watches)
        host_watch_end(host_watches);
}

#endif
