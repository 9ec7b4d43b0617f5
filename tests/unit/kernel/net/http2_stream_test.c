/* How far a peer may send ahead, how many streams run, and how a connection becomes HTTP/2 by Upgrade. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_stream.c"
#include "tests/unit/kernel/net/http2_scene.h"

/* --- windows -------------------------------------------------------------------------------- */
static void send_body(int32_t id, size_t len)
{
    static const uint8_t zeros[16384];
    for (size_t part; len; len -= part) {
        part = len < sizeof zeros ? len : sizeof zeros;
        wire_frame(&scene->w, NGHTTP2_DATA, 0, id, zeros, part);
    }
}

static void one_reader_that_stands_still_does_not_hold_up_others(void **state)
{
    greet();
    request(1, 0, "/hold");
    send_body(1, 65535);
    wire_sync(&scene->w);
    assert_int_equal(scene->got, 65535);
    request(3, 0, "/echo");
    send_body(3, 65535);            /* the connection's window has been opened again */
    wire_sync(&scene->w);
    assert_int_equal(scene->got, 2 * 65535);
}

static void a_stream_nobody_reads_gets_no_more_room(void **state)
{
    struct wire_frame f;
    greet();
    request(1, 0, "/hold");
    send_body(1, 65535);
    wire_frame(&scene->w, NGHTTP2_PING, 0, 0, "the last", 8);
    do {
        assert_true(wire_next(&scene->w, &f));
        assert_false(f.type == NGHTTP2_WINDOW_UPDATE && f.id == 1);
    } while (f.type != NGHTTP2_PING || !(f.flags & NGHTTP2_FLAG_ACK));
    wire_frame(&scene->w, NGHTTP2_DATA, 0, 1, "!", 1);
    assert_int_equal(wire_u32(wire_wait(&scene->w, NGHTTP2_RST_STREAM).at), NGHTTP2_FLOW_CONTROL_ERROR);
}

static const uint8_t measuring_text[8] = {2, 4, 16, 16, 9, 14, 7, 7};

static bool is_measuring(const struct wire_frame *f)
{
    return f->type == NGHTTP2_PING && !(f->flags & NGHTTP2_FLAG_ACK) && !memcmp(f->at, measuring_text, 8);
}

/* A peer at the other end of a long line: it sends as far as the windows let it, and what it says to a ping comes with
 * what it sends next. */
struct far {
    int64_t connection, stream;
    bool owes_answer;
};

static void hear_to_answer(struct far *peer)
{
    struct wire_frame f;
    server()->h.guard.wrote = true;             /* the pings of these tests are no abuse */
    wire_frame(&scene->w, NGHTTP2_PING, 0, 0, "in sync!", 8);
    do {
        assert_true(wire_next(&scene->w, &f));
        if (f.type == NGHTTP2_WINDOW_UPDATE)
            *(f.id ? &peer->stream : &peer->connection) += wire_u32(f.at);
        peer->owes_answer |= is_measuring(&f);
    } while (f.type != NGHTTP2_PING || !(f.flags & NGHTTP2_FLAG_ACK));
}

/* Twice, because answers to pings overtake other frames. */
static void hear(struct far *peer)
{
    hear_to_answer(peer);
    hear_to_answer(peer);
}

static void one_way_and_back(struct far *peer, uint64_t delay_ns)
{
    int64_t room = peer->connection < peer->stream ? peer->connection : peer->stream;
    send_body(1, (size_t)room);
    peer->connection -= room;
    peer->stream -= room;
    if (peer->owes_answer) {
        server()->h.window.asked_ns -= delay_ns;
        wire_frame(&scene->w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, measuring_text, 8);
        peer->owes_answer = false;
    }
    hear(peer);
}

static void the_windows_of_a_far_peer_grow_up_to_their_limit(void **state)
{
    struct far peer = {65535, 65535, false};
    int turns = 0;
    greet();
    request(1, 0, "/count");
    while (peer.stream < (8 << 20) && turns++ < 30)
        one_way_and_back(&peer, 2 * CLOCK_S);
    assert_in_range(turns, 3, 15);
    assert_in_range(server()->h.window.size, 8 << 20, HTTP2_MAX_WINDOW);
    request(3, 0, "/hold");
    send_body(3, 65535);            /* a new stream begins as small as the first */
    wire_sync(&scene->w);
    wire_frame(&scene->w, NGHTTP2_DATA, 0, 3, "!", 1);
    assert_int_equal(wire_u32(wire_wait(&scene->w, NGHTTP2_RST_STREAM).at), NGHTTP2_FLOW_CONTROL_ERROR);
}

