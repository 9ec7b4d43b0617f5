/* pb_test: what each type of field becomes in C when it is read, and what is written of it. Bytes are
 * written by hand: <tag> is number * 8 + wire type. */
#include "tests/unit/proto/pb_support.h"
#include <pb/common.h>
#include <pb/runtime.h>
#include <stdio.h>

static struct pieces pieces;
static struct text out;

static int clean(void **state)
{
    pieces_free(&pieces);
    text_fini(&out);
    return 0;
}

static void read_all(const struct pb_type *type, struct trb_slice message, void *ret)
{
    const char *fault = pb_read(type, message, pieces_memory(&pieces), ret);
    if (fault)
        fail_msg("%s: %s", type->name, fault);
}

static void expect_written(const struct pb_type *type, const void *from, struct trb_slice wanted)
{
    text_clear(&out);
    pb_write(type, from, &out);
    assert_slice(text_slice(&out), wanted);
}

/* ------------------------------------------------------------------------------ single values */
static void a_string_is_a_copy_with_a_nul_behind(void **state)
{
    struct every_plain m;
    char message[] = "\x0a\x03" "abc" "\x52";           /* another byte follows in the buffer */
    read_all(&every_plain_pb, slice_from(message, 5), &m);
    memset(message, 'x', 5);
    assert_name(m.text, "abc");
}

static void an_absent_string_is_empty_and_never_null(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES(""), &m);
    assert_name(m.text, "");
}

static void bytes_are_a_slice_of_the_message(void **state)
{
    struct every_plain m;
    struct trb_slice message = BYTES("\x12\x03" "a\0b");
    read_all(&every_plain_pb, message, &m);
    assert_ptr_equal(m.data.at, message.at + 2);
    assert_int_equal(m.data.len, 3);
    assert_int_equal(pieces.count, 0);
}

static void absent_bytes_are_null_and_empty_ones_are_not(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES(""), &m);
    assert_null(m.data.at);
    read_all(&every_plain_pb, BYTES("\x12\x00"), &m);
    assert_non_null(m.data.at);
    assert_int_equal(m.data.len, 0);
}

static const char numbers[] = "\x18\x01"
                              "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                              "\x28\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"
                              "\x30\xff\xff\xff\xff\x0f"
                              "\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                              "\x45\x00\x00\xc0\x3f"
                              "\x49\x00\x00\x00\x00\x00\x00\x04\xc0"
                              "\x50\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01";

static void numbers_are_as_in_c(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, slice_from(numbers, sizeof numbers - 1), &m);
    assert_true(m.yes);
    assert_int_equal(m.small, -1);
    assert_true(m.large == INT64_MIN);
    assert_int_equal(m.count, UINT32_MAX);
    assert_true(m.size == UINT64_MAX);
    assert_true(m.ratio == 1.5f);
    assert_true(m.exact == -2.5);
    assert_int_equal(m.colour, EVERY_COLOUR_BLUE);
}

static void numbers_are_written_as_they_were_read(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, slice_from(numbers, sizeof numbers - 1), &m);
    expect_written(&every_plain_pb, &m, slice_from(numbers, sizeof numbers - 1));
}

static void a_bool_is_any_number_but_zero(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES("\x18\x80\x80\x01"), &m);
    assert_true(m.yes);
    expect_written(&every_plain_pb, &m, BYTES("\x18\x01"));
}

static void an_unknown_enum_value_is_kept(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES("\x50\x4d"), &m);
    assert_int_equal(m.colour, 77);
    expect_written(&every_plain_pb, &m, BYTES("\x50\x4d"));
}

static void of_a_number_that_comes_twice_the_last_holds(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES("\x20\x01\x0a\x01" "a" "\x20\x02\x0a\x01" "b"), &m);
    assert_int_equal(m.small, 2);
    assert_name(m.text, "b");
}

