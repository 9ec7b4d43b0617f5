/* kinds: the components of this plugin, and what their sources share beyond the bridge. */
#ifndef PLUGGABLE_KINDS_H
#define PLUGGABLE_KINDS_H

#include "bridge.h"
#include <trilby/options.h>

extern const struct trb_component pluggable_offers, pluggable_state, pluggable_pubsub, pluggable_input, pluggable_output,
    pluggable_bindings, pluggable_secretstores;

/* What a resource says is the component's own, whatever it is. */
extern const struct trb_option bridge_options[1];

/* The bit of each name that the component has said. */
uint64_t features_caps(const struct components_features_response *, const char *const *names, uint32_t count);
/* NULL, or why it is none. The arena is to be destroyed either way. */
const char *message_read(struct trb_slice message, const struct pb_type *, void *ret, struct arena **ret_arena);
/* Why the handler did not take it. */
struct trb_name settlement_text(const struct trb_settlement *);

#endif
