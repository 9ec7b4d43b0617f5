/* store: what the files of state.mysql share.
 *
 * A worker borrows one of LINKS connections for the time of one question; each keeps the statements it has
 * prepared. A connection that failed is closed and its place opened again by who comes next. */
#ifndef STATE_MYSQL_STORE_H
#define STATE_MYSQL_STORE_H

#include "dsn.h"
#include <mysql.h>
#include <pthread.h>
#include <stdbool.h>
#include <trilby/services.h>
#include <trilby/state.h>

#define PARALLEL 16u
#define LINKS (PARALLEL + 1)            /* one for the keeper */

enum { GET, SET, SET_ETAG, SET_FIRST, REMOVE, REMOVE_ETAG, KEYS, STATEMENTS };

struct link {
    MYSQL *my;                          /* NULL: not connected */
    MYSQL_STMT *statements[STATEMENTS];
    uint64_t deadline_ns;               /* of the question that has it */
    unsigned fault;                     /* the server's number, after a failed link_open */
    bool is_taken, is_broken;
};

struct store {
    const char *connection, *schema, *table, *metadata_table, *pem_path;    /* options, filled in by the host */
    int64_t timeout_ns, cleanup_interval_ns;

    const struct trb_host *host;        /* ours, from start to stop */
    const struct trb_origin *origin;
    struct dsn dsn;
    char *sql[STATEMENTS];
    pthread_mutex_t lock;               /* of what follows */
    struct link links[LINKS];
    struct trb_error failure;           /* of the last attempt to connect */
    uint64_t next_dial_ns, pause_ns;
    bool is_lost;
    pthread_t keeper;
    pthread_cond_t keeper_wake;
    bool keeper_runs, ends, has_locks;
};

/* --- link.c ---------------------------------------------------------------------------------------- */
/* err: the call's deadline (0: none) bounds every wait on this connection until it is given back. */
trb_code link_take(struct store *, uint64_t deadline_ns, struct link **ret_link, struct trb_error *err);
void link_give_back(struct store *, struct link *);
trb_code link_open(struct store *, struct link *, const char *database, struct trb_error *err);
void link_close(struct link *);
/* err: "what: the server's words". Says to the host when the server is out of reach. */
trb_code link_fail(struct store *, struct link *, const char *what, struct trb_error *err);
trb_code link_run(struct store *, struct link *, struct trb_slice sql, const char *what, struct trb_error *err);
trb_code link_runf(struct store *, struct link *, const char *what, struct trb_error *err, const char *format, ...)
    TRB_PRINTF(5, 6);
/* The statement, prepared and executed with these parameters. */
trb_code link_execute(struct store *, struct link *, uint32_t which, MYSQL_BIND *parameters, const char *what,
                      MYSQL_STMT **ret_statement, struct trb_error *err);
void link_limit(struct store *, struct link *);     /* waits end at the deadline */
bool link_keep(struct store *);                     /* tries to connect after a loss; true: nothing is lost */

/* --- schema.c -------------------------------------------------------------------------------------- */
trb_code schema_prepare(struct store *, uint64_t deadline_ns, struct trb_error *err);

/* --- write.c, read.c -------------------------------------------------------------------------------- */
void statements_make(struct store *);
trb_verb mysql_store_get, mysql_store_bulk_get, mysql_store_keys_like, mysql_store_ping;
trb_verb mysql_store_set, mysql_store_remove, mysql_store_transact;

/* --- keeper.c: a thread that sweeps, and connects again after a loss --------------------------------- */
void keeper_start(struct store *);
void keeper_stop(struct store *);

static inline MYSQL_BIND bind_text(const char *at, unsigned long len, enum enum_field_types type)
{
    return (MYSQL_BIND){.buffer_type = type, .buffer = (void *)(uintptr_t)at, .buffer_length = len};
}

#endif
