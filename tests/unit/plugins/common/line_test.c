/* The life of one connection, with the test as the server and as the clock: answers that are late. */
#include "line_host.h"
#include <line/line.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define MS 1000000ull

static struct line *mine;
static uint64_t oldest_ns;                      /* since when somebody waits; 0: nobody */
static char lost[200];

static void dial(void *owner)
{
    struct trb_stream_target target = {.size = sizeof target, .host = SLICE("a"), .port = 1};
    line_connect(mine, &target, NULL);
}

static void connected(void *owner)
{
    line_up(mine);
}

static void readable(void *owner)
{
}

static void dropped(void *owner, const struct trb_error *err, bool was_up)
{
    snprintf(lost, sizeof lost, "%.199s", err->message);
    oldest_ns = 0;
}

static uint64_t waits_since(const void *owner)
{
    return oldest_ns;
}

static void ended(void *owner)
{
    mine = mem_free(mine);
}

static const struct line_ops ops = {.dial = dial, .connected = connected, .readable = readable, .dropped = dropped,
                                    .waits_since = waits_since, .ended = ended};

static void begin(uint64_t answer_ns)
{
    mine = mem_zero(sizeof *mine);
    lost[0] = 0;
    oldest_ns = 0;
    line_begin(mine, &(struct line_setup){.host = &line_host, .ops = &ops, .owner = mine, .product = "it", .place = "a:1",
                                          .greeting_ns = 1000 * MS, .silence = "silent", .min_rest_ns = MS, .max_rest_ns = MS,
                                          .answer_ns = answer_ns, .answer_option = "timeout"});
    line->events->connected(line->arg);
}

static int down(void **state)
{
    line_end(mine);
    return lines || timers_held;
}

static void ask(void)
{
    oldest_ns = oldest_ns ? oldest_ns : line_now_ns;
    line_watch(mine);
}

static void an_answer_that_does_not_come_loses_the_line(void **state)
{
    begin(100 * MS);
    ask();
    line_wait(99 * MS);
    assert_string_equal(lost, "");
    line_wait(MS);
    assert_string_equal(lost, "it a:1: no answer within 100 ms (timeout)");
}

static void whoever_waits_longest_has_all_of_his_time(void **state)
{
    begin(100 * MS);
    ask();
    line_wait(60 * MS);
    oldest_ns = 0;                              /* answered, and another asks */
    ask();
    line_wait(99 * MS);
    assert_string_equal(lost, "");
    line_wait(MS);
    assert_string_equal(lost, "it a:1: no answer within 100 ms (timeout)");
}

static void while_nobody_waits_nothing_is_watched(void **state)
{
    begin(100 * MS);
    ask();
    oldest_ns = 0;
    line_wait(100 * MS);
    assert_int_equal(timers_held, 0);
    assert_string_equal(lost, "");
}

static void without_a_limit_an_answer_takes_what_it_takes(void **state)
{
    begin(0);
    ask();
    assert_int_equal(timers_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_answer_that_does_not_come_loses_the_line, down),
        cmocka_unit_test_teardown(whoever_waits_longest_has_all_of_his_time, down),
        cmocka_unit_test_teardown(while_nobody_waits_nothing_is_watched, down),
        cmocka_unit_test_teardown(without_a_limit_an_answer_takes_what_it_takes, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
