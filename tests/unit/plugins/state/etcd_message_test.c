/* etcd's requests byte for byte, its answers whole and broken, and the values of version 2. */
#include "plugins/state/etcd/message.c"
#include "plugins/state/etcd/value.h"
#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static struct text t;

static int fresh(void **state)
{
    text_clear(&t);
    return 0;
}

static int fini(void **state)
{
    text_fini(&t);
    return 0;
}

#define WROTE(bytes)                                                                               \
    do {                                                                                           \
        assert_int_equal(t.len, sizeof(bytes) - 1);                                                \
        assert_memory_equal(t.at, bytes, sizeof(bytes) - 1);                                       \
    } while (0)

static const struct etcd_key key = {{"p", 1}, {"k", 1}};

static void requests_are_etcds(void **state)
{
    etcd_put_range(&t, key, false);
    WROTE("\x0a\x03p/k");
    text_clear(&t);
    etcd_put_range(&t, (struct etcd_key){SLICE(""), SLICE("k")}, true);
    WROTE("\x0a\x02/k\x40\x01");
    text_clear(&t);
    etcd_put_put(&t, key, SLICE("v"), 300);
    WROTE("\x0a\x03p/k\x12\x01v\x18\xac\x02");
    text_clear(&t);
    etcd_put_delete(&t, key);
    WROTE("\x0a\x03p/k");
    text_clear(&t);
    etcd_put_grant(&t, 100);
    WROTE("\x08\x64");
}

static void a_range_of_keys_ends_behind_the_last_that_begins_so(void **state)
{
    etcd_put_range_keys(&t, key, 7, 9);
    WROTE("\x0a\x03p/k\x12\x03p/l\x20\x07\x40\x01\x60\x09");
    text_clear(&t);
    etcd_put_range_keys(&t, (struct etcd_key){SLICE("p"), SLICE("")}, 0, 0);
    WROTE("\x0a\x02p/\x12\x02p0\x40\x01");
    text_clear(&t);
    etcd_put_range_keys(&t, (struct etcd_key){SLICE("p"), SLICE("a\xff")}, 0, 0);
    WROTE("\x0a\x04p/a\xff\x12\x03p/b\x40\x01");
    text_clear(&t);
    etcd_put_range_keys(&t, (struct etcd_key){SLICE("p"), SLICE("\xff")}, 0, 0);
    WROTE("\x0a\x03p/\xff\x12\x02p0\x40\x01");
}

static void a_transaction_compares_and_does(void **state)
{
    etcd_put_compare(&t, key, 5);
    struct etcd_op op = etcd_op_begin(&t, ETCD_THEN, ETCD_OP_DELETE);
    etcd_put_delete(&t, key);
    etcd_op_end(&t, op);
    op = etcd_op_begin(&t, ETCD_ELSE, ETCD_OP_RANGE);
    etcd_put_range(&t, key, false);
    etcd_op_end(&t, op);
    WROTE("\x0a\x09\x10\x02\x1a\x03p/k\x30\x05" "\x12\x07\x1a\x05\x0a\x03p/k" "\x1a\x07\x0a\x05\x0a\x03p/k");
    text_clear(&t);
    etcd_put_compare(&t, key, 0);
    WROTE("\x0a\x09\x10\x01\x1a\x03p/k\x28\x00");
}

static void answers_are_read(void **state)
{
    static const char range[] = "\x0a\x02\x18\x09" "\x12\x0d\x0a\x01k\x10\x03\x18\x04\x20\x01\x2a\x02vw" "\x12\x03\x0a\x01l" "\x20\x02";
    struct wire_reader items;
    struct etcd_item item;
    int64_t revision, lease;
    bool has, succeeded;
    assert_true(etcd_read_range(slice_from(range, sizeof range - 1), &revision, &items));
    assert_int_equal(revision, 9);
    assert_true(etcd_next_item(&items, &item));
    assert_true(slice_is(item.key, SLICE("k")) && slice_is(item.value, SLICE("vw")));
    assert_int_equal(item.create_revision, 3);
    assert_int_equal(item.mod_revision, 4);
    assert_true(etcd_next_item(&items, &item));
    assert_true(slice_is(item.key, SLICE("l")) && item.value.at && !item.value.len);
    assert_false(etcd_next_item(&items, &item));
    assert_false(items.broken);
    assert_true(etcd_read_first(SLICE("\x0a\x02\x18\x09"), &has, &item));
    assert_false(has);
    assert_true(etcd_read_txn(SLICE("\x10\x01"), &succeeded, &items) && succeeded);
    assert_true(etcd_read_txn(SLICE(""), &succeeded, &items) && !succeeded);
    assert_true(etcd_read_lease(SLICE("\x10\x05\x18\x64"), &lease));
    assert_int_equal(lease, 5);
    assert_false(etcd_read_lease(SLICE("\x18\x64"), &lease));
}

