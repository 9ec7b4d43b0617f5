/* http2_queue: body bytes of one HTTP/2 stream that wait for its window. Large pieces with an owner
 * are referenced, all else is copied. What has left may be kept, for a request that may have to be said
 * again. Private to this folder. [loop] */
#ifndef NET_HTTP2_QUEUE_H
#define NET_HTTP2_QUEUE_H

#include <net/stream.h>

#define HTTP2_MAX_KEPT 65536u

struct http2_piece;

struct http2_pieces {
    struct http2_piece *head, *tail;
};

struct http2_queue {
    struct http2_pieces waiting, sent;
    size_t len, cost;               /* of what waits; cost: len and what keeping the pieces takes */
    uint32_t kept;                  /* cost of what has left and is still here */
    bool keeps;
};

void http2_queue_add(struct http2_queue *, struct trb_data);
void http2_queue_send(struct http2_queue *, size_t n, struct stream *);     /* the first n bytes */
void http2_queue_drop(struct http2_queue *);

/* From here on what leaves is kept, until there is too much of it or it is forgotten. */
void http2_queue_keep(struct http2_queue *);
void http2_queue_forget(struct http2_queue *);
/* All that was ever added, when nothing of it is lost. */
bool http2_queue_recall(const struct http2_queue *, struct gather *to);

#endif
