/* http2_past: streams that are over, as far back as it matters: what still comes for them was on its
 * way when we ended them, or the peer breaks the protocol. Only remembering: no sockets, no sessions.
 * Private to this folder. */
#ifndef NET_HTTP2_PAST_H
#define NET_HTTP2_PAST_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP2_PAST 32u

struct http2_past {
    int32_t newest;                 /* id of the latest stream that began */
    int32_t forgotten;              /* streams up to here that we ended may be missing below */
    bool was_left;                  /* the bytes at hand reset a stream that may still be open here */
    uint32_t next;
    int32_t ids[HTTP2_PAST];        /* the latest; negative: ended by us, the peer may not know yet */
};

void http2_past_add(struct http2_past *, int32_t id, bool is_ours);
/* The peer has reset it: nothing of it may come any more. */
void http2_past_left(struct http2_past *, int32_t id);
bool http2_past_is_left(const struct http2_past *, int32_t id);
/* DATA or HEADERS came for a stream that began and is not open. NO_ERROR: it may be ignored. */
uint32_t http2_past_judge(const struct http2_past *, int32_t id, bool is_head, bool is_last);

#endif
