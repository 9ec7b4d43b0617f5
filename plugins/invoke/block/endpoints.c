/* endpoints: from a resource's document to a base URL with headers and TLS material. */
#include "endpoints.h"
#include <base/arena.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

#define BUDGET (16u << 20)

struct entry {
    struct trb_name name, base_url, fault;
    struct trb_pairs headers;
    const void *tls;
};

struct endpoints {
    struct arena *arena;
    struct entry *at;
    uint32_t count;
};

static struct trb_name text_of(struct arena *a, struct json_value object, const char *name)
{
    struct json_value v = json_find(object, slice_of(name));
    return v.kind == JSON_STRING ? json_name(a, v) : (struct trb_name){NULL, 0};
}

static struct trb_slice material(struct arena *a, struct json_value tls, const char *name)
{
    return slice_name(text_of(a, json_find(tls, slice_of(name)), "value"));
}

static void read_headers(struct arena *a, struct json_value spec, struct entry *e)
{
    struct json_value list = json_find(spec, SLICE("headers")), one;
    struct json_cursor c = json_enter(list), again = c;
    uint32_t count = 0;
    if (list.kind != JSON_ARRAY)
        return;
    while (json_next(&c, &one))
        count++;
    struct trb_pair *pairs = arena_zero(a, (count + 1) * sizeof *pairs);
    while (json_next(&again, &one)) {
        struct trb_pair *p = &pairs[e->headers.count];
        *p = (struct trb_pair){text_of(a, one, "name"), text_of(a, one, "value")};
        if (p->key.len && p->value.at)
            e->headers.count++;
    }
    e->headers.at = pairs;
    e->headers.stride = sizeof *pairs;
}

static void read_tls(const struct trb_kernel *k, struct arena *a, struct json_value spec, struct entry *e)
{
    struct json_value tls = json_find(spec, SLICE("clientTLS"));
    struct trb_error err = {.size = sizeof err};
    if (tls.kind != JSON_OBJECT)
        return;
    struct trb_slice ca = material(a, tls, "rootCA"), certificate = material(a, tls, "certificate"),
                     key = material(a, tls, "privateKey");
    if (!ca.len && !certificate.len)
        return;
    e->tls = k->tls_client(k, ca, certificate, key, &err);
    if (!e->tls)
        e->fault = arena_printf(a, "HTTPEndpoint '%s': clientTLS: %s", e->name.at, err.message);
}

static void read_document(const struct trb_kernel *k, struct endpoints *all, struct trb_slice document)
{
    struct json_value root;
    struct json_fault fault;
    if (!json_parse(document, &root, &fault))
        return;
    struct json_value spec = json_find(root, SLICE("spec"));
    struct entry *e = &all->at[all->count];
    e->name = text_of(all->arena, json_find(root, SLICE("metadata")), "name");
    e->base_url = text_of(all->arena, spec, "baseUrl");
    if (!e->name.len || !e->base_url.len)
        return;
    read_headers(all->arena, spec, e);
    read_tls(k, all->arena, spec, e);
    all->count++;
}

struct endpoints *endpoints_create(const struct trb_kernel *k)
{
    struct endpoints *all = mem_zero(sizeof *all);
    uint32_t count = k->resource_count(k, TRB_RESOURCE_HTTP_ENDPOINT);
    all->arena = arena_create(BUDGET);
    all->at = arena_zero(all->arena, (count + 1) * sizeof *all->at);
    for (uint32_t i = 0; i < count; i++)
        read_document(k, all, k->resource_document(k, TRB_RESOURCE_HTTP_ENDPOINT, i));
    return all;
}

struct endpoints *endpoints_destroy(struct endpoints *all)
{
    if (all)
        arena_destroy(all->arena);
    return mem_free(all);
}

static struct trb_name copy(struct trb_request *rq, struct trb_name n)
{
    return n.at ? trb_printf(rq, "%.*s", SLICE_ARG(n)) : n;
}

static struct trb_pairs copy_pairs(struct trb_request *rq, struct trb_pairs from)
{
    struct trb_pair *to = trb_alloc(rq, (from.count + 1) * sizeof *to);
    for (uint32_t i = 0; i < from.count; i++)
        to[i] = (struct trb_pair){copy(rq, trb_pair_at(&from, i)->key), copy(rq, trb_pair_at(&from, i)->value)};
    return (struct trb_pairs){to, from.count, sizeof *to};
}

bool endpoints_find(const struct endpoints *all, struct trb_request *rq, struct trb_slice name,
                    struct endpoint *ret_endpoint)
{
    for (uint32_t i = 0; all && i < all->count; i++) {
        const struct entry *e = &all->at[i];
        if (!slice_is(slice_name(e->name), name))
            continue;
        *ret_endpoint = (struct endpoint){.base_url = copy(rq, e->base_url), .headers = copy_pairs(rq, e->headers),
                                          .tls = e->tls, .fault = copy(rq, e->fault)};
        return true;
    }
    return false;
}
