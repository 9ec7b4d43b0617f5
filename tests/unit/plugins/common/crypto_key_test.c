/* crypto: keys in every form, what they permit, what leaves of them. */
#include <base/slice.h>
#include <crypto/key_inside.h>
#include <crypto/operation.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/rsa.h>
#include <trilby/plugin.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct crypto_key *read_as(struct trb_slice text, uint32_t form, struct trb_error *err)
{
    *err = (struct trb_error){.size = sizeof *err};
    struct crypto_key *k = crypto_key_read(text, form, err);
    assert_true(k ? !err->code : err->code && err->message[0]);
    return k;
}

static void refused(const char *text, uint32_t form)
{
    struct trb_error err;
    struct crypto_key *k = read_as(slice_of(text), form, &err);
    if (k)
        fail_msg("it was read: %s", text);
}

static void encode(EVP_PKEY *pair, const char *form, const char *structure, int selection, unsigned char **ret, size_t *ret_len)
{
    OSSL_ENCODER_CTX *c = OSSL_ENCODER_CTX_new_for_pkey(pair, selection, form, structure, NULL);
    *ret = NULL;
    assert_true(OSSL_ENCODER_to_data(c, ret, ret_len));
    OSSL_ENCODER_CTX_free(c);
}

/* Written by OpenSSL, read by us: the same pair? */
static void expect_read(EVP_PKEY *pair, const char *form, const char *structure, bool is_private)
{
    unsigned char *text;
    size_t len;
    struct trb_error err;
    encode(pair, form, structure, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, &text, &len);
    struct crypto_key *k = read_as(slice_from((char *)text, len), CRYPTO_FORM_GUESS, &err);
    assert_non_null(k);
    assert_int_equal(crypto_key_is_private(k), is_private);
    assert_int_equal(EVP_PKEY_eq(k->pair, pair), 1);
    crypto_key_unref(k);
    OPENSSL_free(text);
}

static void every_form_of_a_pair_is_read(void **state)
{
    static const char *const curves[] = {"P-256", "P-384", "P-521"};
    EVP_PKEY *pair = EVP_RSA_gen(2048);
    for (int i = 0; i < 2; i++) {
        const char *form = i ? "DER" : "PEM";
        expect_read(pair, form, "type-specific", true);      /* PKCS #1 */
        expect_read(pair, form, "PrivateKeyInfo", true);     /* PKCS #8 */
        expect_read(pair, form, "SubjectPublicKeyInfo", false);
        expect_read(pair, form, "type-specific", false);
    }
    EVP_PKEY_free(pair);
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        pair = EVP_EC_gen(curves[i]);
        expect_read(pair, "PEM", "type-specific", true);     /* SEC 1 */
        expect_read(pair, "DER", "PrivateKeyInfo", true);
        expect_read(pair, "PEM", "SubjectPublicKeyInfo", false);
        EVP_PKEY_free(pair);
    }
    pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    expect_read(pair, "PEM", "PrivateKeyInfo", true);
    expect_read(pair, "DER", "SubjectPublicKeyInfo", false);
    EVP_PKEY_free(pair);
}

