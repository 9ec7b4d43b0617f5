/* admin_wait.h: until what was replaced has gone.
 * Not the change: that is in force before anybody waits. */
#ifndef TRILBY_CLI_ADMIN_WAIT_H
#define TRILBY_CLI_ADMIN_WAIT_H

#include "cli/admin_ask.h"

struct admin_wait {
    const struct admin_place *place;
    const char *name;                               /* of the component or the plugin */
    bool is_plugin, is_quiet;                       /* quiet: says nothing while it waits */
    int64_t timeout_s;                              /* 0: as long as it takes */
};

/* ADMIN_DONE, ADMIN_STAYS, or what admin_ask gives; all but the first with a sentence. */
int admin_wait(const struct admin_wait *w, struct reason *why);

#endif
