/* A pool against a server that follows a script: what it asks, what it makes of answers, when it asks
 * again, and in which words it gives up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http1_client.c"
#include <errno.h>
#include <net/socket.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_NS 20000000000ull
#define WINDOW 4096u

/* What the server does when a request's head (and its marked end) has come: an answer, then perhaps
 * its hang-up. */
struct line {
    const char *answer;             /* NULL: nothing */
    bool hangs_up;
    const char *until;              /* the request is complete with this; NULL: an empty line */
};

struct guest {
    int fd;
    struct watch watch;
    char got[8192];
    size_t len;
};

struct scene {
    struct loop *loop;
    struct http_pool *pool;
    int fd;
    struct watch watch;
    struct timer limit, then;
    const struct line *script;
    uint32_t lines, at;
    struct guest guests[8];
    uint32_t guest_count;
    char asked[16384];              /* all requests, as they came */
    size_t asked_len;
    size_t step;                    /* bytes of an answer per write */
    uint32_t awaited;               /* ends of calls before the scene is over */
};
static struct scene *scene;

struct call {
    struct http_call http;          /* first */
    int status;
    char body[65536];
    size_t len;
    char failure[256];
    bool ended, failed, has_trailers, holds;
    size_t held;
    struct call *then;              /* started when this one has ended */
    const char *method, *given;     /* of then; NULL: GET, without a body */
};

static void hang_up(struct guest *g)
{
    watch_end(&g->watch);
    if (g->fd >= 0)
        close(g->fd);
    g->fd = -1;
}

static void send_answer(struct guest *g, const char *answer)
{
    size_t len = strlen(answer), step = scene->step ? scene->step : len;
    for (size_t n = 0; n < len; n += step)
        (void)!send(g->fd, answer + n, len - n < step ? len - n : step, MSG_NOSIGNAL);
}

static void on_guest(void *arg, uint32_t what)
{
    struct guest *g = arg;
    ssize_t got = read(g->fd, g->got + g->len, sizeof g->got - 1 - g->len);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            hang_up(g);
        return;
    }
    g->len += (size_t)got;
    g->got[g->len] = 0;
    memcpy(scene->asked + scene->asked_len, g->got + g->len - got, (size_t)got + 1);
    scene->asked_len += (size_t)got;
    if (scene->at >= scene->lines)
        return;
    const struct line *line = &scene->script[scene->at];
    if (!strstr(g->got, line->until ? line->until : "\r\n\r\n"))
        return;
    scene->at++;
    g->len = 0;
    if (line->answer)
        send_answer(g, line->answer);
    if (line->hangs_up)
        hang_up(g);
}

static void on_arrival(void *arg, uint32_t what)
{
    int fd = accept4(scene->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0)
        return;
    assert_true(scene->guest_count < countof(scene->guests));
    struct guest *g = &scene->guests[scene->guest_count++];
    g->fd = fd;
    assert_int_equal(watch_set(scene->loop, &g->watch, fd, LOOP_READ, on_guest, g, NULL), 0);
}

static void on_limit(void *arg)
{
    fail_msg("nothing happened; asked: %s", scene->asked);
}

static int prepare(void **state)
{
    scene = mem_zero(sizeof *scene);
    scene->loop = loop_create(0, NULL);
    scene->awaited = 1;
    assert_int_equal(socket_listen(SLICE("127.0.0.1"), 0, &scene->fd, NULL), 0);
    assert_int_equal(watch_set(scene->loop, &scene->watch, scene->fd, LOOP_READ, on_arrival, NULL, NULL), 0);
    struct http_target target = {.host = SLICE("127.0.0.1"), .port = socket_port(scene->fd), .version = 1,
                                 .connect_timeout_ns = 5000000000ull, .max_connections = 2,
                                 .max_head = 1024, .window = WINDOW};
    scene->pool = http_pool_create(scene->loop, &target);
    timer_after(scene->loop, &scene->limit, LIMIT_NS, on_limit, NULL);
    return 0;
}

static int clean_up(void **state)
{
    http_pool_destroy(scene->pool);
    timer_end(&scene->limit);
    timer_end(&scene->then);
    watch_end(&scene->watch);
    if (scene->fd >= 0)
        close(scene->fd);
    for (uint32_t i = 0; i < scene->guest_count; i++)
        if (scene->guests[i].fd > 0)
            hang_up(&scene->guests[i]);
    loop_destroy(scene->loop);
    mem_free(scene);
    return 0;
}

static const struct http_call_events events;

static void start_call(struct call *c, const char *method, const char *body)
{
    struct http_head head = {.method = slice_of(method), .target = SLICE("/p?q"),
                             .content_length = HTTP_NO_BODY};
    c->http.events = &events;
    c->http.arena = arena_create(1u << 20);
    struct trb_data whole = {body, body ? strlen(body) : 0, NULL};
    if (body)
        head.content_length = (int64_t)whole.len;
    http_pool_call(scene->pool, &c->http, &head, whole);
}

