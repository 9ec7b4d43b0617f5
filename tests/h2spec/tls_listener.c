/* tls_listener: HTTP/2 over TLS (ALPN "h2") without client certificates, for h2spec: our listener, our codec, and a
 * short answer to every request once it has come whole. Prints its port, ends with its standard input. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/listener.h>
#include <net/tls.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

static struct listener *listener;
static struct watch input;

/* --- a certificate that signs itself -------------------------------------------------------- */
static X509 *certificate_of(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"h2spec", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    check(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static struct trb_slice bytes_of(BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    return slice_from(at, (size_t)len);
}

static struct tls_context *make_context(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate_of(key);
    BIO *certificate_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    struct tls_context *context;
    PEM_write_bio_X509(certificate_pem, x);
    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);
    struct tls_setup setup = {.server = true, .certificate_pem = bytes_of(certificate_pem), .key_pem = bytes_of(key_pem),
                              .alpn = SLICE("h2")};
    check(tls_context_create(&setup, &context, NULL) == TRB_OK);
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    X509_free(x);
    EVP_PKEY_free(key);
    return context;
}

/* --- answers -------------------------------------------------------------------------------- */
static void on_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct http_head head = {.status = 200};
    struct trb_slice body = SLICE("an answer long enough for windows of a few bytes");
    exchange_reply(x, &head, (struct trb_data){body.at, body.len, NULL});
    x->ops->release(x);
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    x->ops->release(x);
}

static const struct exchange_events events = {on_data, on_end, on_room, on_gone};

static void on_request(void *arg, struct exchange *x)
{
    x->events = &events;
}

/* --- its life ------------------------------------------------------------------------------- */
static void on_closed(void *arg)
{
    loop_stop(loop_at(0));
}

static void on_input(void *arg, uint32_t what)
{
    char unused[64];
    if (read(STDIN_FILENO, unused, sizeof unused) > 0)
        return;
    watch_end(&input);
    listener_close(listener, on_closed, NULL);
}

int main(void)
{
    struct http_server_setup setup = {.on_request = on_request, .max_head = 1 << 20, .head_timeout_ns = 10000000000ull,
                                      .http2 = true, .http2_max_header_list = 4 << 20};
    struct trb_error err = ERROR_INIT;
    struct loop *loop = loop_create(0, &err);
    check(loop);
    loop_set_all(&loop, 1);
    struct tls_context *context = make_context();
    if (listener_open(SLICE("127.0.0.1"), 0, &setup, context, &listener, &err) ||
        watch_set(loop, &input, STDIN_FILENO, LOOP_READ, on_input, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    printf("%u\n", listener_port(listener));
    fflush(stdout);
    loop_run(loop);
    tls_context_unref(context);
    loop_destroy(loop);
    return 0;
}
