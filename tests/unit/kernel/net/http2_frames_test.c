/* Where frames begin, whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/http2_frames.c"

static const uint8_t bytes[] = {'P', 'R', 'I',                                  /* a preface of three */
                                0, 0, 0, NGHTTP2_SETTINGS, 0, 0, 0, 0, 0,
                                0, 0, 4, NGHTTP2_RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8,
                                0, 0, 12, NGHTTP2_DATA, 1, 0x80, 0, 1, 3, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0,
                                0, 0, 0, NGHTTP2_DATA, 0, 0, 0, 0, 5};

static void every_cut_shows_the_same_heads(void **state)
{
    static const struct {
        uint8_t type, flags;
        int32_t id;
        size_t len;
    } expected[] = {{NGHTTP2_SETTINGS, 0, 0, 0}, {NGHTTP2_RST_STREAM, 0, 1, 4}, {NGHTTP2_DATA, 1, 259, 12},
                    {NGHTTP2_DATA, 0, 5, 0}};
    for (size_t step = 1; step <= sizeof bytes; step++) {
        struct http2_frames f = {.left = 3};
        nghttp2_frame_hd hd;
        size_t count = 0;
        for (size_t at = 0; at < sizeof bytes; at += step) {
            size_t len = sizeof bytes - at < step ? sizeof bytes - at : step;
            struct trb_slice piece = slice_from((const char *)bytes + at, len);
            while (http2_frames_next(&f, &piece, &hd)) {
                assert_true(count < 4);
                assert_int_equal(hd.type, expected[count].type);
                assert_int_equal(hd.flags, expected[count].flags);
                assert_int_equal(hd.stream_id, expected[count].id);
                assert_int_equal(hd.length, expected[count].len);
                count++;
            }
            assert_int_equal(piece.len, 0);
        }
        assert_int_equal(count, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cut_shows_the_same_heads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
