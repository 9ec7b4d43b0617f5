/* A component in a process of its own: it answers as in ours; whatever happens to that process, only what it
 * had been asked is lost, and it is back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "apart.h"
#include <base/clock.h>
#include <errno.h>
#include <isolate/house.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct got {
    char value[256];
    trb_code code;
    char message[512], reason[64];
};

static struct asked asking(struct instance *i, const struct trb_state_get *q)
{
    return (struct asked){.instance = i, .verb = apart_verb("state", "get"), .question = q};
}

static struct got read_answer(struct asked *a)
{
    struct got got = {.code = TRB_OK};
    const struct trb_state_item *item = call_answer(a->call);
    const struct trb_error *err = call_failure(a->call);
    if (item && item->value.at)
        snprintf(got.value, sizeof got.value, "%.*s", (int)item->value.len, item->value.at);
    if (err) {
        got.code = err->code;
        snprintf(got.message, sizeof got.message, "%s", err->message);
        snprintf(got.reason, sizeof got.reason, "%s", err->reason);
    }
    driver_release(a);
    return got;
}

static struct got get(struct instance *i, const char *key)
{
    struct trb_pair pair = {NAME("who"), NAME("the child")};
    struct trb_state_get q = {.size = sizeof q, .key = name_of(key), .metadata = {&pair, 1, sizeof pair}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    return read_answer(&a);
}

static struct instance *up(const char *const *pairs)
{
    struct apart a = {.type = "state.crashing", .pairs = pairs};
    struct instance *i = apart_up(&a);
    if (!i)
        print_message("%s\n", a.err.message);
    assert_non_null(i);
    return i;
}

static void a_question_reaches_it_and_its_answer_comes_back(void **state)
{
    struct instance *i = up(NULL);
    assert_string_equal(get(i, "hello").value, "hello");
    struct got got = get(i, "absent");
    assert_int_equal(got.code, TRB_ABORTED);
    assert_string_equal(got.reason, "ETAG");
    assert_string_equal(got.message, "the word of the child");
    driver_retire(i);
}

static void a_large_value_goes_both_ways(void **state)
{
    struct instance *i = up(NULL);
    size_t len = 5u << 20;
    char *key = mem_alloc(len + 1);
    memset(key, 'k', len);
    key[len] = 0;
    struct trb_state_get q = {.size = sizeof q, .key = {key, len}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    const struct trb_state_item *item = call_answer(a.call);
    assert_non_null(item);
    assert_int_equal(item->value.len, len);
    assert_memory_equal(item->value.at, key, len);
    driver_release(&a);
    mem_free(key);
    driver_retire(i);
}

static void what_is_too_large_for_the_line_is_refused(void **state)
{
    struct instance *i = up(NULL);
    size_t len = 65u << 20;
    char *key = mem_zero(len + 1);
    struct trb_state_get q = {.size = sizeof q, .key = {key, len}};
    struct asked a = asking(i, &q);
    driver_ask(&a);
    assert_int_equal(read_answer(&a).code, TRB_EXHAUSTED);
    mem_free(key);
    assert_string_equal(get(i, "next").value, "next");
    driver_retire(i);
}

static void a_bulk_has_an_answer_or_an_error_per_item(void **state)
{
    struct instance *i = up(NULL);
    struct trb_state_get keys[] = {{.size = sizeof keys[0], .key = NAME("a")}, {.size = sizeof keys[0], .key = NAME("b")}};
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {keys, 2, sizeof keys[0]}};
    struct asked a = {.instance = i, .verb = apart_verb("state", "bulk_get"), .question = &q};
    driver_ask(&a);
    assert_int_equal(call_item_count(a.call), 2);
    const struct trb_state_item *first = call_item_at(a.call, 0)->answer;
    assert_memory_equal(first->value.at, "a", 1);
    assert_int_equal(call_item_at(a.call, 1)->failure->code, TRB_NOT_FOUND);
    driver_release(&a);
    driver_retire(i);
}

#define CROWD 300u

static void many_calls_of_all_loops_are_under_way_at_once(void **state)
{
    static struct asked crowd[CROWD];
    static struct trb_state_get q[CROWD];
    static char keys[CROWD][16];
    struct instance *i = up(NULL);
    for (uint32_t n = 0; n < CROWD; n++) {
        snprintf(keys[n], sizeof keys[n], "key%u", n);
        q[n] = (struct trb_state_get){.size = sizeof q[n], .key = name_of(keys[n])};
        crowd[n] = asking(i, &q[n]);
        driver_send(&crowd[n], n % DRIVER_LOOPS);
    }
    for (uint32_t n = 0; n < CROWD; n++) {
        driver_wait(&crowd[n]);
        assert_string_equal(read_answer(&crowd[n]).value, keys[n]);
    }
    driver_retire(i);
}

static void a_crash_loses_its_own_call_alone_and_it_is_back_at_once(void **state)
{
    static const char *const ways[] = {"crash", "exit", "garbage"};
    struct instance *i = up(NULL);
    for (uint32_t n = 0; n < 12; n++) {
        struct got got = get(i, ways[n % countof(ways)]);
        assert_int_equal(got.code, TRB_UNAVAILABLE);
        assert_string_equal(got.reason, "PROCESS_ENDED");
        assert_string_equal(get(i, "after").value, "after");
    }
    driver_retire(i);
}

static int by_size(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static void of_thousand_calls_each_hundredth_crashes_and_ten_fail(void **state)
{
    static const char *const pairs[] = {"every", "100", NULL};
    struct instance *i = up(pairs);
    double restarts[16] = {0};
    uint32_t failed = 0;
    for (uint32_t n = 1; n <= 1000; n++) {
        uint64_t began = clock_now_ns();
        bool was_lost = failed && (n - 1) % 100 == 0;
        struct got got = get(i, "it");
        if (was_lost)                      /* the first one after a crash waits for the new process */
            restarts[failed - 1] = (double)(clock_now_ns() - began) / 1e6;
        failed += got.code != TRB_OK;
        assert_int_equal(got.code, n % 100 ? TRB_OK : TRB_UNAVAILABLE);
    }
    assert_int_equal(failed, 10);
    qsort(restarts, 9, sizeof restarts[0], by_size);
    print_message("from the crash to the next answer: median %.1f ms, worst %.1f ms\n", restarts[4], restarts[8]);
    driver_retire(i);
}

