/* config: where the broker is and who asks, from a URI or from single options. [any] */
#ifndef RABBITMQ_CONFIG_H
#define RABBITMQ_CONFIG_H

#include <stdbool.h>
#include <trilby/options.h>
#include <trilby/plugin.h>

struct rabbit_config {
    const char *uri, *protocol, *hostname, *username, *password; /* options; the single ones count without a URI */
    const char *ca_cert, *client_cert, *client_key, *client_name;
    uint32_t sasl_external;
    int64_t heartbeat_ns, reconnect_ns;

    char *host, *user, *secret, *vhost, *server_name;            /* found by check; ours */
    char name[300];                                              /* host:port, for sentences */
    uint32_t port, tls;
    int64_t dial_ns;                                             /* to connect, and then to greet */
};

/* PEM texts and EXTERNAL, as pubsub and bindings spell them. */
#define RABBIT_TLS_OPTIONS(self, c)                                                                  \
    TRB_STRING(self, c.ca_cert, "caCert", .empty_is_absent = 1,                                      \
               .doc = "PEM of the authorities to trust instead of the system's."),                   \
    TRB_STRING(self, c.client_cert, "clientCert", .empty_is_absent = 1,                              \
               .doc = "PEM of the certificate to show; with clientKey."),                            \
    TRB_STRING(self, c.client_key, "clientKey", .sensitive = 1, .empty_is_absent = 1,                \
               .doc = "PEM of the key of clientCert.")

/* Finds the address in the options, or says in one sentence what is wrong with them. */
trb_code rabbit_config_check(struct rabbit_config *, struct trb_error *err);
void rabbit_config_fini(struct rabbit_config *);                 /* wipes; may be repeated */

#endif
