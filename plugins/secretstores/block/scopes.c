/* scopes: which secrets of a store the app may read. Allowed names, if any are listed, are the only
 * ones; else denied names are refused; else the default decides. resources.md 4.5 */
#include "secrets_block.h"
#include <base/arena.h>
#include <base/json.h>
#include <base/mem.h>

struct scopes {
    struct arena *keep;
    struct json_value list;
};

struct scopes *scopes_create(struct trb_slice configuration_json)
{
    struct scopes *s = mem_zero(sizeof *s);
    struct json_value spec;
    struct json_fault fault;
    s->keep = arena_create(SIZE_MAX);
    struct trb_name copy = arena_name(s->keep, configuration_json);
    if (json_parse(slice_name(copy), &spec, &fault) && spec.kind == JSON_OBJECT) {
        struct json_value secrets = json_find(spec, SLICE("secrets"));
        if (secrets.kind == JSON_OBJECT)
            s->list = json_find(secrets, SLICE("scopes"));
    }
    return s;
}

struct scopes *scopes_destroy(struct scopes *s)
{
    if (s)
        arena_destroy(s->keep);
    return mem_free(s);
}

static struct trb_slice text_of(struct arena *a, struct json_value v)
{
    return v.kind == JSON_STRING ? json_text(a, v) : SLICE("");
}

static bool lists(struct arena *a, struct json_value names, struct trb_slice name, bool *ret_any)
{
    struct json_cursor c;
    struct json_value v;
    if (names.kind != JSON_ARRAY)
        return false;
    for (c = json_enter(names); json_next(&c, &v);) {
        *ret_any = true;
        if (slice_is(text_of(a, v), name))
            return true;
    }
    return false;
}

static bool decide(struct arena *a, struct json_value scope, struct trb_slice secret)
{
    bool any_allowed = false, any_denied = false;
    bool allowed = lists(a, json_find(scope, SLICE("allowedSecrets")), secret, &any_allowed);
    if (any_allowed)
        return allowed;
    if (lists(a, json_find(scope, SLICE("deniedSecrets")), secret, &any_denied))
        return false;
    return !slice_is_nocase(text_of(a, json_find(scope, SLICE("defaultAccess"))), SLICE("deny"));
}

bool scopes_allow(const struct scopes *s, struct trb_slice store, struct trb_slice secret)
{
    struct json_value scope;
    bool allowed = true;
    if (s->list.kind != JSON_ARRAY)
        return true;
    struct arena *a = arena_create(SIZE_MAX);
    for (struct json_cursor c = json_enter(s->list); json_next(&c, &scope);)
        if (scope.kind == JSON_OBJECT && slice_is(text_of(a, json_find(scope, SLICE("storeName"))), store))
            allowed = decide(a, scope, secret);
    arena_destroy(a);
    return allowed;
}
