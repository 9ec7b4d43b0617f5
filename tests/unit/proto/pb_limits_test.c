/* pb_limits_test: what pb refuses, in which words, and that memory and depth have an end. */
#include "tests/unit/proto/pb_support.h"
#include <pb/runtime.h>
#include <wire/wire.h>

#define BROKEN "proto: cannot parse invalid wire-format data"
#define BAD_TEXT "string field contains invalid UTF-8"

static struct pieces pieces;
static struct text in;

static int clean(void **state)
{
    pieces_free(&pieces);
    text_fini(&in);
    return 0;
}

static const char *fault_of(const struct pb_type *type, struct trb_slice message)
{
    void *m = malloc(type->size);
    const char *fault = pb_read(type, message, pieces_memory(&pieces), m);
    free(m);
    return fault;
}

#define assert_fault(type, bytes, wanted) assert_string_equal(fault_of(type, BYTES(bytes)), wanted)

static void broken_wire_format_is_refused(void **state)
{
    assert_fault(&every_plain_pb, "\x0a", BROKEN);                      /* no length */
    assert_fault(&every_plain_pb, "\x0a\x02" "a", BROKEN);              /* longer than the message */
    assert_fault(&every_plain_pb, "\x20", BROKEN);                      /* no value */
    assert_fault(&every_plain_pb, "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", BROKEN);
    assert_fault(&every_plain_pb, "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", BROKEN);
    assert_fault(&every_plain_pb, "\x45\x00\x00\x00", BROKEN);          /* half a float */
    assert_fault(&every_plain_pb, "\x02\x00", BROKEN);                  /* field 0 */
    assert_fault(&every_plain_pb, "\x82\x80\x80\x80\x10\x00", BROKEN);  /* field 2^29 */
    assert_fault(&every_plain_pb, "\x0b\x0c", BROKEN);                  /* a group */
    assert_fault(&every_plain_pb, "\x0e", BROKEN);                      /* wire type 6 */
    assert_fault(&every_lists_pb, "\x22\x02\x01\x80", BROKEN);          /* a packed list, cut */
    assert_fault(&every_lists_pb, "\x42\x03\x01\x01\x01", BROKEN);
    assert_fault(&every_present_pb, "\x5a\x01\x0a", BROKEN);            /* in a nested message */
    assert_fault(&every_maps_pb, "\x0a\x01\x0a", BROKEN);
}

static void strings_and_keys_are_utf8(void **state)
{
    assert_fault(&every_plain_pb, "\x0a\x01\xff", BAD_TEXT);
    assert_fault(&every_plain_pb, "\x0a\x03\xed\xa0\x80", BAD_TEXT);    /* a surrogate */
    assert_fault(&every_plain_pb, "\x0a\x02\xc0\x80", BAD_TEXT);        /* overlong */
    assert_fault(&every_present_pb, "\x0a\x01\x80", BAD_TEXT);
    assert_fault(&every_lists_pb, "\x0a\x01\x80", BAD_TEXT);
    assert_fault(&every_maps_pb, "\x0a\x03\x0a\x01\x80", BAD_TEXT);
    assert_fault(&every_maps_pb, "\x0a\x03\x12\x01\x80", BAD_TEXT);
    assert_fault(&every_choice_pb, "\x12\x01\x80", BAD_TEXT);
    assert_null(fault_of(&every_plain_pb, BYTES("\x12\x01\xff")));      /* bytes may be anything */
    assert_null(fault_of(&every_plain_pb, BYTES("\x0a\x04\xf0\x9f\x98\x80")));
}

/* A message cut short is either broken, or ends between two of its fields. */
static void expect_cuts(const struct pb_type *type, struct trb_slice whole)
{
    size_t boundary = 0;
    for (size_t len = 0; len <= whole.len; len++) {
        char *copy = malloc(len ? len : 1);             /* a reader beyond the end is found */
        memcpy(copy, whole.at, len);
        if (len > boundary) {
            struct wire_reader r = wire_read(slice_skip(whole, boundary));
            struct wire_field f;
            assert_true(wire_next(&r, &f));
            if (whole.len - r.rest.len == len)
                boundary = len;
        }
        const char *fault = fault_of(type, slice_from(copy, len));
        if (len == boundary ? fault != NULL : !fault || strcmp(fault, BROKEN))
            fail_msg("%s cut at %zu of %zu: %s", type->name, len, whole.len, fault ? fault : "accepted");
        free(copy);
    }
}

static void messages_cut_at_every_byte_are_broken(void **state)
{
    struct every_plain plain = {.text = NAME("text"), .data = SLICE("data"), .yes = 1, .small = -1, .large = INT64_MIN,
                                .count = 300, .size = UINT64_MAX, .ratio = 1, .exact = 2, .colour = 1};
    struct trb_pair pairs[2] = {{NAME("a"), NAME("1")}, {NAME("b"), NAME("")}};
    struct every_maps maps = {.pairs = {pairs, 2, sizeof pairs[0]},
                              .plains = {(struct every_maps_plains_entry[]){{NAME("k"), &plain}}, 1}};
    struct every_lists lists = {.texts = {(struct trb_name[]){NAME("a"), NAME("")}, 2}, .plains = {&plain, 1},
                                .small = {(int32_t[]){1, -1, 300}, 3}, .ratio = {(float[]){1, 2}, 2}};
    pb_write(&every_plain_pb, &plain, &in);
    expect_cuts(&every_plain_pb, text_slice(&in));
    text_clear(&in);
    pb_write(&every_maps_pb, &maps, &in);
    expect_cuts(&every_maps_pb, text_slice(&in));
    text_clear(&in);
    pb_write(&every_lists_pb, &lists, &in);
    expect_cuts(&every_lists_pb, text_slice(&in));
}

