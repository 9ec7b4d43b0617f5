/* http: one request and its answer, whatever the version on the wire.
 *
 * Server side an exchange, client side a call. HTTP/1.1 and HTTP/2 implement the same two tables of
 * verbs, so nothing above this folder knows which one it speaks. Everything here is [loop]: an
 * exchange or call lives and dies on its connection's loop.
 *
 * Back-pressure is credit both ways. Incoming: a peer may send until the window is full; the window
 * opens again by what is consumed. Outgoing: write says whether there is still room; `room` tells
 * when there is again. Data offered without room is taken all the same (never more than one piece). */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include <base/arena.h>
#include <base/buf.h>
#include <loop/loop.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct http_header {
    struct trb_slice name, value;   /* HTTP/1: letter case as received; HTTP/2: lower */
};

struct http_headers {
    struct http_header *at;
    uint32_t count, room;
};

#define HTTP_LENGTH_UNKNOWN (-1)    /* chunked, or an HTTP/2 body without content-length */
#define HTTP_NO_BODY (-2)           /* a request without body and without length; an answer that has none */

struct http_head {
    struct trb_slice method;        /* request: exactly as received */
    struct trb_slice target;        /* request: path and query as received (origin form; absolute form is cut) */
    struct trb_slice authority, scheme;
    int status;                     /* response */
    struct trb_slice reason;        /* response, HTTP/1 client only; else absent */
    struct http_headers headers;    /* without host/:authority pseudo forms; hop-by-hop ones are kept */
    int64_t content_length;         /* >= 0, or one of the two above */
    uint8_t major, minor;           /* 1.0, 1.1, 2.0 */
};

/* First value of a header, letter case of the name ignored; absent: at == NULL. */
struct trb_slice http_header_get(const struct http_headers *, struct trb_slice name);
void http_headers_grow(struct arena *, struct http_headers *);       /* for one more, at least */

static inline void http_header_add(struct arena *arena, struct http_headers *headers, struct trb_slice name,
                                   struct trb_slice value)
{
    if (headers->count == headers->room)
        http_headers_grow(arena, headers);
    headers->at[headers->count++] = (struct http_header){name, value};
}
/* token rules of RFC 9110: what may be a method or header name; what may stand in a value. */
bool http_is_token(struct trb_slice);
bool http_is_field_value(struct trb_slice);
const char *http_reason(int status);            /* "Not Found"; "" when unknown */

/* ------------------------------------------------------------------------------ server side */
struct exchange;
struct connection;

/* What the owner of an exchange wants to hear. Called on the loop, never from inside a verb. */
struct exchange_events {
    void (*data)(struct exchange *, struct trb_data piece);     /* borrowed; ref the owner to keep, copy
                                                                   what has none (small pieces) */
    void (*end)(struct exchange *, const struct http_headers *trailers);   /* trailers may be NULL; told for
                                                                   every request, bodiless ones too */
    void (*room)(struct exchange *);
    void (*gone)(struct exchange *, const struct trb_error *);  /* peer left or reset, or a body fault:
                                                                   no verb but release from now on */
};

struct exchange_ops {
    void (*respond)(struct exchange *, const struct http_head *);      /* status, headers, content_length */
    bool (*write)(struct exchange *, struct trb_data);                 /* true: there is room for more */
    /* trailers may be NULL; their names and values stay where they are until the exchange's arena goes. */
    void (*finish)(struct exchange *, const struct http_headers *trailers);
    void (*consume)(struct exchange *, size_t bytes);                  /* opens the incoming window */
    void (*reset)(struct exchange *, uint32_t http2_code);             /* HTTP/1: cuts the connection */
    void (*release)(struct exchange *);                                /* the owner is done; no verb after */
};

struct exchange {
    uint32_t magic;
    const struct exchange_ops *ops;
    const struct exchange_events *events;       /* set by the owner in on_request */
    void *owner;                                /* the owner's */
    struct loop *loop;
    struct connection *connection;
    struct arena *arena;                        /* the request's; freed when released and sent */
    struct http_head request;                   /* slices into the arena or connection buffer, stable
                                                   until release */
    bool responded, finished;                   /* kept by the codec */
    struct http_header room[24];                /* first home of request.headers */
};
#define EXCHANGE_MAGIC 0x45584348u

/* A whole answer in one gesture: head, body (may be absent), end. One write to the socket. */
void exchange_reply(struct exchange *, struct http_head *, struct trb_data body);

