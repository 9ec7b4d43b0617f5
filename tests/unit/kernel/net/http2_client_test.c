/* Calls of a pool against a server connection of ours, over loopback: what one side says is what the
 * other hears, in both directions, whatever ends first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_client.c"
#include <net/connection.h>
#include <net/http2_server.h>
#include <net/socket.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS 20000000000ull
#define CALLS 3000

struct call {
    struct http_call base;          /* first */
    struct http_head head;
    struct http_headers answer;
    int status;
    bool ended, failed, saw_trailers;
    trb_code code;
    struct gather got;
    size_t to_write;                /* of a streamed body */
    struct trb_slice status_trailer;
};

struct stage {
    struct loop *loop;
    struct http_server_setup setup;
    struct connection_home home;
    struct watch watch;
    int fd;
    struct http_target target;
    struct http_pool *pool;
    struct timer limit;
    struct call calls[CALLS];
    uint32_t open, requests, most_running, running, gone, accepted;
    struct exchange *held[CALLS];
    uint32_t held_count, hold_until;
    uint32_t refusals;
    bool stops_when_done, had_room_false, lets_go;
};
static struct stage *st;

/* --- the server ----------------------------------------------------------------------------- */
struct owner {
    struct gather body;
    struct http_header room[4];
};

static void release(struct exchange *x)
{
    struct owner *o = x->owner;
    gather_drop(&o->body);
    st->running--;
    x->ops->release(x);
}

static void reply(struct exchange *x, struct trb_data body)
{
    struct http_head head = {.status = 200};
    http_header_add(x->arena, &head.headers, SLICE("X-Target"), x->request.target);
    http_header_add(x->arena, &head.headers, SLICE("Connection"), SLICE("close"));
    exchange_reply(x, &head, body);
    release(x);
}

static void serve_data(struct exchange *x, struct trb_data piece)
{
    if (slice_is(x->request.target, SLICE("/echo"))) {
        st->had_room_false |= !x->ops->write(x, piece);
    } else {
        struct owner *o = x->owner;
        assert_true(gather_add(&o->body, slice_from(piece.at, piece.len), 1u << 28));
    }
    x->ops->consume(x, piece.len);
}

static void serve_end(struct exchange *x, const struct http_headers *trailers)
{
    struct http_headers list = {0};
    struct owner *o = x->owner;
    if (slice_is(x->request.target, SLICE("/hold"))) {
        st->held[st->held_count++] = x;
        while (st->held_count && (st->held_count >= st->hold_until || st->lets_go || st->requests == CALLS)) {
            st->lets_go = true;
            reply(st->held[--st->held_count], (struct trb_data){0});
        }
        st->lets_go = false;
    } else if (slice_is(x->request.target, SLICE("/echo"))) {
        http_header_add(x->arena, &list, SLICE("grpc-status"), SLICE("0"));
        http_header_add(x->arena, &list, SLICE("X-Said"),
                        http_header_get(trailers, SLICE("x-last")).at
                            ? http_header_get(trailers, SLICE("x-last")) : SLICE("nothing"));
        x->ops->finish(x, &list);
        release(x);
    } else if (slice_is(x->request.target, SLICE("/whole"))) {
        struct trb_buf *body = gather_finish(&o->body);
        reply(x, buf_data(body));
        buf_unref(body);
    }
}

static void serve_room(struct exchange *x)
{
}

static void serve_gone(struct exchange *x, const struct trb_error *err)
{
    st->gone++;
    for (uint32_t i = 0; i < st->held_count; i++)
        if (st->held[i] == x)
            st->held[i] = st->held[--st->held_count];
    release(x);
}

static const struct exchange_events server_events = {serve_data, serve_end, serve_room, serve_gone};

