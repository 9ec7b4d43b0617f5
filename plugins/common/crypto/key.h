/* key: one cryptographic key and what its owner permits: read from a JWK, PEM (PKCS #1, PKCS #8, PKIX, SEC 1), the
 * same in DER, or raw bytes, which are a symmetric key. RSA, the curves P-256, P-384, P-521 and Ed25519, octets.
 *
 * A key is constant once it was read; it is counted, so that users on several threads may hold it. Its secret
 * parts are wiped with it. [any] */
#ifndef CRYPTO_KEY_H
#define CRYPTO_KEY_H

#include <base/json.h>
#include <crypto/bytes.h>
#include <stdbool.h>

#define CRYPTO_KEY_MOST_BYTES (64u << 10)   /* of a key's text */

#define CRYPTO_FORM_GUESS 0u
#define CRYPTO_FORM_JWK 1u
#define CRYPTO_FORM_PEM 2u

/* What a key may be used for: key_ops of RFC 7517. */
#define CRYPTO_MAY_ENCRYPT 1u
#define CRYPTO_MAY_DECRYPT 2u
#define CRYPTO_MAY_WRAP 4u
#define CRYPTO_MAY_UNWRAP 8u
#define CRYPTO_MAY_SIGN 16u
#define CRYPTO_MAY_VERIFY 32u

struct crypto_key;

/* NULL: err says why, without a word of the key. The caller wipes the text. */
struct crypto_key *crypto_key_read(struct trb_slice text, uint32_t form, struct trb_error *err);
struct crypto_key *crypto_key_from_jwk(struct json_value object, struct trb_error *err);
struct crypto_key *crypto_key_ref(struct crypto_key *);
struct crypto_key *crypto_key_unref(struct crypto_key *);              /* NULL is welcome; returns NULL */

struct trb_slice crypto_key_id(const struct crypto_key *);             /* a JWK's kid; else "" */
bool crypto_key_is_symmetric(const struct crypto_key *);
bool crypto_key_is_private(const struct crypto_key *);                 /* of a pair; a symmetric one is not */
/* May it be used so? false: err says what it is for. */
bool crypto_key_permits(const struct crypto_key *, uint32_t may, struct trb_slice algorithm, struct trb_error *err);

/* The public part, as "PUBLIC KEY" or as a JWK; false: it is symmetric. */
bool crypto_key_public(const struct crypto_key *, bool as_jwk, struct text *ret);
/* What a key wraps when it is wrapped: octets, PKCS #8 or PKIX. */
bool crypto_key_serialize(const struct crypto_key *, struct bytes *ret);

#endif
