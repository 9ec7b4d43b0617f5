/* Where bodies end, wherever their bytes are parted; which framings are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http1_body.c"
#include <stdlib.h>
#include <string.h>

struct result {
    char data[256];
    size_t data_len, used;
    char trailers[256];
    bool is_bad, is_ended;
};

/* Feeds the text as it would lie in a read buffer: step bytes more each time. */
static struct result feed(uint8_t kind, uint64_t length, const char *text, size_t len, size_t step)
{
    struct result r = {0};
    struct http1_body b;
    http1_body_begin(&b, kind, length, 64);
    for (size_t have = step < len ? step : len;; have = have + step < len ? have + step : len) {
        for (;;) {
            char *copy = malloc(have - r.used + 1);
            memcpy(copy, text + r.used, have - r.used);
            size_t skip;
            struct trb_slice data;
            int what = http1_body_next(&b, slice_from(copy, have - r.used), &skip, &data);
            r.used += skip + data.len;
            if (what == HTTP1_BODY_DATA) {
                memcpy(r.data + r.data_len, data.at, data.len);
                r.data_len += data.len;
                http1_body_took(&b, data.len);
            } else if (what == HTTP1_BODY_END)
                memcpy(r.trailers, data.at, data.len);
            free(copy);
            r.is_bad = what == HTTP1_BODY_BAD;
            r.is_ended = what == HTTP1_BODY_END;
            if (r.is_bad || r.is_ended)
                return r;
            if (what == HTTP1_BODY_MORE)
                break;
        }
        if (have == len)
            return r;
    }
}

static void reads_chunks_parted_anywhere(void **state)
{
    const char text[] = "5\r\nhello\r\n00003;a=\"b;c\"\r\nabc\r\n0;x\r\nX: y\r\n\r\nGET";
    for (size_t step = 1; step < sizeof text; step++) {
        struct result r = feed(HTTP1_BODY_CHUNKED, 0, text, sizeof text - 1, step);
        assert_true(r.is_ended);
        assert_int_equal(r.data_len, 8);
        assert_memory_equal(r.data, "helloabc", 8);
        assert_string_equal(r.trailers, "X: y\r\n\r\n");
        assert_int_equal(r.used, sizeof text - 1 - 3);
    }
}

static void refuses_junk_in_chunks(void **state)
{
    static const char *const junk[] = {
        "\r\n",           "x\r\n",          "5 \r\nhello\r\n", " 5\r\nhello\r\n", "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n", "5\nhello\r\n",   "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "-1\r\n",
        "5;\x01\r\nhello", "5;a\nhello\r\n", "5\r\rhello",     "1234567890abcdef1\r\n",
        "0\r\n A: b\r\n\r\n", "0\r\n\rA", ";a\r\n",
        "0\r\nA: 0123456789012345678901234567890123456789012345678901234567890123456789",
    };
    for (size_t i = 0; i < countof(junk); i++)
        for (size_t step = 1; step <= strlen(junk[i]); step++)
            if (!feed(HTTP1_BODY_CHUNKED, 0, junk[i], strlen(junk[i]), step).is_bad)
                fail_msg("%s by %zu", junk[i], step);
}

static void bounds_what_framing_may_cost(void **state)
{
    struct http1_body b;
    http1_body_begin(&b, HTTP1_BODY_CHUNKED, 0, 64);
    char line[] = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n";
    size_t rounds = 0;
    for (; rounds < 100000; rounds++) {
        struct trb_slice bytes = slice_from(line, sizeof line - 1), data;
        size_t skip;
        int what = http1_body_next(&b, bytes, &skip, &data);
        if (what == HTTP1_BODY_BAD)
            break;
        http1_body_took(&b, 1);
        what = http1_body_next(&b, slice_skip(bytes, skip + 1), &skip, &data);
        assert_int_equal(what, HTTP1_BODY_MORE);
    }
    assert_true(rounds < 1000);
}

static void a_long_extension_is_refused(void **state)
{
    static char text[8192];
    memset(text, 'a', sizeof text);
    memcpy(text, "5;", 2);
    assert_true(feed(HTTP1_BODY_CHUNKED, 0, text, sizeof text, 100).is_bad);
}

static void a_length_ends_where_it_says(void **state)
{
    for (size_t step = 1; step < 9; step++) {
        struct result r = feed(HTTP1_BODY_LENGTH, 5, "helloGET", 8, step);
        assert_true(r.is_ended);
        assert_int_equal(r.used, 5);
    }
    assert_true(feed(HTTP1_BODY_LENGTH, 0, "GET", 3, 3).is_ended);
    assert_true(feed(HTTP1_BODY_NONE, 0, "GET", 3, 3).is_ended);
    assert_false(feed(HTTP1_BODY_LENGTH, 9, "hello", 5, 2).is_ended);
    assert_int_equal(feed(HTTP1_BODY_TO_EOF, 0, "hello", 5, 2).data_len, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_chunks_parted_anywhere),
        cmocka_unit_test(refuses_junk_in_chunks),
        cmocka_unit_test(bounds_what_framing_may_cost),
        cmocka_unit_test(a_long_extension_is_refused),
        cmocka_unit_test(a_length_ends_where_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
