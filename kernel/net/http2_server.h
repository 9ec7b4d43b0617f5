/* http2_server: what the files of an HTTP/2 server connection share. Private to this folder. [loop]
 *
 * http2_connection.c is its life, http2_server.c hears nghttp2, http2_exchange.c is the owner's verbs,
 * http2_patience.c is time: draining, keep-alive, idleness. */
#ifndef NET_HTTP2_SERVER_H
#define NET_HTTP2_SERVER_H

#include <net/connection.h>
#include <net/http2_past.h>
#include <net/http2_session.h>

#define HTTP2_RUNNING 1000u             /* exchanges at once; later ones wait unread */
#define HTTP2_WAITING 10000u            /* waiting ones; later ones are refused */
#define HTTP2_WAITING_BYTES (HTTP2_MAX_HELD / 2)

#define HTTP2_DRAIN_NONE 0
#define HTTP2_DRAIN_WANTED 1            /* the notice is to be written */
#define HTTP2_DRAIN_NOTICED 2           /* … was, and its ping is not answered yet */
#define HTTP2_DRAIN_LAST 3              /* the real last stream id was told */

struct http2_server;

struct http2_exchange {
    struct exchange base;
    struct http2_exchange *next;        /* among the kept ones */
    struct http2_server *server;
    struct http2_stream s;
    struct list link;
    struct http2_intake intake;
    struct http_headers trailers;
    struct gather held;                 /* body that came while it waited */
    size_t weight;                      /* counted in waiting_bytes */
    int64_t left;                       /* what a content-length still promises; -1: none did */
    bool is_large;                      /* the head is over the limit */
    bool is_waiting, is_offered, is_ended, was_end_told;
    bool is_silent;                     /* gone was told, or the owner wants to hear nothing */
    bool is_released, is_head, has_no_body;
    bool is_answered;                   /* END_STREAM is queued or sent */
    bool was_reset;                     /* by us */
    bool was_left;                      /* by the peer: it has reset the stream */
};

struct http2_server {
    struct http2 h;                     /* the first member */
    struct connection *c;
    struct list opening, waiting, running, leaving;     /* leaving: released, still to be sent */
    uint32_t running_count, waiting_count;
    size_t waiting_bytes;
    uint8_t drain;
    bool is_closed, is_busy, is_eof, is_left, has_settings, owes_read;
    const char *farewell;               /* what the notice of draining says */
    struct http2_past past;
    int32_t open_head;                  /* the stream whose head has begun, or 0 */
    struct http2_exchange *heading;     /* … and who is on it, or NULL */
    uint64_t head_due_ns, drain_due_ns, ack_due_ns, idle_from_ns;
};

static inline const struct http_server_setup *http2_setup(const struct http2_server *s)
{
    return s->c->home->setup;
}

static inline struct http2_server *http2_server_of(struct http2 *h)
{
    return (struct http2_server *)h;
}

/* --- http2_exchange.c --- */
struct http2_exchange *http2_exchange_take(struct http2_server *, int32_t id);
void http2_exchange_free(struct http2_exchange *);
void http2_exchange_offer(struct http2_exchange *);
void http2_exchange_data(struct http2_exchange *, const uint8_t *at, size_t len);
void http2_exchange_ended(struct http2_exchange *);
void http2_exchange_gone(struct http2_exchange *, const struct trb_error *);
void http2_exchange_refuse(struct http2_exchange *, uint32_t code);
void http2_exchange_reply_431(struct http2_exchange *);

/* --- http2_connection.c --- */
void http2_server_after(struct http2 *);
void http2_server_released(struct http2_server *);

/* --- http2_server.c --- */
extern const struct http2_role http2_server_role;
size_t http2_server_max_head(const struct http2_server *);
void http2_server_head_is_complete(struct http2_exchange *, bool is_whole);
void http2_server_admit(struct http2_server *);
bool http2_server_is_idle(const struct http2_server *);

/* --- http2_patience.c --- */
void http2_server_drain(struct http2_server *, const char *farewell);
bool http2_server_pong(struct http2_server *, const uint8_t data[8]);   /* true: it answers the notice */
void http2_server_notice(struct http2_server *);            /* writes it, at a frame border */
void http2_server_wait(struct http2_server *);              /* sets the connection's timer */
void http2_server_wait_to_leave(struct http2_server *);
void http2_server_ping(struct http2_server *);              /* the peer's: is it allowed? */

#endif
