/* What a trigger tells, as an item; which keys may be asked for; which of several versions counts. */
#include "plugins/configuration/postgresql/item.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena *arena;
static struct trb_configuration_item item;

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    item = (struct trb_configuration_item){0};
    return 0;
}

static int tear_down(void **state)
{
    arena = arena_destroy(arena);
    return 0;
}

static bool take(const char *payload)
{
    return notification_read(arena, slice_of(payload), &item);
}

static void a_notification_is_an_item(void **state)
{
    assert_true(take("{\"table\":\"t\",\"action\":\"INSERT\",\"data\":{\"key\":\"k\",\"value\":\"v\\n\",\"version\":\"1\","
                     "\"metadata\":{\"m\":\"x\",\"n\":1}}}"));
    assert_true(slice_is(slice_name(item.key), SLICE("k")));
    assert_true(slice_is(item.value, SLICE("v\n")));
    assert_true(slice_is(item.version, SLICE("1")));
    assert_int_equal(item.metadata.count, 1);
    assert_string_equal(trb_pair_get(&item.metadata, "m").at, "x");
}

static void what_it_does_not_say_is_empty(void **state)
{
    assert_true(take("{\"data\":{\"key\":\"k\",\"value\":null,\"metadata\":null}}"));
    assert_int_equal(item.value.len, 0);
    assert_non_null(item.value.at);
    assert_null(item.version.at);
    assert_int_equal(item.metadata.count, 0);
}

static void what_is_no_item_is_none(void **state)
{
    static const char *const bad[] = {"", "no json", "[]", "{}", "{\"data\":[]}", "{\"data\":{}}", "{\"data\":{\"key\":1}}",
                                      "{\"data\":{\"key\":\"k\",\"value\":1}}", "{\"data\":{\"key\":\"k\",\"value\":\"v\",\"version\":2}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(take(bad[i]));
}

static void keys_are_words(void **state)
{
    assert_true(key_is_good(SLICE("a.b/C_9")));
    assert_false(key_is_good(SLICE("")));
    assert_false(key_is_good(SLICE("a b")));
    assert_false(key_is_good(SLICE("a'")));
    assert_false(key_is_good(SLICE("a-b")));
}

static void the_highest_number_is_the_newest_version(void **state)
{
    struct trb_configuration_item a = {.key = NAME("k"), .version = SLICE("9")}, b = {.key = NAME("k"), .version = SLICE("10")},
                                  word = {.key = NAME("k"), .version = SLICE("new")}, other = {.key = NAME("l"), .version = SLICE("99")};
    assert_true(by_key_and_rank(&b, &a) < 0);
    assert_true(by_key_and_rank(&a, &word) < 0);
    assert_true(by_key_and_rank(&word, &other) < 0);
    assert_int_equal(by_key_and_rank(&word, &word), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_notification_is_an_item, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_does_not_say_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_item_is_none, set_up, tear_down),
        cmocka_unit_test(keys_are_words), cmocka_unit_test(the_highest_number_is_the_newest_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
