/* grpc: the channel: which connection a call goes over, and who is told when there is none. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/conn.h>
#include <grpc/frame.h>
#include <trilby/services.h>

#define MS 1000000ll
#define MIN_PAUSE (8 * MS)
#define MAX_PAUSE (512 * MS)
#define MAX_WAITING (64u << 20)                 /* bytes kept for a connection that is being dialled */
#define PATIENCE 1000000000ull                  /* an endpoint that cannot answer is left after this at the earliest */
#define MAX_REFUSALS 3u                         /* a call that servers refused unread is sent so often again */

struct leaving {
    struct list link;
    struct conn *conn;
};

struct grpc {
    uint32_t magic;
    struct grpc_setup setup;
    const struct trb_timer_service *timers;
    struct conn *conn;                          /* for new calls; NULL while resting */
    struct list leaving;                        /* servers that said goodbye and still work for us */
    struct list waiting;
    size_t waiting_bytes;
    uint32_t endpoint;
    uint32_t failures;                          /* attempts since the last success */
    uint32_t depth;
    bool is_dead;
    struct trb_timer *rest, *watch;
    uint64_t watch_ns;                          /* when the watch fires: no later than the first deadline */
    struct trb_error fault;
};
#define GRPC_MAGIC 0x47525048u

static void enter(struct grpc *g)
{
    g->depth++;
}

static void leave(struct grpc *g)
{
    if (--g->depth || !g->is_dead)
        return;
    g->magic = 0;
    mem_free(g);
}

/* ------------------------------------------------------------------------------------- telling */
static void tell(struct grpc_call *c, struct trb_slice message, const struct trb_error *err)
{
    struct grpc_wish w = c->wish;
    w.answered(&w, message, err);
    call_free(c);
}

static void tell_list(struct list *calls, const struct trb_error *err)
{
    struct list *node;
    while ((node = list_take(calls)))
        tell(list_item(node, struct grpc_call, link), (struct trb_slice){0}, err);
}

static void list_move(struct list *to, struct list *from)
{
    struct list *node;
    list_init(to);
    while ((node = list_take(from)))
        list_append(to, node);
}

static void take_waiting(struct grpc *g, struct list *to)
{
    list_move(to, &g->waiting);
    g->waiting_bytes = 0;
}

static void take_running(struct conn *c, struct list *to)
{
    struct grpc_call *call;
    list_init(to);
    while ((call = conn_take(c)))
        list_append(to, &call->link);
}

/* ---------------------------------------------------------------------------------- connecting */
static void dial(struct grpc *);

static void on_rested(void *arg)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    g->rest = g->timers->cancel(g->rest);
    dial(g);
}

static void rest(struct grpc *g)
{
    int64_t pause = MIN_PAUSE;
    for (uint32_t i = g->setup.config->endpoint_count; i < g->failures && pause < MAX_PAUSE; i++)
        pause *= 2;
    g->rest = g->timers->start(g->setup.origin, (uint64_t)pause, on_rested, g);
}

static void next_endpoint(struct grpc *g)
{
    g->endpoint = (g->endpoint + 1) % g->setup.config->endpoint_count;
}

static void enqueue(struct grpc *g, struct grpc_call *c)
{
    list_append(&g->waiting, &c->link);
    g->waiting_bytes += c->request.len;
}

static void start_waiting(struct grpc *g)
{
    struct list calls, *node;
    take_waiting(g, &calls);
    while ((node = list_take(&calls))) {
        struct grpc_call *c = list_item(node, struct grpc_call, link);
        if (!g->conn || !conn_start(g->conn, c))
            enqueue(g, c);
    }
}

static void on_up(void *arg, struct conn *conn)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    enter(g);
    g->failures = 0;
    start_waiting(g);
    g->setup.up(g->setup.arg);
    leave(g);
}

static bool is_out(const struct grpc *g)
{
    return g->failures >= g->setup.config->endpoint_count;
}

/* An attempt failed: the next endpoint is tried, and when that was the last of them, all are told. */
static void on_failed_attempt(struct grpc *g, const struct trb_error *err)
{
    struct list calls;
    g->failures++;
    g->fault = *err;
    next_endpoint(g);
    if (!is_out(g)) {
        dial(g);
        return;
    }
    rest(g);
    take_waiting(g, &calls);
    tell_list(&calls, err);
    if (!g->is_dead)
        g->setup.down(g->setup.arg, err);
}

