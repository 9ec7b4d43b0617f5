/* write: sets, removals and transactions. JSON is stored as it is, bytes as a JSON text of their base64. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <mysqld_error.h>
#include <time.h>

#define MOST_TTL_S 2147483647
#define LONGEST_PAUSE_MS 64u             /* before what a deadlock has rolled back is tried again */
#define LIVE "(expiredate IS NULL OR expiredate > CURRENT_TIMESTAMP)"
#define STALE "(expiredate IS NOT NULL AND expiredate <= CURRENT_TIMESTAMP)"
/* Times have whole seconds here; a part of one is given, not taken. */
#define EXPIRY "DATE_ADD(CURRENT_TIMESTAMP, INTERVAL (? + (MICROSECOND(CURRENT_TIMESTAMP(6)) > 0)) SECOND)"
#define NO_ROW "rows affected error: no rows match given key and eTag"

void statements_make(struct store *s)
{
    static const struct { uint32_t which; const char *before, *after; } all[] = {
        {GET, "SELECT value, isbinary, eTag, UNIX_TIMESTAMP(expiredate) FROM `", "` WHERE id = ? AND " LIVE},
        {SET, "REPLACE INTO `", "` (value, isbinary, eTag, expiredate, id) VALUES (?, ?, ?, " EXPIRY ", ?)"},
        {SET_ETAG, "UPDATE `", "` SET value = ?, isbinary = ?, eTag = ?, expiredate = " EXPIRY
                   " WHERE id = ? AND eTag = CAST(? AS BINARY) AND " LIVE},
        {SET_FIRST, "INSERT INTO `", "` (value, isbinary, eTag, expiredate, id) VALUES (?, ?, ?, " EXPIRY ", ?) "
                    "ON DUPLICATE KEY UPDATE value = IF(" STALE ", VALUES(value), value), "
                    "isbinary = IF(" STALE ", VALUES(isbinary), isbinary), eTag = IF(" STALE ", VALUES(eTag), eTag), "
                    "expiredate = IF(" STALE ", VALUES(expiredate), expiredate)"},
        {REMOVE, "DELETE FROM `", "` WHERE id = ?"},
        {REMOVE_ETAG, "DELETE FROM `", "` WHERE id = ? AND eTag = CAST(? AS BINARY)"},
        {KEYS, "SELECT row_id, id FROM `", "` WHERE id LIKE ? AND row_id > ? AND " LIVE " ORDER BY row_id LIMIT ?"}};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        struct text t = {0};
        text_addf(&t, "%s%s%s", all[n].before, s->table, all[n].after);
        s->sql[all[n].which] = t.at;
    }
}

/* ------------------------------------------------------------------------------------- one write */
static trb_code mismatch(struct trb_error *err)
{
    trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "%s", NO_ROW);
    err->kind = TRB_STATE_ETAG_MISMATCH;
    return TRB_ABORTED;
}

/* What the server's JSON cannot hold, such as 40 levels for MariaDB or half of a surrogate pair for MySQL. */
static bool is_no_json_of_the_server(MYSQL_STMT *statement)
{
    unsigned number = mysql_stmt_errno(statement);
    return number == 3140 || number == 3141 || number == 3157 || number == ER_CONSTRAINT_FAILED;
}

static char *as_base64(const struct trb_data *d, size_t *ret_len)
{
    char *text = mem_alloc(base64_encoded_len(d->len, true) + 3);
    size_t len = base64_encode(slice_from(d->at ? d->at : "", d->len), true, text + 1);
    text[0] = text[len + 1] = '"';
    *ret_len = len + 2;
    return text;
}

struct writing {                        /* the parameters of a set, and what they point at */
    MYSQL_BIND bind[6];
    signed char is_binary;
    char etag[UUID_TEXT], *text;
    long long ttl_s;
    my_bool has_no_ttl;
};

static void bind_value(struct writing *w, const struct trb_data *d, bool is_json)
{
    size_t len = d->len;
    const char *at = d->at ? d->at : "";
    w->text = mem_free(w->text);
    w->is_binary = !is_json;
    if (!is_json)
        at = w->text = as_base64(d, &len);
    w->bind[0] = bind_text(at, len, MYSQL_TYPE_STRING);
}

static void bind_rest(struct writing *w, const struct trb_state_operation *op)
{
    uuid_v4(w->etag);
    w->ttl_s = op->ttl_s;
    w->has_no_ttl = !op->has_ttl || op->ttl_s <= 0;
    w->bind[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_TINY, .buffer = &w->is_binary};
    w->bind[2] = bind_text(w->etag, UUID_TEXT - 1, MYSQL_TYPE_STRING);
    w->bind[3] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &w->ttl_s, .is_null = &w->has_no_ttl};
    w->bind[4] = bind_text(op->key.at, op->key.len, MYSQL_TYPE_STRING);
    w->bind[5] = bind_text(op->etag.at, op->etag.len, MYSQL_TYPE_STRING);
}

