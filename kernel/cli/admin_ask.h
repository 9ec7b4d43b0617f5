/* admin_ask.h: one request to the admin listener, and what went wrong with it as a sentence.
 * Not what answers mean: that stands with the commands. */
#ifndef TRILBY_CLI_ADMIN_ASK_H
#define TRILBY_CLI_ADMIN_ASK_H

#include "cli/admin_place.h"

#include <cjson/cJSON.h>

enum {
    ADMIN_DONE = 0,
    ADMIN_REFUSED = 1,                              /* the sidecar did not do it: everything is as it was */
    ADMIN_UNREACHED = 3,                            /* nobody answered, or whoever did does not know us */
    ADMIN_STAYS = 4,                                /* it is in force, and the old one is still there */
};

/* ADMIN_DONE with an answer for cJSON_Delete, or another of these with a sentence. body may be NULL. */
int admin_ask(const struct admin_place *p, const char *method, const char *path, const char *body, int64_t timeout_s,
              cJSON **ret_answer, struct reason *why);

#endif
