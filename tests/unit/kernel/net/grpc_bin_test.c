/* Metadata whose values are bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/grpc_bin.c"

static struct arena *arena;

static int prepare(void **state)
{
    arena = arena_create(1u << 16);
    return 0;
}

static int clean_up(void **state)
{
    arena_destroy(arena);
    return 0;
}

static void expect(struct trb_slice *list, const char *value)
{
    struct trb_slice got = {0};
    size_t bad;
    assert_true(grpc_bin_take(arena, list, &got, &bad));
    assert_true(slice_is(got, slice_of(value)));
}

static void values_are_read_padded_or_not(void **state)
{
    struct trb_slice padded = SLICE("aGk="), plain = SLICE("aGk"), even = SLICE("aGV5");
    expect(&padded, "hi");
    expect(&plain, "hi");
    expect(&even, "hey");
    assert_null(plain.at);
}

static void commas_join_several_values(void **state)
{
    struct trb_slice list = SLICE("aGk=, aGV5,,aGk");
    expect(&list, "hi");
    expect(&list, "hey");
    expect(&list, "");
    expect(&list, "hi");
    assert_null(list.at);
}

static void an_empty_value_is_one_empty_value(void **state)
{
    struct trb_slice list = SLICE("");
    expect(&list, "");
    assert_null(list.at);
}

static void what_is_no_base64_is_told_by_its_place(void **state)
{
    struct trb_slice list = SLICE("!!!"), later = SLICE("aGk=,aG_k"), value;
    size_t bad = 9;
    assert_false(grpc_bin_take(arena, &list, &value, &bad));
    assert_int_equal(bad, 0);
    expect(&later, "hi");
    assert_false(grpc_bin_take(arena, &later, &value, &bad));
    assert_int_equal(bad, 2);
}

static void bytes_are_sent_without_padding(void **state)
{
    assert_true(slice_is(grpc_bin_encode(arena, slice_from("\0\xff", 2)), SLICE("AP8")));
    assert_true(slice_is(grpc_bin_encode(arena, SLICE("")), SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_padded_or_not),
        cmocka_unit_test(commas_join_several_values),
        cmocka_unit_test(an_empty_value_is_one_empty_value),
        cmocka_unit_test(what_is_no_base64_is_told_by_its_place),
        cmocka_unit_test(bytes_are_sent_without_padding),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}
