/* Tokens: how long a spent one is left alone, so that a second answer meets it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/slot.c"

static struct instance instance;
static struct slot_home *home;

static int prepare(void **state)
{
    memset(&instance, 0, sizeof instance);
    home = instance.slots = slot_home_create(&instance);
    return 0;
}

static int clean_up(void **state)
{
    atomic_store(&instance.misbehaved, 0);
    slot_home_destroy(home);
    return 0;
}

static struct slot *spent_at(uint64_t now_ns)
{
    struct slot *s = unspent(home, now_ns);
    lay_aside(home, s, now_ns);
    return s;
}

static void a_spent_token_is_left_alone_for_a_minute(void **state)
{
    struct slot *first = spent_at(CLOCK_S);
    assert_ptr_not_equal(unspent(home, 61 * CLOCK_S), first);
    assert_ptr_equal(unspent(home, 61 * CLOCK_S + 1), first);
}

static void a_busy_component_gets_its_tokens_back_after_a_second(void **state)
{
    struct slot *first = spent_at(CLOCK_S);
    for (uint32_t n = 0; n < SPENT_ENOUGH; n++)
        lay_aside(home, fresh_slot(home), CLOCK_S);
    assert_ptr_not_equal(unspent(home, 2 * CLOCK_S), first);
    assert_ptr_equal(unspent(home, 2 * CLOCK_S + 1), first);
}

static void after_a_breach_it_is_ten_minutes_however_busy(void **state)
{
    struct slot *first = spent_at(CLOCK_S);
    for (uint32_t n = 0; n < SPENT_ENOUGH; n++)
        lay_aside(home, fresh_slot(home), CLOCK_S);
    atomic_store(&instance.misbehaved, 1);
    assert_ptr_not_equal(unspent(home, 601 * CLOCK_S), first);
    assert_ptr_equal(unspent(home, 601 * CLOCK_S + 1), first);
}

static void the_oldest_comes_back_first(void **state)
{
    struct slot *first = spent_at(CLOCK_S), *second = spent_at(2 * CLOCK_S);
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(unspent(home, 100 * CLOCK_S), first);
    assert_ptr_equal(unspent(home, 100 * CLOCK_S), second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_spent_token_is_left_alone_for_a_minute, prepare, clean_up),
        cmocka_unit_test_setup_teardown(a_busy_component_gets_its_tokens_back_after_a_second, prepare, clean_up),
        cmocka_unit_test_setup_teardown(after_a_breach_it_is_ten_minutes_however_busy, prepare, clean_up),
        cmocka_unit_test_setup_teardown(the_oldest_comes_back_first, prepare, clean_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
