/* message: one published message, kept once for all subscriptions that wait for it. Counted under the
 * broker's lock. */
#ifndef IN_MEMORY_MESSAGE_H
#define IN_MEMORY_MESSAGE_H

#include <trilby/pubsub.h>

struct message {
    uint32_t refs;
    uint64_t number;                /* in the order of publication */
    size_t cost;                    /* bytes it holds */
    struct trb_pubsub_event event;  /* its texts stand behind the struct; data.owner is ours */
};

struct message *message_create(struct trb_call *, const struct trb_pubsub_publish *); /* one reference; NULL: no buffer */
void message_unref(const struct trb_host *, struct message *);

#endif
