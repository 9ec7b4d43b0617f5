/* Patterns of KEYS_LIKE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/base/like.c"

static bool is_like(const char *text, const char *pattern)
{
    return slice_is_like(slice_of(text), slice_of(pattern));
}

static void runs_and_single_characters_match(void **state)
{
    assert_true(is_like("abc", "abc"));
    assert_true(is_like("abc", "a%"));
    assert_true(is_like("abc", "%c"));
    assert_true(is_like("abc", "%b%"));
    assert_true(is_like("abc", "a_c"));
    assert_true(is_like("a\xc3\xa9z", "a_z"));
    assert_true(is_like("", "%"));
    assert_true(is_like("aXbXb", "a%b"));
    assert_false(is_like("abc", "ab"));
    assert_false(is_like("abc", "a_"));
    assert_false(is_like("abc", "b%"));
    assert_false(is_like("", "_"));
}

static void a_backslash_takes_their_meaning(void **state)
{
    assert_true(is_like("50%", "50\\%"));
    assert_false(is_like("500", "50\\%"));
    assert_true(is_like("a_b", "a\\_b"));
    assert_false(is_like("axb", "a\\_b"));
    assert_true(is_like("a\\", "a\\\\"));
    assert_true(is_like("a\\", "a\\"));
}

static void many_runs_take_no_power_of_time(void **state)
{
    char text[4001] = {0}, pattern[2002] = {0};
    memset(text, 'a', 4000);
    for (int i = 0; i < 2000; i += 2)
        memcpy(pattern + i, "%a", 2);
    pattern[2000] = 'b';
    assert_false(is_like(text, pattern));
}

static void the_head_is_what_every_match_begins_with(void **state)
{
    char to[32];
    assert_int_equal(like_head(SLICE("ab%c"), to), 2);
    assert_memory_equal(to, "ab", 2);
    assert_int_equal(like_head(SLICE("a\\_b\\%_"), to), 4);
    assert_memory_equal(to, "a_b%", 4);
    assert_int_equal(like_head(SLICE("%"), to), 0);
    assert_int_equal(like_head(SLICE("all"), to), 3);
    assert_int_equal(like_head(SLICE(""), to), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_single_characters_match),
        cmocka_unit_test(a_backslash_takes_their_meaning),
        cmocka_unit_test(many_runs_take_no_power_of_time),
        cmocka_unit_test(the_head_is_what_every_match_begins_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
