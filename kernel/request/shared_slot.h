/* shared_slot: one immutable counted thing (a router, a table of methods) that all loops read and
 * anyone may replace. Reading costs a look at one number. */
#ifndef REQUEST_SHARED_SLOT_H
#define REQUEST_SHARED_SLOT_H

struct shared_slot;

struct shared_kind {
    void (*ref)(void *);                /* never called with NULL */
    void (*unref)(void *);
};

struct shared_slot *shared_slot_create(const struct shared_kind *);     /* holds nothing at first */
struct shared_slot *shared_slot_destroy(struct shared_slot *);  /* when no loop reads it any more; NULL is welcome */
void shared_slot_set(struct shared_slot *, void *given);        /* [any]; every loop drops the old one within a turn */
void *shared_slot_get(struct shared_slot *);                    /* borrowed for this turn; NULL: nothing. [loop] */

#endif
