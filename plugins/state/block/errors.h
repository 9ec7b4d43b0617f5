/* errors: the rows of errors.def as constants. */
#ifndef STATE_ERRORS_H
#define STATE_ERRORS_H

#include <trilby/block.h>

#define ROW(name, code_, reason_, grpc_reason_, http, grpc_)                                       \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .reason = (reason_),                \
        .grpc_reason = (grpc_reason_), .category = "state", .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

/* Counted among those of publishing. */
static const struct trb_error_row __attribute__((unused)) OUTBOX_FAILED = {
    .size = sizeof(struct trb_error_row), .code = "ERR_PUBLISH_OUTBOX", .reason = "DAPR_PUBSUB_OUTBOX",
    .category = "pubsub", .http_status = 500, .grpc = TRB_INTERNAL};

#endif
