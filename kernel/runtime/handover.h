/* handover: what an instance keeps goes over to the one that takes its place, e.g. the items of an
 * in-memory store. [main loop]
 *
 *     (its block ends its streams) ──► old is held ──► nothing of it is unanswered ──► hand_over ──► adopt
 *                └──────── late, or it cannot ─────┴──────────────────────────────────────────┤
 *                                         abort: calls and streams go on at the old one ◄──────┴──► commit: at the new one
 *
 * Nothing is lost either way. */
#ifndef RUNTIME_HANDOVER_H
#define RUNTIME_HANDOVER_H

#include <runtime/components.h>

struct handover;

/* Will old, which is live, hand over to new_, whose instance is made? */
bool handover_is_due(const struct entry *old, const struct entry *new_);
/* Both are live. then(arg, NULL or why not) once, never inside; NULL as well when there is nothing to hand
 * over. Until commit or abort the calls of old wait. */
struct handover *handover_begin(const struct entry *old, const struct entry *new_,
                                void (*then)(void *arg, const struct trb_error *err), void *arg);
/* After then; NULL is welcome. */
void handover_commit(struct handover *);
void handover_abort(struct handover *);

#endif
