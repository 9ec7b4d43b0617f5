/* state.mysql: rows of one table in MySQL or MariaDB, as Dapr lays them out. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>
#include <ctype.h>
#include <unistd.h>

static const struct trb_option options[] = {
    TRB_STRING(struct store, connection, "connectionString", .required = 1, .sensitive = 1,
               .example = "app:secret@tcp(localhost:3306)/?tls=true",
               .doc = "The server, as Go's driver writes it: user:password@tcp(host:port)/?name=value, without a database."),
    TRB_STRING(struct store, schema, "schemaName", .fallback = "dapr_state_store", .empty_is_absent = 1,
               .doc = "Database of the tables; made when it is not there."),
    TRB_STRING(struct store, table, "tableName", .fallback = "state", .empty_is_absent = 1, .doc = "Table of the items."),
    TRB_STRING(struct store, metadata_table, "metadataTableName", .fallback = "dapr_metadata", .empty_is_absent = 1,
               .doc = "Table of what the component notes for itself."),
    TRB_STRING(struct store, pem_path, "pemPath", .empty_is_absent = 1, .example = "/etc/ssl/mysql-ca.pem",
               .doc = "File with the PEM of the authorities to trust; connectionString then says tls=custom."),
    TRB_DURATION(struct store, timeout_ns, "timeoutInSeconds", .aliases = "timeout", .fallback = "20s",
                 .doc = "Give up waiting for an answer of the server after this."),
    TRB_DURATION(struct store, cleanup_interval_ns, "cleanupInterval", .aliases = "cleanupIntervalInSeconds", .fallback = "1h",
                 .doc = "Delete expired items this often; 0: never, they are only not seen."),
};

static void begin_library(void)
{
    mysql_server_init(0, NULL, NULL);
}

static bool is_identifier(const char *name)
{
    size_t len = strlen(name);
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return len && len <= 64;
}

static trb_code check_names(const struct store *s, struct trb_error *err)
{
    const struct { const char *option, *name; } all[] = {
        {"schemaName", s->schema}, {"tableName", s->table}, {"metadataTableName", s->metadata_table}};
    for (size_t n = 0; n < 3; n++)
        if (!is_identifier(all[n].name))
            return trb_error(err, TRB_INVALID, "BAD_OPTION", "%s: '%s' is no identifier: letters, digits and _ only",
                             all[n].option, all[n].name);
    return TRB_OK;
}

static trb_code check_connection(struct store *s, struct trb_error *err)
{
    trb_code code = dsn_parse(&s->dsn, slice_of(s->connection), err);
    if (code)
        return code;
    if (s->dsn.database[0] && strcmp(s->dsn.database, s->schema))
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "connectionString names the database '%s': leave it out there and "
                         "say schemaName: %s", s->dsn.database, s->dsn.database);
    if (s->dsn.tls == DSN_TLS_CUSTOM && !s->pem_path)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "connectionString says tls=custom, but there is no pemPath");
    if (s->pem_path && s->dsn.tls != DSN_TLS_CUSTOM)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "pemPath has no effect unless connectionString says tls=custom");
    if (s->pem_path && access(s->pem_path, R_OK))
        return trb_errno(err, s->pem_path);
    if (s->timeout_ns <= 0)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "timeoutInSeconds must be above zero");
    return TRB_OK;
}

static void create_locks(struct store *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->keeper_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    s->has_locks = true;
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    struct trb_error err = {.size = sizeof err, .item = -1};
    const struct trb_once_service *once = call->host->extension(TRB_ONCE);
    s->host = call->host;
    s->origin = call->origin;
    create_locks(s);
    if (check_names(s, &err) || check_connection(s, &err)) {
        call->host->fail(call, &err);
        return;
    }
    if (once)
        once->run("libmariadb", begin_library);
    else
        begin_library();
    statements_make(s);
    if (schema_prepare(s, call->host->deadline_ns(call), &err)) {
        call->host->fail(call, &err);
        return;
    }
    keeper_start(s);
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    if (s->has_locks) {
        keeper_stop(s);
        for (size_t n = 0; n < LINKS; n++)
            link_close(&s->links[n]);
        for (size_t n = 0; n < STATEMENTS; n++)
            s->sql[n] = mem_free(s->sql[n]);
        dsn_fini(&s->dsn);
        pthread_cond_destroy(&s->keeper_wake);
        pthread_mutex_destroy(&s->lock);
        s->has_locks = false;
    }
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = mysql_store_get, .set = mysql_store_set, .remove = mysql_store_remove,
    .bulk_get = mysql_store_bulk_get, .transact = mysql_store_transact, .keys_like = mysql_store_keys_like,
};
static const struct trb_component mysql = {
    .size = sizeof mysql, .block = "state", .type = "state.mysql", .version = "v1",
    .summary = "Rows of a table in MySQL or MariaDB.",
    .caps = TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE,
    .run = TRB_ON_WORKERS, .max_parallel = PARALLEL, TRB_SELF(struct store, options), .ops = &ops,
    .start = start, .stop = stop, .ping = mysql_store_ping,
};
/* The client library may keep what outlives stop: it stays mapped. */
TRB_PLUGIN_FLAGS(0, "mysql", "0.1.0", "Apache-2.0", &mysql);
