/* refusals: what publish and bulk publish share: their target, its scopes, long-form errors.
 *
 * The doors decode into a target and then walk the same steps; a refusal names what the target does. */
#ifndef PUBSUB_REFUSALS_H
#define PUBSUB_REFUSALS_H

#include "../pubsub_block.h"

struct target {
    struct trb_name pubsub, topic;
    struct trb_pairs metadata;      /* the request's; at is never NULL */
    struct trb_instance *instance;
    struct trb_name broker_topic;   /* with the namespace, where the component asks for it */
    uint64_t began_ns;
    bool is_raw;
};

/* Finds the component of a target whose names and metadata the door has filled in; false: *ret_refusal. */
bool target_find(struct trb_request *, struct target *, struct trb_next *ret_refusal);
void target_from_http(struct trb_request *, struct target *);
/* rawPayload of the metadata; false: *ret_refusal. */
bool target_is_raw(struct trb_request *, struct target *, struct trb_next *ret_refusal);
bool target_is_allowed(struct trb_request *, const struct target *, struct trb_next *ret_refusal);

/* ErrorInfo metadata {key: value, "error": why}. */
struct trb_next refuse_because(struct trb_request *, const struct target *, const struct trb_error_row *,
                               const char *key, struct trb_slice value, struct trb_slice why, struct trb_name message);
struct trb_next refuse_metadata(struct trb_request *, const struct target *, const struct trb_error_row *,
                                struct trb_pairs metadata, struct trb_name message, bool has_resource);
/* ErrorInfo metadata {appID} or {appID, error}. */
struct trb_next refuse_app(struct trb_request *, const struct target *, const struct trb_error_row *,
                           struct trb_slice why, struct trb_name message);
/* Wraps *data of that type as the target's event, in the request's memory; false: *ret_refusal. */
bool event_make(struct trb_request *, const struct target *, struct trb_pairs metadata, struct trb_name *content_type,
                struct trb_data *data, struct trb_next *ret_refusal);
/* Moves a text into the request's memory as data. */
struct trb_data data_of(struct trb_request *, struct text *);
/* What an event carries of the request's trace; empty where there is no valid span. */
struct trb_slice event_trace(struct trb_request *);
struct trb_slice event_trace_state(struct trb_request *);
void count_egress(struct trb_request *, const struct target *, bool success);
void count_bulk_egress(struct trb_request *, const struct target *, bool success, uint32_t events);

#endif
