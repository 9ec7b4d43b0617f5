/* What the options of MQTT say together: the URL in its forms, PEM texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <trilby/plugin.h>
#include <cmocka.h>

#include "plugins/common/mqtt/config.c"

static struct trb_error err;

static int fresh(void **state)
{
    err = (struct trb_error){0};
    return 0;
}

static void comes_to(const char *url, const char *host, uint32_t port, uint32_t tls)
{
    struct mqtt_config c = {.url = url};
    if (mqtt_config_check(&c, &err))
        fail_msg("%s: %s", url, err.message);
    assert_string_equal(c.host, host);
    assert_int_equal(c.port, port);
    assert_int_equal(c.tls, tls);
    mqtt_config_fini(&c);
}

static void schemes_and_ports(void **state)
{
    comes_to("tcp://localhost:1884", "localhost", 1884, 0);
    comes_to("mqtt://h", "h", 1883, 0);
    comes_to("ssl://h", "h", 8883, 1);
    comes_to("tls://h:1", "h", 1, 1);
    comes_to("MQTTS://h", "h", 8883, 1);
    comes_to(" tcps://h:8884/ ", "h", 8884, 1);
    comes_to("mqtt://[::1]:1884", "::1", 1884, 0);
    comes_to("mqtt://[::1]", "::1", 1883, 0);
}

static void users_and_passwords(void **state)
{
    struct mqtt_config c = {.url = "mqtt://al%40ice:p:w%2F@h:1"};
    assert_int_equal(mqtt_config_check(&c, &err), TRB_OK);
    assert_string_equal(c.user, "al@ice");
    assert_string_equal(c.password, "p:w/");
    assert_string_equal(c.host, "h");
    mqtt_config_fini(&c);
    c = (struct mqtt_config){.url = "mqtt://alice@h"};
    assert_int_equal(mqtt_config_check(&c, &err), TRB_OK);
    assert_null(c.password);
    mqtt_config_fini(&c);
}

static void refused(struct mqtt_config c, const char *word)
{
    assert_int_not_equal(mqtt_config_check(&c, &err), TRB_OK);
    if (!strstr(err.message, word))
        fail_msg("%s", err.message);
    assert_null(strstr(err.message, "secret"));
    mqtt_config_fini(&c);
}

static void what_is_no_url_is_refused(void **state)
{
    const char *all[] = {"", "h:1", "http://h", "mqtt://", "mqtt://h:0", "mqtt://h:65536", "mqtt://h:x", "mqtt://:secret@", "mqtt://[::1",
                         "mqtt://::1", "mqtt://u:secret%@h", "mqtt://u:secret%zz@h", "mqtt://u:%00secret@h", "mqtt://[::1]x"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        refused((struct mqtt_config){.url = all[i]}, "url");
    refused((struct mqtt_config){.url = "ws://h"}, "is not served");
}

static void certificates_are_pem(void **state)
{
    refused((struct mqtt_config){.url = "ssl://h", .ca_cert = "/a/path"}, "caCert: expects PEM");
    refused((struct mqtt_config){.url = "ssl://h", .client_cert = "-----BEGIN CERTIFICATE-----"}, "clientCert and clientKey");
    refused((struct mqtt_config){.url = "ssl://h", .client_key = "x"}, "clientKey: expects PEM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(schemes_and_ports, fresh),
        cmocka_unit_test_setup(users_and_passwords, fresh),
        cmocka_unit_test_setup(what_is_no_url_is_refused, fresh),
        cmocka_unit_test_setup(certificates_are_pem, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
