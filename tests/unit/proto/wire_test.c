/* wire_test: fields written and read again, and the forms a reader must refuse. */
#include "tests/unit/proto/pb_support.h"
#include <wire/wire.h>

static struct text out;

static int clean(void **state)
{
    text_fini(&out);
    return 0;
}

static void a_varint_takes_seven_bits_a_byte(void **state)
{
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint64_t back;
        text_clear(&out);
        wire_put_varint(&out, values[i]);
        struct trb_slice rest = text_slice(&out);
        assert_true(wire_varint(&rest, &back));
        assert_true(back == values[i] && !rest.len);
    }
    assert_int_equal(out.len, 10);
}

static void fields_come_back_in_order(void **state)
{
    struct wire_field f;
    wire_put_uint(&out, 1, 300);
    wire_put_uint(&out, 2, 0);                          /* left out */
    wire_put_bytes(&out, 3, SLICE("abc"));
    wire_put_bytes(&out, 4, SLICE(""));                 /* left out */
    wire_put_bytes_always(&out, 5, SLICE(""));
    wire_put_tag(&out, 6, WIRE_FIXED64);
    wire_put_fixed(&out, 8, 0x0102030405060708);
    wire_put_tag(&out, 7, WIRE_FIXED32);
    wire_put_fixed(&out, 4, 0x01020304);
    struct wire_reader r = wire_read(text_slice(&out));
    assert_true(wire_next(&r, &f) && f.number == 1 && f.value == 300);
    assert_true(wire_next(&r, &f) && f.number == 3);
    assert_slice(f.bytes, SLICE("abc"));
    assert_true(wire_next(&r, &f) && f.number == 5 && f.bytes.len == 0);
    assert_true(wire_next(&r, &f) && f.number == 6 && f.value == 0x0102030405060708);
    assert_true(wire_next(&r, &f) && f.number == 7 && f.value == 0x01020304);
    assert_false(wire_next(&r, &f));
    assert_false(r.broken);
}

static void a_length_is_found_once_the_message_is_written(void **state)
{
    static const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 300000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct wire_field f;
        text_clear(&out);
        size_t mark = wire_begin(&out, 9);
        for (size_t k = 0; k < lengths[i]; k++)
            text_addc(&out, 'x');
        wire_end(&out, mark);
        wire_put_uint(&out, 1, 1);
        struct wire_reader r = wire_read(text_slice(&out));
        assert_true(wire_next(&r, &f) && f.number == 9);
        assert_int_equal(f.bytes.len, lengths[i]);
        assert_true(wire_next(&r, &f) && f.number == 1);
    }
}

static void what_was_expected_to_be_short_is_moved_when_it_is_not(void **state)
{
    static const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 300000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct wire_field f, inner;
        text_clear(&out);
        size_t outer = wire_begin_short(&out, 300), mark = wire_begin_short(&out, 9);
        for (size_t k = 0; k < lengths[i]; k++)
            text_addc(&out, (char)('a' + k % 23));
        wire_end_short(&out, mark);
        wire_end_short(&out, outer);
        struct wire_reader r = wire_read(text_slice(&out));
        assert_true(wire_next(&r, &f) && f.number == 300 && !r.rest.len);
        r = wire_read(f.bytes);
        assert_true(wire_next(&r, &inner) && inner.number == 9 && !r.rest.len);
        assert_int_equal(inner.bytes.len, lengths[i]);
        for (size_t k = 0; k < lengths[i]; k++)
            assert_int_equal(inner.bytes.at[k], 'a' + k % 23);
    }
}

static void broken_forms_are_refused(void **state)
{
    static const struct trb_slice broken[] = {
        {"\x08", 1}, {"\x0a", 1}, {"\x02\x00", 2}, {"\x0a\x02" "a", 3}, {"\x00\x00", 2}, {"\x0b", 1}, {"\x0c", 1},
        {"\x0e\x00", 2}, {"\x0f\x00", 2},
        {"\x0d\x00\x00\x00", 4}, {"\x09\x00\x00\x00\x00\x00\x00\x00", 8}, {"\x88\x80\x80\x80\x80\x01\x01", 7},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct wire_reader r = wire_read(broken[i]);
        struct wire_field f;
        if (wire_next(&r, &f) || !r.broken)
            fail_msg("form %zu was accepted", i);
    }
}

static void a_map_entry_is_a_key_and_a_value(void **state)
{
    struct trb_slice key;
    struct wire_field value;
    assert_true(wire_map_entry(BYTES("\x0a\x01k\x10\x05"), &key, &value));
    assert_slice(key, SLICE("k"));
    assert_true(value.value == 5);
    assert_true(wire_map_entry(BYTES(""), &key, &value));
    assert_int_equal(key.len, 0);
    assert_false(wire_map_entry(BYTES("\x0a\x05k"), &key, &value));
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_varint_takes_seven_bits_a_byte),
        TEST(fields_come_back_in_order),
        TEST(a_length_is_found_once_the_message_is_written),
        TEST(what_was_expected_to_be_short_is_moved_when_it_is_not),
        TEST(broken_forms_are_refused),
        TEST(a_map_entry_is_a_key_and_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
