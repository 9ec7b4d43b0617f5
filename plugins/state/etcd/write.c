/* write: set and remove. The present version is compared and the key written in one transaction of etcd, whose
 * answer says whether it was done. */
#include "store.h"
#include <base/slice.h>

/* What both have in common; value absent: a removal. */
struct write {
    struct trb_name key, etag;
    uint32_t concurrency;
};

static struct write write_of(const struct grpc_wish *w, bool is_set)
{
    const struct trb_state_set *set = w->question;
    const struct trb_state_delete *remove = w->question;
    return is_set ? (struct write){set->key, set->etag, set->concurrency}
                  : (struct write){remove->key, remove->etag, remove->concurrency};
}

/* ------------------------------------------------------------------------------- what came back */
static void end_write(struct grpc_wish *w, const struct trb_error *err)
{
    if (err && w->number)
        lease_revoke(w->self, w->number);
    wish_end(w, NULL, 0, err);
}

static void refuse(struct grpc_wish *w, bool is_set, bool has, const struct etcd_item *present)
{
    struct write q = write_of(w, is_set);
    struct trb_error err = {0};
    etag_mismatch(w->self, q.key, q.etag, has, present, &err);
    end_write(w, &err);
}

static void on_plain(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    end_write(w, err);
}

static void on_compared(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err, bool is_set)
{
    struct trb_error own = {0};
    struct wire_reader answers;
    struct trb_slice range;
    struct etcd_item present;
    bool succeeded, has = false;
    if (err) {
        end_write(w, err);
    } else if (!etcd_read_txn(answer, &succeeded, &answers)) {
        error_bad_answer(&own);
        end_write(w, &own);
    } else if (succeeded) {
        end_write(w, NULL);
    } else {
        has = etcd_next_range(&answers, &range) && etcd_read_first(range, &has, &present) && has;
        refuse(w, is_set, has, &present);
    }
}

static void on_set_compared(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    on_compared(w, answer, err, true);
}

static void on_removal_compared(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    on_compared(w, answer, err, false);
}

/* An etag that no version can have: what is there is read for the sentence alone. */
static void on_looked(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err, bool is_set)
{
    struct etcd_item present;
    bool has;
    if (err)
        end_write(w, err);
    else if (!etcd_read_first(answer, &has, &present))
        wish_fail_answer(w);
    else
        refuse(w, is_set, has, &present);
}

static void on_looked_for_set(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    on_looked(w, answer, err, true);
}

static void on_looked_for_removal(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    on_looked(w, answer, err, false);
}

static void look(struct grpc_wish *w, struct etcd_key key, bool is_set)
{
    struct text message = {0};
    w->answered = is_set ? on_looked_for_set : on_looked_for_removal;
    grpc_message_begin(&message);
    etcd_put_range(&message, key, true);
    store_ask(w->self, wish_call(w), w, path_range, &message);
}

static void put_else(struct text *message, struct etcd_key key)
{
    struct etcd_op op = etcd_op_begin(message, ETCD_ELSE, ETCD_OP_RANGE);
    etcd_put_range(message, key, true);
    etcd_op_end(message, op);
}

/* ------------------------------------------------------------------------------------------ set */
static int64_t ttl_of(const struct trb_state_set *q)
{
    return q->has_ttl && q->ttl_s > 0 ? q->ttl_s : 0;
}

static void put(struct grpc_wish *w, int64_t lease)
{
    struct store *s = w->self;
    const struct trb_state_set *q = w->question;
    struct etcd_key key = store_key(s, q->key);
    struct text message = {0};
    int64_t revision = 0;
    uint32_t etag = etag_read(q->etag, q->concurrency, &revision);
    w->number = lease;
    w->answered = etag == ETAG_ANY ? on_plain : on_set_compared;
    grpc_message_begin(&message);
    if (etag == ETAG_ANY) {
        store_put(s, &message, q->key, q->value, ttl_of(q), lease);
    } else {
        etcd_put_compare(&message, key, revision);
        struct etcd_op op = etcd_op_begin(&message, ETCD_THEN, ETCD_OP_PUT);
        store_put(s, &message, q->key, q->value, ttl_of(q), lease);
        etcd_op_end(&message, op);
        put_else(&message, key);
    }
    store_ask(s, wish_call(w), w, etag == ETAG_ANY ? path_put : path_txn, &message);
}

static void on_leased(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    int64_t lease;
    if (err)
        wish_end(w, NULL, 0, err);
    else if (!etcd_read_lease(answer, &lease))
        wish_fail_answer(w);
    else
        put(w, lease);
}

static void set_send(struct grpc_wish *w)
{
    struct store *s = w->self;
    const struct trb_state_set *q = w->question;
    struct text message = {0};
    int64_t revision;
    if (etag_read(q->etag, q->concurrency, &revision) == ETAG_NEVER) {
        look(w, store_key(s, q->key), true);
    } else if (!ttl_of(q)) {
        put(w, 0);
    } else {
        w->answered = on_leased;
        grpc_message_begin(&message);
        etcd_put_grant(&message, ttl_of(q));
        store_ask(s, wish_call(w), w, path_grant, &message);
    }
}

/* --------------------------------------------------------------------------------------- remove */
static void remove_send(struct grpc_wish *w)
{
    struct store *s = w->self;
    const struct trb_state_delete *q = w->question;
    struct etcd_key key = store_key(s, q->key);
    struct text message = {0};
    int64_t revision = 0;
    uint32_t etag = etag_read(q->etag, q->concurrency, &revision);
    if (etag == ETAG_NEVER) {
        look(w, key, false);
        return;
    }
    w->answered = etag == ETAG_ANY ? on_plain : on_removal_compared;
    grpc_message_begin(&message);
    if (etag == ETAG_ANY) {
        etcd_put_delete(&message, key);
    } else {
        etcd_put_compare(&message, key, revision);
        struct etcd_op op = etcd_op_begin(&message, ETCD_THEN, ETCD_OP_DELETE);
        etcd_put_delete(&message, key);
        etcd_op_end(&message, op);
        put_else(&message, key);
    }
    store_ask(s, wish_call(w), w, etag == ETAG_ANY ? path_delete : path_txn, &message);
}

/* ---------------------------------------------------------------------------------------- verbs */
void store_set(void *self, struct trb_call *call, const void *question)
{
    struct grpc_wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    set_send(&w);
}

void store_remove(void *self, struct trb_call *call, const void *question)
{
    struct grpc_wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    remove_send(&w);
}

void store_bulk_set(void *self, struct trb_call *call, const void *question)
{
    bulk_send(self, call, &((const struct trb_state_bulk_set *)question)->items, set_send);
}

void store_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    bulk_send(self, call, &((const struct trb_state_bulk_delete *)question)->items, remove_send);
}