static struct leaving *find_leaving(struct grpc *g, const struct conn *conn)
{
    list_each(node, &g->leaving)
        if (list_item(node, struct leaving, link)->conn == conn)
            return list_item(node, struct leaving, link);
    return NULL;
}

static void end_leaving(struct leaving *l)
{
    list_remove(&l->link);
    conn_destroy(l->conn);
    mem_free(l);
}

static void on_gone(void *arg, struct conn *conn, const struct trb_error *given)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    struct trb_error err = *given;
    struct leaving *l = find_leaving(g, conn);
    bool was_up = conn_was_up(conn);
    struct list calls;
    enter(g);
    take_running(conn, &calls);
    if (l)
        end_leaving(l);
    else
        g->conn = conn_destroy(conn);
    if (!l && was_up) {
        next_endpoint(g);
        dial(g);
    } else if (!l) {
        on_failed_attempt(g, &err);
    }
    tell_list(&calls, &err);
    leave(g);
}

static void part(struct grpc *g, struct conn *conn)
{
    g->conn = NULL;
    if (conn_is_idle(conn)) {
        conn_destroy(conn);
    } else {
        struct leaving *l = mem_alloc(sizeof *l);
        l->conn = conn;
        list_append(&g->leaving, &l->link);
    }
    next_endpoint(g);
    dial(g);
}

static void on_leaving(void *arg, struct conn *conn)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    enter(g);
    part(g, conn);
    leave(g);
}

/* A member of a cluster may be there without being able to answer, cut off from the others. */
static void leave_if_useless(struct grpc *g, struct conn *conn, const struct grpc_call *c)
{
    bool is_useless = conn == g->conn && conn_is_up(conn) && c->has_status && c->status == TRB_UNAVAILABLE;
    if (!is_useless || g->setup.config->endpoint_count < 2 || g->setup.host->now_ns() - conn_up_ns(conn) < PATIENCE)
        return;
    conn_part(conn);
    part(g, conn);
}

static void conclude(struct grpc *g, const char *who, struct grpc_call *c)
{
    struct trb_slice message;
    struct trb_error err = {0};
    if (call_outcome(c, who, &message, &err))
        tell(c, (struct trb_slice){0}, &err);
    else
        tell(c, message, NULL);
}

#define REFUSED_STREAM 7u                       /* HTTP/2: not processed at all */

static void place(struct grpc *g, struct grpc_call *c);

static void on_finished(void *arg, struct conn *conn, struct grpc_call *c)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    struct leaving *l;
    char who[300];
    enter(g);
    if (c->reset == REFUSED_STREAM && !c->http_status && ++c->refusals <= MAX_REFUSALS) {
        call_fresh(c);
        place(g, c);
    } else {
        snprintf(who, sizeof who, "%s %s", g->setup.config->product, conn_endpoint(conn)->text);
        leave_if_useless(g, conn, c);
        conclude(g, who, c);
    }
    l = g->is_dead ? NULL : find_leaving(g, conn);
    if (l && conn_is_idle(conn))
        end_leaving(l);
    leave(g);
}

static void dial(struct grpc *g)
{
    struct conn_setup c = {.host = g->setup.host, .origin = g->setup.origin, .config = g->setup.config,
                           .endpoint = &g->setup.config->endpoints[g->endpoint], .arg = g, .up = on_up,
                           .finished = on_finished, .leaving = on_leaving, .gone = on_gone};
    g->conn = conn_create(&c);
}

/* ----------------------------------------------------------------------------------- deadlines */
static void late_in(struct list *from, uint64_t now, struct list *late, uint64_t *ret_next)
{
    list_each(node, from) {
        struct grpc_call *c = list_item(node, struct grpc_call, link);
        if (c->deadline_ns <= now) {
            list_remove(node);
            list_append(late, node);
        } else if (c->deadline_ns < *ret_next) {
            *ret_next = c->deadline_ns;
        }
    }
}

/* A server that has said nothing since the oldest of them was asked is silent, not slow. */
static bool cancel_late(struct conn *conn, uint64_t now, struct list *late, uint64_t *ret_next)
{
    struct list own, *node;
    bool is_silent = false;
    list_init(&own);
    if (conn)
        late_in(conn_running(conn), now, &own, ret_next);
    while ((node = list_take(&own))) {
        struct grpc_call *c = list_item(node, struct grpc_call, link);
        is_silent = is_silent || conn_heard_ns(conn) <= c->since_ns;
        list_append(conn_running(conn), node);
        conn_cancel(conn, c);
        list_append(late, node);
    }
    return is_silent;
}

static void watch_from(struct grpc *g, uint64_t now, uint64_t next);

