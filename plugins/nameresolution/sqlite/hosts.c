/* hosts: see hosts.h. */
#include "hosts.h"
#include <stdio.h>
#include <string.h>

#define NOW "CAST(strftime('%%s','now') AS INTEGER)"

/* ------------------------------------------------------------------------------------- opening */
static trb_code fail(struct hosts *h, struct trb_error *err, const char *what)
{
    int code = sqlite3_extended_errcode(h->db) & 0xff;
    bool passes = code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_FULL || code == SQLITE_IOERR;
    return trb_error(err, passes ? TRB_UNAVAILABLE : TRB_INTERNAL, "SQLITE", "%s: %s", what, sqlite3_errmsg(h->db));
}

static bool is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return len && len < 64 && !name[len] && (name[0] < '0' || name[0] > '9');
}

static TRB_PRINTF(4, 5) trb_code run(struct hosts *h, struct trb_error *err, const char *what, const char *format, ...)
{
    char sql[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sql, sizeof sql, format, ap);
    va_end(ap);
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK ? TRB_OK : fail(h, err, what);
}

static trb_code make_tables(struct hosts *h, struct trb_error *err)
{
    const char *t = h->setup.table, *m = h->setup.metadata, *what = "cannot make the tables of names";
    trb_code code = run(h, err, what, "BEGIN IMMEDIATE");
    if (code)
        return code;
    code = run(h, err, what, "CREATE TABLE IF NOT EXISTS %s (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)", m);
    if (!code)
        code = run(h, err, what, "CREATE TABLE IF NOT EXISTS %s (registration_id TEXT NOT NULL PRIMARY KEY, address TEXT "
                   "NOT NULL, app_id TEXT NOT NULL, namespace TEXT NOT NULL, last_update INTEGER NOT NULL)", t);
    if (!code)
        code = run(h, err, what, "CREATE UNIQUE INDEX IF NOT EXISTS %s_address_idx ON %s (address)", t, t);
    if (!code)
        code = run(h, err, what, "CREATE INDEX IF NOT EXISTS %s_last_update_idx ON %s (last_update)", t, t);
    if (!code)
        code = run(h, err, what, "INSERT OR IGNORE INTO %s (key, value) VALUES ('nr-migrations', '1')", m);
    if (!code)
        return run(h, err, what, "COMMIT");
    (void)run(h, NULL, what, "ROLLBACK");
    return code;
}

static TRB_PRINTF(4, 5) trb_code prepare(struct hosts *h, sqlite3_stmt **ret, struct trb_error *err,
                                         const char *format, ...)
{
    char sql[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sql, sizeof sql, format, ap);
    va_end(ap);
    return sqlite3_prepare_v2(h->db, sql, -1, ret, NULL) == SQLITE_OK ? TRB_OK : fail(h, err, "cannot prepare a query");
}

static trb_code prepare_all(struct hosts *h, struct trb_error *err)
{
    const char *t = h->setup.table, *m = h->setup.metadata;
    long long fresh = h->setup.fresh_s;
    trb_code code = prepare(h, &h->add, err, "REPLACE INTO %s (registration_id, address, app_id, namespace, last_update) "
                            "VALUES (?, ?, ?, '', " NOW ")", t);
    if (!code)
        code = prepare(h, &h->touch, err, "UPDATE %s SET last_update = " NOW " WHERE registration_id = ?", t);
    if (!code)
        code = prepare(h, &h->find, err, "SELECT address FROM %s WHERE app_id = ? AND last_update > " NOW " - %lld "
                       "ORDER BY random() LIMIT 1", t, fresh);
    if (!code)
        code = prepare(h, &h->remove, err, "DELETE FROM %s WHERE registration_id = ?", t);
    if (!code)
        code = prepare(h, &h->sweep, err, "DELETE FROM %s WHERE last_update <= " NOW " - %lld", t, fresh);
    if (!code)
        code = prepare(h, &h->swept, err, "INSERT INTO %s (key, value) VALUES ('nr-last-cleanup', CURRENT_TIMESTAMP) "
                       "ON CONFLICT (key) DO UPDATE SET value = CURRENT_TIMESTAMP "
                       "WHERE (julianday(CURRENT_TIMESTAMP) - julianday(value)) * 86400 > ?", m);
    return code;
}

