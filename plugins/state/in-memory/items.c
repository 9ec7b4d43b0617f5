/* items: the hash and the heap of one shard. */
#include "items.h"
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>

#define FIRST_BUCKETS 16u

uint64_t item_hash(struct trb_slice key)
{
    return hash_bytes(key);
}

void items_init(struct items *s, const struct trb_host *host)
{
    *s = (struct items){.host = host, .bucket_count = FIRST_BUCKETS,
                        .buckets = mem_zero(FIRST_BUCKETS * sizeof(struct item *))};
}

static void item_destroy(struct items *s, struct item *i)
{
    s->host->buf_unref(i->value.owner);
    mem_free(i);
}

void items_fini(struct items *s)
{
    for (uint32_t b = 0; b < s->bucket_count; b++)
        for (struct item *i = s->buckets[b], *next; i; i = next) {
            next = i->next;
            item_destroy(s, i);
        }
    mem_free(s->buckets);
    mem_free(s->heap);
    *s = (struct items){0};
}

/* ----------------------------------------------------------------------------------------- heap */
static void heap_put(struct items *s, uint32_t slot, struct item *i)
{
    s->heap[slot] = i;
    i->heap_slot = slot;
}

static void heap_up(struct items *s, uint32_t slot)
{
    struct item *i = s->heap[slot];
    for (; slot > 1 && s->heap[slot / 2]->expires_ns > i->expires_ns; slot /= 2)
        heap_put(s, slot, s->heap[slot / 2]);
    heap_put(s, slot, i);
}

static void heap_down(struct items *s, uint32_t slot)
{
    struct item *i = s->heap[slot];
    for (uint32_t child; (child = slot * 2) <= s->heap_count; slot = child) {
        if (child < s->heap_count && s->heap[child + 1]->expires_ns < s->heap[child]->expires_ns)
            child++;
        if (s->heap[child]->expires_ns >= i->expires_ns)
            break;
        heap_put(s, slot, s->heap[child]);
    }
    heap_put(s, slot, i);
}

static void heap_remove(struct items *s, struct item *i)
{
    uint32_t slot = i->heap_slot;
    if (!slot)
        return;
    i->heap_slot = 0;
    struct item *last = s->heap[s->heap_count--];
    if (last == i)
        return;
    heap_put(s, slot, last);
    heap_up(s, slot);
    heap_down(s, last->heap_slot);
}

static void heap_add(struct items *s, struct item *i)
{
    if (s->heap_count + 1 >= s->heap_room) {
        s->heap_room = s->heap_room ? s->heap_room * 2 : 16;
        s->heap = mem_grow(s->heap, s->heap_room * sizeof(struct item *));
    }
    heap_put(s, ++s->heap_count, i);
    heap_up(s, s->heap_count);
}

/* ----------------------------------------------------------------------------------------- hash */
static struct item **place(struct items *s, struct trb_slice key, uint64_t hash)
{
    struct item **at = &s->buckets[hash & (s->bucket_count - 1)];
    while (*at && !((*at)->hash == hash && slice_is(slice_from((*at)->key, (*at)->key_len), key)))
        at = &(*at)->next;
    return at;
}

static void grow(struct items *s)
{
    uint32_t count = s->bucket_count * 2;
    struct item **buckets = mem_zero(count * sizeof(struct item *));
    for (uint32_t b = 0; b < s->bucket_count; b++)
        for (struct item *i = s->buckets[b], *next; i; i = next) {
            next = i->next;
            i->next = buckets[i->hash & (count - 1)];
            buckets[i->hash & (count - 1)] = i;
        }
    mem_free(s->buckets);
    s->buckets = buckets;
    s->bucket_count = count;
}

struct item *items_find(struct items *s, struct trb_slice key, uint64_t hash, uint64_t now_ns)
{
    struct item *i = *place(s, key, hash);
    if (!i || !i->expires_ns || i->expires_ns > now_ns)
        return i;
    items_remove(s, i);
    return NULL;
}

struct item *items_take(struct items *s, struct trb_slice key, uint64_t hash)
{
    struct item **at = place(s, key, hash), *i = *at;
    if (i)
        return i;
    if (s->count >= s->bucket_count) {
        grow(s);
        at = place(s, key, hash);
    }
    i = mem_zero(sizeof *i + key.len + 1);
    i->hash = hash;
    i->key_len = (uint32_t)key.len;
    if (key.len)
        memcpy(i->key, key.at, key.len);
    *at = i;
    s->count++;
    return i;
}

void items_write(struct items *s, struct item *i, struct trb_data value, uint64_t expires_ns,
                 int64_t expires_wall_ns)
{
    heap_remove(s, i);
    s->host->buf_unref(i->value.owner);
    i->value = value;
    i->expires_ns = expires_ns;
    i->expires_wall_ns = expires_wall_ns;
    if (expires_ns)
        heap_add(s, i);
}

void items_remove(struct items *s, struct item *i)
{
    heap_remove(s, i);
    *place(s, slice_from(i->key, i->key_len), i->hash) = i->next;
    s->count--;
    item_destroy(s, i);
}

uint64_t items_purge(struct items *s, uint64_t now_ns)
{
    while (s->heap_count && s->heap[1]->expires_ns <= now_ns)
        items_remove(s, s->heap[1]);
    return s->heap_count ? s->heap[1]->expires_ns : 0;
}

/* ----------------------------------------------------------------------------------------- walk */
static struct item *from_bucket(const struct items *s, uint32_t *cursor)
{
    for (; *cursor < s->bucket_count; (*cursor)++)
        if (s->buckets[*cursor])
            return s->buckets[*cursor];
    return NULL;
}

struct item *items_first(const struct items *s, uint32_t *cursor)
{
    *cursor = 0;
    return from_bucket(s, cursor);
}

struct item *items_next(const struct items *s, const struct item *i, uint32_t *cursor)
{
    if (i->next)
        return i->next;
    ++*cursor;
    return from_bucket(s, cursor);
}
