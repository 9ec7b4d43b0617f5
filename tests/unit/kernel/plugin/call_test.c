/* One question, one answer, whatever the plugin does: twice, never, late, elsewhere, after cancel. No
 * client ever sees an answer that was meant for another. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/call.c"
#include "house.h"

static const char *const ways[] = {"state.hostile", "state.hostile-on-loop", "state.hostile-on-one-loop",
                                   "state.hostile-on-workers"};

static void an_answer_reaches_its_asker_in_every_way_to_run(void **state)
{
    for (size_t w = 0; w < countof(ways); w++) {
        struct instance *i = up(ways[w], &state_block, NULL, NULL);
        for (uint32_t l = 0; l < LOOPS; l++) {
            struct client c;
            client_get(&c, i, "mine", NULL, l);
            assert_string_equal(c.value, "mine");
            assert_int_equal(c.answers, 1);
        }
        assert_int_equal(atomic_load(&i->misbehaved), 0);
        down(i);
    }
}

static void a_second_answer_is_counted_and_dropped(void **state)
{
    static const char *const hows[] = {"twice", "fail-after-done", "item-after-done", "thread-twice", "two-threads"};
    for (size_t h = 0; h < countof(hows); h++) {
        struct instance *i = up("state.hostile", &state_block, NULL, NULL);
        struct client c;
        client_get(&c, i, "mine", hows[h], 1);
        assert_string_equal(c.value, "mine");
        assert_false(c.failed);
        /* What follows comes behind the second answer of the same thread; other threads end with stop. */
        client_get(&c, i, "next", NULL, 1);
        assert_string_equal(c.value, "next");
        if (strstr(hows[h], "thread") == NULL)
            assert_int_equal(atomic_load(&i->misbehaved), 1);
        down(i);
    }
}

#define CROWD 600u

static void nobody_sees_an_answer_that_was_given_again_later(void **state)
{
    static struct client crowd[CROWD];
    char key[32];
    struct instance *i = up("state.hostile", &state_block, NULL, NULL);
    for (uint32_t n = 0; n < 50; n++) {
        client_get(&crowd[0], i, "early", "late-again", n % LOOPS);
        assert_string_equal(crowd[0].value, "early");
    }
    for (uint32_t n = 0; n < CROWD; n++) {
        snprintf(key, sizeof key, "key%u", n);
        client_ask(&crowd[n], i, key, n % 2 ? "thread" : "never", n % LOOPS);
    }
    /* Fifty spent tokens and three hundred owed ones are redeemed now, all with the word "late". */
    release_all(i);
    for (uint32_t n = 0; n < CROWD; n++) {
        await(&crowd[n].over);
        snprintf(key, sizeof key, "key%u", n);
        assert_string_equal(crowd[n].value, n % 2 ? key : "late");
        assert_int_equal(crowd[n].answers, 1);
    }
    assert_int_equal(atomic_load(&i->misbehaved), 50);
    down(i);
}

static void everybody_misbehaves_at_once_and_each_client_gets_its_own(void **state)
{
    static const char *const hows[] = {"good", "twice", "thread", "thread-twice", "two-threads", "fail-after-done",
                                       "item-after-done", "late-again", "short-answer", "long-answer"};
    static struct client crowd[CROWD];
    char key[32];
    for (size_t w = 0; w < countof(ways); w++) {
        struct instance *i = up(ways[w], &state_block, NULL, NULL);
        for (uint32_t n = 0; n < CROWD; n++) {
            snprintf(key, sizeof key, "key%u", n);
            client_ask(&crowd[n], i, key, hows[n % countof(hows)], n % LOOPS);
        }
        release_all(i);
        for (uint32_t n = 0; n < CROWD; n++) {
            await(&crowd[n].over);
            snprintf(key, sizeof key, "key%u", n);
            assert_string_equal(crowd[n].value, key);
            assert_int_equal(crowd[n].answers, 1);
        }
        assert_true(atomic_load(&i->misbehaved) > 0);
        down(i);
    }
}

