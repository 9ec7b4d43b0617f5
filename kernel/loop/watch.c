/* watch: descriptors and signals as libevent sees them. */
#include <base/error.h>
#include <base/mem.h>
#include <errno.h>
#include <event2/event.h>
#include <loop/loop_inside.h>
#include <loop/watch_inside.h>

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

static bool apply(struct watch *w, uint32_t want)
{
    event_del(w->event);
    w->want = want;
    if (!(want & (LOOP_READ | LOOP_WRITE)))
        return true;
    return event_assign(w->event, w->loop->base, w->fd, events_of(want), on_ready, w) == 0 &&
           event_add(w->event, NULL) == 0;
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
    if (!w->event)
        w->event = event_new(l->base, fd, events_of(want), on_ready, w);
    if (w->event && apply(w, want))
        return TRB_OK;
    watch_end(w);
    return error_errno(err, errno ? errno : EINVAL, "watching a descriptor");
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
    event_free(w->event);
    w->event = NULL;
    w->want = 0;
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
