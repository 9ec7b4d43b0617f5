/* key: reading every form but JWK, which is in jwk.c; and what all keys have in common. */
#include <base/slice.h>
#include <crypto/key_inside.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <trilby/plugin.h>

#define RSA_LEAST_BITS 1024
#define RSA_MOST_BITS 16384

/* ------------------------------------------------------------------------------------------ life */
struct crypto_key *crypto_key_new(void)
{
    struct crypto_key *k = mem_zero(sizeof *k);
    atomic_init(&k->refs, 1);
    k->may = ~0u;
    return k;
}

struct crypto_key *crypto_key_ref(struct crypto_key *k)
{
    atomic_fetch_add(&k->refs, 1);
    return k;
}

struct crypto_key *crypto_key_unref(struct crypto_key *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return NULL;
    EVP_PKEY_free(k->pair);
    bytes_wipe(&k->octets);
    mem_free(k->id);
    mem_free(k->algorithm);
    return mem_free(k);
}

/* ---------------------------------------------------------------------------------- what is ours */
static const struct crypto_curve curves[] = {
    {"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};

const struct crypto_curve *crypto_curve_of(const EVP_PKEY *pair)
{
    char group[64];
    size_t len = 0;
    if (!EVP_PKEY_is_a(pair, "EC") || !EVP_PKEY_get_group_name(pair, group, sizeof group, &len))
        return NULL;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (!strcmp(group, curves[i].group))
            return &curves[i];
    return NULL;
}

const struct crypto_curve *crypto_curve_named(struct trb_slice jwk)
{
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++)
        if (slice_is(jwk, slice_of(curves[i].jwk)))
            return &curves[i];
    return NULL;
}

/* An odd modulus, and an odd public exponent that fits, as every key has; the rest shows when it is used. */
static bool is_sound_rsa(const EVP_PKEY *pair)
{
    BIGNUM *n = NULL, *e = NULL;
    bool fine = EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_N, &n) && EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_E, &e) &&
                BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 33;
    BN_free(n);
    BN_free(e);
    return fine;
}

static bool is_ours(const EVP_PKEY *pair, struct trb_error *err)
{
    if (EVP_PKEY_is_a(pair, "ED25519") || crypto_curve_of(pair))
        return true;
    if (!EVP_PKEY_is_a(pair, "RSA"))
        return trb_error(err, TRB_INVALID, "BAD_KEY", "it is no key of RSA, P-256, P-384, P-521 or Ed25519"), false;
    int bits = EVP_PKEY_get_bits(pair);
    if (bits < RSA_LEAST_BITS || bits > RSA_MOST_BITS)
        return trb_error(err, TRB_INVALID, "BAD_KEY", "an RSA key has %d to %d bits, not %d", RSA_LEAST_BITS, RSA_MOST_BITS, bits), false;
    if (!is_sound_rsa(pair))
        return trb_error(err, TRB_INVALID, "BAD_KEY", "its numbers are no RSA key"), false;
    return true;
}

struct crypto_key *crypto_key_with(struct crypto_key *k, EVP_PKEY *pair, bool is_private, struct trb_error *err)
{
    k->pair = pair;
    k->is_private = is_private;
    return is_ours(pair, err) ? k : crypto_key_unref(k);
}

/* ---------------------------------------------------------------------------------- PEM and DER */
/* Nobody is asked for a passphrase on the terminal. */
static int no_passphrase(char *at, int size, int is_writing, void *unused)
{
    return -1;
}

/* The whole text is one key; NULL: it is not. */
static EVP_PKEY *decode(struct trb_slice text, const char *form, int selection)
{
    EVP_PKEY *pair = NULL;
    const unsigned char *at = (const unsigned char *)text.at;
    size_t left = text.len;
    OSSL_DECODER_CTX *c = OSSL_DECODER_CTX_new_for_pkey(&pair, form, NULL, NULL, selection, NULL, NULL);
    bool fine = c && OSSL_DECODER_CTX_set_pem_password_cb(c, no_passphrase, NULL) && OSSL_DECODER_from_data(c, &at, &left);
    OSSL_DECODER_CTX_free(c);
    if (!fine || (!strcmp(form, "DER") && left)) {
        EVP_PKEY_free(pair);
        pair = NULL;
    }
    return pair;
}

static struct crypto_key *read_pair(struct trb_slice text, const char *form, struct trb_error *err)
{
    EVP_PKEY *pair = decode(text, form, EVP_PKEY_KEYPAIR);
    if (pair)
        return crypto_key_with(crypto_key_new(), pair, true, err);
    pair = decode(text, form, EVP_PKEY_PUBLIC_KEY);
    if (pair)
        return crypto_key_with(crypto_key_new(), pair, false, err);
    trb_error(err, TRB_INVALID, "BAD_KEY", "it is no key in %s (PKCS #1, PKCS #8, PKIX or SEC 1, without a passphrase)", form);
    return NULL;
}

