/* cipher: the symmetric algorithms on bare bytes. Lengths of key and nonce are right already. */
#ifndef CRYPTO_CIPHER_H
#define CRYPTO_CIPHER_H

#include <crypto/algorithm.h>
#include <crypto/bytes.h>
#include <stdbool.h>

struct cipher_input {
    const struct crypto_algorithm *algorithm;
    const uint8_t *key;
    struct trb_slice text, nonce, associated, tag;     /* tag: to open */
};

/* false: the text's length does not suit the algorithm. ret_tag's at stays NULL where it has none. */
bool cipher_seal(const struct cipher_input *, struct bytes *ret, struct bytes *ret_tag);
/* false: it is not what was sealed, or not with this key. */
bool cipher_open(const struct cipher_input *, struct bytes *ret);

/* draft-irtf-cfrg-xchacha 2.2: a key from a key and sixteen bytes of the nonce. */
void hchacha20(const uint8_t key[32], const uint8_t nonce[16], uint8_t ret[32]);

#endif
