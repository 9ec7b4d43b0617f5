/* http2_frames: see http2_frames.h. */
#include <net/http2_frames.h>

#include <base/slice.h>

static nghttp2_frame_hd head_of(const uint8_t *b)
{
    return (nghttp2_frame_hd){
        .length = (size_t)b[0] << 16 | (size_t)b[1] << 8 | b[2],
        .type = b[3],
        .flags = b[4],
        .stream_id = (b[5] & 0x7f) << 24 | b[6] << 16 | b[7] << 8 | b[8],
    };
}

/* The head's bytes in one piece, where the peer's piece has them all; NULL: they are not all there. */
static const uint8_t *take_head(struct http2_frames *f, struct trb_slice *bytes)
{
    if (!f->has && bytes->len >= HTTP2_FRAME_HEAD) {
        const uint8_t *head = (const uint8_t *)bytes->at;
        *bytes = slice_skip(*bytes, HTTP2_FRAME_HEAD);
        return head;
    }
    while (bytes->len && f->has < HTTP2_FRAME_HEAD) {
        f->head[f->has++] = (uint8_t)bytes->at[0];
        *bytes = slice_skip(*bytes, 1);
    }
    if (f->has < HTTP2_FRAME_HEAD)
        return NULL;
    f->has = 0;
    return f->head;
}

bool http2_frames_next(struct http2_frames *f, struct trb_slice *bytes, nghttp2_frame_hd *ret_head)
{
    if (f->left >= bytes->len) {
        f->left -= (uint32_t)bytes->len;
        *bytes = slice_skip(*bytes, bytes->len);
        return false;
    }
    *bytes = slice_skip(*bytes, f->left);
    f->left = 0;
    const uint8_t *head = take_head(f, bytes);
    if (!head)
        return false;
    *ret_head = head_of(head);
    f->left = (uint32_t)ret_head->length;
    return true;
}
