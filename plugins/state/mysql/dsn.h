/* dsn: a connection string in the form of Go's MySQL driver, understood. Pure: no network, no files.
 *
 *     [user[:password]@][tcp|unix[(address)]]/[database][?name=value&…] */
#ifndef STATE_MYSQL_DSN_H
#define STATE_MYSQL_DSN_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/inline.h>
#include <trilby/types.h>

#define DSN_TLS_OFF 0u
#define DSN_TLS_VERIFY 1u
#define DSN_TLS_SKIP_VERIFY 2u
#define DSN_TLS_PREFERRED 3u            /* TLS if the server has it, unverified */
#define DSN_TLS_CUSTOM 4u               /* verified by the component's pemPath */

struct dsn {
    char *user, *password;              /* "" when not said */
    char *host;                         /* NULL: a Unix socket */
    char *socket;                       /* its path, or NULL */
    uint32_t port, tls;
    char *database;                     /* "" when not said */
    char *collation;                    /* or NULL */
    char *variables;                    /* "name=value, …" of the session, as SET takes it, or NULL */
    int64_t connect_timeout_ns, read_timeout_ns, write_timeout_ns;    /* 0: not said */
    bool compress, cleartext;
};

/* err names what is wrong and never shows the string, which holds a password. */
trb_code dsn_parse(struct dsn *, struct trb_slice text, struct trb_error *err);
void dsn_fini(struct dsn *);            /* wipes the password */

#endif
