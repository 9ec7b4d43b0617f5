/* The gRPC channel, with the test as its servers: answers in any order, goodbyes, silence, lost connections. */
#include "line_host.h"
#include <base/error.h>
#include <grpc/grpc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#define CALLS 8u
#define S 1000000000ull
#define HEADERS 1
#define RST_STREAM 3
#define DATA 0
#define END_STREAM 1
#define END_HEADERS 4

static struct grpc *channel;
static struct grpc_config config;
static uint32_t ups, downs;
static struct told {
    uint32_t times;
    trb_code code;
    char message[256], error[512];
} told[CALLS];

static void on_up(void *arg)
{
    ups++;
}

static void on_down(void *arg, const struct trb_error *err)
{
    downs++;
}

static void on_answer(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct told *t = &told[w->index];
    t->times++;
    t->code = err ? err->code : TRB_OK;
    snprintf(t->message, sizeof t->message, "%.*s", SLICE_ARG(message));
    snprintf(t->error, sizeof t->error, "%s", err ? err->message : "");
}

static void open_channel(uint32_t endpoints)
{
    static const struct grpc_endpoint all[] = {{"a", "a:1", 1}, {"b", "b:2", 2}};
    struct grpc_setup setup = {.host = &line_host, .config = &config, .up = on_up, .down = on_down};
    config = (struct grpc_config){.product = "it", .endpoint_count = endpoints, .connect_timeout_ns = S, .max_reply = 1000};
    memcpy(config.endpoints, all, sizeof all);
    memset(told, 0, sizeof told);
    ups = downs = lines_dialled = 0;
    channel = grpc_create(&setup);
}

static int up(void **state)
{
    open_channel(1);
    return 0;
}

static int up_with_two(void **state)
{
    open_channel(2);
    return 0;
}

static int down(void **state)
{
    channel = grpc_destroy(channel);
    text_fini(&line_sent);
    return lines || timers_held;
}

static void connect_line(void)
{
    line->events->connected(line->arg);
    line_feed_to(line, SLICE("\0\0\0\4\0\0\0\0\0"));       /* its settings: none */
}

static void lose_line(void)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "CLOSED", "gone");
    line->events->closed(line->arg, &err);
}

static void ask(uint32_t index)
{
    struct grpc_wish w = {.answered = on_answer, .index = index};
    struct text message = {0};
    grpc_message_begin(&message);
    text_addf(&message, "question %u", index);
    grpc_ask(channel, &w, "/a.B/C", &message, 2 * (int64_t)S);
}

static bool was_sent(const char *part)
{
    return slice_contains(text_slice(&line_sent), slice_of(part));
}

/* ------------------------------------------------------------------------- what a server says */
static void add_frame(struct text *t, char type, char flags, uint32_t stream, struct trb_slice payload)
{
    char head[9] = {0, (char)(payload.len >> 8), (char)payload.len, type, flags, 0, 0, 0, (char)stream};
    text_add(t, slice_from(head, 9));
    text_add(t, payload);
}

#define OK_HEAD SLICE("\x88\x0f\x10\x10" "application/grpc")

static void add_trailers(struct text *t, uint32_t stream, const char *status, const char *text)
{
    struct text block = {0};
    text_add(&block, SLICE("\x00\x0bgrpc-status"));
    text_addc(&block, (char)strlen(status));
    text_adds(&block, status);
    text_add(&block, SLICE("\x00\x0cgrpc-message"));
    text_addc(&block, (char)strlen(text));
    text_adds(&block, text);
    add_frame(t, HEADERS, END_HEADERS | END_STREAM, stream, text_slice(&block));
    text_fini(&block);
}

static void feed_and_clear(struct trb_stream *to, struct text *t)
{
    line_feed_to(to, text_slice(t));
    text_fini(t);
}

static void answer(struct trb_stream *to, uint32_t stream, const char *message)
{
    struct text t = {0}, body = {0};
    char head[5] = {0, 0, 0, 0, (char)strlen(message)};
    text_add(&body, slice_from(head, 5));
    text_adds(&body, message);
    add_frame(&t, HEADERS, END_HEADERS, stream, OK_HEAD);
    add_frame(&t, DATA, 0, stream, text_slice(&body));
    add_trailers(&t, stream, "0", "");
    text_fini(&body);
    feed_and_clear(to, &t);
}

