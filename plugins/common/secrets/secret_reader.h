/* secret_reader: how a store of secrets behind HTTP is read. One secret is one request; all of them are
 * pages of names, and then a request for each, several at a time. The store says what a request looks like
 * and what its answer means; this keeps count, ends calls once, and wipes what it copied. [loop]
 *
 *     get ──► ask(ONE, name) ┄┄► one ───► reader_give
 *     bulk ─► ask(PAGE, NULL) ┄► page ──► reader_more(ONE, name) … reader_more(PAGE, next) … reader_give
 */
#ifndef SECRETS_SECRET_READER_H
#define SECRETS_SECRET_READER_H

#include <base/arena.h>
#include <base/json.h>
#include <base/list.h>
#include <base/text.h>
#include <http/http.h>
#include <trilby/secretstores.h>

#define READER_ONE 1u                   /* a secret's value */
#define READER_PAGE 2u                  /* names of secrets, perhaps with their values */

struct reader_job;                      /* a get or bulk under way */

struct reader_wish {                    /* one request of it */
    uint32_t kind;
    struct trb_name name;               /* of the secret, or what names the page; absent: the first */
    struct trb_pairs metadata;          /* the client's */
    bool is_bulk;
    struct arena *arena;                /* lives until one, page or refuse returns */
    struct reader_job *job;
};

/* What a product is like. self: the instance. */
struct reader_product {
    /* Fills url and what else the request needs, from the wish's arena; false: err says why not. */
    bool (*ask)(void *self, struct reader_wish *, struct text *url, struct http_request *, struct trb_error *err);
    void (*one)(void *self, struct reader_wish *, struct json_value object);    /* of an answer of 200 */
    void (*page)(void *self, struct reader_wish *, struct json_value object);
    void (*refuse)(struct reader_wish *, const struct http_answer *);           /* any other status */
};

struct reader_store {                   /* the first member of an instance */
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct http *http;                  /* the store's to create and destroy */
    const struct reader_product *product;
    struct list jobs;
};

/* In start, first. */
void reader_open(struct reader_store *, struct trb_call *start, const struct reader_product *);
/* The rest of a component: its verbs, whole. */
extern const struct trb_secretstores_ops reader_ops;
void reader_cancel(void *self, struct trb_call *, uint32_t why);

/* Inside one, page, refuse. */
void reader_give(struct reader_wish *, struct trb_name name, const struct trb_pairs *values);  /* a secret */
void reader_give_one(struct reader_wish *, struct trb_slice value);             /* … of one value, under the wish's name */
void reader_more(struct reader_wish *, uint32_t kind, struct trb_slice name);   /* copied; asked for later */
TRB_PRINTF(4, 5) void reader_fail(struct reader_wish *, trb_code, const char *reason, const char *format, ...);
/* The code for a status that is no success: 404 NOT_FOUND, 403 DENIED, 429 and 5xx UNAVAILABLE, … */
trb_code reader_code(uint32_t status);
/* Text of a JSON string, wiped with the arena. */
struct trb_name reader_text(struct reader_wish *, struct json_value string);
void reader_wipe_later(struct arena *, struct trb_slice);                       /* bytes of the arena */

#endif
