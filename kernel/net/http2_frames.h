/* http2_frames: where frames begin in the bytes of a peer, whatever the pieces they come in. nghttp2 does not
 * tell of frames that it ignores. Private to this folder. */
#ifndef NET_HTTP2_FRAMES_H
#define NET_HTTP2_FRAMES_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <trilby/types.h>

#define HTTP2_PREFACE 24u
#define HTTP2_FRAME_HEAD 9u

struct http2_frames {
    uint32_t left;                  /* of the preface or of a frame's payload */
    uint32_t has;                   /* bytes of the next head */
    uint8_t head[HTTP2_FRAME_HEAD];
};

/* Goes on to the next head that is complete, and advances *bytes behind it. false: they end before. */
bool http2_frames_next(struct http2_frames *, struct trb_slice *bytes, nghttp2_frame_hd *ret_head);

#endif
