/* conn: one HTTP/2 connection to one endpoint: dialling ──► greeting (until the server's settings) ──► up ──► leaving
 * (it said goodbye; what runs goes on) ──► gone. [loop] */
#ifndef GRPC_CONN_H
#define GRPC_CONN_H

#include <grpc/call.h>

struct conn;

struct conn_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct grpc_config *config;
    const struct grpc_endpoint *endpoint;
    void *arg;
    void (*up)(void *arg, struct conn *);
    void (*finished)(void *arg, struct conn *, struct grpc_call *);     /* given; conn_is_idle may be true now */
    void (*arrived)(void *arg, struct conn *, struct grpc_call *);      /* something has come for a stream */
    void (*leaving)(void *arg, struct conn *);                          /* takes no new calls */
    /* The end; conn_take gives what was running, and the connection is still to be destroyed. */
    void (*gone)(void *arg, struct conn *, const struct trb_error *);
};
/* Each of them may destroy the connection. */

struct conn *conn_create(const struct conn_setup *);        /* begins to dial */
struct conn *conn_destroy(struct conn *);                   /* returns NULL; nothing may run any more */
void conn_forget(struct conn *);                            /* the host has its stream back */
bool conn_start(struct conn *, struct grpc_call *);         /* false: it takes no more, and stays the caller's */
void conn_cancel(struct conn *, struct grpc_call *);        /* the call is the caller's again; leaves with conn_flush */
void conn_send(struct conn *, struct grpc_call *);          /* a stream has more to send, or has finished */
void conn_consumed(struct conn *, struct grpc_call *);      /* what a stream has been sent is taken: more may come */
void conn_flush(struct conn *);
void conn_flush_later(struct conn *);                       /* at once, or at the end of what is going on */
struct grpc_call *conn_take(struct conn *);                 /* any one that runs, or NULL */
struct list *conn_running(struct conn *);                   /* to look at */
bool conn_is_up(const struct conn *);
bool conn_was_up(const struct conn *);
bool conn_is_idle(const struct conn *);
uint64_t conn_heard_ns(const struct conn *);                /* when bytes last came */
void conn_part(struct conn *);                              /* takes no new calls, as after a goodbye; nobody is told */
uint64_t conn_up_ns(const struct conn *);                   /* since when it is up */
void conn_lose(struct conn *, const char *reason, const char *sentence);
const struct grpc_endpoint *conn_endpoint(const struct conn *);

#endif
