/* A server connection over a socket pair: whatever the peer sends in whatever pieces, it gets one
 * answer for each request, in order, and learns when it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http1_server.c"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_NS 20000000000ull

struct peer {                       /* the other end, and what it is to do */
    struct loop *loop;
    struct connection_home home;
    struct http_server_setup setup;
    int fd;
    struct watch watch;
    struct timer pace, limit;
    const char *send;
    size_t send_len, sent, step;
    bool keeps_open;                /* does not shut down its side after sending */
    char *got;
    size_t got_len;
    uint32_t requests, gone, ended;
    char gone_text[128];
    bool answers_late, ignores_body, streams;
    uint32_t pours;                 /* pieces still to be streamed as there is room */
    size_t most_unsent;
    struct timer late;
};
static struct peer *peer;

struct owner {
    struct gather body;
    struct http_header room[4];
    size_t held;
};

static void answer(struct exchange *x)
{
    struct owner *o = x->owner;
    struct trb_buf *body = gather_finish(&o->body);
    struct http_head head = {.status = 200, .headers = {o->room, 0, 4}};
    http_header_add(x->arena, &head.headers, SLICE("X-Target"), x->request.target);
    if (peer->streams) {
        head.content_length = HTTP_LENGTH_UNKNOWN;
        x->ops->respond(x, &head);
        x->ops->write(x, buf_data(body));
        x->ops->finish(x, NULL);
    } else
        exchange_reply(x, &head, buf_data(body));
    buf_unref(body);
    x->ops->release(x);
}

#define PIECE 50000u

static void pour(struct exchange *x)
{
    static char piece[PIECE];
    bool has_room = true;
    while (peer->pours && has_room) {
        peer->pours--;
        has_room = x->ops->write(x, (struct trb_data){piece, sizeof piece, NULL});
        size_t unsent = stream_unsent(x->connection->stream);
        if (unsent > peer->most_unsent)
            peer->most_unsent = unsent;
    }
    if (peer->pours)
        return;
    x->ops->finish(x, NULL);
    x->ops->release(x);
}

static void on_late(void *arg)
{
    answer(arg);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
    struct owner *o = x->owner;
    assert_true(gather_add(&o->body, slice_from(piece.at, piece.len), 1u << 26));
    x->ops->consume(x, piece.len);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    peer->ended++;
    if (peer->pours) {
        struct http_head head = {.status = 200, .content_length = HTTP_LENGTH_UNKNOWN};
        x->ops->respond(x, &head);
        pour(x);
    } else if (peer->answers_late)
        timer_after(x->loop, &peer->late, 1000000, on_late, x);
    else
        answer(x);
}

static void on_room(struct exchange *x)
{
    pour(x);
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    struct owner *o = x->owner;
    peer->gone++;
    snprintf(peer->gone_text, sizeof peer->gone_text, "%.100s", err->message);
    gather_drop(&o->body);
    timer_end(&peer->late);
    x->ops->release(x);
}

static const struct exchange_events owner_events = {on_data, on_end, on_room, on_gone};

static void on_request(void *arg, struct exchange *x)
{
    peer->requests++;
    x->events = &owner_events;
    x->owner = arena_zero(x->arena, sizeof(struct owner));
    if (peer->ignores_body)
        answer(x);
}

static void stop_when_over(struct connection_home *home)
{
    if (peer->fd < 0 && !home->count)
        loop_stop(peer->loop);
}

static void hang_up(void)
{
    watch_end(&peer->watch);
    close(peer->fd);
    peer->fd = -1;
    stop_when_over(&peer->home);
}

static void on_peer_ready(void *arg, uint32_t what)
{
    char piece[65536];
    ssize_t got = read(peer->fd, piece, sizeof piece);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        hang_up();
        return;
    }
    peer->got = realloc(peer->got, peer->got_len + (size_t)got + 1);
    memcpy(peer->got + peer->got_len, piece, (size_t)got);
    peer->got_len += (size_t)got;
    peer->got[peer->got_len] = 0;
}

static void on_limit(void *arg)
{
    fail_msg("the connection did not end; so far: %s", peer->got ? peer->got : "nothing");
}

static void on_pace(void *arg)
{
    if (peer->fd < 0)
        return;
    size_t n = peer->send_len - peer->sent;
    if (n > peer->step)
        n = peer->step;
    ssize_t sent = n ? send(peer->fd, peer->send + peer->sent, n, MSG_NOSIGNAL) : 0;
    if (sent > 0)
        peer->sent += (size_t)sent;
    bool is_refused = sent < 0 && errno != EAGAIN;
    if (peer->sent < peer->send_len && !is_refused)
        timer_after(peer->loop, &peer->pace, sent < 0 ? 100000 : 1, on_pace, NULL);
    else if (!peer->keeps_open)
        shutdown(peer->fd, SHUT_WR);
}

