/* crypto: every algorithm against the vectors of project Wycheproof, and XChaCha's against its draft. */
#include <crypto/cipher.h>
#include <crypto/operation.h>
#include <openssl/evp.h>
#include <trilby/plugin.h>
#include "wycheproof.h"

static struct trb_name name(struct trb_slice s)
{
    return (struct trb_name){s.at, s.len};
}

static struct crypto_key *read_as(struct trb_slice text, uint32_t form)
{
    struct trb_error err = {.size = sizeof err};
    return crypto_key_read(text, form, &err);
}

static struct crypto_key *octets(struct trb_slice bytes)
{
    return bytes.len ? read_as(bytes, CRYPTO_FORM_GUESS) : NULL;
}

/* ------------------------------------------------------------------------------------ symmetric */
static const char *algorithm;       /* of the run: with %u, the key's bits */

static struct trb_slice algorithm_of(struct vector *v)
{
    struct text t = {0};
    if (strstr(algorithm, "%u")) {
        char number[16];
        snprintf(number, sizeof number, "%u", (unsigned)vector_number(v, v->group, "keySize"));
        text_add(&t, slice_from(algorithm, (size_t)(strstr(algorithm, "%u") - algorithm)));
        text_adds(&t, number);
        text_adds(&t, strstr(algorithm, "%u") + 2);
    } else {
        text_adds(&t, algorithm);
    }
    struct trb_name kept = arena_name(v->arena, text_slice(&t));
    text_fini(&t);
    return slice_name(kept);
}

static bool opens(struct vector *v, const struct crypto_key *k, const struct trb_crypto_open *q, struct trb_slice message)
{
    struct trb_error err = {.size = sizeof err};
    struct bytes plain;
    bool fine = crypto_open(k, q, &plain, &err);
    if (fine)
        EXPECT_VECTOR(v, slice_is(bytes_slice(&plain), message));
    else
        EXPECT_VECTOR(v, err.code && err.message[0]);
    bytes_wipe(&plain);
    return fine;
}

/* AEAD, and what is like it without a tag. */
static bool sealed_vector(struct vector *v)
{
    struct trb_slice iv = vector_hex(v, v->test, "iv"), message = vector_hex(v, v->test, "msg"), tag = vector_hex(v, v->test, "tag");
    struct trb_slice text = vector_hex(v, v->test, "ct"), said = vector_hex(v, v->test, "aad");
    struct crypto_key *k = octets(vector_hex(v, v->test, "key"));
    struct trb_name by = name(algorithm_of(v));
    struct trb_crypto_open q = {.size = sizeof q, .algorithm = by, .sealed = text, .nonce = iv, .tag = tag, .associated = said};
    struct trb_crypto_seal s = {.size = sizeof s, .algorithm = by, .plain = message, .nonce = iv, .associated = said};
    struct trb_error err = {.size = sizeof err};
    struct crypto_sealing made = {.bytes = {0}};
    const struct crypto_algorithm *a = crypto_algorithm_find(slice_name(by));
    EXPECT_VECTOR(v, k && a);
    bool is_ours = iv.len == a->nonce_len || !a->nonce_len;    /* GCM of the contract has nonces of 12 bytes */
    if (vector_is(v, "invalid") || !is_ours)
        EXPECT_VECTOR(v, !opens(v, k, &q, message));
    if (vector_is(v, "valid") && is_ours) {
        EXPECT_VECTOR(v, opens(v, k, &q, message));
        EXPECT_VECTOR(v, crypto_seal(k, &s, &made, &err));
        EXPECT_VECTOR(v, slice_is(bytes_slice(&made.bytes), text) && slice_is(bytes_slice(&made.tag), tag));
    }
    crypto_sealing_wipe(&made);
    crypto_key_unref(k);
    return true;
}

static void run_sealed(const char *file, const char *by, uint32_t least)
{
    algorithm = by;
    vectors_run(file, sealed_vector, least);
}

