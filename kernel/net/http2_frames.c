/* http2_frames: see http2_frames.h. */
#include <net/http2_frames.h>

#include <base/slice.h>
#include <string.h>

static nghttp2_frame_hd head_of(const uint8_t *b)
{
    return (nghttp2_frame_hd){
        .length = (size_t)b[0] << 16 | (size_t)b[1] << 8 | b[2],
        .type = b[3],
        .flags = b[4],
        .stream_id = (b[5] & 0x7f) << 24 | b[6] << 16 | b[7] << 8 | b[8],
    };
}

static uint32_t least(size_t a, size_t b)
{
    return (uint32_t)(a < b ? a : b);
}

bool http2_frames_next(struct http2_frames *f, struct trb_slice *bytes, nghttp2_frame_hd *ret_head)
{
    uint32_t n = least(f->left, bytes->len);
    f->left -= n;
    *bytes = slice_skip(*bytes, n);
    n = least(HTTP2_FRAME_HEAD - f->has, bytes->len);
    if (!n || f->left)
        return false;
    memcpy(f->head + f->has, bytes->at, n);
    *bytes = slice_skip(*bytes, n);
    f->has += n;
    if (f->has < HTTP2_FRAME_HEAD)
        return false;
    *ret_head = head_of(f->head);
    f->left = (uint32_t)ret_head->length;
    f->has = 0;
    return true;
}
