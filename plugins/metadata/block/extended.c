/* extended: names and values that clients keep with the sidecar while it lives, also when this block is replaced. */
#include "metadata_block.h"
#include <base/mem.h>
#include <stdlib.h>

#define OWN "daprRuntimeVersion"

struct note {
    bool is_adopted; /* of an earlier copy, which may still be told another value */
    char text[];
};

static struct note *note_create(struct trb_slice value, bool is_adopted)
{
    struct note *n = mem_zero(sizeof *n + value.len + 1);
    n->is_adopted = is_adopted;
    if (value.len)
        memcpy(n->text, value.at, value.len);
    return n;
}

void extended_set(struct block *b, struct trb_slice key, struct trb_slice value)
{
    if (slice_is(key, SLICE(OWN)))
        return;
    struct note *n = note_create(value, false);
    b->kernel->lock(b);
    struct note *old = map_set(&b->extended, key, n);
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

static const char *text_of(const struct map_entry *e)
{
    return ((const struct note *)e->value)->text;
}

/* Copies: the notes may be replaced as soon as the lock is free. */
struct trb_pairs extended_list(struct block *b, struct arena *a)
{
    struct map_entry *e;
    uint32_t count = 0, cursor = 0;
    b->kernel->lock(b);
    struct trb_pair *all = arena_alloc(a, (b->extended.live + 1) * sizeof *all);
    while ((e = map_next(&b->extended, &cursor)))
        all[count++] = (struct trb_pair){arena_name(a, slice_name(e->key)), arena_name(a, slice_of(text_of(e)))};
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

/* ----------------------------------------------------------- handing over: "3:key5:value" for each */
static void put(struct text *t, struct trb_slice piece)
{
    text_addf(t, "%zu:", piece.len);
    text_add(t, piece);
}

void extended_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg)
{
    struct block *b = block;
    struct text t = {0};
    struct map_entry *e;
    uint32_t cursor = 0;
    b->kernel->lock(b);
    while ((e = map_next(&b->extended, &cursor))) {
        put(&t, slice_name(e->key));
        put(&t, slice_of(text_of(e)));
    }
    b->kernel->unlock(b);
    out(arg, text_slice(&t));
    text_fini(&t);
}

static bool take(struct trb_slice *rest, struct trb_slice *ret_piece)
{
    uint64_t len = 0;
    struct trb_slice digits = slice_split(rest, ':');
    if (!digits.len || !rest->at || !slice_to_u64(digits, &len) || len > rest->len)
        return false;
    *ret_piece = slice_from(rest->at, (size_t)len);
    *rest = slice_from(rest->at + len, rest->len - (size_t)len);
    return true;
}

static void adopt_one(struct block *b, struct trb_slice key, struct trb_slice value)
{
    struct note *own = map_get(&b->extended, key);
    if (!own || own->is_adopted)
        mem_free(map_set(&b->extended, key, note_create(value, true)));
}

void extended_adopt(void *block, struct trb_slice kept)
{
    struct block *b = block;
    struct trb_slice key, value;
    b->kernel->lock(b);
    while (take(&kept, &key) && take(&kept, &value))
        adopt_one(b, key, value);
    b->kernel->unlock(b);
}
