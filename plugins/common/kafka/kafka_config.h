/* kafka_config: the options that all Kafka components share, and their words in librdkafka's. */
#ifndef COMMON_KAFKA_CONFIG_H
#define COMMON_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <trilby/options.h>
#include <trilby/plugin.h>

struct kafka_options {
    const char *brokers, *group, *consumer_id, *client_id;
    const char *other_group;                /* no option: the group when none is named, or NULL */
    const char *auth_type, *auth_required, *sasl_username, *sasl_password, *sasl_mechanism;
    const char *oidc_endpoint, *oidc_client_id, *oidc_client_secret, *oidc_scopes, *oidc_extensions;
    const char *ca_cert, *client_cert, *client_key;
    uint32_t skip_verify, disable_tls, initial_offset, retry_enabled, required_acks, escape_headers;
    int64_t max_message_bytes, fetch_min, fetch_default, channel_buffer, producer_retry_max, backoff_max_retries;
    int64_t retry_interval_ns, heartbeat_ns, session_timeout_ns, metadata_refresh_ns, keep_alive_ns, dial_timeout_ns,
        read_timeout_ns, write_timeout_ns, metadata_timeout_ns;
    int64_t backoff_duration_ns, backoff_initial_ns, backoff_max_interval_ns, backoff_max_elapsed_ns;
    double backoff_multiplier, backoff_randomization;
    uint32_t backoff_policy;
    const char *strategy, *version, *compression, *exclude_regex, *schema_registry;
};

#define KAFKA_NEWEST 0u
#define KAFKA_OLDEST 1u
#define KAFKA_BACKOFF_CONSTANT 0u
#define KAFKA_BACKOFF_EXPONENTIAL 1u

