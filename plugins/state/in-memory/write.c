/* write: set, remove and transact are one thing: check every operation under the locks, then apply. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>

#define COPY_BELOW 4096u                /* shorter values are copied, so that they pin no large body */

struct writing {                        /* one operation, prepared before any lock is taken */
    const struct trb_state_operation *op;
    struct trb_data value;              /* its owner is ours until applied */
    uint64_t hash;
    char etag[UUID_TEXT];
};

/* The body it came with, if the value is most of it; else a copy. */
static struct trb_data value_keep(struct store *s, const struct trb_data *d)
{
    char *bytes;
    if (d->owner && d->len >= COPY_BELOW && s->host->buf_bytes(d->owner).len - d->len < d->len / 2)
        return (struct trb_data){d->at, d->len, s->host->buf_ref(d->owner)};
    struct trb_buf *copy = s->host->buf_new(s->origin, d->len, &bytes);
    if (!copy)
        return (struct trb_data){NULL, 0, NULL};
    if (d->len)
        memcpy(bytes, d->at, d->len);
    return (struct trb_data){bytes, d->len, copy};
}

static void writing_prepare(struct store *s, struct writing *w, const struct trb_state_operation *op)
{
    *w = (struct writing){.op = op, .hash = item_hash(slice_name(op->key))};
    if (op->kind != TRB_STATE_UPSERT)
        return;
    w->value = value_keep(s, &op->value);
    uuid_v4(w->etag);
}

/* ------------------------------------------------------------------------------------- checking */
static trb_code mismatch(struct trb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static trb_code mismatch(struct trb_error *err, const char *format, ...)
{
    va_list ap;
    trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "%s", "");
    err->kind = TRB_STATE_ETAG_MISMATCH;
    va_start(ap, format);
    vsnprintf(err->message, sizeof err->message, format, ap);
    va_end(ap);
    return TRB_ABORTED;
}

static trb_code check(struct store *s, const struct writing *w, uint64_t now_ns, struct trb_error *err)
{
    const struct trb_state_operation *op = w->op;
    struct trb_slice key = slice_name(op->key), etag = slice_name(op->etag);
    if (op->kind == TRB_STATE_UPSERT && !w->value.owner)
        return trb_error(err, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for a value of %zu bytes", op->value.len);
    if (!etag.len && op->concurrency != TRB_STATE_FIRST_WRITE)
        return TRB_OK;
    const struct item *i = items_find(&shard_of(s, w->hash)->items, key, w->hash, now_ns);
    if (!etag.len)
        return i ? mismatch(err, "item already exists and no etag was passed") : TRB_OK;
    if (!i)
        return mismatch(err, "state not exist or expired for key=%s", op->key.at);
    if (!slice_is(slice_from(i->etag, ETAG_LEN), etag))
        return mismatch(err, "state etag not match for key=%s: current=%.*s, expect=%s", op->key.at, ETAG_LEN,
                        i->etag, op->etag.at);
    return TRB_OK;
}

/* ------------------------------------------------------------------------------------- applying */
static void expiry_of(const struct trb_state_operation *op, uint64_t now_ns, uint64_t *ret_ns, int64_t *ret_wall_ns)
{
    int64_t wall = clock_wall_ns(), most = (INT64_MAX - wall) / (int64_t)CLOCK_S - 1;
    int64_t ttl = op->has_ttl && op->ttl_s > 0 ? op->ttl_s < most ? op->ttl_s : most : 0;
    *ret_ns = ttl ? now_ns + (uint64_t)ttl * CLOCK_S : 0;
    *ret_wall_ns = ttl ? wall + ttl * (int64_t)CLOCK_S : 0;
}

/* Returns when what was written expires, 0: never. */
static uint64_t apply(struct store *s, struct writing *w, uint64_t now_ns)
{
    struct items *items = &shard_of(s, w->hash)->items;
    struct trb_slice key = slice_name(w->op->key);
    uint64_t expires_ns;
    int64_t wall_ns;
    struct item *i;
    if (w->op->kind != TRB_STATE_UPSERT) {
        if ((i = items_find(items, key, w->hash, now_ns)))
            items_remove(items, i);
        return 0;
    }
    expiry_of(w->op, now_ns, &expires_ns, &wall_ns);
    i = items_take(items, key, w->hash);
    items_write(items, i, w->value, expires_ns, wall_ns);
    memcpy(i->etag, w->etag, ETAG_LEN);
    i->serial = atomic_fetch_add_explicit(&s->serial, 1, memory_order_relaxed) + 1;
    w->value.owner = NULL;
    return expires_ns;
}

static void lock(struct store *s, uint32_t shards)
{
    for (uint32_t n = 0; n < SHARDS; n++)
        if (shards & 1u << n)
            pthread_mutex_lock(&s->shards[n].lock);
}

static void unlock(struct store *s, uint32_t shards)
{
    for (uint32_t n = 0; n < SHARDS; n++)
        if (shards & 1u << n)
            pthread_mutex_unlock(&s->shards[n].lock);
}

static uint32_t shards_of(struct store *s, const struct writing *all, uint32_t count)
{
    uint32_t shards = 0;
    for (uint32_t n = 0; n < count; n++)
        shards |= 1u << (shard_of(s, all[n].hash) - s->shards);
    return shards;
}

/* All of them or none; err tells the first that was refused. */
static trb_code write_all(struct store *s, struct writing *all, uint32_t count, struct trb_error *err)
{
    uint32_t shards = shards_of(s, all, count);
    uint64_t now_ns = clock_now_ns(), due_ns = 0, expires_ns;
    trb_code code = TRB_OK;
    lock(s, shards);
    for (uint32_t n = 0; n < count && !code; n++)
        if ((code = check(s, &all[n], now_ns, err)))
            err->item = (int32_t)n;
    for (uint32_t n = 0; n < count && !code; n++)
        if ((expires_ns = apply(s, &all[n], now_ns)))
            due_ns = !due_ns || expires_ns < due_ns ? expires_ns : due_ns;
    unlock(s, shards);
    for (uint32_t n = 0; n < count; n++)
        s->host->buf_unref(all[n].value.owner);
    if (due_ns)
        purger_expect(s, due_ns);
    return code;
}

static trb_code write_one(struct store *s, const struct trb_state_operation *op, struct trb_error *err)
{
    struct writing w;
    writing_prepare(s, &w, op);
    trb_code code = write_all(s, &w, 1, err);
    if (code)
        err->item = -1;
    return code;
}

/* ---------------------------------------------------------------------------------------- verbs */
static struct trb_state_operation from_set(const struct trb_state_set *q)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_UPSERT,
                                        .key = q->key, .value = q->value, .etag = q->etag,
                                        .concurrency = q->concurrency, .has_ttl = q->has_ttl, .ttl_s = q->ttl_s};
}

