/* bulk: what both doors of bulk publishing share. A door fills in the target and adds entry after entry. */
#ifndef PUBSUB_BULK_H
#define PUBSUB_BULK_H

#include "refusals.h"
#include <base/map.h>

struct bulk {
    struct target target;
    struct trb_pubsub_entry *entries;
    struct trb_pubsub_publish *singles; /* for products without bulk_publish */
    struct trb_pubsub_bulk_publish question;
    struct map ids;                     /* of the entries so far; until they are all there */
    uint32_t count, room;
};

struct target *bulk_target(struct trb_request *);
/* An entry with that id, to be filled in and then finished. NULL: *ret_refusal. */
struct trb_pubsub_entry *bulk_entry(struct trb_request *, struct trb_name id, struct trb_next *ret_refusal);
/* Wraps its data as an event, but for raw ones. false: *ret_refusal. */
bool bulk_entry_finish(struct trb_request *, struct trb_pubsub_entry *, struct trb_next *ret_refusal);
/* The entry's own pairs, and those of the request that it does not have. */
struct trb_pairs bulk_metadata(struct trb_request *, struct trb_pairs own);
/* All entries are there. */
struct trb_next bulk_begin(struct trb_request *);
struct trb_next bulk_refused(struct trb_request *, struct trb_next refusal);

/* Why the i-th entry failed; NULL: it did not. */
const struct trb_error *bulk_failure(struct trb_request *, uint32_t i);
struct trb_next bulk_reply_http(struct trb_request *, uint32_t failed), bulk_reply_rpc(struct trb_request *, uint32_t failed);

#endif
