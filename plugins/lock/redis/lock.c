/* lock.redis: a lock is a key that holds its owner's name and expires. Taken with SET NX, given back by a
 * script that compares and deletes in one step. components.md 2.1.4 */
#include <base/error.h>
#include <base/slice.h>
#include <redis/redis.h>
#include <trilby/lock.h>

struct locks {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct redis *redis;
    struct trb_call *starting;
    struct redis_config config;
};

/* What it answers is TRB_LOCK_…, for the owner in ARGV[1]. */
static const char script_unlock[] =
    "local owner = redis.call('GET', KEYS[1])\n"
    "if not owner then return 1 end\n"
    "if owner ~= ARGV[1] then return 2 end\n"
    "redis.call('DEL', KEYS[1])\n"
    "return 0\n";

static const struct trb_option options[] = {
    REDIS_OPTIONS(struct locks, config),
};

/* --------------------------------------------------------------------------------------- verbs */
static void on_tried(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct trb_call *call = w->call;
    if (err || resp_is(reply, RESP_ERROR)) {
        redis_fail(call, reply, err);
        return;
    }
    struct trb_lock_taken taken = {.size = sizeof taken, .is_taken = resp_is(reply, RESP_STATUS)};
    call->host->done(call, &taken, sizeof taken);
}

static void try_lock(void *self, struct trb_call *call, const void *question)
{
    struct locks *l = self;
    const struct trb_lock_try *q = question;
    char room[REDIS_NUMBER];
    struct redis_wish w = {.answered = on_tried, .self = l, .call = call};
    struct trb_data words[] = {redis_text("SET"), redis_name(q->resource), redis_name(q->owner), redis_text("NX"),
                               redis_text("EX"), redis_number(room, q->expiry_s)};
    redis_ask(l->redis, slice_name(q->resource), &w, words, 6);
}

static void on_released(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct trb_call *call = w->call;
    if (err || !resp_is(reply, RESP_INTEGER)) {
        redis_fail(call, reply, err);
        return;
    }
    struct trb_lock_released released = {.size = sizeof released, .status = (uint32_t)reply->integer};
    call->host->done(call, &released, sizeof released);
}

static void unlock(void *self, struct trb_call *call, const void *question)
{
    struct locks *l = self;
    const struct trb_lock_release *q = question;
    struct redis_wish w = {.answered = on_released, .self = l, .call = call};
    struct trb_data words[] = {redis_text("EVAL"), redis_text(script_unlock), redis_text("1"), redis_name(q->resource),
                               redis_name(q->owner)};
    redis_ask(l->redis, slice_name(q->resource), &w, words, 5);
}

/* --------------------------------------------------------------------------------------- start */
static int64_t replicas_of(const struct resp *reply)
{
    struct trb_slice rest = resp_is(reply, RESP_STRING) ? reply->text : (struct trb_slice){0}, word = SLICE("connected_slaves:");
    int64_t count = 0;
    while (rest.at) {
        struct trb_slice line = slice_trim(slice_split(&rest, '\n'));
        if (slice_starts(line, word))
            slice_to_i64(slice_skip(line, word.len), &count);
    }
    return count;
}

/* A replica that takes over may not know of a lock that was just taken. With sentinels the user has said
 * that he accepts it. */
static void on_info(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct locks *l = w->self;
    struct trb_error refusal = ERROR_INIT;
    struct trb_call *call = l->starting;
    l->starting = NULL;
    if (err) {
        redis_fail(call, reply, err);
    } else if (!l->config.failover && replicas_of(reply) > 0) {
        trb_error(&refusal, TRB_INVALID, "HAS_REPLICAS", "this Redis has replicas, which could forget a lock when they take "
                  "over; use a single server, or failover: \"true\" with its sentinels");
        call->host->fail(call, &refusal);
    } else {
        trb_done(call);
    }
}

static void on_connected(void *self, struct trb_call *call)
{
    struct locks *l = self;
    struct redis_wish w = {.answered = on_info, .self = l};
    l->starting = call;
    redis_ask(l->redis, SLICE(""), &w, (struct trb_data[]){redis_text("INFO"), redis_text("replication")}, 2);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct locks *l = self;
    struct trb_error err = ERROR_INIT;
    l->host = call->host;
    l->origin = call->origin;
    if (l->config.type == REDIS_TYPE_CLUSTER) {
        trb_error(&err, TRB_INVALID, "BAD_OPTION", "redisType: a cluster is not supported for locks; use one server");
        call->host->fail(call, &err);
        return;
    }
    struct redis_setup redis = {.host = l->host, .origin = l->origin, .config = &l->config, .self = l,
                                .place = &l->redis, .then = on_connected};
    redis_start(&redis, &l->config, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct locks *l = self;
    l->redis = redis_stop(l->redis);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    redis_ping(((struct locks *)self)->redis, call);
}

static const struct trb_lock_ops ops = {.size = sizeof ops, .try_lock = try_lock, .unlock = unlock};

static const struct trb_component component = {
    .size = sizeof component, .block = "lock", .type = "lock.redis", .version = "v1",
    .summary = "Redis, one expiring key per lock.",
    .run = TRB_ON_LOOP, TRB_SELF(struct locks, options), .ops = &ops, .start = start, .stop = stop, .ping = ping};

TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component);
