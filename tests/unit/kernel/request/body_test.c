/* Bodies: gathered whole or taken piece by piece, with limits, and the sender's window. */
#include "request_fixture.h"
#include "kernel/request/body.c"

static struct trb_data owned(const char *text)
{
    return buf_data(buf_copy(slice_of(text)));
}

static void feed(struct request *rq, const char *text)
{
    request_body_feed(rq, data_of(text));
}

static void finish_request(struct request *rq)
{
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_string_equal(said.log, "ended;release;");
}

static void a_whole_body_is_gathered_and_consumed_as_it_comes(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, 5, 0, false);
    assert_false(request_body_is_whole(rq));
    feed(rq, "he");
    feed(rq, "llo");
    assert_int_equal(said.consumed, 5);
    request_body_end(rq);
    assert_true(request_body_is_whole(rq));
    assert_int_equal(request_body(rq).len, 5);
    assert_memory_equal(request_body(rq).at, "hello", 5);
    assert_non_null(request_body(rq).owner);
    finish_request(rq);
}

static void a_body_that_comes_in_one_buffer_is_not_copied(void **state)
{
    struct request *rq = born();
    struct trb_data whole = owned("hello");
    request_body_begin(rq, BODY_WHOLE, 5, 0, false);
    request_body_feed(rq, whole);
    buf_unref(whole.owner);
    request_body_end(rq);
    assert_ptr_equal(request_body(rq).at, whole.at);
    finish_request(rq);
}

static void no_body_is_an_empty_one_with_an_owner(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, HTTP_NO_BODY, 0, false);
    assert_true(request_body_is_whole(rq));
    assert_int_equal(request_body(rq).len, 0);
    assert_non_null(request_body(rq).owner);
    finish_request(rq);
}

static void an_announced_length_beyond_the_limit_is_a_fault_at_once(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, 11, 10, false);
    assert_true(request_body_is_whole(rq));
    assert_string_equal(rq->body.fault, "stream too large");
    feed(rq, "what still comes");
    assert_int_equal(said.consumed, 16);
    assert_int_equal(request_body(rq).len, 0);
    finish_request(rq);
}

static void the_limit_itself_is_allowed(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, HTTP_LENGTH_UNKNOWN, 10, false);
    feed(rq, "0123456789");
    request_body_end(rq);
    assert_null(rq->body.fault);
    assert_int_equal(request_body(rq).len, 10);
    finish_request(rq);
}

static void a_body_of_unknown_length_is_dropped_where_it_passes_the_limit(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, HTTP_LENGTH_UNKNOWN, 10, false);
    feed(rq, "01234567");
    feed(rq, "89a");
    assert_true(request_body_is_whole(rq));
    assert_string_equal(rq->body.fault, "stream too large");
    assert_int_equal(request_body(rq).len, 0);
    assert_int_equal(said.consumed, 11);
    finish_request(rq);
}

static void where_a_route_allows_it_the_body_is_cut_at_the_limit(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_WHOLE, 20, 10, true);
    feed(rq, "01234567");
    feed(rq, "89abc");
    assert_null(rq->body.fault);
    assert_int_equal(request_body(rq).len, 10);
    assert_memory_equal(request_body(rq).at, "0123456789", 10);
    finish_request(rq);
}

static void a_streamed_piece_opens_the_window_when_it_is_taken(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    feed(rq, "one");
    feed(rq, "three");
    assert_int_equal(said.consumed, 0);
    struct trb_data piece = request_body_take(rq);
    assert_memory_equal(piece.at, "one", 3);
    buf_unref(piece.owner);
    assert_int_equal(said.consumed, 3);
    request_body_end(rq);
    assert_false(request_body_ended(rq));
    piece = request_body_take(rq);
    buf_unref(piece.owner);
    assert_true(request_body_ended(rq));
    assert_null(request_body_take(rq).at);
    finish_request(rq);
}

static void pieces_keep_their_order_when_the_ring_grows(void **state)
{
    struct request *rq = born();
    char text[2] = "a";
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    for (int i = 0; i < 5; i++)
        feed(rq, "x");
    for (int i = 0; i < 5; i++)
        buf_unref(request_body_take(rq).owner);
    for (text[0] = 'a'; text[0] <= 'z'; text[0]++)
        feed(rq, text);
    for (char c = 'a'; c <= 'z'; c++) {
        struct trb_data piece = request_body_take(rq);
        assert_int_equal(piece.at[0], c);
        buf_unref(piece.owner);
    }
    finish_request(rq);
}

