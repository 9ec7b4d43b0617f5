/* config: the connection options that all Redis components share, and what they come to. */
#ifndef REDIS_CONFIG_H
#define REDIS_CONFIG_H

#include <trilby/options.h>
#include <trilby/plugin.h>

#define REDIS_MS 1000000ll
#define REDIS_MAX_HOSTS 32u
#define REDIS_TYPE_NODE 0u
#define REDIS_TYPE_CLUSTER 1u

struct redis_address {
    char host[256];                          /* name, address, or unix:/path */
    uint32_t port;
};

struct redis_config {
    const char *host, *username, *password, *sentinel_master, *sentinel_username, *sentinel_password;
    const char *client_cert, *client_key, *ca_cert, *oidc_endpoint, *oidc_client, *oidc_cert, *oidc_key;
    const char *oidc_resource, *oidc_audience, *oidc_kid, *oidc_scopes, *oidc_ca;
    int64_t port, database, max_retries, max_retry_backoff_ns, pool_size, min_idle;
    int64_t min_retry_ns, max_retry_ns, dial_timeout_ns, read_timeout_ns, write_timeout_ns;
    int64_t pool_timeout_ns, max_age_ns, idle_timeout_ns, idle_check_ns;
    uint32_t type, failover, tls, skip_verify, entra, oidc;
    /* Made of these by redis_config_check. */
    struct redis_address addresses[REDIS_MAX_HOSTS];
    uint32_t address_count;
};

/* Checks what the options say together and fills in the addresses. The sentence names the option. */
trb_code redis_config_check(struct redis_config *, struct trb_error *err);

#define REDIS_UNUSED_ "Accepted for compatibility; one pipelined connection per loop needs no pool."
#define REDIS_DURATION_(self, member, name, ...) \
    TRB_DURATION(self, member, name, .bare_unit_ns = REDIS_MS, __VA_ARGS__)

