/* store: state.memcached as its files share it. The value's bytes lie under the key; there is no version. */
#ifndef STATE_MEMCACHED_STORE_H
#define STATE_MEMCACHED_STORE_H

#include "link.h"
#include <trilby/state.h>

struct store {
    struct config config;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct link *links[MAX_HOSTS];              /* one for each server, in the order of the option */
    uint32_t is_up[MAX_HOSTS];
    uint32_t up_count;
    struct trb_call *starting;                  /* start is not answered yet */
};

/* --- answers: of one call, or of one item of a bulk ------------------------------------------------ */
#define ALONE UINT32_MAX                        /* wish.index: the call is the question's own */
struct bulk {
    struct store *store;
    struct trb_call *call;
    uint32_t owed;
};
struct bulk *bulk_create(struct store *, struct trb_call *, uint32_t count);   /* NULL: answered, nothing to do */
void bulk_item(struct bulk *, uint32_t index, const struct trb_state_item *, const struct trb_error *err);
void wish_end(struct wish *, const struct trb_state_item *, const struct trb_error *err);
void wish_refused(struct wish *, const struct reply *);

/* False: no server would take this key; err says so. */
bool store_check_key(struct trb_name key, struct trb_error *ret_err);
struct link *store_link(struct store *, struct trb_name key);

/* A read whose connection broke is asked once more. */
#define MAX_TRIES 1u

trb_verb store_get, store_set, store_remove, store_bulk_get, store_bulk_set, store_bulk_remove;

#endif
