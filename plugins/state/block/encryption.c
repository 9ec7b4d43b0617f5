/* encryption: see encryption.h. AES-GCM is OpenSSL's. */
#include "encryption.h"
#include <base/arena.h>
#include <base/check.h>
#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <openssl/evp.h>

#define NONCE 12
#define TAG 16
#define BUDGET (1u << 20)

struct key {
    char *name;                            /* of the secret */
    unsigned char bytes[32];
    size_t len;                            /* 0: there is none */
};

struct encryption {
    struct key primary, secondary;
};

/* ----------------------------------------------------------------------------------------- keys */
static const EVP_CIPHER *cipher_of(const struct key *k)
{
    return k->len == 16 ? EVP_aes_128_gcm() : k->len == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

static trb_code key_read(struct arena *a, struct json_value item, const char *option, struct key *k, struct trb_error *err)
{
    struct json_value ref = json_find(item, SLICE("secretKeyRef")), value = json_find(item, SLICE("value"));
    struct json_value name = ref.kind == JSON_OBJECT ? json_find(ref, SLICE("name")) : (struct json_value){0};
    struct trb_slice hex = value.kind == JSON_STRING ? slice_trim(json_text(a, value)) : SLICE("");
    struct trb_slice said = name.kind == JSON_STRING ? json_text(a, name) : slice_of(option);
    if (!hex.len)
        return TRB_OK;
    if ((hex.len != 32 && hex.len != 48 && hex.len != 64) || !hex_decode(hex, (char *)k->bytes))
        return trb_error(err, TRB_INVALID, "BAD_KEY", "%s: a key is 32, 48 or 64 hex digits", option);
    k->len = hex.len / 2;
    k->name = mem_text(said.at, said.len);
    return TRB_OK;
}

static trb_code keys_read(struct arena *a, struct json_value items, struct encryption *e, struct trb_error *err)
{
    struct json_value item;
    trb_code code = TRB_OK;
    if (items.kind != JSON_ARRAY)
        return TRB_OK;
    for (struct json_cursor c = json_enter(items); !code && json_next(&c, &item);) {
        struct json_value name = item.kind == JSON_OBJECT ? json_find(item, SLICE("name")) : (struct json_value){0};
        struct trb_slice text = name.kind == JSON_STRING ? json_text(a, name) : SLICE("");
        if (slice_is_nocase(text, SLICE("primaryEncryptionKey")))
            code = key_read(a, item, "primaryEncryptionKey", &e->primary, err);
        else if (slice_is_nocase(text, SLICE("secondaryEncryptionKey")))
            code = key_read(a, item, "secondaryEncryptionKey", &e->secondary, err);
    }
    return code;
}

static struct json_value member(struct json_value object, const char *name)
{
    return object.kind == JSON_OBJECT ? json_find(object, slice_of(name)) : (struct json_value){0};
}

trb_code encryption_create(struct trb_slice document, struct encryption **ret, const char **ret_note,
                           struct trb_error *err)
{
    struct json_value root;
    struct json_fault fault;
    struct encryption *e = mem_zero(sizeof *e);
    struct arena *a = arena_create(BUDGET);
    struct trb_error ignored = {.size = sizeof ignored};
    trb_code code = TRB_OK;
    if (json_parse(document, &root, &fault)) {
        struct json_value store = member(member(root, "auth"), "secretStore");
        bool is_on = store.kind == JSON_STRING && json_text(a, store).len;
        code = keys_read(a, member(member(root, "spec"), "metadata"), e, is_on ? err : &ignored);
        if (!is_on && (code || e->primary.len))
            *ret_note = "primaryEncryptionKey has no effect without auth.secretStore: values are stored as they are";
        if (!is_on)
            code = TRB_OK;
        *ret = is_on && !code && e->primary.len ? e : NULL;
    }
    arena_destroy(a);
    if (*ret != e)
        encryption_destroy(e);
    return code;
}

static void key_wipe(struct key *k)
{
    mem_wipe((char *)k->bytes, sizeof k->bytes);
    mem_free(k->name);
}

struct encryption *encryption_destroy(struct encryption *e)
{
    if (!e)
        return NULL;
    key_wipe(&e->primary);
    key_wipe(&e->secondary);
    return mem_free(e);
}

/* -------------------------------------------------------------------------------------- sealing */
static struct trb_slice plain_of(struct arena *a, struct trb_data value, bool is_json)
{
    struct trb_slice raw = slice_from(value.at ? value.at : "", value.len);
    struct json_value v;
    struct json_fault fault;
    return is_json && json_parse(raw, &v, &fault) && v.kind == JSON_STRING ? json_text(a, v) : raw;
}

static void seal(const struct key *k, struct trb_slice plain, unsigned char *box)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    random_bytes(box, NONCE);
    bool is_sealed = c && EVP_EncryptInit_ex(c, cipher_of(k), NULL, k->bytes, box) == 1 &&
                     EVP_EncryptUpdate(c, box + NONCE, &len, (const unsigned char *)plain.at, (int)plain.len) == 1 &&
                     EVP_EncryptFinal_ex(c, box + NONCE + len, &rest) == 1 &&
                     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, box + NONCE + plain.len) == 1;
    EVP_CIPHER_CTX_free(c);
    check(is_sealed);                      /* without memory only; plain text must never leave instead */
}

