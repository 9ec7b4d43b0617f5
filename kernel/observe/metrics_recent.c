/* metrics_recent: who does not keep what it looked up asks for the same metrics again and again: each thread
 * remembers some, by the bytes of name and labels. */
#include <base/map.h>
#include <base/slice.h>
#include <observe/metrics.h>
#include <observe/metrics_inside.h>
#include <string.h>

#define RECENT 32u
#define RECENT_KEY 240u

struct recent {
    struct trb_metric *metric;
    uint32_t len;
    char key[RECENT_KEY];
};

static size_t put(char *to, size_t len, const void *from, size_t n)
{
    if (n)
        memcpy(to + len, from, n);
    return len + n;
}

/* Name and labels, each with its length. 0: too long to be kept. */
static uint32_t recent_key(char to[RECENT_KEY], const char *name, const struct trb_pairs *labels)
{
    size_t len = strlen(name) + 1;
    if (len > RECENT_KEY)
        return 0;
    memcpy(to, name, len);
    for (uint32_t i = 0; labels && i < labels->count; i++) {
        const struct trb_pair *p = trb_pair_at(labels, i);
        size_t sizes[2] = {p->key.len, p->value.len};
        if (sizes[0] > RECENT_KEY || sizes[1] > RECENT_KEY || len + sizeof sizes + sizes[0] + sizes[1] > RECENT_KEY)
            return 0;
        len = put(to, len, sizes, sizeof sizes);
        len = put(to, len, p->key.at, sizes[0]);
        len = put(to, len, p->value.at, sizes[1]);
    }
    return (uint32_t)len;
}

struct trb_metric *metric_get(const char *name, const struct trb_pairs *labels)
{
    static _Thread_local struct recent recent[RECENT];
    char key[RECENT_KEY];
    uint32_t len = recent_key(key, name, labels);
    if (!len)
        return metrics_find(name, labels);
    struct recent *r = &recent[hash_bytes(slice_from(key, len)) % RECENT];
    if (r->len == len && !memcmp(r->key, key, len))
        return r->metric;
    r->metric = metrics_find(name, labels);
    r->len = len;
    memcpy(r->key, key, len);
    return r->metric;
}
