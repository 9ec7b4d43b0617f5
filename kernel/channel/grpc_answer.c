/* grpc_answer: what the app's gRPC server answers: one message and a status, or a status alone. Nobody
 * hears of it before all of it is there. */
#include <base/error.h>
#include <base/slice.h>
#include <channel/outgoing.h>

static void break_off(struct outgoing *o, const struct trb_error *err)
{
    http_call_cancel(&o->call);
    outgoing_fail(o, err);
}

static void fail(struct outgoing *o, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INTERNAL, "GRPC_BAD_ANSWER", "%s", sentence);
    break_off(o, &err);
}

/* ---------------------------------------------------------------------------------- the status */
static bool is_status(struct trb_slice name)
{
    return slice_is(name, SLICE("grpc-status")) || slice_is(name, SLICE("grpc-message")) ||
           slice_is(name, SLICE("grpc-status-details-bin")) || slice_is(name, SLICE("grpc-encoding"));
}

static struct trb_pairs pairs_of(struct outgoing *o, const struct http_headers *headers)
{
    struct trb_pair *to = arena_zero(o->rq->arena, (headers->count + 1) * sizeof *to);
    uint32_t n = 0;
    for (uint32_t i = 0; i < headers->count; i++)
        if (!is_status(headers->at[i].name))
            to[n++] = (struct trb_pair){arena_name(o->rq->arena, headers->at[i].name),
                                        arena_name(o->rq->arena, headers->at[i].value)};
    return (struct trb_pairs){to, n, sizeof *to};
}

static trb_code read_status(struct outgoing *o, const struct http_headers *trailers, struct trb_error *err)
{
    if (o->came_status != 200 || !grpc_is_content_type(http_header_get(&o->came, SLICE("content-type"))))
        return o->has_status ? grpc_status_read(o->rq->arena, o->came_status, &o->came, err)
                             : grpc_word_foreign(o->rq->arena, o->came_status, &o->came, err);
    return grpc_status_read(o->rq->arena, 200, trailers, err);
}

static struct trb_slice kept(struct outgoing *o, struct trb_slice bytes)
{
    return bytes.len ? slice_name(arena_name(o->rq->arena, bytes)) : (struct trb_slice){NULL, 0};
}

/* Trailers alone stand in the head: then there are no headers before them. */
static void tell(struct outgoing *o, const struct http_headers *trailers)
{
    static const struct http_headers none;
    struct trb_error err = ERROR_INIT;
    const struct http_headers *last = o->has_status ? &o->came : trailers ? trailers : &none;
    trb_code code = read_status(o, last, &err);
    if (!code && !grpc_reader_is_empty(&o->reader))
        return fail(o, "unexpected EOF");
    o->outcome = (struct trb_outcome){
        .size = sizeof o->outcome, .grpc_code = code, .reason = code ? kept(o, error_text(&err)) : SLICE(""),
        .details = kept(o, buf_bytes(err.details)), .headers = pairs_of(o, o->has_status ? &none : &o->came),
        .trailers = pairs_of(o, last), .content_length = (int64_t)o->whole.len, .ended = 1};
    error_release(&err);
    if (!o->whole.owner)
        o->whole = buf_data(buf_copy(SLICE("")));
    o->head_seen = true;
    outgoing_end(o);
    outgoing_head(o);
}

/* ------------------------------------------------------------------------------- what came */
static void take_head(struct outgoing *o, const struct http_head *head)
{
    o->came = head->headers;
    o->came_status = head->status;
    o->has_status = http_header_get(&head->headers, SLICE("grpc-status")).at != NULL;
    o->reader.gzip = slice_is(http_header_get(&head->headers, SLICE("grpc-encoding")), SLICE("gzip"));
}

/* What is no gRPC is not cut into messages; its status says what it was. */
static void take_data(struct outgoing *o, struct trb_data piece)
{
    struct trb_slice rest = slice_from(piece.at, piece.len);
    struct trb_error err = ERROR_INIT;
    if (o->came_status != 200 || !grpc_is_content_type(http_header_get(&o->came, SLICE("content-type"))))
        rest.len = 0;
    while (rest.len && !o->failed) {
        struct trb_buf *message = NULL;
        if (grpc_reader_take(&o->reader, &rest, &message, &err))
            return break_off(o, &err);
        if (message && o->whole.owner) {
            buf_unref(message);
            return fail(o, "cardinality violation: expected <EOF> for non server-streaming RPCs, but received another "
                           "message");
        }
        if (message)
            o->whole = buf_data(message);
    }
    o->received_bytes = o->whole.len;
    http_call_consume(&o->call, piece.len);
}

static void take_failure(struct outgoing *o, const struct trb_error *err)
{
    struct trb_error said = *err;
    said.text = said.details = NULL;
    grpc_word_failure(&said);
    outgoing_fail(o, &said);
}

const struct outgoing_protocol grpc_out_protocol = {.head = take_head, .data = take_data, .end = tell, .failed = take_failure};