static void on_request(void *arg, struct exchange *x)
{
    x->events = &server_events;
    x->owner = arena_zero(x->arena, sizeof(struct owner));
    st->requests++;
    st->running++;
    if (st->running > st->most_running)
        st->most_running = st->running;
    struct http_head head = {.status = 200, .content_length = HTTP_LENGTH_UNKNOWN};
    if (slice_is(x->request.target, SLICE("/echo"))) {
        x->ops->respond(x, &head);
    } else if (slice_is(x->request.target, SLICE("/early"))) {
        reply(x, (struct trb_data){"no", 2, NULL});
    } else if (slice_is(x->request.target, SLICE("/only"))) {
        head.content_length = HTTP_NO_BODY;
        http_header_add(x->arena, &head.headers, SLICE("grpc-status"), SLICE("5"));
        exchange_reply(x, &head, (struct trb_data){0});
        release(x);
    } else if (slice_is(x->request.target, SLICE("/refuse")) && st->refusals) {
        st->refusals--;
        x->ops->reset(x, NGHTTP2_REFUSED_STREAM);
        release(x);
    } else if (slice_is(x->request.target, SLICE("/refuse"))) {
        reply(x, (struct trb_data){"yes", 3, NULL});
    } else if (slice_is(x->request.target, SLICE("/reset"))) {
        x->ops->reset(x, NGHTTP2_ENHANCE_YOUR_CALM);
        release(x);
    } else if (slice_is(x->request.target, SLICE("/drop"))) {
        release(x);
    }
}

static void stop_if_over(void)
{
    if (!st->open && st->stops_when_done)
        loop_stop(st->loop);
}

static void on_connection_ended(struct connection_home *home)
{
    stop_if_over();
}