/* REDIS_OPTIONS(struct store, config): the first rows of a component's table. */
#define REDIS_OPTIONS(self, c)                                                                     \
    TRB_STRING(self, c.host, "redisHost", .required = 1, .example = "localhost:6379",              \
               .doc = "Server as host:port or unix:/path; a comma list for cluster or sentinels."), \
    TRB_INT(self, c.port, "redisPort", .max = 65535,                                               \
            .doc = "Port when redisHost names none; 6379 when neither does."),                     \
    TRB_STRING(self, c.username, "redisUsername", .empty_is_absent = 1,                            \
               .doc = "User of the server's access list; without it the password alone is sent."), \
    TRB_STRING(self, c.password, "redisPassword", .sensitive = 1, .empty_is_absent = 1,            \
               .doc = "Password, if the server asks for one."),                                    \
    TRB_INT(self, c.database, "redisDB", .fallback = "0", .max = 1 << 20,                          \
            .doc = "Number of the database; a cluster has only 0."),                               \
    TRB_CHOICE(self, c.type, "redisType", .fallback = "node", .choices = "node|cluster",           \
               .doc = "One server, or a cluster that shares its keys out by hash slot."),          \
    TRB_BOOL(self, c.failover, "failover", .fallback = "false",                                    \
             .doc = "redisHost names sentinels, which know the present master."),                  \
    TRB_STRING(self, c.sentinel_master, "sentinelMasterName", .empty_is_absent = 1,                \
               .doc = "Name of the master that the sentinels watch; needed with failover."),       \
    TRB_STRING(self, c.sentinel_username, "sentinelUsername", .empty_is_absent = 1,                \
               .doc = "User towards the sentinels."),                                              \
    TRB_STRING(self, c.sentinel_password, "sentinelPassword", .sensitive = 1, .empty_is_absent = 1, \
               .doc = "Password towards the sentinels."),                                          \
    TRB_BOOL(self, c.tls, "enableTLS", .fallback = "false",                                        \
             .doc = "Speak TLS, 1.2 or newer, and verify the server."),                            \
    TRB_BOOL(self, c.skip_verify, "insecureSkipTLSVerify", .fallback = "false",                    \
             .doc = "With enableTLS, do not verify the server: for tests only."),                    \
    TRB_STRING(self, c.ca_cert, "caCert", .empty_is_absent = 1,                                    \
               .doc = "PEM of the authorities to trust instead of the system's."),                 \
    TRB_STRING(self, c.client_cert, "clientCert", .empty_is_absent = 1,                            \
               .doc = "PEM of the certificate to show; with clientKey."),                          \
    TRB_STRING(self, c.client_key, "clientKey", .sensitive = 1, .empty_is_absent = 1,              \
               .doc = "PEM of the key of clientCert."),                                            \
    TRB_INT(self, c.max_retries, "redisMaxRetries", .aliases = "maxRetries", .fallback = "3", .min = -1, \
            .doc = "How often a read is asked again after its connection broke; -1: never. Writes are not " \
                   "repeated, because the first may have arrived."),                               \
    REDIS_DURATION_(self, c.min_retry_ns, "redisMinRetryInterval",                                 \
                    .doc = "First pause between attempts to connect again (8ms); a bare number is milliseconds."), \
    REDIS_DURATION_(self, c.max_retry_ns, "redisMaxRetryInterval",                                 \
                    .doc = "Longest pause between attempts to connect again (512ms)."),            \
    TRB_INT(self, c.max_retry_backoff_ns, "maxRetryBackoff",                                       \
            .doc = "Older way to say redisMinRetryInterval, in nanoseconds.", .deprecated = 1),    \
    REDIS_DURATION_(self, c.dial_timeout_ns, "dialTimeout", .fallback = "5s",                      \
                    .doc = "Give up connecting after this."),                                      \
    REDIS_DURATION_(self, c.read_timeout_ns, "readTimeout",                                        \
                    .doc = "Give up waiting for an answer after this (3s); -1: never."),           \
    REDIS_DURATION_(self, c.write_timeout_ns, "writeTimeout",                                      \
                    .doc = "Accepted; a write that does not leave is ended by readTimeout."),      \
    TRB_INT(self, c.pool_size, "poolSize", .doc = REDIS_UNUSED_),                                  \
    REDIS_DURATION_(self, c.pool_timeout_ns, "poolTimeout", .doc = REDIS_UNUSED_),                 \
    TRB_INT(self, c.min_idle, "minIdleConns", .doc = REDIS_UNUSED_),                               \
    REDIS_DURATION_(self, c.max_age_ns, "maxConnAge", .doc = REDIS_UNUSED_),                       \
    REDIS_DURATION_(self, c.idle_timeout_ns, "idleTimeout", .doc = REDIS_UNUSED_),                 \
    REDIS_DURATION_(self, c.idle_check_ns, "idleCheckFrequency", .doc = REDIS_UNUSED_),            \
    TRB_BOOL(self, c.entra, "useEntraID", .fallback = "false",                                     \
             .doc = "Refused: signing in with Entra ID is not supported yet."),                    \
    TRB_BOOL(self, c.oidc, "useOIDC", .fallback = "false",                                         \
             .doc = "Refused: signing in with an OIDC token is not supported yet."),               \
    TRB_STRING(self, c.oidc_endpoint, "oidcTokenEndpoint", .doc = "Only with useOIDC."),           \
    TRB_STRING(self, c.oidc_client, "oidcClientID", .doc = "Only with useOIDC."),                  \
    TRB_STRING(self, c.oidc_cert, "oidcClientAssertionCert", .doc = "Only with useOIDC."),         \
    TRB_STRING(self, c.oidc_key, "oidcClientAssertionKey", .sensitive = 1, .doc = "Only with useOIDC."), \
    TRB_STRING(self, c.oidc_resource, "oidcResource", .doc = "Only with useOIDC."),                \
    TRB_STRING(self, c.oidc_audience, "oidcAudience", .doc = "Only with useOIDC."),                \
    TRB_STRING(self, c.oidc_kid, "oidcKid", .doc = "Only with useOIDC."),                          \
    TRB_STRING(self, c.oidc_scopes, "oidcScopes", .doc = "Only with useOIDC."),                    \
    TRB_STRING(self, c.oidc_ca, "oidcCACert", .doc = "Only with useOIDC.")

#endif