static void a_public_part_as_a_jwk_is_read_again(void **state)
{
    EVP_PKEY *pairs[] = {EVP_RSA_gen(2048), EVP_EC_gen("P-521"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
    for (size_t i = 0; i < 3; i++) {
        struct trb_error err = {.size = sizeof err};
        struct text jwk = {0}, pem = {0};
        struct crypto_key *k = crypto_key_with(crypto_key_new(), pairs[i], true, &err);
        assert_true(crypto_key_public(k, true, &jwk) && crypto_key_public(k, false, &pem));
        assert_null(strstr(jwk.at, "\"d\""));
        assert_non_null(strstr(pem.at, "-----BEGIN PUBLIC KEY-----"));
        struct crypto_key *from_jwk = read_as(text_slice(&jwk), CRYPTO_FORM_GUESS, &err);
        struct crypto_key *from_pem = read_as(text_slice(&pem), CRYPTO_FORM_PEM, &err);
        assert_true(from_jwk && from_pem && !crypto_key_is_private(from_jwk) && !crypto_key_is_private(from_pem));
        assert_int_equal(EVP_PKEY_eq(from_jwk->pair, k->pair), 1);
        assert_int_equal(EVP_PKEY_eq(from_pem->pair, k->pair), 1);
        crypto_key_unref(from_jwk);
        crypto_key_unref(from_pem);
        crypto_key_unref(k);
        text_fini(&jwk);
        text_fini(&pem);
    }
}

static void what_is_no_key_of_ours_is_octets_or_refused(void **state)
{
    struct trb_error err;
    struct crypto_key *k = read_as(slice_from("0{-----BEGIN\0\xff", 14), CRYPTO_FORM_GUESS, &err);
    assert_true(k && crypto_key_is_symmetric(k) && k->octets.len == 14 && !memcmp(k->octets.at, "0{-----BEGIN\0\xff", 14));
    struct text nothing = {0};
    assert_false(crypto_key_public(k, true, &nothing) || crypto_key_public(k, false, &nothing));
    crypto_key_unref(k);
    k = read_as(SLICE("{ not JSON, and thirty-two bytes"), CRYPTO_FORM_GUESS, &err);
    assert_true(k && k->octets.len == 32);
    crypto_key_unref(k);
    refused("", CRYPTO_FORM_GUESS);
    refused("sixteen byte key", CRYPTO_FORM_JWK);
    refused("sixteen byte key", CRYPTO_FORM_PEM);
    refused("[]", CRYPTO_FORM_JWK);
    refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", CRYPTO_FORM_GUESS);
    refused("{}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"oct\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"oct\",\"k\":\"\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"oct\",\"k\":\"a+b/\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"oct\",\"k\":17}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"EC\",\"crv\":\"P-256K\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQAB\",\"y\":\"AQAB\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AQAB\"}", CRYPTO_FORM_GUESS);
    refused("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAB\"}", CRYPTO_FORM_GUESS);
}

static void an_encrypted_pem_is_refused_without_asking_anybody(void **state)
{
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    OSSL_ENCODER_CTX *c = OSSL_ENCODER_CTX_new_for_pkey(pair, EVP_PKEY_KEYPAIR, "PEM", "PrivateKeyInfo", NULL);
    unsigned char *text = NULL;
    size_t len;
    struct trb_error err;
    OSSL_ENCODER_CTX_set_cipher(c, "AES-256-CBC", NULL);
    OSSL_ENCODER_CTX_set_passphrase(c, (const unsigned char *)"secret", 6);
    assert_true(OSSL_ENCODER_to_data(c, &text, &len));
    assert_null(read_as(slice_from((char *)text, len), CRYPTO_FORM_GUESS, &err));
    OPENSSL_free(text);
    OSSL_ENCODER_CTX_free(c);
    EVP_PKEY_free(pair);
}

#define OCT16 "\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZg\""

static trb_code try_seal(const char *jwk, const char *algorithm, bool wraps, uint32_t *ret_kind)
{
    struct trb_error err;
    struct crypto_sealing made = {.bytes = {0}};
    struct crypto_key *k = read_as(slice_of(jwk), CRYPTO_FORM_JWK, &err);
    struct trb_crypto_seal q = {.size = sizeof q, .algorithm = name_of(algorithm), .plain = SLICE("sixteen byte txt"),
                                .nonce = SLICE("0123456789ab")};
    assert_non_null(k);
    bool fine = wraps ? crypto_wrap(k, &q, &made, &err) : crypto_seal(k, &q, &made, &err);
    assert_true(fine == !err.code);
    crypto_sealing_wipe(&made);
    crypto_key_unref(k);
    *ret_kind = fine ? 0 : err.kind;
    return fine ? TRB_OK : err.code;
}

static void a_key_permits_what_it_says_and_no_more(void **state)
{
    uint32_t kind;
    assert_int_equal(try_seal("{" OCT16 "}", "A128GCM", false, &kind), TRB_OK);
    assert_int_equal(try_seal("{" OCT16 ",\"use\":\"enc\"}", "A128GCM", false, &kind), TRB_OK);
    assert_int_equal(try_seal("{" OCT16 ",\"use\":\"sig\"}", "A128GCM", false, &kind), TRB_PRECONDITION);
    assert_int_equal(try_seal("{" OCT16 ",\"key_ops\":[\"encrypt\"]}", "A128GCM", false, &kind), TRB_OK);
    assert_int_equal(try_seal("{" OCT16 ",\"key_ops\":[\"decrypt\",\"wrapKey\"]}", "A128GCM", false, &kind), TRB_PRECONDITION);
    assert_int_equal(try_seal("{" OCT16 ",\"key_ops\":[\"wrapKey\"]}", "A128KW", true, &kind), TRB_OK);
    assert_int_equal(try_seal("{" OCT16 ",\"key_ops\":[]}", "A128KW", true, &kind), TRB_PRECONDITION);
    assert_int_equal(try_seal("{" OCT16 ",\"alg\":\"A128GCM\"}", "A128GCM", false, &kind), TRB_OK);
    assert_int_equal(try_seal("{" OCT16 ",\"alg\":\"A128KW\"}", "A128GCM", false, &kind), TRB_INVALID);
    assert_int_equal(try_seal("{" OCT16 "}", "A256GCM", false, &kind), TRB_INVALID);
    assert_int_equal(try_seal("{" OCT16 "}", "RSA-OAEP", false, &kind), TRB_INVALID);
    assert_int_equal(kind, TRB_CRYPTO_BAD_ALGORITHM);
    assert_int_equal(try_seal("{" OCT16 "}", "HS256", false, &kind), TRB_INVALID);
    assert_int_equal(kind, TRB_CRYPTO_BAD_ALGORITHM);
    assert_int_equal(try_seal("{" OCT16 "}", "RS256", false, &kind), TRB_INVALID);
    assert_int_equal(kind, TRB_CRYPTO_BAD_ALGORITHM);
}

static void signatures_of_curves_are_two_numbers(void **state)
{
    static const char digest[] = "0123456789012345678901234567890123456789012345678901234567890123";
    struct trb_error err = {.size = sizeof err};
    struct crypto_key *k = crypto_key_with(crypto_key_new(), EVP_EC_gen("P-521"), true, &err);
    struct trb_crypto_sign q = {.size = sizeof q, .algorithm = NAME("ES512"), .digest = {digest, 64}};
    for (int i = 0; i < 20; i++) {
        struct bytes made;
        bool is_valid = false;
        assert_true(crypto_sign(k, &q, &made, &err));
        assert_int_equal(made.len, 132);
        struct trb_crypto_verify v = {.size = sizeof v, .algorithm = q.algorithm, .digest = q.digest, .signature = bytes_slice(&made)};
        assert_true(crypto_verify(k, &v, &is_valid, &err) && is_valid);
        bytes_wipe(&made);
    }
    q.digest.len = 32;
    struct bytes none;
    assert_false(crypto_sign(k, &q, &none, &err));
    crypto_key_unref(k);
}

static void a_key_is_wrapped_in_the_form_of_its_kind(void **state)
{
    struct trb_error err;
    struct bytes made;
    struct crypto_key *k = read_as(SLICE("{" OCT16 "}"), CRYPTO_FORM_JWK, &err);
    assert_true(crypto_key_serialize(k, &made));
    assert_true(slice_is(bytes_slice(&made), SLICE("0123456789abcdef")));
    bytes_wipe(&made);
    crypto_key_unref(k);
    k = crypto_key_with(crypto_key_new(), EVP_EC_gen("P-256"), true, &err);
    assert_true(crypto_key_serialize(k, &made));
    struct crypto_key *again = read_as(bytes_slice(&made), CRYPTO_FORM_GUESS, &err);
    assert_true(again && crypto_key_is_private(again) && EVP_PKEY_eq(again->pair, k->pair) == 1);
    bytes_wipe(&made);
    crypto_key_unref(again);
    crypto_key_unref(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_pair_is_read),
        cmocka_unit_test(a_public_part_as_a_jwk_is_read_again),
        cmocka_unit_test(what_is_no_key_of_ours_is_octets_or_refused),
        cmocka_unit_test(an_encrypted_pem_is_refused_without_asking_anybody),
        cmocka_unit_test(a_key_permits_what_it_says_and_no_more),
        cmocka_unit_test(signatures_of_curves_are_two_numbers),
        cmocka_unit_test(a_key_is_wrapped_in_the_form_of_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
