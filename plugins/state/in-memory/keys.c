/* keys: the keys that match a LIKE pattern, in the order of their last write, page by page. */
#include "store.h"
#include <base/clock.h>
#include <base/like.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdlib.h>

struct found {
    uint64_t serial;
    char *key;
    size_t len;
};

struct finding {
    struct trb_slice pattern;
    uint64_t from_serial;
    struct found *at;
    uint32_t count, room;
};

static void add(struct finding *f, const struct item *i)
{
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->at = mem_grow(f->at, f->room * sizeof *f->at);
    }
    f->at[f->count++] = (struct found){i->serial, mem_text(i->key, i->key_len), i->key_len};
}

static void look(struct shard *d, struct finding *f)
{
    uint32_t cursor;
    pthread_mutex_lock(&d->lock);
    items_purge(&d->items, clock_now_ns());
    for (struct item *i = items_first(&d->items, &cursor); i; i = items_next(&d->items, i, &cursor))
        if (i->serial >= f->from_serial && slice_is_like(slice_from(i->key, i->key_len), f->pattern))
            add(f, i);
    pthread_mutex_unlock(&d->lock);
}

static int by_serial(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->serial, y = ((const struct found *)b)->serial;
    return x < y ? -1 : x > y;
}

static void answer(struct trb_call *call, const struct finding *f, uint32_t page)
{
    uint32_t count = page && page < f->count ? page : f->count;
    char token_text[24];
    for (uint32_t n = 0; n < count; n++) {
        struct trb_state_key one = {.size = sizeof one, .key = {f->at[n].key, f->at[n].len}};
        call->host->item(call, n, &one, sizeof one, NULL);
    }
    if (count < f->count) {
        int len = snprintf(token_text, sizeof token_text, "%llu", (unsigned long long)f->at[count].serial);
        struct trb_state_key last = {.size = sizeof last, .key = NAME(""), .token = {token_text, (size_t)len}};
        call->host->item(call, count, &last, sizeof last, NULL);
    }
    trb_done(call);
}

void in_memory_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    struct finding f = {.pattern = slice_name(q->pattern)};
    struct store *s = self;
    if (!f.pattern.len) {
        trb_fail(call, TRB_INVALID, "BAD_PATTERN", "pattern is required");
        return;
    }
    if (q->token.len && !slice_to_u64(q->token, &f.from_serial)) {
        trb_fail(call, TRB_INVALID, "BAD_TOKEN", "the continuation token is not one of this store");
        return;
    }
    for (uint32_t n = 0; n < SHARDS; n++)
        look(&s->shards[n], &f);
    if (f.count)
        qsort(f.at, f.count, sizeof *f.at, by_serial);
    answer(call, &f, q->page_size);
    for (uint32_t n = 0; n < f.count; n++)
        mem_free(f.at[n].key);
    mem_free(f.at);
}
