/* documents: the resources of one kind as JSON, as blocks read them on any loop. Immutable: a change makes
 * new ones, each loop takes them up between two steps, and the old ones go once none reads them. */
#ifndef RUNTIME_DOCUMENTS_H
#define RUNTIME_DOCUMENTS_H

#include <config/resource.h>

struct document_list;

struct documents {                         /* of one kind; zeroed: none */
    struct document_list **seen;           /* by the index of the loop */
};

/* In force at once on the main loop, and on each other one as soon as it turns. [main loop] */
void documents_set(struct documents *, const struct resource_list *);
void documents_release(struct documents *);                    /* when no loop reads them any more */
uint32_t documents_count(const struct documents *);            /* [loop] */
struct trb_slice documents_at(const struct documents *, uint32_t i);   /* absent: there is none. [loop] */

#endif
