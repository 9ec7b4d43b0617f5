/* message: etcd's requests and answers (etcdserverpb, mvccpb) as far as a store of keys needs them. Pure. */
#ifndef STATE_ETCD_MESSAGE_H
#define STATE_ETCD_MESSAGE_H

#include <base/text.h>
#include <wire/wire.h>

/* A key of etcd: <path>/<name>. */
struct etcd_key {
    struct trb_slice path, name;
};

struct etcd_item {
    struct trb_slice key, value;
    int64_t create_revision, mod_revision;
};

/* --- fields of a request, or of an operation inside one --------------------------------------------- */
void etcd_put_range(struct text *, struct etcd_key, bool keys_only);
void etcd_put_put(struct text *, struct etcd_key, struct trb_slice value, int64_t lease);
size_t etcd_put_begin(struct text *, struct etcd_key);      /* the same, the value written in between */
void etcd_put_end(struct text *, size_t mark, int64_t lease);
void etcd_put_delete(struct text *, struct etcd_key);
/* All keys that begin so, without values, created at least at that revision; revision 0: as it is now. */
void etcd_put_range_keys(struct text *, struct etcd_key begin, int64_t revision, int64_t min_create);
void etcd_put_grant(struct text *, int64_t ttl_s);
void etcd_put_revoke(struct text *, int64_t lease);

/* --- a transaction: compares, then what is done when all hold, then what else ----------------------- */
#define ETCD_THEN 2u
#define ETCD_ELSE 3u
#define ETCD_OP_RANGE 1u
#define ETCD_OP_PUT 2u
#define ETCD_OP_DELETE 3u
void etcd_put_compare(struct text *, struct etcd_key, int64_t mod_revision);   /* 0: it is not there */
struct etcd_op {
    size_t outer, inner;
};
struct etcd_op etcd_op_begin(struct text *, uint32_t branch, uint32_t kind);
void etcd_op_end(struct text *, struct etcd_op);

/* --- answers: false when they are none ---------------------------------------------------------------- */
bool etcd_read_range(struct trb_slice answer, int64_t *ret_revision, struct wire_reader *ret_items);
bool etcd_next_item(struct wire_reader *items, struct etcd_item *ret_item);    /* false: the end, or broken */
bool etcd_read_first(struct trb_slice answer, bool *ret_has, struct etcd_item *ret_item);
bool etcd_read_txn(struct trb_slice answer, bool *ret_succeeded, struct wire_reader *ret_answers);
bool etcd_next_range(struct wire_reader *answers, struct trb_slice *ret_answer);   /* of the operations' answers */
bool etcd_read_lease(struct trb_slice answer, int64_t *ret_lease);

#endif
