/* environment: every variable the process reads, read once per start of the runtime. What a variable
 * does not say is absent (at == NULL); an empty variable is absent too. */
#ifndef CONFIG_ENVIRONMENT_H
#define CONFIG_ENVIRONMENT_H

#include <base/arena.h>
#include <stdbool.h>
#include <trilby/types.h>

struct environment {
    struct arena *arena;                               /* owns the texts */
    struct trb_name api_token, app_token;              /* DAPR_API_TOKEN, APP_API_TOKEN */
    struct trb_name namespace_;                        /* NAMESPACE; what is absent filters nothing */
    struct trb_name pod_name, host_ip;
    struct trb_name trust_anchors;                     /* PEM */
    struct trb_name controlplane_namespace, controlplane_trust_domain;
    struct trb_name scheduler_dns;                     /* DAPR_SCHEDULER_HOST_ADDRESS_DNS_A */
    struct trb_name sentry_token_file, sentry_identity;
    struct trb_name env_keys;                          /* DAPR_ENV_KEYS: blanks between upper-case names */
    struct trb_name sockets_folder;                    /* default /tmp/dapr-components-sockets */
    struct trb_name plugins_path;                      /* TRILBY_PLUGINS_PATH, ':' between folders */
    bool no_h2c;                                       /* DAPR_HTTP_DISABLE_H2C is truthy */
    struct trb_name otel_endpoint, otel_protocol, otel_headers, otel_timeout, otel_insecure;
    struct trb_name otel_service_name, otel_attributes;
};

void environment_read(struct environment *);           /* fills all of it */
void environment_fini(struct environment *);           /* wipes the tokens */

/* NAMESPACE, or "default": for identity and templates, never for filters. */
struct trb_name environment_namespace(const struct environment *);

/* Sets APP_ID, APP_PORT, HOST_ADDRESS, DAPR_PORT, …: before other threads exist. NULL members: not set. */
struct environment_export {
    const char *app_id, *app_port, *host_address, *internal_port, *grpc_port, *http_port, *metrics_port,
        *profile_port;
};
void environment_set(const struct environment_export *);

#endif
