/* Streams over the gRPC channel, with the test as the server: what comes piece by piece, pauses, ends of every kind, and
 * an asker that ends the stream while it is told. */
#include "line_host.h"
#include <base/error.h>
#include <grpc/grpc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define S 1000000000ull
#define HEADERS 1
#define DATA 0
#define END_STREAM 1
#define END_HEADERS 4
#define OK_HEAD SLICE("\x88\x0f\x10\x10" "application/grpc")
#define TRAILERS(digit) SLICE("\x00\x0bgrpc-status\x01" digit)

static struct grpc *channel;
static struct grpc_config config;
static struct grpc_call *stream;
static struct text heard;
static uint32_t ends, ups;
static trb_code end_code;
static bool ends_at_message, destroys_at_message;

static void on_up(void *arg)
{
    ups++;
}

static void on_down(void *arg, const struct trb_error *err)
{
}

static void on_message(void *arg, struct trb_slice message)
{
    text_addf(&heard, "<%.*s>", SLICE_ARG(message));
    if (ends_at_message) {
        grpc_end(stream);
        stream = NULL;
    }
    if (destroys_at_message)
        channel = grpc_destroy(channel);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    ends++;
    end_code = err ? err->code : TRB_OK;
    stream = NULL;
}

static const struct grpc_stream_events events = {.message = on_message, .ended = on_ended};

static void open_channel(uint32_t greets)
{
    struct grpc_setup setup = {.host = &line_host, .config = &config, .up = on_up, .down = on_down, .greets = greets};
    config = (struct grpc_config){.product = "it", .endpoint_count = 1, .connect_timeout_ns = S, .max_reply = 100,
                                  .endpoints = {{"a", "a:1", 1}}, .metadata_name = "x-mine", .metadata_value = "me"};
    text_clear(&heard);
    ends = ups = lines_dialled = 0;
    ends_at_message = destroys_at_message = false;
    channel = grpc_create(&setup);
}

static int up(void **state)
{
    open_channel(0);
    return 0;
}

static int up_with_greeting(void **state)
{
    open_channel(1);
    return 0;
}

static int down(void **state)
{
    channel = grpc_destroy(channel);
    text_fini(&line_sent);
    text_fini(&heard);
    return lines || timers_held;
}

static void connect_line(void)
{
    line->events->connected(line->arg);
    line_feed_to(line, SLICE("\0\0\0\4\0\0\0\0\0"));       /* its settings: none */
}

static void feed_frame(char type, char flags, uint32_t id, struct trb_slice payload)
{
    struct text t = {0};
    char head[9] = {0, (char)(payload.len >> 8), (char)payload.len, type, flags, 0, 0, 0, (char)id};
    text_add(&t, slice_from(head, 9));
    text_add(&t, payload);
    line_feed_to(line, text_slice(&t));
    text_fini(&t);
}

static void say(const char *text)
{
    struct text t = {0};
    char head[5] = {0, 0, 0, 0, (char)strlen(text)};
    text_add(&t, slice_from(head, 5));
    text_adds(&t, text);
    feed_frame(DATA, 0, 1, text_slice(&t));
    text_fini(&t);
}

static void open_stream(void)
{
    stream = grpc_open(channel, "/a.B/C", &events, NULL);
}

static void open_on_line(void)
{
    connect_line();
    open_stream();
    feed_frame(HEADERS, END_HEADERS, 1, OK_HEAD);
}

static void send(const char *words)
{
    struct text t = {0};
    grpc_message_begin(&t);
    text_adds(&t, words);
    grpc_send(stream, &t);
}

static bool was_sent(const char *part)
{
    return slice_contains(text_slice(&line_sent), slice_of(part));
}

/* ---------------------------------------------------------------------------------------- cases */
static void what_is_sent_before_the_connection_goes_out_with_it(void **state)
{
    open_stream();
    send("early");
    connect_line();
    assert_true(was_sent("early"));
}

static void messages_go_both_ways_while_it_lasts(void **state)
{
    open_on_line();
    send("one");
    say("first");
    send("two");
    say("second");
    assert_true(was_sent("one") && was_sent("two"));
    assert_string_equal(heard.at, "<first><second>");
    assert_int_equal(ends, 0);
}

static void a_message_that_comes_in_pieces_is_told_whole(void **state)
{
    open_on_line();
    feed_frame(DATA, 0, 1, SLICE("\0\0\0"));
    feed_frame(DATA, 0, 1, SLICE("\0\5he"));
    assert_int_equal(heard.len, 0);
    feed_frame(DATA, 0, 1, SLICE("llo\0\0\0\0\1!"));
    assert_string_equal(heard.at, "<hello><!>");
}

static void while_it_is_paused_nothing_is_told(void **state)
{
    open_on_line();
    grpc_pause(stream, true);
    say("a");
    say("b");
    assert_int_equal(heard.len, 0);
    grpc_pause(stream, false);
    assert_string_equal(heard.at, "<a><b>");
}

/* A server that has said all may leave before the asker has heard all. */
static void what_waits_is_told_before_the_end(void **state)
{
    open_on_line();
    grpc_pause(stream, true);
    say("a");
    say("b");
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("0"));
    assert_int_equal(ends, 0);
    send("to nobody");
    grpc_pause(stream, false);
    assert_string_equal(heard.at, "<a><b>");
    assert_int_equal(ends, 1);
    assert_int_equal(end_code, TRB_OK);
}

static void a_failure_waits_its_turn_too(void **state)
{
    open_on_line();
    grpc_pause(stream, true);
    say("a");
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("7"));
    grpc_pause(stream, false);
    assert_string_equal(heard.at, "<a>");
    assert_int_equal(end_code, TRB_DENIED);
}

