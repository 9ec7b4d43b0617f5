/* state.sqlite: a state store in one file, for one machine. What is acknowledged has reached the disk. */
#include "store.h"
#include <base/slice.h>

static const struct trb_option options[] = {
    TRB_STRING(struct store, connection, "connectionString", .aliases = "url", .required = 1, .example = "/var/lib/app/state.db",
               .doc = "Path of the database, a file: URI, or :memory:."),
    TRB_DURATION(struct store, timeout_ns, "timeout", .aliases = "timeoutInSeconds", .fallback = "20s",
                 .doc = "A write that waits longer for its turn fails."),
    TRB_DURATION(struct store, busy_timeout_ns, "busyTimeout", .fallback = "2s",
                 .doc = "How long to wait while another process holds the database."),
    TRB_BOOL(struct store, disable_wal, "disableWAL", .fallback = "false",
             .doc = "Use a rollback journal instead of a write-ahead log, e.g. on a network file system."),
    TRB_STRING(struct store, table, "tableName", .fallback = "state", .empty_is_absent = 1, .doc = "Table of the items."),
    TRB_STRING(struct store, metadata_table, "metadataTableName", .fallback = "metadata", .empty_is_absent = 1,
               .doc = "Table of what the component notes for itself."),
    TRB_DURATION(struct store, cleanup_interval_ns, "cleanupInterval", .aliases = "cleanupIntervalInSeconds", .fallback = "0",
                 .doc = "Delete expired items this often; 0: never, they are only not seen."),
};

static void create_locks(struct store *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->sweeper_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&s->unled, NULL);
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_mutex_init(&s->db_lock, NULL);
    pthread_mutex_init(&s->readers_lock, NULL);
    pthread_mutex_init(&s->sweeper_lock, NULL);
    s->has_locks = true;
}

static trb_code check_names(const struct store *s, struct trb_error *err)
{
    if (!sqlite_is_identifier(s->table))
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "tableName: '%s' is no identifier: letters, digits and _ only", s->table);
    if (!sqlite_is_identifier(s->metadata_table))
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "metadataTableName: '%s' is no identifier: letters, digits and _ only",
                         s->metadata_table);
    return TRB_OK;
}

static trb_code open_all(struct store *s, struct trb_error *err)
{
    trb_code code;
    s->settings = (struct sqlite_settings){.busy_timeout_ns = s->busy_timeout_ns, .wal = !s->disable_wal};
    if ((code = check_names(s, err)) || (code = sqlite_place_parse(&s->place, s->connection, err)) ||
        (code = sqlite_db_open(&s->place, &s->settings, &s->writer.db, err)) || (code = schema_prepare(s, err)))
        return code;
    return writer_open(s, err);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    struct trb_error err = {.size = sizeof err, .item = -1};
    s->host = call->host;
    s->origin = call->origin;
    create_locks(s);
    if (open_all(s, &err)) {
        call->host->fail(call, &err);
        return;
    }
    sweeper_start(s);
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    if (s->has_locks) {
        sweeper_stop(s);
        write_settle(s);
        readers_close(s);
        writer_close(s);
        sqlite_place_fini(&s->place);
        pthread_cond_destroy(&s->sweeper_wake);
        pthread_cond_destroy(&s->unled);
        pthread_mutex_destroy(&s->queue_lock);
        pthread_mutex_destroy(&s->db_lock);
        pthread_mutex_destroy(&s->readers_lock);
        pthread_mutex_destroy(&s->sweeper_lock);
        s->has_locks = false;
    }
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = sqlite_get, .set = sqlite_set, .remove = sqlite_remove, .bulk_get = sqlite_bulk_get,
    .transact = sqlite_transact, .keys_like = sqlite_keys_like,
};
static const char *const aliases[] = {"state.sqlite3", NULL};
static const struct trb_component sqlite = {
    .size = sizeof sqlite, .block = "state", .type = "state.sqlite", .version = "v1", .aliases = aliases,
    .summary = "Keys and values in one SQLite file.",
    .caps = TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE,
    .run = TRB_ON_WORKERS, .max_parallel = READERS, TRB_SELF(struct store, options), .writes = "connectionString", .ops = &ops,
    .start = start, .stop = stop, .ping = sqlite_ping,
};
TRB_PLUGIN("sqlite", "0.1.0", "Apache-2.0", &sqlite);
