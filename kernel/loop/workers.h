/* workers: one bounded pool of threads for work that blocks. [any]
 *
 * Each queue is bounded of its own and may hold no more than its share of the pool; a full queue
 * refuses at once. Threads start on demand and end when idle for a while. */
#ifndef LOOP_WORKERS_H
#define LOOP_WORKERS_H

#include <base/list.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct workers;
struct worker_queue;

struct work {                                              /* embedded in what is done */
    struct list link;
    void (*run)(struct work *);                            /* on a worker; may free the work */
};

struct workers *workers_create(uint32_t max_threads);
struct workers *workers_destroy(struct workers *);         /* finishes what is queued, joins; NULL is welcome */

/* max_parallel is cut to half of the pool (at least 1). max_waiting: 0 means 1,024. */
struct worker_queue *worker_queue_create(struct workers *, uint32_t max_parallel, uint32_t max_waiting);
struct worker_queue *worker_queue_destroy(struct worker_queue *);     /* must be idle; NULL is welcome */
bool worker_queue_add(struct worker_queue *, struct work *);          /* false: full */
uint32_t worker_queue_waiting(const struct worker_queue *);
struct workers_figures {
    uint32_t most, threads, idle;          /* threads: that exist now, idle ones among them */
};
void workers_figures(struct workers *, struct workers_figures *ret_figures);
bool workers_is_worker(void);                              /* is this thread one of the pool's? */

#endif
