/* http2_guard: how much trouble one HTTP/2 peer may make before it is told to calm down. Budgets
 * refill with time and with honest traffic; a client that merely cancels a lot never meets them.
 * Only counting: no sockets, no sessions. Private to this folder. */
#ifndef NET_HTTP2_GUARD_H
#define NET_HTTP2_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct http2_bucket {
    uint32_t tokens;
    uint64_t filled_ns;             /* up to when time has been paid out */
};

struct http2_guard {
    struct http2_bucket resets, controls, empties;
    uint64_t last_ping_ns;          /* keep-alive policy; 0: none yet */
    uint32_t strikes;
    bool wrote;                     /* HEADERS or DATA left since the last ping */
};

void http2_guard_init(struct http2_guard *, uint64_t now_ns);

/* false: the budget is spent, the connection is to end with ENHANCE_YOUR_CALM. */
bool http2_guard_reset(struct http2_guard *, uint64_t now_ns);      /* a request thrown away unanswered */
bool http2_guard_control(struct http2_guard *, uint64_t now_ns);    /* PING, SETTINGS, WINDOW_UPDATE, … */
bool http2_guard_empty(struct http2_guard *, uint64_t now_ns);      /* DATA without data or end */
bool http2_guard_ping(struct http2_guard *, uint64_t now_ns);       /* gRPC's rule: 8 s apart, 2 strikes */

void http2_guard_served(struct http2_guard *);                      /* an answer was sent whole */
void http2_guard_sent(struct http2_guard *);                        /* HEADERS or DATA left */

#endif
