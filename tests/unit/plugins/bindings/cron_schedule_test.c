/* cron_schedule_test: schedules in cron's words, and when they are due, also where the clock is set. */
#include <plugins/bindings/cron/schedule.c>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static int64_t at(const char *text)
{
    struct tm t = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &t));
    t.tm_isdst = -1;
    return mktime(&t);
}

static struct schedule parsed(const char *text)
{
    struct schedule s;
    char fault[160] = "";
    if (!schedule_parse(slice_of(text), &s, fault))
        fail_msg("'%s' is refused: %s", text, fault);
    return s;
}

static void assert_due(const char *schedule, const char *now, const char *want)
{
    struct schedule s = parsed(schedule);
    time_t due = (time_t)schedule_next(&s, at(now));
    struct tm t;
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", localtime_r(&due, &t));
    if (strcmp(text, want))
        fail_msg("'%s' after %s is due at %s, not at %s", schedule, now, text, want);
}

static void five_fields_are_due_at_full_minutes(void **state)
{
    in_zone("UTC");
    assert_due("0/15 * * * *", "2024-07-09 14:45:00", "2024-07-09 15:00:00");
    assert_due("*/15 * * * *", "2024-07-09 14:59:59", "2024-07-09 15:00:00");
    assert_due("20-35/15 * * * *", "2024-07-09 15:45:00", "2024-07-09 16:20:00");
    assert_due("30 8 * * *", "2024-12-31 08:30:00", "2025-01-01 08:30:00");
    assert_due("0 0 29 2 *", "2024-03-01 00:00:00", "2028-02-29 00:00:00");
}

static void six_fields_begin_with_seconds(void **state)
{
    in_zone("UTC");
    assert_due("*/5 * * * * *", "2024-07-09 14:45:01", "2024-07-09 14:45:05");
    assert_due("15/35 20-35/15 1/2 */2 * *", "2024-07-09 14:45:00", "2024-07-09 15:20:15");
    assert_due("0 0 0 1 JAN ?", "2024-07-09 14:45:00", "2025-01-01 00:00:00");
}

static void names_lists_and_blanks_are_taken(void **state)
{
    in_zone("UTC");
    assert_due("  0\t12  *  Feb,APR-jun  MON ", "2024-07-09 00:00:00", "2025-02-03 12:00:00");
    assert_due("0 0 * * sat,sun", "2024-07-09 00:00:00", "2024-07-13 00:00:00");
    assert_due("1,,2 * * * *", "2024-07-09 00:01:00", "2024-07-09 00:02:00");
}

static void of_day_and_weekday_either_will_do_when_both_are_said(void **state)
{
    in_zone("UTC");
    assert_due("0 0 1,15 * Sun", "2012-07-14 12:00:00", "2012-07-15 00:00:00");
    assert_due("0 0 1,15 * Sun", "2012-07-15 12:00:00", "2012-07-22 00:00:00");
    assert_due("0 0 * * Mon", "2012-07-15 12:00:00", "2012-07-16 00:00:00");
    assert_due("0 0 */10 * Sun", "2012-07-15 12:00:00", "2012-07-21 00:00:00");
    assert_due("0 0 1,15 * *", "2012-07-16 12:00:00", "2012-08-01 00:00:00");
}

static void words_are_taken(void **state)
{
    in_zone("UTC");
    assert_due("@yearly", "2024-07-09 14:45:00", "2025-01-01 00:00:00");
    assert_due("@annually", "2024-07-09 14:45:00", "2025-01-01 00:00:00");
    assert_due("@monthly", "2024-07-09 14:45:00", "2024-08-01 00:00:00");
    assert_due("@weekly", "2024-07-09 14:45:00", "2024-07-14 00:00:00");
    assert_due("@daily", "2024-07-09 14:45:00", "2024-07-10 00:00:00");
    assert_due("@midnight", "2024-07-09 14:45:00", "2024-07-10 00:00:00");
    assert_due("@hourly", "2024-07-09 14:45:00", "2024-07-09 15:00:00");
    assert_due("@every 1h30m10s", "2024-07-09 14:45:00", "2024-07-09 16:15:10");
    assert_due("@every 10ms", "2024-07-09 14:45:00", "2024-07-09 14:45:01");
    assert_due("@every 1s500ms", "2024-07-09 14:45:00", "2024-07-09 14:45:01");
}

