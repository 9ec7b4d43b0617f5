/* operation: checks, then cipher or pair. */
#include <base/slice.h>
#include <crypto/cipher.h>
#include <crypto/key_inside.h>
#include <crypto/operation.h>
#include <crypto/pair.h>
#include <openssl/err.h>
#include <trilby/plugin.h>

void crypto_sealing_wipe(struct crypto_sealing *s)
{
    bytes_wipe(&s->bytes);
    bytes_wipe(&s->tag);
}

/* ---------------------------------------------------------------------------------------- checks */
static bool bad_algorithm(struct trb_error *err, const char *text, struct trb_slice algorithm)
{
    trb_error(err, TRB_INVALID, "BAD_ALGORITHM", text, SLICE_ARG(algorithm));
    err->kind = TRB_CRYPTO_BAD_ALGORITHM;
    return false;
}

static bool is_for_key(const struct crypto_key *k, const struct crypto_algorithm *a)
{
    switch (a->kind) {
    case CRYPTO_RSA1_5: case CRYPTO_RSA_OAEP: case CRYPTO_RS: case CRYPTO_PS: return k->pair && EVP_PKEY_is_a(k->pair, "RSA");
    case CRYPTO_ES: return k->pair && crypto_curve_of(k->pair) && !strcmp(crypto_curve_of(k->pair)->jwk, a->curve);
    case CRYPTO_EDDSA: return k->pair && EVP_PKEY_is_a(k->pair, "ED25519");
    default: return !k->pair;
    }
}

static bool check_nonce(const struct crypto_algorithm *a, struct trb_slice nonce, struct trb_error *err)
{
    if (!a->nonce_len || nonce.len == a->nonce_len)
        return true;
    return trb_error(err, TRB_INVALID, "BAD_NONCE", "%s wants a nonce of %u bytes, not %zu", a->name, a->nonce_len, nonce.len), false;
}

/* NULL: err. */
static const struct crypto_algorithm *choose(const struct crypto_key *k, struct trb_name name, uint32_t may, struct trb_error *err)
{
    const struct crypto_algorithm *a = crypto_algorithm_find(slice_name(name));
    bool is_signing = may & (CRYPTO_MAY_SIGN | CRYPTO_MAY_VERIFY);
    if (!a || (a->kind >= CRYPTO_RS) != is_signing)
        return bad_algorithm(err, "unsupported algorithm: %.*s", slice_name(name)), NULL;
    if (!is_for_key(k, a))
        return bad_algorithm(err, "the algorithm %.*s is not for this kind of key", slice_name(name)), NULL;
    if (!crypto_key_permits(k, may, slice_name(name), err))
        return NULL;
    if (!k->pair && k->octets.len != a->key_len)
        return trb_error(err, TRB_INVALID, "BAD_KEY", "%s wants a key of %u bytes, not %zu", a->name, a->key_len, k->octets.len), NULL;
    if (k->pair && !k->is_private && may & (CRYPTO_MAY_DECRYPT | CRYPTO_MAY_UNWRAP | CRYPTO_MAY_SIGN))
        return trb_error(err, TRB_PRECONDITION, "NO_PRIVATE_KEY", "only the public part of the key is there"), NULL;
    return a;
}

/* ------------------------------------------------------------------------------- sealing, opening */
static bool seal_as(const struct crypto_key *k, uint32_t may, const struct trb_crypto_seal *q, struct trb_slice plain,
                    struct crypto_sealing *ret, struct trb_error *err)
{
    const struct crypto_algorithm *a = choose(k, q->algorithm, may, err);
    *ret = (struct crypto_sealing){.bytes = {0}};
    if (!a || !check_nonce(a, q->nonce, err))
        return false;
    struct cipher_input in = {a, k->octets.at, plain, q->nonce, q->associated, {NULL, 0}};
    bool fine = k->pair ? pair_seal(k->pair, a, plain, q->associated, &ret->bytes) : cipher_seal(&in, &ret->bytes, &ret->tag);
    ERR_clear_error();
    if (!fine)
        trb_error(err, TRB_INVALID, "BAD_LENGTH", "%s cannot seal %zu bytes", a->name, plain.len);
    return fine;
}

