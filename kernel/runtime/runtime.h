/* runtime: the sidecar as an object: created, started, drained, destroyed; and again, in one process.
 *
 *     created ──► starting ──► running ──► stopping ──► ended
 *
 * Loops, workers and the log are the process's (process.h) and outlive it. All [main loop]. */
#ifndef RUNTIME_RUNTIME_H
#define RUNTIME_RUNTIME_H

#include <config/flags.h>
#include <loop/workers.h>
#include <stdbool.h>
#include <trilby/types.h>

struct runtime;

struct runtime_setup {
    const struct flags *flags;             /* of the process */
    struct workers *workers;
    uint64_t began_ns;                     /* when this start was asked for */
    /* Everything is down; destroy it from the next turn on. why NULL: as asked. */
    void (*ended)(void *arg, const char *why);
    void (*restart)(void *arg);            /* please stop me, and build another one of what is on the disk now */
    void *arg;
};

/* Reads the configuration, reserves the ports that are open from the first moment on. */
trb_code runtime_create(const struct runtime_setup *, struct runtime **ret_runtime, struct trb_error *err);
/* Ports and addresses as variables of our own process. Before other threads exist. */
void runtime_export(const struct runtime *);
void runtime_start(struct runtime *);
/* --reload=safe: what has changed on the disk is taken up in place. false: it has to be built anew. */
bool runtime_reload(struct runtime *);
/* The resource folders are read, as when something has changed there. false: it is starting or stopping. */
bool runtime_read_again(struct runtime *);
/* Drains and ends. has_block: the phase of --dapr-block-shutdown-duration comes first. */
void runtime_stop(struct runtime *, bool has_block);
struct runtime *runtime_destroy(struct runtime *);         /* after ended, or never started; NULL is welcome */

#define RUNTIME_VERSION TRILBY_VERSION

#endif
