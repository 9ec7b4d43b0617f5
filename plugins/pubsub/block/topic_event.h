/* topic_event: an event as gRPC speaks of it. grpc-api.md 3.3 */
#ifndef PUBSUB_TOPIC_EVENT_H
#define PUBSUB_TOPIC_EVENT_H

#include <base/json.h>
#include <pb/runtime.h>
#include <trilby/block.h>

/* The event's members, taken apart into the request's memory. plain: its data where no member says them. NULL, or
 * the sentence of what cannot be said. */
const char *topic_event_read(struct trb_request *, struct json_value event, struct trb_slice plain,
                             struct runtime_topic_event_ce_request *ret);

#endif
