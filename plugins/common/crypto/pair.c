/* pair: RSA, ECDSA and EdDSA by OpenSSL's EVP. */
#include <base/slice.h>
#include <crypto/key_inside.h>
#include <crypto/pair.h>
#include <openssl/ecdsa.h>
#include <openssl/rsa.h>
#include <string.h>

static const uint8_t *at_of(struct trb_slice s)
{
    return (const uint8_t *)(s.at ? s.at : "");
}

/* ---------------------------------------------------------------------------------- encryption */
static bool set_label(EVP_PKEY_CTX *c, struct trb_slice label)
{
    if (!label.len)
        return true;
    void *copy = OPENSSL_memdup(label.at, label.len);      /* the context's to free */
    return copy && EVP_PKEY_CTX_set0_rsa_oaep_label(c, copy, (int)label.len) > 0;
}

static bool set_padding(EVP_PKEY_CTX *c, const struct crypto_algorithm *a, struct trb_slice label)
{
    if (a->kind == CRYPTO_RSA1_5)
        return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0;
    const EVP_MD *hash = EVP_get_digestbyname(a->hash);
    return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_OAEP_PADDING) > 0 && EVP_PKEY_CTX_set_rsa_oaep_md(c, hash) > 0 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(c, hash) > 0 && set_label(c, label);
}

/* EVP_PKEY_encrypt, _decrypt or _sign: asks for the room, then fills it. */
typedef int transform(EVP_PKEY_CTX *, unsigned char *ret, size_t *len, const unsigned char *from, size_t from_len);

static bool run(EVP_PKEY_CTX *c, transform *how, struct trb_slice text, struct bytes *ret)
{
    size_t room = 0, len;
    if (how(c, NULL, &room, at_of(text), text.len) <= 0)
        return false;
    bytes_make(ret, len = room);
    if (how(c, ret->at, &len, at_of(text), text.len) <= 0)
        return bytes_wipe(ret), false;
    mem_wipe(ret->at + len, room - len);
    ret->len = len;
    return true;
}

bool pair_seal(EVP_PKEY *pair, const struct crypto_algorithm *a, struct trb_slice text, struct trb_slice label, struct bytes *ret)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    bool fine = c && EVP_PKEY_encrypt_init(c) > 0 && set_padding(c, a, label) && run(c, EVP_PKEY_encrypt, text, ret);
    EVP_PKEY_CTX_free(c);
    return fine;
}

bool pair_open(EVP_PKEY *pair, const struct crypto_algorithm *a, struct trb_slice text, struct trb_slice label, struct bytes *ret)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    bool fine = c && text.len == (size_t)EVP_PKEY_get_size(pair) && EVP_PKEY_decrypt_init(c) > 0 && set_padding(c, a, label) &&
                run(c, EVP_PKEY_decrypt, text, ret);
    EVP_PKEY_CTX_free(c);
    return fine;
}

/* ----------------------------------------------------------------------------------- signatures */
/* ECDSA: from OpenSSL's ASN.1 to two numbers of the curve's length, and back. */
static bool numbers_of(const struct bytes *der, size_t width, struct bytes *ret)
{
    const unsigned char *at = der->at;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)der->len);
    bytes_make(ret, 2 * width);
    bool fine = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), ret->at, (int)width) > 0 &&
                BN_bn2binpad(ECDSA_SIG_get0_s(s), ret->at + width, (int)width) > 0;
    ECDSA_SIG_free(s);
    if (!fine)
        bytes_wipe(ret);
    return fine;
}

static int der_of(struct trb_slice numbers, size_t width, unsigned char **ret)
{
    ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *first = BN_bin2bn(at_of(numbers), (int)width, NULL), *second = BN_bin2bn(at_of(numbers) + width, (int)width, NULL);
    int len = s && first && second && ECDSA_SIG_set0(s, first, second) ? i2d_ECDSA_SIG(s, ret) : -1;
    ECDSA_SIG_free(s);
    return len;
}

static bool set_signing(EVP_PKEY_CTX *c, const struct crypto_algorithm *a)
{
    const EVP_MD *hash = EVP_get_digestbyname(a->hash);
    if (a->kind == CRYPTO_RS)
        return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) > 0 && EVP_PKEY_CTX_set_signature_md(c, hash) > 0;
    if (a->kind == CRYPTO_PS)
        return EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PSS_PADDING) > 0 && EVP_PKEY_CTX_set_signature_md(c, hash) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(c, hash) > 0 && EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) > 0;
    return true;
}

static bool eddsa_sign(EVP_PKEY *pair, struct trb_slice message, struct bytes *ret)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    size_t len = 64;
    bytes_make(ret, len);
    bool fine = c && EVP_DigestSignInit(c, NULL, NULL, NULL, pair) > 0 &&
                EVP_DigestSign(c, ret->at, &len, at_of(message), message.len) > 0 && len == ret->len;
    EVP_MD_CTX_free(c);
    if (!fine)
        bytes_wipe(ret);
    return fine;
}

static bool eddsa_verify(EVP_PKEY *pair, struct trb_slice message, struct trb_slice signature)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool fine = c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, pair) > 0 &&
                EVP_DigestVerify(c, at_of(signature), signature.len, at_of(message), message.len) > 0;
    EVP_MD_CTX_free(c);
    return fine;
}

bool pair_sign(EVP_PKEY *pair, const struct crypto_algorithm *a, struct trb_slice digest, struct bytes *ret)
{
    if (a->kind == CRYPTO_EDDSA)
        return eddsa_sign(pair, digest, ret);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    struct bytes made = {0};
    bool fine = c && EVP_PKEY_sign_init(c) > 0 && set_signing(c, a) && run(c, EVP_PKEY_sign, digest, &made);
    EVP_PKEY_CTX_free(c);
    if (!fine || a->kind != CRYPTO_ES)
        return *ret = made, fine;
    fine = numbers_of(&made, crypto_curve_of(pair)->len, ret);
    bytes_wipe(&made);
    return fine;
}

static bool verify(EVP_PKEY *pair, const struct crypto_algorithm *a, struct trb_slice digest, struct trb_slice signature)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    bool fine = c && EVP_PKEY_verify_init(c) > 0 && set_signing(c, a) &&
                EVP_PKEY_verify(c, at_of(signature), signature.len, at_of(digest), digest.len) > 0;
    EVP_PKEY_CTX_free(c);
    return fine;
}

bool pair_verify(EVP_PKEY *pair, const struct crypto_algorithm *a, struct trb_slice digest, struct trb_slice signature)
{
    if (a->kind == CRYPTO_EDDSA)
        return eddsa_verify(pair, digest, signature);
    if (a->kind != CRYPTO_ES)
        return verify(pair, a, digest, signature);
    size_t width = crypto_curve_of(pair)->len;
    unsigned char *der = NULL;
    int len = signature.len == 2 * width ? der_of(signature, width, &der) : -1;
    bool fine = len > 0 && verify(pair, a, digest, slice_from((const char *)der, (size_t)len));
    OPENSSL_free(der);
    return fine;
}
