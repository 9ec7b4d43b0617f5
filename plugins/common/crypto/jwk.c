/* jwk: RFC 7517 and 7518, both ways; going out only the public parts. */
#include <base/codec.h>
#include <base/slice.h>
#include <crypto/key_inside.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <trilby/plugin.h>

#define MOST_NUMBER 4096            /* bytes of an RSA number, and of octets */

/* --------------------------------------------------------------------------------------- members */
static trb_code bad(struct trb_error *err, const char *what)
{
    return trb_error(err, TRB_INVALID, "BAD_KEY", "the JWK's member %s is missing or broken", what);
}

/* A text of plain characters, without its quotes; absent: at == NULL. */
static struct trb_slice plain(struct json_value object, const char *name)
{
    struct json_value v = json_find(object, slice_of(name));
    if (v.kind != JSON_STRING || memchr(v.raw.at, '\\', v.raw.len))
        return slice_from(NULL, 0);
    return slice_from(v.raw.at + 1, v.raw.len - 2);
}

static bool has(struct json_value object, const char *name)
{
    return json_find(object, slice_of(name)).kind != JSON_NONE;
}

static bool base64url(struct trb_slice text, struct bytes *ret)
{
    char *standard = mem_text(text.at, text.len);
    bool fine = true;
    for (size_t i = 0; i < text.len; i++) {
        fine = fine && standard[i] != '+' && standard[i] != '/';
        standard[i] = (char)(standard[i] == '-' ? '+' : standard[i] == '_' ? '/' : standard[i]);
    }
    bytes_make(ret, text.len * 3 / 4 + 3);
    size_t room = ret->len, len = 0;
    fine = fine && base64_decode(slice_from(standard, text.len), true, (char *)ret->at, &len, NULL);
    mem_wipe(standard, text.len);
    mem_free(standard);
    if (!fine || !len)
        return bytes_wipe(ret), false;
    mem_wipe(ret->at + len, room - len);
    ret->len = len;
    return true;
}

static bool number(struct json_value object, const char *name, struct bytes *ret, struct trb_error *err)
{
    struct trb_slice text = plain(object, name);
    if (text.len && text.len <= MOST_NUMBER * 4 / 3 + 4 && base64url(text, ret))
        return true;
    return bad(err, name), false;
}

/* ------------------------------------------------------------------------------- what it permits */
static uint32_t op_bit(struct trb_slice op)
{
    static const char *const names[] = {"encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"};
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_is(op, slice_of(names[i])))
            return 1u << i;
    return 0;
}

static uint32_t ops_of(struct json_value list)
{
    struct json_cursor c = json_enter(list);
    struct json_value v;
    uint32_t may = 0;
    while (json_next(&c, &v))
        if (v.kind == JSON_STRING)
            may |= op_bit(slice_from(v.raw.at + 1, v.raw.len - 2));
    return may;
}

static uint32_t use_bits(struct trb_slice use)
{
    return slice_is(use, SLICE("sig"))   ? CRYPTO_MAY_SIGN | CRYPTO_MAY_VERIFY
           : slice_is(use, SLICE("enc")) ? CRYPTO_MAY_ENCRYPT | CRYPTO_MAY_DECRYPT | CRYPTO_MAY_WRAP | CRYPTO_MAY_UNWRAP
                                         : 0;
}

static bool read_limits(struct json_value object, struct crypto_key *k, struct trb_error *err)
{
    struct json_value ops = json_find(object, SLICE("key_ops")), id = json_find(object, SLICE("kid"));
    if (has(object, "use"))
        k->may &= use_bits(plain(object, "use"));
    if (ops.kind != JSON_NONE && ops.kind != JSON_ARRAY)
        return bad(err, "key_ops"), false;
    if (ops.kind == JSON_ARRAY)
        k->may &= ops_of(ops);
    if (has(object, "alg") && !plain(object, "alg").at)
        return bad(err, "alg"), false;
    if (has(object, "alg"))
        k->algorithm = mem_text(plain(object, "alg").at, plain(object, "alg").len);
    if (id.kind == JSON_STRING) {
        struct arena *scratch = arena_create(SIZE_MAX);
        struct trb_slice text = json_text(scratch, id);
        k->id = mem_text(text.len ? text.at : "", text.len);
        arena_destroy(scratch);
    }
    return true;
}

/* ------------------------------------------------------------------------------------------ kinds */
struct member {
    const char *jwk, *param;
};
static const struct member rsa_members[] = {
    {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},          {"d", OSSL_PKEY_PARAM_RSA_D},
    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};
#define RSA_ALL (sizeof rsa_members / sizeof rsa_members[0])
#define RSA_PUBLIC 2u
#define RSA_SIMPLE 3u               /* without the primes */

