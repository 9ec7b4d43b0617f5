/* waking: requests that wait for each other, on one loop and across threads; what a gRPC answer adds. */
#include "request_fixture.h"
#include <pthread.h>

static struct trb_next park(struct trb_request *rq)
{
    hear("park;");
    return request_park(request_of(rq), TRB_GO(reply_ok));
}

static struct trb_next wait_for_body(struct trb_request *rq)
{
    hear("body;");
    return request_body_wait(request_of(rq), TRB_GO(reply_ok));
}

static struct trb_next gather_body(struct trb_request *rq)
{
    hear("gather;");
    return request_body_gather(request_of(rq), TRB_GO(reply_ok));
}

static void over(struct trb_request *rq, void *arg)
{
    hear("over %s;", (const char *)arg);
}

static struct request *with_body(void)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    return rq;
}

static void a_wait_for_the_body_ends_by_waking(void **state)
{
    struct request *rq = with_body();
    request_start(rq, TRB_GO(wait_for_body));
    request_wake(rq);
    run_queued();
    assert_string_equal(said.log, "body;step;whole 200 ok;ended;release;");
}

static void a_wait_for_the_whole_body_does_not(void **state)
{
    struct request *rq = with_body();
    request_start(rq, TRB_GO(gather_body));
    request_wake(rq);
    run_queued();
    assert_int_equal(rq->phase, REQUEST_PARKED);
    request_body_end(rq);
    assert_string_equal(said.log, "gather;step;whole 200 ok;ended;release;");
}

static void after_a_waking_the_body_wakes_nobody_twice(void **state)
{
    struct request *rq = with_body();
    request_pin(rq);
    request_start(rq, TRB_GO(wait_for_body));
    request_wake(rq);
    run_queued();
    request_body_feed(rq, data_of("late"));
    assert_int_equal(rq->phase, REQUEST_ENDED);
    request_unpin(rq);
}

static void the_end_is_told_once_however_it_comes(void **state)
{
    struct request *rq = born();
    rq->on_over = over;
    rq->on_over_arg = "a";
    request_start(rq, TRB_GO(reply_ok));
    assert_string_equal(said.log, "step;whole 200 ok;over a;ended;release;");
    rq = born();
    rq->on_over = over;
    rq->on_over_arg = "b";
    request_start(rq, TRB_GO(park));
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_string_equal(said.log, "park;over b;ended;release;");
}

/* ------------------------------------------------------------------------------------- another thread */
static struct request *parked;

static void *wake_and_unpin(void *arg)
{
    request_wake(parked);
    request_unpin_from_anywhere(parked);
    return NULL;
}

static void one_that_is_pinned_can_be_woken_from_another_thread(void **state)
{
    pthread_t thread;
    parked = born();
    request_pin(parked);
    request_start(parked, TRB_GO(park));
    pthread_create(&thread, NULL, wake_and_unpin, NULL);
    pthread_join(thread, NULL);
    assert_string_equal(said.log, "park;");
    run_queued();
    assert_string_equal(said.log, "park;step;whole 200 ok;ended;release;");
}

static void *wake(void *arg)
{
    request_wake(parked);
    return NULL;
}

static void an_unpin_on_its_own_loop_stays_behind_a_waking_that_is_under_way(void **state)
{
    pthread_t thread;
    parked = born();
    request_pin(parked);
    request_start(parked, TRB_GO(park));
    pthread_create(&thread, NULL, wake, NULL);
    pthread_join(thread, NULL);
    request_unpin_from_anywhere(parked);
    request_cancel(parked, TRB_WHY_CLIENT);
    assert_string_equal(said.log, "park;ended;");
    run_queued();
    assert_string_equal(said.log, "park;ended;release;");
}

/* ------------------------------------------------------------------------------- somebody's status */
static void door_status(struct request *rq, const struct trb_status *s)
{
    hear("status %d %.*s;", s->code, SLICE_ARG(s->message));
}

static struct trb_next pass_on(struct trb_request *rq)
{
    struct trb_status s = {.size = sizeof s, .code = 20, .message = SLICE("odd"), .body = {"x", 1, NULL}};
    request_set_trailer(request_of(rq), SLICE("Mark"), SLICE("1"));
    return request_reply_status(request_of(rq), &s);
}

static void a_status_is_passed_on_as_it_is_where_the_door_can_say_it(void **state)
{
    struct request_door grpc = door;
    struct request *rq = born();
    grpc.status = door_status;
    rq->door = &grpc;
    request_pin(rq);
    request_start(rq, TRB_GO(pass_on));
    assert_string_equal(said.log, "status 20 odd;ended;");
    assert_int_equal(rq->out.grpc_code, 20);
    assert_int_equal(rq->out.trailers.count, 1);
    request_unpin(rq);
}

static void over_http_it_is_the_status_of_the_table(void **state)
{
    struct request *rq = born();
    request_start(rq, TRB_GO(pass_on));
    assert_string_equal(said.log, "whole 500 x;ended;release;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_for_the_body_ends_by_waking),
        cmocka_unit_test(a_wait_for_the_whole_body_does_not),
        cmocka_unit_test(after_a_waking_the_body_wakes_nobody_twice),
        cmocka_unit_test(the_end_is_told_once_however_it_comes),
        cmocka_unit_test(an_unpin_on_its_own_loop_stays_behind_a_waking_that_is_under_way),
        cmocka_unit_test(one_that_is_pinned_can_be_woken_from_another_thread),
        cmocka_unit_test(a_status_is_passed_on_as_it_is_where_the_door_can_say_it),
        cmocka_unit_test(over_http_it_is_the_status_of_the_table),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
