/* child.h: a program in a process group of its own, with its output in our hands.
 * Not a supervisor: nothing is restarted. */
#ifndef TRILBY_CLI_CHILD_H
#define TRILBY_CLI_CHILD_H

#include "cli/lines.h"

#include <sys/types.h>

struct child {
    pid_t pid;                                      /* 0: never started */
    bool is_running;                                /* false also for the never started */
    int status;                                     /* as waitpid() tells it, once not running */
    struct lines out, err;
};

/* environment: NAME=value words on top of our own.  The child ends when we do, however we end.
 * ret_status, set on failure only: 127 for a program that is not there, 126 for one that cannot
 * run. */
bool child_start(struct child *c, const struct words *argv, const struct words *environment,
                 const char *prefix, int *ret_status, struct reason *why);

void child_signal_group(const struct child *c, int number);
bool child_is_gone(const struct child *c);          /* the program and everything in its group */
void child_finish_output(struct child *c);

/* "exit status 3" or "signal 9 (Killed)". */
char *child_status_text(const struct child *c);     /* free() it */

#endif
