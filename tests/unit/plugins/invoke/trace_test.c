/* trace: both spellings of a context are the same context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/invoke/block/trace.c"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define BASE64 "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE"

static void each_becomes_the_other(void **state)
{
    char base64[TRACE_BASE64 + 1], text[TRACE_TEXT + 1];
    assert_true(trace_to_binary(SLICE(PARENT), base64));
    assert_string_equal(base64, BASE64);
    assert_true(trace_from_binary(SLICE(BASE64), text));
    assert_string_equal(text, PARENT);
    assert_true(trace_from_binary(SLICE(BASE64 "="), text));
}

static void the_context_of_no_trace_is_one_too(void **state)
{
    char base64[TRACE_BASE64 + 1];
    assert_true(trace_to_binary(SLICE("00-00000000000000000000000000000000-0000000000000000-00"), base64));
    assert_string_equal(base64, "AAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAgA");
}

static void anything_else_is_none(void **state)
{
    char base64[TRACE_BASE64 + 1], text[TRACE_TEXT + 1];
    assert_false(trace_to_binary(SLICE(""), base64));
    assert_false(trace_to_binary((struct trb_slice){NULL, 0}, base64));
    assert_false(trace_to_binary(SLICE("00-0af7651916cd43dd8448eb211c80319z-b7ad6b7169203331-01"), base64));
    assert_false(trace_to_binary(SLICE("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), base64));
    assert_false(trace_from_binary(SLICE(""), text));
    assert_false(trace_from_binary(SLICE("AAAA"), text));
    assert_false(trace_from_binary(SLICE("BAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE"), text));
    assert_false(trace_from_binary(SLICE("!AAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE"), text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_becomes_the_other), cmocka_unit_test(the_context_of_no_trace_is_one_too),
        cmocka_unit_test(anything_else_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
