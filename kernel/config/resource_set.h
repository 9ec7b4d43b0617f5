/* resource_set: how documents become a set: which of them are kept, and in which order.
 * Inside kernel/config. */
#ifndef CONFIG_RESOURCE_SET_H
#define CONFIG_RESOURCE_SET_H

#include <base/map.h>
#include <config/resource_kinds.h>

struct set_builder {
    const struct resource_query *query;
    struct resource_set *set;
    struct map names[RESOURCE_KINDS];          /* name to the kept one */
    struct text duplicates[RESOURCE_KINDS];
};

void set_begin(struct set_builder *, const struct resource_query *);
void set_offer(struct set_builder *, struct resource *);              /* takes the reference */
struct resource_set *set_finish(struct set_builder *);
/* Something in that file could not be read, or nothing was in it. */
void set_incomplete(struct set_builder *, const char *file);
/* The documents of one text, in order; those that cannot be read are warned of. */
void set_read(struct set_builder *, const char *file, struct trb_slice text);

#endif