static struct crypto_key *read_octets(struct trb_slice text)
{
    struct crypto_key *k = crypto_key_new();
    bytes_make(&k->octets, text.len);
    memcpy(k->octets.at, text.at, text.len);
    return k;
}

/* ------------------------------------------------------------------------------------- any form */
static struct crypto_key *read_jwk(struct trb_slice text, struct trb_error *err)
{
    struct json_value v;
    struct json_fault fault;
    if (json_parse(text, &v, &fault) && v.kind == JSON_OBJECT)
        return crypto_key_from_jwk(v, err);
    trb_error(err, TRB_INVALID, "BAD_KEY", "it is no JSON object, which a JWK is");
    return NULL;
}

/* A random key may begin like anything: only what is whole is taken for what it looks like. */
static struct crypto_key *guess(struct trb_slice text, struct trb_error *err)
{
    struct trb_slice bare = slice_trim(text);
    struct trb_error ignored = {.size = sizeof ignored};
    struct json_value v;
    struct json_fault fault;
    struct crypto_key *k = NULL;
    if (bare.len && bare.at[0] == '{' && json_parse(bare, &v, &fault))
        return crypto_key_from_jwk(v, err);
    if (slice_contains(text, SLICE("-----BEGIN ")))
        return read_pair(text, "PEM", err);
    if (text.at[0] == 0x30)
        k = read_pair(text, "DER", &ignored);
    return k ? k : read_octets(text);
}

struct crypto_key *crypto_key_read(struct trb_slice text, uint32_t form, struct trb_error *err)
{
    if (!text.len || text.len > CRYPTO_KEY_MOST_BYTES) {
        trb_error(err, TRB_INVALID, "BAD_KEY", text.len ? "it is longer than a key" : "it is empty");
        return NULL;
    }
    struct crypto_key *k = form == CRYPTO_FORM_JWK   ? read_jwk(text, err)
                           : form == CRYPTO_FORM_PEM ? read_pair(text, "PEM", err)
                                                     : guess(text, err);
    ERR_clear_error();                  /* the thread's queue is not ours alone */
    return k;
}

/* ------------------------------------------------------------------------------------- questions */
struct trb_slice crypto_key_id(const struct crypto_key *k)
{
    return k->id ? slice_of(k->id) : SLICE("");
}

bool crypto_key_is_symmetric(const struct crypto_key *k)
{
    return !k->pair;
}

bool crypto_key_is_private(const struct crypto_key *k)
{
    return k->is_private;
}

bool crypto_key_permits(const struct crypto_key *k, uint32_t may, struct trb_slice algorithm, struct trb_error *err)
{
    if (!(k->may & may))
        trb_error(err, TRB_PRECONDITION, "KEY_NOT_FOR_THAT", "the key's use or key_ops do not permit the operation");
    else if (k->algorithm && !slice_is(slice_of(k->algorithm), algorithm))
        trb_error(err, TRB_INVALID, "KEY_NOT_FOR_THAT", "the key is for the algorithm %s alone", k->algorithm);
    else
        return true;
    return false;
}

static bool take_bio(BIO *bio, struct text *ret)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    if (len > 0)
        text_add(ret, slice_from(at, (size_t)len));
    return len > 0;
}

bool crypto_key_public(const struct crypto_key *k, bool as_jwk, struct text *ret)
{
    if (!k->pair)
        return false;
    if (as_jwk)
        return crypto_jwk_write(k, ret);
    BIO *bio = BIO_new(BIO_s_mem());
    bool fine = bio && PEM_write_bio_PUBKEY(bio, k->pair) && take_bio(bio, ret);
    BIO_free(bio);
    return fine;
}

static bool take_der(unsigned char *der, int len, struct bytes *ret)    /* frees der */
{
    if (len > 0) {
        bytes_make(ret, (size_t)len);
        memcpy(ret->at, der, (size_t)len);
        OPENSSL_clear_free(der, (size_t)len);
    }
    return len > 0;
}

bool crypto_key_serialize(const struct crypto_key *k, struct bytes *ret)
{
    unsigned char *der = NULL;
    if (!k->pair) {
        bytes_make(ret, k->octets.len);
        memcpy(ret->at, k->octets.at, k->octets.len);
        return true;
    }
    PKCS8_PRIV_KEY_INFO *info = k->is_private ? EVP_PKEY2PKCS8(k->pair) : NULL;
    int len = !k->is_private ? i2d_PUBKEY(k->pair, &der) : info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : 0;
    PKCS8_PRIV_KEY_INFO_free(info);
    return take_der(der, len, ret);
}
