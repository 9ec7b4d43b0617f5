/* Instances: promises are checked, options filled, start and stop answered, retiring waits for what is owed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/instance.c"
#include "house.h"

static void expect_refusal(const char *type, const char *sentence)
{
    struct instance *i = NULL;
    struct trb_error err = ERROR_INIT;
    assert_int_not_equal(try_up(type, &state_block, NULL, NULL, &i, &err), TRB_OK);
    assert_null(i);
    if (!strstr(err.message, sentence))
        give_up("%s was refused with: %s\n", type, err.message);
}

static void wrong_manifests_are_refused_in_words(void **state)
{
    expect_refusal("state.wrong-no-verb", "lacks the mandatory verb remove");
    expect_refusal("state.wrong-promise", "promises TRANSACTIONAL and has no verb transact to keep it");
    expect_refusal("state.wrong-block", "is a component of pubsub, not of state");
    expect_refusal("state.wrong-no-start", "lacks start, stop");
    expect_refusal("state.wrong-default", "the default 'perhaps' of its option flag is not accepted");
}

static void a_failed_start_tells_why_and_is_stopped_all_the_same(void **state)
{
    struct instance *i = NULL;
    struct trb_error err = ERROR_INIT;
    assert_int_equal(try_up("state.hostile", &state_block, "failStart", "true", &i, &err), TRB_UNAVAILABLE);
    assert_string_equal(err.message, "it was told to fail");
    assert_int_equal(atomic_load(&i->state), INSTANCE_FAILED);
    down(i);
}

static void a_wrong_option_is_refused_with_its_name(void **state)
{
    struct instance *i = NULL;
    struct trb_error err = ERROR_INIT;
    assert_int_equal(try_up("state.hostile", &state_block, "how", "nicely", &i, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, "how: 'nicely' is not accepted"));
    assert_null(i);
}

static void on_loops_there_is_one_self_each_and_else_one(void **state)
{
    struct instance *one = up("state.hostile-on-loop", &state_block, NULL, NULL);
    struct instance *two = up("state.hostile-on-one-loop", &state_block, NULL, NULL);
    assert_int_equal(one->origin_count, LOOPS);
    assert_int_equal(two->origin_count, 1);
    assert_ptr_equal(instance_origin(one, loops[2])->loop, loops[2]);
    assert_ptr_equal(instance_origin(two, loops[2])->loop, loops[0]);
    down(one);
    down(two);
}

static void retiring_waits_for_the_last_answer(void **state)
{
    struct instance *i = up("state.hostile", &state_block, "how", "never");
    struct client c;
    struct going g = {.instance = i};
    char story[200];
    client_ask(&c, i, "mine", NULL, 1);
    sem_init(&g.over, 0, 0);
    run_on(0, bring_down, &g);
    instance_story(i, story, sizeof story);
    assert_non_null(strstr(story, "1 call"));
    assert_int_equal(sem_trywait(&g.over), -1);
    release_all(i);
    await(&c.over);
    assert_string_equal(c.value, "late");
    await(&g.over);
}

static void retiring_waits_for_a_worker_that_has_answered_and_not_returned(void **state)
{
    struct instance *i = up("state.hostile-on-workers", &state_block, NULL, NULL);
    struct client c;
    struct going g = {.instance = i};
    char story[200];
    client_get(&c, i, "mine", "linger", 1);
    sem_init(&g.over, 0, 0);
    run_on(0, bring_down, &g);
    instance_story(i, story, sizeof story);
    assert_non_null(strstr(story, "0 calls, 0 buffers, 1 other"));
    assert_int_equal(atomic_load(&i->state), INSTANCE_DRAINING);
    release_all(i);
    await(&g.over);
}

static void a_hundred_come_and_go(void **state)
{
    for (uint32_t n = 0; n < 100; n++) {
        struct instance *i = up(n % 2 ? "state.hostile-on-loop" : "state.hostile-on-workers", &state_block, NULL, NULL);
        struct client c;
        client_get(&c, i, "mine", NULL, n % LOOPS);
        assert_string_equal(c.value, "mine");
        assert_int_equal(instance_count(), 1);
        down(i);
        assert_int_equal(instance_count(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_manifests_are_refused_in_words),
        cmocka_unit_test(a_failed_start_tells_why_and_is_stopped_all_the_same),
        cmocka_unit_test(a_wrong_option_is_refused_with_its_name),
        cmocka_unit_test(on_loops_there_is_one_self_each_and_else_one),
        cmocka_unit_test(retiring_waits_for_the_last_answer),
        cmocka_unit_test(retiring_waits_for_a_worker_that_has_answered_and_not_returned),
        cmocka_unit_test(a_hundred_come_and_go),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