static trb_code upsert(struct store *s, struct link *l, const struct trb_state_operation *op, struct trb_error *err)
{
    bool has_etag = op->etag.len, first = op->concurrency == TRB_STATE_FIRST_WRITE, is_json = TRB_HAS(op, is_json);
    uint32_t which = has_etag ? SET_ETAG : first ? SET_FIRST : SET;
    struct writing w = {0};
    MYSQL_STMT *statement = NULL;
    if (op->has_ttl && (op->ttl_s < -1 || op->ttl_s > MOST_TTL_S))
        return trb_error(err, TRB_INVALID, "BAD_TTL", "error parsing TTL: incorrect value for metadata 'ttlInSeconds': "
                         "%lld is not between -1 and %d", (long long)op->ttl_s, MOST_TTL_S);
    bind_rest(&w, op);
    bind_value(&w, &op->value, is_json);
    trb_code code = link_execute(s, l, which, w.bind, "cannot write", &statement, err);
    if (code && is_json && statement && is_no_json_of_the_server(statement)) {
        bind_value(&w, &op->value, false);
        code = link_execute(s, l, which, w.bind, "cannot write", &statement, err);
    }
    mem_free(w.text);
    return code ? code : (has_etag || first) && !mysql_stmt_affected_rows(statement) ? mismatch(err) : TRB_OK;
}

static trb_code delete(struct store *s, struct link *l, const struct trb_state_operation *op, struct trb_error *err)
{
    MYSQL_BIND bind[2] = {bind_text(op->key.at, op->key.len, MYSQL_TYPE_STRING),
                          bind_text(op->etag.at, op->etag.len, MYSQL_TYPE_STRING)};
    MYSQL_STMT *statement;
    trb_code code = link_execute(s, l, op->etag.len ? REMOVE_ETAG : REMOVE, bind, "cannot delete", &statement, err);
    return code ? code : op->etag.len && !mysql_stmt_affected_rows(statement) ? mismatch(err) : TRB_OK;
}

static trb_code apply(struct store *s, struct link *l, const struct trb_state_operation *op, struct trb_error *err)
{
    return op->kind == TRB_STATE_UPSERT ? upsert(s, l, op, err) : delete(s, l, op, err);
}

/* ---------------------------------------------------------------------------------- transactions */
static trb_code apply_all(struct store *s, struct link *l, const struct trb_list *all, struct trb_error *err)
{
    trb_code code = link_run(s, l, SLICE("START TRANSACTION"), "cannot begin", err);
    for (uint32_t n = 0; n < all->count && !code; n++)
        if ((code = apply(s, l, trb_list_at(all, n), err)))
            err->item = (int32_t)n;
    if (!code)
        return link_run(s, l, SLICE("COMMIT"), "cannot commit", err);
    struct trb_error unused = {.size = sizeof unused};
    if (!l->is_broken && link_run(s, l, SLICE("ROLLBACK"), "cannot roll back", &unused))
        l->is_broken = true;            /* closing rolls back, too */
    return code;
}

/* Those that met do not meet again at once. false: time is over. */
static bool rest(const struct link *l, uint64_t until_ns, uint32_t *most_ms)
{
    uint16_t chance;
    random_bytes(&chance, sizeof chance);
    uint64_t now_ns = clock_now_ns(), pause_ns = chance % *most_ms * CLOCK_MS + CLOCK_MS;
    *most_ms = *most_ms < LONGEST_PAUSE_MS ? *most_ms * 2 : LONGEST_PAUSE_MS;
    if (now_ns + pause_ns >= until_ns || (l->deadline_ns && now_ns + pause_ns >= l->deadline_ns))
        return false;
    nanosleep(&(struct timespec){.tv_nsec = (long)pause_ns}, NULL);
    return true;
}

struct work {                           /* one operation by itself, or all of them or none */
    const struct trb_state_operation *one;
    const struct trb_list *all;
};

static void run(struct store *s, struct trb_call *call, struct work w)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct link *l;
    trb_code code = link_take(s, call->host->deadline_ns(call), &l, &err);
    if (!code) {
        uint64_t until_ns = clock_now_ns() + (uint64_t)s->timeout_ns;
        uint32_t most_ms = 1;
        do
            code = w.one ? apply(s, l, w.one, &err) : apply_all(s, l, w.all, &err);
        while (code == TRB_ABORTED && !err.kind && !l->is_broken && rest(l, until_ns, &most_ms));
        link_give_back(s, l);
    }
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

/* ------------------------------------------------------------------------------------------ verbs */
void mysql_store_set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_set *q = question;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_UPSERT, .key = q->key, .value = q->value,
                                     .etag = q->etag, .concurrency = q->concurrency, .has_ttl = q->has_ttl,
                                     .ttl_s = q->ttl_s, .is_json = TRB_HAS(q, is_json)};
    run(self, call, (struct work){.one = &op});
}

void mysql_store_remove(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_delete *q = question;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_REMOVE, .key = q->key, .etag = q->etag};
    run(self, call, (struct work){.one = &op});
}

void mysql_store_transact(void *self, struct trb_call *call, const void *question)
{
    run(self, call, (struct work){.all = &((const struct trb_state_transact *)question)->operations});
}