static void fail_call(struct trb_stream *to, uint32_t stream, const char *status, const char *text)
{
    struct text t = {0};
    add_frame(&t, HEADERS, END_HEADERS, stream, OK_HEAD);
    add_trailers(&t, stream, status, text);
    feed_and_clear(to, &t);
}

static void feed_frame(struct trb_stream *to, char type, char flags, uint32_t stream, struct trb_slice payload)
{
    struct text t = {0};
    add_frame(&t, type, flags, stream, payload);
    feed_and_clear(to, &t);
}

static void say_goodbye(struct trb_stream *to, char last)
{
    char payload[8] = {0, 0, 0, last, 0, 0, 0, 0};
    feed_frame(to, 7, 0, 0, slice_from(payload, 8));
}

static void refuse_stream(struct trb_stream *to, uint32_t stream)
{
    feed_frame(to, 3, 0, stream, SLICE("\0\0\0\7"));
}

/* ---------------------------------------------------------------------------------------- cases */
static void what_is_asked_while_it_dials_waits_for_the_connection(void **state)
{
    ask(0);
    assert_false(was_sent("question"));
    connect_line();
    assert_int_equal(ups, 1);
    assert_true(was_sent("question 0"));
    answer(line, 1, "hello");
    assert_int_equal(told[0].times, 1);
    assert_string_equal(told[0].message, "hello");
}

static void answers_come_in_any_order(void **state)
{
    connect_line();
    for (uint32_t i = 0; i < 3; i++)
        ask(i);
    answer(line, 5, "three");
    answer(line, 1, "one");
    answer(line, 3, "two");
    assert_string_equal(told[0].message, "one");
    assert_string_equal(told[1].message, "two");
    assert_string_equal(told[2].message, "three");
    assert_int_equal(lines_dialled, 1);
}

static void a_text_that_ends_in_a_space_is_a_text(void **state)
{
    connect_line();
    ask(0);
    fail_call(line, 1, "14", "no body: ");
    assert_string_equal(told[0].error, "no body: ");
}

static void a_status_is_an_error_with_its_text(void **state)
{
    connect_line();
    ask(0);
    fail_call(line, 1, "14", "etcdserver: no%20leader");
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    assert_string_equal(told[0].error, "etcdserver: no leader");
}

static void a_call_that_the_server_cancels_at_its_deadline_is_late(void **state)
{
    connect_line();
    ask(0);
    ask(1);
    feed_frame(line, RST_STREAM, 0, 1, SLICE("\0\0\0\x8"));
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    line_wait(2 * S - 1000000);
    feed_frame(line, RST_STREAM, 0, 3, SLICE("\0\0\0\x8"));
    assert_int_equal(told[1].code, TRB_DEADLINE);
    assert_int_equal(lines_dialled, 1);
}

static void what_is_not_grpcs_is_an_error(void **state)
{
    connect_line();
    for (uint32_t i = 0; i < 4; i++)
        ask(i);
    feed_frame(line, HEADERS, END_HEADERS | END_STREAM, 1, SLICE("\x8d"));      /* :status 404 */
    assert_int_equal(told[0].code, TRB_UNIMPLEMENTED);
    feed_frame(line, HEADERS, END_HEADERS, 3, OK_HEAD);
    feed_frame(line, DATA, END_STREAM, 3, SLICE("\0\0\0\0\1a"));
    assert_int_equal(told[1].code, TRB_UNAVAILABLE);
    assert_non_null(strstr(told[1].error, "without a status"));
    struct text t = {0};
    add_frame(&t, HEADERS, END_HEADERS, 5, OK_HEAD);
    add_frame(&t, DATA, 0, 5, SLICE("\0\0\0\0\2a"));
    add_trailers(&t, 5, "0", "");
    feed_and_clear(line, &t);
    assert_int_equal(told[2].code, TRB_INTERNAL);
    assert_int_equal(told[3].times, 0);
    assert_int_equal(lines_dialled, 1);
}

