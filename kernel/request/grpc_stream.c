/* grpc_stream: messages and status of one gRPC call, both for steps and for the kernel's handlers. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <request/grpc_private.h>
#include <request/private.h>

#define SMALL 1024u                 /* bytes of a message up to which it is framed on the stack */

/* --------------------------------------------------------------------------------- coming in */

static bool is_raw(const struct grpc_stream *s)
{
    return s->entry.handler && s->entry.handler->flags & GRPC_RAW;
}

static bool is_over(const struct grpc_stream *s)
{
    return s->finished || s->rq->phase == REQUEST_ENDED || s->rq->cancelled;
}

void grpc_stream_begin(struct grpc_stream *s)
{
    grpc_reader_init(&s->reader, s->door->setup.max_body, s->gzip);
    s->has_reader = true;
}

void grpc_stream_fini(struct grpc_stream *s)
{
    if (s->has_reader)
        grpc_reader_fini(&s->reader);
    s->has_reader = false;
    grpc_table_unref(s->table);
    s->magic = 0;
}

static void consume(struct grpc_stream *s, size_t bytes)
{
    if (bytes && s->rq->cancelled != TRB_WHY_CLIENT)
        s->x->ops->consume(s->x, bytes);
}

/* Prefixes and compression make wire bytes differ from message bytes: the last message that is taken
 * opens whatever is still withheld. */
void grpc_stream_open_window(struct grpc_stream *s, size_t message_bytes)
{
    bool is_last = s->entry.handler ? s->lent == 0 : s->rq->body.count == 0;
    if (s->rq->phase == REQUEST_ENDED)
        return;
    size_t bytes = is_last || message_bytes + 5 > s->withheld ? s->withheld : message_bytes + 5;
    s->withheld -= bytes;
    consume(s, bytes);
}

static void deliver(struct grpc_stream *s, struct trb_buf *message)
{
    struct trb_data data = buf_data(message);
    if (s->entry.handler) {
        s->lent += data.len;
        s->entry.handler->on_message(s, data);
        buf_unref(message);
        if (!s->lent)
            grpc_stream_open_window(s, 0);  /* an empty message is consumed as it comes */
        return;
    }
    if (s->entry.method->client_streams) {
        request_body_feed(s->rq, data);
        buf_unref(message);
    } else if (!s->got_message) {
        request_body_give(s->rq, message);
        s->got_message = true;
        request_start(s->rq, s->rq->then);
    } else {
        buf_unref(message);             /* a second message of a unary call */
    }
    s->got_message = true;
}

static bool is_streaming(const struct grpc_stream *s)
{
    return s->entry.handler || s->entry.method->client_streams;
}

/* Bytes of an unfinished message open the window at once: it may be larger than the window. */
static void take_messages(struct grpc_stream *s, struct trb_slice piece)
{
    struct trb_error err = ERROR_INIT;
    while (piece.len && !is_over(s)) {
        struct trb_buf *message = NULL;
        size_t before = piece.len;
        if (grpc_reader_take(&s->reader, &piece, &message, &err)) {
            consume(s, before);
            grpc_finish(s, &err);
            error_release(&err);
            return;
        }
        size_t used = before - piece.len;
        if (message && is_streaming(s))
            s->withheld += used;
        else
            consume(s, used);
        if (message)
            deliver(s, message);
    }
    consume(s, piece.len);
}

void grpc_stream_data(struct grpc_stream *s, struct trb_data data)
{
    if (is_over(s)) {
        consume(s, data.len);
    } else if (is_raw(s)) {
        s->lent += data.len;
        s->withheld += data.len;
        s->entry.handler->on_message(s, data);
    } else {
        take_messages(s, (struct trb_slice){data.at, data.len});
    }
}

void grpc_stream_end(struct grpc_stream *s)
{
    struct trb_error err = ERROR_INIT;
    if (is_over(s) || s->half_closed)
        return;
    s->half_closed = true;
    if (!is_raw(s) && !grpc_reader_is_empty(&s->reader)) {
        error_set(&err, TRB_INTERNAL, "", "unexpected EOF");
        grpc_finish(s, &err);
    } else if (s->entry.handler) {
        s->entry.handler->on_half_close(s);
    } else if (s->entry.method->client_streams) {
        request_body_end(s->rq);
    } else if (!s->got_message) {
        error_set(&err, TRB_UNKNOWN, "", "EOF");
        grpc_finish(s, &err);
    }
}

/* --------------------------------------------------------------------------------- going out */

static void add(struct grpc_stream *s, struct http_headers *to, const char *name, struct trb_slice value)
{
    http_header_add(s->rq->arena, to, slice_of(name), value);
}

/* InvokeService's answer has the app's trace. */
static void add_trace(struct grpc_stream *s, struct http_headers *to)
{
    char bytes[TRACE_BIN_LEN];
    bool is_invoke = s->entry.method && slice_is(slice_of(s->entry.method->name), SLICE("InvokeService"));
    if (!s->door->setup.trace.is_on || is_raw(s))
        return;
    if (s->rq->baggage.at && !request_has_header(s->rq, SLICE("baggage")))
        add(s, to, "baggage", s->rq->baggage);
    if (is_invoke)
        return;
    trace_bin(&s->rq->trace, bytes);
    add(s, to, "grpc-trace-bin", grpc_bin_encode(s->rq->arena, slice_from(bytes, sizeof bytes)));
}

