/* keyset: RFC 7517 5. A key that cannot be used does not spoil the others. */
#include "keyset.h"
#include <base/slice.h>
#include <trilby/plugin.h>

static void skip(struct keyset *s, const char *why)
{
    s->skipped++;
    snprintf(s->why_skipped, sizeof s->why_skipped, "%.*s", (int)sizeof s->why_skipped - 1, why);
}

static void add(struct keyset *s, struct json_value one)
{
    struct trb_error err = {.size = sizeof err};
    struct crypto_key *k = one.kind == JSON_OBJECT ? crypto_key_from_jwk(one, &err) : NULL;
    struct crypto_key *twin = k ? keyset_find(s, crypto_key_id(k)) : NULL;
    if (k && crypto_key_id(k).len && !twin) {
        s->keys[s->count++] = k;
        return;
    }
    skip(s, one.kind != JSON_OBJECT ? "it is no object" : !k ? err.message : twin ? "its kid is another's" : "it has no kid");
    crypto_key_unref(twin);
    crypto_key_unref(k);
}

bool keyset_parse(struct trb_slice text, struct keyset *ret, struct trb_error *err)
{
    struct json_value all, one;
    struct json_fault fault;
    struct keyset s = {0};
    if (!json_parse(text, &all, &fault))
        return trb_error(err, TRB_INVALID, "BAD_JWKS", "the key set is no JSON: %s", fault.message), false;
    struct json_value keys = all.kind == JSON_OBJECT ? json_find(all, SLICE("keys")) : (struct json_value){JSON_NULL, text};
    bool is_single = keys.kind == JSON_NONE && json_find(all, SLICE("kty")).kind == JSON_STRING;
    if (!is_single && keys.kind != JSON_ARRAY)
        return trb_error(err, TRB_INVALID, "BAD_JWKS", "the key set is no JSON object with the member keys"), false;
    uint32_t count = is_single ? 1 : json_count(keys);
    if (count > KEYSET_MOST)
        return trb_error(err, TRB_INVALID, "BAD_JWKS", "the key set has more than %u keys", KEYSET_MOST), false;
    s.keys = mem_zero((count + 1) * sizeof(struct crypto_key *));
    struct json_cursor c = json_enter(keys);
    if (is_single)
        add(&s, all);
    else
        while (json_next(&c, &one))
            add(&s, one);
    *ret = s;
    return true;
}

void keyset_fini(struct keyset *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        crypto_key_unref(s->keys[i]);
    s->keys = mem_free(s->keys);
    s->count = 0;
}

struct crypto_key *keyset_find(const struct keyset *s, struct trb_slice id)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (slice_is(crypto_key_id(s->keys[i]), id))
            return crypto_key_ref(s->keys[i]);
    return NULL;
}
