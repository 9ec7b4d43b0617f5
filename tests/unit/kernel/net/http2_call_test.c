/* Calls of ours against a server that misbehaves frame by frame: it goes away, refuses, resets at every moment, allows
 * one stream, falls silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_call.c"
#include "tests/unit/kernel/net/wire.h"
#include <base/clock.h>
#include <net/socket.h>
#include <stdio.h>

#define CALLS 16

struct call {
    struct http_call base;          /* first */
    struct http_head head;
    int status;
    bool ended, failed, had_trailers, has_room;
    trb_code code;
    char text[512];
    size_t got;
    struct trb_slice grpc_status;
};

struct scene {
    struct loop *loop;
    struct http_target target;
    struct http_pool *pool;
    int fd;
    struct watch watch;
    struct timer limit;
    struct wire wires[4];
    uint32_t accepted, begun;
    struct call calls[CALLS];
};
static struct scene *scene;

/* --- the caller ----------------------------------------------------------------------------- */
static void on_call_head(struct http_call *base, const struct http_head *head)
{
    struct call *c = (struct call *)base;
    c->status = head->status;
    c->grpc_status = http_header_get(&head->headers, SLICE("grpc-status"));
}

static void on_call_data(struct http_call *base, struct trb_data piece)
{
    ((struct call *)base)->got += piece.len;
    http_call_consume(base, piece.len);
}

static void on_call_end(struct http_call *base, const struct http_headers *trailers)
{
    struct call *c = (struct call *)base;
    assert_false(c->ended || c->failed);
    c->ended = true;
    c->had_trailers = trailers != NULL;
    if (trailers)
        c->grpc_status = http_header_get(trailers, SLICE("grpc-status"));
    loop_stop(scene->loop);
}

static void on_call_room(struct http_call *base)
{
    ((struct call *)base)->has_room = true;
}

static void on_call_failed(struct http_call *base, const struct trb_error *err)
{
    struct call *c = (struct call *)base;
    assert_false(c->ended || c->failed);
    c->failed = true;
    c->code = err->code;
    snprintf(c->text, sizeof c->text, "%s", err->message);
    loop_stop(scene->loop);
}

static const struct http_call_events call_events = {on_call_head, on_call_data, on_call_end, on_call_room, on_call_failed};

/* Its body is still to be written. */
static struct call *begin(void)
{
    struct call *c = &scene->calls[scene->begun++];
    c->base = (struct http_call){.events = &call_events, .arena = arena_create(1u << 20)};
    c->head = (struct http_head){.method = SLICE("POST"), .target = SLICE("/a/b"), .authority = SLICE("there"),
                                 .content_length = HTTP_LENGTH_UNKNOWN};
    http_pool_call(scene->pool, &c->base, &c->head, (struct trb_data){0});
    return c;
}

static struct call *begin_whole(const char *body)
{
    struct call *c = begin();
    (void)http_call_write(&c->base, (struct trb_data){body, strlen(body), NULL});
    http_call_finish(&c->base, NULL);
    return c;
}

static void run_to_end(const struct call *c)
{
    timer_after(scene->loop, &scene->limit, WIRE_LIMIT_NS, wire_on_limit, NULL);
    while (!c->ended && !c->failed)
        loop_run(scene->loop);
    timer_end(&scene->limit);
}

