/* store: what the files of state.mongodb share.
 *
 * A document per key: {_id, value, _etag, _ttl}. A worker borrows a client of the library's pool for one question;
 * the library's own threads watch the servers. A value whose text BSON would not give back to the letter has it
 * beside, as {_exact: {_etag, json}}, which counts while both etags are one. */
#ifndef STATE_MONGODB_STORE_H
#define STATE_MONGODB_STORE_H

#include "form.h"
#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <trilby/services.h>
#include <trilby/state.h>

#define PARALLEL 16u

struct store {
    const char *connection, *server, *host_list, *username, *password, *params;     /* options, filled in by the host */
    const char *database, *collection, *write_concern, *read_concern;
    int64_t timeout_ns;

    const struct trb_host *host;        /* ours, from start to stop */
    const struct trb_origin *origin;
    mongoc_uri_t *uri;
    mongoc_client_pool_t *pool;
    char *place;                        /* the hosts, for people */
    bool is_plain;                      /* the server has no pipelines in updates: our clock counts */
    atomic_bool is_up, is_lost;         /* up: start was answered */
    pthread_mutex_t lock;               /* of telling lost and ready in their order */
    bool has_lock;
};

struct line {                           /* a client for the time of one question */
    mongoc_client_t *client;
    mongoc_collection_t *items;
};

/* --- connect.c -------------------------------------------------------------------------------------- */
trb_code connect_start(struct store *, uint64_t deadline_ns, struct trb_error *err);
void connect_stop(struct store *);
void line_take(struct store *, struct line *);
void line_give_back(struct store *, struct line *);
/* err: "mongodb hosts: what: the library's words". Tells the host when no server is in reach. */
trb_code connect_fail(struct store *, const bson_error_t *, const char *what, struct trb_error *err);
trb_code connect_ping(struct store *, struct line *, struct trb_error *err);
/* What the server can do: transactions, updates by pipeline, an index that expires. */
trb_code probe(struct store *, struct trb_error *err);

/* --- document.c ---------------------------------------------------------------------------------------- */
/* ret_update: a pipeline, or a document for a plain server. as_binary: bytes that are no UTF-8 as what they are. */
void document_update(const struct store *, const struct trb_state_operation *, const char *etag, bool as_binary,
                     bson_t *ret_update);
bool document_is_odd(const struct trb_data *);          /* bytes that are no UTF-8 */
/* Appends what only living documents meet, as members of a filter. */
void document_alive(const struct store *, bson_t *filter);
struct reading {                        /* an answer and what its slices point at */
    struct trb_state_item answer;
    char etag[128], expiry[40];
    struct trb_pair pair;
};
/* Nothing of the answer points into the document. */
trb_code document_read(struct store *, const bson_t *, struct reading *, struct trb_error *err);

/* --- write.c, read.c, search.c ------------------------------------------------------------------------- */
trb_verb mongodb_set, mongodb_remove, mongodb_transact;
trb_verb mongodb_get, mongodb_bulk_get, mongodb_keys_like, mongodb_ping;
trb_verb mongodb_query;

#endif
