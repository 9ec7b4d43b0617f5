/* tls_session: one stream's TLS. OpenSSL reads the socket through a BIO of ours and writes records
 * straight into the stream's queue, so a turn's records leave in one writev as well. */
#include <net/stream_private.h>
#include <net/tls_private.h>

#include <arpa/inet.h>
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct tls_session {
    SSL *ssl;
    struct tls_context *context;
    struct chain plain;             /* not yet records */
    char *name, *identity;
};

static BIO_METHOD *method;

static int on_read(BIO *bio, char *to, size_t room, size_t *ret_got)
{
    struct stream *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got = s->fd < 0 ? 0 : recv(s->fd, to, room, 0);
    if (got > 0) {
        *ret_got = (size_t)got;
        return 1;
    }
    *ret_got = 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    else if (got == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return 0;
}

static int on_write(BIO *bio, const char *from, size_t len, size_t *ret_taken)
{
    struct stream *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    chain_add(&s->out, slice_from(from, len));
    *ret_taken = len;
    return 1;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    if (command == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static int on_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    BIO_meth_set_read_ex(method, on_read);
    BIO_meth_set_write_ex(method, on_write);
    BIO_meth_set_ctrl(method, on_control);
    BIO_meth_set_create(method, on_create);
}

static BIO *bio_for(struct stream *s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *bio = BIO_new(method);
    BIO_set_data(bio, s);
    return bio;
}

static bool is_literal(const char *name)
{
    char any[16];
    return inet_pton(AF_INET, name, any) == 1 || inet_pton(AF_INET6, name, any) == 1;
}

static void set_client(struct tls_session *t, struct trb_slice name, struct trb_slice alpn)
{
    t->name = mem_text(name.at, name.len);
    bool is_address = is_literal(t->name);
    if (!is_address)
        SSL_set_tlsext_host_name(t->ssl, t->name);
    if (t->context->verify_peer && is_address)
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), t->name);
    else if (t->context->verify_peer)
        SSL_set1_host(t->ssl, t->name);
    if (!alpn.len)
        return;
    unsigned len;
    uint8_t *wire = tls_alpn_wire(alpn, &len);
    SSL_set_alpn_protos(t->ssl, wire, len);
    mem_free(wire);
}

struct tls_session *tls_session_create(struct stream *s, const struct tls_context *context, bool server,
                                       struct trb_slice server_name, struct trb_slice alpn)
{
    struct tls_session *t = mem_zero(sizeof *t);
    t->context = tls_context_ref((struct tls_context *)(context ? context : tls_context_trusting()));
    t->ssl = SSL_new(t->context->ssl);
    check(t->ssl);
    BIO *bio = bio_for(s);
    SSL_set_bio(t->ssl, bio, bio);
    if (server)
        SSL_set_accept_state(t->ssl);
    else {
        SSL_set_connect_state(t->ssl);
        set_client(t, server_name, alpn);
    }
    return t;
}

struct tls_session *tls_session_destroy(struct tls_session *t)
{
    if (!t)
        return NULL;
    chain_drop(&t->plain, t->plain.len);
    SSL_free(t->ssl);
    tls_context_unref(t->context);
    mem_free(t->name);
    mem_free(t->identity);
    mem_free(t);
    return NULL;
}

/* What a refused certificate is called. */
static void fail_verify(struct stream *s, long verdict)
{
    const char *name = s->tls->name ? s->tls->name : "";
    switch (verdict) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        stream_fail(s, TRB_UNAVAILABLE,
                    "tls: failed to verify certificate: x509: certificate signed by unknown authority");
        return;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        stream_fail(s, TRB_UNAVAILABLE,
                    "tls: failed to verify certificate: x509: certificate is not valid for %s", name);
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        stream_fail(s, TRB_UNAVAILABLE, "tls: failed to verify certificate: x509: certificate has expired "
                                        "or is not yet valid");
        return;
    default:
        stream_fail(s, TRB_UNAVAILABLE, "tls: failed to verify certificate: x509: %s",
                    X509_verify_cert_error_string(verdict));
    }
}

/* The alert that OpenSSL has queued leaves before the socket is closed. */
static int blame(struct stream *s)
{
    stream_send_last(s);
    long verdict = SSL_get_verify_result(s->tls->ssl);
    if (s->state == STREAM_SHAKING && verdict != X509_V_OK)
        fail_verify(s, verdict);
    else if (s->state == STREAM_SHAKING && !ERR_peek_error())
        stream_fail(s, TRB_UNAVAILABLE, "tls: the other side ended the connection during the handshake; does it speak TLS?");
    else
        stream_fail(s, TRB_UNAVAILABLE, "tls: %s", tls_fault());
    ERR_clear_error();
    return IO_FAULT;
}

/* What OpenSSL said, in our words. */
static int outcome(struct stream *s, int result)
{
    if (result > 0)
        return IO_OK;
    switch (SSL_get_error(s->tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return IO_EOF;
    default:
        return blame(s);
    }
}

int tls_shake(struct stream *s)
{
    ERR_clear_error();
    int result = outcome(s, SSL_do_handshake(s->tls->ssl));
    if (result == IO_EOF) {
        stream_fail(s, TRB_UNAVAILABLE, "EOF");
        return IO_FAULT;
    }
    return result;
}

int tls_read(struct stream *s, char *to, size_t room, size_t *ret_got)
{
    ERR_clear_error();
    size_t got = 0;
    int result = outcome(s, SSL_read_ex(s->tls->ssl, to, room, &got));
    *ret_got = got;
    return result;
}

bool tls_has_pending(const struct stream *s)
{
    return SSL_has_pending(s->tls->ssl) != 0;
}

int tls_push(struct stream *s)
{
    struct chain *plain = &s->tls->plain;
    while (s->state == STREAM_OPEN && plain->len && s->out.len < STREAM_HIGH) {
        struct iovec piece;
        if (!chain_pieces(plain, &piece, 1))
            break;
        ERR_clear_error();
        size_t taken = 0;
        int result = outcome(s, SSL_write_ex(s->tls->ssl, piece.iov_base, piece.iov_len, &taken));
        if (result != IO_OK)
            return result;
        chain_drop(plain, taken);
    }
    return IO_OK;
}

void tls_say_goodbye(struct stream *s)
{
    ERR_clear_error();
    (void)SSL_shutdown(s->tls->ssl);
    ERR_clear_error();
}

struct chain *tls_plain(struct stream *s)
{
    return &s->tls->plain;
}

struct trb_slice tls_alpn(const struct stream *s)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(s->tls->ssl, &name, &len);
    return name ? slice_from((const char *)name, len) : (struct trb_slice){0};
}

static char *find_identity(X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    char *identity = NULL;
    for (int i = 0; names && !identity && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_URI)
            continue;
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        struct trb_slice text = slice_from((const char *)ASN1_STRING_get0_data(uri),
                                           (size_t)ASN1_STRING_length(uri));
        if (slice_starts(text, SLICE("spiffe://")) && !memchr(text.at, 0, text.len))
            identity = mem_text(text.at, text.len);
    }
    GENERAL_NAMES_free(names);
    return identity;
}

/* Only of a certificate that was verified. */
struct trb_slice tls_identity(const struct stream *s)
{
    struct tls_session *t = s->tls;
    if (!t->identity && t->context->verify_peer && SSL_get_verify_result(t->ssl) == X509_V_OK) {
        X509 *certificate = SSL_get0_peer_certificate(t->ssl);
        if (certificate)
            t->identity = find_identity(certificate);
    }
    return slice_of(t->identity);
}