static void aes_gcm(void **state) { run_sealed("aes_gcm", "A%uGCM", 300); }
static void aes_cbc(void **state) { run_sealed("aes_cbc_pkcs5", "A%uCBC", 200); }
static void aes_wrap(void **state) { run_sealed("aes_wrap", "A%uKW", 150); }
static void chacha(void **state) { run_sealed("chacha20_poly1305", "C20P", 300); }
static void xchacha(void **state) { run_sealed("xchacha20_poly1305", "XC20P", 300); }
static void cbc_hs256(void **state) { run_sealed("a128cbc_hs256", "A128CBC-HS256", 90); }
static void cbc_hs512(void **state) { run_sealed("a256cbc_hs512", "A256CBC-HS512", 90); }

/* draft-irtf-cfrg-xchacha-03, 2.2.1 */
static void hchacha_of_the_draft(void **state)
{
    uint8_t key[32], made[32], wanted[32];
    const uint8_t nonce[16] = {0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0, 0x31, 0x41, 0x59, 0x27};
    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    assert_true(hex_decode(SLICE("82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"), (char *)wanted));
    hchacha20(key, nonce, made);
    assert_memory_equal(made, wanted, 32);
}

/* RFC 7518 B.2: the one of the family that Wycheproof has no file for. */
static void cbc_hs384_of_the_rfc(void **state)
{
    static const char plain[] = "A cipher system must not be required to be secret, and it must be able to fall into the hands of "
                                "the enemy without inconvenience";
    char key[48], nonce[16], tag[24], first[16];
    struct trb_error err = {.size = sizeof err};
    struct crypto_sealing made;
    for (int i = 0; i < 48; i++)
        key[i] = (char)i;
    assert_true(hex_decode(SLICE("1af38c2dc2b96ffdd86694092341bc04"), nonce));
    assert_true(hex_decode(SLICE("8490ac0e58949bfe51875d733f93ac2075168039ccc733d7"), tag));
    assert_true(hex_decode(SLICE("ea65da6b59e61edb419be62d19712ae5"), first));
    struct crypto_key *k = octets(slice_from(key, 48));
    struct trb_crypto_seal q = {.size = sizeof q, .algorithm = NAME("A192CBC-HS384"), .plain = {plain, sizeof plain - 1},
                                .nonce = {nonce, 16}, .associated = SLICE("The second principle of Auguste Kerckhoffs")};
    assert_true(crypto_seal(k, &q, &made, &err));
    assert_int_equal(made.bytes.len, 144);
    assert_memory_equal(made.bytes.at, first, 16);
    assert_int_equal(made.tag.len, 24);
    assert_memory_equal(made.tag.at, tag, 24);
    crypto_sealing_wipe(&made);
    crypto_key_unref(k);
}

/* ------------------------------------------------------------------------------------------ RSA */
static bool rsa_vector(struct vector *v)
{
    struct trb_slice label = vector_hex(v, v->test, "label"), message = vector_hex(v, v->test, "msg");
    struct crypto_key *k = read_as(vector_hex(v, v->group, "privateKeyPkcs8"), CRYPTO_FORM_GUESS);
    struct crypto_key *pem = read_as(vector_text(v, v->group, "privateKeyPem"), CRYPTO_FORM_PEM);
    struct trb_crypto_open q = {.size = sizeof q, .algorithm = name(slice_of(algorithm)), .sealed = vector_hex(v, v->test, "ct"),
                                .associated = label};
    EXPECT_VECTOR(v, k && pem && crypto_key_is_private(k));
    EXPECT_VECTOR(v, vector_is(v, "acceptable") || opens(v, k, &q, message) == vector_is(v, "valid"));
    EXPECT_VECTOR(v, opens(v, k, &q, message) == opens(v, pem, &q, message));
    crypto_key_unref(k);
    crypto_key_unref(pem);
    return true;
}

static void run_rsa(const char *file, const char *by, uint32_t least)
{
    algorithm = by;
    vectors_run(file, rsa_vector, least);
}

static void oaep_sha1(void **state) { run_rsa("rsa_oaep_2048_sha1_mgf1sha1", "RSA-OAEP", 30); }
static void oaep_sha256(void **state) { run_rsa("rsa_oaep_2048_sha256_mgf1sha256", "RSA-OAEP-256", 30); }
static void oaep_sha512(void **state) { run_rsa("rsa_oaep_2048_sha512_mgf1sha512", "RSA-OAEP-512", 30); }
static void rsa1_5(void **state) { run_rsa("rsa_pkcs1_2048", "RSA1_5", 60); }

