/* schema: the two tables, made or brought up to date in one exclusive transaction. */
#include "store.h"
#include <base/slice.h>
#include <stdio.h>

#define OUR_LEVEL 1

/* *ret_level: 0 when the tables are not there. */
static trb_code read_level(struct store *s, int64_t *ret_level, struct trb_error *err)
{
    sqlite3 *db = s->writer.db;
    sqlite3_stmt *q = NULL;
    trb_code code = sqlite_db_prepare(db, &q, err, "SELECT 1 FROM sqlite_master WHERE type='table' AND name='%s'", s->metadata_table);
    *ret_level = 0;
    bool is_there = !code && sqlite3_step(q) == SQLITE_ROW;
    sqlite_db_finalize(q);
    if (code || !is_there)
        return code;
    code = sqlite_db_prepare(db, &q, err, "SELECT value FROM %s WHERE key='migrations'", s->metadata_table);
    if (code)
        return code;
    if (sqlite3_step(q) == SQLITE_ROW && !slice_to_i64(slice_of((const char *)sqlite3_column_text(q, 0)), ret_level))
        code = trb_error(err, TRB_PRECONDITION, "BAD_SCHEMA", "table %s: 'migrations' is no number: it belongs to another "
                         "program; set metadataTableName to another table", s->metadata_table);
    sqlite_db_finalize(q);
    return code;
}

static trb_code make_tables(struct store *s, struct trb_error *err)
{
    char sql[1024];
    trb_code code;
    snprintf(sql, sizeof sql, "CREATE TABLE IF NOT EXISTS %s (\n  key TEXT NOT NULL PRIMARY KEY,\n  value TEXT NOT NULL\n)",
             s->metadata_table);
    if ((code = sqlite_db_run(s->writer.db, sql, err)))
        return code;
    snprintf(sql, sizeof sql,
             "CREATE TABLE IF NOT EXISTS %s (\n  key TEXT NOT NULL PRIMARY KEY,\n  value TEXT NOT NULL,\n"
             "  is_binary BOOLEAN NOT NULL,\n  etag TEXT NOT NULL,\n  expiration_time TIMESTAMP DEFAULT NULL,\n"
             "  update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP\n)", s->table);
    if ((code = sqlite_db_run(s->writer.db, sql, err)))
        return code;
    snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO %s (key, value) VALUES ('migrations', '%d')", s->metadata_table, OUR_LEVEL);
    return sqlite_db_run(s->writer.db, sql, err);
}

trb_code schema_prepare(struct store *s, struct trb_error *err)
{
    int64_t level;
    trb_code code = read_level(s, &level, err);
    if (code || level >= OUR_LEVEL)
        return code;
    if ((code = sqlite_db_run(s->writer.db, "BEGIN EXCLUSIVE", err)))
        return code;
    if (!(code = read_level(s, &level, err)) && level < OUR_LEVEL)
        code = make_tables(s, err);
    if (!code)
        code = sqlite_db_run(s->writer.db, "COMMIT", err);
    if (code)
        sqlite_db_run(s->writer.db, "ROLLBACK", NULL);
    return code;
}
