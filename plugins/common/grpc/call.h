/* call: one call on its way, unary or a stream, as channel and connection share it. */
#ifndef GRPC_CALL_H
#define GRPC_CALL_H

#include <base/list.h>
#include <grpc/grpc.h>

struct grpc_call {
    struct list link;                           /* waiting, or running on a connection */
    struct list arrived;                        /* a stream of which something has come: its connection's */
    struct grpc_wish wish;
    const char *path;
    struct text request, reply;
    size_t sent;
    uint64_t since_ns, deadline_ns;
    int32_t stream_id;
    uint32_t refusals;                          /* by servers that had not read it */
    /* What the answer's head and trailers said. */
    uint32_t head_bytes;
    int64_t http_status;
    bool is_grpc, has_status, is_too_long;
    trb_code status;
    struct text status_text, details;           /* details: a google.rpc.Status, as sent beside the status */
    uint32_t reset;                             /* HTTP/2's reason when the stream ended; 0: properly */
    bool is_late;                               /* and that was the server's CANCEL at its deadline */
    /* Of a stream; events is NULL in a unary call. */
    const struct grpc_stream_events *events;
    void *arg;
    struct grpc *grpc;
    struct conn *conn;                          /* it runs on, or has run on */
    struct trb_error *last;                     /* how it has ended: code 0 is well; NULL while it lasts */
    size_t taken, unconsumed;                   /* of what has come: told; not yet given back to the window */
    bool is_finished, is_paused, is_telling, is_over;
};

/* The outcome, once the stream has ended. TRB_OK: *ret_message is the answer, inside reply. */
trb_code call_outcome(const struct grpc_call *, const char *who, struct trb_slice *ret_message, struct trb_error *err);
void call_fresh(struct grpc_call *);            /* forgets what was answered, to be sent again */
struct grpc_call *call_free(struct grpc_call *);

#endif
