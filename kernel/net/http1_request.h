/* http1_request: a call's request onto the wire. Private to this folder. [loop] */
#ifndef NET_HTTP1_REQUEST_H
#define NET_HTTP1_REQUEST_H

#include <net/pool.h>

struct http1_upload {               /* how the body is framed */
    bool is_chunked;
    int64_t left;                   /* of its Content-Length */
};

/* The head and, when the body is whole, the body. */
void http1_request_write(struct stream *, struct http1_upload *, const struct pool_call *);
void http1_upload_write(struct stream *, struct http1_upload *, struct trb_data);
void http1_upload_finish(struct stream *, struct http1_upload *, const struct http_headers *trailers);

#endif