static void an_abandoned_call_is_owed_until_its_late_answer(void **state)
{
    struct instance *i = up("state.hostile", &state_block, "how", "never");
    struct client c;
    char story[200];
    client_ask(&c, i, "mine", NULL, 2);
    client_abandon(&c);
    assert_false(c.is_settled);
    instance_story(i, story, sizeof story);
    assert_non_null(strstr(story, "state.hostile stays: 1 call, 0 buffers"));
    release_all(i);
    await(&c.over);
    assert_true(c.is_settled);
    assert_int_equal(c.answers, 0);
    assert_int_equal(atomic_load(&i->misbehaved), 0);
    down(i);
}

static void an_answer_inside_of_cancel_settles_the_call(void **state)
{
    struct instance *i = up("state.hostile", &state_block, "how", "after-cancel");
    struct client c;
    client_ask(&c, i, "mine", NULL, 1);
    client_abandon(&c);
    await(&c.over);
    assert_true(c.is_settled);
    /* It also kept the token, and answers it once more. */
    release_all(i);
    assert_int_equal(atomic_load(&i->misbehaved), 1);
    down(i);
}

static void abandon_at_once(void *arg)
{
    ask_there(arg);
    abandon_there(arg);
}

static void abandoning_in_the_turn_of_the_answer_settles_without_a_cancel(void **state)
{
    struct instance *i = up("state.hostile", &state_block, "how", "after-cancel");
    struct client c;
    client_prepare(&c, i, "mine", "good", 1);
    run_on(1, abandon_at_once, &c);
    await(&c.over);
    assert_true(c.is_settled);
    assert_int_equal(atomic_load(&i->misbehaved), 0);
    down(i);
}

static void a_failure_without_an_error_is_unknown(void **state)
{
    struct instance *i = up("state.hostile", &state_block, NULL, NULL);
    struct client c;
    client_get(&c, i, "mine", "no-error", 0);
    assert_true(c.failed);
    assert_int_equal(c.failure.code, TRB_UNKNOWN);
    client_get(&c, i, "mine", "bad-error", 0);
    assert_true(c.failed);
    assert_int_equal(strlen(c.failure.message), sizeof c.failure.message - 1);
    assert_int_equal(strlen(c.failure.reason), sizeof c.failure.reason - 1);
    down(i);
}

static void answers_of_another_size_are_read_as_far_as_they_go(void **state)
{
    struct instance *i = up("state.hostile", &state_block, NULL, NULL);
    struct client c;
    client_get(&c, i, "older", "short-answer", 0);
    assert_string_equal(c.value, "older");
    client_get(&c, i, "newer", "long-answer", 0);
    assert_string_equal(c.value, "newer");
    down(i);
}

static void an_item_counts_once_and_a_mad_index_not_at_all(void **state)
{
    struct instance *i = up("state.hostile", &state_block, NULL, NULL);
    struct client c;
    client_get(&c, i, "mine", "odd-items", 0);
    assert_int_equal(c.items, 4);
    assert_false(c.failed);
    down(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_reaches_its_asker_in_every_way_to_run),
        cmocka_unit_test(a_second_answer_is_counted_and_dropped),
        cmocka_unit_test(nobody_sees_an_answer_that_was_given_again_later),
        cmocka_unit_test(everybody_misbehaves_at_once_and_each_client_gets_its_own),
        cmocka_unit_test(an_abandoned_call_is_owed_until_its_late_answer),
        cmocka_unit_test(an_answer_inside_of_cancel_settles_the_call),
        cmocka_unit_test(abandoning_in_the_turn_of_the_answer_settles_without_a_cancel),
        cmocka_unit_test(a_failure_without_an_error_is_unknown),
        cmocka_unit_test(answers_of_another_size_are_read_as_far_as_they_go),
        cmocka_unit_test(an_item_counts_once_and_a_mad_index_not_at_all),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
