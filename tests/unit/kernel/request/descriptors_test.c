/* descriptors_test: files, symbols and imports are found in a set, and a broken set yields nothing. */
#include <kernel/request/descriptors.c>
#include <base/text.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void add_named(struct text *t, uint32_t number, const char *name)
{
    size_t mark = wire_begin(t, number);
    wire_put_bytes(t, OWN_NAME, slice_of(name));
    wire_end(t, mark);
}

static void add_outer(struct text *t)
{
    size_t mark = wire_begin(t, FILE_MESSAGE);
    wire_put_bytes(t, OWN_NAME, SLICE("Outer"));
    add_named(t, MESSAGE_NESTED, "Inner");
    add_named(t, MESSAGE_ENUM, "Color");
    wire_end(t, mark);
}

static void add_service(struct text *t)
{
    size_t mark = wire_begin(t, FILE_SERVICE);
    wire_put_bytes(t, OWN_NAME, SLICE("Store"));
    add_named(t, SERVICE_METHOD, "Get");
    wire_end(t, mark);
}

static void add_file(struct text *t, const char *name, const char *import)
{
    size_t mark = wire_begin(t, SET_FILE);
    wire_put_bytes(t, FILE_NAME, slice_of(name));
    wire_put_bytes(t, FILE_PACKAGE, SLICE("a.b"));
    wire_put_bytes(t, FILE_IMPORT, slice_of(import));
    add_outer(t);
    add_service(t);
    wire_end(t, mark);
}

static struct text set;

static int make_set(void **state)
{
    add_file(&set, "one.proto", "two.proto");
    size_t mark = wire_begin(&set, SET_FILE);
    wire_put_bytes(&set, FILE_NAME, SLICE("two.proto"));
    wire_put_bytes(&set, FILE_IMPORT, SLICE("one.proto"));
    add_named(&set, FILE_ENUM, "Bare");
    wire_end(&set, mark);
    return 0;
}

static int drop_set(void **state)
{
    text_fini(&set);
    return 0;
}

static bool knows(const char *symbol)
{
    return descriptors_by_symbol(text_slice(&set), slice_of(symbol)).at != NULL;
}

static void files_are_found_by_name(void **state)
{
    assert_non_null(descriptors_by_name(text_slice(&set), SLICE("one.proto")).at);
    assert_null(descriptors_by_name(text_slice(&set), SLICE("three.proto")).at);
}

static void symbols_are_found_with_their_package(void **state)
{
    assert_true(knows("a.b.Outer"));
    assert_true(knows(".a.b.Outer.Inner"));
    assert_true(knows("a.b.Outer.Color"));
    assert_true(knows("a.b.Store"));
    assert_true(knows("a.b.Store.Get"));
    assert_true(knows("Bare"));
}

static void what_is_not_declared_is_not_found(void **state)
{
    assert_false(knows("a.b"));
    assert_false(knows("a.b.Inner"));
    assert_false(knows("a.b.Store.Put"));
    assert_false(knows("a.b.Bare"));
    assert_false(knows("a.bOuter"));
    assert_false(knows(""));
}

static void count(void *arg, struct trb_slice file)
{
    (*(uint32_t *)arg)++;
}

static void imports_that_turn_in_a_circle_come_once(void **state)
{
    uint32_t files = 0;
    struct trb_slice all = text_slice(&set);
    descriptors_with_imports(all, descriptors_by_name(all, SLICE("one.proto")), count, &files);
    assert_int_equal(files, 2);
}

static void a_set_that_was_cut_yields_no_more_than_is_there(void **state)
{
    for (size_t len = 0; len < set.len; len++)
        (void)descriptors_by_symbol(slice_from(set.at, len), SLICE("a.b.Store.Put"));
    assert_null(descriptors_by_name(slice_from(set.at, 3), SLICE("one.proto")).at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_by_name),
        cmocka_unit_test(symbols_are_found_with_their_package),
        cmocka_unit_test(what_is_not_declared_is_not_found),
        cmocka_unit_test(imports_that_turn_in_a_circle_come_once),
        cmocka_unit_test(a_set_that_was_cut_yields_no_more_than_is_there),
    };
    return cmocka_run_group_tests(tests, make_set, drop_set);
}
