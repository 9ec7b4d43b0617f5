/* The engine: pauses, cancels and pins of one request, and tasks. */
#include "request_fixture.h"
#include "kernel/request/steps.c"

static uint32_t told;                          /* why, by the hook of an await */

static void on_cancel(struct request *rq, void *arg, uint32_t why)
{
    told = why;
    hear("hook;");
}

static struct trb_next wait(struct trb_request *public_)
{
    hear("wait;");
    return request_await(request_of(public_), TRB_GO(reply_ok), on_cancel, NULL);
}

static struct trb_next wait_and_answer_at_once(struct trb_request *public_)
{
    struct request *rq = request_of(public_);
    struct trb_next next = request_await(rq, TRB_GO(reply_ok), on_cancel, NULL);
    request_resume(rq);
    return next;
}

static struct trb_next say_nothing(struct trb_request *public_)
{
    return request_over();
}

static struct trb_next say_half(struct trb_request *public_)
{
    request_reply_head(request_of(public_), 200, -1);
    return request_over();
}

static void a_step_that_waits_goes_on_where_it_said(void **state)
{
    struct request *rq = born();
    request_start(rq, TRB_GO(wait));
    assert_int_equal(rq->phase, REQUEST_PARKED);
    request_resume(rq);
    assert_string_equal(said.log, "wait;step;whole 200 ok;ended;release;");
}

static void an_answer_that_comes_inside_of_the_step_counts(void **state)
{
    request_start(born(), TRB_GO(wait_and_answer_at_once));
    assert_string_equal(said.log, "step;whole 200 ok;ended;release;");
}

static void a_second_resume_moves_nothing(void **state)
{
    struct request *rq = born();
    request_pin(rq);
    request_start(rq, TRB_GO(wait));
    request_resume(rq);
    request_resume(rq);
    request_resume_with(rq, TRB_GO(wait));
    assert_string_equal(said.log, "wait;step;whole 200 ok;ended;");
    request_unpin(rq);
}

static void a_client_that_has_gone_hears_nothing_and_what_waits_is_told(void **state)
{
    struct request *rq = born();
    told = 0;
    request_start(rq, TRB_GO(wait));
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_int_equal(told, TRB_WHY_CLIENT);
    assert_string_equal(said.log, "wait;hook;ended;release;");
}

static void a_request_can_be_cancelled_before_its_first_step(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, 10, 0, false);
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_string_equal(said.log, "ended;release;");
}

static void what_is_answered_but_not_yet_run_is_cancelled_without_its_hook(void **state)
{
    struct request *rq = born();
    told = 0;
    request_start(rq, TRB_GO(wait));
    rq->home->depth++;                         /* another request's step is on the stack */
    request_resume(rq);
    rq->home->depth--;
    request_cancel(rq, TRB_WHY_CLIENT);
    run_queued();
    assert_int_equal(told, 0);
    assert_string_equal(said.log, "wait;ended;release;");
}

static void a_deadline_is_told_to_the_client(void **state)
{
    struct request *rq = born();
    told = 0;
    request_set_deadline(rq, clock_now_ns());
    request_start(rq, TRB_GO(wait));
    run_queued();
    assert_int_equal(told, TRB_WHY_DEADLINE);
    assert_string_equal(said.log, "wait;expire;hook;ended;release;");
}

static struct trb_next begin_and_wait(struct trb_request *public_)
{
    request_reply_head(request_of(public_), 200, -1);
    return wait(public_);
}

static void an_answer_that_has_begun_is_cut_by_the_deadline(void **state)
{
    struct request *rq = born();
    request_set_deadline(rq, clock_now_ns());
    request_start(rq, TRB_GO(begin_and_wait));
    run_queued();
    assert_string_equal(said.log, "head 200 -1;wait;cut;hook;ended;release;");
}

static void a_late_answer_touches_the_pinned_request_and_moves_nothing(void **state)
{
    struct request *rq = born();
    request_pin(rq);
    request_start(rq, TRB_GO(wait));
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_int_equal(request_pinned_count(), 1);
    request_resume(rq);
    assert_int_equal(request_reply(rq, 200, data_of("late")).kind, TRB_NEXT_END);
    assert_string_equal(said.log, "wait;hook;ended;");
    request_unpin(rq);
    assert_string_equal(said.log, "wait;hook;ended;release;");
    assert_int_equal(request_pinned_count(), 0);
}

