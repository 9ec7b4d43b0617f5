/* grpc: unary calls to a gRPC server, many at once over one HTTP/2 connection per loop. [loop]
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
};

/* host, host:port, [v6]:port, unix:/path, each with or without http:// or https://, which asks for TLS. The sentence
 * names the option. */
trb_code grpc_config_add(struct grpc_config *, const char *option, struct trb_slice endpoint, uint32_t default_port,
                         struct trb_error *err);

/* Who waits for an answer: a message, or err. Told once; copied where it is kept; the members are the asker's. */
struct grpc_wish {
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
void grpc_ask(struct grpc *, const struct grpc_wish *, const char *path, struct text *message, int64_t timeout_ns);

#endif
