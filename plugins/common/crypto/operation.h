/* operation: what is done with a key: seal, open, wrap, unwrap, sign, verify. The algorithm, the key's own
 * limits and every length are checked; a refusal is one sentence without a word of key or text.
 *
 * Results are the caller's to wipe. RSA takes milliseconds: [worker], or on a loop for public keys only. */
#ifndef CRYPTO_OPERATION_H
#define CRYPTO_OPERATION_H

#include <crypto/algorithm.h>
#include <crypto/key.h>
#include <trilby/crypto.h>

struct crypto_sealing {
    struct bytes bytes, tag;        /* a tag's at is NULL where the algorithm has none */
};

bool crypto_seal(const struct crypto_key *, const struct trb_crypto_seal *, struct crypto_sealing *ret, struct trb_error *err);
bool crypto_open(const struct crypto_key *, const struct trb_crypto_open *, struct bytes *ret, struct trb_error *err);
/* As seal and open; plain is a key in any form of key.h, what comes back its bytes. */
bool crypto_wrap(const struct crypto_key *, const struct trb_crypto_seal *, struct crypto_sealing *ret, struct trb_error *err);
bool crypto_unwrap(const struct crypto_key *, const struct trb_crypto_open *, struct bytes *ret, struct trb_error *err);
/* ES signatures are r and s, one behind the other, as in a JWS. */
bool crypto_sign(const struct crypto_key *, const struct trb_crypto_sign *, struct bytes *ret, struct trb_error *err);
bool crypto_verify(const struct crypto_key *, const struct trb_crypto_verify *, bool *ret_valid, struct trb_error *err);

void crypto_sealing_wipe(struct crypto_sealing *);

#endif
