/* apply: one write as SQL. Bytes that are JSON are stored as they are, others as base64, marked. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

#define LIVE "(expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)"
#define MOST_TTL_S 2147483647

trb_code writer_open(struct store *s, struct trb_error *err)
{
    struct writer *w = &s->writer;
    const char *t = s->table;
    trb_code code = TRB_OK;
    /* ?1 key, ?2 value, ?3 is_binary, ?4 etag, ?5 expiration, ?6 the etag that must be there */
    const struct { sqlite3_stmt **to; const char *before, *after; } all[] = {
        {&w->set, "INSERT OR REPLACE INTO ", " (key, value, is_binary, etag, expiration_time, update_time) "
                                             "VALUES (?1, ?2, ?3, ?4, ?5, CURRENT_TIMESTAMP)"},
        {&w->set_etag, "UPDATE ", " SET value = ?2, is_binary = ?3, etag = ?4, expiration_time = ?5, "
                                  "update_time = CURRENT_TIMESTAMP WHERE key = ?1 AND etag = ?6 AND " LIVE},
        {&w->set_first, "INSERT INTO ", " (key, value, is_binary, etag, expiration_time, update_time) "
                                        "VALUES (?1, ?2, ?3, ?4, ?5, CURRENT_TIMESTAMP) ON CONFLICT (key) DO UPDATE SET "
                                        "value = ?2, is_binary = ?3, etag = ?4, expiration_time = ?5, "
                                        "update_time = CURRENT_TIMESTAMP WHERE NOT " LIVE},
        {&w->remove, "DELETE FROM ", " WHERE key = ?1"},
        {&w->remove_etag, "DELETE FROM ", " WHERE key = ?1 AND etag = ?6"},
        {&w->sweep, "DELETE FROM ", " WHERE expiration_time IS NOT NULL AND expiration_time <= CURRENT_TIMESTAMP"}};
    const struct { sqlite3_stmt **to; const char *sql; } plain[] = {
        {&w->begin, "BEGIN IMMEDIATE"}, {&w->commit, "COMMIT"}, {&w->rollback, "ROLLBACK"},
        {&w->mark, "SAVEPOINT one"}, {&w->unmark, "RELEASE one"}, {&w->back, "ROLLBACK TO one"}};
    for (size_t n = 0; n < sizeof all / sizeof *all && !code; n++)
        code = sqlite_db_prepare(w->db, all[n].to, err, "%s%s%s", all[n].before, t, all[n].after);
    for (size_t n = 0; n < sizeof plain / sizeof *plain && !code; n++)
        code = sqlite_db_prepare(w->db, plain[n].to, err, "%s", plain[n].sql);
    return code ? code : sqlite_db_prepare(w->db, &w->swept, err,
        "INSERT INTO %s (key, value) VALUES ('last-cleanup', CURRENT_TIMESTAMP) ON CONFLICT (key) DO UPDATE SET "
        "value = CURRENT_TIMESTAMP WHERE strftime('%%s', CURRENT_TIMESTAMP) - strftime('%%s', value) >= ?1", s->metadata_table);
}

void writer_close(struct store *s)
{
    struct writer *w = &s->writer;
    sqlite3_stmt **const all[] = {&w->begin, &w->commit, &w->rollback, &w->mark, &w->unmark, &w->back, &w->set,
                                  &w->set_etag, &w->set_first, &w->remove, &w->remove_etag, &w->sweep, &w->swept};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        *all[n] = sqlite_db_finalize(*all[n]);
    w->db = sqlite_db_close(w->db);
}

/* ---------------------------------------------------------------------------------- the values */
static char *bind_value(sqlite3_stmt *q, const struct trb_data *d)
{
    struct json_value ignored;
    struct json_fault fault;
    struct trb_slice bytes = slice_from(d->at ? d->at : "", d->len);
    bool is_json = json_parse(bytes, &ignored, &fault);
    char *text = NULL;
    sqlite3_bind_int(q, 3, !is_json);
    if (is_json) {
        sqlite3_bind_text64(q, 2, bytes.at, bytes.len, SQLITE_STATIC, SQLITE_UTF8);
        return NULL;
    }
    size_t len = base64_encode(bytes, true, text = mem_alloc(base64_encoded_len(bytes.len, true) + 1));
    sqlite3_bind_text64(q, 2, text, len, SQLITE_STATIC, SQLITE_UTF8);
    return text;
}

