/* AMQP's frames, tables and properties: as they are written they are read, and nothing else is. */
#include <base/slice.h>
#include <rabbitmq/properties.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_frame_is_whole_or_awaited(void **state)
{
    static const char bytes[] = "\x01\x00\x07\x00\x00\x00\x03" "abc" "\xce" "more";
    struct wire_frame f;
    for (size_t len = 0; len < 11; len++)
        assert_int_equal(wire_frame_read(slice_from(bytes, len), 4096, &f), 0);
    assert_int_equal(wire_frame_read(slice_from(bytes, 15), 4096, &f), 11);
    assert_int_equal(f.kind, WIRE_METHOD);
    assert_int_equal(f.channel, 7);
    assert_true(slice_is(f.payload, SLICE("abc")));
}

static void what_is_no_frame_is_broken(void **state)
{
    struct wire_frame f;
    assert_int_equal(wire_frame_read(SLICE("HTTP/1.1 400"), 4096, &f), -1);
    assert_int_equal(wire_frame_read(SLICE("AMQP"), 4096, &f), -1);
    assert_int_equal(wire_frame_read(SLICE("\x04\x00\x00\x00\x00\x00\x00\xce"), 4096, &f), -1);
    assert_int_equal(wire_frame_read(SLICE("\x01\x00\x00\x00\x00\x00\x00\xcd"), 4096, &f), -1);
    assert_int_equal(wire_frame_read(SLICE("\x03\x00\x01\x00\x00\x0f\xf8"), 4096, &f), 0);
    assert_int_equal(wire_frame_read(SLICE("\x03\x00\x01\x00\x00\x0f\xf9"), 4096, &f), -1);
}

static void a_frame_that_is_written_is_read(void **state)
{
    struct text t = {0};
    struct wire_frame f;
    size_t begun = wire_frame_begin(&t, WIRE_HEADER, 258);
    wire_put_short(&t, SLICE("hello"));
    wire_frame_end(&t, begun);
    assert_int_equal(wire_frame_read(text_slice(&t), 4096, &f), (int64_t)t.len);
    assert_int_equal(f.channel, 258);
    assert_true(slice_is(f.payload, SLICE("\x05hello")));
    text_fini(&t);
}

static void a_reader_without_bytes_is_broken_and_stays_so(void **state)
{
    struct wire w = wire_of(SLICE("\x00\x01\x05" "ab"));
    assert_int_equal(wire_number(&w, 2), 1);
    assert_int_equal(wire_short(&w).len, 0);
    assert_true(w.broken);
    assert_int_equal(wire_number(&w, 1), 0);
    assert_true(w.broken);
}

static void fields_of_a_table(void **state)
{
    struct text t = {0};
    struct trb_slice name;
    struct wire_value v;
    wire_put_text(&t, "a", SLICE("x"));
    wire_put_int(&t, "b", -5);
    wire_put_bool(&t, "c", true);
    text_add(&t, SLICE("\x01" "d" "b\xff" "\x01" "e" "I\xff\xff\xff\xfe" "\x01" "f" "V"));
    assert_true(wire_table_is_whole(text_slice(&t)));
    struct wire w = wire_of(text_slice(&t));
    assert_true(wire_field(&w, &name, &v) && slice_is(name, SLICE("a")) && slice_is(v.text, SLICE("x")));
    assert_true(wire_field(&w, &name, &v) && v.number == -5);
    assert_true(wire_field(&w, &name, &v) && v.kind == 't' && v.number == 1);
    assert_true(wire_field(&w, &name, &v) && v.number == -1);
    assert_true(wire_field(&w, &name, &v) && v.number == -2);
    assert_true(wire_field(&w, &name, &v) && v.kind == 'V');
    assert_false(wire_field(&w, &name, &v));
    text_fini(&t);
}

static void a_table_cut_short_or_of_unknown_kinds_is_not_whole(void **state)
{
    assert_false(wire_table_is_whole(SLICE("\x01" "aS\x00\x00\x00\x05" "abc")));
    assert_false(wire_table_is_whole(SLICE("\x01" "a?")));
    assert_false(wire_table_is_whole(SLICE("\x01" "aF\x00\x00\x00\x03\x01" "b?")));
    assert_true(wire_table_is_whole(SLICE("\x01" "aA\x00\x00\x00\x03" "t\x01V")));
}

static void tables_nest_so_deep_and_no_deeper(void **state)
{
    for (size_t depth = 1; depth < 40; depth++) {
        struct text t = {0};
        for (size_t n = 0; n < depth; n++) {
            wire_put_short(&t, SLICE("a"));
            text_addc(&t, 'F');
            wire_put(&t, (depth - n - 1) * 7, 4);
        }
        assert_int_equal(wire_table_is_whole(text_slice(&t)), depth <= WIRE_DEPTH);
        text_fini(&t);
    }
}

static void properties_come_back_as_they_went(void **state)
{
    struct text headers = {0}, t = {0};
    wire_put_text(&headers, "k", SLICE("v"));
    struct rabbit_properties p = {.content_type = SLICE("a/b"), .correlation_id = SLICE("c"), .message_id = SLICE("m"),
                                  .type = SLICE("t"), .expiration = SLICE("5"), .headers = text_slice(&headers),
                                  .delivery_mode = 2, .priority = 0, .timestamp = 7, .app_id = SLICE("")}, q;
    rabbit_properties_write(&t, &p);
    assert_true(rabbit_properties_read(text_slice(&t), &q));
    assert_true(slice_is(q.content_type, p.content_type) && slice_is(q.correlation_id, p.correlation_id));
    assert_true(slice_is(q.message_id, p.message_id) && slice_is(q.type, p.type) && slice_is(q.expiration, p.expiration));
    assert_true(slice_is(q.headers, p.headers) && q.delivery_mode == 2 && q.priority == 0 && q.timestamp == 7);
    assert_true(q.app_id.at && !q.app_id.len && !q.reply_to.at && !q.user_id.at && !q.content_encoding.at);
    for (size_t len = 0; len < t.len; len++)
        assert_false(rabbit_properties_read(slice_from(t.at, len), &q));
    text_addc(&t, 0);
    assert_false(rabbit_properties_read(text_slice(&t), &q));
    text_fini(&headers);
    text_fini(&t);
}

static void no_properties_are_two_bytes(void **state)
{
    struct text t = {0};
    struct rabbit_properties p = RABBIT_NO_PROPERTIES, q = {0};
    rabbit_properties_write(&t, &p);
    assert_true(slice_is(text_slice(&t), SLICE("\0\0")));
    assert_true(rabbit_properties_read(text_slice(&t), &q));
    assert_true(q.priority == -1 && q.delivery_mode == -1 && !q.content_type.at && !q.headers.at);
    assert_false(rabbit_properties_read(SLICE("\x00\x01"), &q));
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_whole_or_awaited),
        cmocka_unit_test(what_is_no_frame_is_broken),
        cmocka_unit_test(a_frame_that_is_written_is_read),
        cmocka_unit_test(a_reader_without_bytes_is_broken_and_stays_so),
        cmocka_unit_test(fields_of_a_table),
        cmocka_unit_test(a_table_cut_short_or_of_unknown_kinds_is_not_whole),
        cmocka_unit_test(tables_nest_so_deep_and_no_deeper),
        cmocka_unit_test(properties_come_back_as_they_went),
        cmocka_unit_test(no_properties_are_two_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