static void an_answer_larger_than_is_taken_is_cut_off(void **state)
{
    char big[1100] = {0};
    connect_line();
    ask(0);
    ask(1);
    feed_frame(line, HEADERS, END_HEADERS, 1, OK_HEAD);
    feed_frame(line, DATA, 0, 1, slice_from(big, sizeof big));
    assert_int_equal(told[0].code, TRB_EXHAUSTED);
    answer(line, 3, "small");
    assert_string_equal(told[1].message, "small");
}

static void a_goodbye_lets_what_runs_end_and_moves_the_rest(void **state)
{
    connect_line();
    struct trb_stream *old = line;
    for (uint32_t i = 0; i < 3; i++)
        ask(i);
    text_clear(&line_sent);
    say_goodbye(old, 1);
    assert_int_equal(lines_dialled, 2);
    assert_int_equal(lines, 2);
    ask(3);
    assert_int_equal(told[1].times, 0);
    connect_line();
    assert_true(was_sent("question 1") && was_sent("question 2") && was_sent("question 3"));
    answer(old, 1, "from the old one");
    assert_string_equal(told[0].message, "from the old one");
    assert_int_equal(lines, 1);
    answer(line, 1, "x");
    answer(line, 3, "x");
    answer(line, 5, "x");
    for (uint32_t i = 1; i < 4; i++)
        assert_string_equal(told[i].message, "x");
    assert_int_equal(downs, 0);
}

static void an_idle_connection_that_says_goodbye_is_replaced(void **state)
{
    connect_line();
    say_goodbye(line, 0);
    assert_int_equal(lines_dialled, 2);
    assert_int_equal(lines, 1);
    connect_line();
    ask(0);
    answer(line, 1, "x");
    assert_string_equal(told[0].message, "x");
}

static void what_was_refused_unread_is_sent_again_but_not_for_ever(void **state)
{
    connect_line();
    ask(0);
    for (uint32_t stream = 1; stream <= 5; stream += 2) {
        refuse_stream(line, stream);
        assert_int_equal(told[0].times, 0);
    }
    refuse_stream(line, 7);
    assert_int_equal(told[0].times, 1);
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
}

static void an_endpoint_that_cannot_answer_is_left_for_another(void **state)
{
    connect_line();
    struct trb_stream *first = line;
    ask(0);
    fail_call(line, 1, "14", "not yet");
    assert_int_equal(lines_dialled, 1);         /* it may be starting */
    line_wait(S);
    ask(1);
    ask(2);
    fail_call(line, 3, "14", "no leader");
    assert_int_equal(told[1].code, TRB_UNAVAILABLE);
    assert_int_equal(lines_dialled, 2);
    ask(3);
    answer(first, 5, "late");
    assert_string_equal(told[2].message, "late");
    assert_int_equal(lines, 1);
    connect_line();
    answer(line, 1, "from the other");
    assert_string_equal(told[3].message, "from the other");
    assert_int_equal(downs, 0);
}

static void an_only_endpoint_is_kept_whatever_it_answers(void **state)
{
    connect_line();
    line_wait(S);
    ask(0);
    fail_call(line, 1, "14", "no leader");
    assert_int_equal(lines_dialled, 1);
}

static void a_silent_server_is_left(void **state)
{
    connect_line();
    ask(0);
    line_wait(S);
    assert_int_equal(told[0].times, 0);
    ask(1);
    line_wait(S);
    assert_int_equal(told[0].code, TRB_DEADLINE);
    assert_int_equal(told[1].code, TRB_UNAVAILABLE);
    assert_int_equal(lines_dialled, 2);
}

static void a_slow_call_alone_is_given_up(void **state)
{
    connect_line();
    ask(0);
    line_wait(S);
    ask(1);
    answer(line, 3, "quick");
    text_clear(&line_sent);
    line_wait(S);
    assert_int_equal(told[0].code, TRB_DEADLINE);
    assert_string_equal(told[1].message, "quick");
    assert_int_equal(lines_dialled, 1);
    assert_true(slice_contains(text_slice(&line_sent), SLICE("\0\0\4\3\0\0\0\0\1\0\0\0\x8")));     /* stream 1: cancelled */
    ask(2);
    answer(line, 5, "next");
    assert_string_equal(told[2].message, "next");
}

