/* http2_window: how far a peer may send ahead of what was read. A window begins at HTTP/2's 65535 bytes
 * and grows with bandwidth × delay, both measured by a ping that leaves while data flows. Only
 * counting: no sockets, no sessions. Private to this folder. [loop] */
#ifndef NET_HTTP2_WINDOW_H
#define NET_HTTP2_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP2_WINDOW 65535u
#define HTTP2_MAX_WINDOW (16u << 20)
#define HTTP2_LENT_WINDOW (64u << 20)   /* what all windows of one loop may have grown by */

struct http2_window {
    uint32_t size;
    uint32_t quiet;                 /* bytes to come before the next ping */
    uint8_t fruitless;              /* measurements in a row after which nothing grew */
    bool is_measuring;              /* a ping is under way */
    uint64_t asked_ns;              /* when it left */
    uint64_t came;                  /* bytes since then */
    uint64_t delay_ns;              /* the least that was seen; 0: none yet */
};

void http2_window_init(struct http2_window *);
void http2_window_fini(struct http2_window *);      /* gives back what it grew by; may be repeated */

/* Bytes of bodies came. true: a ping is to leave now. Between two pings data comes: a peer that counts
 * pings against the data that it has sent never finds one too many. */
bool http2_window_came(struct http2_window *, size_t len, uint64_t now_ns);
/* The ping was answered. true: the window grew. */
bool http2_window_answered(struct http2_window *, uint64_t now_ns);

#endif
