/* peer_reply: what another sidecar answers: its first message is the head, payloads follow in order, the
 * status ends it. */
#include <base/clock.h>
#include <base/error.h>
#include <base/slice.h>
#include <channel/arrival.h>
#include <channel/outgoing.h>
#include <channel/peer_metrics.h>

static void take_response(struct outgoing *o, const struct peer_response *a)
{
    o->has_response = true;
    peer_metrics_was_answered(channel_setup()->info->app_id, o->question.app_id, a->code, false,
                              clock_now_ns() - o->began_ns);
    o->outcome = (struct trb_outcome){
        .size = sizeof o->outcome, .status = a->code >= 100 ? (uint32_t)a->code : 0,
        .grpc_code = a->code < 100 ? a->code : 0, .reason = a->message, .headers = a->headers, .content_length = -1,
        .trailers = a->trailers, .details = a->details, .content_type = a->content_type, .type_url = a->type_url};
    struct trb_slice type = a->content_type;
    if (type.len && o->outcome.status && !trb_pair_get(&a->headers, "content-type").at) {
        struct trb_pair *to = arena_zero(o->rq->arena, (a->headers.count + 1) * sizeof *to);
        for (uint32_t i = 0; i < a->headers.count; i++)
            to[i] = *trb_pair_at(&a->headers, i);
        to[a->headers.count] = (struct trb_pair){NAME("Content-Type"), arena_name(o->rq->arena, type)};
        o->outcome.headers = (struct trb_pairs){to, a->headers.count + 1, sizeof *to};
    }
}

static bool wants_events(const struct outgoing *o)
{
    return peer_wants_events(slice_name(trb_pair_get(&o->question.headers, "accept")));
}

/* CallLocal: everything in one message. */
static void take_whole(struct outgoing *o, struct trb_buf *message)
{
    struct peer_response all;
    struct trb_slice bytes = slice_name(arena_name(o->rq->arena, buf_bytes(message)));
    if (!peer_read_response(o->rq->arena, bytes, &all) || !all.has_status || o->has_response)
        return peer_out_break_off(o, TRB_INTERNAL, "the peer's answer is no InternalInvokeResponse");
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
        return peer_out_break_off(o, TRB_INTERNAL, "the peer's answer is no InternalInvokeResponseStream");
    if (!o->has_response && (!has_head || !head.has_status))
        return peer_out_break_off(o, TRB_INTERNAL, "response does not contain the required fields in the leading chunk");
    if (o->has_response && has_head && !wants_events(o))
        return peer_out_break_off(o, TRB_INTERNAL, "response metadata found in non-leading chunk");
    if (has_head && !o->has_response) {
        take_response(o, &head);
        outgoing_head(o);
    }
    if (!payload.is_present || o->failed)
        return;
    if (payload.seq != o->seq_in++)
        return peer_out_break_off(o, TRB_INTERNAL, "invalid sequence number received: %llu (expected: %llu)",
                         (unsigned long long)payload.seq, (unsigned long long)(o->seq_in - 1));
    if (payload.data.len)
        outgoing_piece(o, (struct trb_data){payload.data.at, payload.data.len,
                                            bytes.at == buf_bytes(message).at ? message : NULL});
}

static void take_head(struct outgoing *o, const struct http_head *head)
{
    struct trb_error err = ERROR_INIT;
    if (head->status != 200)
        return peer_out_break_off(o, TRB_UNAVAILABLE, "unexpected HTTP status code received from server: %d", head->status);
    o->has_status = http_header_get(&head->headers, SLICE("grpc-status")).at != NULL;
    if (o->has_status && grpc_status_read(o->rq->arena, head->status, &head->headers, &err)) {
        http_call_cancel(&o->call);
        peer_out_fail(o, &err);
        error_release(&err);
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
            return peer_out_fail(o, &err);
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
    if (!o->has_status && grpc_status_read(o->rq->arena, 200, trailers ? trailers : &none, &err)) {
        peer_out_fail(o, &err);
        error_release(&err);
        return;
    }
    if (!o->has_response) {
        error_set(&err, TRB_INTERNAL, "PEER", "error invoking app channel: no response received from stream");
        return peer_out_fail(o, &err);
    }
    outgoing_end(o);
}

static void take_failure(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    said.text = said.details = NULL;
    grpc_word_failure(&said);
    peer_out_fail(o, &said);
}

const struct outgoing_protocol peer_out_protocol = {.head = take_head, .data = take_data, .end = take_end,
                                                    .room = outgoing_pump, .failed = take_failure};
