/* tls: contexts. See tls.h. */
#include <net/tls_private.h>

#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <string.h>

const char *tls_fault(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "unknown fault";
}

uint8_t *tls_alpn_wire(struct trb_slice list, unsigned *ret_len)
{
    uint8_t *wire = mem_alloc(list.len + 2);
    unsigned len = 0;
    while (list.at) {
        struct trb_slice name = slice_trim(slice_split(&list, ','));
        if (!name.len || name.len > 255)
            continue;
        wire[len++] = (uint8_t)name.len;
        memcpy(wire + len, name.at, name.len);
        len += (unsigned)name.len;
    }
    *ret_len = len;
    return wire;
}

/* The first of ours that the client offers. */
static int on_alpn(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_len,
                   const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct tls_context *context = arg;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, ret_len, context->alpn, context->alpn_len, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static BIO *reader(struct trb_slice pem)
{
    return BIO_new_mem_buf(pem.at, (int)pem.len);
}

static bool use_certificate(SSL_CTX *ssl, struct trb_slice pem)
{
    BIO *bio = reader(pem);
    X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL), *next;
    bool is_good = leaf && SSL_CTX_use_certificate(ssl, leaf) == 1;
    while (is_good && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        is_good = SSL_CTX_add0_chain_cert(ssl, next) == 1;
    X509_free(leaf);
    BIO_free(bio);
    if (is_good)
        ERR_clear_error();          /* the end of the file is noted as one */
    return is_good;
}

static bool use_key(SSL_CTX *ssl, struct trb_slice pem)
{
    BIO *bio = reader(pem);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    bool is_good = key && SSL_CTX_use_PrivateKey(ssl, key) == 1 && SSL_CTX_check_private_key(ssl) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_good;
}

static bool use_authorities(SSL_CTX *ssl, struct trb_slice pem)
{
    if (!pem.at)
        return SSL_CTX_set_default_verify_paths(ssl) == 1;
    BIO *bio = reader(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ssl);
    X509 *authority;
    int count = 0;
    while ((authority = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        count += X509_STORE_add_cert(store, authority) == 1;
        X509_free(authority);
    }
    BIO_free(bio);
    ERR_clear_error();
    return count > 0;
}

static trb_code fill(struct tls_context *c, const struct tls_setup *setup, struct trb_error *err)
{
    if (setup->certificate_pem.at && !use_certificate(c->ssl, setup->certificate_pem))
        return error_set(err, TRB_INVALID, "TLS_CERTIFICATE", "tls: certificate: %s", tls_fault());
    if (setup->key_pem.at && !use_key(c->ssl, setup->key_pem))
        return error_set(err, TRB_INVALID, "TLS_KEY", "tls: private key: %s", tls_fault());
    if (setup->verify_peer && !use_authorities(c->ssl, setup->ca_pem))
        return error_set(err, TRB_INVALID, "TLS_AUTHORITIES", "tls: no certificate authority in the CA text");
    int mode = setup->verify_peer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
    if (setup->server && setup->require_peer)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(c->ssl, mode, NULL);
    if (!setup->alpn.len)
        return TRB_OK;
    c->alpn = tls_alpn_wire(setup->alpn, &c->alpn_len);
    if (setup->server)
        SSL_CTX_set_alpn_select_cb(c->ssl, on_alpn, c);
    else
        SSL_CTX_set_alpn_protos(c->ssl, c->alpn, c->alpn_len);
    return TRB_OK;
}

static SSL_CTX *make(bool server)
{
    SSL_CTX *ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ssl)
        return NULL;
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_read_ahead(ssl, 1);
    SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"trilby", 6);
    return ssl;
}

trb_code tls_context_create(const struct tls_setup *setup, struct tls_context **ret_context,
                            struct trb_error *err)
{
    struct tls_context *c = mem_zero(sizeof *c);
    atomic_init(&c->refs, 1);
    c->server = setup->server;
    c->verify_peer = setup->verify_peer;
    c->ssl = make(setup->server);
    trb_code code = c->ssl ? fill(c, setup, err)
                           : error_set(err, TRB_INTERNAL, "TLS", "tls: %s", tls_fault());
    if (code)
        tls_context_unref(c);
    else
        *ret_context = c;
    return code;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

struct tls_context *tls_context_unref(struct tls_context *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    SSL_CTX_free(c->ssl);
    mem_free(c->alpn);
    mem_free(c);
    return NULL;
}

static struct tls_context *trusting;

static void make_trusting(void)
{
    struct tls_setup setup = {.server = false};
    (void)tls_context_create(&setup, &trusting, NULL);
}

const struct tls_context *tls_context_trusting(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_trusting);
    return trusting;
}
