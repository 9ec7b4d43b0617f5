/* tls_private: what tls.c and tls_session.c share. Only these two know OpenSSL. */
#ifndef NET_TLS_PRIVATE_H
#define NET_TLS_PRIVATE_H

#include <net/tls.h>
#include <openssl/ssl.h>
#include <stdatomic.h>

struct tls_context {
    atomic_uint refs;
    SSL_CTX *ssl;
    bool server, verify_peer;
    uint8_t *alpn;                  /* wire form: length, name, … */
    unsigned alpn_len;
};

/* What a client without a context uses: any certificate will do. Made once. */
const struct tls_context *tls_context_trusting(void);
/* "h2,http/1.1" in wire form; given. */
uint8_t *tls_alpn_wire(struct trb_slice list, unsigned *ret_len);
/* The oldest entry of OpenSSL's queue as a sentence; the queue is empty afterwards. */
const char *tls_fault(void);

#endif
