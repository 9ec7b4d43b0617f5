/* late: calls whose time is over, and servers that say nothing. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/channel.h>

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
        conn_cancel(conn, c);
        list_append(late, node);
    }
    return is_silent;
}

static void end_idle(struct grpc *g)
{
    list_each(node, &g->leaving)
        if (conn_is_idle(list_item(node, struct leaving, link)->conn))
            leaving_end(list_item(node, struct leaving, link));
}

static void on_watch(void *arg)
{
    struct grpc *g = checked(arg, struct grpc, GRPC_MAGIC);
    uint64_t now = g->setup.host->now_ns(), next = UINT64_MAX;
    struct trb_error err = {0};
    struct list late;
    list_init(&late);
    g->watch = g->timers->cancel(g->watch);
    channel_enter(g);
    late_in(&g->waiting, now, &late, &next);
    list_each(node, &g->leaving)
        cancel_late(list_item(node, struct leaving, link)->conn, now, &late, &next);
    end_idle(g);
    bool is_silent = g->conn && conn_is_up(g->conn) && cancel_late(g->conn, now, &late, &next);
    trb_error(&err, TRB_DEADLINE, "DEADLINE", "%s: no answer in time; what had been asked may have been carried out",
              g->setup.config->product);
    if (next != UINT64_MAX)
        late_watch(g, now, next);
    if (is_silent && !g->setup.config->is_patient)
        conn_lose(g->conn, "TIMEOUT", "no answer in time");
    else if (g->conn && conn_is_up(g->conn))
        conn_flush(g->conn);
    calls_tell(&late, &err);
    channel_leave(g);
}

void late_watch(struct grpc *g, uint64_t now, uint64_t next)
{
    if (g->watch && g->watch_ns <= next)
        return;
    g->watch = g->timers->cancel(g->watch);
    g->watch = g->timers->start(g->setup.origin, next > now ? next - now : 0, on_watch, g);
    g->watch_ns = next;
}
