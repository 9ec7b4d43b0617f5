/* grpc: a channel, from its creation to its end; asking, and telling who asked. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/channel.h>
#include <grpc/frame.h>

#define MAX_WAITING (64u << 20)                 /* bytes kept for a connection that is being dialled */

void channel_enter(struct grpc *g)
{
    g->depth++;
}

void channel_leave(struct grpc *g)
{
    if (--g->depth || !g->is_dead)
        return;
    g->magic = 0;
    mem_free(g);
}

/* ------------------------------------------------------------------------------------- telling */
void call_tell(struct grpc_call *c, struct trb_slice message, const struct trb_error *err)
{
    struct grpc_wish w = c->wish;
    struct grpc_said said = {.code = c->status, .text = text_slice(&c->status_text), .details = text_slice(&c->details)};
    if (c->events) {
        stream_tell_end(c, err);
        return;
    }
    w.said = c->has_status && c->http_status == 200 && c->is_grpc ? &said : NULL;
    w.answered(&w, message, err);
    call_free(c);
}

void calls_tell(struct list *calls, const struct trb_error *err)
{
    struct list *node;
    while ((node = list_take(calls)))
        call_tell(list_item(node, struct grpc_call, link), (struct trb_slice){0}, err);
}

static void list_move(struct list *to, struct list *from)
{
    struct list *node;
    list_init(to);
    while ((node = list_take(from)))
        list_append(to, node);
}

void calls_take_waiting(struct grpc *g, struct list *to)
{
    list_move(to, &g->waiting);
    g->waiting_bytes = 0;
}

void calls_take_running(struct conn *c, struct list *to)
{
    struct grpc_call *call;
    list_init(to);
    while ((call = conn_take(c)))
        list_append(to, &call->link);
}

void call_wait(struct grpc *g, struct grpc_call *c)
{
    list_append(&g->waiting, &c->link);
    g->waiting_bytes += c->request.len;
}

/* -------------------------------------------------------------------------------------- asking */
static void closing(const struct grpc *g, struct trb_error *err)
{
    trb_error(err, TRB_UNAVAILABLE, "CLOSED", "%s: the connection is closing", g->setup.config->product);
}

/* In waiting_bytes late calls are counted until the connection stands: a bound, not an account. */
void call_place(struct grpc *g, struct grpc_call *c)
{
    struct trb_error err = {0};
    if (!g->is_dead && g->conn && conn_is_up(g->conn) && (g->is_open || c->wish.greets)) {
        if (conn_start(g->conn, c))
            return;
        conn_part(g->conn);                     /* its streams are used up */
        route_part(g, g->conn);
    }
    if (!g->is_dead && !route_is_out(g) && g->waiting_bytes + c->request.len <= MAX_WAITING) {
        call_wait(g, c);
        return;
    }
    if (g->is_dead) {
        closing(g, &err);
    } else if (route_is_out(g)) {
        err = g->fault;
    } else {
        trb_error(&err, TRB_EXHAUSTED, "TOO_MUCH_WAITS", "%s: too much waits for the connection", g->setup.config->product);
        err.retryable = 1;
    }
    call_tell(c, (struct trb_slice){0}, &err);
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
    c->deadline_ns = timeout_ns ? now + (uint64_t)timeout_ns : GRPC_NO_DEADLINE;
    list_init(&c->link);
    list_init(&c->arrived);
    if (!g->is_dead && timeout_ns)
        late_watch(g, now, c->deadline_ns);
    call_place(g, c);
}

static struct grpc_call *find(struct list *calls, const void *call)
{
    list_each(node, calls)
        if (list_item(node, struct grpc_call, link)->wish.call == call)
            return list_item(node, struct grpc_call, link);
    return NULL;
}

bool grpc_cancel(struct grpc *g, const void *call)
{
    struct grpc_call *c = find(&g->waiting, call);
    struct conn *conn = c ? NULL : g->conn;
    c = c || !conn ? c : find(conn_running(conn), call);
    list_each(node, &g->leaving)
        if (!c)
            c = find(conn_running(conn = list_item(node, struct leaving, link)->conn), call);
    if (!c)
        return false;
    if (conn)
        conn_cancel(conn, c);
    else
        list_remove(&c->link);
    call_free(c);
    if (conn)
        conn_flush_later(conn);
    return true;
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
    list_init(&g->ended);
    route_dial(g);
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
    channel_enter(g);
    g->is_dead = true;
    g->rest = g->timers->cancel(g->rest);
    g->watch = g->timers->cancel(g->watch);
    calls_take_waiting(g, &calls);
    calls_tell(&calls, &err);
    calls_tell(&g->ended, &err);
    if (g->conn) {
        calls_take_running(g->conn, &calls);
        g->conn = conn_destroy(g->conn);
        calls_tell(&calls, &err);
    }
    while ((node = g->leaving.next) != &g->leaving) {
        struct leaving *l = list_item(node, struct leaving, link);
        calls_take_running(l->conn, &calls);
        leaving_end(l);
        calls_tell(&calls, &err);
    }
    channel_leave(g);
    return NULL;
}
