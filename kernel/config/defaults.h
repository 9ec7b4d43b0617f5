/* defaults: what the sidecar serves when no resources path is given: statestore, pubsub and secretstore
 * as one embedded YAML text, and a Subscription that brings pubsub/orders to the app's /orders. */
#ifndef CONFIG_DEFAULTS_H
#define CONFIG_DEFAULTS_H

#include <config/resource.h>

#define DEFAULTS_FILE "(embedded defaults)"

/* The text. The secret store is ./secrets.json when that can be read, else the environment. */
void defaults_text(struct text *);
trb_code defaults_load(const struct resource_query *, struct resource_set **ret_set, struct trb_error *err);

#endif
