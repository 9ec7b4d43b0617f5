/* peer_out: a call to another sidecar by CallLocalStream, and by CallLocal where the other is too old.
 *
 *     resolve ──► call ──► first chunk ──► payloads … half-close
 *                      ◄── first chunk ◄── payloads … status
 *
 * Tried again (3 times, 1 s apart, the address asked for anew) only when the transport failed before
 * anything was answered and the body can be sent again. */
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <channel/peer_metrics.h>

#define CHUNK 32768
#define COPIED 4096                /* bytes below which a frame is copied */
#define USUAL_HEAD 896
#define TRIES 3
#define STREAMED SLICE("/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream")
#define UNARY SLICE("/dapr.proto.internals.v1.ServiceInvocation/CallLocal")

static void connect_to(struct outgoing *o);
static void look_up(struct outgoing *o);

/* The message is written behind its prefix. room: what it will measure, about. */
static struct text frame_begin(size_t room)
{
    struct text frame = {0};
    (void)text_room(&frame, GRPC_PREFIX + room);
    text_wrote(&frame, GRPC_PREFIX);
    return frame;
}

/* What is small is copied on its way, the rest travels in its own memory. */
static bool frame_send(struct outgoing *o, struct text *frame)
{
    grpc_frame_prefix(frame->at, frame->len - GRPC_PREFIX);
    if (frame->len < COPIED) {
        bool room = http_call_write(&o->call, (struct trb_data){frame->at, frame->len, NULL});
        text_fini(frame);
        return room;
    }
    struct trb_buf *all = text_to_buf(frame);
    bool room = http_call_write(&o->call, buf_data(all));
    buf_unref(all);
    return room;
}

/* ------------------------------------------------------------------------------------ requests */
static struct peer_request request_of_call(struct outgoing *o)
{
    struct trb_outcall *q = &o->question;
    return (struct peer_request){.method = q->path, .query = q->query, .content_type = q->content_type,
                                 .type_url = q->type_url, .has_extension = q->method.at != NULL,
                                 .verb = peer_verb(q->method), .metadata = q->headers};
}

static bool send_chunk(struct outgoing *o, const struct peer_request *head, struct trb_slice data, bool has_data)
{
    struct text frame = frame_begin((head ? USUAL_HEAD : 32) + data.len);
    struct peer_payload payload = {.data = data, .seq = o->seq_out, .is_present = has_data};
    peer_write_request_chunk(&frame, head, &payload);
    if (has_data)
        o->seq_out++;
    return frame_send(o, &frame);
}

bool peer_out_write(struct outgoing *o, struct trb_data piece)
{
    struct trb_slice rest = slice_from(piece.at, piece.len);
    bool room = true;
    while (rest.len) {
        struct trb_slice part = slice_cut(rest, rest.len < CHUNK ? rest.len : CHUNK);
        room = send_chunk(o, NULL, part, true);
        rest = slice_skip(rest, part.len);
    }
    return room;
}

void peer_out_finish(struct outgoing *o)
{
    http_call_finish(&o->call, NULL);
}

static void send_unary(struct outgoing *o)
{
    struct peer_request whole = request_of_call(o);
    if (o->question.body_mode == TRB_BODY_GIVEN)
        whole.data = slice_from(o->question.body.at, o->question.body.len);
    struct text frame = frame_begin(USUAL_HEAD + whole.data.len);
    peer_write_request(&frame, &whole);
    frame_send(o, &frame);
    peer_out_finish(o);
}

static void send_request(struct outgoing *o)
{
    struct peer_request head = request_of_call(o);
    struct trb_outcall *q = &o->question;
    if (o->is_unary)
        return send_unary(o);
    bool given = q->body_mode == TRB_BODY_GIVEN && q->body.len;
    struct trb_slice first = given ? slice_from(q->body.at, q->body.len < CHUNK ? q->body.len : CHUNK) : SLICE("");
    o->seq_out = 0;
    send_chunk(o, &head, first, given);
    if (given && q->body.len > first.len)
        peer_out_write(o, (struct trb_data){q->body.at + first.len, q->body.len - first.len, q->body.owner});
    if (o->is_relayed)
        outgoing_pump(o);
    else
        peer_out_finish(o);
}

/* ------------------------------------------------------------------------------------- failing */
static bool may_try_again(const struct outgoing *o, const struct trb_error *err)
{
    return (err->code == TRB_UNAVAILABLE || err->code == TRB_UNAUTHENTICATED) && !o->head_seen && !o->is_relayed;
}

static void on_again(void *arg)
{
    struct outgoing *o = arg;
    if (o->is_running)
        look_up(o);
}

