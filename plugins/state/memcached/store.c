/* state.memcached: the bytes under the key, pipelined over one connection per server and loop. */
#include "store.h"
#include <base/slice.h>

static const struct trb_option options[] = {
    TRB_STRING(struct store, config.hosts, "hosts", .required = 1, .example = "localhost:11211",
               .doc = "Servers as host:port, separated by commas; a key lives on the one that its CRC-32 picks, so their "
                      "order counts."),
    TRB_INT(struct store, config.timeout_ms, "timeout", .fallback = "1000", .min = INT32_MIN, .max = 86400000,
            .doc = "Milliseconds to wait for a connection or for an answer; 0: 500, negative: 1000."),
    TRB_INT(struct store, config.max_idle, "maxIdleConnections", .fallback = "2",
            .doc = "Accepted for compatibility; one pipelined connection per server and loop needs no pool."),
};

/* --------------------------------------------------------------------------------------- start */
static void close_all(struct store *s)
{
    for (uint32_t i = 0; i < s->config.address_count; i++)
        s->links[i] = link_destroy(s->links[i]);
}

static void on_up(void *self, uint32_t number)
{
    struct store *s = self;
    struct trb_call *start = s->starting;
    s->up_count += !s->is_up[number];
    s->is_up[number] = 1;
    if (s->up_count < s->config.address_count)
        return;
    s->starting = NULL;
    if (start)
        trb_done(start);
    else
        s->host->ready(s->origin);
}

/* A connection that only broke is dialled again at once: that is no loss yet. */
static void on_down(void *self, uint32_t number, const struct trb_error *err, bool was_up)
{
    struct store *s = self;
    struct trb_call *start = s->starting;
    s->up_count -= s->is_up[number];
    s->is_up[number] = 0;
    if (start) {
        struct trb_error why = *err;
        s->starting = NULL;
        close_all(s);
        s->host->fail(start, &why);
    } else if (!was_up) {
        s->host->lost(s->origin, err);
    }
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    struct trb_error err = {0};
    s->host = call->host;
    s->origin = call->origin;
    if (config_check(&s->config, &err)) {
        s->host->fail(call, &err);
        return;
    }
    if (!s->host->extension(TRB_STREAM_SERVICE) || !s->host->extension(TRB_TIMER)) {
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_SERVICE",
                 "this host lends neither streams nor timers, which memcached needs");
        return;
    }
    s->starting = call;
    for (uint32_t i = 0; i < s->config.address_count; i++) {
        struct link_setup link = {.host = s->host, .origin = s->origin, .address = &s->config.addresses[i],
                                  .timeout_ns = s->config.timeout_ns, .arg = s, .number = i, .up = on_up, .down = on_down};
        s->links[i] = link_create(&link);
    }
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    for (uint32_t i = 0; i < s->config.address_count; i++)
        link_forget(s->links[i]);
    close_all(s);
    trb_done(call);
}

/* ---------------------------------------------------------------------------------------- ping */
static void on_pong(struct wish *w, const struct reply *r, const struct trb_error *err)
{
    if (r && r->kind == REPLY_VERSION)
        wish_end(w, NULL, NULL);
    else if (r)
        wish_refused(w, r);
    else
        wish_end(w, NULL, err);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    uint32_t number = 0;
    while (number + 1 < s->config.address_count && s->is_up[number])
        number++;                               /* one that is down, if there is any, says the most */
    struct wish w = {.answered = on_pong, .self = s, .call = call, .index = ALONE};
    link_ask(s->links[number], &w, SLICE("version\r\n"), NULL);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = store_get, .set = store_set, .remove = store_remove, .bulk_get = store_bulk_get,
    .bulk_set = store_bulk_set, .bulk_remove = store_bulk_remove};

static const struct trb_component component = {
    .size = sizeof component, .block = "state", .type = "state.memcached", .version = "v1",
    .summary = "memcached, the value's bytes under the key; nothing outlives the server.",
    .caps = TRB_STATE_TTL, .run = TRB_ON_LOOP, TRB_SELF(struct store, options), .ops = &ops, .start = start, .stop = stop,
    .ping = ping};

TRB_PLUGIN("memcached", "1.0.0", "Apache-2.0", &component);
