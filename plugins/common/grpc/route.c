/* route: dialling, one endpoint after the other, and what becomes of connections that end. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/channel.h>

#define MS 1000000ll
#define MIN_PAUSE (8 * MS)
#define MAX_PAUSE (512 * MS)
#define PATIENCE 1000000000ull                  /* an endpoint that cannot answer is left after this at the earliest */
#define MAX_REFUSALS 3u                         /* a call that servers refused unread is sent so often again */

static void on_rested(void *arg)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    g->rest = g->timers->cancel(g->rest);
    route_dial(g);
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

static void start_waiting(struct grpc *g)
{
    struct list calls, *node;
    calls_take_waiting(g, &calls);
    while ((node = list_take(&calls))) {
        struct grpc_call *c = list_item(node, struct grpc_call, link);
        if (!g->conn || !conn_start(g->conn, c))
            call_wait(g, c);
    }
}

void grpc_greeted(struct grpc *g)
{
    channel_enter(g);
    g->is_open = true;
    if (g->conn && conn_is_up(g->conn))
        start_waiting(g);
    channel_leave(g);
}

static void on_up(void *arg, struct conn *conn)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    channel_enter(g);
    g->failures = 0;
    g->is_open = !g->setup.greets;
    if (g->is_open)
        start_waiting(g);
    g->setup.up(g->setup.arg);
    channel_leave(g);
}

bool route_is_out(const struct grpc *g)
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
    if (!route_is_out(g)) {
        route_dial(g);
        return;
    }
    rest(g);
    calls_take_waiting(g, &calls);
    calls_tell(&calls, err);
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

void leaving_end(struct leaving *l)
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
    channel_enter(g);
    calls_take_running(conn, &calls);
    if (l)
        leaving_end(l);
    else
        g->conn = conn_destroy(conn);
    if (!l && was_up) {
        next_endpoint(g);
        route_dial(g);
    } else if (!l) {
        on_failed_attempt(g, &err);
    }
    calls_tell(&calls, &err);
    channel_leave(g);
}

void route_part(struct grpc *g, struct conn *conn)
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
    route_dial(g);
}

static void on_leaving(void *arg, struct conn *conn)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    channel_enter(g);
    route_part(g, conn);
    channel_leave(g);
}

/* A member of a cluster may be there without being able to answer, cut off from the others. */
static void leave_if_useless(struct grpc *g, struct conn *conn, const struct grpc_call *c)
{
    bool is_useless = conn == g->conn && conn_is_up(conn) && c->has_status && c->status == TRB_UNAVAILABLE;
    if (!is_useless || g->setup.config->endpoint_count < 2 || g->setup.host->now_ns() - conn_up_ns(conn) < PATIENCE)
        return;
    conn_part(conn);
    route_part(g, conn);
}

static void conclude(struct grpc *g, const char *who, struct grpc_call *c)
{
    struct trb_slice message;
    struct trb_error err = {0};
    if (call_outcome(c, who, &message, &err))
        call_tell(c, (struct trb_slice){0}, &err);
    else
        call_tell(c, message, NULL);
}

#define REFUSED_STREAM 7u                       /* HTTP/2: not processed at all */

static void on_finished(void *arg, struct conn *conn, struct grpc_call *c)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    struct leaving *l;
    char who[300];
    channel_enter(g);
    if (!c->events && c->reset == REFUSED_STREAM && !c->http_status && ++c->refusals <= MAX_REFUSALS) {
        call_fresh(c);
        call_place(g, c);
    } else {
        snprintf(who, sizeof who, "%s %s", g->setup.config->product, conn_endpoint(conn)->text);
        leave_if_useless(g, conn, c);
        conclude(g, who, c);
    }
    l = g->is_dead ? NULL : find_leaving(g, conn);
    if (l && conn_is_idle(conn))
        leaving_end(l);
    channel_leave(g);
}

void route_dial(struct grpc *g)
{
    struct conn_setup c = {.host = g->setup.host, .origin = g->setup.origin, .config = g->setup.config,
                           .endpoint = &g->setup.config->endpoints[g->endpoint], .arg = g, .up = on_up,
                           .finished = on_finished, .arrived = stream_arrived, .leaving = on_leaving, .gone = on_gone};
    g->conn = conn_create(&c);
}
