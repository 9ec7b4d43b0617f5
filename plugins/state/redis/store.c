/* state.redis: a key is a hash of its bytes and a counter, or a JSON document of these, written by scripts, pipelined
 * over one connection per loop. */
#include "store.h"
#include <base/slice.h>

#define PROMISES (TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_QUERY | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE)

static const struct trb_option options[] = {
    REDIS_OPTIONS(struct store, config),
    TRB_INT(struct store, default_ttl_s, "ttlInSeconds", .fallback = "0", .min = -1,
            .doc = "Seconds to live for writes that do not say; 0: an expiry is left as it is."),
    TRB_STRING(struct store, query_indexes, "queryIndexes",
               .doc = "Indexes that queries may name: [{\"name\":\"people\",\"indexes\":[{\"key\":\"person.org\",\"type\":"
                      "\"TEXT\"}]}], type TEXT or NUMERIC. Needs a server with RedisJSON and RediSearch."),
    TRB_INT(struct store, max_len_approx, "maxLenApprox", .doc = "Accepted for compatibility; a store has no streams."),
    TRB_STRING(struct store, redeliver_interval, "redeliverInterval",
               .doc = "Accepted for compatibility; a store has no streams."),
    TRB_STRING(struct store, processing_timeout, "processingTimeout",
               .doc = "Accepted for compatibility; a store has no streams."),
};

/* --------------------------------------------------------------------------------------- start */
static void started(struct store *s, const struct trb_error *err)
{
    struct trb_call *call = s->starting;
    s->starting = NULL;
    if (!call)
        return;
    if (err)
        s->host->fail(call, err);
    else
        trb_done(call);
}

static void finish_start(struct store *s, const struct resp *reply, const struct trb_error *err)
{
    struct trb_call *call = s->starting;
    if (!call)
        return;
    if (err) {
        s->starting = NULL;
        redis_fail(call, reply, err);
    } else if (!--s->owed) {
        indexes_make(s, started);
    }
}

/* A server that keeps no scripts (or not for this user) is sent them whole. */
static void on_script(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    char *sha = w->call;
    if (resp_is(reply, RESP_STRING) && reply->text.len == 40)
        memcpy(sha, reply->text.at, 40);
    finish_start(w->self, reply, err);
}

/* A question without words: who has the command misses them. */
static void on_json(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct store *s = w->self;
    s->has_json = resp_is(reply, RESP_ERROR) && !slice_contains(reply->text, SLICE("unknown command")) &&
                  !resp_error_is(reply, "NOPERM");
    if (!err && !s->has_json) {
        s->host->narrow(s->origin, PROMISES & ~TRB_STATE_QUERY);
        if (s->indexes)
            trb_log(s->host, s->origin, TRB_LOG_WARN, "queryIndexes has no effect: the server has no RedisJSON");
    }
    finish_start(s, reply, err);
}

static void on_info(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct store *s = w->self;
    struct trb_slice rest = resp_is(reply, RESP_STRING) ? reply->text : (struct trb_slice){0}, word = SLICE("connected_slaves:");
    while (rest.at) {
        struct trb_slice line = slice_trim(slice_split(&rest, '\n'));
        if (slice_starts(line, word))
            slice_to_i64(slice_skip(line, word.len), &s->replicas);
    }
    finish_start(s, reply, err);
}

static void ask(struct store *s, void (*answered)(struct redis_wish *, const struct resp *, const struct trb_error *),
                void *call, const struct trb_data *words, uint32_t count)
{
    struct redis_wish w = {.answered = answered, .self = s, .call = call};
    s->owed++;
    redis_ask(s->redis, SLICE(""), &w, words, count);
}

static void on_connected(void *self, struct trb_call *call)
{
    struct store *s = self;
    s->starting = call;
    for (uint32_t i = 0; i < SCRIPTS; i++)
        ask(s, on_script, s->sha[i], (struct trb_data[]){redis_text("SCRIPT"), redis_text("LOAD"), redis_text(scripts[i])}, 3);
    ask(s, on_json, NULL, (struct trb_data[]){redis_text("JSON.GET")}, 1);
    ask(s, on_info, NULL, (struct trb_data[]){redis_text("INFO"), redis_text("replication")}, 2);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    s->host = call->host;
    s->origin = call->origin;
    struct trb_error err = {0};
    if (indexes_parse(s->query_indexes, &s->indexes, &err)) {
        s->host->fail(call, &err);
        return;
    }
    struct redis_setup redis = {.host = s->host, .origin = s->origin, .config = &s->config, .self = s,
                                .place = &s->redis, .then = on_connected, .back = indexes_remake};
    redis_start(&redis, &s->config, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    s->redis = redis_stop(s->redis);
    s->indexes = indexes_destroy(s->indexes);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    redis_ping(((struct store *)self)->redis, call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = store_get, .set = store_set, .remove = store_remove, .bulk_get = store_bulk_get,
    .bulk_set = store_bulk_set, .bulk_remove = store_bulk_remove, .transact = store_transact,
    .query = store_query, .keys_like = store_keys_like};

static const struct trb_component component = {
    .size = sizeof component, .block = "state", .type = "state.redis", .version = "v1",
    .summary = "Redis, one hash or JSON document per key.", .caps = PROMISES,
    .run = TRB_ON_LOOP, TRB_SELF(struct store, options), .ops = &ops, .start = start, .stop = stop, .ping = ping};

TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component);
