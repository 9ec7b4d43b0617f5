/* state: what the sources of the state store share: questions as messages. */
#ifndef PLUGGABLE_STATE_H
#define PLUGGABLE_STATE_H

#include "bridge.h"
#include <trilby/state.h>

#define STATE SERVICES "StateStore/"
#define MAX_SIZE_NS 5000000000ll

struct set_message {
    struct components_set_request message;
    struct components_etag etag;
    struct components_state_options options;
};

struct delete_message {
    struct components_delete_request message;
    struct components_etag etag;
    struct components_state_options options;
};

/* The messages point into the question and into themselves. */
void get_write(const struct trb_state_get *, struct components_get_request *to);
const char *set_write(const struct trb_state_set *, struct set_message *to);   /* NULL, or why it may not be sent */
void delete_write(const struct trb_state_delete *, struct delete_message *to);
const struct components_etag *etag_of(struct trb_name etag, struct components_etag *room);     /* NULL: not said */

trb_verb state_bulk_get, state_bulk_set, state_bulk_remove, state_query;

#endif
