/* localstorage_form_test: what names and data of clients become on disk. */
#include <plugins/bindings/localstorage/form.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_path(const char *name, const char *want)
{
    struct text path = {0};
    assert_true(form_path(slice_of(name), &path));
    assert_string_equal(path.at, want);
    text_fini(&path);
}

static void assert_data(struct trb_slice data, bool decodes, struct trb_slice want)
{
    struct text bytes = {0};
    form_data(data, decodes, &bytes);
    assert_int_equal(bytes.len, want.len);
    assert_memory_equal(bytes.at ? bytes.at : "", want.at, want.len);
    text_fini(&bytes);
}

static void a_name_is_resolved_by_its_letters(void **state)
{
    assert_path("", "");
    assert_path("/", "");
    assert_path("a", "a");
    assert_path("/a//b/", "a/b");
    assert_path("./a/./b/.", "a/b");
    assert_path("a/b/../c", "a/c");
    assert_path("a/..", "");
    assert_path(".../..a/b..", ".../..a/b..");
}

static void nothing_leads_out(void **state)
{
    assert_path("..", "");
    assert_path("../../x", "x");
    assert_path("/../a/../../../etc/passwd", "etc/passwd");
}

static void names_that_no_path_can_have_are_refused(void **state)
{
    struct text path = {0};
    char *longest = test_calloc(NAME_MAX_BYTES + 2, 1);
    memset(longest, 'a', NAME_MAX_BYTES + 1);
    assert_false(form_path(slice_from("a\0b", 3), &path));
    assert_false(form_path(slice_from(longest, NAME_MAX_BYTES + 1), &path));
    assert_true(form_path(slice_from(longest, NAME_MAX_BYTES), &path));
    text_fini(&path);
    test_free(longest);
}

static void a_json_string_loses_its_quotes(void **state)
{
    assert_data(SLICE("\"a \\\"b\\\" \\u00fc\\n\\/\""), true, SLICE("a \"b\" \xc3\xbc\n/"));
    assert_data(SLICE("\"half"), true, SLICE("\"half"));
    assert_data(SLICE("\"\""), true, SLICE(""));
}

static void what_is_base64_is_decoded(void **state)
{
    assert_data(SLICE("\"aGVsbG8=\""), true, SLICE("hello"));
    assert_data(SLICE("aGVsbG8="), true, SLICE("hello"));
    assert_data(SLICE("\"aGVs\\r\\nbG8=\""), true, SLICE("hello"));
    assert_data(SLICE("\"AAH/\""), true, slice_from("\0\1\377", 3));
}

static void what_is_none_stays(void **state)
{
    assert_data(SLICE("\"aGVsbG8\""), true, SLICE("aGVsbG8"));
    assert_data(SLICE("\"aGVs bG8=\""), true, SLICE("aGVs bG8="));
    assert_data(SLICE("\"a-_b\""), true, SLICE("a-_b"));
    assert_data(SLICE("{\"a\":1}"), true, SLICE("{\"a\":1}"));
    assert_data(slice_from("\0\1\2", 3), true, slice_from("\0\1\2", 3));
}

static void null_true_and_numbers_only_look_like_it(void **state)
{
    assert_data(SLICE("null"), true, SLICE("null"));
    assert_data(SLICE("true"), true, SLICE("true"));
    assert_data(SLICE("12345678"), true, SLICE("12345678"));
}

static void nothing_is_decoded_when_it_is_said_so(void **state)
{
    assert_data(SLICE("\"aGVsbG8=\""), false, SLICE("aGVsbG8="));
    assert_data(SLICE("aGVsbG8="), false, SLICE("aGVsbG8="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_resolved_by_its_letters),
        cmocka_unit_test(nothing_leads_out),
        cmocka_unit_test(names_that_no_path_can_have_are_refused),
        cmocka_unit_test(a_json_string_loses_its_quotes),
        cmocka_unit_test(what_is_base64_is_decoded),
        cmocka_unit_test(what_is_none_stays),
        cmocka_unit_test(null_true_and_numbers_only_look_like_it),
        cmocka_unit_test(nothing_is_decoded_when_it_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
