/* The watchdog of loops: who blocks one is named, and nobody else. */
#include "kernel/loop/watchdog.c"
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct loop *loop;
static pthread_t thread;
static sem_t said, go_on;
static char lines[8][256];
static _Atomic uint32_t line_count;

static void hear(uint32_t level, const char *scope, struct trb_slice message)
{
    uint32_t i = atomic_load(&line_count);
    if (i >= 8 || strcmp(scope, SCOPE) != 0)
        return;
    snprintf(lines[i], sizeof lines[i], "%u %.*s", level, (int)message.len, message.at);
    atomic_store(&line_count, i + 1);
    sem_post(&said);
}

static void *run(void *unused)
{
    loop_run(loop);
    return NULL;
}

static int begin(void **state)
{
    struct trb_error err = {.size = sizeof err};
    loop = loop_create(0, &err);
    loop_set_all(&loop, 1);
    sem_init(&said, 0, 0);
    sem_init(&go_on, 0, 0);
    atomic_store(&line_count, 0);
    log_divert(hear, LOG_INFO);
    pthread_create(&thread, NULL, run, NULL);
    watchdog_start();
    return 0;
}

static int end(void **state)
{
    watchdog_stop();
    loop_stop(loop);
    pthread_join(thread, NULL);
    log_divert(NULL, 0);
    loop_set_all(NULL, 0);
    loop_destroy(loop);
    return 0;
}

static void block_inside(void *what)
{
    const char *before = doing_enter(what);
    sem_wait(&go_on);
    doing_leave(before);
}

static void a_loop_that_stays_inside_of_a_component_is_named_and_again_when_it_goes_on(void **state)
{
    loop_call(loop, block_inside, (void *)(uintptr_t)doing_name("orders", "state.slow"));
    sem_wait(&said);
    assert_string_equal(doing_name("orders", "state.slow"), loop_doing(loop));
    assert_non_null(strstr(lines[0], "loop 0 has been inside of orders (state.slow) for "));
    sem_post(&go_on);
    sem_wait(&said);
    assert_non_null(strstr(lines[1], "loop 0 goes on, after "));
    assert_null(loop_doing(loop));
}

static void one_that_blocks_in_our_own_code_or_sleeps_is_not_named(void **state)
{
    struct seen s = {.turn = loop_turn(loop), .since_ns = 1, .next_ns = TOO_LONG_NS};
    look_at(&s, loop, 0, 100 * CLOCK_S);               /* asleep, and nobody is in it */
    assert_int_equal(0, atomic_load(&line_count));
}

static void another_turn_begins_anew(void **state)
{
    struct seen s = {.turn = loop_turn(loop) - 1, .since_ns = 1, .next_ns = TOO_LONG_NS};
    look_at(&s, loop, 0, 100 * CLOCK_S);
    assert_int_equal(100 * CLOCK_S, s.since_ns);
    assert_int_equal(0, atomic_load(&line_count));
}

static void one_that_is_inside_of_a_component_when_the_watch_begins_has_its_time_too(void **state)
{
    struct trb_error err = {.size = sizeof err};
    loop = loop_create(0, &err);
    loop_set_all(&loop, 1);
    watchdog_start();
    pthread_mutex_lock(&dog.lock);
    struct seen first = dog.seen[0];
    pthread_mutex_unlock(&dog.lock);
    assert_int_equal(loop_turn(loop), first.turn);
    assert_true(first.since_ns > 0 && first.next_ns == TOO_LONG_NS);
    watchdog_stop();
    loop_set_all(NULL, 0);
    loop_destroy(loop);
}

static void the_same_words_are_kept_once(void **state)
{
    assert_ptr_equal(doing_name("a", "b"), doing_name("a", "b"));
    assert_ptr_not_equal(doing_name("a", "b"), doing_name("a", "c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_loop_that_stays_inside_of_a_component_is_named_and_again_when_it_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(one_that_blocks_in_our_own_code_or_sleeps_is_not_named, begin, end),
        cmocka_unit_test_setup_teardown(another_turn_begins_anew, begin, end),
        cmocka_unit_test(one_that_is_inside_of_a_component_when_the_watch_begins_has_its_time_too),
        cmocka_unit_test(the_same_words_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
