/* refusal: one refusal in its two spellings, the JSON of HTTP and google.rpc.Status of gRPC. [any]
 *
 * Facts: http-api.md 3.1, grpc-api.md 1.4. */
#ifndef REQUEST_REFUSAL_H
#define REQUEST_REFUSAL_H

#include <trilby/block.h>

/* {"errorCode":…,"message":…} and, when the row has a reason, "details". Given. */
struct trb_buf *refusal_json(const struct trb_refusal *);
/* Serialised google.rpc.Status; NULL when it would carry no details. Given. */
struct trb_buf *refusal_status(const struct trb_refusal *);
/* As an error for trailers: code, message (text if long), details. Release with error_release. */
void refusal_to_error(const struct trb_refusal *, struct trb_error *ret_error);

/* The same of a code and a text of any length. */
void refusal_text_to_error(trb_code code, struct trb_slice message, struct trb_error *ret_error);

/* ErrorInfo of domain dapr.io only: what the gRPC door's own refusals carry. */
struct refusal_info {
    const char *reason;
    struct trb_pairs metadata;
};
void refusal_info_to_error(trb_code code, const char *message, const struct refusal_info *,
                           struct trb_error *ret_error);

#endif