static void defaults_are_left_out(void **state)
{
    struct every_plain m = {.text = NAME(""), .data = SLICE("")};
    expect_written(&every_plain_pb, &m, BYTES(""));
    m.exact = -0.0;                                     /* not the default: its bits differ */
    expect_written(&every_plain_pb, &m, BYTES("\x49\0\0\0\0\0\0\0\x80"));
}

static void fields_are_written_in_the_order_of_their_numbers(void **state)
{
    struct runtime_topic_event_request m = {.topic = NAME("t"), .data = SLICE("d"), .id = NAME("i")};
    expect_written(&runtime_topic_event_request_pb, &m, BYTES("\x0a\x01i\x32\x01t\x3a\x01" "d"));
}

/* ----------------------------------------------------------------------------------- presence */
static void what_is_optional_and_absent_says_so(void **state)
{
    struct every_present m;
    read_all(&every_present_pb, BYTES(""), &m);
    assert_null(m.text.at);
    assert_null(m.data.at);
    assert_null(m.plain);
    assert_false(m.has_yes || m.has_small || m.has_large || m.has_count || m.has_size || m.has_ratio || m.has_exact ||
                 m.has_colour);
    expect_written(&every_present_pb, &m, BYTES(""));
}

static void what_is_optional_and_empty_is_there(void **state)
{
    struct every_present m;
    struct trb_slice message = BYTES("\x0a\x00\x12\x00\x18\x00\x20\x00\x28\x00\x30\x00\x38\x00\x45\0\0\0\0"
                                     "\x49\0\0\0\0\0\0\0\0\x50\x00\x5a\x00");
    read_all(&every_present_pb, message, &m);
    assert_name(m.text, "");
    assert_non_null(m.data.at);
    assert_true(m.has_yes && m.has_small && m.has_large && m.has_count && m.has_size && m.has_ratio && m.has_exact &&
                m.has_colour);
    assert_non_null(m.plain);
    expect_written(&every_present_pb, &m, message);
}

/* ----------------------------------------------------------------------------------- messages */
static void an_absent_message_is_null(void **state)
{
    struct runtime_delete_state_request m;
    read_all(&runtime_delete_state_request_pb, BYTES("\x1a\x00"), &m);
    assert_non_null(m.etag);
    assert_name(m.etag->value, "");
    assert_null(m.options);
    expect_written(&runtime_delete_state_request_pb, &m, BYTES("\x1a\x00"));
}

static void parts_of_a_message_are_merged(void **state)
{
    struct every_present m;
    read_all(&every_present_pb, BYTES("\x5a\x05\x0a\x01" "a" "\x20\x01" "\x5a\x04\x20\x02\x28\x03"), &m);
    assert_name(m.plain->text, "a");
    assert_int_equal(m.plain->small, 2);
    assert_int_equal(m.plain->large, 3);
}

static void lists_in_parts_of_a_message_are_joined(void **state)
{
    struct every_choice m;
    read_all(&every_choice_pb, BYTES("\x3a\x03\x0a\x01" "a" "\x3a\x07\x0a\x01" "b" "\x22\x02\x01\x02" "\x3a\x00"), &m);
    assert_int_equal(m.lists->texts.count, 2);
    assert_name(m.lists->texts.at[0], "a");
    assert_name(m.lists->texts.at[1], "b");
    assert_int_equal(m.lists->small.count, 2);
}

static void a_message_may_hold_itself(void **state)
{
    struct every_nested m;
    read_all(&every_nested_pb, BYTES("\x2a\x04\x2a\x02\x4a\x00"), &m);
    assert_int_equal(m.self->self->many.count, 1);
    assert_null(m.self->self->many.at[0].self);
    expect_written(&every_nested_pb, &m, BYTES("\x2a\x04\x2a\x02\x4a\x00"));
}

