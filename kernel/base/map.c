/* map: names to pointers. Slots hold entry numbers plus one, probed one after the other. */
#include <base/check.h>
#include <base/codec.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <pthread.h>
#include <string.h>

#define EMPTY 0u
#define GONE UINT32_MAX

static uint64_t key0, key1;
static pthread_once_t keyed = PTHREAD_ONCE_INIT;

static void make_keys(void)
{
    random_bytes(&key0, sizeof key0);
    random_bytes(&key1, sizeof key1);
}

static inline uint64_t turn(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static inline void mix(uint64_t v[4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0], v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2], v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

/* SipHash-1-3: one round a word, three to finish. */
uint64_t hash_bytes(struct trb_slice s)
{
    pthread_once(&keyed, make_keys);
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                     key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
    uint64_t word;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        memcpy(&word, s.at + i, 8);
        v[3] ^= word;
        mix(v);
        v[0] ^= word;
    }
    word = (uint64_t)s.len << 56;
    for (size_t k = 0; i + k < s.len; k++)
        word |= (uint64_t)(uint8_t)s.at[i + k] << (8 * k);
    v[3] ^= word;
    mix(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    mix(v), mix(v), mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_fini(struct map *m)
{
    for (uint32_t i = 0; i < m->used; i++)
        mem_free((void *)m->entries[i].key.at);
    mem_free(m->entries);
    mem_free(m->slots);
    *m = (struct map){0};
}

static struct map_entry *find(const struct map *m, struct trb_slice key, uint64_t hash, uint32_t *ret_slot)
{
    if (!m->slot_count)
        return NULL;
    for (uint32_t i = (uint32_t)hash & (m->slot_count - 1); m->slots[i] != EMPTY;
         i = (i + 1) & (m->slot_count - 1)) {
        if (m->slots[i] == GONE)
            continue;
        struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && slice_is(slice_name(e->key), key)) {
            *ret_slot = i;
            return e;
        }
    }
    return NULL;
}

void *map_get(const struct map *m, struct trb_slice key)
{
    uint32_t slot;
    struct map_entry *e = m->live ? find(m, key, hash_bytes(key), &slot) : NULL;
    return e ? e->value : NULL;
}

static void put_slot(struct map *m, uint32_t entry)
{
    uint32_t i = (uint32_t)m->entries[entry].hash & (m->slot_count - 1);
    while (m->slots[i] != EMPTY)
        i = (i + 1) & (m->slot_count - 1);
    m->slots[i] = entry + 1;
}

static void squeeze(struct map *m)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < m->used; i++)
        if (m->entries[i].key.at)
            m->entries[kept++] = m->entries[i];
    m->used = kept;
}

/* Entries are as many as half of the slots, so that a probe always finds an empty one. */
static void make_room(struct map *m)
{
    squeeze(m);
    while (m->live + m->live / 4 >= m->room) {
        check(m->room < 1u << 29);
        m->room = m->room ? m->room * 2 : 8;
    }
    m->entries = mem_grow(m->entries, m->room * sizeof *m->entries);
    m->slot_count = m->room * 2;
    mem_free(m->slots);
    m->slots = mem_zero(m->slot_count * sizeof *m->slots);
    for (uint32_t i = 0; i < m->used; i++)
        put_slot(m, i);
}

void *map_set(struct map *m, struct trb_slice key, void *value)
{
    uint64_t hash = hash_bytes(key);
    uint32_t slot;
    struct map_entry *e = find(m, key, hash, &slot);
    if (e) {
        void *old = e->value;
        e->value = value;
        return old;
    }
    if (m->used == m->room)
        make_room(m);
    m->entries[m->used] = (struct map_entry){
        .key = {mem_text(key.at, key.len), key.len}, .hash = hash, .value = value};
    put_slot(m, m->used++);
    m->live++;
    return NULL;
}

void *map_remove(struct map *m, struct trb_slice key)
{
    uint32_t slot;
    struct map_entry *e = find(m, key, hash_bytes(key), &slot);
    if (!e)
        return NULL;
    void *old = e->value;
    mem_free((void *)e->key.at);
    *e = (struct map_entry){0};
    m->slots[slot] = GONE;
    m->live--;
    return old;
}

struct map_entry *map_next(const struct map *m, uint32_t *cursor)
{
    while (*cursor < m->used) {
        struct map_entry *e = &m->entries[(*cursor)++];
        if (e->key.at)
            return e;
    }
    return NULL;
}
