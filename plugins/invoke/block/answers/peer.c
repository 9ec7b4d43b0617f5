/* The answer to another sidecar: as the app gave it, whatever it means. The body of an HTTP app streams.
 *
 *     peer ──► relay, or status
 */
#include "../call.h"

static void set_lines(struct trb_request *rq, uint32_t way)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    struct trb_pairs lines = lines_take(rq, &a->headers, way, 0);
    for (uint32_t i = 0; i < lines.count; i++)
        rq->kernel->set_header(rq, slice_name(lines.at[i].key), slice_name(lines.at[i].value));
}

static void set_trailers(struct trb_request *rq, uint32_t way)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    struct trb_pairs lines = lines_take(rq, &a->trailers, way, 0);
    for (uint32_t i = 0; i < lines.count; i++)
        rq->kernel->set_trailer(rq, slice_name(lines.at[i].key), slice_name(lines.at[i].value));
}

/* Its content type tells the other side that gRPC spoke: names mean gRPC's, the trace is the binary one. */
static struct trb_next say_status(struct trb_request *rq)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    struct trb_status s = {.size = sizeof s, .code = a->code, .message = a->message, .details = a->details, .body = a->body,
                           .content_type = a->content_type, .type_url = a->type_url};
    set_lines(rq, HEADERS_TO_CALLER | HEADERS_NO_GRPC);
    set_trailers(rq, HEADERS_TO_CALLER | HEADERS_NO_GRPC);
    rq->kernel->set_header(rq, SLICE("content-type"), SLICE("application/grpc"));
    return rq->kernel->reply_status(rq, &s);
}

struct trb_next answer_peer(struct trb_request *rq)
{
    const struct answer *a = &((struct call *)rq->state)->answer;
    if (!a->is_http)
        return say_status(rq);
    set_lines(rq, HEADERS_TO_CALLER | HEADERS_OF_HTTP);
    rq->kernel->reply_head(rq, a->status, -1);
    return a->is_ended ? rq->kernel->reply_end(rq) : rq->kernel->outcome_relay(rq);
}