/* The rows of an options table for a struct of type self with a struct kafka_options at. retries: "true", "false". */
#define KAFKA_MS 1000000
#define KAFKA_OPTIONS(self, at, retries)                                                                               \
    TRB_STRING(self, at.brokers, "brokers", .required = 1, .example = "kafka-1:9092,kafka-2:9092",                     \
               .doc = "Brokers to begin with, separated by commas."),                                                  \
    TRB_STRING(self, at.group, "consumerGroup", .empty_is_absent = 1, .doc = "Consumer group; else consumerID."),      \
    TRB_STRING(self, at.consumer_id, "consumerID", .empty_is_absent = 1,                                               \
               .doc = "Consumer group when there is no consumerGroup; the app's id by default."),                      \
    TRB_STRING(self, at.client_id, "clientID", .fallback = "sarama", .empty_is_absent = 1,                             \
               .doc = "Name of this client in the broker's logs."),                                                    \
    TRB_STRING(self, at.auth_type, "authType", .empty_is_absent = 1, .example = "none",                                \
               .doc = "none, password, mtls, certificate or oidc."),                                                   \
    TRB_STRING(self, at.auth_required, "authRequired", .empty_is_absent = 1, .deprecated = 1,                          \
               .doc = "Older way: true is password or mtls, false is none."),                                          \
    TRB_STRING(self, at.sasl_username, "saslUsername", .doc = "User of authType password."),                           \
    TRB_STRING(self, at.sasl_password, "saslPassword", .sensitive = 1, .doc = "Its password."),                        \
    TRB_STRING(self, at.sasl_mechanism, "saslMechanism",                                                               \
               .doc = "SHA-256 or SHA-512 for SCRAM; PLAIN otherwise."),                                               \
    TRB_STRING(self, at.oidc_endpoint, "oidcTokenEndpoint", .doc = "Token endpoint of authType oidc."),                \
    TRB_STRING(self, at.oidc_client_id, "oidcClientID", .doc = "Client of authType oidc."),                            \
    TRB_STRING(self, at.oidc_client_secret, "oidcClientSecret", .sensitive = 1, .doc = "Its secret."),                 \
    TRB_STRING(self, at.oidc_scopes, "oidcScopes", .fallback = "openid", .empty_is_absent = 1,                         \
               .doc = "Scopes to ask for, separated by commas."),                                                      \
    TRB_STRING(self, at.oidc_extensions, "oidcExtensions", .empty_is_absent = 1,                                       \
               .doc = "SASL extensions as a JSON object of texts."),                                                   \
    TRB_STRING(self, at.ca_cert, "caCert", .empty_is_absent = 1, .doc = "Authority to trust, as PEM text."),           \
    TRB_STRING(self, at.client_cert, "clientCert", .empty_is_absent = 1, .doc = "Our certificate, as PEM text."),      \
    TRB_STRING(self, at.client_key, "clientKey", .empty_is_absent = 1, .sensitive = 1,                                 \
               .doc = "Its private key, as PEM text."),                                                                \
    TRB_BOOL(self, at.skip_verify, "skipVerify", .fallback = "false",                                                  \
             .doc = "Do not check the broker's certificate. Not for production."),                                     \
    TRB_BOOL(self, at.disable_tls, "disableTls", .fallback = "false", .doc = "Speak without TLS."),                    \
    TRB_CHOICE(self, at.initial_offset, "initialOffset", .choices = "newest|oldest", .fallback = "newest",             \
               .doc = "Where a group without a position begins."),                                                     \
    TRB_INT(self, at.max_message_bytes, "maxMessageBytes", .fallback = "1048576", .min = 1000, .max = 1000000000,      \
            .doc = "Largest message to publish."),                                                                     \
    TRB_BOOL(self, at.retry_enabled, "consumeRetryEnabled", .fallback = retries,                                       \
             .doc = "Deliver a message again that the app failed to handle, before the next one."),                    \
    TRB_DURATION(self, at.retry_interval_ns, "consumeRetryInterval", .fallback = "100ms", .bare_unit_ns = KAFKA_MS,    \
                 .doc = "Accepted; the client paces its attempts to join the group by itself."),                       \
    TRB_CHOICE(self, at.backoff_policy, "backOffPolicy", .choices = "constant|exponential", .fallback = "constant",    \
               .doc = "How the pauses between deliveries of one message grow."),                                       \
    TRB_DURATION(self, at.backoff_duration_ns, "backOffDuration", .fallback = "5s", .bare_unit_ns = KAFKA_MS,          \
                 .doc = "The constant pause."),                                                                        \
    TRB_DURATION(self, at.backoff_initial_ns, "backOffInitialInterval", .fallback = "500ms",                           \
                 .bare_unit_ns = KAFKA_MS, .doc = "The first exponential pause."),                                     \
    TRB_DURATION(self, at.backoff_max_interval_ns, "backOffMaxInterval", .fallback = "60s",                            \
                 .bare_unit_ns = KAFKA_MS, .doc = "The longest exponential pause."),                                   \
    TRB_DURATION(self, at.backoff_max_elapsed_ns, "backOffMaxElapsedTime", .fallback = "15m",                          \
                 .bare_unit_ns = KAFKA_MS, .doc = "After this an exponential schedule gives up; 0: never."),           \
    TRB_NUMBER(self, at.backoff_multiplier, "backOffMultiplier", .fallback = "1.5",                                    \
               .doc = "Growth of the exponential pause."),                                                             \
    TRB_NUMBER(self, at.backoff_randomization, "backOffRandomizationFactor", .fallback = "0.5",                        \
               .doc = "Spread of the exponential pause."),                                                             \
    TRB_INT(self, at.backoff_max_retries, "backOffMaxRetries", .fallback = "-1",                                       \
            .doc = "Deliveries after the first one; -1: endless."),                                                    \
    TRB_DURATION(self, at.heartbeat_ns, "heartbeatInterval", .fallback = "3s", .doc = "Between heartbeats."),          \
    TRB_DURATION(self, at.session_timeout_ns, "sessionTimeout", .fallback = "10s",                                     \
                 .doc = "The group gives our partitions away after this silence."),                                    \
    TRB_STRING(self, at.strategy, "consumerGroupRebalanceStrategy", .fallback = "range", .empty_is_absent = 1,         \
               .doc = "range or roundrobin."),                                                                         \
    TRB_STRING(self, at.version, "version", .doc = "Of the protocol; agreed with the broker in any case."),            \
    TRB_INT(self, at.channel_buffer, "channelBufferSize", .fallback = "256", .min = 1, .max = 100000,                  \
            .doc = "Messages of one partition that may wait here."),                                                   \
    TRB_INT(self, at.fetch_min, "consumerFetchMin", .fallback = "1", .min = 1, .max = 100000000,                       \
            .doc = "Bytes a fetch waits for."),                                                                        \
    TRB_INT(self, at.fetch_default, "consumerFetchDefault", .fallback = "1048576", .min = 1, .max = 1000000000,        \
            .doc = "Bytes of one partition in a fetch."),                                                              \
    TRB_DURATION(self, at.metadata_refresh_ns, "clientConnectionTopicMetadataRefreshInterval", .fallback = "8m",       \
                 .doc = "Between looks at the cluster."),                                                              \
    TRB_DURATION(self, at.keep_alive_ns, "clientConnectionKeepAliveInterval", .fallback = "0",                         \
                 .doc = "More than 0: TCP keep-alive."),                                                               \
    TRB_DURATION(self, at.dial_timeout_ns, "dialTimeout", .fallback = "30s", .doc = "To connect."),                    \
    TRB_DURATION(self, at.read_timeout_ns, "readTimeout", .fallback = "30s", .doc = "For an answer."),                 \
    TRB_DURATION(self, at.write_timeout_ns, "writeTimeout", .fallback = "30s",                                         \
                 .doc = "A message that could not be delivered within this fails."),                                   \
    TRB_DURATION(self, at.metadata_timeout_ns, "metadataTimeout", .fallback = "0",                                     \
                 .doc = "For the first look at the cluster; 0: 4 s."),                                                 \
    TRB_STRING(self, at.compression, "compression", .fallback = "none", .empty_is_absent = 1,                          \
               .doc = "none, gzip, snappy, lz4 or zstd."),                                                             \
    TRB_CHOICE(self, at.required_acks, "producerRequiredAcks", .choices = "all|local|none", .fallback = "all",         \
               .doc = "Who must have a message before publishing it is answered."),                                    \
    TRB_INT(self, at.producer_retry_max, "producerRetryMax", .fallback = "5", .max = 10000,                            \
            .doc = "Attempts to send a message again."),                                                               \
    TRB_BOOL(self, at.escape_headers, "escapeHeaders", .fallback = "false",                                            \
             .doc = "Give header values and keys to the app with URL escapes."),                                       \
    TRB_STRING(self, at.exclude_regex, "excludeHeaderMetaRegex", .empty_is_absent = 1,                                 \
               .doc = "Names that match become neither headers nor metadata."),                                        \
    TRB_STRING(self, at.schema_registry, "schemaRegistryURL", .empty_is_absent = 1,                                    \
               .doc = "Avro is not supported yet: must be absent.")

/* consumer: the parts of a group member are set too. The result is the caller's, or given to rd_kafka_new. */
trb_code kafka_config_create(const struct kafka_options *, bool consumer, rd_kafka_conf_t **ret_conf,
                             struct trb_error *err);
/* Tokens of authType oidc are renewed without polling; for the others there is nothing to do. */
void kafka_config_serve_tokens(rd_kafka_t *);
const char *kafka_config_group(const struct kafka_options *);

#endif
