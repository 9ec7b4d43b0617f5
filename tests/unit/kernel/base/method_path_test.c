/* method_path: each rule of grpc-api.md 4.1 and the rows of 9.3, by name. */
#include "kernel/base/method_path.c"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static char fault[METHOD_PATH_FAULT];

static struct trb_slice clean(struct trb_slice method)
{
    static char room[2048];
    struct trb_slice cleaned = {NULL, 0};
    fault[0] = '\0';
    if (!method_path_clean(method, room, &cleaned, fault))
        return (struct trb_slice){NULL, 0};
    assert_ptr_equal(cleaned.at, room);
    assert_int_equal(room[cleaned.len], 0);
    return cleaned;
}

#define assert_becomes(from, to) assert_string_equal(clean(SLICE(from)).at, (to))
#define assert_stays(text) assert_becomes(text, text)

static void assert_refused(struct trb_slice method, const char *why)
{
    assert_null(clean(method).at);
    assert_string_equal(fault, why);
}

static void a_plain_method_stays(void **state)
{
    assert_stays("add");
    assert_stays("orders/7/lines");
}

static void nothing_stays_nothing(void **state)
{
    struct trb_slice absent = {NULL, 0};
    assert_stays("");
    assert_int_equal(clean(absent).len, 0);
    assert_non_null(clean(absent).at);
}

static void a_leading_slash_is_kept(void **state)
{
    assert_stays("/add");
    assert_stays("/");
    assert_becomes("//add", "/add");
}

static void a_trailing_slash_is_removed(void **state)
{
    assert_becomes("add/", "add");
    assert_becomes("/add//", "/add");
    assert_becomes("//", "/");
}

static void repeated_slashes_collapse(void **state)
{
    assert_becomes("a///b", "a/b");
}

static void dot_segments_are_resolved(void **state)
{
    assert_becomes("a/../b", "b");
    assert_becomes("a/./b", "a/b");
    assert_becomes("a/b/..", "a");
    assert_becomes("/a/../b", "/b");
    assert_becomes("/a/..", "/");
    assert_becomes(".", "");
    assert_becomes("..", "");
    assert_becomes("a/..", "");
}

static void what_climbs_too_far_is_clamped(void **state)
{
    assert_becomes("../a", "a");
    assert_becomes("a/../../../b", "b");
    assert_becomes("/../../b", "/b");
    assert_becomes("admin/../../public", "public");
}

static void more_than_two_dots_are_a_name(void **state)
{
    assert_stays("...");
    assert_stays("a/.../b");
    assert_stays(".a/b.");
}

static void nothing_is_decoded(void **state)
{
    assert_stays("a%2Fb");
    assert_stays("a%25b");
    assert_stays("100%");
    assert_stays("%2e%2e/a");
    assert_stays("public%23");
    assert_becomes("public/../admin%2Fsecret", "admin%2Fsecret");
    assert_becomes("/admin%09/../public", "/public");
    assert_becomes("public%23/../../unauthorized", "unauthorized");
}

static void a_backslash_is_no_slash(void **state)
{
    assert_stays("admin\\..\\public");
}

static void a_semicolon_is_a_letter(void **state)
{
    assert_stays("a;b");
    assert_becomes("/public;../../admin", "/admin");
}

static void unicode_is_kept(void **state)
{
    assert_stays("gr\xc3\xbc\xc3\x9f" "e");
    assert_stays("admin\xef\xbc\x8f..\xef\xbc\x8fpublic");
    assert_stays("\xff\xfe");
}

static void forbidden_characters_are_refused(void **state)
{
    assert_refused(SLICE("x?y"), "method contains forbidden character: \"x?y\"");
    assert_refused(SLICE("x#y"), "method contains forbidden character: \"x#y\"");
    assert_refused(SLICE("x\0y"), "method contains forbidden character: \"x\\x00y\"");
    assert_refused(SLICE("?"), "method contains forbidden character: \"?\"");
}

static void control_bytes_are_refused(void **state)
{
    assert_refused(SLICE("x\ty"), "method contains control character at position 1: \"x\\ty\"");
    assert_refused(SLICE("\r"), "method contains control character at position 0: \"\\r\"");
    assert_refused(SLICE("ab\n"), "method contains control character at position 2: \"ab\\n\"");
    assert_refused(SLICE("\x7f"), "method contains control character at position 0: \"\\x7f\"");
}

static void what_would_be_cleaned_away_is_refused_all_the_same(void **state)
{
    assert_refused(SLICE("a?/../b"), "method contains forbidden character: \"a?/../b\"");
    assert_refused(SLICE("a\t/../b"), "method contains control character at position 1: \"a\\t/../b\"");
}

static void a_long_fault_is_cut(void **state)
{
    char method[1000];
    memset(method, '?', sizeof method);
    assert_null(clean(slice_from(method, sizeof method)).at);
    assert_int_equal(strlen(fault), METHOD_PATH_FAULT - 1);
}

static void it_may_be_cleaned_where_it_stands(void **state)
{
    char text[] = "/a//./b/../c/";
    struct trb_slice cleaned;
    assert_true(method_path_clean(slice_from(text, sizeof text - 1), text, &cleaned, fault));
    assert_string_equal(text, "/a/c");
    assert_int_equal(cleaned.len, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_method_stays),
        cmocka_unit_test(nothing_stays_nothing),
        cmocka_unit_test(a_leading_slash_is_kept),
        cmocka_unit_test(a_trailing_slash_is_removed),
        cmocka_unit_test(repeated_slashes_collapse),
        cmocka_unit_test(dot_segments_are_resolved),
        cmocka_unit_test(what_climbs_too_far_is_clamped),
        cmocka_unit_test(more_than_two_dots_are_a_name),
        cmocka_unit_test(nothing_is_decoded),
        cmocka_unit_test(a_backslash_is_no_slash),
        cmocka_unit_test(a_semicolon_is_a_letter),
        cmocka_unit_test(unicode_is_kept),
        cmocka_unit_test(forbidden_characters_are_refused),
        cmocka_unit_test(control_bytes_are_refused),
        cmocka_unit_test(what_would_be_cleaned_away_is_refused_all_the_same),
        cmocka_unit_test(a_long_fault_is_cut),
        cmocka_unit_test(it_may_be_cleaned_where_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
