/* sqlite_db: one connection to a SQLite database, and what its components say about one in their options.
 *
 * A connection is used by one thread at a time: its owner locks. */
#ifndef SQL_SQLITE_DB_H
#define SQL_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/plugin.h>

struct sqlite_place {                   /* a connection string, understood */
    char *name;                         /* for sqlite3_open_v2 */
    char *pragmas;                      /* "PRAGMA a=b; …" of its _pragma parameters */
    bool is_memory, is_read_only;
};

struct sqlite_settings {
    int64_t busy_timeout_ns;
    bool wal;                           /* ignored in memory and for reading only */
};

/* A path, a file: URI or :memory:. Refuses what the component's own options say (busy_timeout,
 * journal_mode, _txlock). */
trb_code sqlite_place_parse(struct sqlite_place *, const char *connection, struct trb_error *err);
void sqlite_place_fini(struct sqlite_place *);

/* synchronous=FULL: a commit has reached the disk when it returns. */
trb_code sqlite_db_open(const struct sqlite_place *, const struct sqlite_settings *, sqlite3 **ret_db,
                        struct trb_error *err);
sqlite3 *sqlite_db_close(sqlite3 *);    /* returns NULL; NULL is welcome */

/* err: "what: sqlite's words", with a code that says whether it may be tried again. */
trb_code sqlite_db_error(sqlite3 *, const char *what, struct trb_error *err);
trb_code sqlite_db_run(sqlite3 *, const char *sql, struct trb_error *err);
trb_code sqlite_db_prepare(sqlite3 *, sqlite3_stmt **ret_statement, struct trb_error *err, const char *format, ...)
    TRB_PRINTF(4, 5);
sqlite3_stmt *sqlite_db_finalize(sqlite3_stmt *);       /* returns NULL; NULL is welcome */
/* Runs a statement to its end, and resets it. Its changes are sqlite3_changes. */
trb_code sqlite_db_finish(sqlite3 *, sqlite3_stmt *, const char *what, struct trb_error *err);

/* A table's name: letters, digits and _, no digit in front. */
bool sqlite_is_identifier(const char *name);

#define SQLITE_TIME_TEXT 32             /* "2026-11-22 09:36:58", UTC */
void sqlite_time_text(int64_t wall_s, char ret_text[SQLITE_TIME_TEXT]);
bool sqlite_time_parse(const char *text, int64_t *ret_wall_s);

#endif
