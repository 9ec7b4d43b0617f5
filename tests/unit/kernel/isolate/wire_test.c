/* Questions and answers survive the way between two processes, and what is none is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/isolate/wire.c"
#include <base/slice.h>
#include <isolate/ids.h>
#include <isolate/words.h>
#include <plugin/copy.h>
#include <trilby/state.h>

static const struct trb_verb_info *verb(const char *block, const char *name)
{
    const struct words *w = words_of(slice_of(block));
    for (uint32_t i = 0; i < w->verb_count; i++)
        if (!strcmp(w->verbs[i].name, name))
            return &w->verbs[i];
    return NULL;
}

static struct trb_slice written(const struct trb_layout *layout, const void *value, size_t size)
{
    size_t len = wire_measure(layout, value, size);
    char *at = mem_alloc(len + 1);
    assert_ptr_equal(wire_put(layout, value, size, at), at + len);
    return (struct trb_slice){at, len};
}

static void every_field_arrives(void **state)
{
    struct trb_pair pair = {NAME("ttl"), NAME("5")};
    struct trb_state_set q = {.size = sizeof q, .key = NAME("app||k"), .value = {"bytes\0more", 10, NULL},
                              .metadata = {&pair, 1, sizeof pair}, .has_ttl = 1, .ttl_s = -7};
    const struct trb_layout *layout = verb("state", "set")->question;
    struct trb_slice all = written(layout, &q, sizeof q), rest = all;
    struct trb_state_set *got = wire_take(layout, &rest, NULL, false);
    assert_int_equal(rest.len, 0);
    assert_string_equal(got->key.at, "app||k");
    assert_int_equal(got->value.len, 10);
    assert_memory_equal(got->value.at, "bytes\0more", 10);
    assert_null(got->etag.at);
    assert_string_equal(got->metadata.at[0].value.at, "5");
    assert_int_equal(got->ttl_s, -7);
    assert_int_equal(got->size, sizeof q);
    mem_free(got);
    mem_free((void *)(uintptr_t)all.at);
}

static void a_list_keeps_its_elements_and_a_body_its_owner(void **state)
{
    struct trb_state_operation operations[] = {
        {.size = sizeof operations[0], .kind = TRB_STATE_UPSERT, .key = NAME("a"), .value = {"1", 1, NULL}},
        {.size = sizeof operations[0], .kind = TRB_STATE_REMOVE, .key = NAME("b")}};
    struct trb_state_transact q = {.size = sizeof q, .operations = {operations, 2, sizeof operations[0]}};
    const struct trb_layout *layout = verb("state", "transact")->question;
    struct trb_slice all = written(layout, &q, sizeof q);
    struct trb_buf *owner = buf_copy(all);
    struct trb_slice rest = buf_bytes(owner);
    struct trb_state_transact *got = wire_take(layout, &rest, owner, true);
    buf_unref(owner);
    const struct trb_state_operation *first = got->operations.at, *second = trb_list_at(&got->operations, 1);
    assert_int_equal(got->operations.count, 2);
    assert_memory_equal(first->value.at, "1", 1);
    assert_ptr_equal(first->value.owner, owner);
    assert_string_equal(second->key.at, "b");
    assert_null(second->value.at);
    copy_release(layout, got, false);
    mem_free(got);
    mem_free((void *)(uintptr_t)all.at);
}

static void empty_is_not_absent(void **state)
{
    struct trb_state_item item = {.size = sizeof item, .value = {"", 0, NULL}, .etag = {"", 0}};
    const struct trb_layout *layout = verb("state", "get")->answer;
    struct trb_slice all = written(layout, &item, sizeof item), rest = all;
    struct trb_state_item *got = wire_take(layout, &rest, NULL, false);
    assert_non_null(got->value.at);
    assert_non_null(got->etag.at);
    assert_null(got->content_type.at);
    assert_null(got->metadata.at);
    mem_free(got);
    mem_free((void *)(uintptr_t)all.at);
}

static void an_older_shorter_struct_reads_as_zeroes(void **state)
{
    struct trb_state_item item = {.size = offsetof(struct trb_state_item, etag), .value = {"v", 1, NULL}, .etag = {"x", 1}};
    const struct trb_layout *layout = verb("state", "get")->answer;
    struct trb_slice all = written(layout, &item, item.size), rest = all;
    struct trb_state_item *got = wire_take(layout, &rest, NULL, false);
    assert_null(got->etag.at);
    assert_int_equal(got->value.len, 1);
    mem_free(got);
    mem_free((void *)(uintptr_t)all.at);
}

static void what_is_cut_anywhere_is_refused(void **state)
{
    struct trb_pair pair = {NAME("ttl"), NAME("5")};
    struct trb_state_get elements[] = {{.size = sizeof elements[0], .key = NAME("a"), .metadata = {&pair, 1, sizeof pair}}};
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {elements, 1, sizeof elements[0]}, .parallelism = 3};
    const struct trb_layout *layout = verb("state", "bulk_get")->question;
    struct trb_slice all = written(layout, &q, sizeof q);
    for (size_t len = 0; len < all.len; len++) {
        char *cut = mem_copy(all.at, len + 1);
        struct trb_slice rest = {cut, len};
        assert_null(wire_take(layout, &rest, NULL, false));
        mem_free(cut);
    }
    mem_free((void *)(uintptr_t)all.at);
}

static void a_count_that_the_bytes_cannot_hold_is_refused(void **state)
{
    static const unsigned char many[] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};
    struct trb_slice rest = {(const char *)many, sizeof many};
    assert_null(wire_take(verb("state", "bulk_get")->question, &rest, NULL, false));
    rest = (struct trb_slice){(const char *)many, sizeof many};
    assert_null(wire_take(verb("secretstores", "bulk")->question, &rest, NULL, false));
    rest = (struct trb_slice){(const char *)many, sizeof many};
    assert_null(wire_take(verb("state", "remove_prefix")->question, &rest, NULL, false));
}

static void a_text_without_its_end_is_refused(void **state)
{
    static const unsigned char text[] = {3, 0, 0, 0, 'a', 'b', 'c'};
    struct trb_slice rest = {(const char *)text, sizeof text};
    assert_null(wire_take(verb("state", "remove_prefix")->question, &rest, NULL, false));
}

static void a_number_finds_its_thing_and_never_its_successor(void **state)
{
    struct ids ids = {0};
    int a, b;
    uint64_t first = ids_put(&ids, &a);
    assert_ptr_equal(ids_get(&ids, first), &a);
    assert_ptr_equal(ids_drop(&ids, first), &a);
    assert_null(ids_drop(&ids, first));
    uint64_t second = ids_put(&ids, &b);
    assert_int_equal((uint32_t)first, (uint32_t)second);
    assert_null(ids_get(&ids, first));
    assert_ptr_equal(ids_get(&ids, second), &b);
    assert_null(ids_get(&ids, UINT64_MAX));
    ids_fini(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(a_list_keeps_its_elements_and_a_body_its_owner),
        cmocka_unit_test(empty_is_not_absent),
        cmocka_unit_test(an_older_shorter_struct_reads_as_zeroes),
        cmocka_unit_test(what_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_refused),
        cmocka_unit_test(a_text_without_its_end_is_refused),
        cmocka_unit_test(a_number_finds_its_thing_and_never_its_successor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
