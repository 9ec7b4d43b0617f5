/* offerers: whoever finds types when the process starts (plugin/offers.h) is asked before components start. */
#ifndef RUNTIME_OFFERERS_H
#define RUNTIME_OFFERERS_H

struct runtime;

/* Starts one instance of each plugin named offers.*, and stops it once it has said what it found. done when all
 * have, at once when there is none; one that fails is logged. [main loop] */
void offerers_start(struct runtime *, void (*done)(struct runtime *));

#endif
