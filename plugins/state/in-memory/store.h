/* store: what the files of state.in-memory share: shards, their locks, and the purger.
 *
 * Keys are spread over shards by hash, each with a lock of its own. A transaction takes the locks of
 * its shards in rising order, so that two of them never wait for each other. */
#ifndef IN_MEMORY_STORE_H
#define IN_MEMORY_STORE_H

#include "items.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <trilby/state.h>

#define SHARDS 16u

struct shard {
    pthread_mutex_t lock;
    struct items items;
} __attribute__((aligned(64)));

/* One thread that sleeps until the next expiry; there is none before the first time to live. */
struct purger {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool runs, ends;
    uint64_t due_ns;                    /* 0: nothing will expire */
};

struct store {
    struct shard *shards;
    const struct trb_host *host;
    const struct trb_origin *origin;
    _Atomic uint64_t serial;
    struct purger purger;
};

struct shard *shard_of(struct store *, uint64_t hash);

/* --- write.c: one operation or many, all or none ------------------------------------------------ */
trb_verb in_memory_set, in_memory_remove, in_memory_transact, in_memory_bulk_set, in_memory_bulk_remove,
    in_memory_remove_prefix;

/* --- purge.c ------------------------------------------------------------------------------------ */
void purger_init(struct store *);
void purger_fini(struct store *);
void purger_expect(struct store *, uint64_t due_ns);

/* --- keys.c: keys by pattern, oldest write first ------------------------------------------------- */
trb_verb in_memory_keys_like;

/* --- kept.c: the whole store as bytes, for a swap of the plugin ----------------------------------- */
trb_verb in_memory_hand_over;
void in_memory_adopt(void *self, struct trb_slice kept);

#endif
