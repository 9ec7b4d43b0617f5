/* shim: stands between the kernel and the component, and looks like the component to the one and like a
 * host to the other. Every token the component holds is ours, so that each breach of the law of answers
 * is seen where it happens; every question is guarded. One component per process. */
#ifndef CONFORMANCE_SHIM_H
#define CONFORMANCE_SHIM_H

#include "blocks.h"
#include <plugin/loader.h>
#include <stdatomic.h>

struct shim_ways {                             /* how hostile the host is; change it between instances */
    size_t longer;                             /* bytes that a newer host knows behind its structs */
    uint32_t minor;                            /* that the host claims */
    bool without_services;                     /* extension offers nothing */
    _Atomic uint32_t fail_each;                /* every n-th buffer is refused; 0: none */
    void (*hear)(uint32_t level, const char *line);
};
extern struct shim_ways shim_ways;

/* A plugin that the kernel may load instead: its one component is the shim. Lives for ever. */
struct plugin *shim_plugin(struct plugin *real, const struct trb_component *, const struct block_facts *);

struct shim_counts {
    _Atomic int64_t unanswered, buffers, starts, stops, refused_buffers;
};
extern struct shim_counts shim_counts;
bool shim_has(const char *verb);               /* of the real component */

#endif
