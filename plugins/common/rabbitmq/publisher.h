/* publisher: messages on their way to one exchange, on a channel of its own, many in flight.
 *
 *     asked ──► waiting ──► written ──► confirmed: settled
 *
 * A message waits while the link is dialled, and while the broker takes none; it fails when the second
 * attempt to connect failed, or after 30 s. What was written when the channel or the link ended has an
 * unknown fate and fails, retryable; only when the exchange, or the queue of a mandatory one, was gone it is
 * declared and written again. [loop] */
#ifndef RABBITMQ_PUBLISHER_H
#define RABBITMQ_PUBLISHER_H

#include <rabbitmq/channel.h>

struct rabbit_publisher;

struct rabbit_wish {                        /* one message, kept by its question until it is settled */
    void (*settled)(struct rabbit_wish *, const struct trb_error *);
    const void *call;                       /* of cancel */
    void *context;                          /* the asker's, as the rest */
    const void *message;
    uint32_t index;
};

struct rabbit_message {
    struct trb_slice key;
    struct rabbit_properties properties;
    struct trb_data data;
};

struct rabbit_publisher_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct rabbit_link *link;
    struct trb_slice exchange;              /* copied */
    bool is_confirmed;                      /* else settled when written */
    bool is_mandatory;                      /* what no queue takes is declared and written again, then fails */
    void *arg;
    void (*declare)(void *arg, struct rabbit_channel *, struct trb_slice exchange);
    /* What a wish's message looks like; scratch is empty, for texts that it has to make. */
    void (*describe)(void *arg, const struct rabbit_wish *, struct text *scratch, struct rabbit_message *ret_message);
};

struct rabbit_publisher *rabbit_publisher_create(const struct rabbit_publisher_setup *);
/* Settles what is left with the error. NULL is welcome; returns NULL. */
struct rabbit_publisher *rabbit_publisher_destroy(struct rabbit_publisher *, const struct trb_error *);
struct trb_slice rabbit_publisher_exchange(const struct rabbit_publisher *);
bool rabbit_publisher_is_idle(const struct rabbit_publisher *);
void rabbit_publisher_add(struct rabbit_publisher *, const struct rabbit_wish *);
void rabbit_publisher_flush(struct rabbit_publisher *);         /* the link is up, or has room again */
void rabbit_publisher_missed(struct rabbit_publisher *, const struct trb_error *);  /* an attempt to connect failed */
void rabbit_publisher_tick(struct rabbit_publisher *);          /* now and then: what waited too long fails */
/* Of this call: what is not written yet fails. */
void rabbit_publisher_cancel(struct rabbit_publisher *, const void *call);

#endif