/* One sentence for whatever is wrong: which it was is nobody's business. */
static bool open_as(const struct crypto_key *k, uint32_t may, const struct trb_crypto_open *q, struct bytes *ret, struct trb_error *err)
{
    const struct crypto_algorithm *a = choose(k, q->algorithm, may, err);
    *ret = (struct bytes){0};
    if (!a || !check_nonce(a, q->nonce, err))
        return false;
    struct cipher_input in = {a, k->octets.at, q->sealed, q->nonce, q->associated, q->tag};
    bool fine = k->pair ? pair_open(k->pair, a, q->sealed, q->associated, ret) : cipher_open(&in, ret);
    ERR_clear_error();
    if (!fine)
        trb_error(err, TRB_INVALID, "CANNOT_OPEN", "it was not sealed so with this key by %s, or it was altered", a->name);
    return fine;
}

bool crypto_seal(const struct crypto_key *k, const struct trb_crypto_seal *q, struct crypto_sealing *ret, struct trb_error *err)
{
    return seal_as(k, CRYPTO_MAY_ENCRYPT, q, q->plain, ret, err);
}

bool crypto_open(const struct crypto_key *k, const struct trb_crypto_open *q, struct bytes *ret, struct trb_error *err)
{
    return open_as(k, CRYPTO_MAY_DECRYPT, q, ret, err);
}

bool crypto_wrap(const struct crypto_key *k, const struct trb_crypto_seal *q, struct crypto_sealing *ret, struct trb_error *err)
{
    struct bytes serialized = {0};
    struct crypto_key *plain = crypto_key_read(q->plain, CRYPTO_FORM_GUESS, err);
    *ret = (struct crypto_sealing){.bytes = {0}};
    bool fine = plain && crypto_key_serialize(plain, &serialized) &&
                seal_as(k, CRYPTO_MAY_WRAP, q, bytes_slice(&serialized), ret, err);
    bytes_wipe(&serialized);
    crypto_key_unref(plain);
    return fine;
}

bool crypto_unwrap(const struct crypto_key *k, const struct trb_crypto_open *q, struct bytes *ret, struct trb_error *err)
{
    return open_as(k, CRYPTO_MAY_UNWRAP, q, ret, err);
}

/* ------------------------------------------------------------------------------------ signatures */
static bool check_digest(const struct crypto_algorithm *a, struct trb_slice digest, struct trb_error *err)
{
    if (!a->hash_len || digest.len == a->hash_len)
        return true;
    return trb_error(err, TRB_INVALID, "BAD_DIGEST", "%s wants a digest of %u bytes, not %zu", a->name, a->hash_len, digest.len), false;
}

bool crypto_sign(const struct crypto_key *k, const struct trb_crypto_sign *q, struct bytes *ret, struct trb_error *err)
{
    const struct crypto_algorithm *a = choose(k, q->algorithm, CRYPTO_MAY_SIGN, err);
    *ret = (struct bytes){0};
    if (!a || !check_digest(a, q->digest, err))
        return false;
    bool fine = pair_sign(k->pair, a, q->digest, ret);
    ERR_clear_error();
    if (!fine)
        trb_error(err, TRB_INTERNAL, "CANNOT_SIGN", "%s cannot sign with this key", a->name);
    return fine;
}

bool crypto_verify(const struct crypto_key *k, const struct trb_crypto_verify *q, bool *ret_valid, struct trb_error *err)
{
    const struct crypto_algorithm *a = choose(k, q->algorithm, CRYPTO_MAY_VERIFY, err);
    if (!a || !check_digest(a, q->digest, err))
        return false;
    *ret_valid = pair_verify(k->pair, a, q->digest, q->signature);
    ERR_clear_error();
    return true;
}