static void a_block_that_forgets_to_answer_answers_500(void **state)
{
    request_start(born(), TRB_GO(say_nothing));
    assert_string_equal(said.log, "refuse ERR_INTERNAL;ended;release;");
    request_start(born(), TRB_GO(say_half));
    assert_string_equal(said.log, "head 200 -1;cut;ended;release;");
}

static struct trb_next sleep_long(struct trb_request *public_)
{
    return request_sleep(request_of(public_), 3600 * CLOCK_S, TRB_GO(reply_ok));
}

static void a_sleep_ends_by_waking_and_by_cancelling(void **state)
{
    struct request *rq = born();
    request_start(rq, TRB_GO(sleep_long));
    request_wake(rq);
    run_queued();
    assert_string_equal(said.log, "step;whole 200 ok;ended;release;");
    rq = born();
    request_start(rq, TRB_GO(sleep_long));
    request_cancel(rq, TRB_WHY_DRAINING);
    assert_string_equal(said.log, "expire;ended;release;");
}

static void waking_does_nothing_to_who_waits_for_else(void **state)
{
    struct request *rq = born();
    request_start(rq, TRB_GO(wait));
    request_wake(rq);
    run_queued();
    assert_int_equal(rq->phase, REQUEST_PARKED);
    request_cancel(rq, TRB_WHY_CLIENT);
}

static void note_ending(struct request *rq, void *arg)
{
    hear("%s;", (const char *)arg);
}

static void endings_run_last_added_first_and_before_the_memory_goes(void **state)
{
    struct request *rq = born();
    struct request_ending first, second;
    request_at_end(rq, &first, note_ending, "first");
    request_at_end(rq, &second, note_ending, "second");
    request_start(rq, TRB_GO(reply_ok));
    assert_string_equal(said.log, "step;whole 200 ok;ended;second;first;release;");
}

static struct trb_next count_task(struct trb_request *public_)
{
    ++*(int *)request_of(public_)->task_arg;
    return request_over();
}

static void a_task_runs_from_the_queue(void **state)
{
    static struct request_owner owner;
    int runs = 0;
    request_task_create(loop, &owner, TRB_GO(count_task), &runs);
    assert_int_equal(runs, 0);
    assert_int_equal(request_count(), 1);
    run_queued();
    assert_int_equal(runs, 1);
    assert_int_equal(request_count(), 0);
}

static void all_of_a_loop_are_cancelled_even_when_one_ends_another(void **state)
{
    struct request *one = born(), *two = born();
    request_start(one, TRB_GO(wait));
    request_start(two, TRB_GO(wait));
    request_cancel_all(loop, TRB_WHY_DRAINING);
    assert_int_equal(request_count(), 0);
    assert_string_equal(said.log, "wait;wait;expire;hook;ended;release;expire;hook;ended;release;");
}

static void the_trail_tells_the_steps(void **state)
{
    char text[200];
    struct request *rq = born();
    request_start(rq, TRB_GO(wait));
    request_trail_text(rq, text, sizeof text);
    assert_int_equal(strncmp(text, "wait ", 5), 0);
    assert_int_equal(request_trail_text(rq, text, 4), 3);
    request_resume(rq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_that_waits_goes_on_where_it_said),
        cmocka_unit_test(an_answer_that_comes_inside_of_the_step_counts),
        cmocka_unit_test(a_second_resume_moves_nothing),
        cmocka_unit_test(a_client_that_has_gone_hears_nothing_and_what_waits_is_told),
        cmocka_unit_test(a_request_can_be_cancelled_before_its_first_step),
        cmocka_unit_test(what_is_answered_but_not_yet_run_is_cancelled_without_its_hook),
        cmocka_unit_test(a_deadline_is_told_to_the_client),
        cmocka_unit_test(an_answer_that_has_begun_is_cut_by_the_deadline),
        cmocka_unit_test(a_late_answer_touches_the_pinned_request_and_moves_nothing),
        cmocka_unit_test(a_block_that_forgets_to_answer_answers_500),
        cmocka_unit_test(a_sleep_ends_by_waking_and_by_cancelling),
        cmocka_unit_test(waking_does_nothing_to_who_waits_for_else),
        cmocka_unit_test(endings_run_last_added_first_and_before_the_memory_goes),
        cmocka_unit_test(a_task_runs_from_the_queue),
        cmocka_unit_test(all_of_a_loop_are_cancelled_even_when_one_ends_another),
        cmocka_unit_test(the_trail_tells_the_steps),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
