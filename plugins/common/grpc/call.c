/* call: what an answer comes to. */
#include <base/mem.h>
#include <base/slice.h>
#include <grpc/call.h>
#include <grpc/frame.h>

trb_code call_outcome(const struct grpc_call *c, const char *who, struct trb_slice *ret_message, struct trb_error *err)
{
    if (c->is_too_long)
        return trb_error(err, TRB_EXHAUSTED, "TOO_LARGE", "%s: the answer is larger than is taken", who);
    if (c->http_status && (c->http_status != 200 || !c->is_grpc))
        return trb_error(err, c->http_status == 200 ? TRB_UNKNOWN : grpc_status_of_http(c->http_status), "NOT_GRPC",
                         "%s: answered HTTP status %lld, which is not gRPC's", who, (long long)c->http_status);
    if (!c->has_status && c->is_late)
        return trb_error(err, TRB_DEADLINE, "DEADLINE", "%s: the call was ended at its deadline; it may have been carried out", who);
    if (!c->has_status)
        return trb_error(err, TRB_UNAVAILABLE, "RESET", "%s: the call was ended without a status (HTTP/2 reason %u); "
                         "it may have been carried out", who, c->reset);
    if (c->status)
        return trb_error(err, c->status, "GRPC", "%.*s", SLICE_ARG(text_slice(&c->status_text)));
    if (c->events)
        return TRB_OK;
    if (!grpc_frame_only(text_slice(&c->reply), ret_message))
        return trb_error(err, TRB_INTERNAL, "PROTOCOL", "%s: the answer is not one plain message", who);
    return TRB_OK;
}

void call_fresh(struct grpc_call *c)
{
    text_clear(&c->reply);
    text_clear(&c->status_text);
    text_clear(&c->details);
    c->sent = 0;
    c->stream_id = 0;
    c->head_bytes = 0;
    c->http_status = 0;
    c->is_grpc = c->has_status = c->is_too_long = c->is_late = false;
    c->reset = 0;
}

struct grpc_call *call_free(struct grpc_call *c)
{
    text_fini(&c->request);
    text_fini(&c->reply);
    text_fini(&c->status_text);
    text_fini(&c->details);
    mem_free(c->last);
    return mem_free(c);
}
