/* configuration.redis: settings in plain keys, and their changes by keyspace events. */
#include "settings.h"
#include <base/slice.h>

static const struct trb_option options[] = {
    REDIS_OPTIONS(struct settings, config),
};

/* The first "||" ends the value, the second the version. */
bool item_read(const struct resp *reply, struct trb_name key, struct trb_configuration_item *ret)
{
    *ret = (struct trb_configuration_item){.size = sizeof *ret, .key = key};
    if (!resp_is(reply, RESP_STRING))
        return false;
    struct trb_slice rest = reply->text;
    const char *bar = memmem(rest.at, rest.len, "||", 2);
    ret->value = bar ? slice_cut(rest, (size_t)(bar - rest.at)) : rest;
    if (bar) {
        rest = slice_skip(rest, ret->value.len + 2);
        bar = memmem(rest.at, rest.len, "||", 2);
        ret->version = bar ? slice_cut(rest, (size_t)(bar - rest.at)) : rest;
    }
    return ret->value.len > 0;
}

static void on_connected(void *self, struct trb_call *call)
{
    trb_done(call);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct settings *s = self;
    s->host = call->host;
    s->origin = call->origin;
    s->timers = s->host->extension(TRB_TIMER);
    list_init(&s->watches);
    struct redis_setup redis = {.host = s->host, .origin = s->origin, .config = &s->config, .self = s,
                                .place = &s->redis, .then = on_connected};
    redis_start(&redis, &s->config, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct settings *s = self;
    s->redis = redis_stop(s->redis);
    trb_done(call);
}

static void ping(void *self, struct trb_call *call, const void *question)
{
    redis_ping(((struct settings *)self)->redis, call);
}

static void cancel(void *self, struct trb_call *call, uint32_t why)
{
    watch_cancel(self, call);
}

static void resume(void *self, struct trb_call *call)
{
    watch_resume(self, call);
}

/* A change that could not be handed on is not told again: the next one will be. */
static void settle(void *self, void *cookie, const struct trb_settlement *how)
{
}

static const struct trb_configuration_ops ops = {
    .size = sizeof ops, .get = settings_get, .subscribe = settings_subscribe};

static const struct trb_component component = {
    .size = sizeof component, .block = "configuration", .type = "configuration.redis", .version = "v1",
    .summary = "Redis, one string per item.",
    .run = TRB_ON_LOOP, TRB_SELF(struct settings, options), .ops = &ops, .start = start, .stop = stop, .ping = ping,
    .cancel = cancel, .resume = resume, .settle = settle};

TRB_PLUGIN("redis", "1.0.0", "Apache-2.0", &component);