static void numbers_may_be_large_and_names_taken(void **state)
{
    struct every_nested m;
    struct trb_slice message = BYTES("\x12\x06\x18\x01\xc2\x3e\x01" "d" "\xfa\xff\xff\xff\x0f\x01" "c");
    read_all(&every_nested_pb, message, &m);
    assert_int_equal(m.inner->depth, EVERY_NESTED_INNER_DEEP);
    assert_name(m.inner->default_, "d");
    assert_name(m.camel_case, "c");
    expect_written(&every_nested_pb, &m, message);
}

/* -------------------------------------------------------------------------------------- lists */
static void absent_lists_are_empty(void **state)
{
    struct every_lists m;
    read_all(&every_lists_pb, BYTES(""), &m);
    assert_int_equal(m.texts.count + m.data.count + m.small.count + m.plains.count, 0);
    expect_written(&every_lists_pb, &m, BYTES(""));
}

static void lists_keep_their_order_and_their_empty_elements(void **state)
{
    struct every_lists m;
    struct trb_slice message = BYTES("\x0a\x01" "a" "\x0a\x00" "\x0a\x01" "b" "\x12\x00" "\x12\x01" "x"
                                     "\x5a\x00" "\x5a\x02\x20\x07" "\x62\x00");
    read_all(&every_lists_pb, message, &m);
    assert_int_equal(m.texts.count, 3);
    assert_name(m.texts.at[0], "a");
    assert_name(m.texts.at[1], "");
    assert_name(m.texts.at[2], "b");
    assert_int_equal(m.data.count, 2);
    assert_int_equal(m.data.at[0].len, 0);
    assert_int_equal(m.plains.count, 2);
    assert_name(m.plains.at[0].text, "");
    assert_int_equal(m.plains.at[1].small, 7);
    assert_int_equal(m.documents.count, 1);
    expect_written(&every_lists_pb, &m, message);
}

static void packed_lists_are_read_and_written(void **state)
{
    struct every_lists m;
    struct trb_slice message = BYTES("\x1a\x02\x01\x00" "\x22\x0b\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "\x2a\x01\x06"
                                     "\x32\x01\x07" "\x3a\x02\x80\x01" "\x42\x04\x00\x00\x80\x3f"
                                     "\x4a\x08\x00\x00\x00\x00\x00\x00\xf0\x3f" "\x52\x02\x00\x01");
    read_all(&every_lists_pb, message, &m);
    assert_int_equal(m.yes.count, 2);
    assert_true(m.yes.at[0] && !m.yes.at[1]);
    assert_int_equal(m.small.count, 2);
    assert_int_equal(m.small.at[1], -1);
    assert_true(m.size.at[0] == 128);
    assert_true(m.ratio.at[0] == 1.0f);
    assert_true(m.exact.at[0] == 1.0);
    assert_int_equal(m.colours.at[1], EVERY_COLOUR_RED);
    expect_written(&every_lists_pb, &m, message);
}

static void a_list_may_come_packed_and_loose_and_in_parts(void **state)
{
    struct every_lists m;
    read_all(&every_lists_pb, BYTES("\x20\x01" "\x22\x02\x02\x03" "\x20\x04" "\x22\x00" "\x22\x01\x05" "\x68\x06\x6a\x01\x07"), &m);
    assert_int_equal(m.small.count, 5);
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(m.small.at[i], i + 1);
    assert_int_equal(m.loose.count, 2);
    assert_int_equal(m.loose.at[1], 7);
}

/* --------------------------------------------------------------------------------------- maps */
static void a_map_of_strings_is_pairs(void **state)
{
    struct every_maps m;
    read_all(&every_maps_pb, BYTES("\x0a\x06\x0a\x01" "k" "\x12\x01" "v" "\x0a\x00" "\x0a\x03\x0a\x01" "x"), &m);
    assert_int_equal(m.pairs.count, 3);
    assert_int_equal(m.pairs.stride, sizeof(struct trb_pair));
    assert_name(trb_pair_at(&m.pairs, 0)->key, "k");
    assert_name(trb_pair_at(&m.pairs, 0)->value, "v");
    assert_name(trb_pair_at(&m.pairs, 1)->key, "");
    assert_name(trb_pair_at(&m.pairs, 1)->value, "");
    assert_name(trb_pair_at(&m.pairs, 2)->value, "");
}

