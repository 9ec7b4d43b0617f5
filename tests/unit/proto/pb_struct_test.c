/* pb_struct_test: JSON as google.protobuf.Struct, byte for byte. */
#include "tests/unit/proto/pb_support.h"
#include <pb/pb_struct.h>

static struct text out;

static int clean(void **state)
{
    text_fini(&out);
    return 0;
}

static void expect(const char *json, struct trb_slice wanted)
{
    text_clear(&out);
    if (!pb_struct_from_json(slice_of(json), &out))
        fail_msg("%s: refused", json);
    assert_slice(text_slice(&out), wanted);
}

static void an_empty_object_is_nothing(void **state)
{
    expect(" {} ", BYTES(""));
}

static void null_and_bools_are_written_even_when_zero(void **state)
{
    expect("{\"n\": null}", BYTES("\x0a\x07\x0a\x01" "n" "\x12\x02\x08\x00"));
    expect("{\"f\": false}", BYTES("\x0a\x07\x0a\x01" "f" "\x12\x02\x20\x00"));
    expect("{\"t\": true}", BYTES("\x0a\x07\x0a\x01" "t" "\x12\x02\x20\x01"));
}

static void numbers_are_doubles(void **state)
{
    expect("{\"n\":-2.5}", BYTES("\x0a\x0e\x0a\x01" "n" "\x12\x09\x11\0\0\0\0\0\0\x04\xc0"));
    expect("{\"n\":0}", BYTES("\x0a\x0e\x0a\x01" "n" "\x12\x09\x11\0\0\0\0\0\0\0\0"));
    expect("{\"n\":1e0}", BYTES("\x0a\x0e\x0a\x01" "n" "\x12\x09\x11\0\0\0\0\0\0\xf0\x3f"));
}

static void strings_and_keys_lose_their_escapes(void **state)
{
    expect("{\"\\u0061\":\"\"}", BYTES("\x0a\x07\x0a\x01" "a" "\x12\x02\x1a\x00"));
    expect("{\"\":\"\\\"\\n\"}", BYTES("\x0a\x08\x0a\x00\x12\x04\x1a\x02\"\n"));
}

static void objects_and_arrays_nest(void **state)
{
    expect("{\"o\":{}}", BYTES("\x0a\x07\x0a\x01" "o" "\x12\x02\x2a\x00"));
    expect("{\"a\":[]}", BYTES("\x0a\x07\x0a\x01" "a" "\x12\x02\x32\x00"));
    expect("{\"a\":[null,{\"b\":true}]}",
           BYTES("\x0a\x18\x0a\x01" "a" "\x12\x13\x32\x11\x0a\x02\x08\x00\x0a\x0b\x2a\x09\x0a\x07\x0a\x01" "b" "\x12\x02\x20\x01"));
}

static void members_are_added_behind_what_is_there(void **state)
{
    text_adds(&out, "before");
    assert_true(pb_struct_from_json(SLICE("{\"t\":true}"), &out));
    assert_slice(text_slice(&out), BYTES("before\x0a\x07\x0a\x01" "t" "\x12\x02\x20\x01"));
}

static void what_is_no_object_is_refused_and_leaves_the_text(void **state)
{
    static const char *const wrong[] = {"", "[]", "1", "null", "\"a\"", "{", "{\"a\":}", "{} {}"};
    text_adds(&out, "before");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(pb_struct_from_json(slice_of(wrong[i]), &out));
    assert_slice(text_slice(&out), SLICE("before"));
}

static bool nested(uint32_t depth)
{
    struct text json = {0};
    text_adds(&json, "{\"a\":");
    for (uint32_t i = 1; i < depth; i++)
        text_addc(&json, '[');
    for (uint32_t i = 1; i < depth; i++)
        text_addc(&json, ']');
    text_addc(&json, '}');
    bool fits = pb_struct_from_json(text_slice(&json), &out);
    text_fini(&json);
    return fits;
}

static void too_deep_an_object_is_refused_and_leaves_the_text(void **state)
{
    text_adds(&out, "before");
    assert_false(nested(PB_STRUCT_DEPTH + 1));
    assert_false(nested(100000));
    assert_slice(text_slice(&out), SLICE("before"));
    assert_true(nested(PB_STRUCT_DEPTH - 1));
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_object_is_nothing),
        TEST(null_and_bools_are_written_even_when_zero),
        TEST(numbers_are_doubles),
        TEST(strings_and_keys_lose_their_escapes),
        TEST(objects_and_arrays_nest),
        TEST(members_are_added_behind_what_is_there),
        TEST(what_is_no_object_is_refused_and_leaves_the_text),
        TEST(too_deep_an_object_is_refused_and_leaves_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
