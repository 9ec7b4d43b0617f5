/* session: one client's stream of events. Three parties, each on its loop, meet in it under the block's lock:
 *
 *     the client's steps               the keeper (main loop)          the deliveries (the component stream's loop)
 *     begin ────────────────────────► a task of its own
 *     wish ─────────────────────────► subscription, listener
 *     ◄──────────────────────────────  opened, or not
 *     next ◄─────────────────────────────────────────────────────────  join, and wait
 *     answer ────────────────────────────────────────────────────────► judge
 *     over ─────────────────────────► closes the listener, then ─────► what is left is held
 *
 * Client and keeper are pinned, so that the others may wake them; so is each delivery while it is in a list here.
 * Whoever takes one out wakes it and gives its pin back. */
#ifndef PUBSUB_SESSION_H
#define PUBSUB_SESSION_H

#include "pubsub_block.h"

#define SESSION_NEW 0u      /* the client has said nothing yet */
#define SESSION_OPENING 1u
#define SESSION_OPEN 2u
#define SESSION_UNKNOWN 3u  /* there is no such pubsub */
#define SESSION_REFUSED 4u  /* session_fault says why */
#define SESSION_CLOSED 5u   /* nothing is taken or given any more */

#define PARCEL_WAITING 0u
#define PARCEL_ANSWERED 1u  /* status says how */
#define PARCEL_HELD 2u      /* the client is gone */

struct parcel { /* an event for a client, in the memory of its delivery; touched under the lock */
    struct list link;
    struct session *session;
    struct trb_request *delivery;
    struct trb_name id;
    struct text message;    /* until it is sent */
    uint32_t fate;
    int32_t status;
    bool is_listed;
};

/* [the client's loop] */
struct session *session_begin(struct trb_request *client); /* NULL: the process is leaving */
/* What to subscribe, as an app's entry of that pubsub. Once. */
void session_wish(struct session *, struct trb_slice pubsub, struct trb_slice json);
struct trb_name session_pubsub(const struct session *, struct trb_request *);
uint32_t session_phase(struct session *);
bool session_is_leaving(struct session *);
struct trb_name session_fault(struct session *, struct trb_request *);
void session_over(struct trb_request *client, void *session); /* for on_over */
/* The next event to send; *ret_message is the caller's then. false: none now; *ret_ended: nor ever. */
bool session_next(struct session *, struct text *ret_message, bool *ret_ended);
/* The client's word for one event. false: it does not have such an event. */
bool session_answer(struct session *, struct trb_slice id, int32_t status);

/* [a delivery's loop] false: the session takes nothing; the message is still the caller's. */
bool session_join(struct session *, struct parcel *);
uint32_t session_fate(struct parcel *, int32_t *ret_status);
/* Before the event is settled: the session may be gone right after. May be repeated. */
void session_withdraw(struct parcel *);

#endif
