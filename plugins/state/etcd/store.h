/* store: state.etcd as its files share it. A key is <keyPrefixPath>/<key>; its version is etcd's ModRevision. */
#ifndef STATE_ETCD_STORE_H
#define STATE_ETCD_STORE_H

#include "message.h"
#include <grpc/grpc.h>
#include <trilby/state.h>

struct store {
    struct grpc_config config;
    const char *endpoints, *path, *ca, *cert, *key;
    uint32_t tls;
    int64_t max_ops;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct grpc *grpc;
    struct trb_call *starting;                  /* start is not answered yet */
    uint32_t is_v2;                             /* values are messages */
};

#define TIMEOUT_NS 5000000000ll                 /* of every request */
#define MAX_OPS 128u
#define MAX_TRIES 1u                            /* a read whose connection broke is asked once more */

struct etcd_key store_key(const struct store *, struct trb_name);
/* Sends a request; the message is taken. `call` lends its deadline. */
void store_ask(struct store *, struct trb_call *call, const struct grpc_wish *, const char *path, struct text *message);
extern const char path_range[], path_put[], path_delete[], path_txn[], path_grant[], path_revoke[];
/* The fields of a put: the value as it is, or in a message. */
void store_put(const struct store *, struct text *, struct trb_name key, struct trb_data, int64_t ttl_s, int64_t lease);

/* --- answers: of one call, or of one item of a bulk ------------------------------------------------ */
#define ALONE UINT32_MAX                        /* wish.index: the call is the question's own */
struct bulk {
    struct store *store;
    struct trb_call *call;
    uint32_t owed;
};
struct trb_call *wish_call(const struct grpc_wish *);
void wish_end(struct grpc_wish *, const void *answer, size_t size, const struct trb_error *err);
void wish_fail_answer(struct grpc_wish *);      /* what came is not etcd's */
bool wish_may_repeat(struct grpc_wish *, const struct trb_error *err);
struct bulk *bulk_create(struct store *, struct trb_call *, uint32_t count);   /* NULL: answered, nothing to do */
void bulk_send(struct store *, struct trb_call *, const struct trb_list *items, void (*send)(struct grpc_wish *));
void error_bad_answer(struct trb_error *);

/* --- versions --------------------------------------------------------------------------------------- */
#define ETAG_ANY 0u                             /* nothing is asked of the present version */
#define ETAG_ABSENT 1u                          /* first-write: it must not be there */
#define ETAG_IS 2u                              /* this revision */
#define ETAG_NEVER 3u                           /* the text is no revision: no version has it */
uint32_t etag_read(struct trb_name etag, uint32_t concurrency, int64_t *ret_revision);
/* Why a compare failed; has false: the key is not there. */
void etag_mismatch(const struct store *, struct trb_name key, struct trb_name etag, bool has, const struct etcd_item *,
                   struct trb_error *);

/* --- leases: what makes keys expire -------------------------------------------------------------------- */
void lease_revoke(struct store *, int64_t lease);           /* nobody waits for the answer; 0 is welcome */

trb_verb store_get, store_set, store_remove, store_bulk_get, store_bulk_set, store_bulk_remove, store_transact,
    store_keys_like;

#endif
