/* handover: what an instance keeps goes over to the one that takes its place, e.g. the items of an
 * in-memory store. [main loop]
 *
 *     the new one is held ──► catalog ──► the old one quiet ──► hand_over ──► adopt ──► the new one released */
#ifndef RUNTIME_HANDOVER_H
#define RUNTIME_HANDOVER_H

#include <plugin/instance.h>

struct handover;

/* Before the catalog that brings new_: holds it. NULL: there is nothing to hand over. */
struct handover *handover_begin(struct instance *old, struct instance *new_);
/* old is quiet. Calls then, perhaps before it returns; the new one is released by then. */
void handover_run(struct handover *, void (*then)(void *arg), void *arg);

#endif
