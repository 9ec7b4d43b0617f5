/* scopes: who may publish and subscribe what on a component, and what topics are called there. http-api.md 4.4 */
#ifndef EVENTS_SCOPES_H
#define EVENTS_SCOPES_H

#include <base/slice.h>
#include <stdbool.h>
#include <trilby/block.h>

struct scopes;
struct scopes *scopes_create(const struct trb_pairs *properties, const struct trb_runtime_info *);
struct scopes *scopes_destroy(struct scopes *); /* NULL is welcome; returns NULL */
bool scopes_may_publish(const struct scopes *, struct trb_slice topic);
bool scopes_may_subscribe(const struct scopes *, struct trb_slice topic);
/* The topic as the broker knows it is this and then the topic: a namespace, or nothing. */
struct trb_slice scopes_topic_prefix(const struct scopes *);

#endif
