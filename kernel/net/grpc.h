/* grpc: what gRPC adds to HTTP/2: message framing with gzip, timeouts, metadata and status texts.
 * Pure translations; no sockets. Facts: grpc-api.md 1.2 to 1.4. [any] */
#ifndef NET_GRPC_H
#define NET_GRPC_H

#include <base/arena.h>
#include <base/buf.h>
#include <net/http.h>
#include <stdbool.h>
#include <trilby/types.h>

/* Cuts a stream of DATA bytes into messages. A message is checked against max as soon as its prefix
 * has arrived. */
struct grpc_reader {
    size_t max;                     /* bytes of one message, before and after decompression; 0: no limit */
    bool gzip;                      /* the stream's grpc-encoding */
    uint8_t prefix[5];
    uint32_t prefix_len;
    struct gather body;
    size_t want;
};
void grpc_reader_init(struct grpc_reader *, size_t max, bool gzip);
void grpc_reader_fini(struct grpc_reader *);
/* Feeds *piece and advances it. One message complete: *ret_message given (may be empty, never NULL);
 * otherwise NULL and *piece is empty. Errors carry the contract's code and sentence. */
trb_code grpc_reader_take(struct grpc_reader *, struct trb_slice *piece, struct trb_buf **ret_message,
                          struct trb_error *err);
bool grpc_reader_is_empty(const struct grpc_reader *);      /* at a message border */

/* The 5-byte prefix and the message, in one buffer. gzip: compressed. Given. */
struct trb_buf *grpc_frame(struct trb_slice message, bool gzip);
/* Five bytes in front of a message of which only the length is known: not packed. */
#define GRPC_PREFIX 5u
void grpc_frame_prefix(char to[GRPC_PREFIX], size_t len);

trb_code grpc_timeout_parse(struct trb_slice, uint64_t *ret_ns, struct trb_error *err);
size_t grpc_timeout_text(uint64_t ns, char ret_text[16]);   /* e.g. 1500m, at most 8 digits */
struct trb_name grpc_message_encode(struct arena *, struct trb_slice);      /* %XX */
struct trb_name grpc_message_decode(struct arena *, struct trb_slice);

/* Takes the next value out of a "-bin" header: base64, padded or not, several joined by commas. list->at is NULL after
 * the last. false: this one cannot be read; *ret_bad is where in it. */
bool grpc_bin_take(struct arena *, struct trb_slice *list, struct trb_slice *ret_value, size_t *ret_bad);
struct trb_slice grpc_bin_encode(struct arena *, struct trb_slice bytes);       /* as it is sent: not padded */

/* "application/grpc", "+proto", "; …": is it gRPC? */
bool grpc_is_content_type(struct trb_slice);

/* google.rpc.Status with details already serialised as repeated Any (err->details holds the whole
 * Status message when a peer sent one). Adds grpc-status, grpc-message, grpc-status-details-bin. */
void grpc_status_add(struct arena *, struct http_headers *trailers, const struct trb_error *err_or_null);
/* From trailers (or a trailers-only head); absent grpc-status: mapped from the HTTP status. */
trb_code grpc_status_read(struct arena *, int http_status, const struct http_headers *, struct trb_error *err);
/* What an HTTP/2 error code of RST_STREAM means for the call. The failed event of an HTTP/2 call carries it already. */
trb_code grpc_code_of_reset(uint32_t http2_code);

#endif
