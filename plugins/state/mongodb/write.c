/* write: sets, removals and transactions. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/slice.h>
#include <time.h>

#define LONGEST_PAUSE_MS 64
#define MOST_TTL_S 2147483647
#define DUPLICATE 11000

static trb_code mismatch(struct trb_error *err)
{
    trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "%s", "");
    err->kind = TRB_STATE_ETAG_MISMATCH;
    return TRB_ABORTED;
}

struct transaction {
    mongoc_client_session_t *session;   /* NULL: a write by itself */
    bool may_repeat;                    /* the server says that all of it may be tried again */
};

static void note_labels(struct transaction *t, const bson_t *reply)
{
    t->may_repeat = mongoc_error_has_label(reply, "TransientTransactionError");
}

static void begin_opts(const struct transaction *t, bson_t *opts)
{
    bson_init(opts);
    if (t->session)
        mongoc_client_session_append(t->session, opts, NULL);
}

static int64_t count_of(const bson_t *reply, const char *member)
{
    bson_iter_t iter;
    return bson_iter_init_find(&iter, reply, member) ? bson_iter_as_int64(&iter) : 0;
}

/* -------------------------------------------------------------------------------------------- sets */
struct change {
    const struct trb_state_operation *op;
    struct trb_slice guard;             /* the etag that must be there, or none */
    bool upserts, as_binary, only_stale;
};

/* The document that has been passed by its time, whether the server has removed it or not. */
static void append_stale(const struct store *s, bson_t *filter)
{
    bson_t *stale = s->is_plain
        ? BCON_NEW("_ttl", "{", "$lt", BCON_DATE_TIME(clock_wall_ns() / (int64_t)CLOCK_MS), "}")
        : BCON_NEW("$expr", "{", "$and", "[", "{", "$gt", "[", BCON_UTF8("$_ttl"), BCON_NULL, "]", "}",
                   "{", "$lt", "[", BCON_UTF8("$_ttl"), BCON_UTF8("$$NOW"), "]", "}", "]", "}");
    bson_concat(filter, stale);
    bson_destroy(stale);
}

static bool update(struct store *s, struct line *l, struct transaction *t, const struct change *c, int64_t *ret_count,
                   bson_error_t *e)
{
    char etag[UUID_TEXT];
    bson_t filter = BSON_INITIALIZER, change = BSON_INITIALIZER, opts, reply;
    bson_append_utf8(&filter, "_id", -1, c->op->key.at, (int)c->op->key.len);
    if (c->guard.len)
        bson_append_utf8(&filter, "_etag", -1, c->guard.at, (int)c->guard.len);
    if (c->only_stale)
        append_stale(s, &filter);
    uuid_v4(etag);
    document_update(s, c->op, etag, c->as_binary, &change);
    begin_opts(t, &opts);
    BSON_APPEND_BOOL(&opts, "validate", false);
    if (c->upserts)
        BSON_APPEND_BOOL(&opts, "upsert", true);
    bool is_well = mongoc_collection_update_one(l->items, &filter, &change, &opts, &reply, e);
    *ret_count = count_of(&reply, "matchedCount") + count_of(&reply, "upsertedCount");
    if (!is_well)
        note_labels(t, &reply);
    bson_destroy(&reply);
    bson_destroy(&opts);
    bson_destroy(&change);
    bson_destroy(&filter);
    return is_well;
}

static bool refuses_bytes(const struct store *s, const struct change *c, const bson_error_t *e)
{
    return !c->as_binary && e->code != DUPLICATE && e->domain == MONGOC_ERROR_SERVER && document_is_odd(&c->op->value);
}

static trb_code upsert(struct store *s, struct line *l, struct transaction *t, const struct trb_state_operation *op,
                       struct trb_error *err)
{
    char nobody[UUID_TEXT];
    bool has_etag = op->etag.len, first = !has_etag && op->concurrency == TRB_STATE_FIRST_WRITE;
    struct change c = {.op = op, .upserts = !has_etag, .as_binary = s->is_plain && document_is_odd(&op->value)};
    bson_error_t e;
    int64_t count = 0;
    if (op->has_ttl && (op->ttl_s < -1 || op->ttl_s > MOST_TTL_S))
        return trb_error(err, TRB_INVALID, "BAD_TTL", "error parsing TTL: incorrect value for metadata 'ttlInSeconds': "
                         "%lld is not between -1 and %d", (long long)op->ttl_s, MOST_TTL_S);
    uuid_v4(nobody);
    if (has_etag || first)
        c.guard = has_etag ? slice_name(op->etag) : slice_from(nobody, strlen(nobody));
    bool is_well = update(s, l, t, &c, &count, &e);
    if (!is_well && refuses_bytes(s, &c, &e) && !t->session) {
        c.as_binary = true;
        is_well = update(s, l, t, &c, &count, &e);
    }
    if (!is_well && e.code == DUPLICATE && first && !t->session) {
        c.guard.len = 0, c.upserts = false, c.only_stale = true;
        is_well = update(s, l, t, &c, &count, &e);
    }
    if (!is_well && e.code == DUPLICATE)
        return mismatch(err);
    if (!is_well)
        return connect_fail(s, &e, "cannot write", err);
    return (has_etag || first) && !count ? mismatch(err) : TRB_OK;
}

