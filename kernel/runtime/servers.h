/* servers: the ports: HTTP and gRPC API, public, peers, metrics; their doors, and opening and closing
 * them in the contract's order. [main loop] */
#ifndef RUNTIME_SERVERS_H
#define RUNTIME_SERVERS_H

#include <loop/loop.h>
#include <net/listener.h>
#include <request/door.h>
#include <request/door_grpc.h>
#include <request/door_http.h>
#include <stdbool.h>

struct runtime;

#define MOST_LISTENERS 16u

struct api_rules {                         /* spec.api, by protocol */
    struct arena *arena;
    struct api_rule *http_allowed, *http_denied, *grpc_allowed, *grpc_denied;
    uint32_t http_allowed_count, http_denied_count, grpc_allowed_count, grpc_denied_count;
};

struct servers;
struct open_port {
    struct listener *listener;             /* NULL: closed, or being closed */
    struct servers *all;
    bool is_drained;
};

struct server {                            /* one kind of port on one or more addresses */
    const char *what;                      /* "HTTP server" */
    struct http_server_setup setup;
    struct trb_slice addresses[MOST_LISTENERS];
    uint32_t address_count;
    uint16_t port;
    struct open_port ports[MOST_LISTENERS];
    uint32_t count;
};

struct servers {
    struct api_rules rules;
    struct door_http *http_door, *public_door;
    struct door_grpc *grpc_door, *peer_door;
    struct server http, grpc, peer, public_, metrics;
    struct trb_metric *request_bytes, *response_bytes;
    struct timer again;
    uint32_t tries;
    void (*opened)(struct runtime *);
    /* Ending. */
    struct timer cap;
    uint32_t owed;
    void (*done)(void *arg);
    void *done_arg;
};

/* Metrics, and the port for peers: from the first moment on. */
trb_code servers_reserve(struct runtime *, struct trb_error *err);
void servers_prepare(struct runtime *);    /* the doors, which blocks_publish fills */
/* Which calls are there and which are logged, as rt->rules has it now; their texts must live until the next call. */
void servers_take_rules(struct runtime *);
/* Everything else; a port in use is tried again for ten seconds. opened is called once, or the runtime fails. */
void servers_open(struct runtime *, void (*opened)(struct runtime *));
void servers_drain(struct runtime *, void (*done)(void *arg), void *arg);  /* all but the metrics */
void servers_close(struct runtime *, void (*done)(void *arg), void *arg);  /* cuts what is left, all of them */
void servers_release(struct runtime *);    /* the doors; when no request is left */

struct http_server_setup metrics_server_setup(struct runtime *);

/* What the doors tell about every request. */
void api_metrics_fill(struct runtime *, struct door_setup *, bool is_grpc);

#endif
