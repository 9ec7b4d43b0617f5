/* door_common: what both doors do alike: the kept setup, the token, trace context, the API log. */
#ifndef REQUEST_DOOR_COMMON_H
#define REQUEST_DOOR_COMMON_H

#include <request/door.h>

#define DOOR_MAGIC 0x444f4f52u

struct cors;

struct door {                           /* first member of both doors */
    uint32_t magic;
    struct door_setup setup;            /* texts and arrays are copies in arena */
    struct arena *arena;
    struct shared_slot *table;          /* router or methods */
    struct shared_slot *rules;
};

void door_init(struct door *, const struct door_setup *);
void door_fini(struct door *);

void door_set_rules(struct door *, const struct door_rules *);     /* every loop takes them up within a turn */
const struct door_rules *door_rules(const struct door *);          /* borrowed for this turn [loop] */
/* In constant time. */
bool door_is_token(const struct door *, struct trb_slice given);
/* Takes every line of that name out of the exchange's request; returns the first value. */
struct trb_slice door_take_header(struct exchange *, struct trb_slice name);

/* Fills trace_in, trace, traceparent, tracestate, baggage. bin: grpc-trace-bin, decoded, or absent.
 * NULL: well. Else the text behind "invalid baggage header: ", in the arena. */
const char *door_trace(struct door *, struct request *, struct trb_slice bin);

void door_begin(struct door *, struct request *);       /* tells the runtime */
void door_done(struct door *, struct request *);
void door_refused(struct door *, struct request *, const struct trb_refusal *);
uint64_t door_duration_ms(const struct request *);

#endif
