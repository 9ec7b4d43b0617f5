/* properties: what AMQP says about a message beside its bytes. [any] */
#ifndef RABBITMQ_PROPERTIES_H
#define RABBITMQ_PROPERTIES_H

#include <rabbitmq/wire.h>

struct rabbit_properties {                  /* texts: absent when at is NULL */
    struct trb_slice content_type, content_encoding, correlation_id, reply_to, expiration, message_id, type, user_id, app_id;
    struct trb_slice headers;               /* a table's bytes */
    int32_t delivery_mode, priority;        /* -1: absent */
    uint64_t timestamp;                     /* seconds; 0: absent */
};

#define RABBIT_NO_PROPERTIES {.delivery_mode = -1, .priority = -1}

/* From a content header, from its flags on; the texts are slices of it. False: it is broken. */
bool rabbit_properties_read(struct trb_slice from, struct rabbit_properties *ret_properties);
void rabbit_properties_write(struct text *, const struct rabbit_properties *);

#endif