/* --- the server ----------------------------------------------------------------------------- */
static void on_accept(void *arg, uint32_t what)
{
    int fd = accept4(scene->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    assert_true(scene->accepted < countof(scene->wires));
    wire_open(&scene->wires[scene->accepted++], scene->loop, fd);
    loop_stop(scene->loop);
}

/* The next connection, up to its first SETTINGS. */
static struct wire *meet(uint32_t number)
{
    struct wire *w = &scene->wires[number];
    timer_after(scene->loop, &scene->limit, WIRE_LIMIT_NS, wire_on_limit, NULL);
    while (scene->accepted <= number || w->len < 24)
        loop_run(scene->loop);
    timer_end(&scene->limit);
    assert_memory_equal(w->in, WIRE_PREFACE, 24);
    w->taken = 24;
    struct wire_frame f;
    assert_true(wire_next(w, &f));
    assert_int_equal(f.type, NGHTTP2_SETTINGS);
    assert_int_equal(f.len, 0);
    return w;
}

static struct wire *greet(uint32_t number)
{
    struct wire *w = meet(number);
    wire_setting(w, 0, 0);
    return w;
}

static void answer_head(struct wire *w, int32_t id)
{
    wire_head(w, id, 0, WIRE_FIELDS(":status", "200", "content-type", "application/grpc"));
}

static void answer(struct wire *w, int32_t id)
{
    answer_head(w, id);
    wire_frame(w, NGHTTP2_DATA, 0, id, "hello", 5);
    wire_head(w, id, NGHTTP2_FLAG_END_STREAM, WIRE_FIELDS("grpc-status", "0"));
}

/* A whole request: how long its body was. */
static size_t hear(struct wire *w, int32_t id)
{
    struct wire_frame f;
    size_t len = 0;
    do {
        if (!wire_next(w, &f))
            fail_msg("closed");
        if (f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_DATA)
            assert_int_equal(f.id, id);
        len += f.type == NGHTTP2_DATA ? f.len : 0;
    } while ((f.type != NGHTTP2_HEADERS && f.type != NGHTTP2_DATA) || !(f.flags & NGHTTP2_FLAG_END_STREAM));
    return len;
}

static int prepare(void **state)
{
    scene = mem_zero(sizeof *scene);
    scene->loop = loop_create(0, NULL);
    assert_int_equal(socket_listen(SLICE("127.0.0.1"), 0, &scene->fd, NULL), 0);
    assert_int_equal(watch_set(scene->loop, &scene->watch, scene->fd, LOOP_READ, on_accept, NULL, NULL), 0);
    scene->target = (struct http_target){.host = SLICE("127.0.0.1"), .port = socket_port(scene->fd), .version = 2,
                                         .max_streams = 100, .connect_timeout_ns = 5 * CLOCK_S, .max_head = 10000,
                                         .keepalive_ns = 10 * CLOCK_S, .keepalive_timeout_ns = 5 * CLOCK_S};
    scene->pool = http_pool_create(scene->loop, &scene->target);
    return 0;
}

static int clean_up(void **state)
{
    http_pool_destroy(scene->pool);
    for (uint32_t i = 0; i < scene->accepted; i++)
        wire_close(&scene->wires[i]);
    for (uint32_t i = 0; i < scene->begun; i++)
        arena_destroy(scene->calls[i].base.arena);
    watch_end(&scene->watch);
    close(scene->fd);
    timer_end(&scene->limit);
    loop_destroy(scene->loop);
    mem_free(scene);
    return 0;
}

static struct http2_client *link_of(const struct call *c)
{
    return ((struct pool_call *)c->base.link)->on->state;
}

#define assert_text(slice, text) assert_true(slice_is(slice, SLICE(text)))

/* --- resets --------------------------------------------------------------------------------- */
static void a_reset_after_the_head_fails_the_call(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    assert_int_equal(hear(w, 1), 4);
    answer_head(w, 1);
    wire_reset(w, 1, NGHTTP2_NO_ERROR);
    run_to_end(c);
    assert_true(c->failed);
    assert_int_equal(c->code, TRB_INTERNAL);
    assert_string_equal(c->text, "stream terminated by RST_STREAM with error code: NO_ERROR");
}

static void a_reset_amid_the_data_fails_the_call(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    answer_head(w, 1);
    wire_frame(w, NGHTTP2_DATA, 0, 1, "\0\0\0\0\x09half", 9);
    wire_reset(w, 1, NGHTTP2_INTERNAL_ERROR);
    run_to_end(c);
    assert_true(c->failed && c->got == 9);
    assert_int_equal(c->code, TRB_INTERNAL);
}

static void a_reset_after_the_data_fails_the_call(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    answer_head(w, 1);
    wire_frame(w, NGHTTP2_DATA, 0, 1, "\0\0\0\0\x04whole", 9);
    wire_reset(w, 1, NGHTTP2_NO_ERROR);
    run_to_end(c);
    assert_true(c->failed && c->got == 9);
}

static void a_reset_behind_the_trailers_takes_nothing_away(void **state)
{
    struct call *c = begin();
    struct wire *w = greet(0);
    (void)wire_wait(w, NGHTTP2_HEADERS);
    answer(w, 1);
    wire_reset(w, 1, NGHTTP2_NO_ERROR);
    run_to_end(c);
    assert_true(c->ended && c->had_trailers);
    assert_text(c->grpc_status, "0");
}

static void each_code_of_a_reset_has_its_status(void **state)
{
    static const struct {
        uint32_t http2;
        trb_code code;
        const char *name;
    } rows[] = {{NGHTTP2_NO_ERROR, TRB_INTERNAL, "NO_ERROR"},
                {NGHTTP2_PROTOCOL_ERROR, TRB_INTERNAL, "PROTOCOL_ERROR"},
                {NGHTTP2_INTERNAL_ERROR, TRB_INTERNAL, "INTERNAL_ERROR"},
                {NGHTTP2_FLOW_CONTROL_ERROR, TRB_EXHAUSTED, "FLOW_CONTROL_ERROR"},
                {NGHTTP2_SETTINGS_TIMEOUT, TRB_INTERNAL, "SETTINGS_TIMEOUT"},
                {NGHTTP2_STREAM_CLOSED, TRB_INTERNAL, "STREAM_CLOSED"},
                {NGHTTP2_FRAME_SIZE_ERROR, TRB_INTERNAL, "FRAME_SIZE_ERROR"},
                {NGHTTP2_CANCEL, TRB_CANCELLED, "CANCEL"},
                {NGHTTP2_COMPRESSION_ERROR, TRB_INTERNAL, "COMPRESSION_ERROR"},
                {NGHTTP2_CONNECT_ERROR, TRB_INTERNAL, "CONNECT_ERROR"},
                {NGHTTP2_ENHANCE_YOUR_CALM, TRB_EXHAUSTED, "ENHANCE_YOUR_CALM"},
                {NGHTTP2_INADEQUATE_SECURITY, TRB_DENIED, "INADEQUATE_SECURITY"},
                {NGHTTP2_HTTP_1_1_REQUIRED, TRB_INTERNAL, "HTTP_1_1_REQUIRED"}};
    struct wire *w = NULL;
    for (uint32_t i = 0; i < countof(rows); i++) {
        struct call *c = begin_whole("body");
        w = w ? w : greet(0);
        hear(w, (int32_t)(2 * i + 1));
        wire_reset(w, (int32_t)(2 * i + 1), rows[i].http2);
        run_to_end(c);
        assert_true(c->failed);
        assert_int_equal(c->code, rows[i].code);
        assert_true(slice_ends(slice_of(c->text), slice_of(rows[i].name)));
    }
    assert_int_equal(grpc_code_of_reset(NGHTTP2_REFUSED_STREAM), TRB_UNAVAILABLE);
}

/* --- what is said again --------------------------------------------------------------------- */
static void a_refused_stream_is_tried_again_with_all_that_was_written(void **state)
{
    struct call *c = begin();
    (void)http_call_write(&c->base, (struct trb_data){"first", 5, NULL});
    struct wire *w = greet(0);
    (void)wire_wait(w, NGHTTP2_DATA);
    (void)http_call_write(&c->base, (struct trb_data){"second", 6, NULL});
    (void)wire_wait(w, NGHTTP2_DATA);
    wire_reset(w, 1, NGHTTP2_REFUSED_STREAM);
    (void)wire_wait(w, NGHTTP2_HEADERS);
    struct wire_frame f = wire_wait(w, NGHTTP2_DATA);
    assert_int_equal(f.id, 3);
    assert_memory_equal(f.at, "firstsecond", 11);
    (void)http_call_write(&c->base, (struct trb_data){"third", 5, NULL});
    http_call_finish(&c->base, NULL);
    f = wire_wait(w, NGHTTP2_DATA);
    assert_memory_equal(f.at, "third", 5);
    answer(w, 3);
    run_to_end(c);
    assert_true(c->ended);
    assert_int_equal(scene->accepted, 1);
}

static void a_stream_that_is_refused_again_and_again_is_given_up(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    for (int32_t id = 1; id <= 5; id += 2) {
        assert_int_equal(hear(w, id), 4);
        wire_reset(w, id, NGHTTP2_REFUSED_STREAM);
    }
    run_to_end(c);
    assert_true(c->failed);
    assert_int_equal(c->code, TRB_UNAVAILABLE);
    assert_true(slice_ends(slice_of(c->text), SLICE("REFUSED_STREAM")));
}

static void a_large_body_that_was_sent_cannot_be_said_again(void **state)
{
    static char large[HTTP2_MAX_KEPT];
    struct call *c = begin();
    struct wire *w = greet(0);
    wire_setting(w, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20);
    wire_number(w, NGHTTP2_WINDOW_UPDATE, 0, 1 << 20);
    (void)http_call_write(&c->base, (struct trb_data){large, sizeof large, NULL});
    http_call_finish(&c->base, NULL);
    assert_int_equal(hear(w, 1), sizeof large);
    wire_reset(w, 1, NGHTTP2_REFUSED_STREAM);
    run_to_end(c);
    assert_true(c->failed);
    assert_int_equal(c->code, TRB_UNAVAILABLE);
}

static void what_was_answered_in_part_is_not_said_again(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    answer_head(w, 1);
    wire_reset(w, 1, NGHTTP2_REFUSED_STREAM);
    run_to_end(c);
    assert_true(c->failed);
    assert_int_equal(c->code, TRB_UNAVAILABLE);
}

static void going_away_lets_some_finish_and_sends_the_others_elsewhere(void **state)
{
    struct call *one = begin_whole("one");
    struct wire *w = greet(0);
    assert_int_equal(hear(w, 1), 3);
    struct call *two = begin_whole("two, longer");
    assert_int_equal(hear(w, 3), 11);
    wire_goaway(w, 1, NGHTTP2_NO_ERROR, "");
    struct wire *other = greet(1);
    assert_int_equal(hear(other, 1), 11);
    answer(other, 1);
    run_to_end(two);
    answer(w, 1);
    run_to_end(one);
    assert_true(one->ended && two->ended);
    wire_wait_end(w);               /* nothing runs on it any more */
}

static void going_away_in_two_steps_loses_nothing(void **state)
{
    struct call *one = begin_whole("one");
    struct wire *w = greet(0);
    hear(w, 1);
    wire_goaway(w, 0x7fffffff, NGHTTP2_NO_ERROR, "graceful_stop");
    wire_sync(w);
    struct call *two = begin_whole("two");
    struct wire *other = greet(1);
    assert_int_equal(hear(other, 1), 3);
    wire_goaway(w, 1, NGHTTP2_NO_ERROR, "");
    answer(w, 1);
    answer(other, 1);
    run_to_end(one);
    run_to_end(two);
    assert_true(one->ended && two->ended);
    assert_int_equal(scene->accepted, 2);
}

/* --- how many at once ----------------------------------------------------------------------- */
static void calls_wait_where_the_peer_allows_one_at_a_time(void **state)
{
    struct call *calls[3] = {begin_whole("a"), begin_whole("b"), begin_whole("c")};
    struct wire *w = meet(0);
    wire_setting(w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    for (int32_t i = 0; i < 3; i++) {
        hear(w, 2 * i + 1);
        wire_sync(w);
        struct wire_frame f;
        assert_false(wire_take(w, &f));     /* no other has begun */
        answer(w, 2 * i + 1);
        run_to_end(calls[i]);
        assert_true(calls[i]->ended);
    }
    assert_int_equal(scene->accepted, 1);
}

static void more_may_begin_when_the_peer_allows_more(void **state)
{
    struct call *a = begin_whole("a"), *b = begin_whole("b");
    struct wire *w = meet(0);
    wire_setting(w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    hear(w, 1);
    wire_setting(w, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
    hear(w, 3);
    answer(w, 3);
    answer(w, 1);
    run_to_end(a);
    run_to_end(b);
    assert_int_equal(scene->accepted, 1);
}

/* --- pings, windows, heads ------------------------------------------------------------------ */
static void pings_of_the_peer_are_answered_amid_a_call(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    answer_head(w, 1);
    wire_sync(w);
    wire_frame(w, NGHTTP2_DATA, 0, 1, "hello", 5);
    wire_sync(w);
    wire_head(w, 1, NGHTTP2_FLAG_END_STREAM, WIRE_FIELDS("grpc-status", "0"));
    run_to_end(c);
    assert_true(c->ended);
}

static void an_answer_may_be_trailers_alone(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    wire_head(w, 1, NGHTTP2_FLAG_END_STREAM, WIRE_FIELDS(":status", "200", "grpc-status", "7", "grpc-message", "no"));
    run_to_end(c);
    assert_true(c->ended && !c->had_trailers);
    assert_text(c->grpc_status, "7");
}

static void a_head_beyond_the_limit_fails_its_call_alone(void **state)
{
    static char large[10000];
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    memset(large, 'x', sizeof large - 1);
    hear(w, 1);
    wire_head(w, 1, 0, WIRE_FIELDS(":status", "200", "x-large", large));
    run_to_end(c);
    assert_int_equal(c->code, TRB_INTERNAL);
    assert_int_equal(wire_u32(wire_wait(w, NGHTTP2_RST_STREAM).at), NGHTTP2_FRAME_SIZE_ERROR);
    struct call *next = begin_whole("body");
    hear(w, 3);
    answer(w, 3);
    run_to_end(next);
    assert_true(next->ended);
}

static void a_download_from_afar_opens_the_windows(void **state)
{
    static const uint8_t zeros[16384], text[8] = {2, 4, 16, 16, 9, 14, 7, 7};
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    struct wire_frame f;
    hear(w, 1);
    answer_head(w, 1);
    for (int i = 0; i < 3; i++)
        wire_frame(w, NGHTTP2_DATA, 0, 1, zeros, sizeof zeros);
    do
        f = wire_wait(w, NGHTTP2_PING);
    while (f.flags & NGHTTP2_FLAG_ACK);
    assert_memory_equal(f.at, text, 8);
    wire_frame(w, NGHTTP2_DATA, 0, 1, zeros, 16383);
    link_of(c)->h.window.asked_ns -= 100 * CLOCK_MS;
    wire_frame(w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, text, 8);
    wire_sync(w);
    uint32_t size = link_of(c)->h.window.size;
    assert_in_range(size, 65536, 4 * 65536);
    wire_frame(w, NGHTTP2_DATA, 0, 1, "!", 1);
    wire_head(w, 1, NGHTTP2_FLAG_END_STREAM, WIRE_FIELDS("grpc-status", "0"));
    run_to_end(c);
    assert_int_equal(c->got, 65536);
}

static void pass(struct http2_client *k, uint64_t *moment_ns, uint64_t ns)
{
    *moment_ns -= ns;
    k->alive.fire(k->alive.arg);
}

static void a_silent_peer_is_asked_and_left_with_its_calls(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    struct http2_client *k = link_of(c);
    pass(k, &k->h.read_ns, 10 * CLOCK_S);
    struct wire_frame f = wire_wait(w, NGHTTP2_PING);
    wire_frame(w, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, f.at, 8);
    wire_sync(w);
    pass(k, &k->h.read_ns, 0);      /* it was answered */
    assert_false(c->failed);
    pass(k, &k->h.read_ns, 10 * CLOCK_S);
    (void)wire_wait(w, NGHTTP2_PING);
    pass(k, &k->h.read_ns, 5 * CLOCK_S);
    run_to_end(c);
    assert_true(c->failed);
    assert_int_equal(c->code, TRB_UNAVAILABLE);
}

static void a_link_without_calls_is_kept_alive_too(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    struct http2_client *k = link_of(c);
    answer(w, 1);
    run_to_end(c);
    pass(k, &k->h.read_ns, 10 * CLOCK_S);
    (void)wire_wait(w, NGHTTP2_PING);
}

static void who_is_told_of_too_many_pings_asks_half_as_often(void **state)
{
    struct call *c = begin_whole("body");
    struct wire *w = greet(0);
    hear(w, 1);
    wire_goaway(w, 1, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_pings");
    answer(w, 1);
    run_to_end(c);
    assert_true(c->ended);
    assert_int_equal(scene->pool->target.keepalive_ns, 20 * CLOCK_S);
}

int main(void)
{
#define A(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        A(a_reset_after_the_head_fails_the_call),
        A(a_reset_amid_the_data_fails_the_call),
        A(a_reset_after_the_data_fails_the_call),
        A(a_reset_behind_the_trailers_takes_nothing_away),
        A(each_code_of_a_reset_has_its_status),
        A(a_refused_stream_is_tried_again_with_all_that_was_written),
        A(a_stream_that_is_refused_again_and_again_is_given_up),
        A(a_large_body_that_was_sent_cannot_be_said_again),
        A(what_was_answered_in_part_is_not_said_again),
        A(going_away_lets_some_finish_and_sends_the_others_elsewhere),
        A(going_away_in_two_steps_loses_nothing),
        A(calls_wait_where_the_peer_allows_one_at_a_time),
        A(more_may_begin_when_the_peer_allows_more),
        A(pings_of_the_peer_are_answered_amid_a_call),
        A(an_answer_may_be_trailers_alone),
        A(a_head_beyond_the_limit_fails_its_call_alone),
        A(a_download_from_afar_opens_the_windows),
        A(a_silent_peer_is_asked_and_left_with_its_calls),
        A(a_link_without_calls_is_kept_alive_too),
        A(who_is_told_of_too_many_pings_asks_half_as_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
