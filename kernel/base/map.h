/* map: names to pointers, an open hash that keeps insertion order for walking. One owner. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdint.h>
#include <trilby/types.h>

struct map {
    struct map_entry *entries;      /* in insertion order; removed ones have key.at == NULL */
    uint32_t *slots;
    uint32_t used, room, live, slot_count;
};

struct map_entry {
    struct trb_name key;            /* the map's own copy */
    uint64_t hash;
    void *value;
};

void map_fini(struct map *);                                          /* values are the caller's */
void *map_get(const struct map *, struct trb_slice key);              /* NULL: absent */
void *map_set(struct map *, struct trb_slice key, void *value);       /* returns the old value */
void *map_remove(struct map *, struct trb_slice key);                 /* returns the old value */
/* uint32_t i = 0; struct map_entry *e; while ((e = map_next(m, &i))) … */
struct map_entry *map_next(const struct map *, uint32_t *cursor);

uint64_t hash_bytes(struct trb_slice);          /* keyed per process: peers cannot choose collisions */

#endif