static void on_accept(void *arg, uint32_t what)
{
    int fd = accept4(st->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    st->accepted++;
    connection_accept(&st->home, fd, NULL);
}

/* --- the caller ----------------------------------------------------------------------------- */
static struct call *call_of(struct http_call *base)
{
    return (struct call *)base;
}

static void on_call_head(struct http_call *base, const struct http_head *head)
{
    struct call *c = call_of(base);
    c->status = head->status;
    c->answer = head->headers;
}

static void on_call_data(struct http_call *base, struct trb_data piece)
{
    assert_true(gather_add(&call_of(base)->got, slice_from(piece.at, piece.len), 1u << 28));
    http_call_consume(base, piece.len);
}

static void over(struct call *c)
{
    st->open--;
    stop_if_over();
}

static void on_call_end(struct http_call *base, const struct http_headers *trailers)
{
    struct call *c = call_of(base);
    assert_false(c->ended || c->failed);
    c->ended = true;
    c->saw_trailers = trailers != NULL;
    c->status_trailer = trailers ? http_header_get(trailers, SLICE("x-said")) : (struct trb_slice){0};
    over(c);
}

static void stream_on(struct call *c)
{
    static char piece[10000];
    while (c->to_write) {
        size_t n = c->to_write < sizeof piece ? c->to_write : sizeof piece;
        memset(piece, 'a' + (int)(c->to_write % 23), n);
        c->to_write -= n;
        if (!http_call_write(&c->base, (struct trb_data){piece, n, NULL}) && c->to_write)
            return;
    }
    struct http_headers *list = arena_zero(c->base.arena, sizeof *list);
    http_header_add(c->base.arena, list, SLICE("X-Last"), SLICE("words"));
    http_call_finish(&c->base, list);
}

static void on_call_room(struct http_call *base)
{
    stream_on(call_of(base));
}

static void on_call_failed(struct http_call *base, const struct trb_error *err)
{
    struct call *c = call_of(base);
    assert_false(c->ended || c->failed);
    c->failed = true;
    c->code = err->code;
    over(c);
}

static const struct http_call_events call_events = {on_call_head, on_call_data, on_call_end, on_call_room,
                                                    on_call_failed};

static struct call *begin(uint32_t i, const char *target, const char *method, int64_t length, struct trb_data body)
{
    struct call *c = &st->calls[i];
    c->base = (struct http_call){.events = &call_events, .arena = arena_create(1u << 20)};
    c->head = (struct http_head){.method = slice_of(method), .target = slice_of(target),
                                 .authority = SLICE("somewhere:1"), .content_length = length};
    http_header_add(c->base.arena, &c->head.headers, SLICE("X-Number"), SLICE("  12 "));
    http_header_add(c->base.arena, &c->head.headers, SLICE("Connection"), SLICE("keep-alive"));
    st->open++;
    http_pool_call(st->pool, &c->base, &c->head, body);
    return c;
}

static struct call *get(uint32_t i, const char *target)
{
    return begin(i, target, "GET", HTTP_NO_BODY, (struct trb_data){0});
}

static void on_limit(void *arg)
{
    fail_msg("not over: %u calls open, %u running, %u requests", st->open, st->running, st->requests);
}

static int prepare(void **state)
{
    st = mem_zero(sizeof *st);
    st->loop = loop_create(0, NULL);
    st->setup = (struct http_server_setup){.on_request = on_request, .max_head = 65536, .window = 1u << 18,
                                           .http1 = true, .http2 = true, .http2_max_header_list = 65536};
    connection_home_init(&st->home, st->loop, &st->setup);
    st->home.ended = on_connection_ended;
    st->stops_when_done = true;
    assert_int_equal(socket_listen(SLICE("127.0.0.1"), 0, &st->fd, NULL), 0);
    assert_int_equal(watch_set(st->loop, &st->watch, st->fd, LOOP_READ, on_accept, NULL, NULL), 0);
    st->target = (struct http_target){.host = SLICE("127.0.0.1"), .port = socket_port(st->fd), .version = 2,
                                      .max_streams = 100, .window = 1u << 18,
                                      .connect_timeout_ns = 5000000000ull};
    st->pool = http_pool_create(st->loop, &st->target);
    timer_after(st->loop, &st->limit, LIMIT_NS, on_limit, NULL);
    return 0;
}

static void pool_again(void)
{
    http_pool_destroy(st->pool);
    st->pool = http_pool_create(st->loop, &st->target);
}

static void run(void)
{
    loop_run(st->loop);
}

static void stop_now(void *arg)
{
    loop_stop(st->loop);
}

static int clean_up(void **state)
{
    st->pool = http_pool_destroy(st->pool);
    connection_home_cut(&st->home);
    struct timer last = {0};
    while (st->home.count) {
        timer_after(st->loop, &last, 1000000, stop_now, NULL);
        run();
    }
    assert_int_equal(st->running, 0);
    for (uint32_t i = 0; i < CALLS; i++) {
        gather_drop(&st->calls[i].got);
        arena_destroy(st->calls[i].base.arena);
    }
    watch_end(&st->watch);
    close(st->fd);
    timer_end(&st->limit);
    timer_end(&last);
    loop_destroy(st->loop);
    mem_free(st);
    return 0;
}

/* --- the tests ------------------------------------------------------------------------------ */
static void a_whole_body_comes_back_whole(void **state)
{
    struct call *c = begin(0, "/whole", "POST", 5, (struct trb_data){"hello", 5, NULL});
    run();
    assert_true(c->ended && !c->saw_trailers);
    assert_int_equal(c->status, 200);
    assert_int_equal(c->got.len, 5);
    assert_memory_equal(buf_bytes(c->got.buf).at, "hello", 5);
    assert_true(slice_is(http_header_get(&c->answer, SLICE("x-target")), SLICE("/whole")));
    assert_true(slice_is(http_header_get(&c->answer, SLICE("content-length")), SLICE("5")));
    assert_non_null(http_header_get(&c->answer, SLICE("date")).at);
    assert_null(http_header_get(&c->answer, SLICE("connection")).at);
}

static void streams_flow_both_ways_with_trailers(void **state)
{
    struct call *c = begin(0, "/echo", "POST", HTTP_LENGTH_UNKNOWN, (struct trb_data){0});
    c->to_write = 12345678;
    stream_on(c);
    run();
    assert_true(c->ended && c->saw_trailers);
    assert_int_equal(c->got.len, 12345678);
    assert_true(slice_is(c->status_trailer, SLICE("words")));
    size_t left = 12345678;
    for (const char *at = buf_bytes(c->got.buf).at; left;) {
        size_t n = left < 10000 ? left : 10000;
        assert_int_equal(at[0], 'a' + (int)(left % 23));
        assert_int_equal(at[n - 1], 'a' + (int)(left % 23));
        at += n;
        left -= n;
    }
}

static void an_answer_without_body_is_one_head(void **state)
{
    struct call *c = get(0, "/only");
    run();
    assert_true(c->ended && !c->saw_trailers && !c->got.len);
    assert_true(slice_is(http_header_get(&c->answer, SLICE("grpc-status")), SLICE("5")));
}

static void an_early_answer_ends_the_upload_in_peace(void **state)
{
    struct call *c = begin(0, "/early", "POST", HTTP_LENGTH_UNKNOWN, (struct trb_data){0});
    c->to_write = 100000000;
    stream_on(c);
    run();
    assert_true(c->ended);
    assert_int_equal(c->got.len, 2);
    struct call *next = begin(1, "/whole", "POST", 5, (struct trb_data){"again", 5, NULL});
    run();
    assert_true(next->ended && next->base.reused);
    assert_int_equal(st->accepted, 1);
}

static void what_was_refused_is_repeated_what_was_reset_is_not(void **state)
{
    st->refusals = 2;
    struct call *refused = get(0, "/refuse");
    run();
    assert_true(refused->ended);
    assert_int_equal(st->requests, 3);
    struct call *reset = get(1, "/reset"), *dropped = get(2, "/drop");
    run();
    assert_true(reset->failed && dropped->failed);
    assert_int_equal(reset->code, TRB_EXHAUSTED);
    assert_int_equal(dropped->code, TRB_CANCELLED);
}

static void a_cancelled_call_is_gone_for_the_server(void **state)
{
    struct call *held = get(0, "/hold");
    st->hold_until = 2;
    struct call *c = get(1, "/whole");
    st->stops_when_done = false;
    while (!c->ended || !st->held_count) {
        struct timer t = {0};
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
        timer_end(&t);
    }
    http_call_cancel(&held->base);
    while (!st->gone) {
        struct timer t = {0};
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
        timer_end(&t);
    }
    assert_false(held->ended || held->failed);
    assert_int_equal(st->running, 0);
}

static void links_take_their_streams_and_no_more(void **state)
{
    st->hold_until = 250;
    for (uint32_t i = 0; i < 250; i++)
        get(i, "/hold");
    run();
    for (uint32_t i = 0; i < 250; i++)
        assert_true(st->calls[i].ended);
    assert_int_equal(st->accepted, 3);
}

static void streams_beyond_a_thousand_wait_their_turn(void **state)
{
    st->target.max_streams = 100000;
    pool_again();
    st->hold_until = HTTP2_RUNNING;
    get(0, "/whole");
    run();                          /* the server's settings are known now */
    for (uint32_t i = 1; i < CALLS; i++)
        begin(i, "/hold", "POST", 3, (struct trb_data){"abc", 3, NULL});
    run();
    for (uint32_t i = 0; i < CALLS; i++)
        assert_true(st->calls[i].ended);
    assert_int_equal(st->requests, CALLS);
    assert_int_equal(st->accepted, 1);
    assert_int_equal(st->most_running, HTTP2_RUNNING);
}

static void draining_lets_calls_finish_and_sends_new_ones_elsewhere(void **state)
{
    st->hold_until = 2;
    struct call *held = get(0, "/hold"), *c = get(1, "/whole");
    st->stops_when_done = false;
    struct timer t = {0};
    while (!c->ended || !st->held_count) {
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
    }
    connection_home_drain(&st->home);
    st->home.draining = false;      /* the next one may come */
    for (int i = 0; i < 5; i++) {
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
    }
    struct call *next = get(2, "/hold");
    st->stops_when_done = true;
    run();
    assert_true(held->ended && next->ended);
    assert_int_equal(st->accepted, 2);
    while (st->home.count > 1) {
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
    }
    timer_end(&t);
}

static void a_lost_connection_fails_what_runs(void **state)
{
    st->hold_until = 100;
    for (uint32_t i = 0; i < 10; i++)
        begin(i, "/hold", "POST", HTTP_LENGTH_UNKNOWN, (struct trb_data){0});
    struct timer t = {0};
    while (st->requests < 10) {
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
    }
    timer_end(&t);
    connection_home_cut(&st->home);
    st->home.draining = false;
    run();
    for (uint32_t i = 0; i < 10; i++)
        assert_true(st->calls[i].failed);
    assert_int_equal(st->gone, 10);
}

static void a_pool_that_ends_cancels_its_calls(void **state)
{
    st->hold_until = 100;
    for (uint32_t i = 0; i < 10; i++)
        get(i, "/hold");
    struct timer t = {0};
    while (st->requests < 10) {
        timer_after(st->loop, &t, 1000000, stop_now, NULL);
        run();
    }
    timer_end(&t);
    pool_again();
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(st->calls[i].code, TRB_CANCELLED);
}

int main(void)
{
#define A(test) cmocka_unit_test_setup_teardown(test, prepare, clean_up)
    const struct CMUnitTest tests[] = {
        A(a_whole_body_comes_back_whole),
        A(streams_flow_both_ways_with_trailers),
        A(an_answer_without_body_is_one_head),
        A(an_early_answer_ends_the_upload_in_peace),
        A(what_was_refused_is_repeated_what_was_reset_is_not),
        A(a_cancelled_call_is_gone_for_the_server),
        A(links_take_their_streams_and_no_more),
        A(streams_beyond_a_thousand_wait_their_turn),
        A(draining_lets_calls_finish_and_sends_new_ones_elsewhere),
        A(a_lost_connection_fails_what_runs),
        A(a_pool_that_ends_cancels_its_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
