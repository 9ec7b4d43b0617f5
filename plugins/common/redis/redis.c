/* redis: starting, and the way of a command to its server. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <redis/redis.h>
#include <redis/sentinel.h>

struct redis {
    uint32_t magic;
    struct redis_setup setup;
    struct redis_link *link;
    struct redis_sentinels *sentinels;          /* NULL: the address is fixed */
    struct trb_call *starting;                  /* start is not answered yet */
};
#define REDIS_MAGIC 0x52454449u

int64_t redis_read_timeout(const struct redis_config *c)
{
    return c->read_timeout_ns < 0 ? 0 : c->read_timeout_ns ? c->read_timeout_ns : 3000 * REDIS_MS;
}

static void on_up(void *arg)
{
    struct redis *r = checked(arg, struct redis, REDIS_MAGIC);
    struct trb_call *start = r->starting;
    r->starting = NULL;
    if (start) {
        r->setup.then(r->setup.self, start);
        return;
    }
    r->setup.host->ready(r->setup.origin);
    if (r->setup.back)
        r->setup.back(r->setup.self);
}

/* A connection that only broke is dialled again at once: that is no loss yet. */
static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct redis *r = checked(arg, struct redis, REDIS_MAGIC);
    struct trb_call *start = r->starting;
    if (start) {
        *r->setup.place = redis_destroy(r);
        start->host->fail(start, err);
    } else if (!was_up) {
        r->setup.host->lost(r->setup.origin, err);
    }
}

static void fill(const struct redis *r, struct redis_link_setup *s)
{
    const struct redis_config *c = r->setup.config;
    s->host = r->setup.host;
    s->origin = r->setup.origin;
    s->config = c;
    s->address = c->addresses[0];
    s->username = c->username;
    s->password = c->password;
    s->database = c->database;
}

static void find_master(void *arg, struct redis_link *asker)
{
    struct redis *r = checked(arg, struct redis, REDIS_MAGIC);
    redis_sentinels_find(r->sentinels, asker);
}

static void connect_to(struct redis *r)
{
    struct redis_link_setup s = {.arg = r, .up = on_up, .down = on_down,
                                 .read_timeout_ns = redis_read_timeout(r->setup.config)};
    fill(r, &s);
    if (r->setup.config->failover) {
        r->sentinels = redis_sentinels_create(&s);
        s.find = find_master;
    }
    r->link = redis_link_create(&s);
}

void redis_start(const struct redis_setup *setup, struct redis_config *config, struct trb_call *start)
{
    struct trb_error err = {0};
    if (redis_config_check(config, &err)) {
        start->host->fail(start, &err);
        return;
    }
    struct redis *r = mem_zero(sizeof *r);
    r->magic = REDIS_MAGIC;
    r->setup = *setup;
    r->starting = start;
    *setup->place = r;
    connect_to(r);
}

struct redis *redis_destroy(struct redis *r)
{
    if (!r)
        return NULL;
    check(r->magic == REDIS_MAGIC);
    r->sentinels = redis_sentinels_destroy(r->sentinels);
    r->link = redis_link_destroy(r->link);
    r->magic = 0;
    return mem_free(r);
}

struct redis *redis_stop(struct redis *r)
{
    if (!r)
        return NULL;
    redis_sentinels_forget(r->sentinels);
    redis_link_forget(r->link);
    return redis_destroy(r);
}

void redis_ask(struct redis *r, struct trb_slice key, const struct redis_wish *wish, const struct trb_data *words,
               uint32_t count)
{
    redis_link_ask(r->link, wish, words, count);
}

struct redis_link *redis_own_link(struct redis *r, struct trb_slice key, struct redis_link_setup *s)
{
    fill(r, s);
    s->follow = r->link;
    return redis_link_create(s);
}

/* ------------------------------------------------------------------------------------- errors */
void redis_reply_error(const struct resp *reply, struct trb_error *ret_err)
{
    static const struct {
        const char *word;
        trb_code code;
    } codes[] = {{"LOADING", TRB_UNAVAILABLE}, {"BUSY", TRB_UNAVAILABLE}, {"MASTERDOWN", TRB_UNAVAILABLE},
                 {"READONLY", TRB_UNAVAILABLE}, {"CLUSTERDOWN", TRB_UNAVAILABLE}, {"TRYAGAIN", TRB_UNAVAILABLE},
                 {"OOM", TRB_EXHAUSTED}, {"NOAUTH", TRB_UNAUTHENTICATED}, {"WRONGPASS", TRB_UNAUTHENTICATED},
                 {"NOPERM", TRB_DENIED}, {"WRONGTYPE", TRB_PRECONDITION}, {"EXECABORT", TRB_ABORTED}};
    struct trb_slice text = resp_is(reply, RESP_ERROR) ? slice_cut(reply->text, 480) : SLICE("the answer has an unexpected form");
    trb_code code = TRB_INTERNAL;
    for (size_t i = 0; i < countof(codes); i++)
        if (resp_error_is(reply, codes[i].word))
            code = codes[i].code;
    trb_error(ret_err, code, "REDIS", "%.*s", SLICE_ARG(text));
}

void redis_fail(struct trb_call *call, const struct resp *reply, const struct trb_error *err)
{
    struct trb_error own = {0};
    if (!err)
        redis_reply_error(reply, &own);
    call->host->fail(call, err ? err : &own);
}
