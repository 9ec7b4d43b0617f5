/* key: assertions signed with RSA and SHA-256. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <oauth/oauth.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#define SHA1_LEN 20u

struct oauth_key {
    EVP_PKEY *key;
    X509 *certificate;
};

static void read_pem(struct oauth_key *k, struct trb_slice text, const char *password)
{
    void *secret = (void *)(uintptr_t)(password ? password : "");
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    k->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, secret);
    BIO_free(bio);
    bio = BIO_new_mem_buf(text.at, (int)text.len);
    k->certificate = PEM_read_bio_X509(bio, NULL, NULL, secret);
    BIO_free(bio);
}

static void read_pkcs12(struct oauth_key *k, struct trb_slice bytes, const char *password)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    PKCS12 *p = d2i_PKCS12(NULL, &at, (long)bytes.len);
    if (p)
        PKCS12_parse(p, password ? password : "", &k->key, &k->certificate, NULL);
    PKCS12_free(p);
}

static void read_coded(struct oauth_key *k, struct trb_slice text, const char *password)
{
    char *bytes = mem_alloc(text.len * 3 / 4 + 3);
    size_t len = 0;
    if (base64_decode(slice_trim(text), true, bytes, &len, NULL))
        read_pkcs12(k, slice_from(bytes, len), password);
    mem_wipe(bytes, len);
    mem_free(bytes);
}

struct oauth_key *oauth_key_create(const char *who, struct trb_slice bytes, const char *password, struct trb_error *err)
{
    struct oauth_key *k = mem_zero(sizeof *k);
    if (slice_contains(bytes, SLICE("-----BEGIN ")))
        read_pem(k, bytes, password);
    else
        read_pkcs12(k, bytes, password);
    if (!k->key && !slice_contains(bytes, SLICE("-----BEGIN ")))
        read_coded(k, bytes, password);
    ERR_clear_error();
    if (k->key && EVP_PKEY_is_a(k->key, "RSA"))
        return k;
    trb_error(err, TRB_INVALID, "BAD_KEY", "%s: the private key is no RSA key in PEM or PKCS#12 form, or its password is wrong", who);
    return oauth_key_destroy(k);
}

struct oauth_key *oauth_key_destroy(struct oauth_key *k)
{
    if (!k)
        return NULL;
    EVP_PKEY_free(k->key);
    X509_free(k->certificate);
    return mem_free(k);
}

static void add_coded(struct text *t, const void *at, size_t len)
{
    char *room = text_room(t, base64_encoded_len(len, false));
    size_t coded = base64_encode(slice_from(at, len), false, room);
    for (size_t n = 0; n < coded; n++)
        room[n] = (char)(room[n] == '+' ? '-' : room[n] == '/' ? '_' : room[n]);
    text_wrote(t, coded);
}

bool oauth_key_thumbprint(const struct oauth_key *k, struct text *ret)
{
    unsigned char digest[SHA1_LEN];
    unsigned int len = sizeof digest;
    if (!k->certificate || !X509_digest(k->certificate, EVP_sha1(), digest, &len))
        return false;
    add_coded(ret, digest, len);
    return true;
}

bool oauth_assert(const struct oauth_key *k, struct trb_slice header, struct trb_slice claims, struct text *ret)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t start = ret->len, len = (size_t)EVP_PKEY_get_size(k->key);
    unsigned char *signature = mem_alloc(len);
    add_coded(ret, header.at, header.len);
    text_addc(ret, '.');
    add_coded(ret, claims.at, claims.len);
    bool ok = EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->key) == 1 &&
              EVP_DigestSign(ctx, signature, &len, (unsigned char *)ret->at + start, ret->len - start) == 1;
    text_addc(ret, '.');
    if (ok)
        add_coded(ret, signature, len);
    mem_free(signature);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}
