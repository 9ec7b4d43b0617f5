/* peer_answer: what the steps answer goes back as messages: a head with status and headers, then payloads
 * in their order; a failure is the stream's status. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/arrival.h>
#include <channel/outgoing.h>
#include <channel/peer_metrics.h>

#define CHUNK 32768
#define USUAL_HEAD 480             /* room for most messages without their payload */

/* They are only written: nobody looks for a NUL behind them. */
static struct trb_name as_name(struct trb_slice s)
{
    return (struct trb_name){s.at, s.len};
}

/* ret_type: NULL, or where the content type goes too. */
static struct trb_pairs pairs_of(struct request *rq, const struct http_headers *headers, struct trb_slice *ret_type)
{
    struct trb_pair *pairs = arena_zero(rq->arena, (headers->count + 1) * sizeof *pairs);
    for (uint32_t i = 0; i < headers->count; i++) {
        const struct http_header *h = &headers->at[i];
        if (ret_type && slice_is_nocase(h->name, SLICE("content-type")))
            *ret_type = h->value;
        pairs[i] = (struct trb_pair){as_name(h->name), as_name(h->value)};
    }
    return (struct trb_pairs){pairs, headers->count, sizeof *pairs};
}

static struct peer_response response_of(struct request *rq, uint32_t status)
{
    struct peer_response a = {.code = (int32_t)status, .has_status = true, .message = slice_of(http_reason((int)status))};
    a.headers = pairs_of(rq, &rq->out.headers, &a.content_type);
    return a;
}

static bool send_text(struct arrival *v, struct text *message)
{
    bool room = grpc_send_message(v->stream, (struct trb_data){message->at, message->len, NULL});
    text_fini(message);
    return room;
}

static bool send_payload(struct arrival *v, const struct peer_response *head, struct trb_slice data)
{
    struct text message = {0};
    struct peer_payload payload = {.data = data, .seq = v->seq_out, .is_present = data.len > 0};
    if (data.len)
        v->seq_out++;
    (void)text_room(&message, USUAL_HEAD + data.len);
    peer_write_response_chunk(&message, head, &payload);
    return send_text(v, &message);
}

/* An event is one message, and says response{} like the first. */
static bool send_event(struct arrival *v, struct trb_slice event)
{
    static const struct peer_response bare;
    return send_payload(v, &bare, event);
}

static bool send_pieces(struct arrival *v, struct trb_slice rest)
{
    bool room = true;
    if (v->is_events)
        return send_event(v, rest);
    while (rest.len) {
        struct trb_slice part = slice_cut(rest, rest.len < CHUNK ? rest.len : CHUNK);
        room = send_payload(v, NULL, part);
        rest = slice_skip(rest, part.len);
    }
    return room;
}

static struct arrival *arrival_of(struct request *rq)
{
    return checked(rq->door_data, struct arrival, ARRIVAL_MAGIC);
}

void arrival_destroy(struct arrival *v)
{
    v->magic = 0;
    mem_free(v);
}

void arrival_finish(struct arrival *v, const struct trb_error *status)
{
    struct grpc_stream *stream = v->stream;
    v->stream = NULL;
    text_fini(&v->unary);
    if (!v->rq)
        arrival_destroy(v);
    if (stream)
        grpc_finish(stream, status);
}

static void on_head(struct request *rq, uint32_t status, int64_t length)
{
    struct arrival *v = arrival_of(rq);
    v->has_answered = true;
    peer_metrics_answered(channel_setup()->info->app_id, v->caller, (int32_t)status);
    v->answer = response_of(rq, status);
    if (v->is_events && status == 200)
        v->answer.code = 0;                /* as sidecars begin a stream of events */
    if (v->stream && !v->is_unary)
        send_payload(v, &v->answer, SLICE(""));
}

/* One message has to hold all of it: an answer without an end is not gathered until memory is full. */
static bool gather_unary(struct request *rq, struct arrival *v, struct trb_slice piece)
{
    uint64_t max = channel_setup()->max_message;
    text_add(&v->unary, piece);
    if (!max || v->unary.len <= max)
        return true;
    arrival_fail(v, TRB_EXHAUSTED, "grpc: trying to send message larger than max");
    request_cancel(rq, TRB_WHY_CLIENT);
    return true;
}

static bool on_piece(struct request *rq, struct trb_data piece)
{
    struct arrival *v = arrival_of(rq);
    if (!v->stream)
        return true;
    if (!v->is_unary)
        return send_pieces(v, slice_from(piece.at, piece.len));
    return gather_unary(rq, v, slice_from(piece.at, piece.len));
}

static void on_end(struct request *rq)
{
    struct arrival *v = arrival_of(rq);
    struct text message = {0};
    if (v->stream && v->is_unary) {
        v->answer.data = text_slice(&v->unary);
        peer_write_response(&message, &v->answer);
        send_text(v, &message);
    }
    arrival_finish(v, NULL);
}

static void on_whole(struct request *rq, uint32_t status, struct trb_data body)
{
    on_head(rq, status, (int64_t)body.len);
    if (body.len)
        on_piece(rq, body);
    on_end(rq);
}

/* A gRPC app's own status travels inside the answer; the stream's is OK. */
static void on_status(struct request *rq, const struct trb_status *s)
{
    struct arrival *v = arrival_of(rq);
    v->has_answered = true;
    peer_metrics_answered(channel_setup()->info->app_id, v->caller, s->code);
    v->answer = response_of(rq, 0);
    v->answer.code = s->code;
    v->answer.message = s->message;
    v->answer.details = s->details;
    v->answer.trailers = pairs_of(rq, &rq->out.trailers, NULL);
    v->answer.content_type = s->content_type;
    v->answer.type_url = s->type_url;
    if (v->stream && !v->is_unary)
        send_payload(v, &v->answer, SLICE(""));
    if (s->body.len)
        on_piece(rq, s->body);
    on_end(rq);
}

bool peer_wants_events(struct trb_slice accept)
{
    return slice_is_nocase(slice_trim(accept), SLICE("text/event-stream"));
}

void arrival_fail(struct arrival *v, trb_code code, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, "PEER", "%s", sentence);
    arrival_finish(v, &err);
}

static void on_cut(struct request *rq)
{
    arrival_fail(arrival_of(rq), TRB_INTERNAL, "error invoking app channel: unexpected EOF");
}

static void on_refuse(struct request *rq, const struct trb_refusal *r)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, r->row->grpc, r->row->code, "%.*s", SLICE_ARG(r->message));
    arrival_finish(arrival_of(rq), &err);
}

static void on_expire(struct request *rq)
{
    arrival_fail(arrival_of(rq), TRB_DEADLINE, "context deadline exceeded");
}

static void on_consume(struct request *rq, size_t bytes)
{
    struct arrival *v = arrival_of(rq);
    if (v->stream)
        grpc_consume(v->stream, bytes);
}

static void on_ended(struct request *rq)
{
    struct arrival *v = arrival_of(rq);
    if (v->stream)
        arrival_finish(v, NULL);
}

static void on_release(struct request *rq)
{
    arrival_destroy(arrival_of(rq));
    arena_destroy(rq->arena);
}

const struct request_door arrival_door = {
    .whole = on_whole, .head = on_head, .piece = on_piece, .end = on_end, .cut = on_cut, .refuse = on_refuse, .status = on_status,
    .expire = on_expire, .consume = on_consume, .ended = on_ended, .release = on_release};
