/* redis: starting, and the way of a command to its server. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <redis/cluster.h>
#include <redis/redis.h>
#include <redis/sentinel.h>

struct redis {
    uint32_t magic;
    struct redis_setup setup;
    struct redis_link *link;                    /* NULL in a cluster */
    struct redis_cluster *cluster;
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
    struct redis **place = r->setup.place;
    if (start) {
        *place = redis_destroy(r);
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

static void on_cluster_down(void *arg, const struct trb_error *err)
{
    on_down(arg, err, false);
}

static void find_master(void *arg, struct redis_link *asker, uint32_t slot)
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
        s.find_arg = r;
    }
    if (r->setup.config->type == REDIS_TYPE_CLUSTER) {
        struct redis_cluster_setup cluster = {.link = s, .arg = r, .up = on_up, .down = on_cluster_down};
        r->cluster = redis_cluster_create(&cluster);
        return;
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
    if (!setup->host->extension(TRB_STREAM_SERVICE) || !setup->host->extension(TRB_TIMER)) {
        trb_fail(start, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which Redis needs");
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
    r->cluster = redis_cluster_destroy(r->cluster);
    r->link = redis_link_destroy(r->link);
    r->magic = 0;
    return mem_free(r);
}

struct redis *redis_stop(struct redis *r)
{
    if (!r)
        return NULL;
    redis_sentinels_forget(r->sentinels);
    redis_cluster_forget(r->cluster);
    redis_link_forget(r->link);
    return redis_destroy(r);
}

void redis_ask(struct redis *r, struct trb_slice key, const struct redis_wish *wish, const struct trb_data *words,
               uint32_t count)
{
    if (r->cluster)
        redis_cluster_ask(r->cluster, redis_slot(key), wish, words, count);
    else
        redis_link_ask(r->link, wish, words, count);
}

uint32_t redis_node_count(const struct redis *r)
{
    return r->cluster ? redis_cluster_size(r->cluster) : 1;
}

void redis_ask_node(struct redis *r, uint32_t n, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    if (r->cluster)
        redis_cluster_ask_node(r->cluster, n, wish, words, count);
    else
        redis_link_ask(r->link, wish, words, count);
}

bool redis_learn_move(struct redis *r, const struct resp *reply)
{
    return r->cluster && redis_cluster_moved(r->cluster, reply);
}

struct redis_link *redis_own_link(struct redis *r, struct trb_slice key, struct redis_link_setup *s)
{
    fill(r, s);
    s->follow = r->link;
    if (r->cluster) {
        s->find = redis_cluster_find;
        s->find_arg = r->cluster;
        s->find_slot = redis_slot(key);
        s->database = 0;
    }
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
                 {"MOVED", TRB_UNAVAILABLE}, {"ASK", TRB_UNAVAILABLE},
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

static void on_pong(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_STATUS))
        trb_done(w->call);
    else
        redis_fail(w->call, reply, err);
}

void redis_ping(struct redis *r, struct trb_call *call)
{
    struct redis_wish w = {.answered = on_pong, .self = r, .call = call};
    redis_ask(r, SLICE(""), &w, (struct trb_data[]){redis_text("PING")}, 1);
}
