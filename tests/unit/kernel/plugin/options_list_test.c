/* The options of a component as JSON: what is shown of a value, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/options_list.c"

struct self {
    const char *host, *password, *token;
    int64_t retries;
};

static const struct trb_option table[] = {
    TRB_STRING(struct self, host, "host", .aliases = "server|peer", .doc = "Where it is."),
    TRB_STRING(struct self, password, "password", .aliases = "pass", .sensitive = 1, .doc = "What opens it."),
    TRB_STRING(struct self, token, "token", .sensitive = 1, .fallback = "a default secret", .doc = "Another."),
    TRB_INT(struct self, retries, "retries", .fallback = "3", .doc = "How often."),
    TRB_OPEN("x-", .doc = "Anything."),
    TRB_OPEN("secret-", .sensitive = 1, .doc = "Anything secret."),
};
static const struct trb_component component = {.type = "state.table", TRB_SELF(struct self, table)};

static bool hides_host(void *arg, struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("host"));
}

static char *listed(bool (*hides)(void *, struct trb_slice), uint32_t count, const struct trb_pair *pairs)
{
    static char copy[2000];
    struct options_shown shown = {.properties = {pairs, count, sizeof *pairs}, .hides = hides};
    struct text json = {0};
    options_write(&component, &shown, &json);
    snprintf(copy, sizeof copy, "%s", json.at);
    text_fini(&json);
    return copy;
}

static void expect_row(const char *all, const char *row)
{
    if (!strstr(all, row))
        print_error("no %s in %s\n", row, all);
    assert_non_null(strstr(all, row));
}

static void what_was_not_said_shows_its_default(void **state)
{
    assert_string_equal(listed(NULL, 0, NULL),
                        "[{\"name\":\"host\",\"type\":\"string\",\"source\":\"none\",\"redacted\":false},"
                        "{\"name\":\"password\",\"type\":\"string\",\"source\":\"none\",\"redacted\":false},"
                        "{\"name\":\"token\",\"type\":\"string\",\"source\":\"default\",\"redacted\":true},"
                        "{\"name\":\"retries\",\"type\":\"integer\",\"source\":\"default\",\"redacted\":false,\"value\":\"3\"}]");
}

static void a_value_stands_under_the_name_of_the_table_and_the_later_spelling_counts(void **state)
{
    struct trb_pair pairs[] = {{NAME("HOST"), NAME("earlier")}, {NAME("server"), NAME("two \"quoted\"")}};
    const char *all = listed(NULL, 2, pairs);
    expect_row(all, "{\"name\":\"host\",\"type\":\"string\",\"source\":\"resource\",\"redacted\":false,\"value\":\"two \\\"quoted\\\"\"}");
    assert_null(strstr(all, "earlier"));
}

static void a_number_left_empty_has_its_default(void **state)
{
    struct trb_pair pairs[] = {{NAME("retries"), NAME("")}};
    expect_row(listed(NULL, 1, pairs), "\"retries\",\"type\":\"integer\",\"source\":\"default\",\"redacted\":false,\"value\":\"3\"");
}

static void a_sensitive_value_is_never_shown_whatever_its_spelling(void **state)
{
    struct trb_pair pairs[] = {{NAME("PASS"), NAME("hunter2")}, {NAME("secret-key"), NAME("hunter3")}};
    const char *all = listed(NULL, 2, pairs);
    expect_row(all, "{\"name\":\"password\",\"type\":\"string\",\"source\":\"resource\",\"redacted\":true}");
    expect_row(all, "{\"name\":\"secret-key\",\"type\":\"open\",\"source\":\"resource\",\"redacted\":true}");
    assert_null(strstr(all, "hunter"));
}

static void a_value_that_the_caller_hides_is_not_shown(void **state)
{
    struct trb_pair pairs[] = {{NAME("host"), NAME("from-a-secret")}};
    const char *all = listed(hides_host, 1, pairs);
    expect_row(all, "{\"name\":\"host\",\"type\":\"string\",\"source\":\"resource\",\"redacted\":true}");
    assert_null(strstr(all, "from-a-secret"));
}

static void a_name_that_the_table_does_not_know_is_shown_without_its_value(void **state)
{
    struct trb_pair pairs[] = {{NAME("pasword"), NAME("hunter2")}, {NAME("x-Custom"), NAME("seen")}};
    const char *all = listed(NULL, 2, pairs);
    expect_row(all, "{\"name\":\"pasword\",\"type\":\"unknown\",\"source\":\"resource\",\"redacted\":true}");
    expect_row(all, "{\"name\":\"x-Custom\",\"type\":\"open\",\"source\":\"resource\",\"redacted\":false,\"value\":\"seen\"}");
    assert_null(strstr(all, "hunter2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_said_shows_its_default),
        cmocka_unit_test(a_value_stands_under_the_name_of_the_table_and_the_later_spelling_counts),
        cmocka_unit_test(a_number_left_empty_has_its_default),
        cmocka_unit_test(a_sensitive_value_is_never_shown_whatever_its_spelling),
        cmocka_unit_test(a_value_that_the_caller_hides_is_not_shown),
        cmocka_unit_test(a_name_that_the_table_does_not_know_is_shown_without_its_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