static EVP_PKEY *make_pair(const char *type, OSSL_PARAM_BLD *build, bool is_private)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pair = NULL;
    if (!params || !c || EVP_PKEY_fromdata_init(c) <= 0 ||
        EVP_PKEY_fromdata(c, &pair, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) <= 0)
        pair = NULL;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    return pair;
}

/* The primes, where they are, are those of the modulus. */
static bool is_sound_rsa(BIGNUM *const *numbers)
{
    if (!numbers[3])
        return true;
    BN_CTX *c = BN_CTX_secure_new();
    BIGNUM *product = BN_secure_new();
    bool fine = c && product && BN_mul(product, numbers[3], numbers[4], c) && !BN_cmp(product, numbers[0]);
    BN_clear_free(product);
    BN_CTX_free(c);
    return fine;
}

static EVP_PKEY *rsa_read(struct json_value object, bool *ret_private, struct trb_error *err)
{
    uint32_t count = has(object, "p") ? (uint32_t)RSA_ALL : has(object, "d") ? RSA_SIMPLE : RSA_PUBLIC, i;
    BIGNUM *numbers[RSA_ALL] = {0};
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *pair = NULL;
    *ret_private = count != RSA_PUBLIC;
    for (i = 0; i < count; i++) {
        struct bytes b;
        if (!number(object, rsa_members[i].jwk, &b, err))
            break;
        numbers[i] = i < RSA_PUBLIC ? BN_new() : BN_secure_new();
        BN_bin2bn(b.at, (int)b.len, numbers[i]);
        bytes_wipe(&b);
        if (!OSSL_PARAM_BLD_push_BN(build, rsa_members[i].param, numbers[i]))
            break;
    }
    if (i == count && is_sound_rsa(numbers))
        pair = make_pair("RSA", build, *ret_private);
    OSSL_PARAM_BLD_free(build);
    for (i = 0; i < RSA_ALL; i++)
        BN_clear_free(numbers[i]);
    return pair;
}

/* A point is on its curve, and a private number belongs to it. */
static bool is_sound_ec(EVP_PKEY *pair, bool is_private)
{
    EVP_PKEY_CTX *c = pair ? EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL) : NULL;
    bool fine = c && EVP_PKEY_public_check(c) == 1 && (!is_private || EVP_PKEY_pairwise_check(c) == 1);
    EVP_PKEY_CTX_free(c);
    return fine;
}

static EVP_PKEY *ec_build(const struct crypto_curve *curve, const struct bytes *x, const struct bytes *y, const struct bytes *d)
{
    uint8_t point[1 + 2 * 66] = {4};
    BIGNUM *secret = d->at ? BN_secure_new() : NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    memcpy(point + 1, x->at, curve->len);
    memcpy(point + 1 + curve->len, y->at, curve->len);
    if (secret)
        BN_bin2bn(d->at, (int)d->len, secret);
    EVP_PKEY *pair = NULL;
    if (OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * curve->len) &&
        (!secret || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret)))
        pair = make_pair("EC", build, secret != NULL);
    if (pair && !is_sound_ec(pair, secret != NULL)) {
        EVP_PKEY_free(pair);
        pair = NULL;
    }
    OSSL_PARAM_BLD_free(build);
    BN_clear_free(secret);
    return pair;
}

static EVP_PKEY *ec_read(struct json_value object, bool *ret_private, struct trb_error *err)
{
    const struct crypto_curve *curve = crypto_curve_named(plain(object, "crv"));
    struct bytes x = {0}, y = {0}, d = {0};
    EVP_PKEY *pair = NULL;
    *ret_private = has(object, "d");
    if (!curve)
        trb_error(err, TRB_INVALID, "BAD_KEY", "the JWK's curve is none of P-256, P-384 and P-521");
    else if (number(object, "x", &x, err) && number(object, "y", &y, err) && (!*ret_private || number(object, "d", &d, err)) &&
             x.len == curve->len && y.len == curve->len && (!d.at || d.len == curve->len))
        pair = ec_build(curve, &x, &y, &d);
    bytes_wipe(&x);
    bytes_wipe(&y);
    bytes_wipe(&d);
    return pair;
}

static EVP_PKEY *okp_read(struct json_value object, bool *ret_private, struct trb_error *err)
{
    struct bytes x = {0}, d = {0};
    uint8_t derived[32];
    size_t len = sizeof derived;
    EVP_PKEY *pair = NULL;
    *ret_private = has(object, "d");
    if (!slice_is(plain(object, "crv"), SLICE("Ed25519")))
        trb_error(err, TRB_INVALID, "BAD_KEY", "the JWK's curve is not Ed25519");
    else if (number(object, "x", &x, err) && (!*ret_private || number(object, "d", &d, err)))
        pair = *ret_private ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d.at, d.len)
                            : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.at, x.len);
    if (pair && (!EVP_PKEY_get_raw_public_key(pair, derived, &len) || len != x.len || memcmp(derived, x.at, len))) {
        EVP_PKEY_free(pair);            /* x is not what belongs to d */
        pair = NULL;
    }
    bytes_wipe(&x);
    bytes_wipe(&d);
    return pair;
}

