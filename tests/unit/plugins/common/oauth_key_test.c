/* oauth_key: keys in every form that clouds hand out, and assertions that others can verify. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <oauth/oauth.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static EVP_PKEY *key;
static X509 *certificate;
static struct text key_pem, both_pem, pkcs12;

static void add_bio(struct text *t, BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    text_add(t, slice_from(at, (size_t)len));
    BIO_free(bio);
}

static int make_key(void **state)
{
    key = EVP_RSA_gen(2048);
    certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    add_bio(&key_pem, bio);
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    PEM_write_bio_PrivateKey(bio, key, EVP_aes_256_cbc(), (const unsigned char *)"pw", 2, NULL, NULL);
    add_bio(&both_pem, bio);
    PKCS12 *p = PKCS12_create("pw", "name", key, certificate, NULL, 0, 0, 0, 0, 0);
    bio = BIO_new(BIO_s_mem());
    i2d_PKCS12_bio(bio, p);
    add_bio(&pkcs12, bio);
    PKCS12_free(p);
    return 0;
}

static int free_key(void **state)
{
    EVP_PKEY_free(key);
    X509_free(certificate);
    text_fini(&key_pem);
    text_fini(&both_pem);
    text_fini(&pkcs12);
    return 0;
}

static struct trb_slice plain(struct trb_slice coded, char *room)
{
    char *copy = mem_text(coded.at, coded.len);
    size_t len = 0;
    for (size_t n = 0; n < coded.len; n++)
        copy[n] = (char)(copy[n] == '-' ? '+' : copy[n] == '_' ? '/' : copy[n]);
    assert_true(base64_decode(slice_from(copy, coded.len), true, room, &len, NULL));
    mem_free(copy);
    return slice_from(room, len);
}

static void expect_assertion(const struct oauth_key *k)
{
    struct text assertion = {0};
    char room[3][512];
    assert_true(oauth_assert(k, SLICE("{\"alg\":\"RS256\"}"), SLICE("{\"iss\":\"\xc3\xbc?>\"}"), &assertion));
    struct trb_slice rest = text_slice(&assertion), header = slice_split(&rest, '.'), claims = slice_split(&rest, '.');
    assert_true(slice_is(plain(header, room[0]), SLICE("{\"alg\":\"RS256\"}")));
    assert_true(slice_is(plain(claims, room[1]), SLICE("{\"iss\":\"\xc3\xbc?>\"}")));
    struct trb_slice signature = plain(rest, room[2]);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, (const unsigned char *)signature.at, signature.len, (const unsigned char *)assertion.at,
                                      (size_t)(rest.at - 1 - assertion.at)), 1);
    EVP_MD_CTX_free(ctx);
    text_fini(&assertion);
}

static void every_form_of_a_key_signs(void **state)
{
    struct trb_error err = {.size = sizeof err};
    char *coded = mem_alloc(base64_encoded_len(pkcs12.len, true) + 1);
    struct trb_slice text = {coded, base64_encode(text_slice(&pkcs12), true, coded)};
    struct trb_slice forms[] = {text_slice(&key_pem), text_slice(&both_pem), text_slice(&pkcs12), text};
    for (size_t n = 0; n < 4; n++) {
        struct text thumbprint = {0};
        struct oauth_key *k = oauth_key_create("it", forms[n], n ? "pw" : NULL, &err);
        assert_non_null(k);
        expect_assertion(k);
        assert_int_equal(oauth_key_thumbprint(k, &thumbprint), n > 0);
        assert_int_equal(thumbprint.len, n ? 27 : 0);
        text_fini(&thumbprint);
        oauth_key_destroy(k);
    }
    mem_free(coded);
}

static void what_is_no_key_is_refused(void **state)
{
    struct trb_error err = {.size = sizeof err};
    assert_null(oauth_key_create("it", SLICE(""), NULL, &err));
    assert_null(oauth_key_create("it", SLICE("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), NULL, &err));
    assert_null(oauth_key_create("it", text_slice(&both_pem), "wrong", &err));
    assert_null(oauth_key_create("it", text_slice(&pkcs12), "wrong", &err));
    assert_null(oauth_key_create("it", text_slice(&both_pem), NULL, &err));
    assert_string_equal(err.message, "it: the private key is no RSA key in PEM or PKCS#12 form, or its password is wrong");
    EVP_PKEY *curve = EVP_EC_gen("P-256");
    struct text pem = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, curve, NULL, NULL, 0, NULL, NULL);
    add_bio(&pem, bio);
    assert_null(oauth_key_create("it", text_slice(&pem), NULL, &err));
    EVP_PKEY_free(curve);
    text_fini(&pem);
    assert_null(oauth_key_destroy(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_form_of_a_key_signs), cmocka_unit_test(what_is_no_key_is_refused)};
    return cmocka_run_group_tests(tests, make_key, free_key);
}
