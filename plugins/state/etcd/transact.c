/* transact: one transaction of etcd: all versions are compared, then everything is done or nothing. etcd takes a key
 * only once, so of several operations on one key the last counts; the versions of all of them are compared. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

struct lease {
    int64_t ttl_s, id;
};

struct transaction {
    struct store *store;
    struct trb_call *call;
    const struct trb_list *all;
    struct lease leases[MAX_OPS];               /* one for each time to live */
    uint32_t lease_count, owed;
    struct trb_error fault;                     /* the first, of a lease */
};

static const struct trb_state_operation *op_at(const struct transaction *t, uint32_t i)
{
    return trb_list_at(t->all, i);
}

static int64_t ttl_of(const struct trb_state_operation *o)
{
    return o->kind != TRB_STATE_REMOVE && o->has_ttl && o->ttl_s > 0 ? o->ttl_s : 0;
}

static bool is_last_on_its_key(const struct transaction *t, uint32_t i)
{
    for (uint32_t n = i + 1; n < t->all->count; n++)
        if (slice_is(slice_name(op_at(t, n)->key), slice_name(op_at(t, i)->key)))
            return false;
    return true;
}

/* --------------------------------------------------------------------------------------- its end */
static void end(struct transaction *t, const struct trb_error *err)
{
    for (uint32_t i = 0; err && i < t->lease_count; i++)
        lease_revoke(t->store, t->leases[i].id);
    if (err)
        t->store->host->fail(t->call, err);
    else
        trb_done(t->call);
    mem_free(t);
}

static void end_badly(struct transaction *t)
{
    struct trb_error err = {0};
    error_bad_answer(&err);
    end(t, &err);
}

/* The else branch has read each compared key, in their order: the first that is otherwise is named. */
static bool find_refusal(const struct transaction *t, struct wire_reader *answers, struct trb_error *err)
{
    struct etcd_item item = {0};
    struct trb_slice range;
    for (uint32_t i = 0; i < t->all->count; i++) {
        const struct trb_state_operation *o = op_at(t, i);
        int64_t revision = 0;
        bool has;
        uint32_t etag = etag_read(o->etag, o->concurrency, &revision);
        if (etag == ETAG_ANY)
            continue;
        if (!etcd_next_range(answers, &range) || !etcd_read_first(range, &has, &item))
            return false;
        if (etag == ETAG_ABSENT ? !has : has && item.mod_revision == revision)
            continue;
        etag_mismatch(t->store, o->key, o->etag, has, &item, err);
        return true;
    }
    return false;
}

static void on_executed(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct transaction *t = w->call;
    struct wire_reader answers;
    struct trb_error own = {0};
    bool succeeded;
    if (err)
        end(t, err);
    else if (!etcd_read_txn(answer, &succeeded, &answers))
        end_badly(t);
    else if (succeeded)
        end(t, NULL);
    else if (find_refusal(t, &answers, &own))
        end(t, &own);
    else
        end_badly(t);
}

/* -------------------------------------------------------------------------------------- sending */
static void send(struct transaction *t, struct text *message, const char *path, uint32_t index,
                 void (*answered)(struct grpc_wish *, struct trb_slice, const struct trb_error *))
{
    struct grpc_wish w = {.answered = answered, .self = t->store, .call = t, .index = index};
    store_ask(t->store, t->call, &w, path, message);
}

static int64_t lease_for(const struct transaction *t, int64_t ttl_s)
{
    for (uint32_t i = 0; i < t->lease_count; i++)
        if (t->leases[i].ttl_s == ttl_s)
            return t->leases[i].id;
    return 0;
}

static void put_operation(const struct transaction *t, struct text *message, const struct trb_state_operation *o)
{
    bool is_removal = o->kind == TRB_STATE_REMOVE;
    struct etcd_op op = etcd_op_begin(message, ETCD_THEN, is_removal ? ETCD_OP_DELETE : ETCD_OP_PUT);
    if (is_removal)
        etcd_put_delete(message, store_key(t->store, o->key));
    else
        store_put(t->store, message, o->key, o->value, ttl_of(o), lease_for(t, ttl_of(o)));
    etcd_op_end(message, op);
}