/* New York, 2012: on March 11 two o'clock is three, on November 4 two o'clock is one. */
static void what_the_clock_skips_is_not_due(void **state)
{
    in_zone("America/New_York");
    assert_due("30 2 11 Mar ?", "2012-03-11 00:00:00", "2013-03-11 02:30:00");
    assert_due("30 2 * * *", "2012-03-11 00:00:00", "2012-03-12 02:30:00");
    assert_due("0 * * * *", "2012-03-11 01:00:00", "2012-03-11 03:00:00");
    assert_due("0 3 * * *", "2012-03-11 00:00:00", "2012-03-11 03:00:00");
}

static void what_the_clock_repeats_is_due_twice(void **state)
{
    in_zone("America/New_York");
    struct schedule s = parsed("30 1 * * *");
    int64_t first = schedule_next(&s, at("2012-11-04 00:00:00")), second = schedule_next(&s, first);
    assert_int_equal(second - first, 3600);
    assert_int_equal(schedule_next(&s, second) - second, 24 * 3600);
    assert_due("0 2 * * *", "2012-11-04 00:00:00", "2012-11-04 02:00:00");
}

/* São Paulo began its summer at midnight: October 21, 2012 has no hour 0. */
static void a_day_without_midnight_has_the_rest(void **state)
{
    in_zone("America/Sao_Paulo");
    assert_due("0 0 * * *", "2012-10-20 12:00:00", "2012-10-22 00:00:00");
    assert_due("0 1 * * *", "2012-10-20 12:00:00", "2012-10-21 01:00:00");
    assert_due("0 * 21 10 *", "2012-10-20 12:00:00", "2012-10-21 01:00:00");
}

static void a_shift_of_half_an_hour_confuses_nothing(void **state)
{
    in_zone("Australia/Lord_Howe");
    struct schedule s = parsed("*/10 * * * *");
    int64_t now = at("2024-04-06 23:00:00"), end = now + 8 * 3600;
    for (int64_t next; now < end; now = next) {
        next = schedule_next(&s, now);
        assert_true(next > now && next - now <= 600);
    }
}

static void what_is_no_schedule_is_refused_in_words(void **state)
{
    static const char *const bad[] = {
        "", "*", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *",
        "* * * 0 *", "* * * * 7", "* * * foo *", "5-3 * * * *", "*/0 * * * *", "*/ * * * *", "*/x * * * *", "-5 * * * *",
        "5- * * * *", "1-2-3 * * * *", "@nonsense", "@every", "@every ", "@every x", "@every 5", "TZ=UTC * * * * *",
        "CRON_TZ=Asia/Tokyo * * * * *", "99999999999999999999 * * * *", "1;2 * * * *"};
    for (size_t i = 0; i < countof(bad); i++) {
        struct schedule s;
        char fault[160] = "";
        if (schedule_parse(slice_of(bad[i]), &s, fault))
            fail_msg("'%s' is accepted", bad[i]);
        assert_true(fault[0] && fault[strlen(fault) - 1] != '.');
    }
}

static void what_never_comes_is_never_due(void **state)
{
    in_zone("UTC");
    struct schedule s = parsed("0 0 31 2 *");
    assert_int_equal(schedule_next(&s, at("2024-07-09 14:45:00")), -1);
    static const char *const of_nothing[] = {", * * * *", ", * * * * *", "* * , * * *", "* * * * , *"};
    for (size_t i = 0; i < sizeof of_nothing / sizeof *of_nothing; i++) {
        s = parsed(of_nothing[i]);
        assert_int_equal(schedule_next(&s, at("2024-07-09 14:45:00")), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_fields_are_due_at_full_minutes),
        cmocka_unit_test(six_fields_begin_with_seconds),
        cmocka_unit_test(names_lists_and_blanks_are_taken),
        cmocka_unit_test(of_day_and_weekday_either_will_do_when_both_are_said),
        cmocka_unit_test(words_are_taken),
        cmocka_unit_test(what_the_clock_skips_is_not_due),
        cmocka_unit_test(what_the_clock_repeats_is_due_twice),
        cmocka_unit_test(a_day_without_midnight_has_the_rest),
        cmocka_unit_test(a_shift_of_half_an_hour_confuses_nothing),
        cmocka_unit_test(what_is_no_schedule_is_refused_in_words),
        cmocka_unit_test(what_never_comes_is_never_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
