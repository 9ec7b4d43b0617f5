/* config: the options that the components over MQTT share, and what they come to. */
#ifndef MQTT_CONFIG_H
#define MQTT_CONFIG_H

#include <trilby/options.h>
#include <trilby/plugin.h>

struct mqtt_config {
    const char *url, *consumer_id, *ca_cert, *client_cert, *client_key;
    uint32_t clean_session;
    /* Made of these by mqtt_config_check. */
    char *host, *user, *password;               /* user, password: NULL: none */
    uint32_t port, tls;
};

/* Checks what the options say together and takes the URL apart. The sentence names the option. */
trb_code mqtt_config_check(struct mqtt_config *, struct trb_error *err);
void mqtt_config_fini(struct mqtt_config *);    /* what check made; the password is wiped */

/* MQTT_OPTIONS(struct self, config): the first rows of a component's table. */
#define MQTT_OPTIONS(self, c)                                                                      \
    TRB_STRING(self, c.url, "url", .required = 1, .sensitive = 1, .example = "mqtt://localhost:1883", \
               .doc = "Broker as scheme://[user:password@]host[:port]: tcp or mqtt is plain, ssl, tls, mqtts or tcps is TLS."), \
    TRB_BOOL(self, c.clean_session, "cleanSession", .fallback = "false",                           \
             .doc = "Let the broker forget subscriptions and unacknowledged messages when the connection ends."), \
    TRB_STRING(self, c.ca_cert, "caCert", .empty_is_absent = 1,                                    \
               .doc = "PEM of the authorities to trust instead of the system's."),                 \
    TRB_STRING(self, c.client_cert, "clientCert", .empty_is_absent = 1,                            \
               .doc = "PEM of the certificate to show; with clientKey."),                          \
    TRB_STRING(self, c.client_key, "clientKey", .sensitive = 1, .empty_is_absent = 1,              \
               .doc = "PEM of the key of clientCert.")

#endif