static void with_the_channel_what_waits_is_over(void **state)
{
    open_on_line();
    grpc_pause(stream, true);
    say("a");
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("0"));
    channel = grpc_destroy(channel);
    assert_int_equal(ends, 1);
    assert_int_equal(heard.len, 0);
}

static void what_waits_may_be_given_up(void **state)
{
    open_on_line();
    grpc_pause(stream, true);
    say("a");
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("0"));
    grpc_end(stream);
    assert_int_equal(ends, 0);
}

static void an_end_inside_a_message_is_a_failure(void **state)
{
    open_on_line();
    feed_frame(DATA, 0, 1, SLICE("\0\0\0\0\5he"));
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("0"));
    assert_int_equal(heard.len, 0);
    assert_int_equal(end_code, TRB_INTERNAL);
}

static void what_is_not_grpc_is_no_message(void **state)
{
    connect_line();
    open_stream();
    feed_frame(HEADERS, END_HEADERS, 1, SLICE("\x88\x0f\x10\x09" "text/html"));
    feed_frame(DATA, 0, 1, SLICE("\0\0\0\0\1x"));
    assert_int_equal(heard.len, 0);
    assert_int_equal(ends, 1);
    assert_int_equal(end_code, TRB_UNKNOWN);
}

static void the_servers_status_ends_it(void **state)
{
    open_on_line();
    say("last");
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("0"));
    assert_string_equal(heard.at, "<last>");
    assert_int_equal(ends, 1);
    assert_int_equal(end_code, TRB_OK);
}

static void a_failure_of_the_server_is_told(void **state)
{
    open_on_line();
    feed_frame(HEADERS, END_HEADERS | END_STREAM, 1, TRAILERS("7"));
    assert_int_equal(end_code, TRB_DENIED);
}

static void a_lost_connection_ends_it_and_nothing_is_repeated(void **state)
{
    struct trb_error err = ERROR_INIT;
    open_on_line();
    error_set(&err, TRB_UNAVAILABLE, "CLOSED", "gone");
    line->events->closed(line->arg, &err);
    assert_int_equal(ends, 1);
    assert_int_equal(end_code, TRB_UNAVAILABLE);
    text_clear(&line_sent);
    connect_line();
    assert_int_equal(ends, 1);
}

static void a_message_that_is_too_large_ends_it_at_its_head(void **state)
{
    open_on_line();
    feed_frame(DATA, 0, 1, SLICE("\0\0\1\0\0"));
    assert_int_equal(ends, 1);
    assert_int_equal(end_code, TRB_EXHAUSTED);
}

static void a_compressed_message_ends_it(void **state)
{
    open_on_line();
    feed_frame(DATA, 0, 1, SLICE("\1\0\0\0\1x"));
    assert_int_equal(end_code, TRB_INTERNAL);
}

static void it_may_be_ended_while_it_is_told(void **state)
{
    open_on_line();
    ends_at_message = true;
    feed_frame(DATA, 0, 1, SLICE("\0\0\0\0\1a\0\0\0\0\1b"));
    assert_string_equal(heard.at, "<a>");
    assert_int_equal(ends, 0);
}

static void the_channel_may_be_destroyed_while_it_is_told(void **state)
{
    open_on_line();
    destroys_at_message = true;
    feed_frame(DATA, 0, 1, SLICE("\0\0\0\0\1a\0\0\0\0\1b"));
    assert_string_equal(heard.at, "<a>");
    assert_int_equal(ends, 1);
}

static void ended_by_us_nobody_is_told(void **state)
{
    open_on_line();
    grpc_end(stream);
    say("late");
    assert_int_equal(heard.len, 0);
    assert_int_equal(ends, 0);
    open_stream();
    grpc_end(stream);
}

static void before_the_greeting_is_over_others_wait(void **state)
{
    connect_line();
    open_stream();
    send("patient");
    assert_false(was_sent("patient"));
    grpc_greeted(channel);
    assert_true(was_sent("patient"));
}

static void on_never(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    ends++;
}

static void a_call_that_is_given_up_is_told_to_nobody(void **state)
{
    struct grpc_wish w = {.answered = on_never, .call = &config};
    struct text message = {0};
    connect_line();
    grpc_message_begin(&message);
    grpc_ask(channel, &w, "/a.B/C", &message, 0);
    assert_true(grpc_cancel(channel, &config));
    assert_false(grpc_cancel(channel, &config));
    assert_int_equal(ends, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        CASE(what_is_sent_before_the_connection_goes_out_with_it),
        CASE(messages_go_both_ways_while_it_lasts),
        CASE(a_message_that_comes_in_pieces_is_told_whole),
        CASE(while_it_is_paused_nothing_is_told),
        CASE(what_waits_is_told_before_the_end),
        CASE(a_failure_waits_its_turn_too),
        CASE(with_the_channel_what_waits_is_over),
        CASE(what_waits_may_be_given_up),
        CASE(an_end_inside_a_message_is_a_failure),
        CASE(what_is_not_grpc_is_no_message),
        CASE(the_servers_status_ends_it),
        CASE(a_failure_of_the_server_is_told),
        CASE(a_lost_connection_ends_it_and_nothing_is_repeated),
        CASE(a_message_that_is_too_large_ends_it_at_its_head),
        CASE(a_compressed_message_ends_it),
        CASE(it_may_be_ended_while_it_is_told),
        CASE(the_channel_may_be_destroyed_while_it_is_told),
        CASE(ended_by_us_nobody_is_told),
        cmocka_unit_test_setup_teardown(before_the_greeting_is_over_others_wait, up_with_greeting, down),
        CASE(a_call_that_is_given_up_is_told_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
