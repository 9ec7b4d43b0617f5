/* One connection to Redis, with the test as its server: what is asked while it is away. */
#include "line_host.h"
#include <base/error.h>
#include <redis/link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define MS 1000000ull

static struct redis_config config;
static struct redis_link *link_;
static uint32_t answers, refusals;
static char why[512];

static void on_up(void *arg)
{
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
}

static void on_answer(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    answers += reply != NULL;
    refusals += err != NULL;
    snprintf(why, sizeof why, "%s", err ? err->message : "");
}

static int up(void **state)
{
    struct redis_link_setup setup = {.host = &line_host, .config = &config, .address = {.host = "a", .port = 1},
                                     .up = on_up, .down = on_down};
    config = (struct redis_config){.min_retry_ns = 8 * (int64_t)MS, .max_retry_ns = 512 * (int64_t)MS,
                                   .dial_timeout_ns = 5000 * (int64_t)MS};
    answers = refusals = lines_dialled = 0;
    link_ = redis_link_create(&setup);
    return 0;
}

static int down(void **state)
{
    link_ = redis_link_destroy(link_);
    text_fini(&line_sent);
    return lines || timers_held;
}

static void ask(const char *word)
{
    struct redis_wish w = {.answered = on_answer};
    redis_link_ask(link_, &w, (struct trb_data[]){redis_text(word)}, 1);
}

static void answer(const char *bytes)
{
    line_feed_to(line, slice_of(bytes));
}

static void greet(void)
{
    line->events->connected(line->arg);
    answer("+PONG\r\n");
}

static void refuse(trb_code code)
{
    struct trb_error err = {0};
    trb_error(&err, code, "CONNECTION", "connection refused");
    line->events->closed(line->arg, &err);
}

/* It was up, is lost, and has been refused often enough to rest for long. */
static void rest_long(void)
{
    greet();
    refuse(TRB_UNAVAILABLE);
    for (uint32_t pause = 8; pause <= 256; pause *= 2) {
        refuse(TRB_UNAVAILABLE);
        line_wait(8 * MS);
        line_wait((pause - 8) * MS);
        assert_non_null(line);
    }
    refuse(TRB_UNAVAILABLE);
    assert_null(line);
}

static void whoever_asks_a_server_that_refused_ends_the_rest_and_is_answered(void **state)
{
    rest_long();
    line_wait(8 * MS);
    ask("GET");
    assert_non_null(line);
    assert_int_equal(refusals, 0);
    greet();
    answer("+OK\r\n");
    assert_int_equal(answers, 1);
}

static void what_is_asked_together_is_refused_together(void **state)
{
    rest_long();
    ask("MULTI");
    line_now_ns += 100 * MS;
    ask("EXEC");
    assert_int_equal(refusals, 2);
    assert_string_equal(why, "redis a: connection refused");
    assert_null(line);
}

static void what_is_asked_together_waits_together_and_is_told_together(void **state)
{
    rest_long();
    line_wait(8 * MS);
    ask("MULTI");
    ask("EXEC");
    assert_int_equal(refusals, 0);
    refuse(TRB_UNAVAILABLE);
    assert_int_equal(refusals, 2);
}

static void nobody_waits_for_a_server_that_is_silent(void **state)
{
    greet();
    refuse(TRB_UNAVAILABLE);
    line->events->connected(line->arg);
    line_wait(5000 * MS);
    line_wait(8 * MS);
    assert_non_null(line);
    ask("GET");
    assert_int_equal(refusals, 1);
    line->events->connected(line->arg);
    line_wait(5000 * MS);
    line_wait(8 * MS);
    ask("GET");
    assert_int_equal(refusals, 2);
    assert_null(line);
}

static void a_server_that_denies_us_is_not_asked_more_often_for_that(void **state)
{
    greet();
    refuse(TRB_UNAVAILABLE);
    line->events->connected(line->arg);
    answer("-WRONGPASS no\r\n");
    line_wait(8 * MS);
    line->events->connected(line->arg);
    answer("-WRONGPASS no\r\n");
    line_wait(8 * MS);
    ask("GET");
    assert_int_equal(refusals, 1);
    assert_null(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whoever_asks_a_server_that_refused_ends_the_rest_and_is_answered, up, down),
        cmocka_unit_test_setup_teardown(what_is_asked_together_is_refused_together, up, down),
        cmocka_unit_test_setup_teardown(what_is_asked_together_waits_together_and_is_told_together, up, down),
        cmocka_unit_test_setup_teardown(nobody_waits_for_a_server_that_is_silent, up, down),
        cmocka_unit_test_setup_teardown(a_server_that_denies_us_is_not_asked_more_often_for_that, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