/* Nested.self in itself, so many times, from the inside out. */
static struct trb_slice nest(uint32_t levels)
{
    size_t room = 12 * (size_t)levels, at = room;
    char *all = malloc(room);
    for (uint32_t i = 0; i < levels; i++) {
        struct text head = {0};
        wire_put_tag(&head, 5, WIRE_BYTES);
        wire_put_varint(&head, room - at);
        at -= head.len;
        memcpy(all + at, head.at, head.len);
        text_fini(&head);
    }
    text_clear(&in);
    text_add(&in, slice_from(all + at, room - at));
    free(all);
    return text_slice(&in);
}

static void a_message_is_nested_a_hundred_deep_and_no_deeper(void **state)
{
    assert_null(fault_of(&every_nested_pb, nest(PB_DEPTH - 1)));
    assert_string_equal(fault_of(&every_nested_pb, nest(PB_DEPTH)), "proto: exceeded maximum recursion depth");
    pieces_free(&pieces);
    assert_string_equal(fault_of(&every_nested_pb, nest(10000)), "proto: exceeded maximum recursion depth");
    assert_true(pieces.bytes <= PB_DEPTH * sizeof(struct every_nested));
}

static void depth_that_is_not_looked_into_does_not_count(void **state)
{
    struct trb_slice deep = nest(10000);
    struct text whole = {0};
    wire_put_bytes_always(&whole, 16, deep);            /* a Struct, kept encoded */
    wire_put_bytes_always(&whole, 77, deep);            /* unknown */
    assert_null(fault_of(&every_nested_pb, text_slice(&whole)));
    assert_int_equal(pieces.count, 0);
    text_fini(&whole);
}

static void four_megabytes_of_unknown_fields_take_no_memory(void **state)
{
    while (in.len < 4 << 20)
        wire_put_bytes_always(&in, 99, BYTES(""));
    assert_null(fault_of(&runtime_save_state_request_pb, text_slice(&in)));
    assert_int_equal(pieces.bytes, 0);
}

static void memory_is_refused_beyond_what_the_length_allows(void **state, const struct pb_type *type, uint32_t number)
{
    while (in.len < 4 << 20)
        wire_put_bytes_always(&in, number, BYTES(""));
    assert_string_equal(fault_of(type, text_slice(&in)), "proto: message asks for more memory than its length allows");
    assert_true(pieces.bytes <= PB_BUDGET_FACTOR * in.len + PB_BUDGET_FREE);
}

static void two_million_empty_messages_are_refused(void **state)
{
    memory_is_refused_beyond_what_the_length_allows(state, &runtime_save_state_request_pb, 2);
    assert_int_equal(pieces.bytes, 0);                  /* they were counted first */
}

static void two_million_empty_pairs_are_refused(void **state)
{
    memory_is_refused_beyond_what_the_length_allows(state, &every_maps_pb, 1);
}

static void two_million_empty_strings_are_read(void **state)
{
    while (in.len < 4 << 20)
        wire_put_bytes_always(&in, 2, BYTES(""));
    struct runtime_get_bulk_state_request m;
    assert_null(pb_read(&runtime_get_bulk_state_request_pb, text_slice(&in), pieces_memory(&pieces), &m));
    assert_int_equal(m.keys.count, 2 << 20);
    assert_true(pieces.bytes <= PB_BUDGET_FACTOR * in.len + PB_BUDGET_FREE);
}

/* Every part adds one element to the list that the parts before have built: copies would be quadratic. */
static void a_message_in_a_million_parts_does_not_copy_without_end(void **state)
{
    while (in.len < 4 << 20)
        text_add(&in, BYTES("\x3a\x02\x0a\x00"));       /* Choice.lists with one empty text */
    assert_string_equal(fault_of(&every_choice_pb, text_slice(&in)),
                        "proto: message asks for more memory than its length allows");
    assert_true(pieces.bytes <= PB_BUDGET_FACTOR * in.len + PB_BUDGET_FREE);
}

static void a_thousand_small_elements_need_no_long_message(void **state)
{
    for (int i = 0; i < 500; i++)
        wire_put_bytes_always(&in, 2, BYTES(""));
    assert_null(fault_of(&runtime_save_state_request_pb, text_slice(&in)));
}

static void every_refusal_of_memory_is_survived(void **state)
{
    struct every_plain plain = {.text = NAME("text")};
    struct trb_pair pairs[2] = {{NAME("a"), NAME("1")}, {NAME("a"), NAME("2")}};
    struct every_maps maps = {.pairs = {pairs, 2, sizeof pairs[0]},
                              .plains = {(struct every_maps_plains_entry[]){{NAME("k"), &plain}}, 1}};
    pb_write(&every_maps_pb, &maps, &in);
    text_add(&in, BYTES("\x12\x03\x0a\x01" "q"));
    assert_null(fault_of(&every_maps_pb, text_slice(&in)));
    size_t whole = pieces.bytes;
    for (size_t most = 1; most < whole; most++) {
        pieces_free(&pieces);
        pieces.most = most;
        assert_non_null(fault_of(&every_maps_pb, text_slice(&in)));
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(broken_wire_format_is_refused),
        TEST(strings_and_keys_are_utf8),
        TEST(messages_cut_at_every_byte_are_broken),
        TEST(a_message_is_nested_a_hundred_deep_and_no_deeper),
        TEST(depth_that_is_not_looked_into_does_not_count),
        TEST(four_megabytes_of_unknown_fields_take_no_memory),
        TEST(two_million_empty_messages_are_refused),
        TEST(two_million_empty_pairs_are_refused),
        TEST(two_million_empty_strings_are_read),
        TEST(a_message_in_a_million_parts_does_not_copy_without_end),
        TEST(a_thousand_small_elements_need_no_long_message),
        TEST(every_refusal_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
