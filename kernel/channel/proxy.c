/* proxy: who is asked, and what the client's side tells. See proxy.h. */
#include <base/check.h>
#include <base/error.h>
#include <base/method_path.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <channel/peer_metrics.h>
#include <channel/proxied.h>
#include <channel/proxy.h>

static peer_policy *policy;

void proxy_set_policy(peer_policy *p)
{
    policy = p;
}

/* ----------------------------------------------------------------------------------- the end */
void proxied_fail(struct proxied *p, const struct trb_error *err)
{
    struct grpc_stream *stream = p->stream;
    p->stream = NULL;
    proxied_stop(p);
    if (stream)
        grpc_finish(stream, err);
}

void proxied_refuse(struct proxied *p, trb_code code, const char *format, ...)
{
    struct trb_error err = ERROR_INIT;
    va_list ap;
    va_start(ap, format);
    error_vset(&err, code, "PROXY", format, ap);
    va_end(ap);
    proxied_fail(p, &err);
}

static void on_release(struct request *rq, void *arg)
{
    struct proxied *p = checked(arg, struct proxied, PROXIED_MAGIC);
    proxied_stop(p);
    p->magic = 0;
}

/* ------------------------------------------------------------------------------------ the target */
static struct trb_slice target_of(const struct http_headers *headers)
{
    struct trb_slice callee = http_header_get(headers, SLICE("dapr-callee-app-id"));
    return callee.len ? callee : http_header_get(headers, SLICE("dapr-app-id"));
}

/* "id" or "id.namespace" */
static bool has_target(struct proxied *p)
{
    struct trb_slice target = target_of(p->info->headers), rest = target;
    p->app_id = slice_split(&rest, '.');
    p->namespace_ = rest;
    if (!target.len)
        proxied_refuse(p, TRB_UNKNOWN,
                       "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found");
    else if (rest.at && memchr(rest.at, '.', rest.len))
        proxied_refuse(p, TRB_UNKNOWN, "invalid app id %.*s", SLICE_ARG(target));
    else if (!p->app_id.len)
        proxied_refuse(p, TRB_UNKNOWN, "app id is empty");
    else
        return true;
    return false;
}

static struct trb_slice caller_of(const struct proxied *p)
{
    return http_header_get(p->info->headers, SLICE("dapr-caller-app-id"));
}

