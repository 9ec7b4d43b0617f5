/* outbox: a store whose transactions publish: what its options say, and who is told. http-api.md 5.12 */
#ifndef STATE_OUTBOX_H
#define STATE_OUTBOX_H

#include <stdbool.h>
#include <trilby/block.h>

struct outbox {
    struct trb_name pubsub, topic;      /* where events go */
    struct trb_name broker, waiting;    /* the pubsub and the topic where they wait for their transaction */
    bool discards;
};

/* NULL: the options ask for none. *ret_note: NULL, or what is worth a warning. */
struct outbox *outbox_create(const struct trb_pairs *properties, const struct trb_runtime_info *, const char **ret_note);
struct outbox *outbox_destroy(struct outbox *);     /* NULL is welcome; returns NULL */

#endif
