/* loop: the turn. Events, due timers and letters, then the run queue, then the turn-end jobs, then
 * sleep. Descriptors and signals are in watch.c; nothing else in the kernel knows libevent. */
#include <base/arena.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <errno.h>
#include <event2/event.h>
#include <loop/loop_inside.h>
#include <loop/watch_inside.h>

#define JOBS_A_TURN 1024                    /* then descriptors have their chance again */

static _Thread_local struct loop *self;

static struct {
    struct loop **at;
    uint32_t count;
} all;

void loop_refresh(struct loop *l)
{
    if (l->is_fresh)
        return;
    l->is_fresh = true;
    mailbox_awake(&l->mailbox);
    l->now_ns = clock_now_ns();
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    loop_refresh(arg);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    l->timers.armed_ns = 0;
    loop_refresh(l);
}

/* The change list merges what a turn does to a descriptor into one system call. It needs
 * descriptors that are not duplicates of each other, which a watch's owner promises. */
static struct event_base *open_base(void)
{
    struct event_config *config = event_config_new();
    check(config);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
                                      EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    event_config_require_features(config, EV_FEATURE_ET);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static bool open_parts(struct loop *l)
{
    if (!mailbox_open(&l->mailbox))
        return false;
    int next = watch_next_fd();
    l->base = open_base();
    if (!l->base)
        return false;
    l->epoll_fd = watch_prove_epoll(l, next);
    l->wake = event_new(l->base, l->mailbox.wake_fd, EV_READ | EV_ET | EV_PERSIST, on_wake, l);
    l->clock = event_new(l->base, -1, 0, on_clock, l);
    return l->wake && l->clock && event_add(l->wake, NULL) == 0;
}

struct loop *loop_create(uint32_t index, struct trb_error *err)
{
    struct loop *l = mem_zero(sizeof *l);
    l->index = index;
    l->mailbox.wake_fd = -1;
    l->epoll_fd = -1;
    l->now_ns = clock_now_ns();
    list_init(&l->queue);
    list_init(&l->at_turn_end);
    list_init(&l->signals);
    if (open_parts(l))
        return l;
    error_errno(err, errno ? errno : ENOMEM, "event loop");
    return loop_destroy(l);
}

/* ---------------------------------------------------------------------------------------- jobs */
static void enqueue(struct loop *l, struct list *queue, struct job *j, void (*run)(void *), void *arg)
{
    loop_check_owner(l);
    if (j->loop)
        return;
    j->loop = l;
    j->run = run;
    j->arg = arg;
    list_append(queue, &j->link);
}

void job_defer(struct loop *l, struct job *j, void (*run)(void *), void *arg)
{
    enqueue(l, &l->queue, j, run, arg);
}

void job_at_turn_end(struct loop *l, struct job *j, void (*run)(void *), void *arg)
{
    enqueue(l, &l->at_turn_end, j, run, arg);
}

void job_end(struct job *j)
{
    if (!j->loop)
        return;
    loop_check_owner(j->loop);
    list_remove(&j->link);
    j->loop = NULL;
}

static bool run_first(struct list *queue)
{
    struct list *first = list_take(queue);
    if (!first)
        return false;
    struct job *j = list_item(first, struct job, link);
    j->loop = NULL;
    j->run(j->arg);
    return true;
}

static void run_queue(struct loop *l)
{
    uint32_t left = JOBS_A_TURN;
    while (left && (run_first(&l->queue) || mailbox_deliver(&l->mailbox)))
        left--;
}

/* What queues itself again here waits for the next turn. */
static void run_turn_end(struct loop *l)
{
    struct list now;
    if (list_is_empty(&l->at_turn_end))
        return;
    now = l->at_turn_end;
    now.next->prev = now.prev->next = &now;
    list_init(&l->at_turn_end);
    while (run_first(&now))
        ;
}

/* ---------------------------------------------------------------------------------------- turn */
static void arm_clock(struct loop *l)
{
    uint64_t next = timers_next_ns(l);
    if (!next || (l->timers.armed_ns && l->timers.armed_ns <= next))
        return;
    uint64_t now = clock_now_ns();
    uint64_t us = next > now ? (next - now + 999) / 1000 : 0;
    if (us > 3600 * CLOCK_S / 1000)
        us = 3600 * CLOCK_S / 1000;         /* far enough: it will be set again */
    struct timeval tv = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    check(event_add(l->clock, &tv) == 0);
    l->timers.armed_ns = next;
}

static bool has_work(const struct loop *l)
{
    return !list_is_empty(&l->queue) || !list_is_empty(&l->at_turn_end) ||
           atomic_load_explicit(&l->stopping, memory_order_acquire);
}

static void poll_events(struct loop *l)
{
    int how = EVLOOP_ONCE;
    arm_clock(l);
    if (has_work(l) || !mailbox_fall_asleep(&l->mailbox))
        how |= EVLOOP_NONBLOCK;
    else if (atomic_load(&l->stopping))     /* it may have looked before we said that we sleep */
        how |= EVLOOP_NONBLOCK;
    l->is_fresh = false;
    check(event_base_loop(l->base, how) >= 0);
    loop_refresh(l);
}

static void run_turn(struct loop *l)
{
    poll_events(l);
    timers_fire(l);
    mailbox_deliver(&l->mailbox);
    run_queue(l);
    run_turn_end(l);
    atomic_fetch_add_explicit(&l->turn, 1, memory_order_acq_rel);
}

void loop_run(struct loop *l)
{
    check(!self);
    self = l;
    arena_keep_spares();
    atomic_store(&l->doing, &doing_here);
    atomic_store(&l->running, true);
    while (!atomic_load(&l->stopping))
        run_turn(l);
    atomic_store(&l->running, false);
    atomic_store(&l->doing, NULL);
    atomic_store(&l->stopping, false);
    self = NULL;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stopping, true);
    mailbox_wake(&l->mailbox);
}

