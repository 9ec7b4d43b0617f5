/* resolve_values: what a component's properties become once their values are known: templates filled
 * in, each name once, and the few values the runtime itself has a say in. Inside kernel/config. */
#ifndef CONFIG_RESOLVE_VALUES_H
#define CONFIG_RESOLVE_VALUES_H

#include <config/resolve.h>

/* A copy, wiped with its arena when it is a secret. */
struct trb_name value_keep(struct arena *, struct trb_slice value, bool is_secret);
/* Fills in resolved and places, in the arena of the resource's values. */
trb_code component_fill(struct component *, const struct resolve_context *, struct trb_error *err);

#endif
