/* question: reading what was asked: path parameters, query, metadata, headers. Decoded on first use. */
#include <base/codec.h>
#include <base/slice.h>
#include <request/private.h>
#include <string.h>

static bool is_plain(struct trb_slice s)
{
    return !memchr(s.at, '%', s.len) && !memchr(s.at, '+', s.len);
}

/* A copy with a NUL behind it. A malformed escape keeps its text: it never gets past the door. */
static struct trb_name decode(struct request *rq, struct trb_slice raw, bool plus)
{
    char *at = arena_alloc(rq->arena, raw.len + 1);
    size_t len = raw.len;
    if (raw.len && (is_plain(raw) || !percent_decode(raw, plus, at, &len))) {
        memcpy(at, raw.at, raw.len);
        len = raw.len;
    }
    at[len] = '\0';
    return (struct trb_name){at, len};
}

struct trb_name request_path(struct request *rq, const char *param)
{
    size_t len = strlen(param);
    bool plus = !(rq->route && (rq->route->flags & TRB_ROUTE_KEEP_PLUS));
    for (uint32_t i = 0; i < rq->param_count; i++) {
        struct route_param *p = &rq->params[i];
        if (p->name_len != len || memcmp(p->name, param, len))
            continue;
        if (!p->value.at)
            p->value = decode(rq, p->raw, plus);
        return p->value;
    }
    return (struct trb_name){NULL, 0};
}

struct query_pair {
    struct trb_slice key, value;    /* escaped; the value absent without '=' */
};

/* Pairs with a semicolon are skipped, as the contract's parser does. */
static bool next_pair(struct trb_slice *query, struct query_pair *ret_pair)
{
    while (query->at) {
        struct trb_slice value = slice_split(query, '&');
        if (!value.len || memchr(value.at, ';', value.len))
            continue;
        ret_pair->key = slice_split(&value, '=');
        ret_pair->value = value.at ? value : SLICE("");
        return true;
    }
    return false;
}

static struct trb_slice decoded(struct request *rq, struct trb_slice raw)
{
    return !raw.len || is_plain(raw) ? raw : slice_name(decode(rq, raw, true));
}

struct trb_name request_query(struct request *rq, const char *name)
{
    struct trb_slice query = rq->query, wanted = slice_of(name);
    struct query_pair pair;
    while (next_pair(&query, &pair))
        if (slice_is(decoded(rq, pair.key), wanted))
            return decode(rq, pair.value, true);
    return (struct trb_name){NULL, 0};
}

static bool has_key(const struct trb_pair *pairs, uint32_t count, struct trb_slice key)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_is(slice_name(pairs[i].key), key))
            return true;
    return false;
}

static uint32_t count_char(struct trb_slice s, char c)
{
    uint32_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += s.at[i] == c;
    return count;
}

#define METADATA "metadata."

struct trb_pairs request_metadata(struct request *rq)
{
    struct trb_slice query = rq->query;
    struct query_pair pair;
    if (rq->metadata.at || rq->metadata.stride)
        return rq->metadata;
    rq->metadata.stride = sizeof(struct trb_pair);
    if (!query.len)
        return rq->metadata;
    struct trb_pair *pairs = arena_alloc(rq->arena, (count_char(query, '&') + 1) * sizeof *pairs);
    uint32_t count = 0;
    while (next_pair(&query, &pair)) {
        struct trb_slice key = decoded(rq, pair.key);
        if (!slice_starts(key, SLICE(METADATA)))
            continue;
        key = slice_skip(key, sizeof METADATA - 1);
        if (!has_key(pairs, count, key))
            pairs[count++] = (struct trb_pair){arena_name(rq->arena, key), decode(rq, pair.value, true)};
    }
    rq->metadata.at = pairs;
    rq->metadata.count = count;
    return rq->metadata;
}

struct trb_slice request_header(const struct request *rq, struct trb_slice name)
{
    return http_header_get(rq->headers, name);
}

struct trb_pairs request_header_pairs(struct request *rq)
{
    const struct http_headers *headers = rq->headers;
    if (rq->header_pairs.stride)
        return rq->header_pairs;
    struct trb_pair *pairs = arena_alloc(rq->arena, (headers->count + 1) * sizeof *pairs);
    for (uint32_t i = 0; i < headers->count; i++)
        pairs[i] = arena_pair(rq->arena, headers->at[i].name, headers->at[i].value);
    rq->header_pairs = (struct trb_pairs){pairs, headers->count, sizeof *pairs};
    return rq->header_pairs;
}
