/* envelope: the CloudEvent around a published message, and how a message is read as one. http-api.md 5.4, 5.5,
 * components.md 0.8. All of it is pure. */
#ifndef EVENTS_ENVELOPE_H
#define EVENTS_ENVELOPE_H

#include <base/json.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdbool.h>
#include <trilby/pubsub.h>

struct envelope { /* what one published event is made of */
    struct trb_slice topic, pubsub, content_type, data;
    struct trb_pairs metadata; /* cloudevent.* overrides, ttl */
    struct trb_slice source, trace_parent, trace_state;
    bool has_ttl_support; /* the product expires messages itself */
};
/* Writes the event. false: a body that claims to be a CloudEvent is none; *fault says why. */
bool envelope_write(const struct envelope *, struct text *, struct json_fault *fault);
/* A raw message presented as an event: data_base64 and no time. */
void envelope_wrap_raw(const struct trb_pubsub_event *, struct trb_slice pubsub, struct trb_slice topic, struct text *);
/* Reads what a message must be to be delivered as an event: a JSON object. */
bool envelope_read(struct trb_slice bytes, struct json_value *ret_event, struct json_fault *fault);
bool envelope_is_expired(struct json_value event);
/* Is the content type of the message's own metadata that of plain bytes (attributes in ce_*)? */
bool envelope_is_binary(const struct trb_pairs *metadata);
void envelope_from_binary(const struct trb_pubsub_event *, struct trb_slice pubsub, struct trb_slice topic,
                          struct text *);

bool is_cloud_event_type(struct trb_slice content_type);
bool is_json_type(struct trb_slice content_type);
struct trb_slice pair_get(const struct trb_pairs *, const char *key); /* exact; absent: at == NULL */
/* 1 t T TRUE true True, 0 f F FALSE false False and nothing; false: neither. */
bool boolean_parse(struct trb_slice, bool *ret_value);

#endif