static void a_connection_that_broke_is_dialled_at_once_and_its_calls_are_told(void **state)
{
    connect_line();
    ask(0);
    lose_line();
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    assert_non_null(strstr(told[0].error, "may have been carried out"));
    assert_int_equal(lines_dialled, 2);
    assert_int_equal(downs, 0);
    ask(1);
    assert_int_equal(told[1].times, 0);
    connect_line();
    answer(line, 1, "again");
    assert_string_equal(told[1].message, "again");
}

static void when_every_endpoint_has_failed_askers_are_told_at_once(void **state)
{
    ask(0);
    lose_line();
    assert_int_equal(told[0].times, 0);
    assert_int_equal(lines_dialled, 2);
    lose_line();
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    assert_string_equal(told[0].error, "it b:2: gone");
    assert_int_equal(downs, 1);
    ask(1);
    assert_int_equal(told[1].times, 1);
    line_wait(S);
    assert_int_equal(lines_dialled, 3);
    connect_line();
    ask(2);
    answer(line, 1, "back");
    assert_string_equal(told[2].message, "back");
    assert_int_equal(ups, 1);
}

static void a_greeting_that_does_not_come_is_a_failure(void **state)
{
    line->events->connected(line->arg);
    ask(0);
    line_wait(S);
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    assert_non_null(strstr(told[0].error, "no answer to the greeting"));
}

static void another_protocol_is_named(void **state)
{
    line->events->connected(line->arg);
    ask(0);
    line_feed_to(line, SLICE("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    assert_non_null(strstr(told[0].error, "not HTTP/2"));
}

static void who_waits_is_told_when_the_channel_goes(void **state)
{
    ask(0);
    channel = grpc_destroy(channel);
    assert_int_equal(told[0].code, TRB_UNAVAILABLE);
    open_channel(1);
    connect_line();
    ask(1);
    channel = grpc_destroy(channel);
    assert_int_equal(told[1].times, 1);
}

static void end_channel(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    on_answer(w, message, err);
    channel = grpc_destroy(channel);
}

static void an_answer_may_end_the_channel(void **state)
{
    struct grpc_wish w = {.answered = end_channel};
    struct text message = {0};
    connect_line();
    grpc_message_begin(&message);
    grpc_ask(channel, &w, "/a.B/C", &message, (int64_t)S);
    ask(1);
    answer(line, 1, "last");
    assert_string_equal(told[0].message, "last");
    assert_int_equal(told[1].code, TRB_UNAVAILABLE);
    assert_null(channel);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CASE(what_is_asked_while_it_dials_waits_for_the_connection),
        CASE(answers_come_in_any_order),
        CASE(a_status_is_an_error_with_its_text),
        CASE(a_call_that_the_server_cancels_at_its_deadline_is_late),
        CASE(a_text_that_ends_in_a_space_is_a_text),
        CASE(what_is_not_grpcs_is_an_error),
        CASE(an_answer_larger_than_is_taken_is_cut_off),
        CASE(a_goodbye_lets_what_runs_end_and_moves_the_rest),
        CASE(an_idle_connection_that_says_goodbye_is_replaced),
        CASE(what_was_refused_unread_is_sent_again_but_not_for_ever),
        cmocka_unit_test_setup_teardown(an_endpoint_that_cannot_answer_is_left_for_another, up_with_two, down),
        CASE(an_only_endpoint_is_kept_whatever_it_answers),
        CASE(a_silent_server_is_left),
        CASE(a_slow_call_alone_is_given_up),
        CASE(a_connection_that_broke_is_dialled_at_once_and_its_calls_are_told),
        cmocka_unit_test_setup_teardown(when_every_endpoint_has_failed_askers_are_told_at_once, up_with_two, down),
        CASE(a_greeting_that_does_not_come_is_a_failure),
        CASE(another_protocol_is_named),
        CASE(who_waits_is_told_when_the_channel_goes),
        CASE(an_answer_may_end_the_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