static struct call *call_create(void)
{
    return mem_zero(sizeof(struct call));
}

static void call_destroy(struct call *c)
{
    arena_destroy(c->http.arena);
    mem_free(c);
}

static void on_then(void *arg)
{
    struct call *c = arg;
    start_call(c, c->method ? c->method : "GET", c->given);
}

static void go_on(struct call *c)
{
    if (c->then)                    /* a while later: the server's hang-up may arrive before */
        timer_after(scene->loop, &scene->then, 2000000, on_then, c->then);
    else if (--scene->awaited == 0)
        loop_stop(scene->loop);
}

static void on_head(struct http_call *call, const struct http_head *head)
{
    ((struct call *)call)->status = head->status;
}

static void on_late_consume(void *arg)
{
    struct call *c = arg;
    size_t held = c->held;
    c->held = 0;
    http_call_consume(&c->http, held);
}

static void on_data(struct http_call *call, struct trb_data piece)
{
    struct call *c = (struct call *)call;
    assert_true(c->len + piece.len < sizeof c->body);
    memcpy(c->body + c->len, piece.at, piece.len);
    c->len += piece.len;
    if (!c->holds) {
        http_call_consume(call, piece.len);
        return;
    }
    c->held += piece.len;
    assert_true(c->held <= WINDOW);
    if (c->held == WINDOW)
        timer_after(scene->loop, &scene->then, 100000, on_late_consume, c);
}

static void on_end(struct http_call *call, const struct http_headers *trailers)
{
    struct call *c = (struct call *)call;
    c->ended = true;
    c->has_trailers = trailers != NULL;
    go_on(c);
}

static void on_room(struct http_call *call)
{
}

static void on_failed(struct http_call *call, const struct trb_error *err)
{
    struct call *c = (struct call *)call;
    c->failed = true;
    memcpy(c->failure, err->message, sizeof c->failure - 1);
    go_on(c);
}

static const struct http_call_events events = {on_head, on_data, on_end, on_room, on_failed};

static struct call *converse(const struct line *script, uint32_t lines, const char *method, const char *body)
{
    struct call *c = call_create();
    scene->script = script;
    scene->lines = lines;
    start_call(c, method, body);
    loop_run(scene->loop);
    return c;
}

static void expects(struct call *c, int status, const char *body)
{
    if (c->failed)
        fail_msg("%s", c->failure);
    assert_true(c->ended);
    assert_int_equal(c->status, status);
    assert_string_equal(c->body, body);
    call_destroy(c);
}

static void expects_failure(struct call *c, const char *sentence)
{
    assert_true(c->failed);
    assert_string_equal(c->failure, sentence);
    call_destroy(c);
}

static void asks_as_given(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "hello"}};
    expects(converse(script, 1, "POST", "hello"), 200, "ok");
    char wanted[256];
    snprintf(wanted, sizeof wanted, "POST /p?q HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nContent-Length: 5\r\n\r\nhello",
             socket_port(scene->fd));
    assert_string_equal(scene->asked, wanted);
}

static void reads_every_framing(void **state)
{
    static const struct {
        const char *answer, *body;
        int status;
        bool hangs_up;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n1\r\n!\r\n0\r\n\r\n", "ok!", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n", "ok", 200},
        {"HTTP/1.1 200 OK\r\n\r\nall of it", "all of it", 200, true},
        {"HTTP/1.0 200 OK\r\n\r\n", "", 200, true},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx",
         "x", 201},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", 204},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", 304},
    };
    for (size_t i = 0; i < countof(cases); i++)
        for (size_t step = 0; step < 3; step++) {
            const struct line script[] = {{cases[i].answer, cases[i].hangs_up, NULL}};
            scene->step = step;
            scene->at = 0;
            expects(converse(script, 1, "GET", NULL), cases[i].status, cases[i].body);
            clean_up(NULL);
            prepare(NULL);
        }
}

static void fails_in_known_words(void **state)
{
    static const struct {
        const char *answer, *sentence;
    } cases[] = {
        {NULL, "EOF"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "unexpected EOF"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "unexpected EOF"},
        {"HTTP/1.1 200 OK\r\nConte", "unexpected EOF"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed chunked encoding"},
        {"nonsense\r\n\r\n",
         "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"nonsense\""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        const struct line script[] = {{cases[i].answer, true, NULL}};
        expects_failure(converse(script, 1, "GET", NULL), cases[i].sentence);
        assert_int_equal(scene->guest_count, 1);
        clean_up(NULL);
        prepare(NULL);
    }
}

static void names_the_refused_address(void **state)
{
    char sentence[128];
    snprintf(sentence, sizeof sentence, "dial tcp 127.0.0.1:%u: connect: connection refused",
             socket_port(scene->fd));
    watch_end(&scene->watch);
    close(scene->fd);
    scene->fd = -1;
    expects_failure(converse(NULL, 0, "GET", NULL), sentence);
}

static void keeps_the_connection(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false, NULL},
                                  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", false, NULL}};
    struct call *second = call_create(), *first = call_create();
    first->then = second;
    scene->script = script;
    scene->lines = 2;
    start_call(first, "GET", NULL);
    loop_run(scene->loop);
    assert_true(second->http.reused);
    assert_int_equal(scene->guest_count, 1);
    expects(first, 200, "1");
    expects(second, 200, "2");
}

static void asks_again_when_a_kept_connection_was_stale(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false, NULL},
                                  {NULL, true, NULL},
                                  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3", false, NULL}};
    struct call *second = call_create(), *first = call_create();
    first->then = second;
    scene->script = script;
    scene->lines = 3;
    start_call(first, "GET", NULL);
    loop_run(scene->loop);
    assert_int_equal(scene->guest_count, 2);
    expects(first, 200, "1");
    expects(second, 200, "3");
}

