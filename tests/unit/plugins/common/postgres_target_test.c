/* Connection strings of PostgreSQL in both forms, and identifiers that may stand in a statement. */
#include "plugins/common/postgres/target.c"
#include "plugins/common/postgres/postgres.c"
#include "plugins/common/postgres/lookup.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct pg_target target;
static struct trb_error err;

static int down(void **state)
{
    pg_target_fini(&target);
    return 0;
}

static trb_code take(const char *text)
{
    pg_target_fini(&target);
    err = (struct trb_error){0};
    return pg_target_read(&target, slice_of(text), &err);
}

static void says(const char *name, const char *value)
{
    const char *got = pg_target_get(&target, name);
    assert_non_null(got);
    assert_string_equal(got, value);
}

static void words_are_read_with_their_quotes(void **state)
{
    assert_int_equal(take("host=db  user='a b' password = 'it\\'s\\\\' port=5432\tdatabase=orders empty=''"), TRB_OK);
    says("host", "db");
    says("user", "a b");
    says("password", "it's\\");
    says("port", "5432");
    says("dbname", "orders");
    says("empty", "");
    assert_int_equal(target.count, 6);
}

static void the_last_word_of_a_name_wins(void **state)
{
    assert_int_equal(take("host=a host=b"), TRB_OK);
    says("host", "b");
    assert_int_equal(target.count, 1);
}

static void a_url_is_read_whole(void **state)
{
    assert_int_equal(take("postgres://ap%70:p%40ss%3A@db1:5432/or%20ders?sslmode=require&search_path=a%2Cb"), TRB_OK);
    says("user", "app");
    says("password", "p@ss:");
    says("host", "db1");
    says("port", "5432");
    says("dbname", "or ders");
    says("sslmode", "require");
    says("search_path", "a,b");
}

static void a_url_may_name_several_hosts(void **state)
{
    assert_int_equal(take("postgresql://u@db1,[::1]:5433,db3:5434"), TRB_OK);
    says("host", "db1,::1,db3");
    says("port", ",5433,5434");
    assert_null(pg_target_get(&target, "dbname"));
}

static void a_url_may_leave_out_everything(void **state)
{
    assert_int_equal(take("postgres://"), TRB_OK);
    assert_int_equal(target.count, 0);
    assert_int_equal(take("postgres:///db"), TRB_OK);
    says("dbname", "db");
    assert_int_equal(target.count, 1);
    assert_int_equal(take("postgres://%2Fvar%2Frun/db"), TRB_OK);
    says("host", "/var/run");
}

static void what_is_neither_form_is_refused_without_showing_it(void **state)
{
    const char *const bad[] = {"secret", "host=db secret", "host='db", "=secret", "postgres://u:%zz@h/d", "postgres://[::1/d",
                               "postgres://h/d?a=%", "mysql://secret@h/d"};
    for (size_t i = 0; i < countof(bad); i++) {
        assert_int_equal(take(bad[i]), TRB_INVALID);
        assert_null(strstr(err.message, "secret"));
        assert_non_null(strstr(err.message, "connectionString: "));
    }
}

static void settings_become_options_of_the_session(void **state)
{
    assert_int_equal(take("host=db search_path='a, b' options='-c geqo=off' sslmode=disable"), TRB_OK);
    assert_int_equal(fit(&target, &err), TRB_OK);
    says("options", "-c geqo=off -c search_path=a,\\ b");
    says("sslmode", "disable");
    says("client_encoding", "UTF8");
    assert_null(pg_target_get(&target, "search_path"));
}

static void identifiers_hold_nothing_that_ends_them(void **state)
{
    assert_true(pg_is_identifier("state", true));
    assert_true(pg_is_identifier("s1.State_2", true));
    assert_true(pg_is_identifier("\"My State\"", true));
    assert_true(pg_is_identifier("s.\"x\"", true));
    assert_false(pg_is_identifier("s.t", false));
    const char *const bad[] = {"", ".", "a.", ".a", "a.b.c", "1a", "a b", "a;b", "a\"b", "\"a\"b\"", "\"\"", "a-b", "a'"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_false(pg_is_identifier(bad[i], true));
}

static void names_become_addresses_and_addresses_stay(void **state)
{
    assert_int_equal(take("host=127.0.0.1,::1,/var/run port=1,2,3"), TRB_OK);
    assert_false(pg_lookup_is_needed(&target));
    assert_int_equal(take("host=localhost hostaddr=127.0.0.1"), TRB_OK);
    assert_false(pg_lookup_is_needed(&target));
    assert_int_equal(take("host=/var/run,localhost port=1,2"), TRB_OK);
    assert_true(pg_lookup_is_needed(&target));
    assert_int_equal(resolve(&target, &err), TRB_OK);
    struct trb_slice addresses = slice_of(pg_target_get(&target, "hostaddr")), hosts = slice_of(pg_target_get(&target, "host")),
                     ports = slice_of(pg_target_get(&target, "port"));
    assert_int_equal(slice_split(&addresses, ',').len, 0);
    assert_true(slice_is(slice_split(&hosts, ','), SLICE("/var/run")));
    assert_true(slice_is(slice_split(&ports, ','), SLICE("1")));
    for (; addresses.at; assert_true(slice_is(slice_split(&hosts, ','), SLICE("localhost"))),
                         assert_true(slice_is(slice_split(&ports, ','), SLICE("2"))))
        assert_true(is_address(slice_split(&addresses, ',')));
    assert_null(hosts.at);
}

static void a_name_that_nobody_knows_is_told(void **state)
{
    assert_int_equal(take("host=nowhere.invalid"), TRB_OK);
    assert_int_equal(resolve(&target, &err), TRB_UNAVAILABLE);
    assert_non_null(strstr(err.message, "cannot resolve 'nowhere.invalid'"));
    assert_int_equal(take("host=nowhere.invalid,127.0.0.1 port=5432"), TRB_OK);
    assert_int_equal(resolve(&target, &err), TRB_OK);
    says("hostaddr", "127.0.0.1");
    says("port", "5432");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(words_are_read_with_their_quotes, down),
        cmocka_unit_test_teardown(the_last_word_of_a_name_wins, down),
        cmocka_unit_test_teardown(a_url_is_read_whole, down),
        cmocka_unit_test_teardown(a_url_may_name_several_hosts, down),
        cmocka_unit_test_teardown(a_url_may_leave_out_everything, down),
        cmocka_unit_test_teardown(what_is_neither_form_is_refused_without_showing_it, down),
        cmocka_unit_test_teardown(settings_become_options_of_the_session, down),
        cmocka_unit_test_teardown(names_become_addresses_and_addresses_stay, down),
        cmocka_unit_test_teardown(a_name_that_nobody_knows_is_told, down),
        cmocka_unit_test_teardown(identifiers_hold_nothing_that_ends_them, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
