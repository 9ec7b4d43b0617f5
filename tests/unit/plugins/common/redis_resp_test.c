/* Replies of Redis: whole, cut short, broken, and as deep as they may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/common/redis/resp.c"
#include <stdio.h>

static struct resp_reader reader;

static int fresh(void **state)
{
    resp_fini(&reader);
    reader = (struct resp_reader){0};
    return 0;
}

static int64_t read_text(const char *text)
{
    return resp_read(&reader, slice_of(text));
}

static void each_kind_is_read(void **state)
{
    assert_int_equal(read_text("+OK\r\nrest"), 5);
    assert_int_equal(reader.nodes->kind, RESP_STATUS);
    assert_true(slice_is(reader.nodes->text, SLICE("OK")));
    assert_int_equal(read_text("-WRONGTYPE no\r\n"), 15);
    assert_true(resp_error_is(reader.nodes, "WRONGTYPE"));
    assert_false(resp_error_is(reader.nodes, "WRONG"));
    assert_int_equal(read_text(":-7\r\n"), 5);
    assert_int_equal(reader.nodes->integer, -7);
    assert_int_equal(read_text("$2\r\n\r\n\r\n"), 8);
    assert_true(slice_is(reader.nodes->text, SLICE("\r\n")));
    assert_int_equal(read_text("$-1\r\n"), 5);
    assert_int_equal(reader.nodes->kind, RESP_NULL);
    assert_int_equal(read_text("*-1\r\n"), 5);
    assert_int_equal(reader.nodes->kind, RESP_NULL);
    assert_int_equal(read_text("$0\r\n\r\n"), 6);
    assert_int_equal(reader.nodes->kind, RESP_STRING);
}

static void arrays_nest(void **state)
{
    assert_int_equal(read_text("*3\r\n*2\r\n:1\r\n*0\r\n$1\r\na\r\n:9\r\n"), 27);
    const struct resp *r = reader.nodes;
    assert_int_equal(r->count, 3);
    assert_int_equal(r->span, 6);
    assert_int_equal(resp_at(resp_at(r, 0), 0)->integer, 1);
    assert_int_equal(resp_at(resp_at(r, 0), 1)->count, 0);
    assert_true(slice_is(resp_at(r, 1)->text, SLICE("a")));
    assert_int_equal(resp_at(r, 2)->integer, 9);
    assert_null(resp_at(r, 3));
    assert_null(resp_at(resp_at(r, 2), 0));
    assert_null(resp_at(NULL, 0));
}

static void every_prefix_asks_for_more(void **state)
{
    const char *all = "*3\r\n$4\r\ndata\r\n*1\r\n:1\r\n-ERR x\r\n";
    for (size_t len = 0; len < strlen(all); len++) {
        reader.need = 0;
        assert_int_equal(resp_read(&reader, slice_from(all, len)), RESP_MORE);
        assert_true(reader.need > len);
    }
    assert_int_equal(read_text(all), strlen(all));
}

static void a_long_string_is_not_looked_at_before_it_is_there(void **state)
{
    assert_int_equal(read_text("$1000000\r\nabc"), RESP_MORE);
    assert_int_equal(reader.need, 1000012);
}

static void what_is_no_reply_is_broken(void **state)
{
    const char *all[] = {"HTTP/1.1 400 Bad\r\n", ":x\r\n", ":\r\n", "$-2\r\n", "*-2\r\n", "+a\rb\r\n", "$1\r\nab\r\n",
                         "$999999999999999999999\r\n", "$536870913\r\n", "*4194305\r\n", "*1\r\nx"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        reader.need = 0;
        assert_int_equal(read_text(all[n]), RESP_BROKEN);
    }
}

static void depth_has_a_limit(void **state)
{
    char text[256] = "";
    for (uint32_t n = 0; n < RESP_MAX_DEPTH; n++)
        strcat(text, "*1\r\n");
    strcat(text, ":1\r\n");
    assert_int_equal(read_text(text), strlen(text));
    memmove(text + 4, text, strlen(text) + 1);
    memcpy(text, "*1\r\n", 4);
    assert_int_equal(read_text(text), RESP_BROKEN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fresh, fresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_kind_is_read),
        CASE(arrays_nest),
        CASE(every_prefix_asks_for_more),
        CASE(a_long_string_is_not_looked_at_before_it_is_there),
        CASE(what_is_no_reply_is_broken),
        CASE(depth_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
