/* state.in-memory: a state store that lives as long as its process.
 *
 * For tests, laptops and caches: nothing is written anywhere, but a swap of the plugin keeps it all. */
#include "store.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdlib.h>

struct shard *shard_of(struct store *s, uint64_t hash)
{
    return &s->shards[hash >> 60];      /* the buckets use the low bits */
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    s->host = call->host;
    s->origin = call->origin;
    s->shards = aligned_alloc(64, SHARDS * sizeof *s->shards);
    if (!s->shards) {
        trb_fail(call, TRB_EXHAUSTED, "NO_MEMORY", "there is no memory for the store");
        return;
    }
    for (uint32_t n = 0; n < SHARDS; n++) {
        pthread_mutex_init(&s->shards[n].lock, NULL);
        items_init(&s->shards[n].items, s->host);
    }
    purger_init(s);
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    if (s->shards) {
        purger_fini(s);
        for (uint32_t n = 0; n < SHARDS; n++) {
            items_fini(&s->shards[n].items);
            pthread_mutex_destroy(&s->shards[n].lock);
        }
        free(s->shards);
        s->shards = NULL;
    }
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- reading */
struct reading {                        /* an answer and what its slices point at */
    struct trb_state_item answer;
    char etag[ETAG_LEN], expiry[CLOCK_TEXT];
    struct trb_pair pair;
};

static void read_item(struct store *s, struct trb_name key, struct reading *to)
{
    uint64_t hash = item_hash(slice_name(key)), now = clock_now_ns();
    struct shard *d = shard_of(s, hash);
    int64_t expires_wall_ns = 0;
    to->answer = (struct trb_state_item){.size = sizeof to->answer};
    pthread_mutex_lock(&d->lock);
    struct item *i = items_find(&d->items, slice_name(key), hash, now);
    if (i) {
        to->answer.value = i->value;
        s->host->buf_ref(i->value.owner);
        memcpy(to->etag, i->etag, ETAG_LEN);
        expires_wall_ns = i->expires_ns ? i->expires_wall_ns : 0;
    }
    pthread_mutex_unlock(&d->lock);
    if (!i)
        return;
    to->answer.etag = slice_from(to->etag, ETAG_LEN);
    if (expires_wall_ns) {
        size_t len = clock_rfc3339(expires_wall_ns, to->expiry);
        to->pair = (struct trb_pair){NAME("ttlExpireTime"), {to->expiry, len}};
        to->answer.metadata = (struct trb_pairs){&to->pair, 1, sizeof to->pair};
    }
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct reading r;
    read_item(self, q->key, &r);
    call->host->done(call, &r.answer, sizeof r.answer);
}

static void bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    for (uint32_t n = 0; n < q->items.count; n++) {
        const struct trb_state_get *one = trb_list_at(&q->items, n);
        struct reading r;
        read_item(self, one->key, &r);
        call->host->item(call, n, &r.answer, sizeof r.answer, NULL);
    }
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = get, .set = in_memory_set, .remove = in_memory_remove,
    .bulk_get = bulk_get, .bulk_set = in_memory_bulk_set, .bulk_remove = in_memory_bulk_remove,
    .transact = in_memory_transact, .remove_prefix = in_memory_remove_prefix,
    .keys_like = in_memory_keys_like,
};
static const struct trb_component in_memory = {
    .size = sizeof in_memory, .block = "state", .type = "state.in-memory", .version = "v1",
    .summary = "Keys and values in the sidecar's own memory.",
    .caps = TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_TTL | TRB_STATE_DELETE_WITH_PREFIX |
            TRB_STATE_KEYS_LIKE,
    .run = TRB_ANYWHERE, .self_size = sizeof(struct store), .ops = &ops,
    .start = start, .stop = stop, .ping = ping,
    .hand_over = in_memory_hand_over, .adopt = in_memory_adopt,
};
TRB_PLUGIN("in-memory", "0.1.0", "Apache-2.0", &in_memory);
