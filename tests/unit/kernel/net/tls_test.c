/* Streams with TLS over loopback: bytes, names, identities, and who is turned away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/tls_session.c"
#include <base/error.h>
#include <openssl/pem.h>
#include <stdlib.h>

#define LIMIT_NS 20000000000ull
#define LOAD 300000u

struct pem {
    char *certificate, *key;
};

static char *text_of(BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    char *text = mem_text(at, (size_t)len);
    BIO_free(bio);
    return text;
}

/* A certificate that signs itself. */
static struct pem make_certificate(const char *names)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    X509_sign(x, key, EVP_sha256());
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(c, x);
    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
    X509_free(x);
    EVP_PKEY_free(key);
    return (struct pem){text_of(c), text_of(k)};
}

struct side {
    struct stream *stream;
    size_t got;
    bool connected, eof, closed;
    char fault[256], identity[128], alpn[16];
};

struct scene {
    struct loop *loop;
    int fd;
    struct watch watch;
    struct timer limit;
    struct side client, server;
    struct tls_context *client_context, *server_context;
    struct pem pem;
    bool answers_with_load;
};
static struct scene *scene;

static void send_load(struct stream *s)
{
    char *load = malloc(LOAD);
    for (uint32_t i = 0; i < LOAD; i++)
        load[i] = (char)(i * 7);
    stream_write(s, slice_from(load, LOAD));
    free(load);
}

static void check_bytes(struct side *side)
{
    struct trb_slice bytes = stream_bytes(side->stream);
    for (size_t i = 0; i < bytes.len; i++)
        assert_int_equal((uint8_t)bytes.at[i], (uint8_t)((side->got + i) * 7));
    side->got += bytes.len;
    stream_consume(side->stream, bytes.len);
}

static void on_connected(void *arg)
{
    struct side *side = arg;
    side->connected = true;
    struct trb_slice alpn = stream_alpn(side->stream);
    memcpy(side->alpn, alpn.at ? alpn.at : "", alpn.len);
    send_load(side->stream);
}

static void on_client_readable(void *arg)
{
    check_bytes(arg);
    if (scene->client.got == LOAD)
        stream_shutdown(scene->client.stream);
}

static void on_server_readable(void *arg)
{
    struct side *side = arg;
    struct trb_slice id = stream_peer_identity(side->stream);
    memcpy(side->identity, id.at ? id.at : "", id.len);
    check_bytes(side);
    if (side->got == LOAD)
        send_load(side->stream);
}

static void on_eof(void *arg)
{
    struct side *side = arg;
    side->eof = true;
    if (side == &scene->server)
        stream_close_after_flush(side->stream);
    else
        loop_stop(scene->loop);
}

static void on_closed(void *arg, const struct trb_error *err)
{
    struct side *side = arg;
    side->closed = true;
    if (err)
        memcpy(side->fault, err->message, sizeof side->fault - 1);
    if (side == &scene->client)
        loop_stop(scene->loop);
}

static const struct stream_events client_events = {on_connected, on_client_readable, NULL, on_eof, on_closed};
static const struct stream_events server_events = {NULL, on_server_readable, NULL, on_eof, on_closed};

static void on_arrival(void *arg, uint32_t what)
{
    int fd = accept4(scene->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd >= 0)
        scene->server.stream =
            stream_accept(scene->loop, fd, scene->server_context, &server_events, &scene->server);
}

static void on_limit(void *arg)
{
    fail_msg("stuck: client has %zu, server %zu", scene->client.got, scene->server.got);
}

static int prepare(void **state)
{
    scene = mem_zero(sizeof *scene);
    scene->loop = loop_create(0, NULL);
    scene->pem = make_certificate("DNS:localhost,IP:127.0.0.1,URI:spiffe://public/ns/default/app");
    assert_int_equal(socket_listen(SLICE("127.0.0.1"), 0, &scene->fd, NULL), 0);
    assert_int_equal(watch_set(scene->loop, &scene->watch, scene->fd, LOOP_READ, on_arrival, NULL, NULL), 0);
    timer_after(scene->loop, &scene->limit, LIMIT_NS, on_limit, NULL);
    return 0;
}

static int clean_up(void **state)
{
    stream_destroy(scene->client.stream);
    stream_destroy(scene->server.stream);
    tls_context_unref(scene->client_context);
    tls_context_unref(scene->server_context);
    watch_end(&scene->watch);
    timer_end(&scene->limit);
    close(scene->fd);
    mem_free(scene->pem.certificate);
    mem_free(scene->pem.key);
    loop_destroy(scene->loop);
    mem_free(scene);
    return 0;
}

