/* address: the URI that the options describe. Pure. */
#ifndef STATE_MONGODB_ADDRESS_H
#define STATE_MONGODB_ADDRESS_H

#include <base/text.h>
#include <trilby/inline.h>

struct address {                        /* options; NULL: not said */
    const char *connection, *server, *host, *username, *password, *params, *database;
};

/* mongodb://user:password@hosts/database?params, or mongodb+srv://user:password@server/?params. A name or password
 * goes in as it is when it can stand in a URI, escapes and all, and is escaped otherwise. */
trb_code address_make(const struct address *, struct text *ret_uri, struct trb_error *err);

#endif
