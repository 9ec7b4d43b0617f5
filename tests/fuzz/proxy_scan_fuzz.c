/* Any bytes as one direction of a proxied call: what passes is what the reader of messages reads, whatever the
 * pieces, and both stop with the same code. The first byte chooses encoding and side, the second the pieces. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <channel/proxy_scan.h>

#define MAX_MESSAGE 65536u

/* The messages as the reader finds them, framed again. */
static trb_code read_all(struct trb_slice all, bool gzip, struct gather *ret_frames)
{
    struct grpc_reader r;
    struct trb_error err = ERROR_INIT;
    trb_code code = TRB_OK;
    grpc_reader_init(&r, MAX_MESSAGE, gzip);
    while (all.len && !code) {
        struct trb_buf *message = NULL;
        code = grpc_reader_take(&r, &all, &message, &err);
        if (!message)
            continue;
        struct trb_buf *frame = grpc_frame(buf_bytes(message), false);
        gather_add(ret_frames, buf_bytes(frame), SIZE_MAX);
        buf_unref(frame);
        buf_unref(message);
    }
    grpc_reader_fini(&r);
    error_release(&err);
    return code;
}

static trb_code scan_all(struct trb_slice all, struct trb_slice encoding, bool is_answer, size_t step, struct gather *passed)
{
    struct proxy_scan s;
    struct trb_error err = ERROR_INIT;
    trb_code code = TRB_OK;
    proxy_scan_init(&s, MAX_MESSAGE, encoding, is_answer);
    while (all.len && !code) {
        struct trb_data piece = {all.at, step < all.len ? step : all.len, NULL}, part;
        all = slice_skip(all, piece.len);
        while (piece.len && !code) {
            code = proxy_scan_take(&s, &piece, &part, &err);
            check(!code == !err.code);
            if (!code)
                gather_add(passed, slice_from(part.at, part.len), SIZE_MAX);
        }
    }
    proxy_scan_fini(&s);
    error_release(&err);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice all = slice_from((const char *)data, size), encodings[] = {SLICE("gzip"), SLICE("identity")};
    if (size < 2)
        return 0;
    struct trb_slice wire = slice_skip(all, 2), encoding = encodings[data[0] & 1];
    struct gather frames = {0}, passed = {0};
    trb_code code = read_all(wire, !(data[0] & 1), &frames);
    trb_code scanned = scan_all(wire, encoding, data[0] & 2, data[1] ? data[1] * 3u : SIZE_MAX, &passed);
    check(scanned == code);
    /* A message that is still on its way passes as far as it came. */
    check(passed.len >= frames.len);
    check(!frames.len || !memcmp(buf_bytes(passed.buf).at, buf_bytes(frames.buf).at, frames.len));
    gather_drop(&frames);
    gather_drop(&passed);
    return 0;
}
