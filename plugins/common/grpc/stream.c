/* stream: calls in which both sides send messages while they last. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/channel.h>
#include <grpc/frame.h>

/* ------------------------------------------------------------------------------------- receiving */
static struct trb_slice untold(const struct grpc_call *c)
{
    return slice_skip(text_slice(&c->reply), c->taken);
}

static void drop_told(struct grpc_call *c)
{
    struct trb_slice rest = untold(c);
    memmove(c->reply.at, rest.at, rest.len);
    c->reply.len = rest.len;
    c->taken = 0;
}

/* A message tells the asker, who may pause or end the stream, or destroy the channel. */
static trb_code tell_messages(struct grpc_call *c, size_t most, struct trb_error *err)
{
    struct trb_slice message;
    if (c->reply.len && (c->http_status != 200 || !c->is_grpc))
        return call_outcome(c, c->grpc->setup.config->product, &message, err);
    while (!c->is_over && !c->is_paused) {
        size_t len = 0;
        bool is_whole = grpc_frame_first(untold(c), &message, &len);
        if (len > most)
            return trb_error(err, TRB_EXHAUSTED, "TOO_LARGE", "a message of %zu bytes is larger than is taken", len);
        if (!is_whole)
            return TRB_OK;
        if (!message.at)
            return trb_error(err, TRB_INTERNAL, "PROTOCOL", "a message is compressed, which was not offered");
        c->taken += GRPC_HEAD + len;
        c->events->message(c->arg, message);
    }
    return TRB_OK;
}

static void detach(struct grpc_call *c)
{
    if (c->conn && c->stream_id)
        conn_cancel(c->conn, c);
    list_remove(&c->link);
    list_remove(&c->arrived);
    c->conn = NULL;
}

static void tell_end(struct grpc_call *c, const struct trb_error *err)
{
    void (*ended)(void *, const struct trb_error *) = c->events->ended;
    void *arg = c->arg;
    c->is_over = true;
    c->conn = NULL;
    list_remove(&c->link);
    list_remove(&c->arrived);
    if (!c->is_telling)
        call_free(c);
    ended(arg, err);
}

/* All that was waiting before the end has been told. */
static void tell_last(struct grpc_call *c)
{
    struct trb_error err = *c->last;
    if (!err.code && !c->is_finished && untold(c).len)
        trb_error(&err, TRB_INTERNAL, "PROTOCOL", "the stream has ended in the middle of a message");
    tell_end(c, err.code ? &err : NULL);
}

static void deliver(struct grpc_call *c)
{
    struct trb_error err = {0};
    c->is_telling = true;
    trb_code code = tell_messages(c, c->grpc->setup.config->max_reply, &err);
    c->is_telling = false;
    if (c->is_over) {
        call_free(c);
        return;
    }
    if (c->taken)
        drop_told(c);
    if (code) {
        detach(c);
        call_tell(c, (struct trb_slice){0}, &err);
    } else if (!c->is_paused && c->conn) {
        conn_consumed(c->conn, c);
    } else if (!c->is_paused && c->last) {
        tell_last(c);
    }
}

void stream_arrived(void *channel, struct conn *conn, struct grpc_call *c)
{
    struct grpc *g = checked(channel, struct grpc, GRPC_MAGIC);
    channel_enter(g);
    if (!c->is_paused)
        deliver(c);
    channel_leave(g);
}

/* The server has said all, and its messages wait for an asker who has paused. */
static bool has_more(const struct grpc_call *c)
{
    struct trb_slice message;
    size_t len;
    return c->has_status && c->is_paused && !c->is_finished && !c->is_telling && !c->grpc->is_dead &&
           grpc_frame_first(untold(c), &message, &len);
}

void stream_tell_end(struct grpc_call *c, const struct trb_error *err)
{
    if (!c->last) {
        c->last = mem_zero(sizeof *c->last);
        if (err)
            *c->last = *err;
    }
    if (!has_more(c)) {
        tell_last(c);
        return;
    }
    c->conn = NULL;
    list_append(&c->grpc->ended, &c->link);
}

/* --------------------------------------------------------------------------------------- asking */
struct grpc_call *grpc_open(struct grpc *g, const char *path, const struct grpc_stream_events *events, void *arg)
{
    struct grpc_call *c = mem_zero(sizeof *c);
    check(!g->is_dead);
    c->path = path;
    c->events = events;
    c->arg = arg;
    c->grpc = g;
    c->since_ns = g->setup.host->now_ns();
    c->deadline_ns = GRPC_NO_DEADLINE;
    list_init(&c->link);
    list_init(&c->arrived);
    if (!g->conn || !conn_is_up(g->conn) || !g->is_open || !conn_start(g->conn, c))
        call_wait(g, c);
    return c;
}

void grpc_send(struct grpc_call *c, struct text *message)
{
    if (c->last) {                              /* nobody reads any more */
        text_fini(message);
        return;
    }
    if (c->sent == c->request.len) {
        text_clear(&c->request);
        c->sent = 0;
    }
    grpc_frame_head(message->at, message->len - GRPC_HEAD);
    text_add(&c->request, text_slice(message));
    text_fini(message);
    if (c->conn)
        conn_send(c->conn, c);
}

void grpc_finish(struct grpc_call *c)
{
    c->is_finished = true;
    if (c->conn)
        conn_send(c->conn, c);
}

void grpc_pause(struct grpc_call *c, bool is_paused)
{
    struct grpc *g = c->grpc;
    bool was_paused = c->is_paused;
    c->is_paused = is_paused;
    if (!was_paused || is_paused || c->is_telling)
        return;
    channel_enter(g);
    deliver(c);
    channel_leave(g);
}

void grpc_end(struct grpc_call *c)
{
    struct grpc *g = c->grpc;
    struct conn *conn = c->conn;
    channel_enter(g);
    detach(c);
    c->is_over = true;
    if (!c->is_telling)
        call_free(c);
    if (conn)
        conn_flush_later(conn);
    channel_leave(g);
}
