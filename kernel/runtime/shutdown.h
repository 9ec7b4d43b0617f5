/* shutdown: how a runtime ends (http-api.md 1.8):
 *
 *     blocking (--dapr-block-shutdown-duration) ──► draining ──► cutting ──► components ──► blocks ──► ended
 *
 * Draining and what follows have the graceful seconds; then the process is left as it is. [main loop] */
#ifndef RUNTIME_SHUTDOWN_H
#define RUNTIME_SHUTDOWN_H

#include <loop/loop.h>
#include <stdbool.h>

struct runtime;

#define SHUTDOWN_NONE 0u
#define SHUTDOWN_BLOCKING 1u
#define SHUTDOWN_DRAINING 2u
#define SHUTDOWN_ENDED 3u

struct shutdown {
    uint32_t phase, owed;
    bool blocks_are_drained;
    struct timer block, limit, blocks_limit;
    struct job end;
};

void shutdown_begin(struct runtime *, bool has_block);
void shutdown_app_unhealthy(struct runtime *);             /* ends a block phase */
void shutdown_force(struct runtime *);                     /* the process ends with 1 in a moment */

#endif
