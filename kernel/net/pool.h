/* pool: how calls find connections. Private to this folder. [loop]
 *
 * A pool holds links (client connections); a link is connected by the pool and then spoken on by the
 * codec of its version. Calls wait in the pool until a link has room. The pool decides about
 * opening, keeping, repeating; the codec about bytes. */
#ifndef NET_POOL_H
#define NET_POOL_H

#include <base/list.h>
#include <net/http.h>
#include <net/stream.h>

struct client_link;
struct pool_call;

struct client_codec {
    void (*readable)(struct client_link *);
    void (*writable)(struct client_link *);
    void (*eof)(struct client_link *);
    /* Once, also when the pool ends the link: every call still on it goes to pool_call_lost, the
     * codec's state is freed. The pool frees the link afterwards. */
    void (*closed)(struct client_link *, const struct trb_error *);

    /* Takes a call: the pool has put it on link->calls and counted room down by one. Sends
     * call->head, then the whole body when there is one (pc->is_whole). Never fails from inside. */
    void (*start)(struct client_link *, struct pool_call *);
    bool (*write)(struct pool_call *, struct trb_data);
    void (*finish)(struct pool_call *, const struct http_headers *trailers);
    void (*consume)(struct pool_call *, size_t bytes);
    void (*cancel)(struct pool_call *);         /* forget it without an event; the pool unlinks it */
};

struct client_link {
    uint32_t magic;
    uint32_t room;                              /* calls it takes now; kept by codec, counted down by the pool */
    uint32_t served;                            /* calls that were started on it */
    bool is_connected, is_ending;               /* ending: no new calls */
    bool is_limited;                            /* the peer allows fewer calls than we would give it */
    bool is_greeted;                            /* the peer has shown that it speaks the codec's language */
    struct http_pool *pool;
    struct loop *loop;
    struct stream *stream;
    const struct client_codec *codec;           /* NULL until connected */
    void *state;                                /* the codec's */
    struct list link;                           /* in pool->links */
    struct list calls;                          /* running: struct pool_call.link */
    struct timer idle;                          /* the pool's */
    struct job end;                             /* the pool's */
    bool is_idle;                               /* no call runs: counted in pool->idle_count */
};
#define CLIENT_LINK_MAGIC 0x4c494e4bu

/* One call, in the caller's arena; http_call.link points here until the call has ended. */
struct pool_call {
    uint32_t magic;
    struct http_call *call;                     /* NULL once ended or cancelled */
    struct http_pool *pool;
    struct client_link *on;                     /* NULL while it waits */
    void *state;                                /* the codec's, per call */
    struct list link;                           /* in pool->waiting or on->calls */
    struct http_head head;                      /* the caller's slices */
    struct trb_data body;                       /* is_whole: all of it; the owner is referenced */
    bool is_whole;                              /* nothing more will be written: no body, or body above */
    bool is_finished;                           /* http_call_finish came, or is_whole */
    bool wants_room;                            /* a write was told false */
    bool is_kept;                               /* lost, and all that was written is in early again */
    uint32_t attempts;
    struct gather early;                        /* written while waiting for a link */
    const struct http_headers *early_trailers;
};
#define POOL_CALL_MAGIC 0x50434c4cu

struct http_pool {
    uint32_t magic;
    struct loop *loop;
    struct http_target target;                  /* its slices are copies */
    struct list links, waiting;
    uint32_t link_count, idle_count, connecting, waiting_count;
    bool is_ending;
    struct job serve;                           /* gives waiting calls to links, opens links */
};
#define HTTP_POOL_MAGIC 0x48504f4fu

/* Codecs: connected, nothing read yet. They set codec, state and room. target.window, max_head,
 * max_streams, keepalive_* are in link->pool->target. */
void http1_client_attach(struct client_link *);
void http2_client_attach(struct client_link *);

/* --- what codecs tell the pool --- */
/* HTTP/2: the peer's SETTINGS have come. Until then no call is given to the link, so that none exceeds
 * what they allow, and one that finds no HTTP/2 there was certainly not seen by anybody. */
void pool_link_greeted(struct client_link *);
void pool_link_ready(struct client_link *);     /* room grew, or a call ended: look for work */
void pool_link_retire(struct client_link *);    /* no new calls (GOAWAY, Connection: close); ended when idle */
/* Ends the link from the loop, later; codec->closed is called with err's text. err NULL: no fault. */
void pool_link_close(struct client_link *);

/* The call has ended: it leaves its link, http_call.link becomes NULL. Then the codec (not the pool)
 * calls events->end; the caller may have freed the call when that returns. */
struct http_call *pool_call_ended(struct pool_call *);
/* The call has no answer. The pool repeats it on another link when that is safe, else raises failed.
 * answered: any byte of an answer was seen. unprocessed: the peer certainly did nothing with it
 * (GOAWAY beyond its id, REFUSED_STREAM, nothing was sent). pc may be gone when this returns. */
void pool_call_lost(struct pool_call *, const struct trb_error *, bool answered, bool unprocessed);

#endif
