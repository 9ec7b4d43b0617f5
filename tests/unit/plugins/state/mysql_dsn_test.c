/* dsn: connection strings of Go's MySQL driver, and what is said of wrong ones. */
#include "plugins/state/mysql/dsn.c"
#include <base/error.h>
#include <setjmp.h>
#include <cmocka.h>

static struct dsn d;

static void accept(const char *text)
{
    struct trb_error err = ERROR_INIT;
    dsn_fini(&d);
    if (dsn_parse(&d, slice_of(text), &err))
        fail_msg("%s: %s", text, err.message);
}

static void refused(const char *text, const char *words)
{
    struct trb_error err = ERROR_INIT;
    struct dsn bad;
    assert_int_equal(dsn_parse(&bad, slice_of(text), &err), TRB_INVALID);
    if (!strstr(err.message, words))
        fail_msg("%s: %s", text, err.message);
    assert_null(strstr(err.message, "s3cret"));
}

static void the_parts_are_where_the_driver_finds_them(void **state)
{
    accept("app:s3cret@tcp(db.example:3307)/");
    assert_string_equal(d.user, "app");
    assert_string_equal(d.password, "s3cret");
    assert_string_equal(d.host, "db.example");
    assert_int_equal(d.port, 3307);
    assert_string_equal(d.database, "");
    assert_int_equal(d.tls, DSN_TLS_OFF);
}

static void the_last_at_and_slash_count(void **state)
{
    accept("u:p@a:b/c@tcp(h)/x%2Fy");
    assert_string_equal(d.user, "u");
    assert_string_equal(d.password, "p@a:b/c");
    assert_string_equal(d.host, "h");
    assert_string_equal(d.database, "x/y");
}

static void what_is_not_said_has_a_default(void **state)
{
    accept("/");
    assert_string_equal(d.user, "");
    assert_string_equal(d.host, "127.0.0.1");
    assert_int_equal(d.port, 3306);
    accept("u@tcp/");
    assert_string_equal(d.password, "");
    assert_string_equal(d.host, "127.0.0.1");
    accept("u@unix/");
    assert_string_equal(d.socket, "/tmp/mysql.sock");
}

static void sockets_and_ipv6(void **state)
{
    accept("root@unix(/run/my/s.sock)/");
    assert_string_equal(d.socket, "/run/my/s.sock");
    assert_null(d.host);
    accept("u@tcp([::1]:33)/");
    assert_string_equal(d.host, "::1");
    assert_int_equal(d.port, 33);
    accept("u@tcp([fe80::1])/");
    assert_string_equal(d.host, "fe80::1");
    assert_int_equal(d.port, 3306);
}

static void parameters_of_the_driver(void **state)
{
    accept("u@/?timeout=500ms&readTimeout=2s&writeTimeout=1m&compress=true&allowCleartextPasswords=1&tls=preferred"
           "&charset=utf8,utf8mb4&collation=utf8mb4_unicode_ci&parseTime=true&loc=UTC&clientFoundRows=true&");
    assert_int_equal(d.connect_timeout_ns, 500 * CLOCK_MS);
    assert_int_equal(d.read_timeout_ns, 2 * CLOCK_S);
    assert_int_equal(d.write_timeout_ns, 60 * CLOCK_S);
    assert_true(d.compress && d.cleartext);
    assert_int_equal(d.tls, DSN_TLS_PREFERRED);
    assert_string_equal(d.collation, "utf8mb4_unicode_ci");
    assert_null(d.variables);
}

static void tls_has_five_words(void **state)
{
    const struct { const char *text; uint32_t tls; } all[] = {
        {"/?tls=true", DSN_TLS_VERIFY}, {"/?tls=false", DSN_TLS_OFF}, {"/?tls=Skip-Verify", DSN_TLS_SKIP_VERIFY},
        {"/?tls=preferred", DSN_TLS_PREFERRED}, {"/?tls=custom", DSN_TLS_CUSTOM}};
    for (size_t n = 0; n < 5; n++) {
        accept(all[n].text);
        assert_int_equal(d.tls, all[n].tls);
    }
}

static void other_names_are_variables_of_the_session(void **state)
{
    accept("/?time_zone=%27Europe%2FParis%27&innodb_lock_wait_timeout=5");
    assert_string_equal(d.variables, "time_zone='Europe/Paris', innodb_lock_wait_timeout=5");
}

static void what_is_wrong_is_said_without_the_password(void **state)
{
    refused("", "there is no /");
    refused("u:s3cret@tcp(h:1)", "there is no /");
    refused("u:s3cret@tcp(h:1/", "is not closed");
    refused("u:s3cret@host:3306/", "neither tcp nor unix");
    refused("u:s3cret@tcp(h:0)/", "the port");
    refused("u:s3cret@tcp(h:65536)/", "the port");
    refused("u:s3cret@tcp(h:x)/", "the port");
    refused("u:s3cret@tcp(::1:3306)/", "in brackets");
    refused("u:s3cret@tcp([::1)/", "no closing bracket");
    refused("u:s3cret@tcp([::1]x)/", "only :port");
    refused("u:s3cret@/?tls", "no value");
    refused("u:s3cret@/?tls=other", "tls is one of");
    refused("u:s3cret@/?timeout=5", "timeout is no duration");
    refused("u:s3cret@/?timeout=-5s", "timeout is no duration");
    refused("u:s3cret@/?compress=maybe", "neither true nor false");
    refused("u:s3cret@/?charset=latin1", "charset must be utf8mb4");
    refused("u:s3cret@/?allowAllFiles=true", "not supported");
    refused("u:s3cret@/?serverPubKey=x", "not supported");
    refused("u:s3cret@/?a=%zz", "begins no escape");
    refused("u:s3cret@/%zz", "begins no escape");
    refused("u:s3cret@/?a=1%3Bdrop", "session variable");
    refused("u:s3cret@/?a-b=1", "session variable");
    refused("u:s3cret@/?collation=a%27b", "collation is no name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_where_the_driver_finds_them), cmocka_unit_test(the_last_at_and_slash_count),
        cmocka_unit_test(what_is_not_said_has_a_default), cmocka_unit_test(sockets_and_ipv6),
        cmocka_unit_test(parameters_of_the_driver), cmocka_unit_test(tls_has_five_words),
        cmocka_unit_test(other_names_are_variables_of_the_session),
        cmocka_unit_test(what_is_wrong_is_said_without_the_password)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dsn_fini(&d);
    return failed;
}
