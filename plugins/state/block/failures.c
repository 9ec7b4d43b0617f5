/* failures: what a component's failure is towards the client. */
#include "state_block.h"

/* ---------------------------------------------------------------------------------------- texts */
static const char *code_name(trb_code code)
{
    static const char *const names[] = {
        "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
        "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented",
        "Internal", "Unavailable", "DataLoss", "Unauthenticated"};
    return code >= 0 && code <= TRB_UNAUTHENTICATED ? names[code] : "Unknown";
}

/* A component that chose the status has made the whole error: it is passed on where the contract lets it. */
static bool is_structured(const struct trb_error *err)
{
    return err && err->http_status;
}

struct trb_name failure_text(struct trb_request *rq, const struct trb_error *err)
{
    struct trb_slice text = component_said(rq, err);
    const char *front = err->kind == TRB_STATE_ETAG_MISMATCH  ? "possible etag mismatch. error from state store"
                        : err->kind == TRB_STATE_ETAG_INVALID ? "invalid etag value" : NULL;
    if (is_structured(err))
        return trb_printf(rq, "api error: code = %s desc = %.*s", code_name(err->code), SLICE_ARG(text));
    if (!front)
        return trb_printf(rq, "%.*s", SLICE_ARG(text));
    return text.len ? trb_printf(rq, "%s: %.*s", front, SLICE_ARG(text)) : trb_printf(rq, "%s", front);
}

/* ------------------------------------------------------------------------------------- failures */
struct failure failure_said(const char *text)
{
    return (struct failure){.text = {text, strlen(text)}};
}

struct failure failure_of(struct trb_request *rq, const struct trb_error *err)
{
    bool is_mismatch = err->kind == TRB_STATE_ETAG_MISMATCH, is_invalid = err->kind == TRB_STATE_ETAG_INVALID;
    return (struct failure){
        .text = failure_text(rq, err), .structured = is_structured(err) ? err : NULL,
        .http_status = err->http_status ? err->http_status : is_mismatch ? 409 : is_invalid ? 400 : 0,
        .code = is_mismatch ? TRB_ABORTED : is_invalid ? TRB_INVALID : 0};
}

/* One line per failed item; the first that has a status of its own gives it to the whole. */
struct failure failure_of_items(struct trb_request *rq)
{
    const struct trb_error *whole = rq->kernel->failure(rq), *err;
    struct failure all = {0};
    if (whole)
        return failure_of(rq, whole);
    for (uint32_t i = 0; i < rq->kernel->item_count(rq); i++) {
        rq->kernel->item(rq, i, &err);
        if (!err)
            continue;
        struct failure one = failure_of(rq, err);
        struct trb_name text = all.text.at ? trb_printf(rq, "%s\n%s", all.text.at, one.text.at) : one.text;
        if (!all.http_status)
            all = one;
        all.text = text;
    }
    if (all.code == TRB_ABORTED)
        all.text = trb_printf(rq, "possible etag mismatch. error from state store: %s", all.text.at);
    else if (all.code == TRB_INVALID)
        all.text = trb_printf(rq, "invalid etag value: %s", all.text.at);
    return all;
}

/* ------------------------------------------------------------------------------------- refusals */
static struct trb_next pass_details(struct trb_request *rq, const struct trb_error *err)
{
    struct trb_slice details = rq->kernel->host->buf_bytes(err->details);
    struct trb_status s = {.size = sizeof s, .code = err->code, .message = component_said(rq, err), .details = details};
    return rq->kernel->reply_status(rq, &s);
}

struct trb_next failure_pass(struct trb_request *rq, const struct trb_error *err)
{
    if (err->details && rq->door == TRB_DOOR_GRPC)
        return pass_details(rq, err);
    struct trb_error_row *row = trb_alloc(rq, sizeof *row);
    const char *reason = *err->reason ? trb_printf(rq, "%s", err->reason).at : "ERROR";
    *row = (struct trb_error_row){.size = sizeof *row, .code = reason, .reason = reason, .category = "state",
                                  .http_status = err->http_status, .grpc = err->code};
    struct trb_refusal r = {.size = sizeof r, .row = row, .message = component_said(rq, err)};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next failure_refuse(struct trb_request *rq, const struct trb_error_row *row, const struct failure *f,
                               struct trb_name front)
{
    if (f->structured && rq->door == TRB_DOOR_GRPC)
        return failure_pass(rq, f->structured);
    struct trb_error_row *own = trb_alloc(rq, sizeof *own);
    *own = *row;
    own->grpc = f->code ? f->code : row->grpc;
    struct trb_name message = front.len ? trb_printf(rq, "%s: %s", front.at, f->text.at) : f->text;
    struct trb_refusal r = {.size = sizeof r, .row = own, .message = slice_name(message), .http_status = f->http_status};
    return rq->kernel->refuse(rq, &r);
}
