/* items: one shard of the store: a hash of items by key, and a heap of those that will expire.
 *
 * An expired item is absent for every question, and its memory goes when it is met or purged. The
 * caller holds the shard's lock. */
#ifndef IN_MEMORY_ITEMS_H
#define IN_MEMORY_ITEMS_H

#include <stdint.h>
#include <trilby/plugin.h>

#define ETAG_LEN 36

struct item {
    struct item *next;
    uint64_t hash, serial;              /* serial: each write takes a new one, over all shards */
    struct trb_data value;              /* its owner is ours */
    uint64_t expires_ns;                /* monotonic; 0: never */
    int64_t expires_wall_ns;            /* the same, for people */
    uint32_t heap_slot;                 /* 0: not in the heap */
    uint32_t key_len;
    char etag[ETAG_LEN];
    char key[];                         /* a NUL behind it */
};

struct items {
    struct item **buckets;
    uint32_t bucket_count, count;
    struct item **heap;                 /* from 1; the first expires next */
    uint32_t heap_count, heap_room;
    const struct trb_host *host;
};

uint64_t item_hash(struct trb_slice key);
void items_init(struct items *, const struct trb_host *);
void items_fini(struct items *);

/* The live one, or NULL; an expired one goes. */
struct item *items_find(struct items *, struct trb_slice key, uint64_t hash, uint64_t now_ns);
/* The item of that key, made when there is none. Its value and expiry are then set by items_write. */
struct item *items_take(struct items *, struct trb_slice key, uint64_t hash);
/* The reference of value.owner is given. */
void items_write(struct items *, struct item *, struct trb_data value, uint64_t expires_ns,
                 int64_t expires_wall_ns);
void items_remove(struct items *, struct item *);
/* Removes what has expired; returns when the next one will, 0: never. */
uint64_t items_purge(struct items *, uint64_t now_ns);
/* Walks all: for (i = items_first(s, &at); i; i = items_next(s, i, &at)). Removing i: fetch the next before. */
struct item *items_first(const struct items *, uint32_t *cursor);
struct item *items_next(const struct items *, const struct item *, uint32_t *cursor);

#endif
