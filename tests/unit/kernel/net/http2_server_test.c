/* A server connection as a peer sees it, frame by frame: settings, numbers, heads, answers, streams that are over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_server.c"
#include "tests/unit/kernel/net/http2_scene.h"

/* --- settings, stream numbers --------------------------------------------------------------- */
static void its_settings_are_two_and_no_more(void **state)
{
    struct wire_frame f;
    wire_send(&scene->w, WIRE_PREFACE, 24);
    wire_setting(&scene->w, 0, 0);
    assert_true(wire_next(&scene->w, &f));
    assert_int_equal(f.type, NGHTTP2_SETTINGS);
    assert_int_equal(f.len, 12);
    static const uint8_t expected[] = {0, NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 0, 0, 0x40, 0,
                                       0, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 0, 0, MAX_LIST >> 8, MAX_LIST & 255};
    assert_memory_equal(f.at, expected, sizeof expected);
    assert_true(wire_next(&scene->w, &f));
    assert_int_equal(f.type, NGHTTP2_SETTINGS);
    assert_true(f.flags & NGHTTP2_FLAG_ACK);
    wire_sync(&scene->w);
    wire_sync(&scene->w);           /* nothing else was said: no window update above all */
    assert_int_equal(scene->w.len - scene->w.taken, 0);
}

static void unknown_settings_are_tolerated_and_known_ones_kept(void **state)
{
    greet();
    wire_setting(&scene->w, 0xfe03, 1);
    wire_setting(&scene->w, NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 4194304);
    wire_setting(&scene->w, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 10);
    request(1, 0, "/echo");
    wire_frame(&scene->w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "a message of more than ten", 26);
    assert_int_equal(wire_wait(&scene->w, NGHTTP2_DATA).len, 10);
    wire_number(&scene->w, NGHTTP2_WINDOW_UPDATE, 1, 0x7ffffff0 - 10);
    assert_int_equal(wire_wait(&scene->w, NGHTTP2_DATA).len, 16);
    assert_text(field(&(struct wire_frame){.fields = wire_wait(&scene->w, NGHTTP2_HEADERS).fields}, "grpc-status"), "0");
}

static void the_first_stream_may_be_three_and_numbers_may_be_left_out(void **state)
{
    greet();
    call(3, "/echo");
    call(9, "/echo");
    assert_int_equal(scene->requests, 2);
}

static void an_even_stream_ends_the_connection(void **state)
{
    greet();
    request(2, NGHTTP2_FLAG_END_STREAM, "/echo");
    expect_goaway(0, NGHTTP2_PROTOCOL_ERROR, NULL);
    wire_wait_end(&scene->w);
}

static void a_stream_below_the_last_one_ends_the_connection(void **state)
{
    greet();
    call(5, "/echo");
    request(3, NGHTTP2_FLAG_END_STREAM, "/echo");
    expect_goaway(5, NGHTTP2_PROTOCOL_ERROR, NULL);
    wire_wait_end(&scene->w);
    assert_int_equal(scene->requests, 1);
}

/* --- answers -------------------------------------------------------------------------------- */
static void an_answer_before_the_requests_end_is_followed_by_a_reset_without_error(void **state)
{
    greet();
    request(1, 0, "/early");
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_HEADERS);
    assert_false(f.flags & NGHTTP2_FLAG_END_STREAM);
    f = wire_wait(&scene->w, NGHTTP2_HEADERS);
    assert_true(f.flags & NGHTTP2_FLAG_END_STREAM);
    assert_true(wire_next(&scene->w, &f));
    assert_int_equal(f.type, NGHTTP2_RST_STREAM);
    assert_int_equal(wire_u32(f.at), NGHTTP2_NO_ERROR);
    wire_frame(&scene->w, NGHTTP2_DATA, 0, 1, "still on its way", 16);
    wire_head(&scene->w, 1, NGHTTP2_FLAG_END_STREAM, WIRE_FIELDS("x-last", "words"));
    call(3, "/echo");
}

static void large_trailers_lose_their_details_before_their_message(void **state)
{
    greet();
    wire_setting(&scene->w, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 8192);
    memset(scene->text, 'm', 6000);
    struct wire_frame f = call(1, "/fail");
    assert_text(field(&f, "grpc-status"), "13");
    assert_int_equal(field(&f, "grpc-message").len, 6000);
    assert_null(field(&f, "grpc-status-details-bin").at);
}

static void trailers_larger_than_the_peer_takes_are_shortened(void **state)
{
    greet();
    wire_setting(&scene->w, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 8192);
    memset(scene->text, '\n', 9000);
    struct wire_frame f = call(1, "/fail");
    size_t size = 0;
    for (uint32_t i = 0; i < f.fields.count; i++)
        size += f.fields.at[i].name.len + f.fields.at[i].value.len + 32;
    struct trb_slice message = field(&f, "grpc-message");
    assert_in_range(size, 8189, 8192);
    assert_int_equal(message.len % 3, 0);
    assert_true(slice_ends(message, SLICE("%0A")));
    assert_text(field(&f, "grpc-status"), "13");
}

