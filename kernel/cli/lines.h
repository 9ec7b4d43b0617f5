/* lines.h: what a child prints, passed on in whole lines with a prefix.
 * Not a log: nothing is kept, nothing is reordered. */
#ifndef TRILBY_CLI_LINES_H
#define TRILBY_CLI_LINES_H

#include "cli/text.h"

struct lines {
    int fd; /* read end of a pipe, non-blocking; -1: ended */
    const char *prefix;
    struct text line;                               /* begun, not yet ended */
};

/* Reads once; at the end of the pipe the last line is completed and the pipe closed.
 * False when our own output has gone away. */
bool lines_read(struct lines *l);

/* Reads what has come so far, completes the last line and closes, although writers may remain. */
void lines_finish(struct lines *l);

#endif
