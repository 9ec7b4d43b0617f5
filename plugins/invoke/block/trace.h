/* trace: one trace context as W3C spells it and as gRPC's binary metadata does. Pure. grpc-api.md 1.7. */
#ifndef INVOKE_TRACE_H
#define INVOKE_TRACE_H

#include <stdbool.h>
#include <trilby/types.h>

#define TRACE_TEXT 55                      /* 00-<trace id>-<span id>-<flags> */
#define TRACE_BASE64 39                    /* of 29 bytes, not padded */

/* false: it is none. */
bool trace_to_binary(struct trb_slice traceparent, char ret_base64[TRACE_BASE64 + 1]);
bool trace_from_binary(struct trb_slice base64, char ret_traceparent[TRACE_TEXT + 1]);

#endif
