/* The address others are told, and the port for peers that stays the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/runtime/host_address.c"

#include <cmocka.h>       /* last: it calls a macro fail */

static int rank(int family, const char *text)
{
    struct sockaddr_storage sa = {.ss_family = (sa_family_t)family};
    void *at = family == AF_INET ? (void *)&((struct sockaddr_in *)&sa)->sin_addr
                                 : (void *)&((struct sockaddr_in6 *)&sa)->sin6_addr;
    assert_int_equal(inet_pton(family, text, at), 1);
    return rank_of((struct sockaddr *)&sa);
}

static void public_addresses_come_before_private_ones(void **unused)
{
    assert_true(rank(AF_INET, "203.0.113.7") > rank(AF_INET6, "2001:db8::7"));
    assert_true(rank(AF_INET6, "2001:db8::7") > rank(AF_INET, "10.0.0.7"));
    assert_int_equal(rank(AF_INET, "10.0.0.7"), rank(AF_INET, "192.168.3.7"));
    assert_int_equal(rank(AF_INET, "10.0.0.7"), rank(AF_INET, "172.31.3.7"));
    assert_int_equal(rank(AF_INET, "10.0.0.7"), rank(AF_INET, "100.64.3.7"));
    assert_true(rank(AF_INET, "10.0.0.7") > rank(AF_INET6, "fd00::7"));
    assert_true(rank(AF_INET6, "fd00::7") > rank(AF_INET6, "fe80::7"));
}

static void loopback_is_no_address_for_others(void **unused)
{
    assert_int_equal(rank(AF_INET, "127.0.0.1"), 0);
    assert_int_equal(rank(AF_INET6, "::1"), 0);
}

static uint16_t port_of(const char *app_id)
{
    struct flags f = {.app_id = name_of(app_id)};
    return stable_port(&f);
}

static void the_port_of_an_app_stays_and_lies_in_its_range(void **unused)
{
    char name[16];
    uint32_t differ = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "app-%d", i);
        uint16_t port = port_of(name);
        assert_in_range(port, 47300, 65534);
        assert_int_equal(port, port_of(name));
        differ += port != port_of("app-x");
    }
    assert_true(differ > 190);
}

static void a_loopback_listener_is_what_others_are_told(void **unused)
{
    assert_true(is_loopback(SLICE("127.0.0.1")));
    assert_true(is_loopback(SLICE("localhost")));
    assert_true(is_loopback(SLICE("[::1]")));
    assert_false(is_loopback(SLICE("")));
    assert_false(is_loopback(SLICE("10.0.0.1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_addresses_come_before_private_ones),
        cmocka_unit_test(loopback_is_no_address_for_others),
        cmocka_unit_test(the_port_of_an_app_stays_and_lies_in_its_range),
        cmocka_unit_test(a_loopback_listener_is_what_others_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
