/* hosts: the table of who is where, in one SQLite file that the sidecars share. Blocking; one thread at a
 * time. resources.md 5.3, components.md 6.13 */
#ifndef NAMES_SQLITE_HOSTS_H
#define NAMES_SQLITE_HOSTS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <trilby/plugin.h>

struct hosts_setup {
    const char *file, *table, *metadata;   /* file: a path, a file: URI, :memory: */
    int64_t busy_ms, fresh_s;              /* fresh: a row updated longer ago counts no more */
    bool uses_wal;
};

struct hosts {
    sqlite3 *db;
    struct hosts_setup setup;
    sqlite3_stmt *add, *touch, *find, *remove, *sweep, *swept;
};

/* Opens the file, makes the tables when they are not there. */
trb_code hosts_open(struct hosts *, const struct hosts_setup *, struct trb_error *err);
void hosts_close(struct hosts *);          /* also after a failed open */
/* Whoever had this address before loses it. */
trb_code hosts_add(struct hosts *, const char *id, const char *address, struct trb_slice app_id, struct trb_error *err);
/* *ret_there: false when the row is gone. */
trb_code hosts_touch(struct hosts *, const char *id, bool *ret_there, struct trb_error *err);
trb_code hosts_remove(struct hosts *, const char *id, struct trb_error *err);
/* Any one of the fresh; TRB_NOT_FOUND without one. */
trb_code hosts_find(struct hosts *, struct trb_slice app_id, char *ret_address, size_t size, struct trb_error *err);
/* Removes stale rows, unless somebody did within the interval. */
trb_code hosts_sweep(struct hosts *, int64_t interval_s, struct trb_error *err);

#endif
