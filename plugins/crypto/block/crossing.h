/* crossing: a stream through an engine that seals or opens: pieces in, segments out, over either door, in the memory
 * of one segment. Whoever reads slowly slows down whoever writes.
 *
 *     begin ──► crossing_take (the steps' own: options, a header) ──► crossing_run ──► the end
 */
#ifndef CROSSING_H
#define CROSSING_H

#include "crypto_block.h"
#include <base/arena.h>
#include <base/text.h>
#include <pb/common.h>

/* What seals or opens. */
struct engine {
    void *self;                     /* NULL: not made yet */
    bool (*take)(void *self, struct trb_slice *rest, struct trb_slice *ret_segment);
    bool (*end)(void *self, struct trb_slice *ret_segment);
    const char *(*fault)(const void *self);
    struct trb_slice (*head)(const void *self);     /* goes out first; may be empty */
    void (*destroy)(void *self);
};

struct patience;

/* A request's state begins with it. */
struct crossing {
    struct engine engine;
    struct trb_data piece;          /* what arrived last, ours */
    struct trb_slice rest, segment; /* of it: not yet taken; going out */
    struct arena *scratch;          /* gRPC: of one message */
    struct text message;            /* gRPC: going out */
    uint64_t came, gone;            /* gRPC: the next sequence numbers */
    const struct pb_type *in, *out; /* messages {options, payload} and {payload} */
    bool is_begun;                  /* the head of the answer is sent */
    struct patience *patience;      /* gRPC: for the first message */
    struct trb_next (*opened)(struct trb_request *, const void *options);
};

/* in and out: NULL over HTTP. Whatever becomes of the request, what is in it is given back. */
void crossing_begin(struct trb_request *, struct crossing *, const struct pb_type *in, const struct pb_type *out);

#define CROSSING_MORE 1u            /* rest holds bytes */
#define CROSSING_WAIT 2u            /* nothing now */
#define CROSSING_END 3u             /* nothing more */
#define CROSSING_OVER 4u            /* *ret_next ends the request */
uint32_t crossing_take(struct trb_request *, struct crossing *, struct trb_next *ret_next);

/* A client's message of the stream; options: of the first, opaque here. */
struct crossing_message {
    const void *options;
    const struct common_stream_payload *payload;
};
/* Reads a message that stays until the next. false: *ret_next. */
bool crossing_read(struct trb_request *, struct crossing *, struct trb_data, struct crossing_message *, struct trb_next *ret_next);
/* The message's payload becomes rest. */
bool crossing_keep(struct trb_request *, struct crossing *, struct trb_data, const struct crossing_message *, struct trb_next *ret_next);

/* Everything that comes through the engine. */
struct trb_next crossing_run(struct trb_request *);
/* "failed to perform operation: …"; once the answer has begun, a broken end. */
struct trb_next crossing_fail(struct trb_request *, struct crossing *, const char *format, ...) TRB_PRINTF(3, 4);

/* gRPC: the first message, within five seconds; opened runs with its options. Its payload is there for crossing_take. */
typedef struct trb_next opened(struct trb_request *, const void *options);
struct trb_next crossing_first(struct trb_request *, struct crossing *, opened *);
void patience_end(struct trb_request *, struct crossing *);

#endif
