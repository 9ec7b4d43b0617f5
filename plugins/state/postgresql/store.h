/* store: state.postgresql as its files share it: two versions, which differ in their table and in what an etag
 * is, and are the same otherwise. */
#ifndef STATE_POSTGRESQL_STORE_H
#define STATE_POSTGRESQL_STORE_H

#include <base/text.h>
#include <postgres/postgres.h>
#include <trilby/state.h>

/* Statements that are kept prepared; their numbers, which begin at 1. */
#define GET 1u
#define BULK_GET 2u
#define SET 3u
#define SET_FIRST 4u                    /* only where there is none, or an expired one */
#define SET_ETAG 5u                     /* only that version */
#define REMOVE 6u
#define REMOVE_ETAG 7u
#define CHECKED 3u                      /* added to the last three and SET_FIRST: fails where no row matches */
#define SET_FIRST_CHECKED 8u
#define SET_ETAG_CHECKED 9u
#define REMOVE_ETAG_CHECKED 10u
#define KEYS_LIKE 11u
#define SWEEP 12u
#define STATEMENTS 13u

struct store;

struct version {
    /* Columns. */
    const char *expiry, *inserted, *updated, *etag;
    /* Pieces of the statements; $1 key, $2 value, $3 seconds to live, $4 whether binary (v1). */
    const char *value_read;             /* as bytea */
    const char *set_columns, *set_values, *set_again;      /* without the key and the expiry */
    const char *etag_read, *etag_is;    /* the latter in front of a parameter of text: "xmin = $n::xid" */
    const char *etag_type;
    bool has_binary;                    /* jsonb: bytes that are no JSON are base64 in a string, marked */
    uint32_t level;                     /* migrations done */
    uint32_t row_id_level;              /* the one that numbers the rows */
    const char *create;                 /* columns of level 1 */
    const char *add_expiry;             /* level of its own, or NULL: create has it, with an index */
};
extern const struct version version_1, version_2;

struct store {
    struct pg_config config;
    const char *table_option, *metadata_table;
    int64_t cleanup_interval_ns;

    const struct version *version;
    struct text table;                  /* as statements spell it */
    struct text migrations, last_cleanup;   /* keys in the metadata table */
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct pg *pg;
    struct trb_call *starting;
    uint32_t migration_tries;
    struct trb_timer *sweeper;
    struct pg_statement statements[STATEMENTS];
};

/* --- statements ---------------------------------------------------------------------------------- */
void statements_make(struct store *);
void statements_fini(struct store *);
char *migration_make(const struct store *);                /* one DO block; the caller frees it */
/* Live rows: neither expired nor about to be swept. alias may be "". */
void add_live(const struct store *, struct text *, const char *alias);

/* --- answers: of one call, or of one item of a bulk ------------------------------------------------ */
#define ALONE UINT32_MAX                /* wish.index: the call is the question's own */
struct bulk {
    struct store *store;
    struct trb_call *call;
    uint32_t owed;
};
struct pg_wish wish_alone(struct store *, struct trb_call *, const void *question);
void wish_done(struct pg_wish *, const void *answer, size_t size);
void wish_fail(struct pg_wish *, const struct trb_error *);
struct store *store_of(const struct pg_wish *);
/* The singles of a bulk, pipelined. */
void bulk_send(struct store *, struct trb_call *, const struct trb_list *items, void (*send)(struct pg_wish *));

/* --- one item: of a row of value, etag, expiry from that column on --------------------------------- */
#define EXPIRY_TEXT 40
struct row_item {
    struct trb_state_item item;
    struct trb_pair expiry;
};
void row_read(struct row_item *, const struct pg_answer *, uint32_t row, uint32_t column);

/* --- etags ---------------------------------------------------------------------------------------- */
#define ETAG_TEXT 40
/* In the form that the statement takes; or what is wrong with it. */
trb_code etag_check(const struct store *, struct trb_slice etag, char room[ETAG_TEXT], struct trb_error *err);
void etag_mismatch(struct trb_error *err, const char *detail);

void sweep_start(struct store *);

trb_verb store_get, store_set, store_remove, store_bulk_get, store_bulk_set, store_bulk_remove, store_transact,
    store_keys_like, store_query;

#endif
