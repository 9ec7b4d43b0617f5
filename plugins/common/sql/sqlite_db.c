/* sqlite_db: opening, running, and saying what went wrong. */
#include "sqlite_db.h"
#include <base/clock.h>
#include <base/slice.h>
#include <ctype.h>
#include <time.h>

trb_code sqlite_db_error(sqlite3 *db, const char *what, struct trb_error *err)
{
    int fault = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    trb_code code = fault == SQLITE_BUSY || fault == SQLITE_LOCKED  ? TRB_UNAVAILABLE
                    : fault == SQLITE_FULL || fault == SQLITE_NOMEM ? TRB_EXHAUSTED
                    : fault == SQLITE_TOOBIG                        ? TRB_INVALID
                    : fault == SQLITE_READONLY                      ? TRB_DENIED
                                                                    : TRB_INTERNAL;
    return trb_error(err, code, "SQLITE", "%s: %s", what, db ? sqlite3_errmsg(db) : "out of memory");
}

trb_code sqlite_db_run(sqlite3 *db, const char *sql, struct trb_error *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) ? sqlite_db_error(db, sql, err) : TRB_OK;
}

trb_code sqlite_db_prepare(sqlite3 *db, sqlite3_stmt **ret_statement, struct trb_error *err, const char *format, ...)
{
    char sql[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sql, sizeof sql, format, ap);
    va_end(ap);
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement, NULL))
        return sqlite_db_error(db, sql, err);
    return TRB_OK;
}

sqlite3_stmt *sqlite_db_finalize(sqlite3_stmt *s)
{
    sqlite3_finalize(s);
    return NULL;
}

trb_code sqlite_db_finish(sqlite3 *db, sqlite3_stmt *s, const char *what, struct trb_error *err)
{
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        ;
    trb_code code = step == SQLITE_DONE ? TRB_OK : sqlite_db_error(db, what, err);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return code;
}

static trb_code set_up(sqlite3 *db, const struct sqlite_place *p, const struct sqlite_settings *s,
                       struct trb_error *err)
{
    trb_code code;
    sqlite3_extended_result_codes(db, 0);
    sqlite3_busy_timeout(db, (int)(s->busy_timeout_ns / 1000000));
    if ((code = sqlite_db_run(db, "PRAGMA synchronous=FULL", err)) ||
        (code = sqlite_db_run(db, "PRAGMA case_sensitive_like=ON", err)))
        return code;
    if (s->wal && !p->is_memory && !p->is_read_only &&
        (code = sqlite_db_run(db, "PRAGMA journal_mode=WAL", err)))
        return code;
    return p->pragmas ? sqlite_db_run(db, p->pragmas, err) : TRB_OK;
}

trb_code sqlite_db_open(const struct sqlite_place *p, const struct sqlite_settings *s, sqlite3 **ret_db,
                        struct trb_error *err)
{
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
    trb_code code = sqlite3_open_v2(p->name, &db, flags, NULL) ? sqlite_db_error(db, p->name, err)
                                                               : set_up(db, p, s, err);
    if (code)
        sqlite_db_close(db);
    else
        *ret_db = db;
    return code;
}

sqlite3 *sqlite_db_close(sqlite3 *db)
{
    sqlite3_close_v2(db);
    return NULL;
}

bool sqlite_is_identifier(const char *name)
{
    if (!*name || isdigit((unsigned char)*name))
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

void sqlite_time_text(int64_t wall_s, char ret_text[SQLITE_TIME_TEXT])
{
    time_t at = (time_t)wall_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(ret_text, SQLITE_TIME_TEXT, "%Y-%m-%d %H:%M:%S", &tm);
}

bool sqlite_time_parse(const char *text, int64_t *ret_wall_s)
{
    struct tm tm = {0};
    if (!text || !strptime(text, "%Y-%m-%d %H:%M:%S", &tm))
        return false;
    *ret_wall_s = timegm(&tm);
    return true;
}
