/* extended: names and values that clients keep with the sidecar while it lives. */
#include "metadata_block.h"
#include <base/mem.h>
#include <stdlib.h>

#define OWN "daprRuntimeVersion"

void extended_set(struct block *b, struct trb_slice key, struct trb_slice value)
{
    if (slice_is(key, SLICE(OWN)))
        return;
    char *text = mem_text(value.at ? value.at : "", value.len);
    b->kernel->lock(b);
    char *old = map_set(&b->extended, key, text);
    b->kernel->unlock(b);
    mem_free(old);
}

static int by_key(const void *a, const void *b)
{
    const struct trb_pair *x = a, *y = b;
    size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.at, y->key.at, shorter);
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

/* Copies: the notes may be replaced as soon as the lock is free. */
struct trb_pairs extended_list(struct block *b, struct arena *a)
{
    struct map_entry *e;
    uint32_t count = 0, cursor = 0;
    b->kernel->lock(b);
    struct trb_pair *all = arena_alloc(a, (b->extended.live + 1) * sizeof *all);
    while ((e = map_next(&b->extended, &cursor)))
        all[count++] = (struct trb_pair){arena_name(a, slice_name(e->key)), arena_name(a, slice_of(e->value))};
    b->kernel->unlock(b);
    all[count++] = (struct trb_pair){NAME(OWN), b->kernel->info->version};
    qsort(all, count, sizeof *all, by_key);
    return (struct trb_pairs){all, count, sizeof *all};
}

void extended_fini(struct block *b)
{
    struct map_entry *e;
    uint32_t cursor = 0;
    while ((e = map_next(&b->extended, &cursor)))
        mem_free(e->value);
    map_fini(&b->extended);
}
