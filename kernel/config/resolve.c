/* resolve: environment first, then one question per secret, then what the runtime itself puts in.
 *
 *     variables ──► ask ┄┄ every ticket is answered ┄┄► complete ──► then
 */
#include <base/codec.h>
#include <base/error.h>
#include <base/log.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/resolve.h>
#include <config/resolve_values.h>
#include <config/unquote.h>
#include <ctype.h>
#include <stdlib.h>

#define SCOPE "dapr.runtime.processor"

struct resolution {
    struct resource *resource;
    const struct resolve_context *context;
    void (*then)(void *arg, struct resource *, const struct trb_error *);
    void *arg;
    uint32_t owed;                             /* tickets, and one while asking */
    struct map asked;                          /* names of secrets */
    bool is_cancelled;
};

struct secret_ticket {
    struct resolution *resolution;
    struct trb_name name;
};

/* ----------------------------------------------------------------------------- the environment */
static bool is_env_allowed(const struct environment *env, struct trb_name ref)
{
    char *name = mem_text(ref.at, ref.len);
    for (size_t i = 0; i < ref.len; i++)
        name[i] = (char)toupper((unsigned char)name[i]);
    struct trb_slice upper = slice_from(name, ref.len), keys = slice_name(env->env_keys);
    bool allowed = upper.len && !slice_is(upper, SLICE("APP_API_TOKEN")) &&
                   !slice_starts(upper, SLICE("DAPR_")) && !memchr(upper.at, ' ', upper.len);
    bool listed = !keys.len;
    while (keys.at && !listed)
        listed = slice_is(slice_split(&keys, ' '), upper);
    mem_free(name);
    return allowed && listed;
}

static void give_value(struct resource *r, struct property *p, struct trb_slice value, bool is_secret)
{
    struct text t = {0};
    bool was_quoted = unquote(value, &t);
    p->value = value_keep(r->values, was_quoted ? text_slice(&t) : value, is_secret);
    p->is_secret = is_secret;
    p->is_resolved = true;
    if (t.at)
        mem_wipe(t.at, t.len);
    text_fini(&t);
}

static bool is_from_env(const struct property *p)
{
    return p->env.len && !p->written.at;
}

static void read_variable(const struct resolution *res, struct property *p)
{
    const char *value;
    if (is_env_allowed(res->context->environment, p->env)) {
        value = getenv(p->env.at);
        give_value(res->resource, p, slice_of(value ? value : ""), false);
    } else {
        log_warn(SCOPE, "%s %s references an env variable that isn't allowed: %s",
                 resource_kind_name(res->resource->kind), res->resource->name.at, p->env.at);
    }
}

/* ------------------------------------------------------------------------------------- secrets */
static struct trb_slice store_of(const struct resource *r, const struct resolve_context *context)
{
    if (r->secret_store.len)
        return slice_name(r->secret_store);
    return context->is_kubernetes ? SLICE("kubernetes") : SLICE("");
}

/* There the operator has put the values into the documents, packed. */
static bool is_packed(const struct resource *r, const struct resolve_context *context)
{
    return context->is_kubernetes && slice_is(store_of(r, context), SLICE("kubernetes"));
}

static bool is_from_store(const struct property *p)
{
    return p->secret_name.len && !is_from_env(p);
}

struct trb_slice resource_needs_store(const struct resource *r, const struct resolve_context *context)
{
    for (uint32_t i = 0; i < r->property_count; i++)
        if (is_from_store(&r->properties[i]) && !is_packed(r, context))
            return store_of(r, context);
    return (struct trb_slice){0};
}

static void unpack(struct resource *r, struct property *p)
{
    size_t len = 0;
    char *bytes = mem_alloc(p->value.len * 3 / 4 + 4);
    if (base64_decode(slice_name(p->value), false, bytes, &len, NULL))
        give_value(r, p, slice_from(bytes, len), true);
    else
        log_error(SCOPE, "Error getting secret: %s of %s %s is no base64", p->name.at,
                  resource_kind_name(r->kind), r->name.at);
    mem_wipe(bytes, len);
    mem_free(bytes);
}

