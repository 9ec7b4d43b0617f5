/* Where the broker is: URIs and single options, and what is wrong with them in one sentence. */
#include <base/error.h>
#include <rabbitmq/config.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct rabbit_config c;
static struct trb_error err;

static int down(void **state)
{
    rabbit_config_fini(&c);
    c = (struct rabbit_config){0};
    return 0;
}

static void is_at(const char *uri, const char *host, unsigned port, const char *user, const char *secret, const char *vhost)
{
    down(NULL);
    c.uri = uri;
    assert_int_equal(rabbit_config_check(&c, &err), TRB_OK);
    assert_string_equal(c.host, host);
    assert_int_equal(c.port, port);
    assert_string_equal(c.user, user);
    assert_string_equal(c.secret, secret);
    assert_string_equal(c.vhost, vhost);
}

static void uris_say_all_or_little(void **state)
{
    is_at("amqp://", "localhost", 5672, "guest", "guest", "/");
    is_at("amqp://h", "h", 5672, "guest", "guest", "/");
    is_at("amqps://h/", "h", 5671, "guest", "guest", "/");
    assert_int_equal(c.tls, 1);
    is_at("amqp://u:p@h:1/v", "h", 1, "u", "p", "v");
    is_at("amqp://u%40x:p%3A%2f@h:1/%2f", "h", 1, "u@x", "p:/", "/");
    is_at("amqp://u:p@ss@h", "h", 5672, "u", "p@ss", "/");
    is_at("AMQP://[::1]:77/v", "::1", 77, "guest", "guest", "v");
    is_at(" amqp://h?heartbeat=7&connection_timeout=100\n", "h", 5672, "guest", "guest", "/");
    assert_int_equal(c.heartbeat_ns, 7000000000ll);
    assert_int_equal(c.dial_ns, 100000000ll);
}

static void is_wrong(const char *uri, const char *why)
{
    down(NULL);
    c.uri = uri;
    assert_int_equal(rabbit_config_check(&c, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, why));
}

static void uris_that_are_none(void **state)
{
    is_wrong("", "must begin with amqp://");
    is_wrong("http://h", "must begin with amqp://");
    is_wrong("amqp://h:0", "port");
    is_wrong("amqp://h:65536", "port");
    is_wrong("amqp://h:x", "port");
    is_wrong("amqp://[::1", "']'");
    is_wrong("amqp://[::1]x", "']'");
    is_wrong("amqp://h%", "host");
    is_wrong("amqp://u:%zz@h", "%XX");
    is_wrong("amqp://u:%00@h", "%XX");
    is_wrong("amqp://h/%2", "%XX");
    is_wrong("amqp://h?heartbeat=x", "'heartbeat', which is not supported, or not with this value");
    is_wrong("amqp://h?connection_timeout=0", "'connection_timeout'");
    is_wrong("amqp://h?cacertfile=/x", "'cacertfile', which is not supported");
}

static void single_options_stand_for_a_uri(void **state)
{
    c = (struct rabbit_config){.protocol = "amqps", .hostname = "h:9", .username = "u", .password = "p"};
    assert_int_equal(rabbit_config_check(&c, &err), TRB_OK);
    assert_true(c.tls == 1 && c.port == 9 && !strcmp(c.user, "u") && !strcmp(c.secret, "p") && !strcmp(c.name, "h:9"));
    c.protocol = "http";
    assert_int_equal(rabbit_config_check(&c, &err), TRB_INVALID);
}

static void the_account_of_the_uri_wins(void **state)
{
    c = (struct rabbit_config){.uri = "amqp://a:b@h", .username = "u", .password = "p"};
    assert_int_equal(rabbit_config_check(&c, &err), TRB_OK);
    assert_string_equal(c.user, "a");
    rabbit_config_fini(&c);
    c.uri = "amqp://h";
    assert_int_equal(rabbit_config_check(&c, &err), TRB_OK);
    assert_string_equal(c.user, "u");
}

static void fails_with(struct rabbit_config given, const char *why)
{
    down(NULL);
    c = given;
    assert_int_equal(rabbit_config_check(&c, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, why));
}

static void certificates_are_pem_and_belong_together(void **state)
{
    const char *pem = "-----BEGIN X-----";
    fails_with((struct rabbit_config){.uri = "amqps://h", .ca_cert = "/etc/ca.pem"}, "caCert is not PEM");
    fails_with((struct rabbit_config){.uri = "amqps://h", .client_cert = pem}, "belong together");
    fails_with((struct rabbit_config){.uri = "amqp://h", .protocol = "amqps"}, "protocol differs");
    fails_with((struct rabbit_config){.uri = "amqps://h", .sasl_external = 1}, "saslExternal needs");
    fails_with((struct rabbit_config){.uri = "amqp://h", .sasl_external = 1, .ca_cert = pem, .client_cert = pem,
                                      .client_key = pem}, "saslExternal needs amqps");
    fails_with((struct rabbit_config){.uri = "amqps://h?auth_mechanism=external"}, "saslExternal needs");
}

#define CASE(name) cmocka_unit_test_teardown(name, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(uris_say_all_or_little),
        CASE(uris_that_are_none),
        CASE(single_options_stand_for_a_uri),
        CASE(the_account_of_the_uri_wins),
        CASE(certificates_are_pem_and_belong_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
