/* clock_test: the time texts of the wire, both ways, and what is none. */
#include <base/clock.h>
#include <base/slice.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_duration(const char *text, int64_t wanted)
{
    int64_t ns = -1;
    if (!clock_parse_duration(slice_of(text), &ns) || ns != wanted)
        fail_msg("%s is %lld", text, (long long)ns);
}

static void durations_are_read_as_in_go(void **state)
{
    assert_duration("0", 0);
    assert_duration("5s", 5 * (int64_t)CLOCK_S);
    assert_duration("1h30m", 5400 * (int64_t)CLOCK_S);
    assert_duration("-1.5s", -1500 * (int64_t)CLOCK_MS);
    assert_duration(".5ms", 500000);
    assert_duration("100\xc2\xb5s", 100000);
    assert_duration("2562047h47m16.854775807s", INT64_MAX);
    assert_duration("-2562047h47m16.854775808s", INT64_MIN);
}

static void what_is_no_duration_is_refused(void **state)
{
    const char *bad[] = {"", "5", "s", "1d", "1.s2", "--1s", "1s ", " 1s", "9223372036854775808ns", "2562047h47m16.854775808s"};
    int64_t ns;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (clock_parse_duration(slice_of(bad[i]), &ns))
            fail_msg("'%s' is taken for a duration", bad[i]);
}

static void assert_text(int64_t ns, const char *wanted)
{
    char text[CLOCK_TEXT];
    size_t len = clock_duration_text(ns, text);
    assert_int_equal(len, strlen(wanted));
    assert_string_equal(text, wanted);
}

static void durations_are_written_as_in_go(void **state)
{
    assert_text(0, "0s");
    assert_text(60 * (int64_t)CLOCK_S, "1m0s");
    assert_text(2500 * (int64_t)CLOCK_MS, "2.5s");
    assert_text(500 * (int64_t)CLOCK_MS, "500ms");
    assert_text(1500, "1.5\xc2\xb5s");
    assert_text(-3600 * (int64_t)CLOCK_S, "-1h0m0s");
    assert_text(INT64_MIN, "-2562047h47m16.854775808s");
}

static void dates_go_both_ways(void **state)
{
    const char *texts[] = {"2024-02-29T23:59:59.000000001Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z"};
    for (size_t i = 0; i < 3; i++) {
        int64_t ns;
        char text[CLOCK_TEXT];
        assert_true(clock_parse_rfc3339(slice_of(texts[i]), &ns));
        clock_rfc3339_nano(ns, text);
        assert_string_equal(text, texts[i]);
    }
}

static void an_offset_is_taken_off(void **state)
{
    int64_t east, utc;
    assert_true(clock_parse_rfc3339(SLICE("2024-01-01T02:30:00+02:30"), &east));
    assert_true(clock_parse_rfc3339(SLICE("2024-01-01T00:00:00Z"), &utc));
    assert_true(east == utc);
}

static void dates_that_never_were_are_refused(void **state)
{
    const char *bad[] = {"2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01 00:00:00Z",
                         "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "24-01-01T00:00:00Z", ""};
    int64_t ns;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (clock_parse_rfc3339(slice_of(bad[i]), &ns))
            fail_msg("'%s' is taken for a date", bad[i]);
}

static void http_has_its_own_date(void **state)
{
    char text[CLOCK_TEXT];
    assert_int_equal(clock_http_date(784887151, text), 29);
    assert_string_equal(text, "Tue, 15 Nov 1994 08:12:31 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_as_in_go),      cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(durations_are_written_as_in_go),   cmocka_unit_test(dates_go_both_ways),
        cmocka_unit_test(an_offset_is_taken_off),           cmocka_unit_test(dates_that_never_were_are_refused),
        cmocka_unit_test(http_has_its_own_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