static void pairs_have_a_stride_even_when_absent(void **state)
{
    struct every_maps m;
    read_all(&every_maps_pb, BYTES(""), &m);
    assert_int_equal(m.pairs.count, 0);
    assert_int_equal(m.pairs.stride, sizeof(struct trb_pair));
}

static void of_a_key_that_comes_twice_the_last_value_holds(void **state)
{
    struct every_maps m;
    read_all(&every_maps_pb, BYTES("\x0a\x06\x0a\x01" "a" "\x12\x01" "1" "\x0a\x06\x0a\x01" "b" "\x12\x01" "2"
                                   "\x0a\x06\x0a\x01" "a" "\x12\x01" "3" "\x22\x03\x0a\x01" "n" "\x22\x05\x0a\x01" "n" "\x10\x09"), &m);
    assert_int_equal(m.pairs.count, 2);
    assert_name(trb_pair_at(&m.pairs, 0)->key, "a");
    assert_name(trb_pair_at(&m.pairs, 0)->value, "3");
    assert_name(trb_pair_at(&m.pairs, 1)->key, "b");
    assert_int_equal(m.small.count, 1);
    assert_int_equal(m.small.at[0].value, 9);
}

static void many_keys_twice_are_each_kept_once(void **state)
{
    struct trb_pair all[600];
    char keys[300][8];
    for (int i = 0; i < 600; i++) {
        snprintf(keys[i % 300], sizeof keys[0], "k%d", i % 300);
        all[i] = (struct trb_pair){name_of(keys[i % 300]), i < 300 ? NAME("old") : NAME("new")};
    }
    struct every_maps m = {.pairs = {all, 600, sizeof all[0]}}, back;
    pb_write(&every_maps_pb, &m, &out);
    read_all(&every_maps_pb, text_slice(&out), &back);
    assert_int_equal(back.pairs.count, 300);
    for (uint32_t i = 0; i < 300; i++) {
        assert_name(trb_pair_at(&back.pairs, i)->key, keys[i]);
        assert_name(trb_pair_at(&back.pairs, i)->value, "new");
    }
}

static void other_maps_are_entries_and_their_messages_never_null(void **state)
{
    struct every_maps m;
    struct trb_slice message = BYTES("\x12\x07\x0a\x01" "p" "\x12\x02\x20\x05" "\x12\x05\x0a\x01" "q" "\x12\x00"
                                     "\x1a\x06\x0a\x01" "d" "\x12\x01" "x" "\x22\x05\x0a\x01" "s" "\x10\x03"
                                     "\x2a\x05\x0a\x01" "y" "\x10\x01" "\x32\x05\x0a\x01" "a" "\x12\x00" "\x3a\x05\x0a\x01" "t" "\x12\x00");
    read_all(&every_maps_pb, message, &m);
    assert_int_equal(m.plains.count, 2);
    assert_int_equal(m.plains.at[0].value->small, 5);
    assert_non_null(m.plains.at[1].value);
    assert_slice(m.data.at[0].value, SLICE("x"));
    assert_int_equal(m.small.at[0].value, 3);
    assert_true(m.yes.at[0].value);
    assert_name(m.any.at[0].value->type_url, "");
    expect_written(&every_maps_pb, &m, message);
    read_all(&every_maps_pb, BYTES("\x12\x03\x0a\x01" "q"), &m);        /* an entry without its value */
    assert_name(m.plains.at[0].value->text, "");
}

static void key_and_value_of_an_entry_are_written_even_when_empty(void **state)
{
    struct trb_pair pair = {NAME(""), NAME("")};
    struct every_maps_plains_entry plain = {.key = NAME("")};
    struct every_maps_small_entry small = {.key = NAME("")};
    struct every_maps m = {.pairs = {&pair, 1, sizeof pair}, .plains = {&plain, 1}, .small = {&small, 1}};
    expect_written(&every_maps_pb, &m,
                   BYTES("\x0a\x04\x0a\x00\x12\x00" "\x12\x04\x0a\x00\x12\x00" "\x22\x04\x0a\x00\x10\x00"));
}

