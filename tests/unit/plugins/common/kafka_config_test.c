/* kafka_config: what options become, and which combinations are refused. No broker is needed. */
#include "plugins/common/kafka/kafka_config.c"
#include <setjmp.h>
#include <cmocka.h>

#define PEM "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"

static struct trb_error why;
static rd_kafka_conf_t *conf;

static struct kafka_options plain(const char *type)
{
    return (struct kafka_options){
        .brokers = "a:1,b:2", .consumer_id = "app", .client_id = "sarama", .auth_type = type, .oidc_scopes = "openid",
        .max_message_bytes = 1048576, .fetch_min = 1, .fetch_default = 1048576, .producer_retry_max = 5,
        .heartbeat_ns = 3000000000, .session_timeout_ns = 10000000000, .metadata_refresh_ns = 480000000000,
        .dial_timeout_ns = 30000000000, .read_timeout_ns = 30000000000, .write_timeout_ns = 30000000000,
        .strategy = "range", .compression = "none"};
}

static trb_code make(const struct kafka_options *o, bool consumer)
{
    if (conf)
        rd_kafka_conf_destroy(conf);
    conf = NULL;
    return kafka_config_create(o, consumer, &conf, &why);
}

static const char *value(const char *name)
{
    static char text[500];
    size_t size = sizeof text;
    return rd_kafka_conf_get(conf, name, text, &size) == RD_KAFKA_CONF_OK ? text : "(none)";
}

static void assert_refused(const struct kafka_options *o, const char *words)
{
    assert_int_equal(make(o, true), TRB_INVALID);
    assert_null(conf);
    assert_non_null(strstr(why.message, words));
}

static void the_defaults_of_a_group_member(void **state)
{
    struct kafka_options o = plain("none");
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("bootstrap.servers"), "a:1,b:2");
    assert_string_equal(value("group.id"), "app");
    assert_string_equal(value("client.id"), "sarama");
    assert_string_equal(value("security.protocol"), "plaintext");
    assert_string_equal(value("enable.auto.offset.store"), "false");
    assert_string_equal(value("session.timeout.ms"), "10000");
    assert_string_equal(value("partition.assignment.strategy"), "range");
    o.group = "mine", o.strategy = "roundrobin", o.initial_offset = KAFKA_OLDEST;
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("group.id"), "mine");
    assert_string_equal(value("partition.assignment.strategy"), "roundrobin");
}

static void the_settings_of_a_producer(void **state)
{
    struct kafka_options o = plain("none");
    o.compression = "zstd", o.max_message_bytes = 2000, o.write_timeout_ns = 2000000000, o.keep_alive_ns = 1;
    assert_int_equal(make(&o, false), TRB_OK);
    assert_string_equal(value("compression.codec"), "zstd");
    assert_string_equal(value("message.max.bytes"), "2000");
    assert_string_equal(value("message.timeout.ms"), "2000");
    assert_string_equal(value("socket.keepalive.enable"), "true");
    assert_string_equal(value("linger.ms"), "0");
}

static void one_request_at_a_time_is_on_its_way_when_all_acknowledge(void **state)
{
    struct kafka_options o = plain("none");
    assert_int_equal(make(&o, false), TRB_OK);
    assert_string_equal(value("max.in.flight.requests.per.connection"), "1");
    o.required_acks = 1;
    assert_int_equal(make(&o, false), TRB_OK);
    assert_string_equal(value("max.in.flight.requests.per.connection"), "5");
}

static void a_password_goes_over_tls_unless_that_is_off(void **state)
{
    struct kafka_options o = plain("password");
    o.sasl_username = "u", o.sasl_password = "p";
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("security.protocol"), "sasl_ssl");
    assert_string_equal(value("sasl.mechanism"), "PLAIN");
    o.sasl_mechanism = "SHA-512", o.disable_tls = 1;
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("security.protocol"), "sasl_plaintext");
    assert_string_equal(value("sasl.mechanism"), "SCRAM-SHA-512");
    o.sasl_password = "";
    assert_refused(&o, "needs saslUsername and saslPassword");
}

static void oidc_becomes_oauthbearer(void **state)
{
    struct kafka_options o = plain("oidc");
    assert_refused(&o, "needs oidcTokenEndpoint");
    o.oidc_endpoint = "https://id/token", o.oidc_client_id = "c", o.oidc_client_secret = "s", o.oidc_scopes = "openid,kafka";
    o.oidc_extensions = "{\"logicalCluster\":\"l\",\"pool\":\"p\"}";
    if (make(&o, true)) {                   /* Debian 12's library has no OIDC */
        assert_non_null(strstr(why.message, "built without it"));
        return;
    }
    assert_string_equal(value("sasl.mechanism"), "OAUTHBEARER");
    assert_string_equal(value("sasl.oauthbearer.method"), "oidc");
    assert_string_equal(value("sasl.oauthbearer.scope"), "openid kafka");
    assert_string_equal(value("sasl.oauthbearer.extensions"), "logicalCluster=l,pool=p");
    o.oidc_extensions = "[]";
    assert_refused(&o, "oidcExtensions");
}

static void certificates_are_pem_text_in_pairs(void **state)
{
    struct kafka_options o = plain("mtls");
    assert_refused(&o, "needs clientCert and clientKey");
    o.client_cert = PEM, o.client_key = "/a/path";
    assert_refused(&o, "clientKey: expects PEM text");
    o = plain("certificate");
    o.client_cert = PEM;
    assert_refused(&o, "one makes no sense without the other");
    o = plain("certificate");
    o.ca_cert = PEM, o.skip_verify = 1;
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("security.protocol"), "ssl");
    assert_string_equal(value("enable.ssl.certificate.verification"), "false");
}

static void the_older_word_for_authentication_still_works(void **state)
{
    struct kafka_options o = plain(NULL);
    assert_refused(&o, "authType is required");
    o.auth_required = "false";
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("security.protocol"), "plaintext");
    o.auth_required = "true", o.sasl_username = "u", o.sasl_password = "p";
    assert_int_equal(make(&o, true), TRB_OK);
    assert_string_equal(value("security.protocol"), "sasl_ssl");
    o.auth_required = "maybe";
    assert_refused(&o, "authRequired: expects true or false");
}

static void what_does_not_exist_yet_is_said(void **state)
{
    struct kafka_options o = plain("awsiam");
    assert_refused(&o, "not supported yet");
    o = plain("none");
    o.schema_registry = "http://registry";
    assert_refused(&o, "Avro is not supported yet");
}

static int end(void **state)
{
    if (conf)
        rd_kafka_conf_destroy(conf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_of_a_group_member), cmocka_unit_test(the_settings_of_a_producer),
        cmocka_unit_test(one_request_at_a_time_is_on_its_way_when_all_acknowledge),
        cmocka_unit_test(a_password_goes_over_tls_unless_that_is_off), cmocka_unit_test(oidc_becomes_oauthbearer),
        cmocka_unit_test(certificates_are_pem_text_in_pairs), cmocka_unit_test(the_older_word_for_authentication_still_works),
        cmocka_unit_test(what_does_not_exist_yet_is_said)};
    return cmocka_run_group_tests(tests, NULL, end);
}
