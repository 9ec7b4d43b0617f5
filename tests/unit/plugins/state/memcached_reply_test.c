/* Answers of memcached: whole, cut short, broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/state/memcached/reply.c"
#include <stdio.h>
#include <stdlib.h>

static struct reply r;
static size_t need;

static int64_t read_text(const char *text)
{
    r = (struct reply){0};
    return reply_read(slice_of(text), &r, &need);
}

static void each_line_is_known(void **state)
{
    static const struct {
        const char *text;
        uint32_t kind;
    } rows[] = {{"END\r\n", REPLY_END}, {"STORED\r\n", REPLY_STORED}, {"NOT_STORED\r\n", REPLY_NOT_STORED},
                {"DELETED\r\n", REPLY_DELETED}, {"NOT_FOUND\r\n", REPLY_NOT_FOUND}, {"VERSION 1.6.18\r\n", REPLY_VERSION},
                {"SERVER_ERROR out of memory\r\n", REPLY_SERVER_ERROR}, {"CLIENT_ERROR bad data chunk\r\n", REPLY_CLIENT_ERROR},
                {"ERROR\r\n", REPLY_CLIENT_ERROR}, {"ERROR unknown\r\n", REPLY_CLIENT_ERROR}};
    for (size_t i = 0; i < countof(rows); i++) {
        assert_int_equal(read_text(rows[i].text), strlen(rows[i].text));
        assert_int_equal(r.kind, rows[i].kind);
        assert_int_equal(r.line.len, strlen(rows[i].text) - 2);
    }
}

static void a_value_has_its_key_and_bytes(void **state)
{
    assert_int_equal(read_text("VALUE app1||s 0 5\r\n\"a\r\n\"\r\nEND\r\n"), 26);
    assert_int_equal(r.kind, REPLY_VALUE);
    assert_true(slice_is(r.key, SLICE("app1||s")));
    assert_true(slice_is(r.value, SLICE("\"a\r\n\"")));
    assert_int_equal(read_text("VALUE k 4294967295 0 77\r\n\r\n"), 27);
    assert_int_equal(r.value.len, 0);
    assert_non_null(r.value.at);
}

static void every_prefix_asks_for_more(void **state)
{
    const char *text = "VALUE k 0 10\r\n0123456789\r\n";
    for (size_t n = 0; n < strlen(text); n++) {
        char *cut = strndup(text, n);
        assert_int_equal(read_text(cut), REPLY_MORE);
        assert_true(need > n && need <= strlen(text));
        free(cut);
    }
    read_text("VALUE k 0 10\r\n0");
    assert_int_equal(need, strlen(text));
}

static void what_is_no_answer_is_broken(void **state)
{
    static const char *const rows[] = {
        "\r\n", "\n", "END\n", "end\r\n", "ENDS\r\n", "END \r\n", "STORED x\r\n", "VALUES k 0 1\r\n", "VALUE\r\n", "VALUE k\r\n",
        "VALUE k 0\r\n", "VALUE k 0 -1\r\n", "VALUE k 0 x\r\n", "VALUE k x 1\r\n", "VALUE k 4294967296 1\r\n",
        "VALUE k 0 1073741825\r\n", "VALUE  0 1\r\n", "VALUE k 0 1 \r\n", "VALUE k 0 1 2 3\r\n", "VALUE k\t 0 1\r\n",
        "VALUE k 0 1\r\nabc\r\n", "VALUE k 0 1\r\na\n\r", "VALUE k 0 99999999999999999999\r\n", "HTTP/1.1 400 Bad Request\r\n"};
    for (size_t i = 0; i < countof(rows); i++)
        if (read_text(rows[i]) != REPLY_BROKEN)
            fail_msg("'%s' was read", rows[i]);
}

static void a_line_without_an_end_is_broken(void **state)
{
    char text[REPLY_MAX_LINE + 2] = {0};
    memset(text, 'x', REPLY_MAX_LINE - 1);
    assert_int_equal(read_text(text), REPLY_MORE);
    text[REPLY_MAX_LINE - 1] = 'x';
    assert_int_equal(read_text(text), REPLY_BROKEN);
}

static void a_key_is_what_the_server_takes(void **state)
{
    char key[REPLY_MAX_KEY + 2];
    memset(key, 'k', sizeof key);
    assert_true(key_is_legal(slice_from(key, REPLY_MAX_KEY)));
    assert_false(key_is_legal(slice_from(key, REPLY_MAX_KEY + 1)));
    assert_false(key_is_legal(SLICE("")));
    assert_false(key_is_legal(SLICE("a b")));
    assert_false(key_is_legal(SLICE("a\r\nflush_all")));
    assert_false(key_is_legal(SLICE("a\0")));
    assert_false(key_is_legal(SLICE("a\x7f")));
    assert_true(key_is_legal(SLICE("\xc3\xa9||!~")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_known),
        cmocka_unit_test(a_value_has_its_key_and_bytes),
        cmocka_unit_test(every_prefix_asks_for_more),
        cmocka_unit_test(what_is_no_answer_is_broken),
        cmocka_unit_test(a_line_without_an_end_is_broken),
        cmocka_unit_test(a_key_is_what_the_server_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
