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
    const struct map_entry *x = *(const struct map_entry *const *)a, *y = *(const struct map_entry *const *)b;
    size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.at, y->key.at, shorter);
    return order ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

void extended_write(struct block *b, struct text *t)
{
    struct map_entry *e, own = {.key = NAME(OWN), .value = (void *)(uintptr_t)b->kernel->info->version.at};
    uint32_t count = 0, cursor = 0;
    b->kernel->lock(b);
    struct map_entry **all = mem_alloc((b->extended.live + 1) * sizeof *all);
    while ((e = map_next(&b->extended, &cursor)))
        all[count++] = e;
    all[count++] = &own;
    qsort(all, count, sizeof *all, by_key);
    for (uint32_t i = 0; i < count; i++) {
        text_addc(t, i ? ',' : '{');
        text_add_json(t, slice_name(all[i]->key), true);
        member_text(t, ":", slice_of(all[i]->value));
    }
    b->kernel->unlock(b);
    text_addc(t, '}');
    mem_free(all);
}

void extended_fini(struct block *b)
{
    struct map_entry *e;
    uint32_t cursor = 0;
    while ((e = map_next(&b->extended, &cursor)))
        mem_free(e->value);
    map_fini(&b->extended);
}
