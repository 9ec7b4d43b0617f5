/* errors: the rows of errors.def as constants. */
#ifndef INVOKE_ERRORS_H
#define INVOKE_ERRORS_H

#include <trilby/block.h>

#define ROW(name, code_, http, grpc_)                                                              \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "service-invocation",   \
        .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

#endif
