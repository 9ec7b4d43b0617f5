/* state.postgresql: a table of keys and values, pipelined over one connection per loop. v1 keeps JSON as jsonb and
 * can be queried; v2 keeps bytes. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

#define CLEANUP                                                                                    \
    TRB_DURATION(struct store, cleanup_interval_ns, "cleanupInterval", .aliases = "cleanupIntervalInSeconds", .fallback = "1h", \
                 .doc = "Delete expired items this often; 0 or less: never, they are only not seen.")
#define METADATA_TABLE                                                                             \
    TRB_STRING(struct store, metadata_table, "metadataTableName", .fallback = "dapr_metadata", .empty_is_absent = 1, \
               .doc = "Table of what the component notes for itself; may be schema.table.")

static const struct trb_option options_1[] = {
    PG_OPTIONS(struct store, config), CLEANUP, METADATA_TABLE,
    TRB_STRING(struct store, table_option, "tableName", .fallback = "state", .empty_is_absent = 1,
               .doc = "Table of the items; may be schema.table."),
};
static const struct trb_option options_2[] = {
    PG_OPTIONS(struct store, config), CLEANUP, METADATA_TABLE,
    TRB_STRING(struct store, table_option, "tablePrefix", .fallback = "",
               .doc = "In front of the table's name, which is state; may begin with a schema and a dot."),
};

/* ------------------------------------------------------------------------------------------- start */
static void migrate(struct store *);

static void say_migration(struct pg_wish *w, struct pg_batch *b)
{
    char *sql = migration_make(w->self);
    pg_say(b, &(struct pg_statement){.sql = sql}, NULL, 0);
    mem_free(sql);
}

/* Another sidecar may make the same tables at this moment, outside our lock or inside its own. */
static bool is_race(const struct pg_answer *a)
{
    static const char *const states[] = {"23505", "42P07", "42710", "42701", "40P01", "40001"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (!strcmp(pg_state(a), states[i]))
            return true;
    return false;
}

static void on_migrated(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct store *s = w->self;
    struct trb_call *call = s->starting;
    if (err && is_race(a) && s->migration_tries++ < 3) {
        migrate(s);
        return;
    }
    s->starting = NULL;
    if (err) {
        pg_fail(call, "failed to perform migrations", err);
        return;
    }
    sweep_start(s);
    trb_done(call);
}

static void migrate(struct store *s)
{
    struct pg_wish w = {.say = say_migration, .answered = on_migrated, .self = s};
    pg_ask(s->pg, &w);
}

static void on_connected(void *self, struct trb_call *call)
{
    struct store *s = self;
    s->starting = call;
    migrate(s);
}

static bool names_are_good(struct store *s, struct trb_call *call)
{
    bool is_v2 = s->version == &version_2;
    text_addf(&s->table, is_v2 ? "%sstate" : "%s", s->table_option);
    if (!pg_is_identifier(s->table.at, true))
        trb_fail(call, TRB_INVALID, "BAD_OPTION", "%s: '%.100s' is no name of a table: letters, digits and _, perhaps after a schema "
                 "and a dot", is_v2 ? "tablePrefix" : "tableName", s->table_option);
    else if (!pg_is_identifier(s->metadata_table, true))
        trb_fail(call, TRB_INVALID, "BAD_OPTION", "metadataTableName: '%.100s' is no name of a table: letters, digits and _, perhaps "
                 "after a schema and a dot", s->metadata_table);
    else
        return true;
    return false;
}

static void start(struct store *s, struct trb_call *call, const struct version *version)
{
    s->host = call->host;
    s->origin = call->origin;
    s->version = version;
    if (!names_are_good(s, call))
        return;
    bool is_v2 = version == &version_2;
    text_addf(&s->migrations, "migrations%s%s", is_v2 ? "-state-v2-" : "", is_v2 ? s->table_option : "");
    text_addf(&s->last_cleanup, "last-cleanup%s%s", is_v2 ? "-state-v2-" : "", is_v2 ? s->table_option : "");
    statements_make(s);
    struct pg_setup setup = {.host = s->host, .origin = s->origin, .config = &s->config, .self = s, .place = &s->pg,
                             .then = on_connected, .flags = is_v2 ? 0 : PG_IAM_IS_IGNORED};
    pg_start(&setup, call);
}

static void start_1(void *self, struct trb_call *call, const void *setup)
{
    start(self, call, &version_1);
}

static void start_2(void *self, struct trb_call *call, const void *setup)
{
    start(self, call, &version_2);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    s->pg = pg_stop(s->pg);
    pg_config_fini(&s->config);
    statements_fini(s);
    text_fini(&s->table);
    text_fini(&s->migrations);
    text_fini(&s->last_cleanup);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------------ tables */
#define VERBS .get = store_get, .set = store_set, .remove = store_remove, .bulk_get = store_bulk_get, .bulk_set = store_bulk_set, \
              .bulk_remove = store_bulk_remove, .transact = store_transact, .keys_like = store_keys_like
static const struct trb_state_ops ops_1 = {.size = sizeof ops_1, VERBS, .query = store_query};
static const struct trb_state_ops ops_2 = {.size = sizeof ops_2, VERBS};

#define CAPS (TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE)
static const char *const aliases[] = {"state.postgres", NULL};
static const struct trb_component v1 = {
    .size = sizeof v1, .block = "state", .type = "state.postgresql", .version = "v1", .aliases = aliases,
    .summary = "PostgreSQL, one row per key, values as jsonb.", .caps = CAPS | TRB_STATE_QUERY,
    .run = TRB_ON_LOOP, TRB_SELF(struct store, options_1), .ops = &ops_1, .start = start_1, .stop = stop};
static const struct trb_component v2 = {
    .size = sizeof v2, .block = "state", .type = "state.postgresql", .version = "v2", .aliases = aliases,
    .summary = "PostgreSQL, one row per key, values as bytes.", .caps = CAPS,
    .run = TRB_ON_LOOP, TRB_SELF(struct store, options_2), .ops = &ops_2, .start = start_2, .stop = stop};

/* libpq leaves things of its own behind: never unmapped. */
TRB_PLUGIN_FLAGS(0, "postgresql", "0.1.0", "Apache-2.0", &v1, &v2);