/* Times have whole seconds here; a part of one is given, not taken. */
static void bind_expiration(sqlite3_stmt *q, const struct trb_state_operation *op, char *room)
{
    if (!op->has_ttl || op->ttl_s <= 0) {
        sqlite3_bind_null(q, 5);
        return;
    }
    int64_t now_ns = clock_wall_ns();
    sqlite_time_text(now_ns / (int64_t)CLOCK_S + (now_ns % (int64_t)CLOCK_S != 0) + op->ttl_s, room);
    sqlite3_bind_text(q, 5, room, -1, SQLITE_STATIC);
}

static trb_code mismatch(struct trb_error *err)
{
    trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "%s", "");
    err->kind = TRB_STATE_ETAG_MISMATCH;
    return TRB_ABORTED;
}

static trb_code upsert(struct store *s, const struct trb_state_operation *op, struct trb_error *err)
{
    struct writer *w = &s->writer;
    bool has_etag = op->etag.len, first = op->concurrency == TRB_STATE_FIRST_WRITE;
    sqlite3_stmt *q = has_etag ? w->set_etag : first ? w->set_first : w->set;
    char etag[UUID_TEXT], expiration[SQLITE_TIME_TEXT];
    if (op->has_ttl && (op->ttl_s < -1 || op->ttl_s > MOST_TTL_S))
        return trb_error(err, TRB_INVALID, "BAD_TTL", "error parsing TTL: incorrect value for metadata 'ttlInSeconds': "
                         "%lld is not between -1 and %d", (long long)op->ttl_s, MOST_TTL_S);
    uuid_v4(etag);
    char *text = bind_value(q, &op->value);
    sqlite3_bind_text64(q, 1, op->key.at, op->key.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_text(q, 4, etag, -1, SQLITE_STATIC);
    bind_expiration(q, op, expiration);
    if (has_etag)
        sqlite3_bind_text64(q, 6, op->etag.at, op->etag.len, SQLITE_STATIC, SQLITE_UTF8);
    trb_code code = sqlite_db_finish(w->db, q, "cannot write", err);
    mem_free(text);
    return code ? code : (has_etag || first) && !sqlite3_changes(w->db) ? mismatch(err) : TRB_OK;
}

static trb_code delete(struct store *s, const struct trb_state_operation *op, struct trb_error *err)
{
    struct writer *w = &s->writer;
    sqlite3_stmt *q = op->etag.len ? w->remove_etag : w->remove;
    sqlite3_bind_text64(q, 1, op->key.at, op->key.len, SQLITE_STATIC, SQLITE_UTF8);
    if (op->etag.len)
        sqlite3_bind_text64(q, 6, op->etag.at, op->etag.len, SQLITE_STATIC, SQLITE_UTF8);
    trb_code code = sqlite_db_finish(w->db, q, "cannot delete", err);
    return code ? code : op->etag.len && !sqlite3_changes(w->db) ? mismatch(err) : TRB_OK;
}

trb_code writer_apply(struct store *s, const struct trb_state_operation *op, struct trb_error *err)
{
    return op->kind == TRB_STATE_UPSERT ? upsert(s, op, err) : delete(s, op, err);
}

/* Of all that share the table, one sweeps per interval: the one that can say so first. */
trb_code writer_sweep(struct store *s, struct trb_error *err)
{
    struct writer *w = &s->writer;
    sqlite3_bind_int64(w->swept, 1, s->cleanup_interval_ns / (int64_t)CLOCK_S);
    trb_code code = sqlite_db_finish(w->db, w->swept, "cannot note the sweep", err);
    if (code || !sqlite3_changes(w->db))
        return code;
    return sqlite_db_finish(w->db, w->sweep, "cannot sweep", err);
}
