/* segments: keys from the file key, nonces from the counter, one cipher for all. */
#include <base/mem.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <sealed/inside.h>
#include <string.h>

#define SEGMENTS_MOST (1ull << 32)

/* HKDF with SHA-256, RFC 5869. */
static bool derive(const uint8_t file_key[SEALED_KEY], struct trb_slice salt, struct trb_slice info, uint8_t ret[32])
{
    OSSL_PARAM with[5], *p = with;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)"SHA256", 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)file_key, SEALED_KEY);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info.at, info.len);
    if (salt.len)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt.at, salt.len);
    *p = OSSL_PARAM_construct_end();
    bool fine = c && EVP_KDF_derive(c, ret, 32, with) > 0;
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
    return fine;
}

bool header_mac(const uint8_t file_key[SEALED_KEY], struct trb_slice lines, uint8_t ret[MAC])
{
    uint8_t key[32];
    unsigned int len = MAC;
    bool fine = derive(file_key, (struct trb_slice){NULL, 0}, (struct trb_slice){"header", 6}, key) &&
                HMAC(EVP_sha256(), key, sizeof key, (const uint8_t *)lines.at, lines.len, ret, &len);
    mem_wipe(key, sizeof key);
    ERR_clear_error();
    return fine && len == MAC;
}

bool segments_init(struct segments *s, uint32_t cipher, const uint8_t file_key[SEALED_KEY], const uint8_t prefix[PREFIX], bool seals)
{
    const EVP_CIPHER *how = cipher == CIPHER_AES_GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
    uint8_t key[32];
    *s = (struct segments){.cipher = EVP_CIPHER_CTX_new()};
    memcpy(s->prefix, prefix, PREFIX);
    bool fine = s->cipher && derive(file_key, (struct trb_slice){(const char *)prefix, PREFIX}, (struct trb_slice){"payload", 7}, key) &&
                EVP_CipherInit_ex2(s->cipher, how, key, NULL, seals, NULL);
    mem_wipe(key, sizeof key);
    ERR_clear_error();
    return fine;
}

void segments_fini(struct segments *s)
{
    EVP_CIPHER_CTX_free(s->cipher);
    s->cipher = NULL;
}

static bool begin(struct segments *s, bool is_last, int seals)
{
    uint8_t nonce[12];
    if (s->next >= SEGMENTS_MOST)
        return false;
    memcpy(nonce, s->prefix, PREFIX);
    for (int i = 0; i < 4; i++)
        nonce[PREFIX + i] = (uint8_t)(s->next >> (24 - 8 * i));
    nonce[11] = is_last;
    s->next++;
    return EVP_CipherInit_ex2(s->cipher, NULL, NULL, nonce, seals, NULL) > 0;
}

bool segment_seal(struct segments *s, const uint8_t *plain, size_t len, bool is_last, uint8_t *ret)
{
    int made = 0, more = 0;
    bool fine = begin(s, is_last, 1) && EVP_EncryptUpdate(s->cipher, ret, &made, plain, (int)len) > 0 &&
                EVP_EncryptFinal_ex(s->cipher, ret + made, &more) > 0 && (size_t)made == len &&
                EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_GET_TAG, SEALED_TAG, ret + len) > 0;
    ERR_clear_error();
    return fine;
}

bool segment_open(struct segments *s, const uint8_t *sealed, size_t len, bool is_last, uint8_t *ret)
{
    int made = 0, more = 0;
    if (len <= SEALED_TAG)
        return false;                   /* even the last one holds a byte */
    len -= SEALED_TAG;
    void *tag = (void *)(uintptr_t)(sealed + len);
    bool fine = begin(s, is_last, 0) && EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_AEAD_SET_TAG, SEALED_TAG, tag) > 0 &&
                EVP_DecryptUpdate(s->cipher, ret, &made, sealed, (int)len) > 0 && EVP_DecryptFinal_ex(s->cipher, ret + made, &more) > 0;
    ERR_clear_error();
    return fine && (size_t)made == len;
}