static struct crypto_key *octets_read(struct json_value object, struct crypto_key *k, struct trb_error *err)
{
    return number(object, "k", &k->octets, err) ? k : crypto_key_unref(k);
}

static struct crypto_key *pair_read(struct json_value object, struct trb_slice kind, struct crypto_key *k, struct trb_error *err)
{
    bool is_private = false;
    EVP_PKEY *pair = NULL;
    if (slice_is(kind, SLICE("RSA")))
        pair = rsa_read(object, &is_private, err);
    else if (slice_is(kind, SLICE("EC")))
        pair = ec_read(object, &is_private, err);
    else if (slice_is(kind, SLICE("OKP")))
        pair = okp_read(object, &is_private, err);
    else
        trb_error(err, TRB_INVALID, "BAD_KEY", "the JWK's kty is none of RSA, EC, OKP and oct");
    if (pair)
        return crypto_key_with(k, pair, is_private, err);
    if (!err->code)
        trb_error(err, TRB_INVALID, "BAD_KEY", "the JWK's numbers are no key");
    return crypto_key_unref(k);
}

struct crypto_key *crypto_key_from_jwk(struct json_value object, struct trb_error *err)
{
    struct crypto_key *k = crypto_key_new();
    struct trb_slice kind = plain(object, "kty");
    err->code = TRB_OK;
    if (!read_limits(object, k, err))
        return crypto_key_unref(k);
    k = slice_is(kind, SLICE("oct")) ? octets_read(object, k, err) : pair_read(object, kind, k, err);
    ERR_clear_error();
    return k;
}

/* ------------------------------------------------------------------------------------ going out */
static void add_base64url(struct text *t, const char *name, const uint8_t *at, size_t len)
{
    char encoded[MOST_NUMBER * 4 / 3 + 4];
    size_t count = base64_encode(slice_from((const char *)at, len), false, encoded);
    for (size_t i = 0; i < count; i++)
        encoded[i] = (char)(encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i]);
    text_addf(t, ",\"%s\":\"%.*s\"", name, (int)count, encoded);
}

static bool add_number(struct text *t, const char *name, const EVP_PKEY *pair, const char *param, size_t width)
{
    uint8_t bytes[MOST_NUMBER];
    BIGNUM *n = NULL;
    if (!EVP_PKEY_get_bn_param(pair, param, &n))
        return false;
    int len = width ? BN_bn2binpad(n, bytes, (int)width) : BN_num_bytes(n) <= MOST_NUMBER ? BN_bn2bin(n, bytes) : -1;
    BN_free(n);
    if (len > 0)
        add_base64url(t, name, bytes, (size_t)len);
    return len > 0;
}

static bool add_public(const struct crypto_key *k, struct text *t)
{
    const struct crypto_curve *curve = crypto_curve_of(k->pair);
    uint8_t raw[32];
    size_t len = sizeof raw;
    if (curve) {
        text_addf(t, "{\"kty\":\"EC\",\"crv\":\"%s\"", curve->jwk);
        return add_number(t, "x", k->pair, OSSL_PKEY_PARAM_EC_PUB_X, curve->len) &&
               add_number(t, "y", k->pair, OSSL_PKEY_PARAM_EC_PUB_Y, curve->len);
    }
    if (EVP_PKEY_is_a(k->pair, "RSA")) {
        text_adds(t, "{\"kty\":\"RSA\"");
        return add_number(t, "n", k->pair, OSSL_PKEY_PARAM_RSA_N, 0) && add_number(t, "e", k->pair, OSSL_PKEY_PARAM_RSA_E, 0);
    }
    text_adds(t, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"");
    if (!EVP_PKEY_get_raw_public_key(k->pair, raw, &len))
        return false;
    add_base64url(t, "x", raw, len);
    return true;
}

bool crypto_jwk_write(const struct crypto_key *k, struct text *ret)
{
    bool fine = add_public(k, ret);
    if (k->algorithm) {
        text_adds(ret, ",\"alg\":");
        text_add_json(ret, slice_of(k->algorithm), false);
    }
    if (k->id) {
        text_adds(ret, ",\"kid\":");
        text_add_json(ret, slice_of(k->id), false);
    }
    text_addc(ret, '}');
    return fine;
}
