/* tls: OpenSSL contexts. Only this folder knows OpenSSL's TLS; streams speak it through a BIO of ours
 * on their own buffers, released when idle. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <trilby/types.h>

struct tls_context;                                         /* immutable after creation, counted, [any] */

struct tls_setup {
    bool server;
    struct trb_slice certificate_pem, key_pem;              /* absent: none */
    struct trb_slice ca_pem;                                /* absent: the system's */
    bool verify_peer;                                       /* client: the server's; server: asks for a certificate */
    bool require_peer;                                      /* server: refuse without one */
    struct trb_slice alpn;                                  /* "h2,http/1.1": in order of preference */
};

trb_code tls_context_create(const struct tls_setup *, struct tls_context **ret_context, struct trb_error *err);
struct tls_context *tls_context_ref(struct tls_context *);
struct tls_context *tls_context_unref(struct tls_context *);

#endif
