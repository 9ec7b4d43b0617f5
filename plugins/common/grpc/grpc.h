/* grpc: calls to a gRPC server, many at once over one HTTP/2 connection per loop: unary ones, and streams. [loop]
 *
 * A channel knows one or more endpoints and is connected to one of them. When the connection breaks, the next
 * endpoint is dialled at once; what is asked meanwhile waits until every endpoint has been tried. Then askers are
 * told why without waiting, and attempts go on with growing pauses. A server that says goodbye finishes what it has
 * while new calls go over a new connection; so does one of several that answers UNAVAILABLE. Nothing is repeated but
 * what a server has refused unread. */
#ifndef GRPC_GRPC_H
#define GRPC_GRPC_H

#include <base/text.h>
#include <stdbool.h>
#include <trilby/plugin.h>

#define GRPC_MAX_ENDPOINTS 32u

struct grpc_endpoint {
    char host[256];                             /* name, address, or unix:/path */
    char text[272];                             /* as errors name it, and :authority */
    uint32_t port;
};

struct grpc_config {                            /* outlives the channel */
    const char *product;                        /* begins our sentences: "etcd" */
    struct grpc_endpoint endpoints[GRPC_MAX_ENDPOINTS];
    uint32_t endpoint_count;
    uint32_t tls, skip_verify;
    const char *ca_pem, *cert_pem, *key_pem;    /* NULL: the system's, none, none */
    int64_t connect_timeout_ns;
    size_t max_reply;                           /* the largest message that is taken */
    const char *metadata_name, *metadata_value; /* beside every call; NULL: none */
    uint32_t is_patient;                        /* 1: a server that says nothing is slow, never dead */
};

/* host, host:port, [v6]:port, unix:/path, each with or without http:// or https://, which asks for TLS. The sentence
 * names the option. */
trb_code grpc_config_add(struct grpc_config *, const char *option, struct trb_slice endpoint, uint32_t default_port,
                         struct trb_error *err);

/* The status that the server itself has said, as it said it. */
struct grpc_said {
    trb_code code;
    struct trb_slice text, details;             /* details: a google.rpc.Status, or empty */
};

/* Who waits for an answer: a message, or err. Told once; copied where it is kept; the members are the asker's. */
struct grpc_wish {
    uint32_t greets;                            /* goes out before grpc_greeted */
    const struct grpc_said *said;               /* when told: NULL when the server said nothing */
    void (*answered)(struct grpc_wish *, struct trb_slice message, const struct trb_error *err);
    void *self, *call;
    const void *question;
    uint32_t index, tries;
    int64_t number;
};

struct grpc;

struct grpc_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct grpc_config *config;
    void *arg;
    void (*up)(void *arg);                      /* connected, also again */
    uint32_t greets;                            /* 1: after up only what greets goes out, until grpc_greeted */
    /* Every endpoint has failed (the last one so); who waited has been told. The channel goes on by itself;
     * destroying it here is fine. */
    void (*down)(void *arg, const struct trb_error *);
};

struct grpc *grpc_create(const struct grpc_setup *);        /* begins to dial */
struct grpc *grpc_destroy(struct grpc *);                   /* returns NULL; NULL is welcome; who waits is told */
void grpc_forget(struct grpc *);                            /* inside stop, before destroy: the host has its streams back */

/* A message to be sent: begins with room for its head, the fields are added behind it. */
static inline void grpc_message_begin(struct text *t)
{
    text_add(t, (struct trb_slice){"\0\0\0\0", 5});
}
/* path: "/package.Service/Method", for good. The message is the channel's then, and t empty again. */
/* timeout_ns 0: none. */
void grpc_ask(struct grpc *, const struct grpc_wish *, const char *path, struct text *message, int64_t timeout_ns);
void grpc_greeted(struct grpc *);
/* The call with this wish.call is given up: the server hears it, nobody is told. false: there is none. */
bool grpc_cancel(struct grpc *, const void *call);

#define GRPC_NO_DEADLINE UINT64_MAX

/* A call in which both sides send messages while it lasts. Nothing of it is repeated. */
struct grpc_call;
struct grpc_stream_events {
    void (*message)(void *arg, struct trb_slice);               /* borrowed; the stream may be paused or ended here */
    /* Last, and the stream is gone; NULL: with status OK. What has come before a status is told first. */
    void (*ended)(void *arg, const struct trb_error *);
};
/* events outlive the stream. May end before this returns: told later then, never inside. */
struct grpc_call *grpc_open(struct grpc *, const char *path, const struct grpc_stream_events *, void *arg);
void grpc_send(struct grpc_call *, struct text *message);       /* as in grpc_ask; sent in order */
void grpc_finish(struct grpc_call *);                           /* we send nothing more */
void grpc_pause(struct grpc_call *, bool is_paused);            /* while paused no message is told, and the server waits */
void grpc_end(struct grpc_call *);                              /* cancelled; nobody is told, and the stream is gone */

#endif