/* The other side knows no streams: the whole body goes at once, if it is there. */
static bool is_too_old(const struct outgoing *o, const struct trb_error *err)
{
    return err->code == TRB_UNIMPLEMENTED && !o->is_unary && !o->head_seen;
}

static void go_unary(struct outgoing *o)
{
    struct trb_error err = ERROR_INIT;
    if (o->is_relayed) {
        error_set(&err, TRB_UNIMPLEMENTED, "PEER_TOO_OLD", "target app '%.*s' is running a version of Dapr that does not "
                  "support streaming-based service invocation. Please upgrade the sidecar of the target app, or send a "
                  "body of known length", SLICE_ARG(o->question.app_id));
        return outgoing_fail(o, &err);
    }
    o->is_unary = true;
    connect_to(o);
}

void peer_out_fail(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    said.text = said.details = NULL;
    bool again = may_try_again(o, err);
    if (is_too_old(o, err))
        return go_unary(o);
    if (again && o->tries < TRIES) {
        o->tries++;
        http_pool_drop_idle(o->pool);      /* the next attempt dials anew */
        timer_after(o->rq->loop, &o->again, CLOCK_S, on_again, o);
        return;
    }
    error_prefix(&said, "rpc error: code = %s desc = ", error_code_name(err->code));
    if (again)
        error_prefix(&said, "failed to invoke target %.*s after %u retries. Error: ", SLICE_ARG(o->question.app_id),
                     o->tries);
    outgoing_fail(o, &said);
}

void peer_out_break_off(struct outgoing *o, trb_code code, const char *format, ...)
{
    struct trb_error err = ERROR_INIT;
    va_list ap;
    va_start(ap, format);
    error_vset(&err, code, "PEER", format, ap);
    va_end(ap);
    http_call_cancel(&o->call);
    peer_out_fail(o, &err);
}

/* ------------------------------------------------------------------------------------ starting */
static void add_trace(struct outgoing *o)
{
    struct arena *a = o->rq->arena;
    struct trb_slice parent = o->rq->traceparent;
    if (!parent.len)
        return;
    http_header_add(a, &o->head.headers, SLICE("traceparent"), parent);
    if (o->rq->tracestate.len)
        http_header_add(a, &o->head.headers, SLICE("tracestate"), o->rq->tracestate);
    http_header_add(a, &o->head.headers, SLICE("grpc-trace-bin"), grpc_trace_bin(a, parent));
}

static void make_head(struct outgoing *o)
{
    struct arena *a = o->rq->arena;
    o->head = (struct http_head){.method = SLICE("POST"), .target = o->is_unary ? UNARY : STREAMED, .authority = slice_name(o->address),
                                 .scheme = SLICE("http"), .content_length = HTTP_LENGTH_UNKNOWN};
    http_header_add(a, &o->head.headers, SLICE("content-type"), SLICE("application/grpc"));
    http_header_add(a, &o->head.headers, SLICE("user-agent"), SLICE(GRPC_USER_AGENT));
    http_header_add(a, &o->head.headers, SLICE("te"), SLICE("trailers"));
    http_header_add(a, &o->head.headers, SLICE("dapr-callee-app-id"), o->question.app_id);
    add_trace(o);
    grpc_add_timeout(o);
}

static void connect_to(struct outgoing *o)
{
    struct trb_error err = ERROR_INIT;
    o->pool = pool_for_peer(slice_name(o->address));
    if (!o->pool) {
        error_set(&err, TRB_INTERNAL, "BAD_ADDRESS", "the name resolver answered '%s', which is no host:port",
                  o->address.at);
        return outgoing_fail(o, &err);
    }
    grpc_reader_fini(&o->reader);
    grpc_reader_init(&o->reader, (size_t)channel_setup()->max_message, false);
    make_head(o);
    o->protocol = &peer_out_protocol;
    o->call = (struct http_call){.magic = HTTP_CALL_MAGIC, .events = &outgoing_events, .loop = o->rq->loop, .arena = o->rq->arena};
    http_pool_call(o->pool, &o->call, &o->head, (struct trb_data){0});
    send_request(o);
}

static void on_found(void *arg, struct trb_slice address, const struct trb_error *err)
{
    struct outgoing *o = arg;
    if (o->is_running && err) {
        outgoing_fail(o, err);
    } else if (o->is_running) {
        o->address = arena_name(o->rq->arena, address);
        connect_to(o);
    }
    request_unpin(o->rq);
}

static void look_up(struct outgoing *o)
{
    const struct channel_setup *s = channel_setup();
    request_pin(o->rq);
    s->resolve(s->arg, o->question.app_id, o->question.namespace_, on_found, o);
}

void peer_out_start(struct outgoing *o)
{
    peer_metrics_asked(channel_setup()->info->app_id, o->question.app_id, false);
    look_up(o);
}
