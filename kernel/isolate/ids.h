/* ids: numbers for what is under way, that a process at the other end may repeat, forget or invent. A number
 * finds its thing as long as that is there, and never what took its place. One owner. */
#ifndef ISOLATE_IDS_H
#define ISOLATE_IDS_H

#include <stdint.h>

struct ids {
    struct ids_cell *cells;
    uint32_t count, live, free;            /* free: the first free cell and one more; 0: none */
};

uint64_t ids_put(struct ids *, void *thing);
void *ids_get(const struct ids *, uint64_t id);        /* NULL: there is none */
void *ids_drop(struct ids *, uint64_t id);             /* as ids_get; its number is nobody's then */
void *ids_next(const struct ids *, uint32_t *cursor);  /* each of them; NULL: no more */
void ids_fini(struct ids *);                           /* things are the caller's */

#endif
