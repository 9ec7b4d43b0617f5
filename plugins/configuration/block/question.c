/* question: which keys of which store: read from either door, and told in refusals. http-api.md 4.7, grpc-api.md 3.6 */
#include "configuration_block.h"
#include <base/codec.h>
#include <stdlib.h>

struct trb_instance *store_find(struct trb_request *rq, struct trb_name name, struct trb_next *ret_refusal)
{
    struct trb_instance *store = rq->kernel->find(rq, "configuration", slice_name(name));
    if (!rq->kernel->count(rq->kernel, "configuration"))
        *ret_refusal = trb_refuse(rq, &NOT_CONFIGURED, "configuration stores not configured");
    else if (!store)
        *ret_refusal = trb_refuse(rq, &NOT_FOUND, "configuration store %s not found", name.at);
    else
        return store;
    return NULL;
}

struct trb_configuration_get *question_make(struct trb_request *rq, const struct trb_name *keys, uint32_t count,
                                            struct trb_pairs metadata)
{
    struct trb_configuration_get *q = trb_alloc(rq, sizeof *q);
    struct trb_configuration_key *to = trb_alloc(rq, (count + 1) * sizeof *to);
    for (uint32_t i = 0; i < count; i++)
        to[i] = (struct trb_configuration_key){.size = sizeof *to, .key = keys[i]};
    *q = (struct trb_configuration_get){.size = sizeof *q, .keys = {to, count, sizeof *to}, .metadata = metadata};
    return q;
}

/* ------------------------------------------------------------------------------------------ HTTP */
static bool is_key(struct trb_slice pair, struct trb_slice *ret_value)
{
    *ret_value = pair;
    struct trb_slice name = slice_split(ret_value, '=');
    return slice_is(name, SLICE("key"));
}

static struct trb_name decoded(struct trb_request *rq, struct trb_slice raw)
{
    char *at = trb_alloc(rq, raw.len + 1);
    size_t len = 0;
    if (!raw.at || !percent_decode(raw, true, at, &len))
        len = 0;
    at[len] = 0;
    return (struct trb_name){at, len};
}

static uint32_t keys_count(struct trb_slice query)
{
    uint32_t n = 0;
    struct trb_slice value;
    while (query.at)
        n += is_key(slice_split(&query, '&'), &value);
    return n;
}

struct trb_configuration_get *question_parse(struct trb_request *rq)
{
    struct trb_slice query = rq->kernel->raw_query(rq), value;
    uint32_t n = 0;
    struct trb_name *keys = trb_alloc(rq, (keys_count(query) + 1) * sizeof *keys);
    while (query.at)
        if (is_key(slice_split(&query, '&'), &value))
            keys[n++] = decoded(rq, value);
    return question_make(rq, keys, n, rq->kernel->metadata(rq));
}

/* ------------------------------------------------------------------------------------------ kept */
struct trb_configuration_get *question_copy(struct arena *a, const struct trb_configuration_get *from)
{
    struct trb_configuration_get *q = arena_zero(a, sizeof *q);
    struct trb_configuration_key *keys = arena_zero(a, (from->keys.count + 1) * sizeof *keys);
    struct trb_pair *pairs = arena_zero(a, (from->metadata.count + 1) * sizeof *pairs);
    for (uint32_t i = 0; i < from->keys.count; i++) {
        const struct trb_configuration_key *k = trb_list_at(&from->keys, i);
        keys[i] = (struct trb_configuration_key){.size = sizeof *keys, .key = arena_name(a, slice_name(k->key))};
    }
    for (uint32_t i = 0; i < from->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&from->metadata, i);
        pairs[i] = (struct trb_pair){arena_name(a, slice_name(p->key)), arena_name(a, slice_name(p->value))};
    }
    *q = (struct trb_configuration_get){.size = sizeof *q, .keys = {keys, from->keys.count, sizeof *keys},
                                        .metadata = {pairs, from->metadata.count, sizeof *pairs}};
    return q;
}

void question_write(struct text *t, const struct trb_configuration_get *q)
{
    text_adds(t, ",\"keys\":[");
    for (uint32_t i = 0; i < q->keys.count; i++) {
        text_adds(t, i ? "," : "");
        text_add_json(t, slice_name(((const struct trb_configuration_key *)trb_list_at(&q->keys, i))->key), false);
    }
    text_adds(t, "],\"metadata\":");
    text_add_json_pairs(t, &q->metadata);
}

static uint32_t count_members(struct json_value all)
{
    struct trb_slice name;
    struct json_value v;
    uint32_t n = 0;
    struct json_cursor c = json_enter(all);
    while (all.kind == JSON_OBJECT ? json_member(&c, &name, &v) : json_next(&c, &v))
        n++;
    return n;
}

struct trb_configuration_get *question_from(struct arena *a, struct json_value all)
{
    struct json_value keys = json_find(all, SLICE("keys")), pairs = json_find(all, SLICE("metadata")), v;
    struct trb_slice raw;
    struct trb_configuration_get *q = arena_zero(a, sizeof *q);
    q->size = sizeof *q;
    if (keys.kind == JSON_ARRAY) {
        struct trb_configuration_key *to = arena_zero(a, (count_members(keys) + 1) * sizeof *to);
        q->keys = (struct trb_list){to, 0, sizeof *to};
        for (struct json_cursor c = json_enter(keys); json_next(&c, &v);)
            to[q->keys.count++] = (struct trb_configuration_key){.size = sizeof *to, .key = json_name(a, v)};
    }
    if (pairs.kind == JSON_OBJECT) {
        struct trb_pair *to = arena_zero(a, (count_members(pairs) + 1) * sizeof *to);
        q->metadata = (struct trb_pairs){to, 0, sizeof *to};
        for (struct json_cursor c = json_enter(pairs); json_member(&c, &raw, &v);)
            to[q->metadata.count++] = (struct trb_pair){json_name(a, (struct json_value){JSON_STRING, raw}), json_name(a, v)};
    }
    return q;
}

/* -------------------------------------------------------------------------------------- refusals */
static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct trb_name *)a)->at, ((const struct trb_name *)b)->at);
}

static void keys_write(struct trb_request *rq, const struct trb_configuration_get *q, struct text *t)
{
    struct trb_name *names = trb_alloc(rq, (q->keys.count + 1) * sizeof *names);
    for (uint32_t i = 0; i < q->keys.count; i++)
        names[i] = ((const struct trb_configuration_key *)trb_list_at(&q->keys, i))->key;
    qsort(names, q->keys.count, sizeof *names, by_name);
    for (uint32_t i = 0; i < q->keys.count; i++)
        text_addf(t, "%s%s", i ? " " : "", names[i].at);
}

struct trb_next question_failed(struct trb_request *rq, const struct trb_error_row *row, const char *what,
                                const struct trb_configuration_get *q, struct trb_name store, struct trb_slice why)
{
    struct text keys = {0};
    keys_write(rq, q, &keys);
    struct trb_next next = trb_refuse(rq, row, "failed to %s [%.*s] from Configuration store %s: %.*s", what,
                                      SLICE_ARG(text_slice(&keys)), store.at, SLICE_ARG(why));
    text_fini(&keys);
    return next;
}
