/* http2_queue: body bytes of one HTTP/2 stream that wait for its window. Large pieces with an owner
 * are referenced, all else is copied. Private to this folder. [loop] */
#ifndef NET_HTTP2_QUEUE_H
#define NET_HTTP2_QUEUE_H

#include <net/stream.h>

struct http2_queue {
    struct http2_piece *head, *tail;
    size_t len, cost;               /* cost: len and what keeping the pieces takes */
};

void http2_queue_add(struct http2_queue *, struct trb_data);
void http2_queue_send(struct http2_queue *, size_t n, struct stream *);     /* the first n bytes */
void http2_queue_drop(struct http2_queue *);

#endif