static void pairs_in_larger_structs_are_written_by_their_stride(void **state)
{
    struct { struct trb_pair pair; uint64_t more; } all[2] = {{{NAME("a"), NAME("1")}, 1}, {{NAME("b"), NAME("2")}, 2}};
    struct every_maps m = {.pairs = {&all[0].pair, 2, sizeof all[0]}};
    expect_written(&every_maps_pb, &m, BYTES("\x0a\x06\x0a\x01" "a" "\x12\x01" "1" "\x0a\x06\x0a\x01" "b" "\x12\x01" "2"));
}

/* ------------------------------------------------------------------------------------- oneofs */
static void the_last_member_of_a_oneof_clears_the_others(void **state)
{
    struct every_choice m;
    read_all(&every_choice_pb, BYTES("\x0a\x01" "b" "\x12\x01" "t" "\x1a\x01" "d" "\x20\x05" "\xa0\x01\x09"), &m);
    assert_null(m.text.at);
    assert_null(m.data.at);
    assert_true(m.has_small);
    assert_int_equal(m.small, 5);
    assert_name(m.before, "b");
    assert_true(m.has_large);                           /* of another oneof */
    read_all(&every_choice_pb, BYTES("\x20\x05\x28\x01\x32\x00"), &m);
    assert_false(m.has_small || m.has_yes || m.small || m.yes);
    assert_non_null(m.plain);
    read_all(&every_choice_pb, BYTES("\x32\x02\x20\x01\x42\x00\x12\x00"), &m);
    assert_null(m.plain);
    assert_null(m.value.at);
    assert_name(m.text, "");
}

static void a_member_that_comes_again_is_merged_unless_another_came_between(void **state)
{
    struct every_choice m;
    read_all(&every_choice_pb, BYTES("\x32\x02\x20\x01\x32\x02\x28\x02"), &m);
    assert_int_equal(m.plain->small, 1);
    assert_int_equal(m.plain->large, 2);
    read_all(&every_choice_pb, BYTES("\x32\x02\x20\x01\x12\x00\x32\x02\x28\x02"), &m);
    assert_int_equal(m.plain->small, 0);
    assert_int_equal(m.plain->large, 2);
}

static void members_of_a_oneof_are_written_even_when_empty(void **state)
{
    struct every_choice m = {.data = SLICE(""), .has_colour = true};
    expect_written(&every_choice_pb, &m, BYTES("\x1a\x00\xa8\x01\x00"));
    struct every_plain plain = {.small = 0};
    m = (struct every_choice){.plain = &plain};
    expect_written(&every_choice_pb, &m, BYTES("\x32\x00"));
}

/* ------------------------------------------------------------------------------- kept encoded */
static void a_struct_is_kept_as_it_came(void **state)
{
    struct every_nested m;
    struct trb_slice message = BYTES("\x82\x01\x09\x0a\x07\x0a\x01" "a" "\x12\x02\x20\x01");
    read_all(&every_nested_pb, message, &m);
    assert_ptr_equal(m.document.at, message.at + 3);
    assert_int_equal(m.document.len, 9);
    expect_written(&every_nested_pb, &m, message);
}

static void parts_of_a_struct_are_put_together(void **state)
{
    struct every_nested m;
    read_all(&every_nested_pb, BYTES("\x82\x01\x02\x0a\x00" "\x82\x01\x00" "\x82\x01\x03\x0a\x01\x0a"), &m);
    assert_slice(m.document, BYTES("\x0a\x00\x0a\x01\x0a"));
}

