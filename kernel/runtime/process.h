/* process: what outlives a runtime: loops and their threads, workers, signals, the crash report. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <config/flags.h>

/* Runs one runtime after the other until the last one has ended. Returns the exit code. */
int process_run(const struct flags *);
_Noreturn void process_exit(int code);                     /* at once; what is logged is written [any] */

#endif
