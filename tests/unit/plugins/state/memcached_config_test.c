/* Which servers the options name, and which of them keeps a key. */
#include "plugins/state/memcached/config.c"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>


static struct trb_error err;

static struct config read_hosts(const char *hosts)
{
    struct config c = {.hosts = hosts, .timeout_ms = 1000};
    err = (struct trb_error){0};
    config_check(&c, &err);
    return c;
}

static void hosts_are_read_in_their_order(void **state)
{
    struct config c = read_hosts("a:1, b ,[::1]:2,/run/m.sock,::1,a:1");
    assert_int_equal(err.code, TRB_OK);
    assert_int_equal(c.address_count, 6);
    assert_string_equal(c.addresses[0].host, "a");
    assert_int_equal(c.addresses[0].port, 1);
    assert_string_equal(c.addresses[1].host, "b");
    assert_int_equal(c.addresses[1].port, 11211);
    assert_string_equal(c.addresses[2].host, "::1");
    assert_int_equal(c.addresses[2].port, 2);
    assert_string_equal(c.addresses[3].host, "unix:/run/m.sock");
    assert_string_equal(c.addresses[4].host, "::1");
    assert_int_equal(c.addresses[4].port, 11211);
}

static void what_is_no_host_is_refused(void **state)
{
    static const char *const rows[] = {"", ",", "a:", "a:0", "a:65536", "a:x", ":1", "[::1", "[::1]x:2", "[]:1"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_hosts(rows[i]);
        if (err.code != TRB_INVALID || strncmp(err.message, "hosts: ", 7))
            fail_msg("'%s' was taken", rows[i]);
    }
}

static void more_servers_than_can_be_kept_are_refused(void **state)
{
    char hosts[MAX_HOSTS * 2 + 8];
    for (uint32_t i = 0; i < MAX_HOSTS + 1; i++)
        memcpy(hosts + i * 2, "a,", 3);
    read_hosts(hosts);
    assert_int_equal(err.code, TRB_INVALID);
}

static void the_timeout_is_milliseconds_with_a_default(void **state)
{
    static const int64_t rows[][2] = {{1000, 1000}, {-1, 1000}, {-7, 1000}, {0, 500}, {20, 20}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.hosts = "a", .timeout_ms = rows[i][0]};
        config_check(&c, &err);
        assert_int_equal(c.timeout_ns, rows[i][1] * MS);
    }
}

static void the_checksum_is_that_of_the_field(void **state)
{
    assert_int_equal(crc32_ieee(SLICE("123456789")), 0xcbf43926u);
    assert_int_equal(crc32_ieee(SLICE("")), 0);
    assert_int_equal(crc32_ieee(SLICE("a")), 0xe8b7be43u);
    assert_int_equal(crc32_ieee(SLICE("The quick brown fox jumps over the lazy dog")), 0x414fa339u);
}

static void a_key_lives_on_the_server_that_its_checksum_picks(void **state)
{
    struct config one = read_hosts("a"), three = read_hosts("a,b,c");
    assert_int_equal(config_pick(&one, SLICE("123456789")), 0);
    assert_int_equal(config_pick(&three, SLICE("123456789")), 0xcbf43926u % 3);
    assert_int_equal(config_pick(&three, SLICE("a")), 0xe8b7be43u % 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_read_in_their_order),
        cmocka_unit_test(what_is_no_host_is_refused),
        cmocka_unit_test(more_servers_than_can_be_kept_are_refused),
        cmocka_unit_test(the_timeout_is_milliseconds_with_a_default),
        cmocka_unit_test(the_checksum_is_that_of_the_field),
        cmocka_unit_test(a_key_lives_on_the_server_that_its_checksum_picks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