/* Letters may hold memory that only their delivery frees, and lead to jobs that do the same. */
static void run_rest(struct loop *l)
{
    struct loop *before = self;
    self = l;
    for (int i = 0; i < 64 && (mailbox_has(&l->mailbox) || !list_is_empty(&l->queue) ||
                               !list_is_empty(&l->at_turn_end)); i++) {
        run_queue(l);
        run_turn_end(l);
    }
    self = before;
}

struct loop *loop_destroy(struct loop *l)
{
    if (!l)
        return NULL;
    check(!atomic_load(&l->running));
    run_rest(l);
    watch_signals_end(l);
    timers_fini(l);
    if (l->wake)
        event_free(l->wake);
    if (l->clock)
        event_free(l->clock);
    if (l->base)
        event_base_free(l->base);
    mailbox_close(&l->mailbox);
    return mem_free(l);
}

/* ------------------------------------------------------------------------------------- answers */
struct loop *loop_self(void)
{
    return self;
}

uint32_t loop_index(const struct loop *l)
{
    return l->index;
}

uint64_t loop_now_ns(const struct loop *l)
{
    return self == l ? l->now_ns : clock_now_ns();
}

uint64_t loop_turn(const struct loop *l)
{
    return atomic_load_explicit(&l->turn, memory_order_acquire);
}

const char *loop_doing(const struct loop *l)
{
    const struct doing *d = atomic_load_explicit(&l->doing, memory_order_acquire);
    return d ? atomic_load_explicit(&d->what, memory_order_acquire) : NULL;
}

void loop_set_all(struct loop **loops, uint32_t count)
{
    mem_free(all.at);
    all.at = count ? mem_copy(loops, count * sizeof *loops) : NULL;
    all.count = count;
}

uint32_t loop_count(void)
{
    return all.count;
}

struct loop *loop_at(uint32_t index)
{
    check(index < all.count);
    return all.at[index];
}