static void large_trailers_that_the_peer_takes_go_on_in_continuations(void **state)
{
    struct wire_frame f;
    size_t size = 0;
    greet();
    memset(scene->text, 'm', 39999);
    request(1, NGHTTP2_FLAG_END_STREAM, "/fail");
    do {
        assert_true(wire_next(&scene->w, &f));
        size += f.type == NGHTTP2_CONTINUATION ? f.len : 0;
    } while (f.type != NGHTTP2_CONTINUATION || !(f.flags & NGHTTP2_FLAG_END_HEADERS));
    assert_in_range(size, 10000, 60000);
    call(3, "/echo");
}

/* --- heads ---------------------------------------------------------------------------------- */
static void a_head_over_the_limit_resets_its_stream_alone(void **state)
{
    static char large[MAX_LIST];
    greet();
    memset(large, 'x', sizeof large - 1);
    wire_head(&scene->w, 1, 0, WIRE_FIELDS(":method", "POST", ":scheme", "http", ":path", "/echo", ":authority", "me",
                                           "x-large", large));
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_RST_STREAM);
    assert_int_equal(wire_u32(f.at), NGHTTP2_FRAME_SIZE_ERROR);
    wire_frame(&scene->w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "late", 4);
    call(3, "/echo");
    assert_int_equal(scene->requests, 1);
}

static void a_head_may_come_in_continuations(void **state)
{
    static char value[18001];
    greet();
    memset(value, 'x', sizeof value - 1);
    wire_head(&scene->w, 1, NGHTTP2_FLAG_END_STREAM,
              WIRE_FIELDS(":path", "/echo", ":authority", "me", ":method", "POST", ":scheme", "http", "x-long", value));
    (void)wire_wait(&scene->w, NGHTTP2_HEADERS);
    assert_int_equal(scene->requests, 1);
}

static void a_connection_header_resets_the_stream(void **state)
{
    greet();
    wire_head(&scene->w, 1, NGHTTP2_FLAG_END_STREAM,
              WIRE_FIELDS(":method", "POST", ":scheme", "http", ":path", "/echo", ":authority", "me", "connection", "close"));
    assert_int_equal(wire_u32(wire_wait(&scene->w, NGHTTP2_RST_STREAM).at), NGHTTP2_PROTOCOL_ERROR);
    call(3, "/echo");
    assert_int_equal(scene->requests, 1);
}

/* --- streams that are over ------------------------------------------------------------------ */
static void data_after_the_end_of_a_stream_ends_the_connection(void **state)
{
    greet();
    call(1, "/echo");
    wire_frame(&scene->w, NGHTTP2_DATA, 0, 1, "more", 4);
    expect_goaway(1, NGHTTP2_STREAM_CLOSED, NULL);
    wire_wait_end(&scene->w);
}

static void data_after_a_reset_in_the_same_breath_ends_the_connection(void **state)
{
    uint8_t all[13 + 13];
    static const uint8_t reset[13] = {0, 0, 4, NGHTTP2_RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, NGHTTP2_CANCEL};
    static const uint8_t data[13] = {0, 0, 4, NGHTTP2_DATA, 0, 0, 0, 0, 1, 'm', 'o', 'r', 'e'};
    greet();
    request(1, 0, "/hold");
    wire_sync(&scene->w);
    memcpy(all, reset, 13);
    memcpy(all + 13, data, 13);
    wire_send(&scene->w, all, sizeof all);
    expect_goaway(1, NGHTTP2_STREAM_CLOSED, NULL);
    wire_wait_end(&scene->w);
    assert_int_equal(scene->gone, 1);
}

static void a_second_head_that_does_not_end_the_stream_ends_the_connection(void **state)
{
    greet();
    request(1, 0, "/early");
    (void)wire_wait(&scene->w, NGHTTP2_RST_STREAM);
    wire_head(&scene->w, 1, 0, WIRE_FIELDS("x-last", "words"));
    expect_goaway(1, NGHTTP2_PROTOCOL_ERROR, NULL);
    wire_wait_end(&scene->w);
}

static void resets_of_many_streams_leave_late_data_alone(void **state)
{
    greet();
    for (int32_t i = 0; i < 200; i++)
        request(2 * i + 1, 0, "/early");
    wire_sync(&scene->w);
    for (int32_t i = 0; i < 200; i++)
        wire_frame(&scene->w, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 2 * i + 1, "late", 4);
    call(401, "/echo");
}

int main(void)
{
#define A(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        A(its_settings_are_two_and_no_more),
        A(unknown_settings_are_tolerated_and_known_ones_kept),
        A(the_first_stream_may_be_three_and_numbers_may_be_left_out),
        A(an_even_stream_ends_the_connection),
        A(a_stream_below_the_last_one_ends_the_connection),
        A(an_answer_before_the_requests_end_is_followed_by_a_reset_without_error),
        A(large_trailers_lose_their_details_before_their_message),
        A(trailers_larger_than_the_peer_takes_are_shortened),
        A(large_trailers_that_the_peer_takes_go_on_in_continuations),
        A(a_head_over_the_limit_resets_its_stream_alone),
        A(a_head_may_come_in_continuations),
        A(a_connection_header_resets_the_stream),
        A(data_after_the_end_of_a_stream_ends_the_connection),
        A(data_after_a_reset_in_the_same_breath_ends_the_connection),
        A(a_second_head_that_does_not_end_the_stream_ends_the_connection),
        A(resets_of_many_streams_leave_late_data_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
