/* Topics and filters, by the examples of the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/common/mqtt/filter.c"

static bool matches(const char *filter, const char *topic)
{
    return mqtt_filter_matches(slice_of(filter), slice_of(topic));
}

static void levels_match(void **state)
{
    assert_true(matches("sport/tennis/player1/#", "sport/tennis/player1"));
    assert_true(matches("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
    assert_true(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
    assert_true(matches("sport/#", "sport"));
    assert_true(matches("#", "a/b/c"));
    assert_true(matches("sport/tennis/+", "sport/tennis/player1"));
    assert_false(matches("sport/tennis/+", "sport/tennis/player1/ranking"));
    assert_false(matches("sport/+", "sport"));
    assert_true(matches("sport/+", "sport/"));
    assert_true(matches("+/+", "/finance"));
    assert_true(matches("/+", "/finance"));
    assert_false(matches("+", "/finance"));
    assert_true(matches("a/b", "a/b"));
    assert_false(matches("a/b", "a/B"));
    assert_false(matches("a/b", "a/b/"));
    assert_false(matches("a", "ab"));
}

static void topics_of_the_broker_match_no_wildcard_in_front(void **state)
{
    assert_false(matches("#", "$SYS/uptime"));
    assert_false(matches("+/uptime", "$SYS/uptime"));
    assert_true(matches("$SYS/#", "$SYS/uptime"));
    assert_true(matches("$SYS/+", "$SYS/uptime"));
}

static void filters_are_judged(void **state)
{
    const char *good[] = {"a", "/", "a/b", "+", "#", "+/tennis/#", "a/+/b", "$share/g/a", "$share/g/+/#", "$share/g//a", "a//b"};
    const char *bad[] = {"", "a#", "a/#/b", "a+", "a/+b", "#/a", "$share/g", "$share//a", "$share/g/", "$share/g+/a", "$share/g/a#"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!mqtt_filter_is_valid(slice_of(good[i])))
            fail_msg("%s is a filter", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mqtt_filter_is_valid(slice_of(bad[i])))
            fail_msg("%s is no filter", bad[i]);
    assert_false(mqtt_filter_is_valid(SLICE("a\0b")));
    assert_false(mqtt_filter_is_valid(SLICE("\xc3")));
}

static void a_shared_filter_lies_behind_its_group(void **state)
{
    assert_true(slice_is(mqtt_filter_shared(SLICE("$share/g/a/+")), SLICE("a/+")));
    assert_null(mqtt_filter_shared(SLICE("a/b")).at);
    assert_null(mqtt_filter_shared(SLICE("$share/g")).at);
}

static void topics_have_no_wildcards(void **state)
{
    char *longest = test_malloc(65536);
    memset(longest, 'x', 65536);
    assert_true(mqtt_topic_is_valid(SLICE("a/b")));
    assert_true(mqtt_topic_is_valid(slice_from(longest, 65535)));
    assert_false(mqtt_topic_is_valid(slice_from(longest, 65536)));
    assert_false(mqtt_topic_is_valid(SLICE("a/+")));
    assert_false(mqtt_topic_is_valid(SLICE("#")));
    assert_false(mqtt_topic_is_valid(SLICE("")));
    test_free(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_match),
        cmocka_unit_test(topics_of_the_broker_match_no_wildcard_in_front),
        cmocka_unit_test(filters_are_judged),
        cmocka_unit_test(a_shared_filter_lies_behind_its_group),
        cmocka_unit_test(topics_have_no_wildcards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
