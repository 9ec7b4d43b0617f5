/* watchdog: notices a loop that stays inside of a plugin, and says in whose.
 *
 * A thread of its own looks twice a second. A loop that has been inside of the same component, in the same turn, for a second is
 * named in the log, again at each doubling, and once more when it goes on. Nothing is done to it: a thread cannot be
 * taken out of foreign code. */
#ifndef LOOP_WATCHDOG_H
#define LOOP_WATCHDOG_H

void watchdog_start(void);                     /* after loop_set_all */
void watchdog_stop(void);                      /* before any loop ends; may be repeated */

#endif
