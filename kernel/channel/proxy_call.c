/* proxy_call: the call of the callee, and the request's bytes on their way there.
 *
 * Until there is a connection the request is held, and held back by the client's window: so it can go to
 * another address. From then on it flows; what a callee refuses unseen the pool says again. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <channel/proxied.h>

/* -------------------------------------------------------------------------- the request's bytes */
static void pay(struct proxied *p)
{
    size_t owed = p->request.owed;
    if (!p->request.has_room || !owed || !p->stream)
        return;
    p->request.owed = 0;
    grpc_consume(p->stream, owed);
}

/* Only what comes packed may grow on its way, so only that waits for room. */
static bool must_wait(const struct proxied_flow *f)
{
    return f->scan.is_gzip && !f->has_room;
}

/* What broke is the copy from the client, as the contract calls it, when the client's bytes are no messages. */
static void fail_scan(struct proxied *p, struct trb_error *err)
{
    if (err->code == TRB_INTERNAL && slice_starts(error_text(err), SLICE("grpc: failed to decompress")))
        error_prefix(err, "failed proxying server-to-client: rpc error: code = Internal desc = ");
    proxied_fail(p, err);
    error_release(err);
}

/* Sends what of piece has room; returns what has not. */
static struct trb_data send(struct proxied *p, struct trb_data piece)
{
    struct proxied_flow *f = &p->request;
    struct trb_error err = ERROR_INIT;
    struct trb_data part;
    while (piece.len && p->stream && !must_wait(f)) {
        if (proxy_scan_take(&f->scan, &piece, &part, &err)) {
            fail_scan(p, &err);
            break;
        }
        if (part.len)
            f->has_room = http_call_write(&p->call, part);
    }
    return piece;
}

static void send_end(struct proxied *p)
{
    if (!p->stream || !p->request.is_ended || p->request.held.len)
        return;
    if (proxy_scan_is_whole(&p->request.scan))
        http_call_finish(&p->call, NULL);
    else
        proxied_refuse(p, TRB_INTERNAL,
                       "failed proxying server-to-client: rpc error: code = Internal desc = unexpected EOF");
}

/* What has no room stays until there is some. */
static void pass(struct proxied *p, struct trb_data piece)
{
    struct gather *held = &p->request.held;
    struct trb_data rest = held->len ? piece : send(p, piece);
    if (p->stream && rest.len)
        gather_add(held, slice_from(rest.at, rest.len), SIZE_MAX);
}

void proxied_take(struct proxied *p, struct trb_data piece)
{
    p->request.owed += piece.len;
    if (p->is_open)
        pass(p, piece);
    else
        gather_add(&p->request.held, slice_from(piece.at, piece.len), SIZE_MAX);
    pay(p);
}

void proxied_take_end(struct proxied *p)
{
    p->request.is_ended = true;
    if (p->is_open)
        send_end(p);
}

static void pass_held(struct proxied *p)
{
    struct trb_buf *held = p->request.held.len ? gather_finish(&p->request.held) : NULL;
    if (held)
        pass(p, buf_data(held));
    buf_unref(held);
}

/* ------------------------------------------------------------------------------------- the call */
/* The first room is told when there is a connection. */
void proxied_room(struct proxied *p)
{
    p->is_open = p->request.has_room = true;
    pass_held(p);
    send_end(p);
    pay(p);
}

/* A pool that has no connection yet says when it has one to whoever was told to wait for room. */
void proxied_begin(struct proxied *p, struct http_pool *pool, struct trb_slice authority)
{
    const struct grpc_stream_info *info = p->info;
    p->is_begun = true;
    proxied_make_head(p, authority);
    p->call = (struct http_call){.magic = HTTP_CALL_MAGIC, .events = &proxied_events, .loop = info->loop,
                                 .arena = info->arena};
    http_pool_call(pool, &p->call, &p->head, (struct trb_data){NULL, 0, NULL});
    if (http_call_write(&p->call, (struct trb_data){"", 0, NULL}))
        proxied_room(p);
}

/* One more dial of another sidecar, at the address that is known then. */
bool proxied_again(struct proxied *p)
{
    if (p->is_open || p->is_local || p->was_again)
        return false;
    p->was_again = true;
    proxied_look_up(p);
    return true;
}

void proxied_stop(struct proxied *p)
{
    if (p->is_begun)
        http_call_cancel(&p->call);
    gather_drop(&p->request.held);
    gather_drop(&p->answer.held);
    proxy_scan_fini(&p->request.scan);
    proxy_scan_fini(&p->answer.scan);
}
