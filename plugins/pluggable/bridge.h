/* bridge: one component of another process, spoken to by gRPC over its Unix socket. What all kinds share: finding the
 * socket, greeting (Init, then what it can do), asking, and what a status becomes. [loop]
 *
 *     start ──► connected ──► Init ──► Features or ListOperations ──► started
 *               connected again: the same, and calls wait until it has answered */
#ifndef PLUGGABLE_BRIDGE_H
#define PLUGGABLE_BRIDGE_H

#include <base/arena.h>
#include <base/list.h>
#include <base/text.h>
#include <grpc/grpc.h>
#include <pb/components.h>
#include <trilby/plugin.h>

#define SERVICES "/dapr.proto.components.v1."

struct bridge;

struct greeting {                               /* one question after connecting */
    const char *path;
    /* Init is asked with the component's metadata and answers nothing (hears NULL); the others are asked with an
     * empty message and answer a list of words. */
    void (*heard)(struct bridge *, const struct components_features_response *words);
};

struct kind {
    const char *block;
    const struct greeting *greetings;
    uint32_t count;
};

struct bridge {
    const struct kind *kind;
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct grpc_config config;
    struct grpc *grpc;
    struct trb_call *starting;
    char *name;                                 /* of the resource */
    struct text init;                           /* what Init is asked, as a message */
    uint32_t greeting;                          /* which one is being asked */
    struct text operations;                     /* of an output binding: " create get" */
    int64_t transact_max;                       /* of a state store; 0: not asked yet, -1: no limit */
    struct list streams;                        /* what is open, of brokers and input bindings */
    bool is_paused, is_told_paused, is_telling; /* a broker: as it shall be; as it was told; its answer is not there yet */
};

void bridge_start(struct bridge *, const struct kind *, struct trb_call *, const struct trb_setup *);
trb_verb bridge_stop;
void bridge_cancel(void *self, struct trb_call *, uint32_t why);

/* Asks; answered is told once (bridge_failed, bridge_read). timeout_ns 0: the call's own deadline. */
void bridge_ask(struct bridge *, struct trb_call *, const char *path, const struct pb_type *, const void *message,
                const void *question, void (*answered)(struct grpc_wish *, struct trb_slice, const struct trb_error *));
/* true: it failed, and the call is answered so. */
bool bridge_failed(struct grpc_wish *, const struct trb_error *);
/* The answer as a struct, whose memory the arena is; NULL: it is none, and the call is answered so. */
struct arena *bridge_read(struct grpc_wish *, struct trb_slice message, const struct pb_type *, void *ret);
/* Done when there is an answer, whatever it says. */
void bridge_answer_nothing(struct grpc_wish *, struct trb_slice message, const struct trb_error *);
struct trb_slice present(struct trb_name);      /* absent when empty */

#endif
