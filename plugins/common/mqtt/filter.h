/* filter: names of topics, and the filters that subscribe to them. Pure. [any] */
#ifndef MQTT_FILTER_H
#define MQTT_FILTER_H

#include <stdbool.h>
#include <trilby/types.h>

bool mqtt_topic_is_valid(struct trb_slice);             /* to publish to: no wildcards */
bool mqtt_filter_is_valid(struct trb_slice);            /* wildcards, and $share/GROUP/FILTER */
struct trb_slice mqtt_filter_shared(struct trb_slice);  /* the filter behind $share/GROUP/; absent: not shared */
bool mqtt_filter_matches(struct trb_slice filter, struct trb_slice topic);   /* filter: without $share */

#endif
