/* wish: what a component asks of PostgreSQL: one statement, or several that succeed or fail together.
 *
 * It is said when there is a connection to say it on, and said again on another one when the server has
 * surely done nothing of it. It is answered once, when the server has committed. */
#ifndef POSTGRES_WISH_H
#define POSTGRES_WISH_H

#include <stdbool.h>
#include <trilby/inline.h>

struct pg_batch;                                /* where a wish says its statements */
struct pg_answer;                               /* what came; readable inside answered */

struct pg_wish {
    void (*say)(struct pg_wish *, struct pg_batch *);
    /* err NULL: all was committed. Else answer says which statement failed, when one did. */
    void (*answered)(struct pg_wish *, const struct pg_answer *, const struct trb_error *err);
    void *self, *call;                          /* the wisher's */
    const void *question;
    uint32_t index, tries;
    bool is_read;                               /* changes nothing: shares its commit with the reads beside it */
};

/* --- saying -------------------------------------------------------------------------------------- */
/* Parameters are text unless said otherwise; they are copied at once. A statement with a number is kept
 * prepared at the server under it; 0: not. */
#define PG_TEXT 0u
#define PG_BYTES 1u                             /* bytea */
#define PG_TEXTS 2u                             /* text[]: the bytes are pg_texts_write's */
#define PG_UNTYPED 3u                           /* text whose type the server finds; a NUL follows */
struct pg_param {
    const char *at;                             /* NULL: NULL */
    size_t len;
    uint32_t kind;
};

#define PG_STATEMENTS 32u
#define PG_AS_TEXT 1u                           /* results in the text form; else binary: text is text, bytea is bytes */
struct pg_statement {
    char *sql;
    uint32_t number;                            /* below PG_STATEMENTS */
    uint32_t flags;
};

void pg_say(struct pg_batch *, const struct pg_statement *, const struct pg_param *params, uint32_t count);

static inline struct pg_param pg_text(struct trb_slice s)
{
    return (struct pg_param){s.at, s.len, PG_TEXT};
}

static inline struct pg_param pg_null(void)
{
    return (struct pg_param){NULL, 0, PG_TEXT};
}

/* A text[] in the server's binary form: room for pg_texts_room, filled item by item. */
size_t pg_texts_room(uint32_t count, size_t bytes);
char *pg_texts_begin(char *to, uint32_t count);
char *pg_texts_add(char *to, struct trb_slice text);

/* --- reading: of the last statement that had a result ---------------------------------------------- */
uint32_t pg_rows(const struct pg_answer *);
uint32_t pg_columns(const struct pg_answer *);
struct trb_slice pg_cell(const struct pg_answer *, uint32_t row, uint32_t column);     /* absent: NULL */
uint32_t pg_column_type(const struct pg_answer *, uint32_t column);                    /* the type's number at the server */
uint64_t pg_affected(const struct pg_answer *);                                        /* rows inserted, updated, deleted */
const char *pg_state(const struct pg_answer *);                                        /* SQLSTATE of the failure; "" : none came */
uint32_t pg_failed_at(const struct pg_answer *);                                       /* the statement that failed, from 0 */

#endif
