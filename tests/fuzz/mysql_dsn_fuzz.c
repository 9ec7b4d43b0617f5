/* mysql_dsn_fuzz: any bytes as a connection string: what is accepted has every part, what is refused has a sentence. */
#include "plugins/state/mysql/dsn.c"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_error err = {.size = sizeof err};
    struct dsn d;
    if (dsn_parse(&d, slice_from((const char *)data, size), &err)) {
        if (!err.message[0] || d.user || d.password || d.variables)
            abort();
        return 0;
    }
    if (!d.user || !d.password || !d.database || !d.host == !d.socket || !d.port || d.port > 65535 ||
        strlen(d.user) + strlen(d.password) > size || d.tls > DSN_TLS_CUSTOM)
        abort();
    dsn_fini(&d);
    return 0;
}
