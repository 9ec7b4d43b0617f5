/* http1_server: what the reading and the answering half of an HTTP/1 server connection share.
 * Private to this folder. [loop] */
#ifndef NET_HTTP1_SERVER_H
#define NET_HTTP1_SERVER_H

#include <net/connection.h>
#include <net/http1_body.h>
#include <net/http1_head.h>

struct http1;

struct http1_exchange {
    struct exchange base;
    struct http1 *h;
    struct http1_exchange *next;    /* among the kept ones */
    struct http1_traits traits;
    int64_t left;                   /* what a Content-Length still promises */
    bool is_chunked, has_no_body, is_head;
    bool is_silent;                 /* gone was told, or the owner wants to hear nothing */
};

/* An idle connection has this and no buffer, no arena, no exchange. */
struct http1 {
    uint32_t magic;
    bool body_open;                 /* the present request's body has not ended */
    bool keep_alive, awaits_continue, is_busy, is_eof, is_closed;
    struct connection *c;
    struct http1_exchange *x;       /* until it is released */
    struct http1_body body;
    size_t scanned;                 /* of an incomplete head */
    size_t unconsumed;              /* body bytes told and not consumed */
    struct job job;
};
#define HTTP1_MAGIC 0x48545031u

#define HTTP1_GRACE_NS 5000000000ull    /* for an answer to a peer that has shut down its side */

extern const struct exchange_ops http1_exchange_ops;

struct http1_exchange *http1_exchange_take(struct http1 *);
void http1_exchange_give(struct http1_exchange *);
void http1_exchange_reset(struct http1_exchange *);     /* as new, for the parser */
/* The bare answer to what is no request. */
void http1_refuse(struct http1 *, const struct http1_fault *);
/* Something has changed that may let the connection go on; done later in this turn. */
void http1_go_on(struct http1 *);
void http1_released(struct http1 *);
void http1_wait_for_peer(struct http1 *);               /* (re)starts the grace */
void http1_wait_for_head(struct http1 *);               /* starts the time a head has, if it does not run */

bool http1_read_body(struct http1 *);                   /* one piece; false: nothing to do now */
/* 0: nothing to begin with; else the length of a complete head. *ret_again: look once more. */
size_t http1_look_for_head(struct http1 *, bool *ret_again);
/* true: the connection goes on (false after an upgrade: h is gone). */
bool http1_begin(struct http1 *, size_t len);

#endif
