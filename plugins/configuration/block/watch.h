/* watch: one subscription to changes, from its request until it is over. Three parties, each on its loop, meet in it
 * under the block's lock:
 *
 *     the request that subscribes      the main loop                   the events (the stream's loop)
 *     begin ────────────────────────► opens the component's stream
 *     ◄─────────────────────────────  opened, or refused
 *     (gRPC) next ◄────────────────────────────────────────────────── tell_client
 *     over, or unsubscribe ─────────► closes it
 *
 * When the store's instance is replaced, a stream of the new one takes over before that of the old one is closed.
 * The request is pinned while the others may wake it. A watch for the application outlives its request; one of a
 * client's stream does not. */
#ifndef CONFIGURATION_WATCH_H
#define CONFIGURATION_WATCH_H

#include "configuration_block.h"
#include <base/codec.h>

#define WATCH_OPENING 0u
#define WATCH_OPEN 1u
#define WATCH_REFUSED 2u /* watch_fault says why */
#define WATCH_OVER 3u

struct watch;

/* [the request's loop] first: of each event. NULL: the process is leaving. watch_over is the request's on_over. */
struct watch *watch_begin(struct trb_request *, struct trb_name store, const struct trb_configuration_get *,
                          struct trb_next first);
void watch_over(struct trb_request *, void *watch);
uint32_t watch_phase(struct watch *);
struct trb_name watch_fault(struct watch *, struct trb_request *);
struct trb_name watch_id(const struct watch *);
struct trb_name watch_store(const struct watch *);
/* The request is answered: nobody wakes it any more, and the watch stays without it. */
void watch_keep(struct watch *);
/* The next message for a client. false: none now; *ret_ended: nor ever. */
bool watch_next(struct watch *, struct text *ret_message, bool *ret_ended);

/* [an event's loop] The message is the watch's then. key: of the item that it tells of. */
void watch_tell(struct watch *, struct trb_slice key, struct text *message);

/* [any] false: there is no such subscription. */
bool watch_end(struct block *, struct trb_slice id);
/* [an event's loop] Whose event a task is; and whether nobody has ended it meanwhile. */
struct watch *watch_of_event(struct trb_request *);
bool watch_is_wanted(struct watch *);

/* [main loop] */
void watches_end(struct block *, uint32_t why);
/* Those of an instance go over to the one of its name that is in service; without one they end. */
void watches_move(struct block *, const struct trb_instance *from);
/* Those of the application, for the copy of this block that takes over, and from the one before. */
void watches_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg);
void watches_adopt(void *block, struct trb_slice kept);
bool watches_are_opening(struct block *); /* of those that were adopted, or have not been open for long. [any] */
void watches_check_drained(struct block *);

#endif
