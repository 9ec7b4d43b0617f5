/* http2_session: what server connections and client links share: an nghttp2 session on a stream of
 * bytes, and the outgoing body and windows of each of its streams. Private to this folder. [loop]
 *
 * nghttp2 is fed from the stream's readable event and drained by a job later in the same turn, so that
 * a turn's frames leave in one write and no verb ever runs inside nghttp2's sending. */
#ifndef NET_HTTP2_SESSION_H
#define NET_HTTP2_SESSION_H

#include <net/http2_fields.h>
#include <net/http2_frames.h>
#include <net/http2_guard.h>
#include <net/http2_queue.h>
#include <net/http2_window.h>
#include <net/stream.h>

#define HTTP2_MAX_HELD HTTP2_MAX_WINDOW     /* bytes of bodies that a connection's readers hold */
#define HTTP2_OUT_HIGH 65536u           /* queued on one stream: no more room */
#define HTTP2_OUT_LOW 16384u
#define HTTP2_MAX_FRAMES 10000u         /* that wait to leave, of a peer that does not read */

struct http2;

struct http2_role {
    bool is_server;
    void (*set_callbacks)(nghttp2_session_callbacks *);
    /* May this frame come? The code to end with; NO_ERROR: it may. foresee is asked before the bytes at
     * hand are fed, judge when all before it was. NULL: any may. */
    uint32_t (*foresee)(struct http2 *, const nghttp2_frame_hd *);
    uint32_t (*judge)(struct http2 *, const nghttp2_frame_hd *);
    /* After each drain: rooms were told. h may be gone when it returns. */
    void (*after)(struct http2 *);
};

struct http2 {
    uint32_t magic;
    bool mid_head;                      /* CONTINUATION frames of one head are still to come */
    bool is_deaf;                       /* what still comes is dropped */
    bool is_ending;                     /* the last GOAWAY is queued by us */
    const struct http2_role *role;
    nghttp2_session *ng;                /* NULL once closed */
    struct loop *loop;
    struct stream *stream;
    struct http2_frames frames;         /* of what comes; kept where there is a foresee */
    struct trb_buf *input;              /* what is being read, when it may be referenced */
    struct job drain;
    struct list roomy;                  /* streams whose owners wait for room, and have it now */
    struct http2_guard guard;
    uint64_t read_ns;                   /* when bytes came last */
    struct http2_window window;         /* the connection's, and of streams whose readers read */
    uint64_t held, owed;                /* body bytes not consumed; those of them that give no room yet */
    uint64_t ignored;                   /* bytes that nghttp2 took without a word */
};
#define HTTP2_MAGIC 0x48545032u

/* Creates the session; settings are queued by the caller. max_head bounds CONTINUATION. */
void http2_open(struct http2 *, const struct http2_role *, struct loop *, struct stream *, size_t max_head);
void http2_close(struct http2 *);       /* nghttp2's part is gone; may be repeated */
void http2_receive(struct http2 *);     /* all of stream_bytes */
void http2_drain_later(struct http2 *);
/* GOAWAY with a code and text, then nothing more is heard or begun. */
void http2_end(struct http2 *, uint32_t code, const char *text);
/* A ping was answered: perhaps the one that measures. */
void http2_pong(struct http2 *, const uint8_t data[8]);
/* Body bytes came; their readers have consumed some. */
void http2_took(struct http2 *, size_t len);
void http2_used(struct http2 *, size_t len);
bool http2_is_over(const struct http2 *);       /* neither side has anything left to say */
const char *http2_code_name(uint32_t code);

/* --- one stream ------------------------------------------------------------------------------- */
struct http2_stream {
    struct http2 *h;
    int32_t id;
    bool is_closed;                     /* nghttp2 does not know it any more */
    bool is_deferred;                   /* nghttp2 waits to be told of more data */
    bool is_finished;                   /* no more data will be added */
    bool wants_room;
    struct http2_queue out;
    nghttp2_nv *trailers;               /* with their bytes in memory that outlives the stream */
    size_t trailer_count;
    size_t unconsumed, consumed;        /* of what came in */
    uint32_t window;
    struct list roomy;
    void (*room)(struct http2_stream *);
};

void http2_stream_init(struct http2_stream *, struct http2 *, int32_t id, void (*room)(struct http2_stream *));
void http2_stream_fini(struct http2_stream *);
void http2_stream_forget_input(struct http2_stream *);  /* gives the connection back what was not consumed */
nghttp2_data_provider http2_stream_source(struct http2_stream *);
bool http2_stream_write(struct http2_stream *, struct trb_data);
void http2_stream_finish(struct http2_stream *, nghttp2_nv *trailers, size_t count);
void http2_stream_reset(struct http2_stream *, uint32_t code);
/* Data came for somebody: the piece as it may be handed on. */
struct trb_data http2_stream_took(struct http2_stream *, const uint8_t *at, size_t len);
void http2_stream_consume(struct http2_stream *, size_t n);
void http2_skip(struct http2 *, int32_t id, size_t len);    /* data came for nobody */
size_t http2_max_list(const struct http2 *);                 /* of a head or trailers: what the peer takes, and we send */

#endif
