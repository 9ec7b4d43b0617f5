/* Values of PostgreSQL as JSON. */
#include "plugins/bindings/postgresql/cell.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void is(uint32_t type, const char *text, const char *json)
{
    struct text t = {0};
    cell_add(&t, type, slice_of(text));
    assert_string_equal(t.at, json);
    text_fini(&t);
}

static void numbers_keep_their_digits(void **state)
{
    is(20, "9223372036854775807", "9223372036854775807");
    is(23, "-1", "-1");
    is(1700, "1.50", "1.50");
    is(701, "1e+300", "1e+300");
    is(1700, "NaN", "\"NaN\"");
    is(701, "-Infinity", "\"-Infinity\"");
}

static void what_is_absent_is_null(void **state)
{
    is(25, NULL, "null");
    is(23, NULL, "null");
}

static void truth_and_texts(void **state)
{
    is(16, "t", "true");
    is(16, "f", "false");
    is(25, "a\"b\n", "\"a\\\"b\\n\"");
    is(2950, "a2ed1c6a-1b7a-4c3c-9d52-4d1f3a8f0c11", "\"a2ed1c6a-1b7a-4c3c-9d52-4d1f3a8f0c11\"");
    is(99999, "anything", "\"anything\"");
}

static void json_stays_json_and_bytes_are_base64(void **state)
{
    is(114, "{\"b\":1.50}", "{\"b\":1.50}");
    is(3802, "[1, 2]", "[1, 2]");
    is(17, "\\x0001ff", "\"AAH/\"");
    is(17, "\\x", "\"\"");
}

static void times_are_rfc_3339(void **state)
{
    is(1082, "2026-11-22", "\"2026-11-22T00:00:00Z\"");
    is(1114, "2026-11-22 10:01:02.5", "\"2026-11-22T10:01:02.5Z\"");
    is(1184, "2026-11-22 10:01:02+00", "\"2026-11-22T10:01:02Z\"");
    is(1184, "2026-11-22 10:01:02.123456-03", "\"2026-11-22T10:01:02.123456-03:00\"");
    is(1184, "2026-11-22 10:01:02+05:30", "\"2026-11-22T10:01:02+05:30\"");
    is(1082, "infinity", "\"infinity\"");
    is(1114, "0044-03-15 10:00:00 BC", "\"0044-03-15 10:00:00 BC\"");
}

static void arrays_are_lists(void **state)
{
    is(1007, "{1,2,NULL}", "[1,2,null]");
    is(1007, "{}", "[]");
    is(1007, "{{1,2},{3,4}}", "[[1,2],[3,4]]");
    is(1009, "{a,\"b,c\",\"NULL\",\"q\\\"\\\\\",NULL,\"\"}", "[\"a\",\"b,c\",\"NULL\",\"q\\\"\\\\\",null,\"\"]");
    is(1000, "{t,f}", "[true,false]");
    is(1001, "{\"\\\\x0001ff\"}", "[\"AAH/\"]");
    is(1007, "{1,2", "\"{1,2\"");
    is(1007, "[0:1]={1,2}", "\"[0:1]={1,2}\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_their_digits), cmocka_unit_test(what_is_absent_is_null), cmocka_unit_test(truth_and_texts),
        cmocka_unit_test(json_stays_json_and_bytes_are_base64), cmocka_unit_test(times_are_rfc_3339), cmocka_unit_test(arrays_are_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