static void execute(struct transaction *t)
{
    struct text message = {0};
    grpc_message_begin(&message);
    for (uint32_t i = 0; i < t->all->count; i++) {
        const struct trb_state_operation *o = op_at(t, i);
        struct etcd_key key = store_key(t->store, o->key);
        int64_t revision = 0;
        if (etag_read(o->etag, o->concurrency, &revision) == ETAG_ANY)
            continue;
        etcd_put_compare(&message, key, revision);
        struct etcd_op op = etcd_op_begin(&message, ETCD_ELSE, ETCD_OP_RANGE);
        etcd_put_range(&message, key, true);
        etcd_op_end(&message, op);
    }
    for (uint32_t i = 0; i < t->all->count; i++)
        if (is_last_on_its_key(t, i))
            put_operation(t, &message, op_at(t, i));
    send(t, &message, path_txn, 0, on_executed);
}

/* --------------------------------------------------------------------------------------- leases */
static void on_leased(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct transaction *t = w->call;
    if (err && !t->fault.code)
        t->fault = *err;
    else if (!err && !etcd_read_lease(answer, &t->leases[w->index].id) && !t->fault.code)
        error_bad_answer(&t->fault);
    if (--t->owed)
        return;
    struct trb_error fault = t->fault;
    if (fault.code)
        end(t, &fault);
    else
        execute(t);
}

static void find_leases(struct transaction *t)
{
    for (uint32_t i = 0; i < t->all->count; i++) {
        int64_t ttl_s = ttl_of(op_at(t, i));
        bool is_known = !ttl_s;
        for (uint32_t n = 0; n < t->lease_count; n++)
            is_known = is_known || t->leases[n].ttl_s == ttl_s;
        if (!is_known)
            t->leases[t->lease_count++].ttl_s = ttl_s;
    }
}

static void ask_leases(struct transaction *t)
{
    uint32_t count = t->lease_count;
    t->owed = count;
    for (uint32_t i = 0; i < count; i++) {
        struct text message = {0};
        grpc_message_begin(&message);
        etcd_put_grant(&message, t->leases[i].ttl_s);
        send(t, &message, path_grant, i, on_leased);
    }
}

/* ------------------------------------------------------------------- an etag that no version has */
static void on_looked(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct transaction *t = w->call;
    const struct trb_state_operation *o = op_at(t, w->index);
    struct trb_error own = {0};
    struct etcd_item item;
    bool has;
    if (err) {
        end(t, err);
    } else if (!etcd_read_first(answer, &has, &item)) {
        end_badly(t);
    } else {
        etag_mismatch(t->store, o->key, o->etag, has, &item, &own);
        end(t, &own);
    }
}

static bool look_for_never(struct transaction *t)
{
    for (uint32_t i = 0; i < t->all->count; i++) {
        const struct trb_state_operation *o = op_at(t, i);
        struct text message = {0};
        int64_t revision;
        if (etag_read(o->etag, o->concurrency, &revision) != ETAG_NEVER)
            continue;
        grpc_message_begin(&message);
        etcd_put_range(&message, store_key(t->store, o->key), true);
        send(t, &message, path_range, i, on_looked);
        return true;
    }
    return false;
}

void store_transact(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_list *all = &((const struct trb_state_transact *)question)->operations;
    if (!all->count) {
        trb_done(call);
        return;
    }
    if (all->count > s->max_ops || all->count > MAX_OPS) {
        trb_fail(call, TRB_INVALID, "TOO_MANY", "the transaction has %u operations; at most %lld are taken (maxTxnOps)",
                 all->count, (long long)(s->max_ops < MAX_OPS ? s->max_ops : MAX_OPS));
        return;
    }
    struct transaction *t = mem_zero(sizeof *t);
    t->store = s;
    t->call = call;
    t->all = all;
    if (look_for_never(t))
        return;
    find_leases(t);
    if (t->lease_count)
        ask_leases(t);
    else
        execute(t);
}
