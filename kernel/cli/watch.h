/* watch.h: the life of one run, from a sidecar that is starting to two programs that are gone. */
#ifndef TRILBY_CLI_WATCH_H
#define TRILBY_CLI_WATCH_H

#include "cli/child.h"
#include "cli/plan.h"

enum stage {
    STAGE_WAITING,                                  /* for the sidecar to be ready */
    STAGE_SERVING,                                  /* both run */
    STAGE_STOPPING_APP,
    STAGE_STOPPING_SIDECAR,
    STAGE_OVER,
};

struct watch {
    struct plan *plan;
    enum stage stage;
    struct child sidecar, app;
    int signals;                                    /* a signalfd */
    bool is_asked;                                  /* somebody wanted the end */
    bool is_sidecar_lost;                           /* it ended by itself, and that has been said */
    int exit_status;
    struct http_call call;                          /* the one question that is under way */
    uint64_t next_ask_ms;
    uint64_t give_up_ms;                            /* waiting for the sidecar */
    uint64_t kill_ms;       /* patience with what is being stopped ends; 0: never */
    uint64_t kill_again_ms; /* after a SIGKILL: no more waiting for strays */
    int notes, tries;                               /* facts the sidecar has been told */
};

/* The sidecar runs; everything else is up to the watch.  The exit status of trilby. */
int watch_until_over(struct watch *w);

#endif