static void what_has_effects_is_not_sent_twice(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false, NULL},
                                  {NULL, true, NULL},
                                  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3", false, NULL}};
    struct call *second = call_create(), *first = call_create();
    first->then = second;
    second->method = "POST";
    second->given = "body";
    scene->script = script;
    scene->lines = 3;
    start_call(first, "GET", NULL);
    loop_run(scene->loop);
    assert_int_equal(scene->guest_count, 1);
    expects(first, 200, "1");
    expects_failure(second, "EOF");
}

static void a_stray_byte_ends_the_connection(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1stray", false, NULL},
                                  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", false, NULL}};
    struct call *second = call_create(), *first = call_create();
    first->then = second;
    scene->script = script;
    scene->lines = 2;
    start_call(first, "GET", NULL);
    loop_run(scene->loop);
    assert_int_equal(scene->guest_count, 2);
    expects(first, 200, "1");
    expects(second, 200, "2");
}

static void a_streamed_body_goes_out_in_chunks(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, "0\r\n\r\n"}};
    struct call *c = call_create();
    struct http_head head = {.method = SLICE("PUT"), .target = SLICE("/"), .authority = SLICE("x"),
                             .content_length = HTTP_LENGTH_UNKNOWN};
    scene->script = script;
    scene->lines = 1;
    c->http.events = &events;
    c->http.arena = arena_create(1u << 20);
    http_pool_call(scene->pool, &c->http, &head, (struct trb_data){0});
    http_call_write(&c->http, (struct trb_data){"hello", 5, NULL});
    http_call_finish(&c->http, NULL);
    loop_run(scene->loop);
    assert_string_equal(scene->asked, "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                      "5\r\nhello\r\n0\r\n\r\n");
    expects(c, 200, "ok");
}

static void calls_wait_for_a_free_connection(void **state)
{
    static struct line script[6];
    struct call *calls[6];
    for (int i = 0; i < 6; i++)
        script[i] = (struct line){"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, NULL};
    scene->script = script;
    scene->lines = 6;
    for (int i = 0; i < 6; i++)
        start_call(calls[i] = call_create(), "GET", NULL);
    scene->awaited = 6;
    loop_run(scene->loop);
    assert_int_equal(scene->guest_count, 2);
    for (int i = 0; i < 6; i++)
        expects(calls[i], 200, "x");
}

static void what_is_not_consumed_holds_the_answer_back(void **state)
{
    static char answer[60100];
    int len = sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    memset(answer + len, 'x', 60000);
    const struct line script[] = {{answer, true, NULL}};
    struct call *c = call_create();
    c->holds = true;
    scene->script = script;
    scene->lines = 1;
    start_call(c, "GET", NULL);
    loop_run(scene->loop);
    assert_int_equal(c->len, 60000);
    expects(c, 200, answer + len);
}

static void a_cancelled_call_says_nothing_more(void **state)
{
    const struct line script[] = {{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", false, NULL}};
    struct call *waiting = call_create();
    start_call(waiting, "GET", NULL);
    http_call_cancel(&waiting->http);
    expects(converse(script, 1, "GET", NULL), 200, "2");
    assert_false(waiting->ended || waiting->failed);
    call_destroy(waiting);
}

static void destroying_the_pool_fails_what_runs(void **state)
{
    struct call *c = call_create();
    start_call(c, "GET", NULL);
    http_pool_destroy(scene->pool);
    scene->pool = NULL;
    expects_failure(c, "context canceled");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_as_given),
        TEST(reads_every_framing),
        TEST(fails_in_known_words),
        TEST(names_the_refused_address),
        TEST(keeps_the_connection),
        TEST(asks_again_when_a_kept_connection_was_stale),
        TEST(what_has_effects_is_not_sent_twice),
        TEST(a_stray_byte_ends_the_connection),
        TEST(a_streamed_body_goes_out_in_chunks),
        TEST(calls_wait_for_a_free_connection),
        TEST(what_is_not_consumed_holds_the_answer_back),
        TEST(a_cancelled_call_says_nothing_more),
        TEST(destroying_the_pool_fails_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
