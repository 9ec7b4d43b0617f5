/* store: what the files of state.sqlite share.
 *
 * One connection writes, by whoever leads at the moment; others read. A write is queued, and a worker
 * that finds no leader becomes it: it takes what waits, applies all of it in one transaction, commits,
 * which reaches the disk, and only then answers each of them. While it waits for the disk the next
 * writers gather. */
#ifndef STATE_SQLITE_STORE_H
#define STATE_SQLITE_STORE_H

#include <sql/sqlite_db.h>
#include <pthread.h>
#include <stdbool.h>
#include <trilby/state.h>

#define READERS 8u

struct reader {
    sqlite3 *db;
    sqlite3_stmt *get, *keys;
};

struct writer {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *rollback, *mark, *unmark, *back;
    sqlite3_stmt *set, *set_etag, *set_first, *remove, *remove_etag, *sweep, *swept;
};

struct write {                          /* one question on its way to the disk */
    struct write *next;
    struct trb_call *call;              /* NULL: a sweep of ours */
    struct trb_state_operation one;     /* set, remove */
    struct trb_list operations;         /* one, or those of a transaction */
    uint64_t queued_ns;
    struct trb_error *failure;
    bool is_transaction;
};

struct store {
    const char *connection, *table, *metadata_table;    /* options, filled in by the host */
    int64_t timeout_ns, busy_timeout_ns, cleanup_interval_ns;
    uint32_t disable_wal;

    const struct trb_host *host;                        /* ours, from start to stop */
    const struct trb_origin *origin;
    struct sqlite_place place;
    struct sqlite_settings settings;
    struct writer writer;
    pthread_mutex_t queue_lock;
    pthread_cond_t unled;
    struct write *first, *last;
    bool is_led;
    pthread_mutex_t db_lock;            /* in memory: there is one connection for all */
    pthread_mutex_t readers_lock;
    struct reader readers[READERS];
    uint32_t readers_free;              /* the first so many rest here */
    pthread_t sweeper;
    pthread_mutex_t sweeper_lock;
    pthread_cond_t sweeper_wake;
    bool sweeper_runs, ends, has_locks;
};

/* --- schema.c ------------------------------------------------------------------------------------ */
trb_code schema_prepare(struct store *, struct trb_error *err);   /* tables as they must be */

/* --- apply.c: SQL of writes; on the writer's connection ------------------------------------------- */
trb_code writer_open(struct store *, struct trb_error *err);
void writer_close(struct store *);
trb_code writer_apply(struct store *, const struct trb_state_operation *, struct trb_error *err);
trb_code writer_sweep(struct store *, struct trb_error *err);

/* --- write.c: the queue and its leader ------------------------------------------------------------- */
trb_verb sqlite_set, sqlite_remove, sqlite_transact;
void write_sweep(struct store *);                                 /* queues a sweep, perhaps leads */
void write_settle(struct store *);                                /* waits until no leader is left */

/* --- read.c ---------------------------------------------------------------------------------------- */
trb_verb sqlite_get, sqlite_bulk_get, sqlite_keys_like, sqlite_ping;
void readers_close(struct store *);

/* --- sweep.c ----------------------------------------------------------------------------------------- */
void sweeper_start(struct store *);
void sweeper_stop(struct store *);

#endif
