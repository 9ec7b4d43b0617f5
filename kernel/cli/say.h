/* say.h: what trilby itself tells the user, one line at a time.
 * Not the output of the app or the sidecar: that is lines.h. */
#ifndef TRILBY_CLI_SAY_H
#define TRILBY_CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>

enum say { SAY_SUCCESS, SAY_FAILURE, SAY_WARNING, SAY_PENDING, SAY_INFO };

void say_as_json(bool as_json);

/* A failure goes to standard error, the rest to standard output; a line is written in one piece. */
void say(enum say what, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All of the bytes, whatever the descriptor's mood; false once nobody can read them any more. */
bool say_bytes(int fd, const char *at, size_t len);

#endif
