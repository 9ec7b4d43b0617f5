/* trilby/services.h: what the host lends through extension(): timers, streams, names, once.
 *
 * Everything here belongs to one loop: [loop] of the instance (runs TRB_ON_LOOP, TRB_ON_ONE_LOOP).
 * What an instance has not given back is taken down by the host before stop. */
#ifndef TRILBY_SERVICES_H
#define TRILBY_SERVICES_H

#include <trilby/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* extension(TRB_TIMER) is a struct trb_timer_service. */
#define TRB_TIMER "trilby.timer/1"
struct trb_timer; /* the host's */
/* Timers of the instance's own loop. [loop] */
struct trb_timer_service {
    uint32_t size;
    /* One shot; a new one each time, or start again from fire. Never fires inside start. */
    struct trb_timer *(*start)(const struct trb_origin *, uint64_t after_ns, void (*fire)(void *), void *);
    struct trb_timer *(*cancel)(struct trb_timer *); /* also after it fired; returns NULL; NULL is welcome */
};

/* extension(TRB_STREAM_SERVICE) is a struct trb_stream_service. */
#define TRB_STREAM_SERVICE "trilby.stream/1"
struct trb_stream; /* TCP, TLS or Unix; the host's */
/* Where to connect. Read before connect returns. */
struct trb_stream_target {
    uint32_t size;
    struct trb_slice host;                  /* name, address, or unix:/path */
    uint32_t port, tls, verify;             /* port: of TCP; tls: 1 speaks TLS; verify: 1 checks the certificate and its name */
    struct trb_slice server_name, ca_pem, certificate_pem, key_pem; /* absent: none */
    uint64_t connect_timeout_ns;            /* 0: 5 s */
    struct trb_slice alpn;                  /* with tls: "h2", "http/1.1"; absent: none is offered */
};
/* What is called on the loop, with the arg of connect. Never inside connect. [loop] */
struct trb_stream_events {
    uint32_t size;
    void (*connected)(void *);              /* once; with TLS when that is agreed */
    void (*readable)(void *);               /* look at bytes */
    void (*writable)(void *);               /* the queue fell below the low mark */
    void (*closed)(void *, const struct trb_error *); /* the end, once; still to be destroyed */
};
/* Streams of bytes over TCP, TLS and Unix sockets. [loop] */
struct trb_stream_service {
    uint32_t size;
    /* A stream that is the instance's until destroy; what goes wrong is told by closed. */
    struct trb_stream *(*connect)(const struct trb_origin *, const struct trb_stream_target *,
                                  const struct trb_stream_events *, void *arg);
    struct trb_stream *(*destroy)(struct trb_stream *);  /* returns NULL; NULL is welcome */
    struct trb_slice (*bytes)(const struct trb_stream *); /* what has arrived, borrowed until the next call */
    void (*consume)(struct trb_stream *, size_t);         /* so many bytes were read */
    struct trb_buf *(*take)(struct trb_stream *, size_t); /* bytes as a buffer, uncopied where possible */
    void (*write)(struct trb_stream *, struct trb_slice); /* copied; leaves at the end of the turn */
    void (*write_data)(struct trb_stream *, struct trb_data); /* referenced when large and owned */
    char *(*room)(struct trb_stream *, size_t);           /* write directly … */
    void (*wrote)(struct trb_stream *, size_t);           /* … so many bytes */
    size_t (*unsent)(const struct trb_stream *);          /* bytes that wait to be sent: stop writing above a limit of yours */
    void (*read_on)(struct trb_stream *, uint32_t on);    /* 0: let the peer wait; 1: read again */
    void (*read_limit)(struct trb_stream *, size_t);      /* the most that may wait unread; 64 KiB unless said */
    /* Written last when a connected stream is destroyed, also by the host before stop: the protocol's goodbye. 64 bytes. */
    void (*farewell)(struct trb_stream *, struct trb_slice);
};

/* extension(TRB_WATCH) is a struct trb_watch_service. */
#define TRB_WATCH "trilby.watch/1"
struct trb_watch; /* a file descriptor of the instance's own on its loop; the host's */
#define TRB_WATCH_READ 1u  /* there is something to read, or the end */
#define TRB_WATCH_WRITE 2u /* there is room to write */
/* Descriptors of a client library on the loop. [loop] */
struct trb_watch_service {
    uint32_t size;
    /* fd stays the instance's, and is closed by it after end. ready is called with what is so, as long as it is so. */
    struct trb_watch *(*start)(const struct trb_origin *, int32_t fd, uint32_t want,
                               void (*ready)(void *, uint32_t what), void *);
    void (*change)(struct trb_watch *, uint32_t want);    /* 0: pause */
    struct trb_watch *(*end)(struct trb_watch *);         /* returns NULL; NULL is welcome */
};

/* extension(TRB_ONCE) is a struct trb_once_service. */
#define TRB_ONCE "trilby.once/1"
/* What a client library must be told once per process. [any] */
struct trb_once_service {
    uint32_t size;
    /* Runs init once per process for this key, however often the plugin is loaded. */
    void (*run)(const char *key, void (*init)(void));
};

/* From any thread to the instance's own loop, where it has one; else run on the caller. [any] */
#define TRB_POST "trilby.post/1"
/* A way back to the loop for threads of the plugin's own. [any] */
struct trb_post_service {
    uint32_t size;
    /* Calls run(arg) there, soon. */
    void (*post)(const struct trb_origin *, void (*run)(void *), void *arg);
};

/* A component of block "offers" names the types that its plugin serves without a file of that name: those it
 * finds when the process starts. Said inside its start, before it answers; then it is stopped. [loop] */
#define TRB_OFFERS "trilby.offers/1"
/* One type that is offered. Read before offer returns. */
struct trb_offer {
    uint32_t size;
    struct trb_slice type;                  /* what resources may say: "state.orders" */
    const char *as;                         /* which component of this plugin serves it: "state.pluggable" */
};
/* Lent to components of block "offers" alone. [loop] */
struct trb_offers_service {
    uint32_t size;
    void (*offer)(const struct trb_origin *, const struct trb_offer *); /* of one type the first counts */
};

#ifdef __cplusplus
}
#endif
#endif