static void answers_to_the_else_branch_come_one_by_one(void **state)
{
    static const char txn[] = "\x1a\x04\x0a\x02\x20\x01" "\x1a\x02\x12\x00" "\x1a\x02\x0a\x00";
    struct wire_reader answers;
    struct trb_slice range;
    bool succeeded;
    assert_true(etcd_read_txn(slice_from(txn, sizeof txn - 1), &succeeded, &answers));
    assert_true(etcd_next_range(&answers, &range));
    assert_true(slice_is(range, SLICE("\x20\x01")));
    assert_true(etcd_next_range(&answers, &range));
    assert_int_equal(range.len, 0);
    assert_false(etcd_next_range(&answers, &range));
}

static void what_is_broken_is_told(void **state)
{
    struct wire_reader items;
    struct etcd_item item;
    int64_t revision;
    bool has;
    assert_false(etcd_read_range(SLICE("\x12\x09z"), &revision, &items));
    assert_false(etcd_read_range(SLICE("\x0a\x01\x18"), &revision, &items));
    assert_false(etcd_read_first(SLICE("\x12\x02\x0a\x09"), &has, &item));
}

/* -------------------------------------------------------------------------------------- values */
static void a_value_is_written_as_others_write_it(void **state)
{
    value_put(&t, SLICE("\"x\""), 1795045207ll * 1000000000 + 123, 100);
    WROTE("\x0a\x03\"x\"" "\x12\x08\x08\xd7\xee\xf8\xd7\x06\x10\x7b" "\x1a\x02\x08\x64");
    text_clear(&t);
    value_put(&t, SLICE("\x00\x01\xff"), 1, 0);
    WROTE("\x0a\x03\x00\x01\xff" "\x12\x02\x10\x01" "\x1a\x00");
}

static void a_value_is_read_with_its_end(void **state)
{
    struct trb_slice data;
    int64_t expiry_ns;
    assert_true(value_read(SLICE("\x0a\x03\"x\"\x12\x04\x08\x0a\x10\x05\x1a\x02\x08\x64"), &data, &expiry_ns));
    assert_true(slice_is(data, SLICE("\"x\"")));
    assert_int_equal(expiry_ns, 110ll * 1000000000 + 5);
    assert_true(value_read(SLICE("\x12\x02\x08\x0a\x1a\x00"), &data, &expiry_ns));
    assert_int_equal(data.len, 0);
    assert_non_null(data.at);
    assert_int_equal(expiry_ns, 0);
    assert_true(value_read(SLICE("\x12\x02\x08\x0a\x1a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &data, &expiry_ns));
    assert_int_equal(expiry_ns, 0);
    assert_true(value_read(SLICE("\x12\x02\x08\x0a\x1a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), &data, &expiry_ns));
    assert_int_equal(expiry_ns, 0);
}

static void plain_text_is_no_value(void **state)
{
    struct trb_slice data;
    int64_t expiry_ns;
    assert_false(value_read(SLICE("\"abc\""), &data, &expiry_ns));
    assert_false(value_read(SLICE("{\"a\":1}"), &data, &expiry_ns));
    assert_false(value_read(SLICE("\x0a\x09x"), &data, &expiry_ns));
    assert_false(value_read(SLICE("\x12\x01\x08"), &data, &expiry_ns));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(requests_are_etcds, fresh),
        cmocka_unit_test_setup(a_range_of_keys_ends_behind_the_last_that_begins_so, fresh),
        cmocka_unit_test_setup(a_transaction_compares_and_does, fresh),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(answers_to_the_else_branch_come_one_by_one),
        cmocka_unit_test(what_is_broken_is_told),
        cmocka_unit_test_setup(a_value_is_written_as_others_write_it, fresh),
        cmocka_unit_test(a_value_is_read_with_its_end),
        cmocka_unit_test(plain_text_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, fini);
}
