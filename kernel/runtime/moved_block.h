/* moved_block: one block on its way from one copy of its code to another, with a view of each component for
 * the new copy. [main loop]
 *
 *     create ──► exchange ──► (catalog, routes everywhere; the old copy drains) ──► finish
 *          └──► take_back
 *
 * What the old copy keeps goes over at the exchange, and what it was told after that once it is quiet. */
#ifndef RUNTIME_MOVED_BLOCK_H
#define RUNTIME_MOVED_BLOCK_H

#include <base/list.h>
#include <plugin/service.h>

struct runtime;
struct moved_view;

struct moved_block {
    struct list link;
    struct runtime *rt;
    struct service *old, *new_;
    struct moved_view *views;              /* first the new ones, after the exchange the old ones */
    uint32_t view_count, view_room;
};

/* At the end of to, also when it fails; a block that is not in service is left out. */
trb_code moved_block_create(struct runtime *, struct plugin *, const struct trb_block *, struct list *to,
                            struct trb_error *err);
void moved_block_exchange(struct moved_block *);
void moved_block_finish(struct moved_block *);         /* the new copy is in service; frees m once the old one is quiet */
void moved_block_take_back(struct moved_block *);      /* the new copy; frees m */

#endif
