/* algorithm: the table. RFC 7518, RFC 8037, and the names of the contract for ChaCha20. */
#include <base/slice.h>
#include <crypto/algorithm.h>

#define SYMMETRIC(name_, kind_, key, cipher_, nonce, tag)                                          \
    {.name = (name_), .kind = (kind_), .key_len = (key), .cipher = (cipher_), .nonce_len = (nonce), .tag_len = (tag)}
#define HASHED(name_, kind_, hash_, len) {.name = (name_), .kind = (kind_), .hash = (hash_), .hash_len = (len)}

static const struct crypto_algorithm all[] = {
    SYMMETRIC("A128CBC", CRYPTO_CBC, 16, "AES-128-CBC", 16, 0),
    SYMMETRIC("A192CBC", CRYPTO_CBC, 24, "AES-192-CBC", 16, 0),
    SYMMETRIC("A256CBC", CRYPTO_CBC, 32, "AES-256-CBC", 16, 0),
    SYMMETRIC("A128CBC-NOPAD", CRYPTO_CBC_BARE, 16, "AES-128-CBC", 16, 0),
    SYMMETRIC("A192CBC-NOPAD", CRYPTO_CBC_BARE, 24, "AES-192-CBC", 16, 0),
    SYMMETRIC("A256CBC-NOPAD", CRYPTO_CBC_BARE, 32, "AES-256-CBC", 16, 0),
    SYMMETRIC("A128GCM", CRYPTO_GCM, 16, "AES-128-GCM", 12, 16),
    SYMMETRIC("A192GCM", CRYPTO_GCM, 24, "AES-192-GCM", 12, 16),
    SYMMETRIC("A256GCM", CRYPTO_GCM, 32, "AES-256-GCM", 12, 16),
    {"A128CBC-HS256", CRYPTO_CBC_HS, 32, "AES-128-CBC", "SHA256", 16, 16, 32, NULL},
    {"A192CBC-HS384", CRYPTO_CBC_HS, 48, "AES-192-CBC", "SHA384", 16, 24, 48, NULL},
    {"A256CBC-HS512", CRYPTO_CBC_HS, 64, "AES-256-CBC", "SHA512", 16, 32, 64, NULL},
    SYMMETRIC("A128KW", CRYPTO_KW, 16, "AES-128-WRAP", 0, 0),
    SYMMETRIC("A192KW", CRYPTO_KW, 24, "AES-192-WRAP", 0, 0),
    SYMMETRIC("A256KW", CRYPTO_KW, 32, "AES-256-WRAP", 0, 0),
    SYMMETRIC("C20P", CRYPTO_C20P, 32, "ChaCha20-Poly1305", 12, 16),
    SYMMETRIC("C20PKW", CRYPTO_C20P, 32, "ChaCha20-Poly1305", 12, 16),
    SYMMETRIC("XC20P", CRYPTO_XC20P, 32, "ChaCha20-Poly1305", 24, 16),
    SYMMETRIC("XC20PKW", CRYPTO_XC20P, 32, "ChaCha20-Poly1305", 24, 16),
    HASHED("RSA1_5", CRYPTO_RSA1_5, NULL, 0),
    HASHED("RSA-OAEP", CRYPTO_RSA_OAEP, "SHA1", 20),
    HASHED("RSA-OAEP-256", CRYPTO_RSA_OAEP, "SHA256", 32),
    HASHED("RSA-OAEP-384", CRYPTO_RSA_OAEP, "SHA384", 48),
    HASHED("RSA-OAEP-512", CRYPTO_RSA_OAEP, "SHA512", 64),
    HASHED("RS256", CRYPTO_RS, "SHA256", 32),
    HASHED("RS384", CRYPTO_RS, "SHA384", 48),
    HASHED("RS512", CRYPTO_RS, "SHA512", 64),
    HASHED("PS256", CRYPTO_PS, "SHA256", 32),
    HASHED("PS384", CRYPTO_PS, "SHA384", 48),
    HASHED("PS512", CRYPTO_PS, "SHA512", 64),
    {"ES256", CRYPTO_ES, 0, NULL, "SHA256", 0, 0, 32, "P-256"},
    {"ES384", CRYPTO_ES, 0, NULL, "SHA384", 0, 0, 48, "P-384"},
    {"ES512", CRYPTO_ES, 0, NULL, "SHA512", 0, 0, 64, "P-521"},
    HASHED("EdDSA", CRYPTO_EDDSA, NULL, 0),
};

const struct crypto_algorithm *crypto_algorithm_find(struct trb_slice name)
{
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (slice_is(name, slice_of(all[i].name)))
            return &all[i];
    return NULL;
}
