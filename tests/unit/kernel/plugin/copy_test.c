/* Copies by layout: every kind of field, older and newer structs, wider strides, buffers given and made. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/copy.c"
#include <base/slice.h>
#include <stdlib.h>
#include <trilby/secretstores.h>
#include <trilby/state.h>

#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#include <trilby/verbs_layout.h>

static const struct trb_layout *const layout = &trb_layout_state_item;

static struct trb_state_item *copy(const void *value, size_t size)
{
    return copy_into(layout, value, size, malloc(copy_measure(layout, value, size)));
}

static void end(struct trb_state_item *item)
{
    copy_release(layout, item, false);
    free(item);
}

static void every_field_is_copied_and_texts_end_in_nul(void **state)
{
    char etag[] = {'7', '7', 'x'}, text[] = "value";
    struct trb_pair pair = {NAME("ttlExpireTime"), NAME("soon")};
    struct trb_state_item item = {.size = sizeof item, .value = {text, 5, NULL}, .etag = {etag, 2},
                                  .metadata = {&pair, 1, sizeof pair}};
    struct trb_state_item *got = copy(&item, sizeof item);
    memset(text, 'z', 5);
    memset(etag, 'z', 3);
    assert_memory_equal(got->value.at, "value", 5);
    assert_non_null(got->value.owner);
    assert_string_equal(got->etag.at, "77");
    assert_int_equal(got->metadata.count, 1);
    assert_string_equal(got->metadata.at[0].key.at, "ttlExpireTime");
    assert_string_equal(got->metadata.at[0].value.at, "soon");
    assert_null(got->content_type.at);
    end(got);
}

static void absent_stays_absent_and_empty_stays_empty(void **state)
{
    struct trb_state_item item = {.size = sizeof item, .etag = {"", 0}};
    struct trb_state_item *got = copy(&item, sizeof item);
    assert_null(got->value.at);
    assert_non_null(got->etag.at);
    assert_int_equal(got->etag.len, 0);
    assert_null(got->content_type.at);
    end(got);
}

static void a_buffer_in_an_answer_is_taken_over(void **state)
{
    struct trb_buf *b = buf_copy(SLICE("given"));
    struct trb_state_item item = {.size = sizeof item, .value = buf_data(b)};
    struct trb_state_item *got = copy(&item, sizeof item);
    assert_ptr_equal(got->value.owner, b);
    assert_ptr_equal(got->value.at, buf_bytes(b).at);
    end(got);
}

static void a_list_is_copied_with_its_elements(void **state)
{
    char key[] = "first";
    struct trb_pair pair = {NAME("a"), NAME("b")};
    struct trb_state_get items[] = {{.size = sizeof *items, .key = {key, 5}, .metadata = {&pair, 1, sizeof pair}},
                                    {.size = sizeof *items, .key = NAME("second"), .consistency = 2}};
    struct trb_state_bulk_get all = {.size = sizeof all, .items = {items, 2, sizeof *items}, .parallelism = 7};
    const struct trb_layout *l = &trb_layout_state_bulk_get;
    struct trb_state_bulk_get *got = copy_into(l, &all, sizeof all, malloc(copy_measure(l, &all, sizeof all)));
    memset(key, 'z', 5);
    memset(items, 0xA5, sizeof items);
    assert_int_equal(got->items.count, 2);
    assert_int_equal(got->parallelism, 7);
    const struct trb_state_get *one = trb_list_at(&got->items, 0), *two = trb_list_at(&got->items, 1);
    assert_string_equal(one->key.at, "first");
    assert_string_equal(one->metadata.at[0].value.at, "b");
    assert_string_equal(two->key.at, "second");
    assert_int_equal(two->consistency, 2);
    copy_release(l, got, true);
    free(got);
}

static void an_empty_list_is_empty(void **state)
{
    struct trb_state_bulk_get all = {.size = sizeof all};
    const struct trb_layout *l = &trb_layout_state_bulk_get;
    struct trb_state_bulk_get *got = copy_into(l, &all, sizeof all, malloc(copy_measure(l, &all, sizeof all)));
    assert_int_equal(got->items.count, 0);
    assert_null(got->items.at);
    copy_release(l, got, false);
    free(got);
}

static void an_older_struct_leaves_what_it_lacks_at_zero(void **state)
{
    struct trb_state_item item = {.value = {"v", 1, NULL}};
    size_t known = offsetof(struct trb_state_item, etag);
    item.size = (uint32_t)known;
    memset((char *)&item + known, 0xA5, sizeof item - known);
    struct trb_state_item *got = copy(&item, known);
    assert_memory_equal(got->value.at, "v", 1);
    assert_null(got->etag.at);
    assert_null(got->metadata.at);
    assert_int_equal(got->size, sizeof *got);
    end(got);
}

static void a_field_that_is_cut_in_two_is_not_read(void **state)
{
    struct trb_state_item item = {.value = {"v", 1, NULL}, .etag = {"1", 1}};
    size_t known = offsetof(struct trb_state_item, etag) + 8;
    struct trb_state_item *got = copy(&item, known);
    assert_null(got->etag.at);
    end(got);
}

static void pairs_with_a_wider_stride_are_read_by_it(void **state)
{
    struct {
        struct trb_pair pair;
        char more[24];
    } wide[2] = {{{NAME("a"), NAME("1")}, ""}, {{NAME("b"), {NULL, 0}}, ""}};
    struct trb_state_item item = {.size = sizeof item, .metadata = {&wide[0].pair, 2, sizeof wide[0]}};
    struct trb_state_item *got = copy(&item, sizeof item);
    assert_int_equal(got->metadata.stride, sizeof(struct trb_pair));
    assert_string_equal(trb_pair_at(&got->metadata, 1)->key.at, "b");
    assert_null(trb_pair_at(&got->metadata, 1)->value.at);
    end(got);
}

static void secrets_are_wiped(void **state)
{
    static const struct trb_field fields[] = {{"values", "", TRB_FIELD_PAIRS, offsetof(struct trb_secret, values), NULL}};
    static const struct trb_layout secret = {"secret", sizeof(struct trb_secret), 1, fields};
    struct trb_pair pair = {NAME("password"), NAME("hunter2")};
    struct trb_secret s = {.size = sizeof s, .values = {&pair, 1, sizeof pair}};
    struct trb_secret *got = copy_into(&secret, &s, sizeof s, malloc(copy_measure(&secret, &s, sizeof s)));
    const char *value = got->values.at[0].value.at;
    assert_string_equal(value, "hunter2");
    copy_release(&secret, got, true);
    for (int i = 0; i < 7; i++)
        assert_int_equal(value[i], 0);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_copied_and_texts_end_in_nul),
        cmocka_unit_test(absent_stays_absent_and_empty_stays_empty),
        cmocka_unit_test(a_buffer_in_an_answer_is_taken_over),
        cmocka_unit_test(a_list_is_copied_with_its_elements),
        cmocka_unit_test(an_empty_list_is_empty),
        cmocka_unit_test(an_older_struct_leaves_what_it_lacks_at_zero),
        cmocka_unit_test(a_field_that_is_cut_in_two_is_not_read),
        cmocka_unit_test(pairs_with_a_wider_stride_are_read_by_it),
        cmocka_unit_test(secrets_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