/* ---------------------------------------------------------------------------- what is skipped */
static void unknown_fields_are_skipped(void **state)
{
    struct every_nothing m;
    struct every_plain plain;
    read_all(&every_nothing_pb, BYTES("\x08\x01\x12\x03" "abc" "\x1d" "1234" "\x21" "12345678"), &m);
    read_all(&every_plain_pb, BYTES("\xf8\x01\x01\x20\x05\xfa\xff\xff\xff\x0f\x00"), &plain);
    assert_int_equal(plain.small, 5);
    assert_int_equal(pieces.count, 0);
}

static void a_known_number_of_another_wire_type_is_unknown(void **state)
{
    struct every_plain m;
    read_all(&every_plain_pb, BYTES("\x08\x01" "\x15" "1234" "\x1a\x01" "x" "\x25" "1234" "\x40\x01" "\x4d" "1234"), &m);
    assert_name(m.text, "");
    assert_null(m.data.at);
    assert_false(m.yes);
    assert_int_equal(m.small, 0);
    assert_true(m.ratio == 0 && m.exact == 0);
    struct every_lists lists;
    read_all(&every_lists_pb, BYTES("\x08\x01\x25" "1234" "\x58\x01"), &lists);
    assert_int_equal(lists.texts.count + lists.small.count + lists.plains.count, 0);
}

static void an_empty_message_becomes_an_empty_struct(void **state)
{
    for (const struct pb_type *const *type = runtime_types; *type; type++) {
        void *m = calloc(1, (*type)->size);
        read_all(*type, BYTES(""), m);
        text_clear(&out);
        pb_write(*type, m, &out);
        size_t entry = strstr((*type)->name, "Entry") && (*type)->fields[0].flags & PB_ALWAYS ? 4 : 0;
        assert_int_equal(out.len, entry);               /* of an entry, key and value */
        free(m);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_string_is_a_copy_with_a_nul_behind),
        TEST(an_absent_string_is_empty_and_never_null),
        TEST(bytes_are_a_slice_of_the_message),
        TEST(absent_bytes_are_null_and_empty_ones_are_not),
        TEST(numbers_are_as_in_c),
        TEST(numbers_are_written_as_they_were_read),
        TEST(a_bool_is_any_number_but_zero),
        TEST(an_unknown_enum_value_is_kept),
        TEST(of_a_number_that_comes_twice_the_last_holds),
        TEST(defaults_are_left_out),
        TEST(fields_are_written_in_the_order_of_their_numbers),
        TEST(what_is_optional_and_absent_says_so),
        TEST(what_is_optional_and_empty_is_there),
        TEST(an_absent_message_is_null),
        TEST(parts_of_a_message_are_merged),
        TEST(lists_in_parts_of_a_message_are_joined),
        TEST(a_message_may_hold_itself),
        TEST(numbers_may_be_large_and_names_taken),
        TEST(absent_lists_are_empty),
        TEST(lists_keep_their_order_and_their_empty_elements),
        TEST(packed_lists_are_read_and_written),
        TEST(a_list_may_come_packed_and_loose_and_in_parts),
        TEST(a_map_of_strings_is_pairs),
        TEST(pairs_have_a_stride_even_when_absent),
        TEST(of_a_key_that_comes_twice_the_last_value_holds),
        TEST(many_keys_twice_are_each_kept_once),
        TEST(other_maps_are_entries_and_their_messages_never_null),
        TEST(key_and_value_of_an_entry_are_written_even_when_empty),
        TEST(pairs_in_larger_structs_are_written_by_their_stride),
        TEST(the_last_member_of_a_oneof_clears_the_others),
        TEST(a_member_that_comes_again_is_merged_unless_another_came_between),
        TEST(members_of_a_oneof_are_written_even_when_empty),
        TEST(a_struct_is_kept_as_it_came),
        TEST(parts_of_a_struct_are_put_together),
        TEST(unknown_fields_are_skipped),
        TEST(a_known_number_of_another_wire_type_is_unknown),
        TEST(an_empty_message_becomes_an_empty_struct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