static void on_watch(void *arg)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    uint64_t now = g->setup.host->now_ns(), next = UINT64_MAX;
    struct trb_error err = {0};
    struct list late;
    list_init(&late);
    g->watch = g->timers->cancel(g->watch);
    enter(g);
    late_in(&g->waiting, now, &late, &next);
    list_each(node, &g->leaving)
        cancel_late(list_item(node, struct leaving, link)->conn, now, &late, &next);
    bool is_silent = g->conn && conn_is_up(g->conn) && cancel_late(g->conn, now, &late, &next);
    trb_error(&err, TRB_DEADLINE, "DEADLINE", "%s: no answer in time; what had been asked may have been carried out",
              g->setup.config->product);
    if (next != UINT64_MAX)
        watch_from(g, now, next);
    if (is_silent && g->conn)
        conn_lose(g->conn, "TIMEOUT", "no answer in time");
    tell_list(&late, &err);
    leave(g);
}

static void watch_from(struct grpc *g, uint64_t now, uint64_t next)
{
    if (g->watch && g->watch_ns <= next)
        return;
    g->watch = g->timers->cancel(g->watch);
    g->watch = g->timers->start(g->setup.origin, next > now ? next - now : 0, on_watch, g);
    g->watch_ns = next;
}

/* -------------------------------------------------------------------------------------- asking */
static void closing(const struct grpc *g, struct trb_error *err)
{
    trb_error(err, TRB_UNAVAILABLE, "CLOSED", "%s: the connection is closing", g->setup.config->product);
}

/* In waiting_bytes late calls are counted until the connection stands: a bound, not an account. */
static void place(struct grpc *g, struct grpc_call *c)
{
    struct trb_error err = {0};
    if (!g->is_dead && g->conn && conn_is_up(g->conn) && conn_start(g->conn, c))
        return;
    if (!g->is_dead && !is_out(g) && g->waiting_bytes + c->request.len <= MAX_WAITING) {
        enqueue(g, c);
        return;
    }
    if (g->is_dead) {
        closing(g, &err);
    } else if (is_out(g)) {
        err = g->fault;
    } else {
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "%s: too much waits for the connection", g->setup.config->product);
        err.retryable = 1;
    }
    tell(c, (struct trb_slice){0}, &err);
}

void grpc_ask(struct grpc *g, const struct grpc_wish *wish, const char *path, struct text *message, int64_t timeout_ns)
{
    struct grpc_call *c = mem_zero(sizeof *c);
    uint64_t now = g->setup.host->now_ns();
    c->wish = *wish;
    c->path = path;
    c->request = *message;
    *message = (struct text){0};
    grpc_frame_head(c->request.at, c->request.len - GRPC_HEAD);
    c->since_ns = now;
    c->deadline_ns = now + (uint64_t)timeout_ns;
    list_init(&c->link);
    if (!g->is_dead)
        watch_from(g, now, c->deadline_ns);
    place(g, c);
}

/* ---------------------------------------------------------------------------------------- life */
struct grpc *grpc_create(const struct grpc_setup *setup)
{
    struct grpc *g = mem_zero(sizeof *g);
    g->magic = GRPC_MAGIC;
    g->setup = *setup;
    g->timers = setup->host->extension(TRB_TIMER);
    list_init(&g->leaving);
    list_init(&g->waiting);
    dial(g);
    return g;
}

void grpc_forget(struct grpc *g)
{
    if (!g)
        return;
    g->rest = g->watch = NULL;
    if (g->conn)
        conn_forget(g->conn);
    list_each(node, &g->leaving)
        conn_forget(list_item(node, struct leaving, link)->conn);
}

struct grpc *grpc_destroy(struct grpc *g)
{
    if (!g)
        return NULL;
    struct trb_error err = {0};
    struct list calls, *node;
    check(g->magic == GRPC_MAGIC && !g->is_dead);
    closing(g, &err);
    enter(g);
    g->is_dead = true;
    g->rest = g->timers->cancel(g->rest);
    g->watch = g->timers->cancel(g->watch);
    take_waiting(g, &calls);
    tell_list(&calls, &err);
    if (g->conn) {
        take_running(g->conn, &calls);
        g->conn = conn_destroy(g->conn);
        tell_list(&calls, &err);
    }
    while ((node = g->leaving.next) != &g->leaving) {
        struct leaving *l = list_item(node, struct leaving, link);
        take_running(l->conn, &calls);
        end_leaving(l);
        tell_list(&calls, &err);
    }
    leave(g);
    return NULL;
}
