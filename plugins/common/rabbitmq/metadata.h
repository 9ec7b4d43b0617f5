/* metadata: what a client says beside a message, as AMQP's properties. [any] */
#ifndef RABBITMQ_METADATA_H
#define RABBITMQ_METADATA_H

#include <rabbitmq/properties.h>
#include <trilby/plugin.h>

struct rabbit_metadata_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    int64_t ttl_ns, delivery_mode;          /* of messages that do not say; 0: none */
};

/* A sentence about a text that AMQP cannot carry, or NULL. */
const char *rabbit_metadata_fault(const struct trb_pairs *metadata);
/* Texts are slices of metadata and of scratch. */
void rabbit_metadata_properties(const struct rabbit_metadata_setup *, const struct trb_pairs *metadata,
                                struct text *scratch, struct rabbit_properties *ret_properties);

#endif
