/* pair: the algorithms of key pairs on bare bytes. The kind of key is right already. */
#ifndef CRYPTO_PAIR_H
#define CRYPTO_PAIR_H

#include <crypto/algorithm.h>
#include <crypto/bytes.h>
#include <openssl/evp.h>
#include <stdbool.h>

bool pair_seal(EVP_PKEY *, const struct crypto_algorithm *, struct trb_slice text, struct trb_slice label, struct bytes *ret);
bool pair_open(EVP_PKEY *, const struct crypto_algorithm *, struct trb_slice text, struct trb_slice label, struct bytes *ret);
bool pair_sign(EVP_PKEY *, const struct crypto_algorithm *, struct trb_slice digest, struct bytes *ret);
bool pair_verify(EVP_PKEY *, const struct crypto_algorithm *, struct trb_slice digest, struct trb_slice signature);

#endif
