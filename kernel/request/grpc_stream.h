/* grpc_stream: a gRPC call that the kernel itself answers: the peer door, reflection, the proxy.
 *
 * Blocks never see this; their methods run steps. All [loop]. A stream is gone when on_cancel has
 * returned, or after grpc_finish has returned; no verb after that. */
#ifndef REQUEST_GRPC_STREAM_H
#define REQUEST_GRPC_STREAM_H

#include <base/arena.h>
#include <base/buf.h>
#include <net/http.h>
#include <stdbool.h>
#include <trilby/types.h>

struct grpc_stream;

struct grpc_service_handler {
    const char *service, *method;       /* method "*": all of the service; service "*": whatever no one takes */
    void (*on_open)(struct grpc_stream *);
    void (*on_message)(struct grpc_stream *, struct trb_data message);  /* borrowed; consume when done with it */
    void (*on_half_close)(struct grpc_stream *);
    void (*on_room)(struct grpc_stream *);                              /* may be NULL */
    void (*on_cancel)(struct grpc_stream *, uint32_t why);              /* TRB_WHY_…; last */
    uint32_t flags;
    void *arg;
};
#define GRPC_RAW 1u                     /* bytes as they are, both ways: prefixes included, not inflated, pieces
                                           of any size; the size limit is the other side's */
#define GRPC_ALWAYS 2u                  /* served without the app id check of grpc-api.md 1.6 step 3 */

struct grpc_stream_info {
    const struct grpc_service_handler *handler;
    struct trb_slice path;              /* "/package.Service/Method" */
    const struct http_headers *headers; /* metadata as received; the API token taken out */
    struct trb_slice peer_identity, peer_address;
    struct trb_slice traceparent, tracestate;   /* to pass on */
    struct trb_slice baggage;
    struct arena *arena;
    struct loop *loop;
    uint64_t deadline_ns;               /* monotonic; 0: none */
    struct request *request;            /* for the trail and the list of the living */
};
const struct grpc_stream_info *grpc_stream_info(const struct grpc_stream *);
void grpc_stream_set_owner(struct grpc_stream *, void *owner);
void *grpc_stream_owner(const struct grpc_stream *);

/* Messages come one by one; the next arrives only within the window, which consume opens. Bytes are
 * those of the message given to on_message. */
void grpc_consume(struct grpc_stream *, size_t bytes);
/* Response metadata, before the first message; sent with it (or with the status). Copied. */
void grpc_set_header(struct grpc_stream *, struct trb_slice name, struct trb_slice value);
void grpc_set_trailer(struct grpc_stream *, struct trb_slice name, struct trb_slice value);
void grpc_send_head(struct grpc_stream *);                      /* now, without a message */
bool grpc_send_message(struct grpc_stream *, struct trb_data);  /* true: room for more */
/* The status ends the stream. NULL: OK. details of the error go along. */
void grpc_finish(struct grpc_stream *, const struct trb_error *status);
void grpc_reset(struct grpc_stream *, uint32_t http2_code);     /* instead of a status */
void grpc_pin(struct grpc_stream *);                            /* memory stays until unpinned */
void grpc_unpin(struct grpc_stream *);

#endif
