/* trace_test: what counts as a trace parent, what goes on, which baggage is refused. */
#include <kernel/observe/trace.c>
#include <kernel/observe/baggage.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"

static bool parses(const char *text)
{
    struct trace_context c;
    return trace_parse(slice_of(text), &c);
}

static void a_good_parent_survives_unchanged(void **state)
{
    struct trace_context c;
    char text[TRACE_PARENT_LEN + 1];
    assert_true(trace_parse(slice_of(GOOD), &c));
    trace_text(&c, text);
    assert_string_equal(text, GOOD);
}

static void version_zero_has_exactly_four_parts(void **state)
{
    assert_false(parses(GOOD "-x"));
    assert_true(parses("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02-x"));
    assert_false(parses("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02"));
    assert_false(parses("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"));
}

static void zero_ids_and_bad_hex_are_refused(void **state)
{
    assert_false(parses("00-00000000000000000000000000000000-b7ad6b7169203331-02"));
    assert_false(parses("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-02"));
    assert_false(parses("00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-02"));
    assert_false(parses(""));
    assert_false(parses("00"));
}

static void the_binary_form_carries_the_same(void **state)
{
    struct trace_context c, back;
    char bytes[TRACE_BIN_LEN];
    assert_true(trace_parse(slice_of(GOOD), &c));
    trace_bin(&c, bytes);
    assert_true(trace_parse_bin(slice_from(bytes, sizeof bytes), &back));
    assert_memory_equal(&c, &back, sizeof c);
    assert_false(trace_parse_bin(slice_from(bytes, 20), &back));
}

static void without_a_provider_the_parent_goes_on_as_it_came(void **state)
{
    struct trace_setup setup = {.is_on = true};
    struct trace_context parent, next;
    assert_true(trace_parse(slice_of(GOOD), &parent));
    next = trace_begin(&setup, &parent);
    assert_memory_equal(&next, &parent, sizeof next);
    next = trace_begin(&setup, NULL);
    assert_false(trace_is_valid(&next));
}

static void with_a_provider_a_span_of_its_own_follows_the_parents_decision(void **state)
{
    struct trace_setup setup = {.is_on = true, .has_provider = true, .rate = 1};
    struct trace_context parent, next;
    assert_true(trace_parse(slice_of(GOOD), &parent));
    next = trace_begin(&setup, &parent);
    assert_memory_equal(next.trace_id, parent.trace_id, 16);
    assert_memory_not_equal(next.span_id, parent.span_id, 8);
    assert_int_equal(next.flags, parent.flags);
    next = trace_begin(&setup, NULL);
    assert_true(trace_is_valid(&next));
    assert_int_equal(next.flags, TRACE_SAMPLED);
}

static void baggage_is_refused_in_words(void **state)
{
    char room[256];
    assert_null(trace_baggage_fault(slice_of(""), room));
    assert_null(trace_baggage_fault(slice_of("a=b, c = d;p=1;q"), room));
    assert_string_equal(trace_baggage_fault(slice_of("=b"), room), "invalid key: \"\"");
    assert_string_equal(trace_baggage_fault(slice_of("inv"), room), "invalid baggage list-member: \"inv\"");
    assert_non_null(trace_baggage_fault(slice_of("a=b,"), room));
    assert_non_null(trace_baggage_fault(slice_of("a=%zz"), room));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_parent_survives_unchanged),
        cmocka_unit_test(version_zero_has_exactly_four_parts),
        cmocka_unit_test(zero_ids_and_bad_hex_are_refused),
        cmocka_unit_test(the_binary_form_carries_the_same),
        cmocka_unit_test(without_a_provider_the_parent_goes_on_as_it_came),
        cmocka_unit_test(with_a_provider_a_span_of_its_own_follows_the_parents_decision),
        cmocka_unit_test(baggage_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
