/* key_inside: what a key is made of. Not for others. */
#ifndef CRYPTO_KEY_INSIDE_H
#define CRYPTO_KEY_INSIDE_H

#include <crypto/key.h>
#include <openssl/evp.h>
#include <stdatomic.h>

struct crypto_key {
    atomic_uint refs;
    EVP_PKEY *pair;                 /* NULL: symmetric */
    bool is_private;
    struct bytes octets;
    uint32_t may;                   /* all bits but what use and key_ops take away */
    char *id, *algorithm;           /* kid and alg of a JWK; NULL: none */
};

struct crypto_curve {
    const char *jwk, *group;        /* "P-256", OpenSSL's name */
    size_t len;                     /* of a coordinate */
};
const struct crypto_curve *crypto_curve_of(const EVP_PKEY *);          /* NULL: none of ours */
const struct crypto_curve *crypto_curve_named(struct trb_slice jwk);

struct crypto_key *crypto_key_new(void);
/* Only what we have algorithms for, in sizes that are neither broken nor a burden. Takes the pair. */
struct crypto_key *crypto_key_with(struct crypto_key *, EVP_PKEY *pair, bool is_private, struct trb_error *err);
bool crypto_jwk_write(const struct crypto_key *, struct text *ret);

#endif