static struct http_head head_of(struct grpc_stream *s, int status)
{
    struct http_head head = {.status = status, .content_length = HTTP_LENGTH_UNKNOWN, .major = 2};
    if (!is_raw(s) || !request_has_header(s->rq, SLICE("content-type")))
        add(s, &head.headers, "content-type", s->content_type);
    for (uint32_t i = 0; i < s->rq->out.headers.count; i++) {
        struct http_header *h = &s->rq->out.headers.at[i];
        if (is_raw(s) || !slice_is(h->name, SLICE("content-type")))
            http_header_add(s->rq->arena, &head.headers, h->name, h->value);
    }
    return head;
}

void grpc_send_head(struct grpc_stream *s)
{
    if (is_over(s) || s->head_sent)
        return;
    struct http_head head = head_of(s, 200);
    if (s->gzip && !is_raw(s))
        add(s, &head.headers, "grpc-encoding", SLICE("gzip"));
    add_trace(s, &head.headers);
    s->head_sent = true;
    s->x->ops->respond(s->x, &head);
}

static bool is_too_large(struct grpc_stream *s, size_t len)
{
    struct trb_error err = ERROR_INIT;
    uint64_t max = s->door->setup.max_body;
    if (!max || len <= max)
        return false;
    error_set(&err, TRB_EXHAUSTED, "", "grpc: trying to send message larger than max (%zu vs. %llu)", len,
              (unsigned long long)max);
    grpc_finish(s, &err);
    return true;
}

/* The stream copies what is small anyway. */
static bool write_small(struct grpc_stream *s, struct trb_data message)
{
    char frame[GRPC_PREFIX + SMALL];
    grpc_frame_prefix(frame, message.len);
    if (message.len)
        memcpy(frame + GRPC_PREFIX, message.at, message.len);
    return s->x->ops->write(s->x, (struct trb_data){frame, GRPC_PREFIX + message.len, NULL});
}

bool grpc_send_message(struct grpc_stream *s, struct trb_data message)
{
    if (is_over(s))
        return true;
    if (is_raw(s)) {
        grpc_send_head(s);
        s->rq->out.bytes += message.len;
        return s->rq->out.has_room = s->x->ops->write(s->x, message);
    }
    if (is_too_large(s, message.len))
        return true;
    grpc_send_head(s);
    if (!s->gzip && message.len <= SMALL)
        return s->rq->out.has_room = write_small(s, message);
    struct trb_buf *frame = grpc_frame((struct trb_slice){message.at ? message.at : "", message.len}, s->gzip);
    bool room = s->x->ops->write(s->x, buf_data(frame));
    buf_unref(frame);
    return s->rq->out.has_room = room;
}

/* Trailers, or all in one head when nothing was sent and there is no metadata to send. */
void grpc_stream_status(struct grpc_stream *s, int http_status, const struct trb_error *status)
{
    bool is_given = http_header_get(&s->rq->out.trailers, SLICE("grpc-status")).at;   /* a proxy's trailers */
    s->rq->out.ended = true;
    if (s->finished || s->rq->cancelled == TRB_WHY_CLIENT)
        return;
    s->rq->out.grpc_code = status ? status->code : TRB_OK;
    if (s->head_sent) {
        if (!is_given)
            grpc_status_add(s->rq->arena, &s->rq->out.trailers, status);
        s->x->ops->finish(s->x, &s->rq->out.trailers);
    } else {
        struct http_head head = head_of(s, http_status);
        for (uint32_t i = 0; i < s->rq->out.trailers.count; i++)
            http_header_add(s->rq->arena, &head.headers, s->rq->out.trailers.at[i].name, s->rq->out.trailers.at[i].value);
        if (!is_given)
            grpc_status_add(s->rq->arena, &head.headers, status);
        head.content_length = HTTP_NO_BODY;
        exchange_reply(s->x, &head, (struct trb_data){NULL, 0, NULL});
    }
    s->head_sent = s->finished = true;
}

/* --------------------------------------------------------------------------- the handlers' verbs */

const struct grpc_stream_info *grpc_stream_info(const struct grpc_stream *s)
{
    return &s->info;
}

void grpc_stream_set_owner(struct grpc_stream *s, void *owner)
{
    s->owner = owner;
}

void *grpc_stream_owner(const struct grpc_stream *s)
{
    return s->owner;
}

void grpc_consume(struct grpc_stream *s, size_t bytes)
{
    if (s->rq->phase == REQUEST_ENDED)
        return;
    s->lent -= bytes < s->lent ? bytes : s->lent;
    grpc_stream_open_window(s, bytes);
}

void grpc_set_header(struct grpc_stream *s, struct trb_slice name, struct trb_slice value)
{
    request_set_header(s->rq, name, value);
}

void grpc_set_trailer(struct grpc_stream *s, struct trb_slice name, struct trb_slice value)
{
    request_set_trailer(s->rq, name, value);
}

/* A handler's call ends here; a step that is parked is told, one that runs is the last. */
static void end_request(struct grpc_stream *s)
{
    if (s->rq->phase == REQUEST_NEW)
        request_end(s->rq);
    else
        request_cancel(s->rq, TRB_WHY_ENDED);
}

void grpc_finish(struct grpc_stream *s, const struct trb_error *status)
{
    if (is_over(s))
        return;
    grpc_stream_status(s, 200, status);
    end_request(s);
}

void grpc_reset(struct grpc_stream *s, uint32_t http2_code)
{
    if (is_over(s))
        return;
    s->finished = true;
    s->rq->out.ended = s->rq->out.is_cut = true;
    s->rq->out.grpc_code = TRB_CANCELLED;
    s->x->ops->reset(s->x, http2_code);
    end_request(s);
}

void grpc_pin(struct grpc_stream *s)
{
    request_pin(s->rq);
}

void grpc_unpin(struct grpc_stream *s)
{
    request_unpin(s->rq);
}
