/* read: connections that only read, and what they are asked. In memory the writer's serves all. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>

/* ------------------------------------------------------------------------------------ connections */
static trb_code reader_open(struct store *s, struct reader *r, struct trb_error *err)
{
    trb_code code = TRB_OK;
    if (s->place.is_memory)
        r->db = s->writer.db;
    else
        code = sqlite_db_open(&s->place, &s->settings, &r->db, err);
    if (!code)
        code = sqlite_db_prepare(r->db, &r->get, err, "SELECT value, is_binary, etag, expiration_time FROM %s "
                                 "WHERE key = ?1 AND (expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP)", s->table);
    if (!code)
        code = sqlite_db_prepare(r->db, &r->keys, err, "SELECT rowid, key FROM %s WHERE key LIKE ?1 ESCAPE '\\' AND "
                                 "rowid > ?2 AND (expiration_time IS NULL OR expiration_time > CURRENT_TIMESTAMP) "
                                 "ORDER BY rowid LIMIT ?3", s->table);
    return code;
}

static void reader_close(struct store *s, struct reader *r)
{
    sqlite_db_finalize(r->get);
    sqlite_db_finalize(r->keys);
    if (!s->place.is_memory)
        sqlite_db_close(r->db);
    *r = (struct reader){0};
}

static trb_code reader_take(struct store *s, struct reader *ret, struct trb_error *err)
{
    trb_code code = TRB_OK;
    *ret = (struct reader){0};
    pthread_mutex_lock(&s->readers_lock);
    if (s->readers_free)
        *ret = s->readers[--s->readers_free];
    pthread_mutex_unlock(&s->readers_lock);
    if (s->place.is_memory)
        pthread_mutex_lock(&s->db_lock);
    if (!ret->db && (code = reader_open(s, ret, err))) {
        reader_close(s, ret);
        if (s->place.is_memory)
            pthread_mutex_unlock(&s->db_lock);
    }
    return code;
}

static void reader_give_back(struct store *s, struct reader *r)
{
    bool fits;
    if (s->place.is_memory)
        pthread_mutex_unlock(&s->db_lock);
    pthread_mutex_lock(&s->readers_lock);
    if ((fits = s->readers_free < READERS))
        s->readers[s->readers_free++] = *r;
    pthread_mutex_unlock(&s->readers_lock);
    if (!fits)
        reader_close(s, r);
}

void readers_close(struct store *s)
{
    while (s->readers_free)
        reader_close(s, &s->readers[--s->readers_free]);
}

/* ------------------------------------------------------------------------------------------- items */
struct reading {                        /* an answer and what its slices point at */
    struct trb_state_item answer;
    char etag[64], expiry[CLOCK_TEXT];
    struct trb_pair pair;
};

static trb_code take_value(struct store *s, sqlite3_stmt *q, struct trb_data *ret, struct trb_error *err)
{
    const char *at = (const char *)sqlite3_column_text(q, 0);
    size_t len = (size_t)sqlite3_column_bytes(q, 0);
    bool is_binary = sqlite3_column_int(q, 1);
    char *bytes;
    ret->owner = s->host->buf_new(s->origin, is_binary ? len * 3 / 4 + 3 : len, &bytes);
    if (!ret->owner)
        return trb_error(err, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for a value of %zu bytes", len);
    ret->at = bytes;
    ret->len = len;
    if (!is_binary && len)
        memcpy(bytes, at, len);
    if (!is_binary || base64_decode(slice_from(at, len), true, bytes, &ret->len, NULL))
        return TRB_OK;
    ret->owner = s->host->buf_unref(ret->owner);
    return trb_error(err, TRB_DATA_LOSS, "BAD_ROW", "a row that is marked as binary is not base64");
}

static void take_expiry(sqlite3_stmt *q, struct reading *to)
{
    int64_t wall_s;
    if (!sqlite_time_parse((const char *)sqlite3_column_text(q, 3), &wall_s))
        return;
    size_t len = clock_rfc3339(wall_s * (int64_t)CLOCK_S, to->expiry);
    to->pair = (struct trb_pair){NAME("ttlExpireTime"), {to->expiry, len}};
    to->answer.metadata = (struct trb_pairs){&to->pair, 1, sizeof to->pair};
}

static trb_code take_row(struct store *s, sqlite3_stmt *q, struct reading *to, struct trb_error *err)
{
    trb_code code = take_value(s, q, &to->answer.value, err);
    if (code)
        return code;
    snprintf(to->etag, sizeof to->etag, "%s", (const char *)sqlite3_column_text(q, 2));
    to->answer.etag = slice_of(to->etag);
    take_expiry(q, to);
    return TRB_OK;
}

static trb_code read_item(struct store *s, struct reader *r, struct trb_name key, struct reading *to, struct trb_error *err)
{
    trb_code code = TRB_OK;
    to->answer = (struct trb_state_item){.size = sizeof to->answer};
    sqlite3_bind_text64(r->get, 1, key.at, key.len, SQLITE_STATIC, SQLITE_UTF8);
    int step = sqlite3_step(r->get);
    if (step == SQLITE_ROW)
        code = take_row(s, r->get, to, err);
    else if (step != SQLITE_DONE)
        code = sqlite_db_error(r->db, "cannot read", err);
    sqlite3_reset(r->get);
    sqlite3_clear_bindings(r->get);
    return code;
}

void sqlite_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct trb_error err = {.size = sizeof err};
    struct reader r;
    struct reading got;
    trb_code code = reader_take(self, &r, &err);
    if (!code) {
        code = read_item(self, &r, q->key, &got, &err);
        reader_give_back(self, &r);
    }
    if (code)
        call->host->fail(call, &err);
    else
        call->host->done(call, &got.answer, sizeof got.answer);
}