/* Once for all properties that come out of the same secret. */
static void ask(struct resolution *res, struct property *p)
{
    const struct resolve_context *c = res->context;
    if (!c->get || map_set(&res->asked, slice_name(p->secret_name), p))
        return;
    struct secret_ticket *ticket = mem_zero(sizeof *ticket);
    *ticket = (struct secret_ticket){res, p->secret_name};
    res->owed++;
    c->get(c->arg, store_of(res->resource, c), slice_name(p->secret_name),
           slice_name(res->resource->namespace_), ticket);
}

static void find_value(struct resolution *res, struct property *p)
{
    if (is_from_env(p))
        read_variable(res, p);
    else if (p->secret_name.len && is_packed(res->resource, res->context))
        unpack(res->resource, p);
    else if (p->secret_name.len)
        ask(res, p);
}

static struct trb_slice pair_value(const struct trb_pairs *pairs, struct trb_name key)
{
    for (uint32_t i = 0; pairs && i < pairs->count; i++)
        if (slice_is(slice_name(trb_pair_at(pairs, i)->key), slice_name(key)))
            return slice_name(trb_pair_at(pairs, i)->value);
    return (struct trb_slice){0};
}

static void take_secret(struct resource *r, struct trb_name name, const struct trb_pairs *pairs)
{
    for (uint32_t i = 0; i < r->property_count; i++) {
        struct property *p = &r->properties[i];
        if (!is_from_store(p) || !slice_is(slice_name(p->secret_name), slice_name(name)))
            continue;
        struct trb_slice value = pair_value(pairs, p->secret_key);
        if (value.len)
            give_value(r, p, value, true);
    }
}

/* ------------------------------------------------------------------------------------ the whole */
static void complete(struct resolution *res)
{
    struct trb_error err = ERROR_INIT;
    struct component *c = component_of(res->resource);
    trb_code code = c && !res->is_cancelled ? component_fill(c, res->context, &err) : TRB_OK;
    if (!res->is_cancelled)
        res->then(res->arg, res->resource, code == TRB_OK ? NULL : &err);
    error_release(&err);
    resource_unref(res->resource);
    map_fini(&res->asked);
    mem_free(res);
}

static bool settle(struct resolution *res)
{
    if (--res->owed)
        return false;
    complete(res);
    return true;
}

void secret_answer(struct secret_ticket *ticket, const struct trb_pairs *pairs, const struct trb_error *err)
{
    struct resolution *res = ticket->resolution;
    if (err && err->code != TRB_OK && !res->is_cancelled)
        log_error(SCOPE, "Error getting secret: %.*s", SLICE_ARG(error_text(err)));
    else if (!res->is_cancelled)
        take_secret(res->resource, ticket->name, pairs);
    mem_free(ticket);
    settle(res);
}

void resolution_cancel(struct resolution *res)
{
    if (res)
        res->is_cancelled = true;
}

/* Everything that an earlier resolution found is forgotten. */
static void begin_anew(struct resource *r)
{
    struct component *c = component_of(r);
    if (c)
        c->resolved = (struct trb_pairs){0};
    r->values = arena_destroy(r->values);
    r->values = arena_create(SIZE_MAX);
    for (uint32_t i = 0; i < r->property_count; i++) {
        struct property *p = &r->properties[i];
        p->value = p->written;
        p->is_secret = p->is_resolved = false;
    }
}

struct resolution *resource_resolve(struct resource *r, const struct resolve_context *context,
                                    void (*then)(void *arg, struct resource *, const struct trb_error *),
                                    void *arg)
{
    struct resolution *res = mem_zero(sizeof *res);
    *res = (struct resolution){resource_ref(r), context, then, arg, .owed = 1};
    begin_anew(r);
    for (uint32_t i = 0; i < r->property_count; i++)
        find_value(res, &r->properties[i]);
    return settle(res) ? NULL : res;
}