static int prepare(void **state)
{
    peer = mem_zero(sizeof *peer);
    peer->loop = loop_create(0, NULL);
    peer->setup = (struct http_server_setup){.on_request = on_request, .max_head = 1024, .window = 4096,
                                             .head_timeout_ns = 50 * 1000000, .http1 = true};
    connection_home_init(&peer->home, peer->loop, &peer->setup);
    peer->home.ended = stop_when_over;
    return 0;
}

/* Sends the text by step bytes a turn, and runs until the server has closed. */
static void converse(const char *text, size_t len, size_t step)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    peer->send = text;
    peer->send_len = len;
    peer->step = step;
    peer->fd = pair[1];
    connection_accept(&peer->home, pair[0], NULL);
    assert_int_equal(watch_set(peer->loop, &peer->watch, pair[1], LOOP_READ, on_peer_ready, NULL, NULL), 0);
    timer_after(peer->loop, &peer->pace, 1, on_pace, NULL);
    timer_after(peer->loop, &peer->limit, LIMIT_NS, on_limit, NULL);
    loop_run(peer->loop);
}

static int clean_up(void **state)
{
    timer_end(&peer->pace);
    timer_end(&peer->limit);
    free(peer->got);
    loop_destroy(peer->loop);
    mem_free(peer);
    return 0;
}

static void run_again(void)
{
    clean_up(NULL);
    prepare(NULL);
}

static size_t count_of(const char *what)
{
    size_t n = 0;
    for (const char *at = peer->got; at && (at = strstr(at, what)); at++)
        n++;
    return n;
}

static const char two[] = "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                          "POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
                          "\r\nGET /three HTTP/1.1\r\nHost: a\r\n\r\n";

static void answers_in_order_wherever_the_pieces_part(void **state)
{
    for (size_t step = 1; step <= sizeof two; step += step < 8 ? 1 : 13) {
        converse(two, sizeof two - 1, step);
        assert_int_equal(peer->requests, 3);
        assert_int_equal(peer->gone, 0);
        const char *one = strstr(peer->got, "/one"), *second = strstr(peer->got, "/two");
        assert_true(one && second && one < second && strstr(second, "/three"));
        assert_non_null(strstr(peer->got, "\r\n\r\nhelloHTTP/1.1 200 OK"));
        assert_non_null(strstr(peer->got, "\r\n\r\nabcdeHTTP/1.1 200 OK"));
        run_again();
    }
}

static void answers_that_come_late_keep_their_order(void **state)
{
    peer->answers_late = true;
    converse(two, sizeof two - 1, sizeof two);
    assert_int_equal(peer->requests, 3);
    assert_int_equal(count_of("HTTP/1.1 200 OK\r\n"), 3);
}

