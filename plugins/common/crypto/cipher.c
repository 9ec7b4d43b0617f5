/* cipher: AES and ChaCha20 by OpenSSL's EVP; CBC with HMAC composed as in RFC 7518 5.2. */
#include <crypto/cipher.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define MOST ((size_t)INT_MAX - 64)     /* EVP counts in int */
#define BLOCK 16u

static const uint8_t *at_of(struct trb_slice s)
{
    return (const uint8_t *)(s.at ? s.at : "");
}

/* ----------------------------------------------------------------------------------- one EVP run */
struct run {
    const char *cipher;
    const uint8_t *key, *nonce;
    uint32_t nonce_len;
    int is_padded;
    struct trb_slice associated;
    const uint8_t *given_tag;           /* opening */
    uint8_t *ret_tag;                   /* sealing */
    uint32_t tag_len;
};

static bool set_up(EVP_CIPHER_CTX *c, const struct run *r, int seals)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, r->cipher, NULL);
    int ignored;
    EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    bool fine = cipher && EVP_CipherInit_ex2(c, cipher, NULL, NULL, seals, NULL) &&
                (!r->tag_len || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_IVLEN, (int)r->nonce_len, NULL)) &&
                EVP_CipherInit_ex2(c, NULL, r->key, r->nonce, seals, NULL) && EVP_CIPHER_CTX_set_padding(c, r->is_padded) &&
                (seals || !r->tag_len || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, (int)r->tag_len, (void *)(uintptr_t)r->given_tag)) &&
                (!r->associated.len || EVP_CipherUpdate(c, NULL, &ignored, at_of(r->associated), (int)r->associated.len));
    EVP_CIPHER_free(cipher);
    return fine;
}

/* One input, one output; nothing comes out unless all is right. */
static bool run(const struct run *r, int seals, struct trb_slice text, struct bytes *ret)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0, last = 0;
    if (text.len > MOST || r->associated.len > MOST || !c)
        return EVP_CIPHER_CTX_free(c), false;
    bytes_make(ret, text.len + 2 * BLOCK);
    bool fine = set_up(c, r, seals) && EVP_CipherUpdate(c, ret->at, &len, at_of(text), (int)text.len) > 0 &&
                EVP_CipherFinal_ex(c, ret->at + len, &last) > 0 &&
                (!seals || !r->tag_len || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, (int)r->tag_len, r->ret_tag) > 0);
    EVP_CIPHER_CTX_free(c);
    if (!fine)
        return bytes_wipe(ret), false;
    size_t made = (size_t)len + (size_t)last;
    mem_wipe(ret->at + made, ret->len - made);
    ret->len = made;
    return true;
}

/* ------------------------------------------------------------------------------ AES with HMAC */
static bool authenticate(const struct cipher_input *i, struct trb_slice sealed, uint8_t ret[EVP_MAX_MD_SIZE])
{
    const struct crypto_algorithm *a = i->algorithm;
    uint64_t bits = (uint64_t)i->associated.len * 8;
    uint8_t count[8];
    size_t len = 0;
    OSSL_PARAM hash[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)a->hash, 0), OSSL_PARAM_END};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(mac);
    for (int n = 0; n < 8; n++)
        count[n] = (uint8_t)(bits >> (56 - 8 * n));
    bool fine = c && EVP_MAC_init(c, i->key, a->key_len / 2, hash) && EVP_MAC_update(c, at_of(i->associated), i->associated.len) &&
                EVP_MAC_update(c, at_of(i->nonce), i->nonce.len) && EVP_MAC_update(c, at_of(sealed), sealed.len) &&
                EVP_MAC_update(c, count, sizeof count) && EVP_MAC_final(c, ret, &len, EVP_MAX_MD_SIZE) && len >= a->tag_len;
    EVP_MAC_CTX_free(c);
    EVP_MAC_free(mac);
    return fine;
}

static bool cbc_hs_seal(const struct cipher_input *i, const struct run *r, struct bytes *ret, struct bytes *ret_tag)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    if (!run(r, 1, i->text, ret))
        return false;
    if (!authenticate(i, bytes_slice(ret), mac))
        return bytes_wipe(ret), false;
    memcpy(ret_tag->at, mac, ret_tag->len);
    return true;
}

static bool cbc_hs_open(const struct cipher_input *i, const struct run *r, struct bytes *ret)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    return authenticate(i, i->text, mac) && !CRYPTO_memcmp(mac, i->tag.at, i->algorithm->tag_len) && run(r, 0, i->text, ret);
}

/* ------------------------------------------------------------------------------------- all kinds */
/* What EVP is told; subkey and short nonce are XChaCha's. */
static struct run plan(const struct cipher_input *i, uint8_t subkey[32], uint8_t nonce[12])
{
    const struct crypto_algorithm *a = i->algorithm;
    struct run r = {.cipher = a->cipher, .key = i->key, .nonce = at_of(i->nonce), .nonce_len = a->nonce_len,
                    .is_padded = a->kind == CRYPTO_CBC || a->kind == CRYPTO_CBC_HS};
    if (a->kind == CRYPTO_CBC_HS)
        r.key += a->key_len / 2;
    else if (a->tag_len)
        r.tag_len = a->tag_len, r.associated = i->associated;
    if (a->kind == CRYPTO_KW)
        r.nonce = NULL;                 /* the initial value of RFC 3394 */
    if (a->kind == CRYPTO_XC20P) {
        hchacha20(i->key, r.nonce, subkey);
        memset(nonce, 0, 4);
        memcpy(nonce + 4, r.nonce + 16, 8);
        r.key = subkey, r.nonce = nonce, r.nonce_len = 12;
    }
    return r;
}

static bool suits(const struct cipher_input *i, bool seals)
{
    size_t len = i->text.len;
    switch (i->algorithm->kind) {
    case CRYPTO_CBC: case CRYPTO_CBC_HS: return seals || (len && len % BLOCK == 0);
    case CRYPTO_CBC_BARE: return len && len % BLOCK == 0;
    case CRYPTO_KW: return len % 8 == 0 && len >= (seals ? 16u : 24u);
    default: return true;
    }
}

bool cipher_seal(const struct cipher_input *i, struct bytes *ret, struct bytes *ret_tag)
{
    uint8_t subkey[32], nonce[12];
    if (!suits(i, true))
        return false;
    struct run r = plan(i, subkey, nonce);
    if (i->algorithm->tag_len)
        bytes_make(ret_tag, i->algorithm->tag_len);
    r.ret_tag = ret_tag->at;
    bool fine = i->algorithm->kind == CRYPTO_CBC_HS ? cbc_hs_seal(i, &r, ret, ret_tag) : run(&r, 1, i->text, ret);
    if (!fine)
        bytes_wipe(ret_tag);
    mem_wipe(subkey, sizeof subkey);
    return fine;
}

bool cipher_open(const struct cipher_input *i, struct bytes *ret)
{
    uint8_t subkey[32], nonce[12];
    if (!suits(i, false) || i->tag.len != i->algorithm->tag_len)
        return false;
    struct run r = plan(i, subkey, nonce);
    r.given_tag = at_of(i->tag);
    bool fine = i->algorithm->kind == CRYPTO_CBC_HS ? cbc_hs_open(i, &r, ret) : run(&r, 0, i->text, ret);
    mem_wipe(subkey, sizeof subkey);
    return fine;
}
