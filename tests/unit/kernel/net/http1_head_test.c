/* Which heads are requests, and what those say; which are refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http1_head.c"
#include <stdio.h>
#include <stdlib.h>

/* A copy of its own size, so that a sanitizer sees a read beyond it. */
static struct trb_slice exact(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    return slice_from(copy, len);
}

struct verdict {
    struct http_head head;
    struct http1_traits traits;
    struct http1_fault fault;
    bool is_good;
};

static struct verdict judge(struct arena *arena, const char *text, size_t len)
{
    struct verdict v = {0};
    struct trb_slice all = exact(text, len);
    size_t scanned = 0, end = http1_head_end(all, &scanned);
    assert_int_equal(end, len);
    struct trb_name kept = arena_name(arena, all);
    v.is_good = http1_request_parse(arena, slice_name(kept), &v.head, &v.traits, &v.fault);
    free((char *)all.at);
    return v;
}

struct refused {
    const char *head;
    size_t len;
    int status;
    const char *text;
};
#define REFUSED(head, ...) {head, sizeof(head) - 1, __VA_ARGS__}
#define H "Host: a\r\n"

static const struct refused refused[] = {
    REFUSED("GET / HTTP/1.1\r\n\r\n", 400, "missing required Host header"),
    REFUSED("GET / HTTP/1.1\r\n" H H "\r\n", 400, "too many Host headers"),
    REFUSED("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "malformed Host header"),
    REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "malformed Host header"),
    REFUSED("GET /%zz HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET /% HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET /%a HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET /a b HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET /a\tb HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET  / HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1 \r\n" H "\r\n", 400, NULL),
    REFUSED("GET /\r\n" H "\r\n", 400, NULL),
    REFUSED("GET a HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET * HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED(" GET / HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("G(T / HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET / http/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET / HTTP/11\r\n" H "\r\n", 400, NULL),
    REFUSED("GET / HTTP/2.0\r\n" H "\r\n", 505, "unsupported protocol version"),
    REFUSED("GET /\0 HTTP/1.1\r\n" H "\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H " A: b\r\n\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400, NULL),
    REFUSED("GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400, "invalid header value"),
    REFUSED("GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n", 400, "invalid header value"),
    REFUSED("GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n", 400, "invalid header value"),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 9999999999999999999\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501, NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501,
            NULL),
    REFUSED("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400, "invalid header value"),
};

static void refuses_what_could_be_read_in_two_ways(void **state)
{
    for (size_t i = 0; i < countof(refused); i++) {
        struct arena *arena = arena_create(65536);
        struct verdict v = judge(arena, refused[i].head, refused[i].len);
        if (v.is_good || v.fault.status != refused[i].status ||
            !slice_is(slice_of(v.fault.text), slice_of(refused[i].text)))
            fail_msg("%s: %d %s", refused[i].head, v.fault.status, v.fault.text ? v.fault.text : "");
        arena_destroy(arena);
    }
}

struct accepted {
    const char *head, *method, *target, *authority;
    int64_t length;
    bool keep_alive;
};

static const struct accepted accepted[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", "GET", "/", "a", HTTP_NO_BODY, true},
    {"GET / HTTP/1.1\nHost: a\n\n", "GET", "/", "a", HTTP_NO_BODY, true},
    {"GET /?%zz HTTP/1.1\r\n" H "\r\n", "GET", "/?%zz", "a", HTTP_NO_BODY, true},
    {"GET /%41//../x?y#z HTTP/1.1\r\nHOST:a\r\n\r\n", "GET", "/%41//../x?y#z", "a", HTTP_NO_BODY, true},
    {"GET http://h:1/v?q HTTP/1.1\r\n" H "\r\n", "GET", "/v?q", "h:1", HTTP_NO_BODY, true},
    {"GET http://h HTTP/1.1\r\n" H "\r\n", "GET", "/", "h", HTTP_NO_BODY, true},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS", "*", "a", HTTP_NO_BODY, true},
    {"CONNECT h:1 HTTP/1.1\r\n\r\n", "CONNECT", "/", "h:1", HTTP_NO_BODY, true},
    {"M-X /a HTTP/1.1\r\nHost:\r\n\r\n", "M-X", "/a", "", HTTP_NO_BODY, true},
    {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", HTTP_NO_BODY, false},
    {"GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", "GET", "/", "", HTTP_NO_BODY, true},
    {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET", "/", "a", HTTP_NO_BODY, false},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "POST", "/", "a", 0, true},
    {"POST / HTTP/1.1\r\n" H "content-length: \t12 \r\n\r\n", "POST", "/", "a", 12, true},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", "POST", "/", "a", HTTP_LENGTH_UNKNOWN, true},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "A: \xff\r\n\r\n", "GET", "/\xc3\xa9", "a", HTTP_NO_BODY, true},
};

static void accepts_what_is_clear(void **state)
{
    for (size_t i = 0; i < countof(accepted); i++) {
        const struct accepted *a = &accepted[i];
        struct arena *arena = arena_create(65536);
        struct verdict v = judge(arena, a->head, strlen(a->head));
        if (!v.is_good)
            fail_msg("%s: %d", a->head, v.fault.status);
        assert_true(slice_is(v.head.method, slice_of(a->method)));
        assert_true(slice_is(v.head.target, slice_of(a->target)));
        assert_true(slice_is(v.head.authority, slice_of(a->authority)));
        assert_int_equal(v.head.content_length, a->length);
        assert_int_equal(v.traits.keep_alive, a->keep_alive);
        arena_destroy(arena);
    }
}

static void keeps_headers_as_received_but_host(void **state)
{
    struct arena *arena = arena_create(65536);
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nx-one: 2\r\nEmpty:\r\n\r\n";
    struct verdict v = judge(arena, text, strlen(text));
    assert_int_equal(v.head.headers.count, 3);
    assert_true(slice_is(v.head.headers.at[0].name, SLICE("X-One")));
    assert_true(slice_is(http_header_get(&v.head.headers, SLICE("x-ONE")), SLICE("1")));
    assert_true(http_header_get(&v.head.headers, SLICE("empty")).at != NULL);
    assert_null(http_header_get(&v.head.headers, SLICE("host")).at);
    arena_destroy(arena);
}

static void recognises_an_upgrade_only_when_whole(void **state)
{
    struct arena *arena = arena_create(65536);
    const char *whole = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        "HTTP2-Settings: AAMA\r\n\r\n";
    const char *half = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
                       "HTTP2-Settings: AAMA\r\n\r\n";
    struct verdict v = judge(arena, whole, strlen(whole));
    assert_true(v.traits.upgrades_h2c);
    assert_true(slice_is(v.traits.http2_settings, SLICE("AAMA")));
    assert_false(judge(arena, half, strlen(half)).traits.upgrades_h2c);
    arena_destroy(arena);
}

static void finds_the_end_wherever_the_pieces_part(void **state)
{
    const char *texts[] = {"GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET / HTTP/1.1\nA: b\n\n", "a\r\n\n", "\n\r\n"};
    for (size_t t = 0; t < countof(texts); t++) {
        size_t scanned = 0, len = strlen(texts[t]);
        for (size_t n = 1; n <= len; n++) {
            struct trb_slice part = exact(texts[t], n);
            assert_int_equal(http1_head_end(part, &scanned), n == len ? len : 0);
            free((char *)part.at);
        }
    }
}

struct answer {
    const char *head, *method;
    int status;                     /* 0: refused */
    int64_t length;
    bool keep_alive;
};

static const struct answer answers[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, true},
    {"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, true},
    {"HTTP/1.1 200 \r\n\r\n", "GET", 200, HTTP_LENGTH_UNKNOWN, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", 200, HTTP_NO_BODY, true},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", "GET", 204, HTTP_NO_BODY, true},
    {"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", 304, HTTP_NO_BODY, true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", "GET", 200, 3, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", "GET", 200,
     HTTP_LENGTH_UNKNOWN, true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 20 OK\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 2000 OK\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 099 OK\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/2.0 200 OK\r\n\r\n", "GET", 0, 0, false},
    {"SSH-2.0-x\r\n\r\n", "GET", 0, 0, false},
    {"\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "GET", 0, 0, false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "GET", 0, 0, false},
};

static void reads_answers_strictly(void **state)
{
    for (size_t i = 0; i < countof(answers); i++) {
        const struct answer *a = &answers[i];
        struct arena *arena = arena_create(65536);
        struct http_head head = {0};
        struct http1_traits traits = {0};
        struct trb_error err = ERROR_INIT;
        struct trb_slice text = exact(a->head, strlen(a->head));
        trb_code code = http1_response_parse(arena, text, slice_of(a->method), &head, &traits, &err);
        if ((code == TRB_OK) != (a->status != 0))
            fail_msg("%s: %d %s", a->head, code, err.message);
        if (!code) {
            assert_int_equal(head.status, a->status);
            assert_int_equal(head.content_length, a->length);
            assert_int_equal(traits.keep_alive, a->keep_alive);
        }
        free((char *)text.at);
        arena_destroy(arena);
    }
}

/* Every byte at every place of sixteen and behind them, with nothing readable behind the end. */
static void a_value_ends_at_the_first_byte_that_may_not_be_in_it(void **state)
{
    for (int byte = 0; byte < 256; byte++)
        for (size_t before = 0; before < 36; before += 5) {
            char text[64];
            memset(text, 'v', sizeof text);
            text[before] = (char)byte;
            struct trb_slice value = exact(text, before + 1 + before % 3 * 9);
            size_t good = http_is((char)byte, CLASS_VALUE) ? value.len : before;
            assert_int_equal(http_value_end(value.at, value.at + value.len) - value.at, good);
            assert_int_equal(http_is_field_value(value), good == value.len);
            free((char *)value.at);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
        cmocka_unit_test(accepts_what_is_clear),
        cmocka_unit_test(keeps_headers_as_received_but_host),
        cmocka_unit_test(a_value_ends_at_the_first_byte_that_may_not_be_in_it),
        cmocka_unit_test(recognises_an_upgrade_only_when_whole),
        cmocka_unit_test(finds_the_end_wherever_the_pieces_part),
        cmocka_unit_test(reads_answers_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