static void a_stream_is_chunked_for_11_and_closes_for_10(void **state)
{
    peer->streams = true;
    const char new[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    converse(new, sizeof new - 1, 1000);
    assert_non_null(strstr(peer->got, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
    run_again();
    peer->streams = true;
    peer->keeps_open = true;
    const char old[] = "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello";
    converse(old, sizeof old - 1, 1000);
    assert_non_null(strstr(peer->got, "HTTP/1.0 200 OK\r\n"));
    assert_non_null(strstr(peer->got, "Connection: close\r\n\r\nhello"));
    assert_null(strstr(peer->got, "chunked"));
}

static void a_body_larger_than_the_window_arrives(void **state)
{
    size_t len = 300000;
    char *text = calloc(1, len + 100);
    int head = sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", len);
    memset(text + head, 'x', len);
    converse(text, (size_t)head + len, 70000);
    assert_int_equal(peer->ended, 1);
    assert_true(peer->got_len > len);
    free(text);
}

static void a_stream_goes_on_when_there_is_room(void **state)
{
    const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    peer->pours = 100;
    converse(text, sizeof text - 1, 1000);
    assert_int_equal(peer->gone, 0);
    assert_true(peer->got_len > 100 * PIECE);
    assert_true(peer->most_unsent < STREAM_HIGH + PIECE + 100);
    assert_memory_equal(peer->got + peer->got_len - 5, "0\r\n\r\n", 5);
}

static void a_body_nobody_wants_does_not_spoil_the_next_request(void **state)
{
    peer->ignores_body = true;
    converse(two, sizeof two - 1, 7);
    assert_int_equal(peer->requests, 3);
    assert_int_equal(peer->ended, 0);
}

/* A request with this framing and body, and the next one behind it. */
static void converse_with_body(const char *framing, size_t len, const char *end)
{
    char *text = calloc(1, len + 200);
    size_t head = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", framing);
    memset(text + head, 'x', len);
    size_t rest = (size_t)sprintf(text + head + len, "%sGET /next HTTP/1.1\r\nHost: a\r\n\r\n", end);
    converse(text, head + len + rest, 30000);
    free(text);
}

static void who_will_not_read_the_rest_of_a_body_says_close_with_the_answer(void **state)
{
    peer->ignores_body = true;
    peer->keeps_open = true;
    converse_with_body("Content-Length: 300000\r\n", 300000, "");
    assert_int_equal(peer->requests, 1);
    assert_non_null(strstr(peer->got, "\r\nConnection: close\r\n"));
}

static void who_did_not_say_close_reads_the_next_request_however_long_a_body_is(void **state)
{
    static const struct {
        const char *framing, *end;
        size_t len;
    } bodies[] = {{"Content-Length: 200000\r\n", "", 200000},
                  {"Transfer-Encoding: chunked\r\n\r\nF4240", "\r\n0\r\n\r\n", 1000000}};
    for (size_t i = 0; i < countof(bodies); i++) {
        peer->ignores_body = true;
        converse_with_body(bodies[i].framing, bodies[i].len, bodies[i].end);
        assert_int_equal(peer->requests, 2);
        assert_null(strstr(peer->got, "Connection: close"));
        assert_non_null(strstr(peer->got, "/next"));
        run_again();
    }
}

static void refuses_and_closes(void **state)
{
    static const struct {
        const char *request, *answer;
    } cases[] = {
        {"GARBAGE\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request: missing required Host header\r\nContent-Type: "
                                   "text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request: "
                                   "missing required Host header"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz", "HTTP/1.1 400 Bad Request\r\n"},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
         "HTTP/1.1 417 Expectation Failed\r\n"},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        peer->keeps_open = true;
        converse(cases[i].request, strlen(cases[i].request), 1000);
        if (!peer->got || strncmp(peer->got, cases[i].answer, strlen(cases[i].answer)))
            fail_msg("%s: %s", cases[i].request, peer->got ? peer->got : "nothing");
        run_again();
    }
}

static void a_head_has_a_bound(void **state)
{
    char text[2000];
    int len = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(text + len, 'a', sizeof text - (size_t)len);
    peer->keeps_open = true;
    converse(text, sizeof text, 100);
    assert_string_equal(peer->got, "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
                                   "431 Request Header Fields Too Large");
}

static void a_head_must_end_in_time(void **state)
{
    const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    peer->keeps_open = true;
    converse(text, sizeof text - 1, 1000);
    assert_int_equal(peer->got_len, 0);
}

static void a_body_that_is_cut_short_is_told(void **state)
{
    const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello";
    converse(text, sizeof text - 1, 1000);
    assert_int_equal(peer->gone, 1);
    assert_string_equal(peer->gone_text, "unexpected EOF");
}

static void continue_is_said_before_the_body_comes(void **state)
{
    const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab";
    converse(text, sizeof text - 1 - 2, 1000);
    assert_non_null(strstr(peer->got, "HTTP/1.1 100 Continue\r\n\r\n"));
}

static void options_asterisk_needs_no_owner(void **state)
{
    const char text[] = "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
    converse(text, sizeof text - 1, 3);
    assert_int_equal(peer->requests, 0);
    assert_non_null(strstr(peer->got, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(peer->got, "Content-Length: 0\r\n\r\n"));
}

static void the_answer_to_head_has_a_length_and_no_body(void **state)
{
    const char text[] = "HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    converse(text, sizeof text - 1, 1000);
    assert_non_null(strstr(peer->got, "Content-Length: 5\r\n\r\n"));
    assert_null(strstr(peer->got, "hello"));
}

static void close_is_kept_and_said(void **state)
{
    const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    peer->keeps_open = true;
    converse(text, sizeof text - 1, 1000);
    assert_int_equal(peer->requests, 1);
    assert_non_null(strstr(peer->got, "\r\nConnection: close\r\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_in_order_wherever_the_pieces_part),
        TEST(answers_that_come_late_keep_their_order),
        TEST(a_stream_is_chunked_for_11_and_closes_for_10),
        TEST(a_body_larger_than_the_window_arrives),
        TEST(a_stream_goes_on_when_there_is_room),
        TEST(a_body_nobody_wants_does_not_spoil_the_next_request),
        TEST(who_will_not_read_the_rest_of_a_body_says_close_with_the_answer),
        TEST(who_did_not_say_close_reads_the_next_request_however_long_a_body_is),
        TEST(refuses_and_closes),
        TEST(a_head_has_a_bound),
        TEST(a_head_must_end_in_time),
        TEST(a_body_that_is_cut_short_is_told),
        TEST(continue_is_said_before_the_body_comes),
        TEST(options_asterisk_needs_no_owner),
        TEST(the_answer_to_head_has_a_length_and_no_body),
        TEST(close_is_kept_and_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