static trb_code delete(struct store *s, struct line *l, struct transaction *t, const struct trb_state_operation *op,
                       struct trb_error *err)
{
    bson_t filter = BSON_INITIALIZER, opts, reply;
    bson_error_t e;
    bson_append_utf8(&filter, "_id", -1, op->key.at, (int)op->key.len);
    if (op->etag.len)
        bson_append_utf8(&filter, "_etag", -1, op->etag.at, (int)op->etag.len);
    begin_opts(t, &opts);
    bool is_well = mongoc_collection_delete_one(l->items, &filter, &opts, &reply, &e);
    int64_t count = count_of(&reply, "deletedCount");
    if (!is_well)
        note_labels(t, &reply);
    bson_destroy(&reply);
    bson_destroy(&opts);
    bson_destroy(&filter);
    if (!is_well)
        return connect_fail(s, &e, "cannot delete", err);
    return op->etag.len && !count ? mismatch(err) : TRB_OK;
}

static trb_code apply(struct store *s, struct line *l, struct transaction *t, const struct trb_state_operation *op,
                      struct trb_error *err)
{
    return op->kind == TRB_STATE_UPSERT ? upsert(s, l, t, op, err) : delete(s, l, t, op, err);
}

static void write_one(struct store *s, struct trb_call *call, const struct trb_state_operation *op)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct transaction none = {0};
    struct line l;
    line_take(s, &l);
    trb_code code = apply(s, &l, &none, op, &err);
    line_give_back(s, &l);
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

void mongodb_set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_UPSERT, .key = q->key, .value = q->value,
                                     .etag = q->etag, .concurrency = q->concurrency, .has_ttl = q->has_ttl,
                                     .ttl_s = q->ttl_s, .is_json = TRB_HAS(q, is_json)};
    write_one(self, call, &op);
}

void mongodb_remove(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_delete *q = question;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_REMOVE, .key = q->key, .etag = q->etag};
    write_one(self, call, &op);
}

/* ------------------------------------------------------------------------------------ transactions */
static mongoc_client_session_t *begin_session(struct line *l, bson_error_t *e)
{
    mongoc_session_opt_t *session = mongoc_session_opts_new();
    mongoc_transaction_opt_t *opts = mongoc_transaction_opts_new();
    mongoc_read_concern_t *snapshot = mongoc_read_concern_new();
    mongoc_write_concern_t *majority = mongoc_write_concern_new();
    mongoc_read_concern_set_level(snapshot, MONGOC_READ_CONCERN_LEVEL_SNAPSHOT);
    mongoc_write_concern_set_w(majority, MONGOC_WRITE_CONCERN_W_MAJORITY);
    mongoc_transaction_opts_set_read_concern(opts, snapshot);
    mongoc_transaction_opts_set_write_concern(opts, majority);
    mongoc_session_opts_set_default_transaction_opts(session, opts);
    mongoc_client_session_t *made = mongoc_client_start_session(l->client, session, e);
    mongoc_write_concern_destroy(majority);
    mongoc_read_concern_destroy(snapshot);
    mongoc_transaction_opts_destroy(opts);
    mongoc_session_opts_destroy(session);
    return made;
}

/* Those that met do not meet again at once. false: time is over. */
static bool rest(uint64_t until_ns, uint32_t *most_ms)
{
    uint16_t chance;
    random_bytes(&chance, sizeof chance);
    uint64_t pause_ns = chance % *most_ms * CLOCK_MS + CLOCK_MS;
    *most_ms = *most_ms < LONGEST_PAUSE_MS ? *most_ms * 2 : LONGEST_PAUSE_MS;
    if (clock_now_ns() + pause_ns >= until_ns)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = (long)pause_ns}, NULL);
    return true;
}

/* Whether a commit arrived may be unknown: it is sent again until the server says, or time is over. */
static trb_code commit(struct store *s, struct transaction *t, uint64_t until_ns, struct trb_error *err)
{
    uint32_t pause_ms = 1;
    bson_error_t e;
    bson_t reply;
    for (;;) {
        bool is_well = mongoc_client_session_commit_transaction(t->session, &reply, &e);
        bool is_unknown = !is_well && mongoc_error_has_label(&reply, "UnknownTransactionCommitResult");
        if (!is_well)
            note_labels(t, &reply);
        bson_destroy(&reply);
        if (is_well)
            return TRB_OK;
        if (!is_unknown || !rest(until_ns, &pause_ms))
            return connect_fail(s, &e, "cannot commit", err);
    }
}

static trb_code apply_all(struct store *s, struct line *l, struct transaction *t, const struct trb_list *all,
                          uint64_t until_ns, struct trb_error *err)
{
    bson_error_t e;
    trb_code code = TRB_OK;
    t->may_repeat = false;
    if (!mongoc_client_session_start_transaction(t->session, NULL, &e))
        return connect_fail(s, &e, "cannot begin a transaction", err);
    for (uint32_t n = 0; n < all->count && !code; n++)
        if ((code = apply(s, l, t, trb_list_at(all, n), err)))
            err->item = (int32_t)n;
    if (!code)
        return commit(s, t, until_ns, err);
    mongoc_client_session_abort_transaction(t->session, NULL);
    return code;
}

void mongodb_transact(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_state_transact *q = question;
    struct trb_error err = {.size = sizeof err, .item = -1};
    uint64_t until_ns = clock_now_ns() + (uint64_t)s->timeout_ns;
    uint32_t pause_ms = 1;
    struct transaction t = {0};
    struct line l;
    bson_error_t e;
    trb_code code;
    line_take(s, &l);
    t.session = begin_session(&l, &e);
    if (!t.session)
        code = connect_fail(s, &e, "cannot begin a transaction", &err);
    else
        do
            code = apply_all(s, &l, &t, &q->operations, until_ns, &err);
        while (code && t.may_repeat && rest(until_ns, &pause_ms));
    if (t.session)
        mongoc_client_session_destroy(t.session);
    line_give_back(s, &l);
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}
