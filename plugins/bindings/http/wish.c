/* wish: see wish.h. */
#include "wish.h"
#include <base/slice.h>
#include <string.h>

#define JSON_TYPE NAME("application/json; charset=utf-8")

const char *wish_method(struct trb_slice operation)
{
    static const struct {
        const char *operation, *method;
    } all[] = {{"create", "POST"}, {"get", "GET"}, {"head", "HEAD"}, {"post", "POST"}, {"put", "PUT"},
               {"patch", "PATCH"}, {"delete", "DELETE"}, {"options", "OPTIONS"}, {"trace", "TRACE"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (slice_is(operation, slice_of(all[i].operation)))
            return all[i].method;
    return NULL;
}

bool wish_has_body(const char *method)
{
    return !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

/* As written, letter by letter: these names are told apart from headers by their first one. */
static struct trb_name exact(const struct trb_pairs *pairs, const char *key)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        if (slice_is(slice_name(trb_pair_at(pairs, i)->key), slice_of(key)))
            return trb_pair_at(pairs, i)->value;
    return (struct trb_name){NULL, 0};
}

const char *wish_url(struct arena *arena, const struct wish *w)
{
    struct trb_slice url = slice_of(w->url), path = slice_name(exact(w->metadata, "path"));
    if (!path.len)
        return w->url;
    while (url.len && url.at[url.len - 1] == '/')
        url.len--;
    while (path.len && *path.at == '/')
        path = slice_skip(path, 1);
    return arena_printf(arena, "%.*s/%.*s", SLICE_ARG(url), SLICE_ARG(path)).at;
}

/* ----------------------------------------------------------------------------------------- headers */
struct headers {
    struct trb_pair *at;
    uint32_t count;
};

static void put(struct headers *h, struct trb_name key, struct trb_name value)
{
    uint32_t i = 0;
    while (i < h->count && !slice_is_nocase(slice_name(h->at[i].key), slice_name(key)))
        i++;
    h->at[i] = (struct trb_pair){key, value};
    h->count += i == h->count;
}

/* What the connection says itself. */
static bool is_own(struct trb_slice name)
{
    static const char *const own[] = {"host", "content-length", "transfer-encoding", "trailer", "connection", "upgrade", "te",
                                      "expect", "keep-alive"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (slice_is_nocase(name, slice_of(own[i])))
            return true;
    return false;
}

static bool is_header(struct trb_slice key)
{
    return key.len && *key.at >= 'A' && *key.at <= 'Z' && !is_own(key);
}

#define FEW 256u                       /* more headers than any server takes; the rest cost no time */

struct trb_pairs wish_headers(struct arena *arena, const struct wish *w)
{
    static const char *const passed_on[] = {"traceparent", "tracestate", "baggage"};
    struct headers h = {arena_alloc(arena, (FEW + 8) * sizeof *h.at), 0};
    if (wish_has_body(w->method))
        put(&h, NAME("Content-Type"), JSON_TYPE);
    put(&h, NAME("Accept"), JSON_TYPE);
    for (uint32_t i = 0; i < w->metadata->count && h.count < FEW; i++) {
        const struct trb_pair *p = trb_pair_at(w->metadata, i);
        if (is_header(slice_name(p->key)))
            put(&h, p->key, p->value);
    }
    if (w->token && w->token_header)
        put(&h, name_of(w->token_header), name_of(w->token));
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
        struct trb_name value = exact(w->metadata, passed_on[i]);
        if (value.len)
            put(&h, name_of(passed_on[i]), value);
    }
    return (struct trb_pairs){h.at, h.count, sizeof *h.at};
}

/* ------------------------------------------------------------------------------------- the answer */
/* As the field's HTTP libraries spell a name: Foo-Bar. */
static struct trb_name canonical(struct arena *arena, struct trb_name name)
{
    char *at = arena_alloc(arena, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool upper = i == 0 || at[i - 1] == '-';
        at[i] = (char)(upper && c >= 'a' && c <= 'z' ? c - 32 : !upper && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    at[name.len] = 0;
    return (struct trb_name){at, name.len};
}

static void join(struct arena *arena, struct headers *h, const struct trb_pair *p)
{
    struct trb_name key = canonical(arena, p->key);
    for (uint32_t i = 0; i < h->count; i++)
        if (slice_is(slice_name(h->at[i].key), slice_name(key))) {
            h->at[i].value = arena_printf(arena, "%s, %s", h->at[i].value.at, p->value.at);
            return;
        }
    h->at[h->count++] = (struct trb_pair){key, arena_name(arena, slice_name(p->value))};
}

struct trb_pairs wish_answer_metadata(struct arena *arena, const struct http_answer *a)
{
    struct headers h = {arena_alloc(arena, (a->headers.count + 2) * sizeof *h.at), 2};
    h.at[0] = (struct trb_pair){NAME("statusCode"), arena_printf(arena, "%u", a->status)};
    h.at[1] = (struct trb_pair){NAME("status"), arena_printf(arena, "%u %s", a->status, a->reason)};
    for (uint32_t i = 0; i < a->headers.count; i++)
        join(arena, &h, trb_pair_at(&a->headers, i));
    return (struct trb_pairs){h.at, h.count, sizeof *h.at};
}
