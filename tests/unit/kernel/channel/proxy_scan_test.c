/* The scan of a proxied stream: what it lets pass is, however the bytes are cut, the same messages
 * unpacked; what may not pass is refused before its first byte does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/channel/proxy_scan.c"
#include <base/check.h>

static char big[100000];

/* What passes of wire, in pieces of step bytes. */
static trb_code scan(struct proxy_scan *s, struct trb_slice wire, size_t step, struct gather *passed, struct trb_error *err)
{
    while (wire.len) {
        struct trb_data piece = {wire.at, step < wire.len ? step : wire.len, NULL}, part;
        wire = slice_skip(wire, piece.len);
        while (piece.len) {
            trb_code code = proxy_scan_take(s, &piece, &part, err);
            if (code)
                return code;
            gather_add(passed, slice_from(part.at, part.len), SIZE_MAX);
        }
    }
    return TRB_OK;
}

static void add(struct gather *to, struct trb_slice message, bool gzip)
{
    struct trb_buf *frame = grpc_frame(message, gzip);
    gather_add(to, buf_bytes(frame), SIZE_MAX);
    buf_unref(frame);
}

static void what_passes_are_the_messages_unpacked(void **state)
{
    struct trb_slice messages[] = {SLICE("hello"), SLICE(""), {big, sizeof big}, SLICE("x"), {big, 70000}};
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * i >> 7);
    for (int mask = 0; mask < 32; mask++) {
        struct gather wire = {0}, plain = {0};
        for (size_t i = 0; i < countof(messages); i++) {
            add(&wire, messages[i], mask >> i & 1);
            add(&plain, messages[i], false);
        }
        for (size_t step = 1; step < 200000; step = step * 5 + 1) {
            struct proxy_scan s;
            struct gather passed = {0};
            proxy_scan_init(&s, sizeof big, SLICE("gzip"), false);
            assert_int_equal(scan(&s, slice_from(buf_bytes(wire.buf).at, wire.len), step, &passed, NULL), TRB_OK);
            assert_true(proxy_scan_is_whole(&s));
            assert_int_equal(passed.len, plain.len);
            assert_memory_equal(buf_bytes(passed.buf).at, buf_bytes(plain.buf).at, plain.len);
            proxy_scan_fini(&s);
            gather_drop(&passed);
        }
        gather_drop(&wire);
        gather_drop(&plain);
    }
}

static void what_came_unpacked_passes_in_one_piece_with_its_owner(void **state)
{
    struct proxy_scan s;
    struct trb_data part;
    struct trb_buf *wire = buf_copy(slice_from("\0\0\0\0\2ab\0\0\0\0\0\0\0\0\0\3c", 18));
    struct trb_data piece = buf_data(wire);
    proxy_scan_init(&s, 0, SLICE("identity"), false);
    assert_int_equal(proxy_scan_take(&s, &piece, &part, NULL), TRB_OK);
    assert_int_equal(piece.len, 0);
    assert_ptr_equal(part.owner, wire);
    assert_ptr_equal(part.at, buf_bytes(wire).at);
    assert_int_equal(part.len, 18);
    assert_false(proxy_scan_is_whole(&s));
    proxy_scan_fini(&s);
    buf_unref(wire);
}

static void refuse(struct trb_slice wire, struct trb_slice encoding, bool is_answer, trb_code code, size_t passes,
                   const char *sentence)
{
    for (size_t step = 1; step <= wire.len; step++) {
        struct proxy_scan s;
        struct trb_error err = ERROR_INIT;
        struct gather passed = {0};
        proxy_scan_init(&s, 10, encoding, is_answer);
        assert_int_equal(scan(&s, wire, step, &passed, &err), code);
        assert_string_equal(err.message, sentence);
        assert_int_equal(passed.len, passes);
        proxy_scan_fini(&s);
        gather_drop(&passed);
    }
}

static void a_message_over_the_limit_is_refused_by_its_prefix(void **state)
{
    refuse(slice_from("\0\0\0\0\2ab\0\0\0\0\13", 12), SLICE(""), false, TRB_EXHAUSTED, 7,
           "grpc: received message larger than max (11 vs. 10)");
    refuse(slice_from("\0\0\0\0\13", 5), SLICE(""), true, TRB_EXHAUSTED, 0,
           "grpc: trying to send message larger than max (11 vs. 10)");
    refuse(slice_from("\1\377\377\377\377", 5), SLICE("gzip"), false, TRB_EXHAUSTED, 0,
           "grpc: received message larger than max (4294967295 vs. 10)");
}

static void flags_that_cannot_be_are_refused(void **state)
{
    refuse(slice_from("\0\0\0\0\0\2\0\0\0\0", 10), SLICE("gzip"), false, TRB_INTERNAL, 5,
           "grpc: received unexpected payload format 2");
    refuse(slice_from("\1\0\0\0\1", 5), SLICE(""), false, TRB_INTERNAL, 0,
           "grpc: compressed flag set with identity or empty encoding");
    refuse(slice_from("\1\0\0\0\1", 5), SLICE("identity"), true, TRB_INTERNAL, 0,
           "grpc: compressed flag set with identity or empty encoding");
    refuse(slice_from("\1\0\0\0\1", 5), SLICE("snappy"), true, TRB_INTERNAL, 0,
           "grpc: Decompressor is not installed for grpc-encoding \"snappy\"");
}

static void what_is_no_gzip_is_refused(void **state)
{
    refuse(slice_from("\1\0\0\0\3abc", 8), SLICE("gzip"), false, TRB_INTERNAL, 0,
           "grpc: failed to decompress the received message: incorrect header check");
}

static void what_grows_over_the_limit_is_refused(void **state)
{
    static const char zeros[1000];
    struct trb_buf *frame = grpc_frame(slice_from(zeros, sizeof zeros), true);
    struct proxy_scan s;
    struct trb_error err = ERROR_INIT;
    struct gather passed = {0};
    proxy_scan_init(&s, 999, SLICE("gzip"), false);
    assert_int_equal(scan(&s, buf_bytes(frame), 7, &passed, &err), TRB_EXHAUSTED);
    assert_string_equal(err.message, "grpc: received message after decompression larger than max 999");
    proxy_scan_fini(&s);
    gather_drop(&passed);
    buf_unref(frame);
}

static void a_message_that_breaks_off_is_not_whole(void **state)
{
    static const struct trb_slice wires[] = {{"\0", 1}, {"\0\0\0\0", 4}, {"\0\0\0\0\1", 5}, {"\1\0\0\0\5", 5}, {"\1", 1}};
    for (size_t i = 0; i < countof(wires); i++) {
        struct proxy_scan s;
        struct gather passed = {0};
        proxy_scan_init(&s, 0, SLICE("gzip"), false);
        assert_true(proxy_scan_is_whole(&s));
        assert_int_equal(scan(&s, wires[i], 1, &passed, NULL), TRB_OK);
        assert_false(proxy_scan_is_whole(&s));
        proxy_scan_fini(&s);
        gather_drop(&passed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_are_the_messages_unpacked),
        cmocka_unit_test(what_came_unpacked_passes_in_one_piece_with_its_owner),
        cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_prefix),
        cmocka_unit_test(flags_that_cannot_be_are_refused),
        cmocka_unit_test(what_is_no_gzip_is_refused),
        cmocka_unit_test(what_grows_over_the_limit_is_refused),
        cmocka_unit_test(a_message_that_breaks_off_is_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
