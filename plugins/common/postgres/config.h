/* config: the connection options that every component of PostgreSQL has, and what they say together. */
#ifndef POSTGRES_CONFIG_H
#define POSTGRES_CONFIG_H

#include <postgres/target.h>
#include <trilby/options.h>

#define PG_MODE_CACHE_STATEMENT 0u
#define PG_MODE_CACHE_DESCRIBE 1u

#define PG_DEFAULT_CONNECTIONS 4             /* of the process, where nothing is said */
#define PG_MOST_CONNECTIONS 64

struct pg_config {
    const char *connection, *host, *hostaddr, *port, *database, *user, *password, *root_cert;
    const char *aws_region, *aws_access_key, *aws_secret_key, *aws_session_token, *aws_old_access_key, *aws_old_secret_key,
        *aws_role, *aws_session_name, *azure;
    int64_t timeout_ns, max_conns, idle_ns;
    uint32_t mode, azure_ad, aws_iam;

    struct pg_target target;                    /* filled in by the check: the component's to finish in stop */
    bool is_unnamed;                            /* no statement is kept at the server */
    uint32_t connections;                       /* at most so many per loop */
};

#define PG_IAM_IS_IGNORED 1u                    /* useAWSIAM has no effect in state.postgresql v1; a warning says so */
#define PG_IS_ALONE 2u                          /* one instance, not one on each loop */
trb_code pg_config_check(struct pg_config *, uint32_t flags, struct trb_error *err);
void pg_config_fini(struct pg_config *);

#define PG_OPTIONS(self, c)                                                                        \
    TRB_STRING(self, c.connection, "connectionString", .aliases = "url", .sensitive = 1, .empty_is_absent = 1,    \
               .example = "host=localhost port=5432 user=app dbname=orders",                       \
               .doc = "Where the database is, as words (host=db user=app dbname=orders) or as a postgres:// URL; " \
                      "what it does not say the options below and the PG… environment do."),       \
    TRB_STRING(self, c.host, "host", .empty_is_absent = 1,                                         \
               .doc = "Name, address or socket folder of the server; before that of the connection string."), \
    TRB_STRING(self, c.hostaddr, "hostaddr", .empty_is_absent = 1,                                 \
               .doc = "Address of the server, so that its name need not be looked up."),           \
    TRB_STRING(self, c.port, "port", .empty_is_absent = 1, .doc = "Port of the server."),          \
    TRB_STRING(self, c.database, "database", .empty_is_absent = 1, .doc = "Name of the database."), \
    TRB_STRING(self, c.user, "user", .empty_is_absent = 1, .doc = "Who signs in."),                \
    TRB_STRING(self, c.password, "password", .sensitive = 1, .empty_is_absent = 1, .doc = "And the password."), \
    TRB_STRING(self, c.root_cert, "sslRootCert", .empty_is_absent = 1,                             \
               .doc = "File with the authorities that may have signed the server's certificate."), \
    TRB_DURATION(self, c.timeout_ns, "timeout", .aliases = "timeoutInSeconds", .fallback = "20s",  \
                 .doc = "Give up connecting, and an operation, after this; at least 1s."),         \
    TRB_INT(self, c.max_conns, "maxConns", .fallback = "0", .max = 1 << 20,                        \
            .doc = "Most connections of the sidecar, shared out to its event loops, which have one each at least; requests " \
                   "share a connection by pipelining until it is busy. 0 and 1: 4."),              \
    TRB_DURATION(self, c.idle_ns, "connectionMaxIdleTime", .fallback = "0",                        \
                 .doc = "Close a connection that had nothing to do for so long; 0: never."),       \
    TRB_CHOICE(self, c.mode, "queryExecMode", .fallback = "cache_statement",                       \
               .choices = "cache_statement|cache_describe|describe_exec|exec|simple_protocol",     \
               .doc = "cache_statement prepares each statement once per connection; all others send it with every " \
                      "operation and keep nothing at the server, as poolers want it."),            \
    TRB_BOOL(self, c.azure_ad, "useAzureAD", .fallback = "false",                                  \
             .doc = "Refused: signing in with an Entra ID token is not supported yet."),           \
    TRB_BOOL(self, c.aws_iam, "useAWSIAM", .fallback = "false",                                    \
             .doc = "Signing in with an IAM token is not supported yet: refused, and in state.postgresql v1, where it " \
                    "never had an effect, warned of."),                                            \
    TRB_STRING(self, c.aws_region, "region", .aliases = "awsRegion", .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_access_key, "accessKey", .sensitive = 1, .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_secret_key, "secretKey", .sensitive = 1, .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_session_token, "sessionToken", .sensitive = 1, .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_old_access_key, "awsAccessKey", .sensitive = 1, .deprecated = 1, .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_old_secret_key, "awsSecretKey", .sensitive = 1, .deprecated = 1, .doc = "Only with useAWSIAM."), \
    TRB_STRING(self, c.aws_role, "assumeRoleArn", .doc = "Only with useAWSIAM."),                  \
    TRB_STRING(self, c.aws_session_name, "sessionName", .doc = "Only with useAWSIAM."),            \
    TRB_OPEN("azure", .doc = "Only with useAzureAD.")

#endif
