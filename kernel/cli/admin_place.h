/* admin_place.h: where a sidecar's admin listener is, and what it wants to hear.
 * Not the asking: that is admin_ask.h. */
#ifndef TRILBY_CLI_ADMIN_PLACE_H
#define TRILBY_CLI_ADMIN_PLACE_H

#include "cli/flags.h"
#include "cli/http.h"

struct admin_place {
    struct http_place http;
    char *name;                                     /* "/run/orders/admin.sock", "127.0.0.1:9000": for sentences */
    char *token, *token_file;                       /* NULL: a socket needs none */
};

/* By --socket, --address and --token-file, or by the sidecars of this user that are running. */
bool admin_place_find(struct admin_place *ret_place, const struct flags *flags, struct reason *why);
void admin_place_fini(struct admin_place *p);

#endif
