/* reaper: waits for the end of one process and says in the log how it went. It outlives whoever asked. [main loop] */
#ifndef ISOLATE_REAPER_H
#define ISOLATE_REAPER_H

#include <stdint.h>
#include <sys/types.h>

struct reaper;

/* NULL: it could not be watched, and has been ended. */
struct reaper *reaper_create(pid_t, const char *component, void (*gone)(void *arg), void *arg);
void reaper_kill(struct reaper *);
struct reaper *reaper_forget(struct reaper *);         /* gone will not be called; returns NULL; NULL is welcome */
uint64_t reaper_cpu_ns(const struct reaper *);         /* used so far */

#endif
