/* kafka_config: options to librdkafka's properties, and combinations that make no sense refused in words. */
#include "kafka_config.h"
#include "kafka_words.h"
#include <base/json.h>
#include <base/slice.h>
#include <base/text.h>

struct setting {
    rd_kafka_conf_t *conf;
    trb_code code;
    struct trb_error *err;
};

static void put(struct setting *s, const char *name, const char *value)
{
    char why[400], words[KAFKA_WORDS], option[KAFKA_WORDS];
    if (s->code || !value || rd_kafka_conf_set(s->conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return;
    kafka_words(name, option);
    kafka_words(why, words);
    s->code = trb_error(s->err, TRB_INVALID, "BAD_OPTION", "%s: %s", option, words);
}

static void put_number(struct setting *s, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(s, name, text);
}

static void put_ms(struct setting *s, const char *name, int64_t ns, int64_t least_ms)
{
    put_number(s, name, ns / KAFKA_MS < least_ms ? least_ms : ns / KAFKA_MS);
}

static void refuse(struct setting *s, const char *sentence)
{
    if (!s->code)
        s->code = trb_error(s->err, TRB_INVALID, "BAD_OPTION", "%s", sentence);
}

/* ---------------------------------------------------------------------------------- who we are */
static bool is(const char *text, const char *word)
{
    return slice_is_nocase(slice_of(text), slice_of(word));
}

/* The older authRequired, or authType. NULL: refused. */
static const char *auth_type(struct setting *s, const struct kafka_options *o)
{
    if (o->auth_type)
        return o->auth_type;
    if (!o->auth_required) {
        refuse(s, "authType is required: none, password, mtls, certificate or oidc");
        return NULL;
    }
    if (is(o->auth_required, "true") || is(o->auth_required, "1") || is(o->auth_required, "t"))
        return o->sasl_password && *o->sasl_password ? "password" : "mtls";
    if (is(o->auth_required, "false") || is(o->auth_required, "0") || is(o->auth_required, "f"))
        return "none";
    refuse(s, "authRequired: expects true or false");
    return NULL;
}

static void put_pem(struct setting *s, const char *option, const char *name, const char *pem)
{
    char sentence[100];
    if (pem && !slice_contains(slice_of(pem), SLICE("-----BEGIN "))) {
        snprintf(sentence, sizeof sentence, "%s: expects PEM text, not a path", option);
        refuse(s, sentence);
    }
    put(s, name, pem);
}

static void put_tls(struct setting *s, const struct kafka_options *o)
{
    put_pem(s, "caCert", "ssl.ca.pem", o->ca_cert);
    put_pem(s, "clientCert", "ssl.certificate.pem", o->client_cert);
    put_pem(s, "clientKey", "ssl.key.pem", o->client_key);
    if (!o->client_cert != !o->client_key)
        refuse(s, "clientCert and clientKey: one makes no sense without the other");
    if (o->skip_verify) {
        put(s, "enable.ssl.certificate.verification", "false");
        put(s, "ssl.endpoint.identification.algorithm", "none");
    }
}

static bool is_given(const char *text)
{
    return text && *text;
}

static void put_password(struct setting *s, const struct kafka_options *o)
{
    const char *mechanism = o->sasl_mechanism ? o->sasl_mechanism : "";
    if (!is_given(o->sasl_username) || !is_given(o->sasl_password))
        refuse(s, "authType password needs saslUsername and saslPassword");
    put(s, "sasl.mechanism", !strcmp(mechanism, "SHA-256") ? "SCRAM-SHA-256" : !strcmp(mechanism, "SHA-512") ? "SCRAM-SHA-512" : "PLAIN");
    put(s, "sasl.username", o->sasl_username);
    put(s, "sasl.password", o->sasl_password);
}

/* {"a":"b"} becomes a=b. */
static void put_extensions(struct setting *s, const char *json)
{
    struct json_value all, value;
    struct json_fault fault;
    struct json_cursor c;
    struct trb_slice key;
    struct text t = {0};
    if (!json)
        return;
    if (!json_parse(slice_of(json), &all, &fault) || all.kind != JSON_OBJECT) {
        refuse(s, "oidcExtensions: expects a JSON object of texts");
        return;
    }
    struct arena *arena = arena_create(1 << 20);
    for (c = json_enter(all); json_member(&c, &key, &value);) {
        struct trb_slice name = json_text(arena, (struct json_value){JSON_STRING, key});
        struct trb_slice text = value.kind == JSON_STRING ? json_text(arena, value) : value.raw;
        text_addf(&t, "%s%.*s=%.*s", t.len ? "," : "", SLICE_ARG(name), SLICE_ARG(text));
    }
    put(s, "sasl.oauthbearer.extensions", t.len ? t.at : NULL);
    text_fini(&t);
    arena_destroy(arena);
}

static void put_oidc(struct setting *s, const struct kafka_options *o)
{
    struct text scopes = {0};
    if (!is_given(o->oidc_endpoint) || !is_given(o->oidc_client_id) || !is_given(o->oidc_client_secret))
        refuse(s, "authType oidc needs oidcTokenEndpoint, oidcClientID and oidcClientSecret");
    for (const char *at = o->oidc_scopes; *at; at++)
        text_addc(&scopes, *at == ',' ? ' ' : *at);
    put(s, "sasl.mechanism", "OAUTHBEARER");
    if (!s->code && rd_kafka_conf_set(s->conf, "sasl.oauthbearer.method", "oidc", NULL, 0) != RD_KAFKA_CONF_OK)
        refuse(s, "authType oidc: librdkafka was built without it on this machine; install one that has OIDC");
    put(s, "sasl.oauthbearer.token.endpoint.url", o->oidc_endpoint);
    put(s, "sasl.oauthbearer.client.id", o->oidc_client_id);
    put(s, "sasl.oauthbearer.client.secret", o->oidc_client_secret);
    put(s, "sasl.oauthbearer.scope", scopes.at);
    put_extensions(s, o->oidc_extensions);
    if (!s->code)
        rd_kafka_conf_enable_sasl_queue(s->conf, 1);
    text_fini(&scopes);
}

static void put_auth(struct setting *s, const struct kafka_options *o)
{
    const char *type = auth_type(s, o);
    if (!type)
        return;
    bool sasl = is(type, "password") || is(type, "oidc"), tls = !is(type, "none") && !o->disable_tls;
    if (is(type, "password"))
        put_password(s, o);
    else if (is(type, "oidc"))
        put_oidc(s, o);
    else if (is(type, "mtls")) {
        if (o->disable_tls || !o->client_cert || !o->client_key)
            refuse(s, "authType mtls needs clientCert and clientKey, and TLS");
    } else if (is(type, "oidc_private_key_jwt") || is(type, "awsiam"))
        refuse(s, "authType oidc_private_key_jwt and awsiam are not supported yet");
    else if (!is(type, "certificate") && !is(type, "none"))
        refuse(s, "authType: expects none, password, mtls, certificate or oidc");
    put(s, "security.protocol", sasl ? tls ? "sasl_ssl" : "sasl_plaintext" : tls ? "ssl" : "plaintext");
    if (tls)
        put_tls(s, o);
}

/* -------------------------------------------------------------------------------------- the rest */
static void put_consumer(struct setting *s, const struct kafka_options *o)
{
    put(s, "group.id", kafka_config_group(o));
    put(s, "auto.offset.reset", o->initial_offset == KAFKA_OLDEST ? "earliest" : "latest");
    put(s, "enable.auto.offset.store", "false");
    put(s, "auto.commit.interval.ms", "1000");
    put(s, "isolation.level", "read_uncommitted");
    put(s, "allow.auto.create.topics", "true");
    put_ms(s, "session.timeout.ms", o->session_timeout_ns, 1);
    put_ms(s, "heartbeat.interval.ms", o->heartbeat_ns, 1);
    put(s, "partition.assignment.strategy", is(o->strategy, "roundrobin") ? "roundrobin" : "range");
    put_number(s, "fetch.min.bytes", o->fetch_min);
    put_number(s, "fetch.message.max.bytes", o->fetch_default);
    put(s, "queued.max.messages.kbytes", "4096");           /* of each partition */
}

/* What comes while a request is on its way makes the next one: batches grow with the load, and nothing lingers. With
 * acknowledgements by all a broker takes the requests of a connection one by one, so more on their way would gain
 * little, and one that is sent again would come behind its successor. */
static void put_producer(struct setting *s, const struct kafka_options *o)
{
    put(s, "linger.ms", "0");
    put(s, "max.in.flight.requests.per.connection", o->required_acks == 0 ? "1" : "5");
    put(s, "partitioner", "fnv1a_random");
    put(s, "compression.codec", o->compression);
    put(s, "acks", o->required_acks == 0 ? "all" : o->required_acks == 1 ? "1" : "0");
    put_number(s, "message.max.bytes", o->max_message_bytes);
    put_number(s, "message.send.max.retries", o->producer_retry_max);
    put_ms(s, "message.timeout.ms", o->write_timeout_ns, 1);
}

const char *kafka_config_group(const struct kafka_options *o)
{
    return o->group ? o->group : o->consumer_id ? o->consumer_id : o->other_group;
}

void kafka_config_serve_tokens(rd_kafka_t *rk)
{
    rd_kafka_error_t *none = rd_kafka_sasl_background_callbacks_enable(rk);
    if (none)
        rd_kafka_error_destroy(none);
}

trb_code kafka_config_create(const struct kafka_options *o, bool consumer, rd_kafka_conf_t **ret_conf, struct trb_error *err)
{
    struct setting s = {.conf = rd_kafka_conf_new(), .err = err};
    if (o->schema_registry)
        refuse(&s, "schemaRegistryURL: Avro is not supported yet; publish JSON without it");
    put(&s, "bootstrap.servers", o->brokers);
    put(&s, "client.id", o->client_id);
    put(&s, "log_level", "4");
    put_ms(&s, "topic.metadata.refresh.interval.ms", o->metadata_refresh_ns, 1000);
    put_ms(&s, "socket.connection.setup.timeout.ms", o->dial_timeout_ns, 1000);
    put_ms(&s, "socket.timeout.ms", o->read_timeout_ns, 1000);
    put(&s, "socket.keepalive.enable", o->keep_alive_ns > 0 ? "true" : "false");
    put(&s, "reconnect.backoff.ms", "50");
    put(&s, "reconnect.backoff.max.ms", "1000");
    put_auth(&s, o);
    if (consumer)
        put_consumer(&s, o);
    else
        put_producer(&s, o);
    if (s.code)
        rd_kafka_conf_destroy(s.conf);
    else
        *ret_conf = s.conf;
    return s.code;
}
