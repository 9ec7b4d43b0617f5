/* stream: a connected byte stream (TCP or Unix, TLS or not) on one loop. [loop]
 *
 * The codecs of this folder stand on it, and so do components through "trilby.stream/1". Reads land
 * in a buffer that exists only while bytes are unread; writes gather and leave in one writev at the
 * end of the loop's turn (stream_flush sends at once). */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <base/buf.h>
#include <loop/loop.h>
#include <stdbool.h>
#include <trilby/types.h>

struct stream;
struct tls_context;

struct stream_events {
    void (*connected)(void *arg);                           /* after stream_connect, TLS included */
    void (*readable)(void *arg);                            /* new bytes: look at stream_bytes */
    void (*writable)(void *arg);                            /* what was queued fell below the low mark */
    void (*eof)(void *arg);                                 /* the peer will send no more; writing goes on */
    void (*closed)(void *arg, const struct trb_error *);    /* the end, once; the stream is still to be
                                                               destroyed. NULL: closed as asked for */
};
/* closed and writable are never told from inside a function of this header. stream_destroy is fine
 * inside any event; no event follows it. */

/* Takes the connected fd (closed on failure too). tls: server side handshake. */
struct stream *stream_accept(struct loop *, int fd, struct tls_context *tls,
                             const struct stream_events *, void *arg);
/* A stream over two pipes: between processes of one machine they cost less than a socket. */
struct stream_ends {
    int in, out;                                /* read from, written to; not blocking; taken */
};
struct stream *stream_over_pipes(struct loop *, struct stream_ends, const struct stream_events *, void *arg);
struct stream_target {
    struct trb_slice host;                      /* or "unix:/path" */
    uint16_t port;
    bool tls;
    const struct tls_context *tls_context;      /* NULL: no verification */
    struct trb_slice server_name;               /* SNI and verification; absent: host */
    struct trb_slice alpn;                      /* "h2", "http/1.1", or absent */
    uint64_t connect_timeout_ns;
};
/* Resolves, connects (each address in turn), shakes hands. Result by connected or closed. */
struct stream *stream_connect(struct loop *, const struct stream_target *, const struct stream_events *,
                              void *arg);
/* Somebody else connects for all streams from now on: for a process that may not itself. Before other threads
 * exist. begin never calls done inside; done takes a connected fd, or -1 and why; cancel: it will not be called. */
struct stream_dialer {
    void *(*begin)(struct loop *, struct trb_slice host, uint16_t port,
                   void (*done)(void *arg, int fd, const struct trb_error *), void *arg);
    void (*cancel)(void *ticket);
};
void stream_dial_through(const struct stream_dialer *);
struct stream *stream_destroy(struct stream *);             /* closes; unsent bytes are lost; NULL is welcome */

struct trb_slice stream_bytes(const struct stream *);       /* all unread bytes, one piece */
void stream_consume(struct stream *, size_t n);
/* A reference to unread bytes that may outlive them (no copy when the buffer can be shared). */
struct trb_buf *stream_take(struct stream *, size_t n);     /* given; consumes */
void stream_read_on(struct stream *, bool on);              /* back-pressure: stop asking the kernel */
void stream_read_limit(struct stream *, size_t bytes);      /* the most that may wait unread (default 64 KiB) */

void stream_write(struct stream *, struct trb_slice);       /* copied */
void stream_write_buf(struct stream *, struct trb_data);    /* referenced when it has an owner and is large */
/* Room to write into directly: at least n bytes; stream_wrote says how many were used. */
char *stream_room(struct stream *, size_t n);
void stream_wrote(struct stream *, size_t n);
size_t stream_unsent(const struct stream *);
void stream_flush(struct stream *);
void stream_shutdown(struct stream *);                      /* after what is queued: FIN (and TLS close) */
void stream_close_after_flush(struct stream *);             /* then closed() */

struct trb_slice stream_peer(struct stream *);              /* "127.0.0.1:4711", "unix" */
struct trb_slice stream_local(struct stream *);
struct trb_slice stream_alpn(const struct stream *);        /* what TLS agreed on, or absent */
struct trb_slice stream_peer_identity(const struct stream *);   /* SPIFFE id of its certificate, or absent */
int stream_fd(const struct stream *);

#endif
