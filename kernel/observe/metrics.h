/* metrics: counters, gauges and histograms by name and labels, in Prometheus' text format. [any]
 *
 * A metric is looked up once and kept by whoever counts; adding takes no lock. Names, kinds and help
 * are the table metrics.def; a name that is not in it is refused by an assert. */
#ifndef OBSERVE_METRICS_H
#define OBSERVE_METRICS_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct trb_metric;                         /* never freed while the process lives */

struct metrics_setup {
    bool enabled;                          /* false: only process metrics are written */
    const int64_t *latency_buckets_ms;     /* NULL: the contract's list */
    uint32_t latency_bucket_count;
};

void metrics_start(const struct metrics_setup *);          /* again: forgets all values (SIGHUP) */
bool metrics_are_on(void);                 /* spares looking for a metric that counts nothing */
struct trb_metric *metric_get(const char *name, const struct trb_pairs *labels);
void metric_add(struct trb_metric *, double);              /* counter: step; gauge: difference; histogram: sample */
void metric_set(struct trb_metric *, double);              /* gauges */
void metrics_write(struct text *);                         /* everything, text format 0.0.4 */

#endif
