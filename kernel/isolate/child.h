/* child: what the process that holds an isolated component finds when it begins. */
#ifndef ISOLATE_CHILD_H
#define ISOLATE_CHILD_H

#include <isolate/frame.h>
#include <isolate/words.h>
#include <plugin/instance.h>

/* Its descriptors: then a line per loop of the host, which is two pipes, to read from and to write to; then the
 * plugin's copy, if there is one. */
#define CHILD_CONTROL 3
#define CHILD_LOG 4
#define CHILD_DIAL 5
#define CHILD_SOCKETS 3                    /* those above */
#define CHILD_PIPES 2                      /* of a line */

/* --- serve.c: the questions of one line [its loop] ------------------------------------------------ */
struct line;
struct line *line_create(struct loop *, struct stream_ends);
void line_serve(struct line *, struct instance *, const struct words *);       /* from now on questions are taken */
_Noreturn void child_end(const char *why);             /* NULL: as asked */

/* --- confine.c ------------------------------------------------------------------------------------- */
/* Limits and the filter of system calls: before any thread, and before any code of the plugin. */
trb_code confine(const struct trb_isolate_setup *, struct trb_error *err);

/* --- landlock.c ------------------------------------------------------------------------------------ */
bool landlock_is_there(void);              /* in this kernel */
/* From now on nothing but what every program needs may be opened, and what is listed. */
trb_code landlock_confine(const struct trb_isolate_setup *, struct trb_error *err);

#endif