static struct trb_state_operation from_delete(const struct trb_state_delete *q)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_REMOVE,
                                        .key = q->key, .etag = q->etag, .concurrency = q->concurrency};
}

static void answer_one(struct store *s, struct trb_call *call, const struct trb_state_operation *op)
{
    struct trb_error err = {.size = sizeof err};
    if (write_one(s, op, &err))
        call->host->fail(call, &err);
    else
        trb_done(call);
}

void in_memory_set(void *self, struct trb_call *call, const void *question)
{
    struct trb_state_operation op = from_set(question);
    answer_one(self, call, &op);
}

void in_memory_remove(void *self, struct trb_call *call, const void *question)
{
    struct trb_state_operation op = from_delete(question);
    answer_one(self, call, &op);
}

static void answer_item(struct store *s, struct trb_call *call, uint32_t n, const struct trb_state_operation *op)
{
    struct trb_error err = {.size = sizeof err};
    trb_code code = write_one(s, op, &err);
    call->host->item(call, n, NULL, 0, code ? &err : NULL);
}

void in_memory_bulk_set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_set *q = question;
    for (uint32_t n = 0; n < q->items.count; n++) {
        struct trb_state_operation op = from_set(trb_list_at(&q->items, n));
        answer_item(self, call, n, &op);
    }
    trb_done(call);
}

void in_memory_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_delete *q = question;
    for (uint32_t n = 0; n < q->items.count; n++) {
        struct trb_state_operation op = from_delete(trb_list_at(&q->items, n));
        answer_item(self, call, n, &op);
    }
    trb_done(call);
}

void in_memory_transact(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_transact *q = question;
    struct trb_error err = {.size = sizeof err};
    struct writing *all = mem_alloc((q->operations.count + 1) * sizeof *all);
    for (uint32_t n = 0; n < q->operations.count; n++)
        writing_prepare(self, &all[n], trb_list_at(&q->operations, n));
    trb_code code = write_all(self, all, q->operations.count, &err);
    mem_free(all);
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

/* ---------------------------------------------------------------------------- removal by prefix */
static bool is_below(const struct item *i, struct trb_slice prefix)
{
    struct trb_slice key = slice_from(i->key, i->key_len);
    return slice_starts(key, prefix) && !slice_contains(slice_skip(key, prefix.len), SLICE("||"));
}

static int64_t remove_below(struct shard *d, struct trb_slice prefix)
{
    uint64_t now_ns = clock_now_ns();
    int64_t count = 0;
    uint32_t cursor;
    pthread_mutex_lock(&d->lock);
    items_purge(&d->items, now_ns);
    for (struct item *i = items_first(&d->items, &cursor), *next; i; i = next) {
        next = items_next(&d->items, i, &cursor);
        if (!is_below(i, prefix))
            continue;
        items_remove(&d->items, i);
        count++;
    }
    pthread_mutex_unlock(&d->lock);
    return count;
}

void in_memory_remove_prefix(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_delete_prefix *q = question;
    struct store *s = self;
    struct trb_state_count answer = {.size = sizeof answer};
    struct trb_slice given = slice_name(q->prefix);
    if (slice_ends(given, SLICE("||")))
        given.len -= 2;
    if (!given.len) {
        trb_fail(call, TRB_INVALID, "BAD_PREFIX", "a prefix must be more than the separator '||'");
        return;
    }
    char *prefix = mem_alloc(given.len + 2);
    memcpy(prefix, given.at, given.len);
    memcpy(prefix + given.len, "||", 2);
    for (uint32_t n = 0; n < SHARDS; n++)
        answer.count += remove_below(&s->shards[n], slice_from(prefix, given.len + 2));
    mem_free(prefix);
    call->host->done(call, &answer, sizeof answer);
}
