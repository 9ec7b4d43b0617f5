/* listener: see listener.h. One share per loop: its watch on the common socket and its connections.
 *
 * The kernel wakes whichever loop sleeps, which may leave one loop with most of the connections; a
 * loop with clearly more than the least busy one hands a fresh connection over. */
#include <net/listener.h>

#include <base/check.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <net/connection.h>
#include <net/socket.h>
#include <net/tls.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_A_TURN 32
#define FAIR_DIFFERENCE 8u
#define PAUSE_NS 100000000ull       /* when descriptors have run out */

struct share {
    struct connection_home home;    /* first: found from it */
    struct listener *listener;
    struct watch watch;
    struct timer pause;
    atomic_uint count;              /* home.count, readable by the others */
    bool is_draining;
    struct loop *asker;
    uint32_t asked, told;           /* the last question to end, and the last one answered */
};

struct listener {
    uint32_t magic;
    int fd;
    uint16_t port;
    bool is_serving;
    char *path;                     /* of a Unix socket: removed at the end */
    struct http_server_setup setup;
    struct tls_context *tls;
    struct share *shares;
    uint32_t share_count;
    struct loop *asker;             /* the loop that waits for done */
    void (*done)(void *arg);
    void *done_arg;
    uint32_t asked, reports;        /* questions to end; shares that have answered the last one */
    atomic_uint guests;             /* connections on their way between loops */
    bool is_freed_at_end;
};
#define LISTENER_MAGIC 0x4c53544eu

/* --- accepting -------------------------------------------------------------------------------- */
struct guest {                      /* a connection on its way to another loop */
    struct letter letter;
    struct share *to;
    int fd;
};

static void take_in(struct share *s, int fd)
{
    (void)connection_accept(&s->home, fd, s->listener->tls);
    atomic_store_explicit(&s->count, s->home.count, memory_order_relaxed);
}

static void on_guest(struct letter *letter)
{
    struct guest *g = container_of(letter, struct guest, letter);
    struct share *s = g->to;
    if (s->is_draining)
        close(g->fd);
    else
        take_in(s, g->fd);
    mem_free(g);
    atomic_fetch_sub(&s->listener->guests, 1);      /* the listener may be freed from here on */
}

static struct share *least_busy(struct listener *l)
{
    struct share *least = &l->shares[0];
    for (uint32_t i = 1; i < l->share_count; i++)
        if (atomic_load_explicit(&l->shares[i].count, memory_order_relaxed) <
            atomic_load_explicit(&least->count, memory_order_relaxed))
            least = &l->shares[i];
    return least;
}

static void place(struct share *s, int fd)
{
    struct share *least = s->listener->share_count > 1 ? least_busy(s->listener) : s;
    uint32_t theirs = atomic_load_explicit(&least->count, memory_order_relaxed);
    if (least == s || s->home.count <= theirs + FAIR_DIFFERENCE + theirs / 8) {
        take_in(s, fd);
        return;
    }
    struct guest *g = mem_zero(sizeof *g);
    g->letter.deliver = on_guest;
    g->to = least;
    g->fd = fd;
    atomic_fetch_add(&s->listener->guests, 1);
    atomic_fetch_add_explicit(&least->count, 1, memory_order_relaxed);
    loop_post(least->home.loop, &g->letter);
}

static void on_pause_over(void *arg)
{
    struct share *s = arg;
    watch_want(&s->watch, LOOP_READ | LOOP_EXCLUSIVE);
}

static void on_acceptable(void *arg, uint32_t what)
{
    struct share *s = arg;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(s->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            place(s, fd);
            continue;
        }
        bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (is_short) {
            log_write(LOG_WARN, "dapr.runtime.net", "cannot accept a connection: %s", socket_fault(errno));
            watch_want(&s->watch, 0);
            timer_after(s->home.loop, &s->pause, PAUSE_NS, on_pause_over, s);
        }
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static void report_if_empty(struct share *s);

static void on_ended(struct connection_home *home)
{
    struct share *s = container_of(home, struct share, home);
    atomic_store_explicit(&s->count, home->count, memory_order_relaxed);
    report_if_empty(s);
}

static void serve_share(void *arg)
{
    struct share *s = arg;
    struct trb_error err = ERROR_INIT;
    if (s->is_draining)
        return;
    if (watch_set(s->home.loop, &s->watch, s->listener->fd, LOOP_READ | LOOP_EXCLUSIVE, on_acceptable, s,
                  &err))
        log_write(LOG_ERROR, "dapr.runtime.net", "cannot watch a listener: %s", err.message);
}

/* --- opening ---------------------------------------------------------------------------------- */
trb_code listener_bind(struct trb_slice address, uint16_t port, struct listener **ret_listener,
                       struct trb_error *err)
{
    int fd;
    trb_code code = socket_listen(address, port, &fd, err);
    if (code)
        return code;
    struct listener *l = mem_zero(sizeof *l);
    l->magic = LISTENER_MAGIC;
    l->fd = fd;
    l->port = socket_port(fd);
    if (slice_starts(address, SLICE("unix:")))
        l->path = mem_text(address.at + 5, address.len - 5);
    *ret_listener = l;
    return TRB_OK;
}

static void prepare_share(struct listener *l, struct share *s, struct loop *loop)
{
    connection_home_init(&s->home, loop, &l->setup);
    s->home.ended = on_ended;
    s->listener = l;
}

void listener_serve(struct listener *l, const struct http_server_setup *setup, struct tls_context *tls)
{
    check(l->magic == LISTENER_MAGIC && !l->is_serving && loop_count());
    l->is_serving = true;
    l->setup = *setup;
    l->tls = tls ? tls_context_ref(tls) : NULL;
    l->share_count = loop_count();
    l->shares = mem_zero(l->share_count * sizeof *l->shares);
    for (uint32_t i = 0; i < l->share_count; i++)
        prepare_share(l, &l->shares[i], loop_at(i));
    for (uint32_t i = 0; i < l->share_count; i++)
        loop_call(loop_at(i), serve_share, &l->shares[i]);
}

trb_code listener_open(struct trb_slice address, uint16_t port, const struct http_server_setup *setup,
                       struct tls_context *tls, struct listener **ret_listener, struct trb_error *err)
{
    trb_code code = listener_bind(address, port, ret_listener, err);
    if (!code)
        listener_serve(*ret_listener, setup, tls);
    return code;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

uint32_t listener_connections(const struct listener *l)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->share_count; i++)
        count += atomic_load_explicit(&l->shares[i].count, memory_order_relaxed);
    return count;
}

