/* process: what outlives a runtime: loops and their threads, workers, signals, the crash report. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <config/flags.h>

struct runtime;

/* What main.c puts beside the runtimes, e.g. the admin listener. Any member may be NULL. */
struct process_guest {
    /* Once, after loops were created and before they run. An error ends the process. */
    trb_code (*open)(const struct flags *, struct trb_error *err);
    /* The runtime to work on; NULL: there is none just now. [main loop] */
    void (*runtime)(struct runtime *);
    /* The process ends; done(arg) once everything is closed. [main loop] */
    void (*close)(void (*done)(void *arg), void *arg);
};

/* Runs one runtime after the other until the last one has ended. Returns the exit code. */
int process_run(const struct flags *, const struct process_guest *);   /* guest NULL: none */
_Noreturn void process_exit(int code);                     /* at once; what is logged is written [any] */

#endif
