/* algorithm: the names that clients know, and what each wants. [any] */
#ifndef CRYPTO_ALGORITHM_H
#define CRYPTO_ALGORITHM_H

#include <stdint.h>
#include <trilby/types.h>

/* For trb_crypto_ops: what the operations of operation.h can do. */
#define CRYPTO_ENCRYPTION_ALGORITHMS                                                               \
    "A128CBC A192CBC A256CBC A128CBC-NOPAD A192CBC-NOPAD A256CBC-NOPAD A128GCM A192GCM A256GCM "   \
    "A128CBC-HS256 A192CBC-HS384 A256CBC-HS512 A128KW A192KW A256KW C20P C20PKW XC20P XC20PKW "    \
    "RSA1_5 RSA-OAEP RSA-OAEP-256 RSA-OAEP-384 RSA-OAEP-512"
#define CRYPTO_SIGNATURE_ALGORITHMS "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"

enum crypto_kind {
    CRYPTO_CBC, CRYPTO_CBC_BARE, CRYPTO_GCM, CRYPTO_CBC_HS, CRYPTO_KW, CRYPTO_C20P, CRYPTO_XC20P, /* octets */
    CRYPTO_RSA1_5, CRYPTO_RSA_OAEP, /* RSA, from here on pairs */
    CRYPTO_RS, CRYPTO_PS, CRYPTO_ES, CRYPTO_EDDSA, /* signatures */
};

struct crypto_algorithm {
    const char *name;
    enum crypto_kind kind;
    uint32_t key_len;               /* bytes of a symmetric key */
    const char *cipher, *hash;      /* OpenSSL's names */
    uint32_t nonce_len, tag_len, hash_len;
    const char *curve;              /* ES: as in a JWK */
};

const struct crypto_algorithm *crypto_algorithm_find(struct trb_slice name);   /* NULL: none of ours */

#endif
