/* kept: the whole store as bytes. Both sides are this process: numbers as they stand in memory and the
 * monotonic clock hold. The first bytes name the form, so that a newer copy can still read it. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

#define FORM "TRBMEM1\n"

struct kept {                           /* then the key, then the value */
    uint64_t expires_ns, serial, value_len;
    int64_t expires_wall_ns;
    uint32_t key_len;
    char etag[ETAG_LEN];
};

static size_t measure(const struct items *s)
{
    size_t size = 0;
    uint32_t cursor;
    for (struct item *i = items_first(s, &cursor); i; i = items_next(s, i, &cursor))
        size += sizeof(struct kept) + i->key_len + i->value.len;
    return size;
}

static char *put(char *at, const void *bytes, size_t len)
{
    return len ? (char *)memcpy(at, bytes, len) + len : at;
}

static char *write_items(const struct items *s, char *at)
{
    uint32_t cursor;
    for (struct item *i = items_first(s, &cursor); i; i = items_next(s, i, &cursor)) {
        struct trb_data value = i->value;
        struct kept k = {i->expires_ns, i->serial, value.len, i->expires_wall_ns, i->key_len, {0}};
        memcpy(k.etag, i->etag, ETAG_LEN);
        at = put(at, &k, sizeof k);
        at = put(at, i->key, i->key_len);
        at = put(at, value.at, value.len);
    }
    return at;
}

void in_memory_hand_over(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    size_t size = sizeof FORM - 1;
    struct trb_data answer;
    char *bytes;
    for (uint32_t n = 0; n < SHARDS; n++)
        pthread_mutex_lock(&s->shards[n].lock);
    for (uint32_t n = 0; n < SHARDS; n++)
        size += measure(&s->shards[n].items);
    answer.owner = s->host->buf_new(s->origin, size, &bytes);
    answer.at = bytes;
    answer.len = size;
    if (answer.owner)
        bytes = put(bytes, FORM, sizeof FORM - 1);
    for (uint32_t n = 0; n < SHARDS && answer.owner; n++)
        bytes = write_items(&s->shards[n].items, bytes);
    for (uint32_t n = 0; n < SHARDS; n++)
        pthread_mutex_unlock(&s->shards[n].lock);
    if (answer.owner)
        call->host->done(call, &answer, sizeof answer);
    else
        trb_fail(call, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for what is handed over: %zu bytes", size);
}

static void adopt_one(struct store *s, const struct kept *k, const char *key, const char *value)
{
    char *bytes;
    uint64_t hash = item_hash(slice_from(key, k->key_len));
    struct items *items = &shard_of(s, hash)->items;
    struct trb_buf *copy = s->host->buf_new(s->origin, k->value_len, &bytes);
    if (!copy) {
        trb_log(s->host, s->origin, TRB_LOG_ERROR, "an item of %u bytes is lost: there is no buffer for it",
                (unsigned)k->value_len);
        return;
    }
    put(bytes, value, k->value_len);
    struct item *i = items_take(items, slice_from(key, k->key_len), hash);
    items_write(items, i, (struct trb_data){bytes, k->value_len, copy}, k->expires_ns, k->expires_wall_ns);
    memcpy(i->etag, k->etag, ETAG_LEN);
    i->serial = k->serial;
    if (k->serial > atomic_load(&s->serial))
        atomic_store(&s->serial, k->serial);
    if (k->expires_ns)
        purger_expect(s, k->expires_ns);
}

static bool adopt_next(struct store *s, struct trb_slice *rest)
{
    struct kept k;
    if (rest->len < sizeof k)
        return false;
    memcpy(&k, rest->at, sizeof k);
    *rest = slice_skip(*rest, sizeof k);
    if (k.key_len > rest->len || k.value_len > rest->len - k.key_len)
        return false;
    adopt_one(s, &k, rest->at, rest->at + k.key_len);
    *rest = slice_skip(*rest, k.key_len + k.value_len);
    return true;
}

void in_memory_adopt(void *self, struct trb_slice from)
{
    struct store *s = self;
    if (!slice_starts(from, SLICE(FORM))) {
        trb_log(s->host, s->origin, TRB_LOG_ERROR, "what the earlier copy handed over is of an unknown form; "
                "the store begins empty");
        return;
    }
    from = slice_skip(from, sizeof FORM - 1);
    while (from.len)
        if (!adopt_next(s, &from)) {
            trb_log(s->host, s->origin, TRB_LOG_ERROR, "what the earlier copy handed over cannot be read whole; the rest of it is lost");
            return;
        }
}
