/* crypto_key_fuzz: any bytes as a key, in each form: what is read has a public part that is read again, what is
 * refused has a sentence. */
#include <base/slice.h>
#include <crypto/key.h>
#include <stdlib.h>
#include <trilby/plugin.h>

static void judge(const struct crypto_key *k, bool as_jwk)
{
    struct trb_error err = {.size = sizeof err};
    struct text text = {0};
    if (crypto_key_public(k, as_jwk, &text)) {
        struct crypto_key *again = crypto_key_read(text_slice(&text), as_jwk ? CRYPTO_FORM_JWK : CRYPTO_FORM_PEM, &err);
        if (!again || crypto_key_is_private(again) || crypto_key_is_symmetric(again))
            abort();
        crypto_key_unref(again);
    } else if (!crypto_key_is_symmetric(k)) {
        abort();
    }
    text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_error err = {.size = sizeof err};
    if (!size)
        return 0;
    struct crypto_key *k = crypto_key_read(slice_from((const char *)data + 1, size - 1), data[0] % 3, &err);
    if (!k) {
        if (!err.code || !err.message[0])
            abort();
        return 0;
    }
    judge(k, true);
    judge(k, false);
    crypto_key_unref(k);
    return 0;
}