/* ----------------------------------------------------------------------------------- signatures */
static bool verifies(const struct crypto_key *k, struct trb_slice by, struct trb_slice digest, struct trb_slice signature)
{
    struct trb_error err = {.size = sizeof err};
    struct trb_crypto_verify q = {.size = sizeof q, .algorithm = name(by), .digest = digest, .signature = signature};
    bool is_valid = false;
    return crypto_verify(k, &q, &is_valid, &err) && is_valid;
}

static bool ed25519_vector(struct vector *v)
{
    struct crypto_key *k = read_as(vector_text(v, v->group, "publicKeyPem"), CRYPTO_FORM_PEM);
    struct json_value jwk = json_find(v->group, SLICE("publicKeyJwk"));
    struct crypto_key *j = read_as(jwk.raw, CRYPTO_FORM_JWK);
    struct trb_slice message = vector_hex(v, v->test, "msg"), signature = vector_hex(v, v->test, "sig");
    EXPECT_VECTOR(v, k && j);
    EXPECT_VECTOR(v, verifies(k, SLICE("EdDSA"), message, signature) == vector_is(v, "valid"));
    EXPECT_VECTOR(v, verifies(j, SLICE("EdDSA"), message, signature) == vector_is(v, "valid"));
    crypto_key_unref(k);
    crypto_key_unref(j);
    return true;
}

static void ed25519(void **state)
{
    vectors_run("ed25519", ed25519_vector, 150);
}

static bool base64url(struct vector *v, struct trb_slice text, struct trb_slice *ret)
{
    char *standard = arena_alloc(v->arena, text.len + 1), *bytes = arena_alloc(v->arena, text.len + 4);
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '+' || text.at[i] == '/' || text.at[i] == '=')
            return false;
        standard[i] = (char)(text.at[i] == '-' ? '+' : text.at[i] == '_' ? '/' : text.at[i]);
    }
    ret->at = bytes;
    return base64_decode(slice_from(standard, text.len), true, bytes, &ret->len, NULL);
}

/* Splits "a.b.c" into count decoded parts; whole parts stay as slices in raw. */
static bool split(struct vector *v, struct trb_slice text, uint32_t count, struct trb_slice *raw, struct trb_slice *parts)
{
    uint32_t found = 0;
    while (text.at && found < count) {
        raw[found] = slice_split(&text, '.');
        if (!base64url(v, raw[found], &parts[found]))
            return false;
        found++;
    }
    return found == count && !text.at;
}

static struct trb_slice header_word(struct vector *v, struct trb_slice header, const char *name)
{
    struct json_value h;
    struct json_fault fault;
    return json_parse(header, &h, &fault) && h.kind == JSON_OBJECT ? vector_text(v, h, name) : slice_from(NULL, 0);
}

static struct trb_slice digest_of(struct vector *v, const struct crypto_algorithm *a, struct trb_slice message)
{
    unsigned char *digest = arena_alloc(v->arena, EVP_MAX_MD_SIZE);
    unsigned int len = 0;
    if (!a->hash)
        return message;
    assert_true(EVP_Digest(message.at, message.len, digest, &len, EVP_get_digestbyname(a->hash), NULL));
    return slice_from((const char *)digest, len);
}

static bool is_jws_valid(struct vector *v, const struct crypto_key *k, struct trb_slice jws)
{
    struct trb_slice raw[3], parts[3];
    if (!k || !split(v, jws, 3, raw, parts) || !parts[2].len)
        return false;
    struct trb_slice by = header_word(v, parts[0], "alg"), signed_part = slice_from(jws.at, raw[0].len + 1 + raw[1].len);
    const struct crypto_algorithm *a = crypto_algorithm_find(by);
    return a && a->kind >= CRYPTO_RS && verifies(k, by, digest_of(v, a, signed_part), parts[2]);
}

