/* proxied: one call on its way through, as the sources of the proxy share it. [loop]
 *
 *     proxy.c         who is asked: target, policy, name; the client's side of the call
 *     proxy_call.c    the call itself: begun, repeated, given up; the request's bytes
 *     proxy_head.c    metadata, both ways
 *     proxy_answer.c  the callee's side: the answer's bytes, trailers, faults */
#ifndef CHANNEL_PROXIED_H
#define CHANNEL_PROXIED_H

#include <base/buf.h>
#include <channel/proxy_scan.h>
#include <net/http.h>
#include <request/grpc_stream.h>
#include <request/request.h>

#define PROXIED_MAGIC 0x50525844u

/* Bytes of one direction, from the one side's window to the other's room. */
struct proxied_flow {
    struct proxy_scan scan;
    struct gather held;             /* waits for a connection, or came packed and waits for room */
    size_t owed;                    /* window that the sender gets back with the next room */
    bool has_room, is_ended;        /* ended: nothing more comes */
};

/* Lives in the memory of the client's request. */
struct proxied {
    struct http_call call;          /* first: events find us by it */
    uint32_t magic;
    struct grpc_stream *stream;     /* NULL: the client has its answer, or is gone */
    const struct grpc_stream_info *info;
    bool is_peer_port;
    bool is_local;                  /* the callee is our own app */
    bool is_streaming;              /* the client says so; else a call counts as unary */
    bool is_begun;                  /* there is a call */
    bool is_open;                   /* … and it has had a connection */
    bool has_said_head;             /* … and was passed on */
    bool was_again;                 /* … could not be had, and was tried once more */
    struct trb_slice app_id, namespace_, path;
    struct trb_name address;        /* of the other sidecar */
    struct http_head head;          /* of the call, as sent */
    struct proxied_flow request, answer;
    struct http_headers metadata, trailers;     /* of the answer */
    struct request_ending ending;
};

/* The client gets this status; the call, if there is one, is given up. */
void proxied_fail(struct proxied *, const struct trb_error *err);
void proxied_refuse(struct proxied *, trb_code code, const char *format, ...) TRB_PRINTF(3, 4);

/* proxy.c */
void proxied_look_up(struct proxied *);                         /* then begins the call */
void proxied_count_answer(struct proxied *, trb_code);

/* proxy_call.c */
void proxied_begin(struct proxied *, struct http_pool *, struct trb_slice authority);
void proxied_take(struct proxied *, struct trb_data piece);     /* of the request */
void proxied_take_end(struct proxied *);
void proxied_room(struct proxied *);                            /* the callee takes more */
bool proxied_again(struct proxied *);                           /* true: it was begun once more */
void proxied_stop(struct proxied *);                            /* silent: the call is over */

/* proxy_head.c */
void proxied_make_head(struct proxied *, struct trb_slice authority);
void proxied_pass_metadata(struct proxied *);                   /* the answer's, in front of its first message */
void proxied_pass_trailers(struct proxied *, const struct http_headers *);

/* proxy_answer.c */
extern const struct http_call_events proxied_events;
void proxied_answer_room(struct proxied *);                     /* the client takes more */

#endif