static void a_streamed_body_beyond_the_limit_ends_in_a_fault(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 4, false);
    feed(rq, "1234");
    feed(rq, "5");
    assert_string_equal(rq->body.fault, "stream too large");
    struct trb_data piece = request_body_take(rq);
    assert_int_equal(piece.len, 4);
    buf_unref(piece.owner);
    assert_true(request_body_ended(rq));
    assert_int_equal(said.consumed, 5);
    finish_request(rq);
}

static void a_body_nobody_wants_is_consumed(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_IGNORED, 100, 10, false);
    feed(rq, "ignored");
    assert_int_equal(said.consumed, 7);
    finish_request(rq);
}

static struct trb_next take_all(struct trb_request *public_)
{
    struct trb_data body = request_body(request_of(public_));
    return request_reply(request_of(public_), 200, body);
}

static struct trb_next gather_rest(struct trb_request *public_)
{
    return request_body_gather(request_of(public_), TRB_GO(take_all));
}

static void a_stream_can_be_gathered_after_all(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    feed(rq, "early ");
    request_start(rq, TRB_GO(gather_rest));
    feed(rq, "late");
    assert_string_equal(said.log, "");
    request_body_end(rq);
    assert_string_equal(said.log, "whole 200 early late;ended;release;");
    assert_int_equal(said.consumed, 10);
}

static struct trb_next wait_for_more(struct trb_request *public_)
{
    return request_body_wait(request_of(public_), TRB_GO(reply_ok));
}

static void waiting_ends_with_the_next_piece_and_with_the_end(void **state)
{
    struct request *rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    request_start(rq, TRB_GO(wait_for_more));
    feed(rq, "x");
    assert_string_equal(said.log, "step;whole 200 ok;ended;release;");
    rq = born();
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    request_start(rq, TRB_GO(wait_for_more));
    request_body_end(rq);
    assert_string_equal(said.log, "step;whole 200 ok;ended;release;");
}

static void a_client_that_has_gone_has_no_window_to_open(void **state)
{
    struct request *rq = born();
    request_pin(rq);
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    feed(rq, "x");
    request_cancel(rq, TRB_WHY_CLIENT);
    assert_null(request_body_take(rq).at);
    feed(rq, "y");
    assert_int_equal(said.consumed, 0);
    request_unpin(rq);
}

static void what_had_come_may_be_taken_after_the_end(void **state)
{
    struct request *rq = born();
    request_pin(rq);
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    feed(rq, "last word");
    request_cancel(rq, TRB_WHY_CLIENT);
    struct trb_data piece = request_body_take_left(rq);
    assert_true(slice_is(slice_from(piece.at, piece.len), SLICE("last word")));
    assert_null(request_body_take_left(rq).at);
    assert_int_equal(said.consumed, 0);
    buf_unref(piece.owner);
    request_unpin(rq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_body_is_gathered_and_consumed_as_it_comes),
        cmocka_unit_test(a_body_that_comes_in_one_buffer_is_not_copied),
        cmocka_unit_test(no_body_is_an_empty_one_with_an_owner),
        cmocka_unit_test(an_announced_length_beyond_the_limit_is_a_fault_at_once),
        cmocka_unit_test(the_limit_itself_is_allowed),
        cmocka_unit_test(a_body_of_unknown_length_is_dropped_where_it_passes_the_limit),
        cmocka_unit_test(where_a_route_allows_it_the_body_is_cut_at_the_limit),
        cmocka_unit_test(a_streamed_piece_opens_the_window_when_it_is_taken),
        cmocka_unit_test(pieces_keep_their_order_when_the_ring_grows),
        cmocka_unit_test(a_streamed_body_beyond_the_limit_ends_in_a_fault),
        cmocka_unit_test(a_body_nobody_wants_is_consumed),
        cmocka_unit_test(a_stream_can_be_gathered_after_all),
        cmocka_unit_test(waiting_ends_with_the_next_piece_and_with_the_end),
        cmocka_unit_test(a_client_that_has_gone_has_no_window_to_open),
        cmocka_unit_test(what_had_come_may_be_taken_after_the_end),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
