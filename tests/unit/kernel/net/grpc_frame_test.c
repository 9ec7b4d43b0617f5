/* Messages survive their way through frames, however the bytes are cut; what is too large or broken is
 * refused with the sentence that clients know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/grpc_frame.c"

static void messages_survive_any_cut(void **state)
{
    static char big[100000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * i >> 7);
    for (int gzip = 0; gzip < 2; gzip++) {
        for (size_t step = 1; step < 200000; step = step * 3 + 1) {
            struct trb_slice messages[] = {SLICE("hello"), SLICE(""), {big, sizeof big}, SLICE("x")};
            struct gather wire = {0};
            for (size_t i = 0; i < countof(messages); i++) {
                struct trb_buf *frame = grpc_frame(messages[i], gzip);
                gather_add(&wire, buf_bytes(frame), SIZE_MAX);
                buf_unref(frame);
            }
            struct trb_buf *all = gather_finish(&wire);
            struct trb_slice rest = buf_bytes(all);
            struct grpc_reader r;
            grpc_reader_init(&r, sizeof big, gzip);
            size_t next = 0;
            while (rest.len) {
                struct trb_slice piece = slice_cut(rest, step);
                rest = slice_skip(rest, piece.len);
                while (piece.len) {
                    struct trb_buf *message;
                    assert_int_equal(grpc_reader_take(&r, &piece, &message, NULL), 0);
                    if (!message)
                        continue;
                    assert_true(slice_is(buf_bytes(message), messages[next]));
                    next++;
                    buf_unref(message);
                }
            }
            assert_int_equal(next, countof(messages));
            assert_true(grpc_reader_is_empty(&r));
            grpc_reader_fini(&r);
            buf_unref(all);
        }
    }
}

static void refuse(struct trb_slice wire, size_t max, bool gzip, trb_code code, const char *sentence)
{
    struct grpc_reader r;
    struct trb_error err = ERROR_INIT;
    struct trb_buf *message = NULL;
    grpc_reader_init(&r, max, gzip);
    assert_int_equal(grpc_reader_take(&r, &wire, &message, &err), code);
    assert_null(message);
    assert_string_equal(err.message, sentence);
    grpc_reader_fini(&r);
}

static void a_prefix_is_enough_to_refuse(void **state)
{
    refuse(slice_from("\0\0\x40\0\1", 5), 4194304, false, TRB_EXHAUSTED,
           "grpc: received message larger than max (4194305 vs. 4194304)");
    refuse(slice_from("\1\0\0\0\1x", 6), 100, false, TRB_INTERNAL,
           "grpc: compressed flag set with identity or empty encoding");
    refuse(slice_from("\2\0\0\0\1x", 6), 100, true, TRB_INTERNAL,
           "grpc: received unexpected payload format 2");
}

static void what_inflates_too_far_is_refused(void **state)
{
    static char zeros[1000000];
    struct trb_buf *frame = grpc_frame(slice_from(zeros, sizeof zeros), true);
    assert_true(buf_bytes(frame).len < 20000);
    refuse(buf_bytes(frame), 999999, true, TRB_EXHAUSTED,
           "grpc: received message after decompression larger than max 999999");
    buf_unref(frame);
}

static void a_cut_or_broken_gzip_is_refused(void **state)
{
    struct trb_buf *frame = grpc_frame(SLICE("hello hello hello hello"), true);
    struct trb_slice whole = buf_bytes(frame);
    char copy[128];
    memcpy(copy, whole.at, whole.len);
    copy[4]--;                      /* one byte less of it */
    refuse(slice_from(copy, whole.len - 1), 0, true, TRB_INTERNAL,
           "grpc: failed to decompress the received message: unexpected EOF");
    copy[4]++;
    copy[5] ^= 1;
    refuse(slice_from(copy, whole.len), 0, true, TRB_INTERNAL,
           "grpc: failed to decompress the received message: incorrect header check");
    buf_unref(frame);
}

static void several_gzip_members_are_one_message(void **state)
{
    struct trb_buf *one = grpc_frame(SLICE("abc"), true), *two = grpc_frame(SLICE("def"), true), *message;
    struct trb_slice a = slice_skip(buf_bytes(one), 5), b = slice_skip(buf_bytes(two), 5);
    char wire[256] = {1, 0, 0, 0, (char)(a.len + b.len)};
    memcpy(wire + 5, a.at, a.len);
    memcpy(wire + 5 + a.len, b.at, b.len);
    struct trb_slice piece = slice_from(wire, 5 + a.len + b.len);
    struct grpc_reader r;
    grpc_reader_init(&r, 0, true);
    assert_int_equal(grpc_reader_take(&r, &piece, &message, NULL), 0);
    assert_true(slice_is(buf_bytes(message), SLICE("abcdef")));
    buf_unref(one);
    buf_unref(two);
    buf_unref(message);
    grpc_reader_fini(&r);
}

static void noise_never_needs_more_than_its_bound(void **state)
{
    char noise[3000], packed[4096];
    for (size_t len = 1; len <= sizeof noise; len += 37) {
        for (size_t i = 0; i < len; i++)
            noise[i] = (char)((i * 2654435761u) >> 13 ^ len);
        assert_true(deflate_message(slice_from(noise, len), packed, deflate_bound(len)) <= deflate_bound(len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive_any_cut),
        cmocka_unit_test(a_prefix_is_enough_to_refuse),
        cmocka_unit_test(what_inflates_too_far_is_refused),
        cmocka_unit_test(a_cut_or_broken_gzip_is_refused),
        cmocka_unit_test(several_gzip_members_are_one_message),
        cmocka_unit_test(noise_never_needs_more_than_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
