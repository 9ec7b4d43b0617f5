/* stream: a call of the host that lasts, over a gRPC stream: what comes is emitted, and each settlement is sent back.
 *
 *     opened ──► a message ──► emitted ──► settled ──► its answer is sent
 *     cancelled ──► what is out is settled ──► we finish ──► the component does, or is told to ──► done
 *     the component ends it, or its connection breaks ──► failed, and the host opens another */
#ifndef PLUGGABLE_STREAM_H
#define PLUGGABLE_STREAM_H

#include "bridge.h"
#include <trilby/services.h>

struct flow;

struct event {                                  /* one message that is out: the host's cookie */
    struct flow *flow;
    struct trb_name id;                         /* the component's word for it; ours */
};

struct flow_kind {
    const char *path;
    bool is_one_by_one;                         /* the next message only after the last one's settlement */
    bool may_end;                               /* ended by the component it has said all: nothing more comes */
    /* Fills in the id and emits the message with this cookie. NULL, or why it cannot be read. */
    const char *(*emit)(struct flow *, struct event *, struct trb_slice message, uint32_t *ret_credit);
    void (*settled)(struct flow *, struct trb_name id, const struct trb_settlement *);
    void (*closing)(struct flow *, uint32_t why);              /* NULL: nothing to say */
};

struct flow {
    struct list link;                           /* bridge.streams, until its call is answered */
    const struct flow_kind *kind;
    struct bridge *bridge;
    struct trb_call *call;                      /* NULL: answered */
    struct grpc_call *stream;                   /* NULL: it has ended */
    struct trb_timer *patience;
    uint32_t out;                               /* emitted, and not settled */
    bool is_closing, is_full;
};

void stream_open(struct bridge *, struct trb_call *, const struct flow_kind *, struct text *first);
void stream_send(struct flow *, const struct pb_type *, const void *message);
bool stream_cancel(struct bridge *, struct trb_call *, uint32_t why);          /* false: the call is no stream */
void stream_resume(void *self, struct trb_call *);
void stream_settle(void *self, void *cookie, const struct trb_settlement *);

#endif
