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
