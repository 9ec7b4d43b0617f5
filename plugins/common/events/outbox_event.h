/* outbox_event: the event of a transaction's upsert, as it waits on the internal topic for the transaction to be
 * there, and as it goes out then. http-api.md 5.12 */
#ifndef EVENTS_OUTBOX_EVENT_H
#define EVENTS_OUTBOX_EVENT_H

#include "envelope.h"

#define OUTBOX_KEY "outbox-" /* and a UUID: the id of the event and the key of its row */

struct outbox_event {
    struct trb_slice id, broker, source, trace_parent, trace_state;
    struct trb_slice content_type;  /* empty: text/plain */
    struct trb_slice value;         /* as the client gave it */
    bool is_json;                   /* the value is a JSON text: another content type gets what it says */
    struct trb_pairs metadata;      /* of the upsert: members of the event, but for data and id */
};
/* false: a value that claims to be a CloudEvent is none; *fault says why. */
bool outbox_event_write(const struct outbox_event *, struct text *, struct json_fault *fault);

/* The key of its row; absent: this is no event of an outbox. */
struct trb_slice outbox_event_key(struct json_value event);
/* The same event under its real address. */
void outbox_event_readdress(struct json_value event, struct trb_slice pubsub, struct trb_slice topic, struct text *);

#endif