static struct tls_setup setup(bool server, bool has_certificate, bool verifies)
{
    struct trb_slice certificate = slice_of(scene->pem.certificate);
    return (struct tls_setup){.server = server,
                              .certificate_pem = has_certificate ? certificate : (struct trb_slice){0},
                              .key_pem = has_certificate ? slice_of(scene->pem.key) : (struct trb_slice){0},
                              .ca_pem = verifies ? certificate : (struct trb_slice){0},
                              .verify_peer = verifies,
                              .require_peer = verifies,
                              .alpn = server ? SLICE("h2, http/1.1") : (struct trb_slice){0}};
}

static void serve(struct tls_setup how)
{
    assert_int_equal(tls_context_create(&how, &scene->server_context, NULL), TRB_OK);
}

static void connect_with(const struct tls_setup *how, const char *name, const char *alpn)
{
    if (how)
        assert_int_equal(tls_context_create(how, &scene->client_context, NULL), TRB_OK);
    struct stream_target target = {.host = SLICE("127.0.0.1"), .port = socket_port(scene->fd), .tls = true,
                                   .tls_context = scene->client_context, .server_name = slice_of(name),
                                   .alpn = slice_of(alpn), .connect_timeout_ns = 10000000000ull};
    scene->client.stream = stream_connect(scene->loop, &target, &client_events, &scene->client);
    loop_run(scene->loop);
}

static void carries_bytes_both_ways(void **state)
{
    serve(setup(true, true, false));
    connect_with(NULL, NULL, "http/1.1");
    assert_string_equal(scene->client.fault, "");
    assert_int_equal(scene->client.got, LOAD);
    assert_int_equal(scene->server.got, LOAD);
    assert_string_equal(scene->client.alpn, "http/1.1");
    assert_true(scene->server.eof);
}

static void the_server_prefers_its_first_protocol(void **state)
{
    serve(setup(true, true, false));
    connect_with(NULL, NULL, "http/1.1,h2");
    assert_string_equal(scene->client.alpn, "h2");
}

static void verifies_and_tells_the_identity(void **state)
{
    struct tls_setup how = setup(false, true, true);
    serve(setup(true, true, true));
    connect_with(&how, "localhost", NULL);
    assert_string_equal(scene->client.fault, "");
    assert_string_equal(scene->server.identity, "spiffe://public/ns/default/app");
    assert_true(slice_is(stream_peer_identity(scene->client.stream), SLICE("spiffe://public/ns/default/app")));
}

static void an_address_is_verified_as_one(void **state)
{
    struct tls_setup how = setup(false, false, true);
    serve(setup(true, true, false));
    connect_with(&how, NULL, NULL);
    assert_string_equal(scene->client.fault, "");
}

static void refuses_a_strange_authority(void **state)
{
    struct pem other = make_certificate("DNS:localhost");
    struct tls_setup how = setup(false, false, true);
    how.ca_pem = slice_of(other.certificate);
    serve(setup(true, true, false));
    connect_with(&how, "localhost", NULL);
    assert_string_equal(scene->client.fault,
                        "tls: failed to verify certificate: x509: certificate signed by unknown authority");
    assert_false(scene->client.connected);
    mem_free(other.certificate);
    mem_free(other.key);
}

static void refuses_a_wrong_name(void **state)
{
    struct tls_setup how = setup(false, false, true);
    serve(setup(true, true, false));
    connect_with(&how, "elsewhere", NULL);
    assert_string_equal(scene->client.fault,
                        "tls: failed to verify certificate: x509: certificate is not valid for elsewhere");
}

static void a_client_without_certificate_is_turned_away(void **state)
{
    serve(setup(true, true, true));
    connect_with(NULL, NULL, NULL);
    assert_int_equal(scene->server.got, 0);
    assert_true(scene->client.closed || scene->client.eof);
}

static void a_bad_key_is_refused_with_a_sentence(void **state)
{
    struct tls_setup how = setup(true, true, false);
    struct tls_context *context = NULL;
    struct trb_error err = ERROR_INIT;
    how.key_pem = SLICE("no key");
    assert_int_equal(tls_context_create(&how, &context, &err), TRB_INVALID);
    assert_null(context);
    assert_true(slice_starts(slice_of(err.message), SLICE("tls: private key: ")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, prepare, clean_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_bytes_both_ways),
        TEST(the_server_prefers_its_first_protocol),
        TEST(verifies_and_tells_the_identity),
        TEST(an_address_is_verified_as_one),
        TEST(refuses_a_strange_authority),
        TEST(refuses_a_wrong_name),
        TEST(a_client_without_certificate_is_turned_away),
        TEST(a_bad_key_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
