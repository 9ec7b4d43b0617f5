/* What a server connection does because time passes: pings and their abuse, keep-alive, draining. Time passes by
 * moving what it remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_patience.c"
#include "tests/unit/kernel/net/http2_scene.h"

/* --- pings ---------------------------------------------------------------------------------- */
static void six_pings_in_a_row_are_answered_four_times_and_then_no_more(void **state)
{
    struct wire_frame f;
    uint32_t answers = 0;
    greet();
    for (int i = 0; i < 6; i++)
        wire_frame(&scene->w, NGHTTP2_PING, 0, 0, "eight by", 8);
    while (wire_next(&scene->w, &f) && f.type != NGHTTP2_GOAWAY)
        answers += f.type == NGHTTP2_PING && f.flags & NGHTTP2_FLAG_ACK && !memcmp(f.at, "eight by", 8);
    assert_int_equal(f.type, NGHTTP2_GOAWAY);
    assert_int_equal(GOAWAY_CODE(f), NGHTTP2_ENHANCE_YOUR_CALM);
    assert_text(GOAWAY_TEXT(f), "too_many_pings");
    assert_int_equal(answers, 4);
    wire_wait_end(&scene->w);
}

static void pings_are_forgiven_while_it_writes(void **state)
{
    greet();
    for (int32_t i = 0; i < 20; i++) {
        call(2 * i + 1, "/echo");
        wire_sync(&scene->w);
    }
    assert_int_equal(scene->requests, 20);
}

static void a_ping_each_eight_seconds_is_no_abuse(void **state)
{
    greet();
    for (int i = 0; i < 10; i++) {
        wire_sync(&scene->w);
        server()->h.guard.last_ping_ns -= 8 * CLOCK_S;
    }
}

static void pass(uint64_t *moment_ns, uint64_t ns)
{
    *moment_ns -= ns;
    timer_end(&scene->c->timer);
    http2_server_wait(server());
}

static void a_silent_peer_is_asked_and_left_when_it_does_not_answer(void **state)
{
    greet();
    wire_sync(&scene->w);
    pass(&server()->h.read_ns, 10 * CLOCK_S);
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_PING);
    assert_false(f.flags & NGHTTP2_FLAG_ACK);
    wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.at, 8);
    call(1, "/echo");               /* it lives on */
    pass(&server()->h.read_ns, 10 * CLOCK_S);
    (void)wire_wait(&scene->w, NGHTTP2_PING);
    pass(&server()->ack_due_ns, 5 * CLOCK_S);
    wire_wait_end(&scene->w);
}

/* --- draining ------------------------------------------------------------------------------- */
static const uint8_t drain_text[8] = {1, 6, 1, 8, 0, 3, 3, 9};

static struct wire_frame expect_notice(const char *text)
{
    expect_goaway(0x7fffffff, NGHTTP2_NO_ERROR, text);
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_PING);
    assert_memory_equal(f.at, drain_text, 8);
    return f;
}

static void draining_gives_notice_and_lets_everything_finish(void **state)
{
    greet();
    request(1, NGHTTP2_FLAG_END_STREAM, "/hold");
    wire_sync(&scene->w);
    connection_home_drain(&scene->home);
    (void)expect_notice("graceful_stop");
    call(3, "/echo");               /* it was on its way when the notice came */
    wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "no drain", 8);
    wire_sync(&scene->w);
    wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, drain_text, 8);
    expect_goaway(3, NGHTTP2_NO_ERROR, NULL);
    begin_answer(scene->held[0]);
    end_with(scene->held[0], NULL);
    struct wire_frame f;
    do
        f = wire_wait(&scene->w, NGHTTP2_HEADERS);
    while (!(f.flags & NGHTTP2_FLAG_END_STREAM));
    assert_int_equal(f.id, 1);
    wire_wait_end(&scene->w);
}

static void draining_does_not_wait_long_for_the_answer_to_its_ping(void **state)
{
    greet();
    request(1, NGHTTP2_FLAG_END_STREAM, "/hold");
    wire_sync(&scene->w);
    connection_home_drain(&scene->home);
    (void)expect_notice("graceful_stop");
    pass(&server()->drain_due_ns, 5 * CLOCK_S);
    expect_goaway(1, NGHTTP2_NO_ERROR, NULL);
}

static void streams_after_the_last_goaway_are_not_heard_of(void **state)
{
    greet();
    request(1, NGHTTP2_FLAG_END_STREAM, "/hold");
    wire_sync(&scene->w);
    connection_home_drain(&scene->home);
    (void)expect_notice("graceful_stop");
    wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, drain_text, 8);
    expect_goaway(1, NGHTTP2_NO_ERROR, NULL);
    request(3, 0, "/echo");
    wire_frame(&scene->w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 3, "late", 4);
    wire_sync(&scene->w);
    assert_int_equal(scene->requests, 1);
    begin_answer(scene->held[0]);
    end_with(scene->held[0], NULL);
    assert_int_equal(wire_wait(&scene->w, NGHTTP2_HEADERS).id, 1);
    wire_wait_end(&scene->w);
}

static void an_idle_connection_is_drained_after_three_minutes(void **state)
{
    greet();
    call(1, "/echo");
    wire_sync(&scene->w);
    pass(&server()->idle_from_ns, 180 * CLOCK_S);
    (void)expect_notice(NULL);
    wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, drain_text, 8);
    expect_goaway(1, NGHTTP2_NO_ERROR, NULL);
    wire_wait_end(&scene->w);
}

int main(void)
{
#define A(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        A(six_pings_in_a_row_are_answered_four_times_and_then_no_more),
        A(pings_are_forgiven_while_it_writes),
        A(a_ping_each_eight_seconds_is_no_abuse),
        A(a_silent_peer_is_asked_and_left_when_it_does_not_answer),
        A(draining_gives_notice_and_lets_everything_finish),
        A(draining_does_not_wait_long_for_the_answer_to_its_ping),
        A(streams_after_the_last_goaway_are_not_heard_of),
        A(an_idle_connection_is_drained_after_three_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
