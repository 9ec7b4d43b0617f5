/* metrics_inside: what metrics.c and metrics_recent.c owe each other. Private to this folder. */
#ifndef OBSERVE_METRICS_INSIDE_H
#define OBSERVE_METRICS_INSIDE_H

#include <observe/metrics.h>

struct trb_metric *metrics_find(const char *name, const struct trb_pairs *labels);    /* made when it is new */

#endif
