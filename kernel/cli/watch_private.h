/* watch_private.h: the parts of a watch that call each other; nobody else includes it. */
#ifndef TRILBY_CLI_WATCH_PRIVATE_H
#define TRILBY_CLI_WATCH_PRIVATE_H

#include "cli/watch.h"

/* One question at a time: true once it is answered, with the status, 0 when nobody answered. */
bool watch_ask(struct watch *w, const char *method, const char *path, const char *body,
               int *ret_status);

/* Goes on telling the sidecar who runs it, and then tells the user that all is well. */
void watch_tell_notes(struct watch *w);

void watch_stop_app(struct watch *w);               /* and the sidecar afterwards */
void watch_stop_sidecar(struct watch *w);
void watch_await_app(struct watch *w);
void watch_await_sidecar(struct watch *w);

#endif
