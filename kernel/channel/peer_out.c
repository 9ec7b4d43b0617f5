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
#define TRIES 3
#define STREAMED SLICE("/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream")
#define UNARY SLICE("/dapr.proto.internals.v1.ServiceInvocation/CallLocal")

static void connect_to(struct outgoing *o);
static void look_up(struct outgoing *o);

static struct outgoing *outgoing_of(struct http_call *c)
{
    return checked(container_of(c, struct outgoing, call), struct outgoing, OUTGOING_MAGIC);
}

static struct trb_data framed(struct text *message, struct trb_buf **ret_buf)
{
    *ret_buf = grpc_frame(text_slice(message), false);
    return buf_data(*ret_buf);
}

/* ------------------------------------------------------------------------------------ requests */
static struct peer_request request_of_call(struct outgoing *o)
{
    struct trb_outcall *q = &o->question;
    return (struct peer_request){.method = q->path, .query = q->query, .content_type = q->content_type,
                                 .verb = peer_verb(q->method), .metadata = q->headers};
}

static bool send_chunk(struct outgoing *o, const struct peer_request *head, struct trb_slice data, bool has_data)
{
    struct text message = {0};
    struct trb_buf *frame;
    struct peer_payload payload = {.data = data, .seq = o->seq_out, .is_present = has_data};
    peer_write_request_chunk(&message, head, &payload);
    bool room = http_call_write(&o->call, framed(&message, &frame));
    buf_unref(frame);
    text_fini(&message);
    if (has_data)
        o->seq_out++;
    return room;
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
    struct text message = {0};
    struct trb_buf *frame;
    if (o->question.body_mode == TRB_BODY_GIVEN)
        whole.data = slice_from(o->question.body.at, o->question.body.len);
    peer_write_request(&message, &whole);
    http_call_write(&o->call, framed(&message, &frame));
    buf_unref(frame);
    text_fini(&message);
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

static void fail(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    bool again = may_try_again(o, err);
    if (is_too_old(o, err))
        return go_unary(o);
    if (again && o->tries < TRIES) {
        o->tries++;
        timer_after(o->rq->loop, &o->again, CLOCK_S, on_again, o);
        return;
    }
    error_prefix(&said, "rpc error: code = %s desc = ", error_code_name(err->code));
    if (again)
        error_prefix(&said, "failed to invoke target %.*s after %u retries. Error: ", SLICE_ARG(o->question.app_id),
                     o->tries);
    outgoing_fail(o, &said);
}

static void TRB_PRINTF(3, 4) break_off(struct outgoing *o, trb_code code, const char *format, ...)
{
    struct trb_error err = ERROR_INIT;
    va_list ap;
    va_start(ap, format);
    error_vset(&err, code, "PEER", format, ap);
    va_end(ap);
    http_call_cancel(&o->call);
    fail(o, &err);
}

/* ------------------------------------------------------------------------------------- answers */
static void take_response(struct outgoing *o, const struct peer_response *a)
{
    o->has_response = true;
    peer_metrics_was_answered(channel_setup()->info->app_id, o->question.app_id, a->code, clock_now_ns() - o->began_ns);
    o->outcome = (struct trb_outcome){
        .size = sizeof o->outcome, .status = a->code >= 100 ? (uint32_t)a->code : 0,
        .grpc_code = a->code < 100 ? a->code : 0, .reason = a->message, .headers = a->headers, .content_length = -1};
    struct trb_slice type = a->content_type;
    if (type.len && !trb_pair_get(&a->headers, "content-type").at) {
        struct trb_pair *to = arena_zero(o->rq->arena, (a->headers.count + 1) * sizeof *to);
        memcpy(to, a->headers.at, a->headers.count * sizeof *to);
        to[a->headers.count] = (struct trb_pair){NAME("Content-Type"), arena_name(o->rq->arena, type)};
        o->outcome.headers = (struct trb_pairs){to, a->headers.count + 1, sizeof *to};
    }
}

static bool wants_events(const struct outgoing *o)
{
    struct trb_name accept = trb_pair_get(&o->question.headers, "accept");
    return slice_is_nocase(slice_trim(slice_name(accept)), SLICE("text/event-stream"));
}

/* CallLocal: everything in one message. */
static void take_whole(struct outgoing *o, struct trb_buf *message)
{
    struct peer_response all;
    struct trb_slice bytes = slice_name(arena_name(o->rq->arena, buf_bytes(message)));
    if (!peer_read_response(o->rq->arena, bytes, &all) || !all.has_status || o->has_response)
        return break_off(o, TRB_INTERNAL, "the peer's answer is no InternalInvokeResponse");
    take_response(o, &all);
    outgoing_head(o);
    if (all.data.len && !o->failed)
        outgoing_piece(o, (struct trb_data){all.data.at, all.data.len, NULL});
}

/* Slices of the message end with it: the head is decoded from a copy in the request's arena. */
static void take_chunk(struct outgoing *o, struct trb_buf *message)
{
    struct peer_response head;
    struct peer_payload payload;
    bool has_head;
    struct trb_slice bytes = buf_bytes(message);
    if (!o->has_response)
        bytes = slice_name(arena_name(o->rq->arena, bytes));
    if (!peer_read_response_chunk(o->rq->arena, bytes, &has_head, &head, &payload))
        return break_off(o, TRB_INTERNAL, "the peer's answer is no InternalInvokeResponseStream");
    if (!o->has_response && (!has_head || !head.has_status))
        return break_off(o, TRB_INTERNAL, "response does not contain the required fields in the leading chunk");
    if (o->has_response && has_head && !wants_events(o))
        return break_off(o, TRB_INTERNAL, "response metadata found in non-leading chunk");
    if (has_head && !o->has_response) {
        take_response(o, &head);
        outgoing_head(o);
    }
    if (!payload.is_present || o->failed)
        return;
    if (payload.seq != o->seq_in++)
        return break_off(o, TRB_INTERNAL, "invalid sequence number received: %llu (expected: %llu)",
                         (unsigned long long)payload.seq, (unsigned long long)(o->seq_in - 1));
    if (payload.data.len)
        outgoing_piece(o, (struct trb_data){payload.data.at, payload.data.len,
                                            bytes.at == buf_bytes(message).at ? message : NULL});
}

static void take_head(struct outgoing *o, const struct http_head *head)
{
    struct trb_error err = ERROR_INIT;
    if (head->status != 200)
        return break_off(o, TRB_UNAVAILABLE, "unexpected HTTP status code received from server: %d", head->status);
    o->has_status = http_header_get(&head->headers, SLICE("grpc-status")).at != NULL;
    if (o->has_status && grpc_status_read(o->rq->arena, head->status, &head->headers, &err)) {
        http_call_cancel(&o->call);
        fail(o, &err);
    } else {
        o->reader.gzip = slice_is(http_header_get(&head->headers, SLICE("grpc-encoding")), SLICE("gzip"));
    }
}

static void take_data(struct outgoing *o, struct trb_data piece)
{
    struct trb_slice rest = slice_from(piece.at, piece.len);
    struct trb_error err = ERROR_INIT;
    while (rest.len && !o->failed) {
        struct trb_buf *message = NULL;
        if (grpc_reader_take(&o->reader, &rest, &message, &err)) {
            http_call_cancel(&o->call);
            return fail(o, &err);
        }
        if (message && o->is_unary)
            take_whole(o, message);
        else if (message)
            take_chunk(o, message);
        buf_unref(message);
    }
    if (!o->failed)
        outgoing_credit(o, piece.len);
}

static void take_end(struct outgoing *o, const struct http_headers *trailers)
{
    static const struct http_headers none;
    struct trb_error err = ERROR_INIT;
    if (o->failed)
        return;
    if (!o->has_status && grpc_status_read(o->rq->arena, 200, trailers ? trailers : &none, &err))
        return fail(o, &err);
    if (!o->has_response) {
        error_set(&err, TRB_INTERNAL, "PEER", "error invoking app channel: no response received from stream");
        return fail(o, &err);
    }
    outgoing_end(o);
}

static void take_failure(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    if (said.code != TRB_CANCELLED && said.code != TRB_DEADLINE)
        said.code = TRB_UNAVAILABLE;
    fail(o, &said);
}

/* What is told may be the last thing the request waited for: it stays until we are through. */
static void on_head(struct http_call *c, const struct http_head *head)
{
    struct request *rq = outgoing_of(c)->rq;
    request_pin(rq);
    take_head(outgoing_of(c), head);
    request_unpin(rq);
}

static void on_data(struct http_call *c, struct trb_data piece)
{
    struct request *rq = outgoing_of(c)->rq;
    request_pin(rq);
    take_data(outgoing_of(c), piece);
    request_unpin(rq);
}

static void on_end(struct http_call *c, const struct http_headers *trailers)
{
    struct request *rq = outgoing_of(c)->rq;
    request_pin(rq);
    take_end(outgoing_of(c), trailers);
    request_unpin(rq);
}

static void on_room(struct http_call *c)
{
    struct request *rq = outgoing_of(c)->rq;
    request_pin(rq);
    outgoing_pump(outgoing_of(c));
    request_unpin(rq);
}

static void on_failed(struct http_call *c, const struct trb_error *err)
{
    struct request *rq = outgoing_of(c)->rq;
    request_pin(rq);
    take_failure(outgoing_of(c), err);
    request_unpin(rq);
}

static const struct http_call_events events = {.head = on_head, .data = on_data, .end = on_end, .room = on_room,
                                               .failed = on_failed};

/* ------------------------------------------------------------------------------------ starting */
/* What is left of the request's time, in milliseconds as the wire counts it. */
static void add_deadline(struct outgoing *o)
{
    uint64_t now = clock_now_ns(), until = o->rq->deadline_ns;
    if (!until)
        return;
    uint64_t left_ms = until > now ? (until - now) / CLOCK_MS : 0;
    struct trb_name text = arena_printf(o->rq->arena, "%llum", (unsigned long long)(left_ms < 99999999 ? left_ms : 99999999));
    http_header_add(o->rq->arena, &o->head.headers, SLICE("grpc-timeout"), slice_name(text));
}

static void make_head(struct outgoing *o)
{
    struct arena *a = o->rq->arena;
    o->head = (struct http_head){.method = SLICE("POST"), .target = o->is_unary ? UNARY : STREAMED, .authority = slice_name(o->address),
                                 .scheme = SLICE("http"), .content_length = HTTP_LENGTH_UNKNOWN};
    http_header_add(a, &o->head.headers, SLICE("content-type"), SLICE("application/grpc"));
    http_header_add(a, &o->head.headers, SLICE("user-agent"), SLICE("grpc-c-trilby"));
    http_header_add(a, &o->head.headers, SLICE("te"), SLICE("trailers"));
    http_header_add(a, &o->head.headers, SLICE("dapr-callee-app-id"), o->question.app_id);
    if (o->rq->traceparent.len)
        http_header_add(a, &o->head.headers, SLICE("traceparent"), o->rq->traceparent);
    if (o->rq->tracestate.len)
        http_header_add(a, &o->head.headers, SLICE("tracestate"), o->rq->tracestate);
    add_deadline(o);
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
    o->call = (struct http_call){.magic = HTTP_CALL_MAGIC, .events = &events, .loop = o->rq->loop, .arena = o->rq->arena};
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
    peer_metrics_asked(channel_setup()->info->app_id, o->question.app_id);
    look_up(o);
}
