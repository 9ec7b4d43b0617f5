/* channel: one conversation on a link: requests answered in order, publishes confirmed by number,
 * deliveries put together from their frames. It ends once: closed by the broker, with its link, or by us.
 * Requests are written at once, several behind each other: no round trip each. [loop] */
#ifndef RABBITMQ_CHANNEL_H
#define RABBITMQ_CHANNEL_H

#include <base/list.h>
#include <rabbitmq/link.h>
#include <rabbitmq/properties.h>

struct rabbit_channel;

struct rabbit_delivery {
    struct list link;                       /* the owner's */
    uint64_t tag;
    struct trb_buf *body;                   /* NULL: the host had no room for it */
    size_t len;
    char *properties;                       /* for rabbit_properties_read */
    size_t properties_len;
    void *owner;                            /* the owner's, and so is round */
    uint64_t round;
};
struct rabbit_delivery *rabbit_delivery_free(const struct trb_host *, struct rabbit_delivery *);

struct rabbit_channel_events {
    /* The end, not of our making. by: the method that offended the broker; 0: the link is lost. */
    void (*closed)(void *arg, const struct trb_error *, uint32_t by);
    void (*ended)(void *arg);               /* after rabbit_channel_end */
    void (*confirmed)(void *arg, uint64_t tag, bool multiple, bool is_taken);
    void (*delivered)(void *arg, struct rabbit_delivery *);     /* given */
    void (*cancelled)(void *arg);           /* the broker ended the consumer */
    void (*returned)(void *arg, struct rabbit_delivery *);      /* given: no queue took it; its confirm follows */
};

/* NULL: the link has no number left. */
struct rabbit_channel *rabbit_channel_open(struct rabbit_link *, const struct rabbit_channel_events *, void *arg);
void rabbit_channel_end(struct rabbit_channel *);               /* then ended or closed */
void rabbit_channel_drop(struct rabbit_channel *);              /* the same; the owner hears no more; NULL is welcome */

/* --- requests; then may be NULL ------------------------------------------------------------------- */
typedef void rabbit_then(void *arg);
#define RABBIT_DURABLE 1u
#define RABBIT_EXCLUSIVE 2u
#define RABBIT_AUTO_DELETE 4u
void rabbit_exchange_declare(struct rabbit_channel *, struct trb_slice name, const char *kind, uint32_t flags);
/* arguments: fields of a table, as wire_put_text and its like write them. */
void rabbit_queue_declare(struct rabbit_channel *, struct trb_slice name, uint32_t flags, struct trb_slice arguments,
                          rabbit_then *);
void rabbit_queue_bind(struct rabbit_channel *, struct trb_slice queue, struct trb_slice exchange, struct trb_slice key);
void rabbit_qos(struct rabbit_channel *, uint32_t prefetch);
void rabbit_consume(struct rabbit_channel *, struct trb_slice queue, struct trb_slice tag, bool no_ack, bool exclusive,
                    rabbit_then *);
void rabbit_cancel(struct rabbit_channel *, struct trb_slice tag, rabbit_then *);
void rabbit_confirm(struct rabbit_channel *);
void rabbit_ack(struct rabbit_channel *, uint64_t tag);
void rabbit_nack(struct rabbit_channel *, uint64_t tag, bool multiple, bool requeue);
/* is_mandatory: comes back when no queue takes it. */
void rabbit_publish(struct rabbit_channel *, struct trb_slice exchange, struct trb_slice key, bool is_mandatory,
                    const struct rabbit_properties *, struct trb_data);

#endif
