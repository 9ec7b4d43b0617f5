/* connection: one accepted stream and the codec that speaks on it. Private to this folder. [loop]
 *
 * A connection starts without a codec. Its first bytes (or TLS' ALPN) choose between HTTP/1 and
 * HTTP/2; Upgrade: h2c changes the codec once more. Not here: parsing, exchanges, accepting.
 *
 * Life: the stream ends once, told by codec->closed. The codec then tells its exchanges `gone`,
 * waits until every one is released, frees its own state and calls connection_end. Nothing else
 * frees a connection, so exchange->connection is good until release. */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <base/list.h>
#include <net/http.h>
#include <net/stream.h>

struct connection;

struct connection_codec {
    void (*readable)(struct connection *);      /* stream_bytes(c->stream) has more than before */
    void (*writable)(struct connection *);      /* unsent bytes fell below the low mark */
    void (*eof)(struct connection *);           /* the peer sends no more; it may still read */
    void (*closed)(struct connection *, const struct trb_error *);     /* once; see above */
    void (*drain)(struct connection *);         /* finish what runs, take nothing new, then close */
};

/* One loop's share of a listener: what its connections have in common. Outlives them. */
struct connection_home {
    struct loop *loop;
    const struct http_server_setup *setup;
    struct list connections;
    uint32_t count;
    bool draining;                              /* set before codec->drain is called on each */
    void (*ended)(struct connection_home *);    /* a connection is gone; may be NULL */
};
void connection_home_init(struct connection_home *, struct loop *, const struct http_server_setup *);
void connection_home_drain(struct connection_home *);
void connection_home_cut(struct connection_home *);     /* what is left ends now (asynchronously) */

struct connection {
    uint32_t magic;
    bool is_cut, is_closed, is_tls;
    struct loop *loop;
    struct connection_home *home;
    struct stream *stream;                      /* good until connection_end */
    const struct connection_codec *codec;       /* NULL while the version is not known */
    void *state;                                /* the codec's */
    struct list link;                           /* in home->connections */
    struct timer timer;                         /* head and idle time; the present codec's to use */
    struct job cut;
    struct connection_info *info;               /* made on first question */
};
#define CONNECTION_MAGIC 0x434f4e4eu

/* Takes the connected fd. */
struct connection *connection_accept(struct connection_home *, int fd, struct tls_context *tls);

/* Flushes what is queued, then closes; codec->closed follows later, never from inside. */
void connection_close(struct connection *);
/* As above, for a codec that has freed its state and has no exchange left: half closes after what is
 * queued and drops what still comes, so that the peer can read the answer. closed is not called. */
void connection_linger(struct connection *, bool is_eof);
/* Ends at once (RST where unsent bytes are lost); codec->closed follows later, never from inside. */
void connection_cut(struct connection *);
/* By the codec after closed, with no exchange left: destroys the stream, frees c. Fine inside an
 * event of c; touch nothing of c afterwards. */
void connection_end(struct connection *);
const struct connection_info *connection_info_of(struct connection *);

/* Codecs. Each sets c->codec and c->state. Bytes already read are still in stream_bytes: the caller
 * of create goes on with codec->readable itself. */
void http1_connection_create(struct connection *);
void http2_connection_create(struct connection *);
/* After an accepted Upgrade: h2c. 101 is already queued on the stream, the head's bytes are consumed,
 * the HTTP/1 state is gone. The request becomes stream 1, half closed (it had no body); head and
 * settings (HTTP2-Settings, still base64url) are readable only until this returns. Hop-by-hop headers
 * of the upgrade are already left out. The codec calls home->setup->on_request for it. */
void http2_connection_upgrade(struct connection *, const struct http_head *, struct trb_slice settings);

/* What both codecs promise the owner of an exchange beyond http.h:
 * - setup->on_request is called first; the owner may use every verb inside it.
 * - `end` is told once for every request, also one without a body, unless finish or reset came first.
 * - after finish no data, end or room is told; `gone` may still be, until release.
 * - a piece's owner may be NULL (small pieces): keep it by copying.
 * - release before finish is a reset (HTTP/2: CANCEL; HTTP/1: the connection is cut).
 * - request.arena is the exchange's; budget EXCHANGE_ARENA_BUDGET. */
#define EXCHANGE_ARENA_BUDGET (1024 * 1024)

/* Arenas of requests, kept warm per thread. take: empty, as new. give: cleared or freed. */
struct arena *arena_cache_take(void);
void arena_cache_give(struct arena *);

/* "Date" value of now, refreshed when the loop's second changes: 29 characters. */
struct trb_slice http_date(struct loop *);

#endif