static void one_that_is_killed_from_outside_is_back(void **state)
{
    struct instance *i = up(NULL);
    kill(container_of(i->component, struct house, component)->pid, SIGKILL);
    struct got got = get(i, "it");
    assert_true(got.code == TRB_OK || got.code == TRB_UNAVAILABLE);
    assert_string_equal(get(i, "it").value, "it");
    driver_retire(i);
}

static void one_that_hangs_is_ended_and_started_again(void **state)
{
    struct instance *i = up(NULL);
    struct got got = get(i, "hang");
    assert_int_equal(got.code, TRB_UNAVAILABLE);
    assert_string_equal(get(i, "after").value, "after");
    driver_retire(i);
}

static void a_start_that_fails_says_why(void **state)
{
    static const char *const pairs[] = {"start", "fail", NULL};
    struct apart a = {.type = "state.crashing", .pairs = pairs};
    assert_null(apart_up(&a));
    assert_string_equal(a.err.message, "told not to start");
    static const char *const crashes[] = {"start", "crash", NULL};
    a.pairs = crashes;
    assert_null(apart_up(&a));
    assert_non_null(strstr(a.err.message, "ended before it was up"));
    static const char *const hangs[] = {"start", "hang", NULL};
    a.pairs = hangs;
    a.init_timeout_ns = 300 * CLOCK_MS;
    assert_null(apart_up(&a));
    assert_int_equal(a.err.code, TRB_DEADLINE);
}

static void it_may_not_do_what_it_has_no_need_to(void **state)
{
    struct instance *i = up(NULL);
    char wanted[128];
    snprintf(wanted, sizeof wanted, "socket %d exec %d ptrace %d fork %d kill %d environment cleared", EPERM, EPERM, EPERM, EPERM,
             EPERM);
    assert_string_equal(get(i, "try").value, wanted);
    driver_retire(i);
}

static void its_limits_end_what_it_takes(void **state)
{
    struct apart a = {.type = "state.crashing", .limits = {.memory_bytes = 64u << 20, .descriptors = 64}};
    struct instance *i = apart_up(&a);
    assert_non_null(i);
    assert_non_null(strstr(get(i, "open").message, "refused after"));
#ifndef TRB_SANITIZED
    struct got got = get(i, "eat");
    assert_true(got.code == TRB_EXHAUSTED || got.code == TRB_UNAVAILABLE);
#endif
    assert_string_equal(get(i, "after").value, "after");
    driver_retire(i);
}

static void a_component_of_an_unknown_block_is_refused(void **state)
{
    struct trb_component other = {.size = sizeof other, .block = "nameresolution", .type = "nameresolution.it", .ops = &other};
    struct isolate_limits limits = {0};
    const struct trb_component *c;
    struct trb_error err = ERROR_INIT;
    assert_int_equal(isolate_component(NULL, &other, &limits, &c, &err), TRB_UNIMPLEMENTED);
    assert_non_null(strstr(err.message, "cannot be isolated"));
}

static int set_up(void **state)
{
    driver_start();
    return 0;
}

static int tear_down(void **state)
{
    driver_stop();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], ISOLATE_WORD))
        return isolate_child(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_reaches_it_and_its_answer_comes_back),
        cmocka_unit_test(a_large_value_goes_both_ways),
        cmocka_unit_test(what_is_too_large_for_the_line_is_refused),
        cmocka_unit_test(a_bulk_has_an_answer_or_an_error_per_item),
        cmocka_unit_test(many_calls_of_all_loops_are_under_way_at_once),
        cmocka_unit_test(a_crash_loses_its_own_call_alone_and_it_is_back_at_once),
        cmocka_unit_test(of_thousand_calls_each_hundredth_crashes_and_ten_fail),
        cmocka_unit_test(one_that_is_killed_from_outside_is_back),
        cmocka_unit_test(one_that_hangs_is_ended_and_started_again),
        cmocka_unit_test(a_start_that_fails_says_why),
        cmocka_unit_test(it_may_not_do_what_it_has_no_need_to),
        cmocka_unit_test(its_limits_end_what_it_takes),
        cmocka_unit_test(a_component_of_an_unknown_block_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