/* --- ending ----------------------------------------------------------------------------------- */
static void stop_listening(struct listener *l)
{
    if (l->fd < 0)
        return;
    close(l->fd);
    l->fd = -1;
    if (l->path)
        (void)unlink(l->path);
}

static void listener_free(struct listener *l)
{
    stop_listening(l);
    mem_free(l->path);
    tls_context_unref(l->tls);
    mem_free(l->shares);
    l->magic = 0;
    mem_free(l);
}

/* On the loop that asked. A guest that is still under way finds a listener. */
static void all_reported(void *arg)
{
    struct listener *l = checked(arg, struct listener, LISTENER_MAGIC);
    void (*done)(void *) = l->done;
    void *done_arg = l->done_arg;
    if (atomic_load(&l->guests)) {
        loop_call(l->asker, all_reported, l);
        return;
    }
    l->done = NULL;
    if (l->is_freed_at_end)
        listener_free(l);
    else
        stop_listening(l);
    if (done)
        done(done_arg);
}

/* A question to one share, and its answer. Questions may overlap (a drain, then a close): only
 * answers to the last one count. What is asked and answered is kept on the asking loop alone. */
struct ask {
    struct share *share;
    struct listener *listener;
    struct loop *asker;
    uint32_t number;
    bool cuts;
};

static void on_report(void *arg)
{
    struct ask *a = arg;
    struct listener *l = a->listener;
    bool is_last = a->number == l->asked && ++l->reports == l->share_count;
    mem_free(a);
    if (is_last)
        all_reported(l);
}

static void report_if_empty(struct share *s)
{
    if (!s->is_draining || s->told == s->asked || s->home.count)
        return;
    s->told = s->asked;
    struct ask *a = mem_zero(sizeof *a);
    a->listener = s->listener;
    a->number = s->told;
    loop_call(s->asker, on_report, a);
}

static void on_ask(void *arg)
{
    struct ask *a = arg;
    struct share *s = a->share;
    s->is_draining = true;
    s->asked = a->number;
    s->asker = a->asker;
    watch_end(&s->watch);
    timer_end(&s->pause);
    if (a->cuts)
        connection_home_cut(&s->home);
    else
        connection_home_drain(&s->home);
    mem_free(a);
    report_if_empty(s);
}

struct wish {
    struct listener *listener;
    struct loop *asker;
    bool cuts;
    void (*done)(void *arg);
    void *done_arg;
};

static void on_wish(void *arg)
{
    struct wish *w = arg;
    struct listener *l = checked(w->listener, struct listener, LISTENER_MAGIC);
    if (!l->asked && l->fd >= 0)
        (void)shutdown(l->fd, SHUT_RD);             /* newcomers are refused from here on */
    l->asker = w->asker;
    l->done = w->done;
    l->done_arg = w->done_arg;
    l->is_freed_at_end = w->cuts;
    l->asked++;
    l->reports = 0;
    for (uint32_t i = 0; i < l->share_count; i++) {
        struct ask *a = mem_zero(sizeof *a);
        *a = (struct ask){.share = &l->shares[i], .asker = w->asker, .number = l->asked, .cuts = w->cuts};
        loop_call(l->shares[i].home.loop, on_ask, a);
    }
    mem_free(w);
    if (!l->share_count)
        all_reported(l);
}

static void wish(struct listener *l, bool cuts, void (*done)(void *), void *arg)
{
    check(l->magic == LISTENER_MAGIC);
    struct wish *w = mem_zero(sizeof *w);
    *w = (struct wish){l, loop_self() ? loop_self() : loop_at(0), cuts, done, arg};
    loop_call(w->asker, on_wish, w);
}

void listener_drain(struct listener *l, void (*done)(void *arg), void *arg)
{
    wish(l, false, done, arg);
}

void listener_close(struct listener *l, void (*done)(void *arg), void *arg)
{
    wish(l, true, done, arg);
}
