/* arrival: a call of another sidecar while it is here: its gRPC stream on one side, a request and its steps
 * on the other. Private to peer_door.c, which takes the question, and peer_answer.c, which says the
 * answer. [loop] */
#ifndef CHANNEL_ARRIVAL_H
#define CHANNEL_ARRIVAL_H

#include <base/text.h>
#include <channel/peer_codec.h>
#include <request/grpc_stream.h>
#include <request/request.h>
#include <stdbool.h>

#define ARRIVAL_MAGIC 0x41525256u

/* Freed with its request; before there is one, with its stream. */
struct arrival {
    uint32_t magic;
    struct grpc_stream *stream;            /* NULL: it is gone */
    struct request *rq;                    /* NULL: no head yet, or it is gone */
    bool is_unary, has_head, has_answered;
    bool is_events;                        /* Accept: text/event-stream: every message has a response */
    uint64_t seq_in, seq_out, arrived;
    int64_t length;                        /* of the body, as announced; -1: not known */
    struct trb_slice caller;               /* its app id, in the request's memory */
    struct text unary;                     /* CallLocal: the answer's body until its end */
    struct peer_response answer;
};

void arrival_destroy(struct arrival *);
/* The stream ends with this status (NULL: OK) and is forgotten; the arrival lives as long as its request. */
void arrival_finish(struct arrival *, const struct trb_error *status);
void arrival_fail(struct arrival *, trb_code code, const char *sentence);
bool peer_wants_events(struct trb_slice accept);
/* How a request that came this way is answered. */
extern const struct request_door arrival_door;

#endif