struct trb_data encryption_seal(const struct encryption *e, struct trb_request *rq, struct trb_data value, bool is_json)
{
    struct arena *a = arena_create(SIZE_MAX);
    struct trb_slice plain = plain_of(a, value, is_json);
    check(plain.len <= INT32_MAX - 64);
    size_t box_len = NONCE + plain.len + TAG, name_len = strlen(e->primary.name);
    unsigned char *box = arena_alloc(a, box_len);
    char *text = trb_alloc(rq, base64_encoded_len(box_len, true) + 2 + name_len + 1);
    seal(&e->primary, plain, box);
    size_t len = base64_encode(slice_from((char *)box, box_len), true, text);
    memcpy(text + len, "||", 2);
    memcpy(text + len + 2, e->primary.name, name_len);
    arena_destroy(a);
    return (struct trb_data){text, len + 2 + name_len, NULL};
}

/* -------------------------------------------------------------------------------------- opening */
static const struct key *key_of(const struct encryption *e, struct trb_slice name)
{
    if (e->primary.len && slice_is(name, slice_of(e->primary.name)))
        return &e->primary;
    return e->secondary.len && slice_is(name, slice_of(e->secondary.name)) ? &e->secondary : NULL;
}

/* The value, and the name behind the last "||". */
static bool split(struct trb_slice sealed, struct trb_slice *ret_box, struct trb_slice *ret_name)
{
    for (size_t i = sealed.len; i >= 2; i--)
        if (sealed.at[i - 1] == '|' && sealed.at[i - 2] == '|') {
            *ret_box = slice_cut(sealed, i - 2);
            *ret_name = slice_skip(sealed, i);
            return true;
        }
    return false;
}

static bool unseal(const struct key *k, const unsigned char *box, size_t len, unsigned char *plain)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int got = 0, rest = 0;
    bool is_open = c && EVP_DecryptInit_ex(c, cipher_of(k), NULL, k->bytes, box) == 1 &&
                   EVP_DecryptUpdate(c, plain, &got, box + NONCE, (int)(len - NONCE - TAG)) == 1 &&
                   EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(uintptr_t)(box + len - TAG)) == 1 &&
                   EVP_DecryptFinal_ex(c, plain + got, &rest) == 1;
    EVP_CIPHER_CTX_free(c);
    return is_open;
}

bool encryption_open(const struct encryption *e, struct trb_request *rq, struct trb_data sealed, struct trb_data *ret_plain,
                     const char **ret_fault)
{
    struct trb_slice all = slice_from(sealed.at ? sealed.at : "", sealed.len), box, name;
    const struct key *k = NULL;
    size_t len = 0;
    *ret_fault = NULL;
    if (!all.len) {
        *ret_plain = sealed;
        return true;
    }
    if (!split(all, &box, &name))
        *ret_fault = "the stored value does not say which key it was encrypted with";
    else if (!(k = key_of(e, name)))
        *ret_fault = trb_printf(rq, "the stored value was encrypted with the key %.*s, which the component does not name",
                                (int)(name.len < 100 ? name.len : 100), name.at).at;
    if (*ret_fault)
        return false;
    unsigned char *bytes = trb_alloc(rq, box.len + 4), *plain = trb_alloc(rq, box.len + 4);
    if (box.len > INT32_MAX || !base64_decode(box, true, (char *)bytes, &len, NULL) || len < NONCE + TAG ||
        !unseal(k, bytes, len, plain)) {
        *ret_fault = "the stored value cannot be decrypted";
        return false;
    }
    *ret_plain = (struct trb_data){(char *)plain, len - NONCE - TAG, NULL};
    return true;
}
