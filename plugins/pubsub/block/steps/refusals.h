/* refusals: what publish and bulk publish share: finding the pubsub, its scopes, long-form errors. */
#ifndef PUBSUB_REFUSALS_H
#define PUBSUB_REFUSALS_H

#include "../pubsub_block.h"

struct trb_instance *pubsub_find(struct trb_request *, struct trb_next *ret_refusal);
bool may_publish(struct trb_request *, struct trb_instance *, struct trb_next *ret_refusal);
/* ErrorInfo metadata {key: value, "error": why}. */
struct trb_next refuse_because(struct trb_request *, const struct trb_error_row *, const char *key,
                               struct trb_slice value, struct trb_slice why, struct trb_name message);
struct trb_next refuse_metadata(struct trb_request *, const struct trb_error_row *, struct trb_pairs metadata,
                                struct trb_name message, bool has_resource);
/* The traceparent an event carries: empty where there is no valid span. */
struct trb_slice event_trace(struct trb_request *);
/* Moves a text into the request's memory as data. */
void give_data(struct trb_request *, struct text *, struct trb_data *ret);
void count_egress(struct trb_request *, struct trb_name topic, bool success, uint64_t ns);

#endif