void sqlite_bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    struct trb_error err = {.size = sizeof err};
    struct reader r;
    if (reader_take(self, &r, &err)) {
        call->host->fail(call, &err);
        return;
    }
    for (uint32_t n = 0; n < q->items.count; n++) {
        const struct trb_state_get *one = trb_list_at(&q->items, n);
        struct reading got;
        trb_code code = read_item(self, &r, one->key, &got, &err);
        call->host->item(call, n, code ? NULL : &got.answer, code ? 0 : sizeof got.answer, code ? &err : NULL);
    }
    reader_give_back(self, &r);
    trb_done(call);
}

/* -------------------------------------------------------------------------------------------- keys */
/* A full page has a token, also when nothing follows. */
static trb_code read_keys(struct reader *r, struct trb_call *call, const struct trb_state_keys_like *q, int64_t after,
                          struct trb_error *err)
{
    uint32_t count = 0;
    int step;
    sqlite3_bind_text64(r->keys, 1, q->pattern.at, q->pattern.len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(r->keys, 2, after);
    sqlite3_bind_int64(r->keys, 3, q->page_size ? (int64_t)q->page_size : -1);
    while ((step = sqlite3_step(r->keys)) == SQLITE_ROW) {
        after = sqlite3_column_int64(r->keys, 0);
        struct trb_state_key one = {.size = sizeof one, .key = {(const char *)sqlite3_column_text(r->keys, 1),
                                                                (size_t)sqlite3_column_bytes(r->keys, 1)}};
        call->host->item(call, count++, &one, sizeof one, NULL);
    }
    trb_code code = step == SQLITE_DONE ? TRB_OK : sqlite_db_error(r->db, "cannot read keys", err);
    sqlite3_reset(r->keys);
    sqlite3_clear_bindings(r->keys);
    if (!code && q->page_size && count == q->page_size) {
        char token[24];
        int len = snprintf(token, sizeof token, "%lld", (long long)after);
        struct trb_state_key last = {.size = sizeof last, .key = NAME(""), .token = {token, (size_t)len}};
        call->host->item(call, count, &last, sizeof last, NULL);
    }
    return code;
}

void sqlite_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    struct trb_error err = {.size = sizeof err};
    struct reader r;
    int64_t after = INT64_MIN;
    trb_code code = TRB_OK;
    if (!q->pattern.len)
        code = trb_error(&err, TRB_INVALID, "BAD_PATTERN", "pattern is required");
    else if (q->token.len && !slice_to_i64(q->token, &after))
        code = trb_error(&err, TRB_INVALID, "BAD_TOKEN", "the continuation token is not one of this store");
    if (!code && !(code = reader_take(self, &r, &err))) {
        code = read_keys(&r, call, q, after, &err);
        reader_give_back(self, &r);
    }
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

void sqlite_ping(void *self, struct trb_call *call, const void *unused)
{
    struct trb_error err = {.size = sizeof err};
    struct reader r;
    struct reading got;
    trb_code code = reader_take(self, &r, &err);
    if (!code) {
        code = read_item(self, &r, NAME(""), &got, &err);
        ((struct store *)self)->host->buf_unref(code ? NULL : got.answer.value.owner);
        reader_give_back(self, &r);
    }
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}
