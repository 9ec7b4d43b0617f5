/* Which pattern a path is counted under. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/runtime/path_matching.c"

static struct trb_name given[] = {{"/orders/{id}", 12}, {"/orders/new", 11}, {"/files/", 7},
                                  {"/v1.0/invoke/{app}/method/x", 27}};
static const struct configuration_names patterns = {given, 4};

static void expect(const char *path, const char *wanted)
{
    char room[512];
    struct trb_slice label = {NULL, 0};
    bool found = path_matches(&patterns, slice_of(path), room, sizeof room, &label);
    assert_int_equal(found, wanted != NULL);
    if (wanted)
        assert_true(slice_is(label, slice_of(wanted)));
}

static void a_name_takes_one_segment(void **unused)
{
    expect("/orders/7", "/orders/{id}");
    expect("/orders/7/items", NULL);
    expect("/orders/", NULL);
    expect("/orders", NULL);
}

static void a_literal_beats_a_name(void **unused)
{
    expect("/orders/new", "/orders/new");
}

static void a_trailing_slash_takes_all_below(void **unused)
{
    expect("/files/a", "/files/");
    expect("/files/a/b/c", "/files/");
    expect("/file", NULL);
}

static void every_pattern_is_also_looked_for_behind_an_invocation(void **unused)
{
    expect("/v1.0/invoke/shop/method/orders/7", "/v1.0/invoke/{app_id}/method/orders/{id}");
    expect("/v1.0/invoke/shop/method/other", NULL);
}

static void a_pattern_of_an_invocation_stands_for_itself(void **unused)
{
    expect("/v1.0/invoke/shop/method/x", "/v1.0/invoke/{app}/method/x");
    expect("/v1.0/invoke/a/method/v1.0/invoke/b/method/x", NULL);
}

static void a_longer_pattern_than_the_room_is_no_match(void **unused)
{
    char room[8];
    struct trb_slice label;
    assert_false(path_matches(&patterns, SLICE("/v1.0/invoke/shop/method/orders/7"), room, sizeof room, &label));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_takes_one_segment),
        cmocka_unit_test(a_literal_beats_a_name),
        cmocka_unit_test(a_trailing_slash_takes_all_below),
        cmocka_unit_test(every_pattern_is_also_looked_for_behind_an_invocation),
        cmocka_unit_test(a_pattern_of_an_invocation_stands_for_itself),
        cmocka_unit_test(a_longer_pattern_than_the_room_is_no_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
