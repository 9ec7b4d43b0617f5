/* app-max-concurrency: who goes on, who waits, and who has left the queue. */
#include "../request/request_fixture.h"
#include "kernel/channel/slots.c"

static struct channel_setup setup = {.app_slots = 1};

const struct channel_setup *channel_setup(void)
{
    return &setup;
}

void outgoing_start_app(struct outgoing *o)
{
    hear("start %zu;", o->max);                /* a number of the test's own */
}

static struct outgoing outs[3];

static struct outgoing *out(size_t number, uint32_t flags)
{
    struct outgoing *o = &outs[number];
    *o = (struct outgoing){.question = {.to = TRB_TO_APP, .flags = flags}, .max = number, .is_running = true};
    struct request_birth birth = {.loop = loop, .arena = arena_create(1 << 20), .door = &door};
    o->rq = request_create(&birth);
    return o;
}

static void end(struct outgoing *o)
{
    o->is_running = false;
    app_slot_give(o);
}

static void end_all(void)
{
    for (size_t i = 0; i < countof(outs); i++) {
        end(&outs[i]);
        run_queued();
    }
    for (size_t i = 0; i < countof(outs); i++) {
        assert_int_equal(outs[i].rq->pins, 1);
        request_cancel(outs[i].rq, TRB_WHY_CLIENT);
    }
    assert_int_equal(taken, 0);
    assert_true(list_is_empty(&waiting));
}

static void calls_beyond_the_limit_wait_and_have_their_turn_in_order(void **state)
{
    memset(&said, 0, sizeof said);
    assert_true(app_slot_take(out(0, 0)));
    assert_false(app_slot_take(out(1, 0)));
    assert_false(app_slot_take(out(2, 0)));
    run_queued();
    assert_string_equal(said.log, "");
    end(&outs[0]);
    run_queued();
    assert_string_equal(said.log, "start 1;");
    end(&outs[1]);
    run_queued();
    assert_string_equal(said.log, "start 1;start 2;");
    end_all();
}

static void who_gives_up_leaves_the_queue(void **state)
{
    memset(&said, 0, sizeof said);
    assert_true(app_slot_take(out(0, 0)));
    assert_false(app_slot_take(out(1, 0)));
    assert_false(app_slot_take(out(2, 0)));
    end(&outs[1]);
    assert_int_equal(outs[1].rq->pins, 1);
    end(&outs[0]);
    run_queued();
    assert_string_equal(said.log, "start 2;");
    end_all();
}

static void a_turn_that_comes_too_late_goes_on_to_the_next(void **state)
{
    memset(&said, 0, sizeof said);
    assert_true(app_slot_take(out(0, 0)));
    assert_false(app_slot_take(out(1, 0)));
    assert_false(app_slot_take(out(2, 0)));
    end(&outs[0]);                             /* its letter is under way to the second … */
    end(&outs[1]);                             /* … who leaves meanwhile */
    run_queued();
    assert_string_equal(said.log, "start 2;");
    end_all();
}

static void giving_twice_gives_once(void **state)
{
    memset(&said, 0, sizeof said);
    assert_true(app_slot_take(out(0, 0)));
    end(&outs[0]);
    end(&outs[0]);
    assert_int_equal(taken, 0);
    assert_true(app_slot_take(out(1, 0)));
    assert_false(app_slot_take(out(2, 0)));
    end_all();
}

static void probes_and_calls_elsewhere_need_no_slot(void **state)
{
    assert_true(app_slot_take(out(0, 0)));
    assert_true(app_slot_take(out(1, TRB_OUT_NO_SLOT)));
    out(2, 0)->question.to = TRB_TO_PEER;
    assert_true(app_slot_take(&outs[2]));
    assert_int_equal(taken, 1);
    end_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_beyond_the_limit_wait_and_have_their_turn_in_order),
        cmocka_unit_test(who_gives_up_leaves_the_queue),
        cmocka_unit_test(a_turn_that_comes_too_late_goes_on_to_the_next),
        cmocka_unit_test(giving_twice_gives_once),
        cmocka_unit_test(probes_and_calls_elsewhere_need_no_slot),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
