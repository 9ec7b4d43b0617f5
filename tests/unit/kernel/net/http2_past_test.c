/* Streams that are over: what may still come for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_past.c"

#define data(p, id) http2_past_judge(p, id, false, false)
#define trailers(p, id) http2_past_judge(p, id, true, true)

static void what_the_peer_ended_is_closed(void **state)
{
    struct http2_past p = {0};
    http2_past_add(&p, 1, false);
    assert_int_equal(data(&p, 1), NGHTTP2_STREAM_CLOSED);
    assert_int_equal(trailers(&p, 1), NGHTTP2_STREAM_CLOSED);
}

static void what_we_ended_may_still_be_spoken_on(void **state)
{
    struct http2_past p = {0};
    http2_past_add(&p, 1, true);
    assert_int_equal(data(&p, 1), NGHTTP2_NO_ERROR);
    assert_int_equal(trailers(&p, 1), NGHTTP2_NO_ERROR);
    assert_int_equal(http2_past_judge(&p, 1, true, false), NGHTTP2_PROTOCOL_ERROR);
}

static void until_the_peer_resets_it_itself(void **state)
{
    struct http2_past p = {0};
    http2_past_add(&p, 1, true);
    http2_past_left(&p, 1);
    assert_int_equal(data(&p, 1), NGHTTP2_STREAM_CLOSED);
    http2_past_left(&p, 3);         /* still open here */
    assert_true(http2_past_is_left(&p, 3));
    assert_false(http2_past_is_left(&p, 5));
}

static void what_was_passed_over_never_was(void **state)
{
    struct http2_past p = {.newest = 5};
    http2_past_add(&p, 5, false);
    assert_int_equal(trailers(&p, 3), NGHTTP2_PROTOCOL_ERROR);
    assert_int_equal(data(&p, 3), NGHTTP2_STREAM_CLOSED);
}

static void what_is_forgotten_is_judged_mildly(void **state)
{
    struct http2_past p = {0};
    for (int32_t id = 1; id < 400; id += 2)
        http2_past_add(&p, id, true);
    for (int32_t id = 1; id < 400; id += 2)
        assert_int_equal(data(&p, id), NGHTTP2_NO_ERROR);
    for (int32_t id = 401; id < 800; id += 2)
        http2_past_add(&p, id, false);
    assert_int_equal(data(&p, 399), NGHTTP2_NO_ERROR);
    assert_int_equal(data(&p, 401), NGHTTP2_STREAM_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_peer_ended_is_closed),
        cmocka_unit_test(what_we_ended_may_still_be_spoken_on),
        cmocka_unit_test(until_the_peer_resets_it_itself),
        cmocka_unit_test(what_was_passed_over_never_was),
        cmocka_unit_test(what_is_forgotten_is_judged_mildly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
