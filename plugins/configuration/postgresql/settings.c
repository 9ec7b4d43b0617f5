/* configuration.postgresql: settings in a table of the user's, and their changes by NOTIFY. */
#include "settings.h"
#include <base/slice.h>

#define LONGEST_NAME 64u

static const struct trb_option options[] = {
    PG_OPTIONS(struct settings, config),
    TRB_STRING(struct settings, table, "table", .required = 1, .example = "configuration",
               .doc = "Table of the items, with the columns key, value, version and metadata in this order; it must be there."),
    TRB_STRING(struct settings, channel, "notifyChannel", .aliases = "pgNotifyChannel", .empty_is_absent = 1,
               .doc = "Channel on which a trigger tells of changes; a subscription may name another by the metadata pgNotifyChannel."),
    TRB_DURATION(struct settings, old_idle_ns, "connMaxIdleTime", .fallback = "0", .deprecated = 1,
                 .doc = "Older name of connectionMaxIdleTime."),
};

/* a.b/c is a table named b/c in the schema a. */
static bool table_is_good(struct settings *s)
{
    size_t len = strlen(s->table);
    struct trb_slice rest = slice_from(s->table, len);
    for (size_t i = 0; i < len; i++) {
        char c = s->table[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/'))
            return false;
    }
    while (rest.at) {
        struct trb_slice part = slice_split(&rest, '.');
        if (!part.len)
            return false;
        text_addf(&s->from, "%s\"%.*s\"", s->from.len ? "." : "", SLICE_ARG(part));
    }
    return len && len <= LONGEST_NAME;
}

static void say_look(struct pg_wish *w, struct pg_batch *b)
{
    struct settings *s = w->self;
    struct pg_param name = pg_text(text_slice(&s->from));
    pg_say(b, &(struct pg_statement){.sql = "SELECT to_regclass($1)::text"}, &name, 1);
}

static void on_looked(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct settings *s = w->self;
    struct trb_call *call = s->starting;
    s->starting = NULL;
    if (err)
        s->host->fail(call, err);
    else if (!pg_rows(a) || !pg_cell(a, 0, 0).at)
        trb_fail(call, TRB_PRECONDITION, "NO_TABLE", "postgreSQL configuration table '%s' does not exist", s->table);
    else
        trb_done(call);
}

static void on_connected(void *self, struct trb_call *call)
{
    struct settings *s = self;
    const struct pg_wish w = {.say = say_look, .answered = on_looked, .self = s};
    s->starting = call;
    pg_ask(s->pg, &w);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct settings *s = self;
    s->host = call->host;
    s->origin = call->origin;
    s->timers = s->host->extension(TRB_TIMER);
    list_init(&s->watches);
    if (!table_is_good(s)) {
        trb_fail(call, TRB_INVALID, "BAD_OPTION", "table: '%.100s' is no name: at most %u of a-z, 0-9, '.', '_' and '/'", s->table,
                 LONGEST_NAME);
        return;
    }
    if (s->config.idle_ns <= 0)
        s->config.idle_ns = s->old_idle_ns;
    struct pg_setup setup_ = {.host = s->host, .origin = s->origin, .config = &s->config, .self = s, .place = &s->pg,
                              .then = on_connected};
    pg_start(&setup_, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct settings *s = self;
    s->pg = pg_stop(s->pg);
    pg_config_fini(&s->config);
    text_fini(&s->from);
    trb_done(call);
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

static const struct trb_configuration_ops ops = {.size = sizeof ops, .get = settings_get, .subscribe = settings_subscribe};
static const char *const aliases[] = {"configuration.postgres", NULL};
static const struct trb_component component = {
    .size = sizeof component, .block = "configuration", .type = "configuration.postgresql", .version = "v1", .aliases = aliases,
    .summary = "PostgreSQL, one row per item.",
    .run = TRB_ON_LOOP, TRB_SELF(struct settings, options), .ops = &ops, .start = start, .stop = stop,
    .cancel = cancel, .resume = resume, .settle = settle};

TRB_PLUGIN_FLAGS(0, "postgresql", "0.1.0", "Apache-2.0", &component);