static bool jws_vector(struct vector *v)
{
    struct json_value public_ = json_find(v->group, SLICE("public"));
    struct json_cursor set = json_enter(json_find(public_, SLICE("keys")));
    if (json_find(public_, SLICE("keys")).kind == JSON_ARRAY && !json_next(&set, &public_))
        return false;
    if (public_.kind != JSON_OBJECT || vector_text(v, public_, "kty").at == NULL || slice_is(vector_text(v, public_, "kty"), SLICE("oct")))
        return false;
    /* Keys with the weakness ROCA, which we do not look for; and an algorithm's name that is a slip: ES521. */
    if (slice_contains(vector_text(v, v->group, "comment"), SLICE("roca")) || slice_is(vector_text(v, public_, "alg"), SLICE("ES521")))
        return false;
    /* Keys of 1024 bits are old, but what a user has; and a key for PS256 that signs by PS384 is not one for us. */
    if (slice_is(vector_text(v, v->group, "comment"), SLICE("keysize_too_small")) ||
        slice_is(vector_text(v, v->test, "comment"), SLICE("Figure20")))
        return false;
    struct crypto_key *k = read_as(public_.raw, CRYPTO_FORM_JWK);
    EXPECT_VECTOR(v, is_jws_valid(v, k, vector_text(v, v->test, "jws")) == vector_is(v, "valid"));
    crypto_key_unref(k);
    return true;
}

static void jws(void **state)
{
    vectors_run("json_web_signature", jws_vector, 340);
}

static void jwk_of_signatures(void **state)
{
    vectors_run("json_web_key", jws_vector, 8);
}

/* ------------------------------------------------------------------------------------------- JWE */
/* What is wrapped is opened by the key, what is within by what was wrapped. */
static bool is_jwe_opened(struct vector *v, const struct crypto_key *k, struct trb_slice jwe, struct trb_slice wanted)
{
    struct trb_slice raw[5], parts[5];
    struct trb_error err = {.size = sizeof err};
    struct bytes key = {0}, plain = {0};
    if (!k || !split(v, jwe, 5, raw, parts))
        return false;
    struct trb_crypto_open q = {.size = sizeof q, .algorithm = name(header_word(v, parts[0], "alg")), .sealed = parts[1]};
    struct trb_crypto_open content = {.size = sizeof content, .algorithm = name(header_word(v, parts[0], "enc")), .sealed = parts[3],
                                      .nonce = parts[2], .tag = parts[4], .associated = raw[0]};
    if (!crypto_unwrap(k, &q, &key, &err))
        return false;
    struct crypto_key *within = octets(bytes_slice(&key));
    bool fine = within && crypto_open(within, &content, &plain, &err) && slice_is(bytes_slice(&plain), wanted);
    crypto_key_unref(within);
    bytes_wipe(&key);
    bytes_wipe(&plain);
    return fine;
}

static bool jwe_vector(struct vector *v)
{
    struct json_value private_ = json_find(v->group, SLICE("private"));
    struct trb_slice by = vector_text(v, private_, "alg"), flags = json_find(v->test, SLICE("flags")).raw;
    if (!crypto_algorithm_find(by) || slice_contains(flags, SLICE("CompressedPlaintext")) || slice_ends(by, SLICE("GCM")))
        return false;
    struct crypto_key *k = read_as(private_.raw, CRYPTO_FORM_JWK);
    EXPECT_VECTOR(v, is_jwe_opened(v, k, vector_text(v, v->test, "jwe"), vector_hex(v, v->test, "pt")) == vector_is(v, "valid"));
    crypto_key_unref(k);
    return true;
}

static void jwe(void **state)
{
    vectors_run("json_web_encryption", jwe_vector, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_gcm), cmocka_unit_test(aes_cbc), cmocka_unit_test(aes_wrap), cmocka_unit_test(chacha),
        cmocka_unit_test(xchacha), cmocka_unit_test(cbc_hs256), cmocka_unit_test(cbc_hs512),
        cmocka_unit_test(hchacha_of_the_draft), cmocka_unit_test(cbc_hs384_of_the_rfc),
        cmocka_unit_test(oaep_sha1), cmocka_unit_test(oaep_sha256), cmocka_unit_test(oaep_sha512), cmocka_unit_test(rsa1_5),
        cmocka_unit_test(ed25519), cmocka_unit_test(jws), cmocka_unit_test(jwk_of_signatures), cmocka_unit_test(jwe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