/* What a connection tells about itself; any member may be absent. */
struct connection_info {
    struct trb_slice peer_address, local_address;   /* "127.0.0.1:41234", "unix" */
    bool is_tls, is_unix;
    struct trb_slice peer_identity;                 /* SPIFFE id of a client certificate */
    bool has_uid;                                   /* Unix sockets: the peer's user, by the kernel's word */
    uint32_t uid;
};
const struct connection_info *exchange_connection(const struct exchange *);

/* Who takes requests. Per listener; shared by its connections. */
struct http_server_setup {
    void (*on_request)(void *arg, struct exchange *);       /* head complete; must set events */
    void *arg;
    size_t max_head;                /* bytes of request line and headers, HTTP/1 and 2 */
    size_t window;                  /* HTTP/1: incoming body bytes not yet consumed, per exchange. HTTP/2's
                                       windows begin at 65535 and grow by what is measured */
    uint64_t head_timeout_ns;       /* a started head must be complete within this */
    uint64_t idle_timeout_ns;       /* 0: none */
    bool http1, http2;              /* http2: by prior knowledge (or ALPN under TLS) */
    bool upgrade_h2c;               /* HTTP/1.1 Upgrade: h2c */
    const char *http2_only;         /* what a client of HTTP/1 is told where that is not spoken; NULL: nothing */
    bool grpc_keepalive;            /* keep-alive enforcement of grpc-api.md 1.2 */
    uint32_t http2_max_header_list; /* the SETTINGS value */
};

/* ------------------------------------------------------------------------------ client side */
struct http_call;

struct http_call_events {
    void (*head)(struct http_call *, const struct http_head *);        /* final status; 1xx are skipped but 101 */
    void (*data)(struct http_call *, struct trb_data piece);
    void (*end)(struct http_call *, const struct http_headers *trailers);      /* last event of a good call */
    void (*room)(struct http_call *);
    void (*failed)(struct http_call *, const struct trb_error *);      /* last event of a bad call */
};

/* The caller embeds it as the first member of its own struct and keeps it until end or failed was
 * called, or http_call_cancel has returned. */
struct http_call {
    uint32_t magic;
    const struct http_call_events *events;
    struct loop *loop;
    struct arena *arena;            /* the caller's; response heads are put there */
    void *link;                     /* the codec's */
    bool sent_any;                  /* a byte of the request reached the socket: not safe to repeat blindly */
    bool reused;                    /* went out on a kept-alive connection */
    uint8_t front_len;              /* HTTP/2: bytes of front that go before a whole body */
    char front[7];
};
#define HTTP_CALL_MAGIC 0x4843414cu

struct http_target {                /* where to: one pool of connections per loop and target */
    struct trb_slice host;          /* name or literal address; "unix:/path" for a socket */
    uint16_t port;
    bool tls;
    uint8_t version;                /* 1: HTTP/1.1, 2: HTTP/2 prior knowledge, 0: ALPN chooses (TLS) */
    const struct tls_context *tls_context;   /* NULL with tls: no verification (the app channel) */
    uint64_t connect_timeout_ns;
    uint32_t max_connections;       /* HTTP/1: 1024 for the app. 0: no limit */
    uint32_t max_idle;              /* 64 for the app */
    uint32_t max_streams;           /* HTTP/2: streams per connection before another is opened (100) */
    uint64_t keepalive_ns, keepalive_timeout_ns;     /* HTTP/2 PING; 0: none */
    uint64_t idle_timeout_ns;
    size_t max_head, window;        /* bounds on answers; window: as above */
};

struct http_pool;                   /* [loop] */
struct http_pool *http_pool_create(struct loop *, const struct http_target *);    /* target is copied */
struct http_pool *http_pool_destroy(struct http_pool *);    /* running calls fail with CANCELLED; not from
                                                               inside an event of one of them */
void http_pool_drop_idle(struct http_pool *);

/* Starts a call. head->content_length: >= 0, HTTP_LENGTH_UNKNOWN or HTTP_NO_BODY (then no finish).
 * method, target, authority, headers are sent as given; no header is invented but Host,
 * Content-Length/Transfer-Encoding (from content_length). Slices must stay readable until the call
 * ended (retries of a stale kept-alive connection happen inside when nothing was answered and the
 * request had no body or its body was given whole). A whole body may have a front of the caller's. */
void http_pool_call(struct http_pool *, struct http_call *, const struct http_head *, struct trb_data whole_body);
bool http_call_write(struct http_call *, struct trb_data);  /* streaming bodies; true: room for more */
void http_call_finish(struct http_call *, const struct http_headers *trailers);
void http_call_consume(struct http_call *, size_t bytes);
void http_call_cancel(struct http_call *);                  /* silent: no event afterwards */

#endif