static void very_much_that_nobody_reads_stops_the_connection(void **state)
{
    struct far peer = {65535, 0, false};
    uint64_t held = 0;
    greet();
    for (int32_t id = 1; peer.connection; id += 2) {
        int64_t n = peer.connection < 65535 ? peer.connection : 65535;
        request(id, 0, "/hold");
        send_body(id, (size_t)n);
        peer.connection -= n;
        held += (uint64_t)n;
        hear(&peer);
    }
    assert_in_range(held, HTTP2_MAX_HELD, HTTP2_MAX_HELD + 65535);
    assert_int_equal(server()->h.held, held);
    scene->held[0]->ops->consume(scene->held[0], 65535);    /* somebody reads */
    hear(&peer);
    assert_in_range(peer.connection, 32768, 65535);
    wire_reset(&scene->w, 3, NGHTTP2_CANCEL);               /* and somebody has gone, with what was held for it */
    hear(&peer);
    assert_int_equal(server()->h.held, held - 2 * 65535);
}

static void a_thousand_streams_run_and_the_next_ones_wait(void **state)
{
    greet();
    for (int32_t i = 0; i < 1010; i++)
        request(2 * i + 1, 0, "/hold");
    wire_sync(&scene->w);
    assert_int_equal(scene->requests, 1000);
    for (int32_t i = 0; i < 4; i++)
        wire_reset(&scene->w, 2 * i + 1, NGHTTP2_CANCEL);
    wire_reset(&scene->w, 2 * 1000 + 1, NGHTTP2_CANCEL);    /* one that waits */
    wire_sync(&scene->w);
    assert_int_equal(scene->requests, 1004);
    assert_int_equal(server()->waiting_count, 5);
}

/* --- Upgrade: h2c --------------------------------------------------------------------------- */
static void upgrade(const char *settings)
{
    char text[512];
    int len = snprintf(text, sizeof text, "GET /hello HTTP/1.1\r\nHost: me\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                       "Upgrade: h2c\r\nHTTP2-Settings: %s\r\n\r\n", settings);
    wire_send(&scene->w, text, (size_t)len);
    static const char expected[] = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    timer_after(scene->loop, &scene->w.limit, WIRE_LIMIT_NS, wire_on_limit, NULL);
    while (scene->w.len < sizeof expected - 1 && !scene->w.is_eof)
        loop_run(scene->loop);
    timer_end(&scene->w.limit);
    assert_true(scene->w.len >= sizeof expected - 1);
    assert_memory_equal(scene->w.in, expected, sizeof expected - 1);
    scene->w.taken = sizeof expected - 1;
}

static void an_upgrade_makes_the_request_stream_one_under_its_settings(void **state)
{
    scene->setup.http1 = scene->setup.upgrade_h2c = true;
    scene->setup.grpc_keepalive = false;
    upgrade("AAQAAAAK");            /* INITIAL_WINDOW_SIZE 10 */
    assert_int_equal(wire_wait(&scene->w, NGHTTP2_SETTINGS).len, 12);
    wire_send(&scene->w, WIRE_PREFACE, 24);
    wire_setting(&scene->w, 0, 0);
    struct wire_frame f = wire_wait(&scene->w, NGHTTP2_HEADERS);
    assert_int_equal(f.id, 1);
    assert_text(field(&f, ":status"), "200");
    assert_int_equal(scene->ended, 1);
    assert_int_equal(nghttp2_session_get_stream_remote_window_size(server()->h.ng, 1), 10);
    call(3, "/echo");
}

static void an_upgrade_with_settings_that_cannot_be_read_ends_the_connection(void **state)
{
    scene->setup.http1 = scene->setup.upgrade_h2c = true;
    upgrade("AAQAAAA");             /* cut */
    expect_goaway(0, NGHTTP2_PROTOCOL_ERROR, NULL);
    wire_wait_end(&scene->w);
    assert_int_equal(scene->requests, 0);
}

static void a_port_for_grpc_alone_knows_no_upgrade(void **state)
{
    static const char text[] = "GET /hello HTTP/1.1\r\nHost: me\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                               "Upgrade: h2c\r\nHTTP2-Settings: AAQAAAAK\r\n\r\n";
    wire_send(&scene->w, text, sizeof text - 1);
    wire_wait_end(&scene->w);
    assert_int_equal(scene->requests, 0);
}

int main(void)
{
#define A(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        A(one_reader_that_stands_still_does_not_hold_up_others),
        A(a_stream_nobody_reads_gets_no_more_room),
        A(the_windows_of_a_far_peer_grow_up_to_their_limit),
        A(very_much_that_nobody_reads_stops_the_connection),
        A(a_thousand_streams_run_and_the_next_ones_wait),
        A(an_upgrade_makes_the_request_stream_one_under_its_settings),
        A(an_upgrade_with_settings_that_cannot_be_read_ends_the_connection),
        A(a_port_for_grpc_alone_knows_no_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
