/* stream_private: what the files of a stream share: its struct, and TLS as seen from it. [loop] */
#ifndef NET_STREAM_PRIVATE_H
#define NET_STREAM_PRIVATE_H

#include <loop/dns.h>
#include <net/chain.h>
#include <net/socket.h>
#include <net/stream.h>
#include <net/tls.h>
#include <stdio.h>

#define STREAM_CONNECTING 0
#define STREAM_SHAKING 1            /* TLS handshake */
#define STREAM_OPEN 2
#define STREAM_CLOSED 3             /* the fd is closed; closed() is told or about to be */

#define STREAM_HIGH 65536u          /* unsent bytes from which there is no more room */
#define STREAM_LOW 16384u

struct stream_dial;                 /* what only a connecting stream needs */
struct tls_session;

struct stream_pipe {                /* what only a stream over pipes needs: where it writes */
    int fd;
    struct watch watch;
};

struct stream {
    uint32_t magic;
    int fd;
    uint8_t state, depth;           /* depth: events on the stack; freed when they are through */
    bool is_dead;                   /* destroyed by its owner */
    bool is_paused;                 /* read_on(false) */
    bool is_eof;                    /* read 0 bytes */
    bool was_high;                  /* writable is owed */
    bool is_blocked;                /* the socket took no more */
    bool owes_writable, owes_closed, owes_read;     /* told by the job `later` */
    bool wants_shutdown, wants_close, did_shutdown;
    bool is_broken;                 /* writing failed: what has arrived is read, then it ends */
    bool reads_big;                 /* the last read filled its block */
    struct loop *loop;
    const struct stream_events *events;
    void *arg;
    struct watch watch;
    struct block *in;
    size_t read_limit;
    struct chain out;               /* ready for the socket */
    struct job flush, later;
    struct trb_error *fault;
    struct tls_session *tls;        /* NULL: cleartext */
    struct stream_dial *dial;
    struct stream_pipe *pipe;       /* NULL: a socket */
    char *texts;                    /* peer and local, made on demand */
};
#define STREAM_MAGIC 0x5354524du

struct stream *stream_create(struct loop *, const struct stream_events *, void *arg);
void stream_open(struct stream *);              /* the fd is connected: shake hands, or be open */
void stream_watch(struct stream *);             /* asks the loop for what is wanted now */
void stream_fail(struct stream *, trb_code, const char *format, ...) TRB_PRINTF(3, 4);
void stream_end(struct stream *);               /* closed() follows, without a fault */
void stream_later(struct stream *);
void stream_close_pipe(struct stream *);        /* the end it writes to */
void stream_send_last(struct stream *);         /* what the socket takes at once, before it is closed */
void stream_read_now(struct stream *);
void stream_resume(struct stream *);
void stream_shake(struct stream *);
void stream_connected(struct stream *);
void stream_enter(struct stream *);
void stream_leave(struct stream *);
void dial_destroy(struct stream *);
void dial_ready(struct stream *);               /* the connecting socket became writable */

#define IO_OK 0
#define IO_AGAIN 1
#define IO_EOF 2
#define IO_FAULT 3                              /* stream_fail was called */

/* --- TLS ------------------------------------------------------------------------------------- */
struct tls_session *tls_session_create(struct stream *, const struct tls_context *or_null, bool server,
                                       struct trb_slice server_name, struct trb_slice alpn);
struct tls_session *tls_session_destroy(struct tls_session *);
int tls_shake(struct stream *);
int tls_read(struct stream *, char *to, size_t room, size_t *ret_got);
bool tls_has_pending(const struct stream *);
/* Moves plain bytes into stream->out as records, while that is not full. */
int tls_push(struct stream *);
void tls_say_goodbye(struct stream *);          /* close_notify */
struct chain *tls_plain(struct stream *);
struct trb_slice tls_alpn(const struct stream *);
struct trb_slice tls_identity(const struct stream *);

#endif
