/* peer_codec: the messages of dapr.proto.internals.v1, read as slices and written into texts. Pure
 * translations. grpc-api.md 4.3, 4.4. [any] */
#ifndef CHANNEL_PEER_CODEC_H
#define CHANNEL_PEER_CODEC_H

#include <base/arena.h>
#include <base/text.h>
#include <stdbool.h>
#include <trilby/types.h>

struct peer_request {                      /* InternalInvokeRequest */
    struct trb_slice method, query, content_type, type_url;
    uint32_t verb;                         /* of HTTPExtension; 0: none */
    struct trb_pairs metadata;             /* one pair per value */
    struct trb_slice data;                 /* unary form: the whole body */
    bool has_metadata, has_message, has_extension;
};

struct peer_response {                     /* InternalInvokeResponse */
    int32_t code;
    struct trb_slice message, content_type, type_url;
    struct trb_slice details;              /* google.rpc.Status, whole; absent: none */
    struct trb_pairs headers, trailers;
    struct trb_slice data;
    bool has_status;
};

struct peer_payload {
    struct trb_slice data;
    uint64_t seq;
    bool is_present;
};

uint32_t peer_verb(struct trb_slice method);           /* "GET" is 1; unknown: 0 */
const char *peer_verb_name(uint32_t verb);             /* NULL for 0 and unknown numbers */

/* Slices point into the message; arrays are the arena's. false: malformed. */
bool peer_read_request(struct arena *, struct trb_slice message, struct peer_request *ret);
bool peer_read_response(struct arena *, struct trb_slice message, struct peer_response *ret);
bool peer_read_request_chunk(struct arena *, struct trb_slice message, bool *ret_has_request,
                             struct peer_request *ret_request, struct peer_payload *ret_payload);
bool peer_read_response_chunk(struct arena *, struct trb_slice message, bool *ret_has_response,
                              struct peer_response *ret_response, struct peer_payload *ret_payload);

/* As field number: values of one name are one entry, whatever stands between them. */
void peer_write_lists(struct text *, uint32_t number, const struct trb_pairs *);
void peer_write_request(struct text *, const struct peer_request *);
void peer_write_response(struct text *, const struct peer_response *);     /* without a status: an empty one */
/* request/response NULL: a later chunk. payload data empty and absent: none. */
void peer_write_request_chunk(struct text *, const struct peer_request *, const struct peer_payload *);
void peer_write_response_chunk(struct text *, const struct peer_response *, const struct peer_payload *);

#endif
