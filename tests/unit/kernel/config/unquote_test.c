/* unquote_test: which texts are Go literals, and what they hold. */
#include <kernel/config/unquote.c>
#include <kernel/config/duration_fault.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void holds(const char *literal, const char *wanted)
{
    struct text t = {0};
    text_adds(&t, "+");
    assert_int_equal(unquote(slice_of(literal), &t), wanted != NULL);
    assert_string_equal(t.at + 1, wanted ? wanted : "");
    text_fini(&t);
}

static void double_quotes_hold_escapes(void **state)
{
    holds("\"abc\"", "abc");
    holds("\"\"", "");
    holds("\"a\\n\\t\\\\\\\"'\"", "a\n\t\\\"'");
    holds("\"\\x41\\102\\u00e9\\U0001f600\"", "AB\xc3\xa9\xf0\x9f\x98\x80");
    holds("\"\\a\\b\\f\\r\\v\"", "\a\b\f\r\v");
}

static void backquotes_hold_everything_but_themselves(void **state)
{
    holds("`a\\n\"\n\r`", "a\\n\"\n");
    holds("`a`b`", NULL);
    holds("``", "");
}

static void single_quotes_hold_one_character(void **state)
{
    holds("'a'", "a");
    holds("'\xc3\xa9'", "\xc3\xa9");
    holds("'\\''", "'");
    holds("'ab'", NULL);
    holds("''", NULL);
}

static void all_else_is_no_literal(void **state)
{
    static const char *const cases[] = {"", "\"", "abc", "\"abc", "abc\"", "\"a\"b\"", "\"\\q\"", "\"\\x4\"", "\"\\'\"",
                                        "\"\\400\"", "\"\\ud800\"", "\"\\U00110000\"", "\"a\nb\"", "\"\\\"", "5", "'"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        holds(cases[i], NULL);
}

static void a_text_that_is_no_duration_is_told_why(void **state)
{
    static const struct { const char *text, *said; } cases[] = {
        {"zz", "time: invalid duration \"zz\""},       {"", "time: invalid duration \"\""},
        {"5", "time: missing unit in duration \"5\""}, {"1h5", "time: missing unit in duration \"1h5\""},
        {"5x", "time: unknown unit \"x\" in duration \"5x\""}, {"-", "time: invalid duration \"-\""},
        {"1s.", "time: invalid duration \"1s.\""},     {"9999999999h", "time: invalid duration \"9999999999h\""},
    };
    struct arena *arena = arena_create(SIZE_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(duration_fault(arena, slice_of(cases[i].text)).at, cases[i].said);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(double_quotes_hold_escapes),
        cmocka_unit_test(backquotes_hold_everything_but_themselves),
        cmocka_unit_test(single_quotes_hold_one_character),
        cmocka_unit_test(all_else_is_no_literal),
        cmocka_unit_test(a_text_that_is_no_duration_is_told_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