trb_code hosts_open(struct hosts *h, const struct hosts_setup *setup, struct trb_error *err)
{
    h->setup = *setup;
    if (!is_name(setup->table) || !is_name(setup->metadata))
        return trb_error(err, TRB_INVALID, "BAD_TABLE", "tableName and metadataTableName are letters, digits and '_', "
                         "not '%s' and '%s'", setup->table, setup->metadata);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(setup->file, &h->db, flags, NULL) != SQLITE_OK)
        return fail(h, err, "cannot open the database of names");
    sqlite3_busy_timeout(h->db, (int)setup->busy_ms);
    if (setup->uses_wal && sqlite3_exec(h->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
        return fail(h, err, "cannot use a write-ahead log (disableWAL: true for network drives)");
    trb_code code = make_tables(h, err);
    return code ? code : prepare_all(h, err);
}

void hosts_close(struct hosts *h)
{
    sqlite3_stmt **all[] = {&h->add, &h->touch, &h->find, &h->remove, &h->sweep, &h->swept};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
    sqlite3_close(h->db);
    h->db = NULL;
}

/* -------------------------------------------------------------------------------------- asking */
static void bind(sqlite3_stmt *s, int at, struct trb_slice text)
{
    sqlite3_bind_text(s, at, text.at, (int)text.len, SQLITE_STATIC);
}

static struct trb_slice text_of(const char *text)
{
    return (struct trb_slice){text, strlen(text)};
}

/* One that yields no row. */
static trb_code finish(struct hosts *h, sqlite3_stmt *s, const char *what, struct trb_error *err)
{
    trb_code code = sqlite3_step(s) == SQLITE_DONE ? TRB_OK : fail(h, err, what);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return code;
}

trb_code hosts_add(struct hosts *h, const char *id, const char *address, struct trb_slice app_id, struct trb_error *err)
{
    bind(h->add, 1, text_of(id));
    bind(h->add, 2, text_of(address));
    bind(h->add, 3, app_id);
    return finish(h, h->add, "cannot register this sidecar", err);
}

trb_code hosts_touch(struct hosts *h, const char *id, bool *ret_there, struct trb_error *err)
{
    bind(h->touch, 1, text_of(id));
    trb_code code = finish(h, h->touch, "cannot renew the registration", err);
    if (!code)
        *ret_there = sqlite3_changes(h->db) > 0;
    return code;
}

trb_code hosts_remove(struct hosts *h, const char *id, struct trb_error *err)
{
    bind(h->remove, 1, text_of(id));
    return finish(h, h->remove, "cannot remove the registration", err);
}

trb_code hosts_find(struct hosts *h, struct trb_slice app_id, char *ret_address, size_t size, struct trb_error *err)
{
    trb_code code = TRB_OK;
    bind(h->find, 1, app_id);
    int result = sqlite3_step(h->find);
    if (result == SQLITE_ROW)
        snprintf(ret_address, size, "%s", (const char *)sqlite3_column_text(h->find, 0));
    else if (result == SQLITE_DONE)
        code = trb_error(err, TRB_NOT_FOUND, "NO_HOST", "no host found with the given ID");
    else
        code = fail(h, err, "cannot look up an app");
    sqlite3_reset(h->find);
    sqlite3_clear_bindings(h->find);
    return code;
}

trb_code hosts_sweep(struct hosts *h, int64_t interval_s, struct trb_error *err)
{
    sqlite3_bind_int64(h->swept, 1, interval_s);
    trb_code code = finish(h, h->swept, "cannot note the clean-up", err);
    if (code || !sqlite3_changes(h->db))
        return code;
    return finish(h, h->sweep, "cannot clean up", err);
}
