/* http2_client: what the two files of an HTTP/2 client link share. Private to this folder. [loop]
 *
 * http2_client.c is the link: what nghttp2 tells of it, room, keep-alive. http2_call.c is one call: how it
 * begins, goes on and ends. */
#ifndef NET_HTTP2_CLIENT_H
#define NET_HTTP2_CLIENT_H

#include <net/http2_session.h>
#include <net/pool.h>

struct http2_client {
    struct http2 h;                     /* the first member */
    struct client_link *l;
    struct list calls;
    uint32_t active;                    /* streams that are not closed */
    bool is_retired, has_unborn;
    bool has_settings;                  /* the peer's have come */
    struct timer alive;
    uint64_t ack_due_ns;
};

struct http2_call {
    struct http2_client *k;
    struct http2_stream s;
    struct list link;
    struct pool_call *pc;               /* NULL: it has ended or was cancelled, the stream not yet */
    struct http_head head;
    struct http_headers trailers;
    struct http2_intake intake;
    bool has_head, is_unborn;           /* unborn: nghttp2 would not begin it */
};

static inline struct http2_client *http2_client_of(struct client_link *l)
{
    return (struct http2_client *)l->state;
}

void http2_client_retire(struct http2_client *);        /* it takes no more calls */

/* --- http2_call.c --- */
void http2_call_start(struct client_link *, struct pool_call *);
bool http2_call_write(struct pool_call *, struct trb_data);
void http2_call_finish(struct pool_call *, const struct http_headers *trailers);
void http2_call_consume(struct pool_call *, size_t bytes);
void http2_call_cancel(struct pool_call *);
void http2_call_head(struct http2_call *, bool is_whole);   /* a head is complete */
void http2_call_ended(struct http2_call *);                 /* the answer is complete */
void http2_call_lost(struct http2_call *, const struct trb_error *, bool is_unprocessed);
void http2_call_was_reset(struct http2_call *, uint32_t code);
void http2_call_free(struct http2_call *);

#endif
