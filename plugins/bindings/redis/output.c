/* bindings.redis: single commands on string keys: create, get, delete, increment. components.md 2.1.6 */
#include <base/clock.h>
#include <base/error.h>
#include <base/slice.h>
#include <redis/redis.h>
#include <trilby/bindings.h>

struct output {
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct redis *redis;
    struct redis_config config;
};

static const struct trb_option options[] = {
    REDIS_OPTIONS(struct output, config),
};

/* ------------------------------------------------------------------------------------- questions */
static trb_code key_read(const struct trb_binding_invoke *q, struct trb_name *ret, struct trb_error *err)
{
    *ret = trb_pair_get(&q->metadata, "key");
    return ret->len ? TRB_OK : trb_error(err, TRB_INVALID, "NO_KEY", "redis binding: missing key in request metadata");
}

/* ttlInSeconds is a number; ttl is one, too, or a duration such as 1h30m. *ret_s 0: for ever. */
static trb_code ttl_read(const struct trb_binding_invoke *q, int64_t *ret_s, struct trb_error *err)
{
    struct trb_name seconds = trb_pair_get(&q->metadata, "ttlInSeconds"), ttl = trb_pair_get(&q->metadata, "ttl");
    struct trb_slice text = slice_name(seconds.len ? seconds : ttl);
    int64_t ns = 0;
    *ret_s = 0;
    if (!text.len || (slice_to_i64(text, ret_s) && *ret_s > 0 && *ret_s < INT64_MAX / 1000 / 2))
        return TRB_OK;
    if (!seconds.len && clock_parse_duration(text, &ns) && ns >= (int64_t)CLOCK_S) {
        *ret_s = ns / (int64_t)CLOCK_S;
        return TRB_OK;
    }
    return trb_error(err, TRB_INVALID, "BAD_TTL", "redis binding: %s '%.100s' is no number of seconds above 0",
                     seconds.len ? "ttlInSeconds" : "ttl", text.at);
}

/* --------------------------------------------------------------------------------------- answers */
static void answer_nothing(struct trb_call *call)
{
    struct trb_binding_answer nothing = {.size = sizeof nothing};
    call->host->done(call, &nothing, sizeof nothing);
}

static void on_written(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (err || resp_is(reply, RESP_ERROR))
        redis_fail(w->call, reply, err);
    else
        answer_nothing(w->call);
}

static void on_value(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct trb_call *call = w->call;
    struct trb_binding_answer a = {.size = sizeof a, .data = {"", 0, NULL}};
    if (err || (!resp_is(reply, RESP_STRING) && !resp_is(reply, RESP_NULL))) {
        redis_fail(call, reply, err);
        return;
    }
    if (resp_is(reply, RESP_STRING))
        a.data = (struct trb_data){reply->text.at, reply->text.len, NULL};
    call->host->done(call, &a, sizeof a);
}

/* The counter has its new value; that it also has to end is a second command, which its own failure tells. */
static void on_counted(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct output *o = w->self;
    const struct trb_binding_invoke *q = w->question;
    struct trb_error none = {0};
    struct trb_name key;
    int64_t ttl_s;
    char room[REDIS_NUMBER];
    w->answered = on_written;
    if (err || !resp_is(reply, RESP_INTEGER) || key_read(q, &key, &none) || ttl_read(q, &ttl_s, &none) || !ttl_s) {
        on_written(w, reply, err);
        return;
    }
    struct redis_wish expire = *w;
    redis_ask(o->redis, slice_name(key), &expire,
              (struct trb_data[]){redis_text("EXPIRE"), redis_name(key), redis_number(room, ttl_s)}, 3);
}

/* ------------------------------------------------------------------------------------ operations */
struct request {
    struct output *output;
    struct redis_wish wish;
    struct trb_name key;
    int64_t ttl_s;
    const struct trb_binding_invoke *question;
};

static void send(struct request *r, void (*answered)(struct redis_wish *, const struct resp *, const struct trb_error *),
                 const struct trb_data *words, uint32_t count)
{
    r->wish.answered = answered;
    redis_ask(r->output->redis, slice_name(r->key), &r->wish, words, count);
}

static void create(struct request *r)
{
    char room[REDIS_NUMBER];
    struct trb_data value = r->question->data;
    if (!value.at)
        value = redis_text("");
    struct trb_data words[] = {redis_text("SET"), redis_name(r->key), value, redis_text("EX"), redis_number(room, r->ttl_s)};
    send(r, on_written, words, r->ttl_s ? 5 : 3);
}

static void get(struct request *r)
{
    bool takes = slice_is_truthy(slice_name(trb_pair_get(&r->question->metadata, "delete")));
    send(r, on_value, (struct trb_data[]){redis_text(takes ? "GETDEL" : "GET"), redis_name(r->key)}, 2);
}

static void remove_key(struct request *r)
{
    send(r, on_written, (struct trb_data[]){redis_text("DEL"), redis_name(r->key)}, 2);
}

static void increment(struct request *r)
{
    send(r, on_counted, (struct trb_data[]){redis_text("INCR"), redis_name(r->key)}, 2);
}

static const struct {
    const char *name;
    void (*run)(struct request *);
} operations[] = {{"create", create}, {"delete", remove_key}, {"get", get}, {"increment", increment}};

static void run(struct request *r, struct trb_name operation, struct trb_error *err)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (slice_is(slice_name(operation), slice_of(operations[i].name))) {
            operations[i].run(r);
            return;
        }
    trb_error(err, TRB_INVALID, "BAD_OPERATION", "redis binding: there is no operation '%.64s'", operation.at);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    const struct trb_binding_invoke *q = question;
    struct trb_error err = ERROR_INIT;
    struct request r = {.output = self, .question = q, .wish = {.self = self, .call = call, .question = q}};
    if (!key_read(q, &r.key, &err) && !ttl_read(q, &r.ttl_s, &err))
        run(&r, q->operation, &err);
    if (err.code)
        call->host->fail(call, &err);
}

/* ------------------------------------------------------------------------------------------ life */
static void on_connected(void *self, struct trb_call *call)
{
    trb_done(call);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct output *o = self;
    o->host = call->host;
    o->origin = call->origin;
    struct redis_setup redis = {.host = o->host, .origin = o->origin, .config = &o->config, .self = o,
                                .place = &o->redis, .then = on_connected};
    redis_start(&redis, &o->config, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct output *o = self;
    o->redis = redis_stop(o->redis);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    redis_ping(((struct output *)self)->redis, call);
}

static const struct trb_bindings_ops ops = {
    .size = sizeof ops, .operations = "create delete get increment", .invoke = invoke};

static const struct trb_component component = {
    .size = sizeof component, .block = "bindings", .type = "bindings.redis", .version = "v1",
    .summary = "Redis, single commands on string keys.", .caps = TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_LOOP, TRB_SELF(struct output, options), .ops = &ops, .start = start, .stop = stop, .ping = ping};

TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component);