static bool has_known_encoding(struct proxied *p)
{
    struct trb_slice encoding = http_header_get(p->info->headers, SLICE("grpc-encoding"));
    if (!encoding.len || slice_is(encoding, SLICE("identity")) || slice_is(encoding, SLICE("gzip")))
        return true;
    proxied_refuse(p, TRB_UNIMPLEMENTED, "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                   SLICE_ARG(encoding));
    return false;
}

/* -------------------------------------------------------------------------------- the own app */
/* As it will be called: a policy judges what happens, not how it was spelled. */
static bool clean_path(struct proxied *p)
{
    char fault[METHOD_PATH_FAULT], *room = arena_alloc(p->info->arena, p->path.len + 1);
    if (method_path_clean(p->path, room, &p->path, fault))
        return true;
    proxied_refuse(p, TRB_INVALID, "invalid method: %s", fault);
    return false;
}

/* What comes by the API port is the app's own: no policy stands between an app and itself. */
static bool is_allowed(struct proxied *p)
{
    struct trb_error err = ERROR_INIT;
    if (!p->is_peer_port || !policy || !policy(p->info->peer_identity, p->path, SLICE("NONE"), &err))
        return true;
    proxied_fail(p, &err);
    error_release(&err);
    return false;
}

static void call_app(struct proxied *p)
{
    const struct trb_runtime_info *info = channel_setup()->info;
    p->is_local = true;
    if (!clean_path(p) || !is_allowed(p))
        return;
    struct trb_slice authority = slice_name(arena_printf(p->info->arena, "%s:%u", info->app_channel_address.at,
                                                         info->app_port));
    if (p->is_peer_port)
        peer_metrics_was_asked(info->app_id, caller_of(p));
    proxied_begin(p, pool_for_app_grpc(), authority);
}

/* --------------------------------------------------------------------------- another sidecar */
static void on_found(void *arg, struct trb_slice address, const struct trb_error *err)
{
    struct proxied *p = checked(arg, struct proxied, PROXIED_MAGIC);
    struct request *rq = p->info->request;
    if (p->stream && err) {
        proxied_refuse(p, TRB_UNKNOWN, "%.*s", SLICE_ARG(error_text(err)));
    } else if (p->stream) {
        p->address = arena_name(p->info->arena, address);
        struct http_pool *pool = pool_for_peer(address);
        if (pool)
            proxied_begin(p, pool, slice_name(p->address));
        else
            proxied_refuse(p, TRB_UNKNOWN, "the name resolver answered '%s', which is no host:port", p->address.at);
    }
    request_unpin(rq);
}

void proxied_look_up(struct proxied *p)
{
    const struct channel_setup *s = channel_setup();
    struct trb_slice own = s->info->namespace_.len ? slice_name(s->info->namespace_) : SLICE("default");
    request_pin(p->info->request);
    s->resolve(s->arg, p->app_id, p->namespace_.len ? p->namespace_ : own, on_found, p);
}

/* A sidecar that was asked by another one is the callee's: passing the call on once more would only help a
 * wrong name to send it round in circles. */
static bool is_astray(struct proxied *p)
{
    struct trb_slice caller = caller_of(p);
    if (!p->is_peer_port || !caller.len)
        return false;
    proxied_refuse(p, TRB_UNAVAILABLE, "app '%.*s' is not here: its name led the sidecar of '%.*s' to that of '%s'",
                   SLICE_ARG(p->app_id), SLICE_ARG(caller), channel_setup()->info->app_id.at);
    return true;
}

static void call_peer(struct proxied *p)
{
    peer_metrics_asked(channel_setup()->info->app_id, p->app_id, p->is_streaming);
    proxied_look_up(p);
}

void proxied_count_answer(struct proxied *p, trb_code code)
{
    struct trb_name we = channel_setup()->info->app_id;
    uint64_t took_ns = loop_now_ns(p->info->loop) - p->info->request->begun_ns;
    if (!p->is_local)
        peer_metrics_was_answered(we, p->app_id, code, p->is_streaming, took_ns);
    else if (p->is_peer_port)
        peer_metrics_answered(we, caller_of(p), code);
}

/* ------------------------------------------------------------------------ what the client tells */
static void open_on(struct grpc_stream *s, bool is_peer_port)
{
    const struct grpc_stream_info *info = grpc_stream_info(s);
    struct proxied *p = arena_zero(info->arena, sizeof *p);
    p->magic = PROXIED_MAGIC;
    p->stream = s;
    p->info = info;
    p->is_peer_port = is_peer_port;
    p->path = info->request->exchange->request.target;
    p->is_streaming = slice_is_truthy(http_header_get(info->headers, SLICE("dapr-stream")));
    proxy_scan_init(&p->request.scan, channel_setup()->max_message,
                    http_header_get(info->headers, SLICE("grpc-encoding")), false);
    grpc_stream_set_owner(s, p);
    request_at_end(info->request, &p->ending, on_release, p);
    if (!has_known_encoding(p) || !has_target(p))
        return;
    if (slice_is(p->app_id, slice_name(channel_setup()->info->app_id)))
        call_app(p);
    else if (!is_astray(p))
        call_peer(p);
}

static void on_open(struct grpc_stream *s)
{
    open_on(s, false);
}

static void on_open_peer(struct grpc_stream *s)
{
    open_on(s, true);
}

static struct proxied *of(struct grpc_stream *s)
{
    return checked(grpc_stream_owner(s), struct proxied, PROXIED_MAGIC);
}

static void on_message(struct grpc_stream *s, struct trb_data piece)
{
    proxied_take(of(s), piece);
}

static void on_half_close(struct grpc_stream *s)
{
    proxied_take_end(of(s));
}

static void on_room(struct grpc_stream *s)
{
    struct request *rq = of(s)->info->request;
    request_pin(rq);
    proxied_answer_room(of(s));
    request_unpin(rq);
}

static void on_cancel(struct grpc_stream *s, uint32_t why)
{
    struct proxied *p = of(s);
    p->stream = NULL;
    proxied_stop(p);
}

const struct grpc_service_handler *proxy_handler(bool is_peer_port)
{
    static const struct grpc_service_handler handlers[] = {
        {"*", "*", on_open, on_message, on_half_close, on_room, on_cancel, GRPC_RAW, NULL},
        {"*", "*", on_open_peer, on_message, on_half_close, on_room, on_cancel, GRPC_RAW, NULL},
    };
    return &handlers[is_peer_port];
}
