/* read: items one by one and many in one query, and keys by pattern. A read that lost its connection is
 * asked once more on a new one. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdlib.h>

#define MOST_IN_ONE 200u                /* keys in one query */

struct reading {                        /* an answer and what its slices point at */
    struct trb_state_item answer;
    char etag[64], expiry[CLOCK_TEXT];
    struct trb_pair pair;
};

/* ------------------------------------------------------------------------------------------- rows */
static trb_code no_buffer(size_t len, struct trb_error *err)
{
    return trb_error(err, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for a value of %zu bytes", len);
}

/* "…": a JSON text, whose base64 is the value. */
static trb_code unwrap(struct trb_slice text, char *ret_bytes, size_t *ret_len, struct trb_error *err)
{
    bool is_text = text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"';
    if (is_text && base64_decode(slice_from(text.at + 1, text.len - 2), true, ret_bytes, ret_len, NULL))
        return TRB_OK;
    return trb_error(err, TRB_DATA_LOSS, "BAD_ROW", "a row that is marked as binary is not base64");
}

static trb_code take_value(struct store *s, struct trb_slice text, bool is_binary, struct trb_data *ret, struct trb_error *err)
{
    char *bytes;
    ret->owner = s->host->buf_new(s->origin, text.len + 1, &bytes);
    if (!ret->owner)
        return no_buffer(text.len, err);
    ret->at = bytes;
    ret->len = text.len;
    if (!is_binary && text.len)
        memcpy(bytes, text.at, text.len);
    trb_code code = is_binary ? unwrap(text, bytes, &ret->len, err) : TRB_OK;
    if (code)
        ret->owner = s->host->buf_unref(ret->owner);
    return code;
}

static void take_expiry(struct reading *to, long long wall_s)
{
    size_t len = clock_rfc3339(wall_s * (int64_t)CLOCK_S, to->expiry);
    to->pair = (struct trb_pair){NAME("ttlExpireTime"), {to->expiry, len}};
    to->answer.metadata = (struct trb_pairs){&to->pair, 1, sizeof to->pair};
}

static void take_etag(struct reading *to, struct trb_slice etag)
{
    snprintf(to->etag, sizeof to->etag, "%.*s", SLICE_ARG(etag));
    to->answer.etag = slice_of(to->etag);
}

/* ---------------------------------------------------------------------------------------- one item */
struct row {
    MYSQL_BIND bind[4];
    unsigned long value_len, etag_len;
    signed char is_binary;
    char etag[64];
    long long expiry_s;
    my_bool has_no_expiry;
};

/* The value's length comes with the row; its bytes are fetched when there is room for them. */
static void row_bind(struct row *r)
{
    r->bind[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .length = &r->value_len};
    r->bind[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_TINY, .buffer = &r->is_binary};
    r->bind[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = r->etag, .buffer_length = sizeof r->etag,
                              .length = &r->etag_len};
    r->bind[3] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &r->expiry_s, .is_null = &r->has_no_expiry};
}

static trb_code fetch_value(struct store *s, struct link *l, MYSQL_STMT *q, const struct row *r, struct reading *to,
                            struct trb_error *err)
{
    char *text = mem_alloc(r->value_len + 1);
    MYSQL_BIND value = {.buffer_type = MYSQL_TYPE_STRING, .buffer = text, .buffer_length = r->value_len};
    trb_code code = r->value_len && mysql_stmt_fetch_column(q, &value, 0, 0)
                        ? link_fail(s, l, "cannot read", err)
                        : take_value(s, slice_from(text, r->value_len), r->is_binary, &to->answer.value, err);
    mem_free(text);
    return code;
}

static trb_code fetch_item(struct store *s, struct link *l, MYSQL_STMT *q, struct reading *to, struct trb_error *err)
{
    struct row r = {0};
    row_bind(&r);
    if (mysql_stmt_bind_result(q, r.bind))
        return link_fail(s, l, "cannot read", err);
    int got = mysql_stmt_fetch(q);
    if (got == MYSQL_NO_DATA)
        return TRB_OK;
    if (got == 1)
        return link_fail(s, l, "cannot read", err);
    trb_code code = fetch_value(s, l, q, &r, to, err);
    if (code)
        return code;
    take_etag(to, slice_from(r.etag, r.etag_len < sizeof r.etag ? r.etag_len : sizeof r.etag));
    if (!r.has_no_expiry)
        take_expiry(to, r.expiry_s);
    return TRB_OK;
}

static trb_code read_item(struct store *s, struct link *l, struct trb_name key, struct reading *to, struct trb_error *err)
{
    MYSQL_BIND bind[] = {bind_text(key.at, key.len, MYSQL_TYPE_STRING)};
    MYSQL_STMT *q;
    to->answer = (struct trb_state_item){.size = sizeof to->answer};
    trb_code code = link_execute(s, l, GET, bind, "cannot read", &q, err);
    if (code)
        return code;
    code = fetch_item(s, l, q, to, err);
    mysql_stmt_free_result(q);
    return code;
}

/* Lends a connection to the read, and a second one when the first breaks. */
static trb_code on_a_link(struct store *s, struct trb_call *call,
                          trb_code (*read)(struct store *, struct link *, void *arg, struct trb_error *), void *arg,
                          struct trb_error *err)
{
    for (int tries = 2;; tries--) {
        struct link *l;
        trb_code code = link_take(s, call->host->deadline_ns(call), &l, err);
        if (code)
            return code;
        code = read(s, l, arg, err);
        bool was_broken = l->is_broken;
        link_give_back(s, l);
        if (code != TRB_UNAVAILABLE || !was_broken || tries == 1)
            return code;
    }
}

struct wanted {
    struct trb_name key;
    struct reading got;
};

static trb_code read_wanted(struct store *s, struct link *l, void *arg, struct trb_error *err)
{
    struct wanted *w = arg;
    return read_item(s, l, w->key, &w->got, err);
}

void mysql_store_get(void *self, struct trb_call *call, const void *question)
{
    struct wanted w = {.key = ((const struct trb_state_get *)question)->key};
    struct trb_error err = {.size = sizeof err, .item = -1};
    trb_code code = on_a_link(self, call, read_wanted, &w, &err);
    if (code)
        call->host->fail(call, &err);
    else
        call->host->done(call, &w.got.answer, sizeof w.got.answer);
}

/* ------------------------------------------------------------------------------------- many items */
struct bulk {
    struct store *s;
    struct trb_call *call;
    const struct trb_list *items;
    bool *is_answered;
    uint32_t from, to;                  /* of the query under way */
};

static const struct trb_state_get *get_at(const struct bulk *b, uint32_t n)
{
    return trb_list_at(b->items, n);
}

static void add_key(struct text *sql, struct trb_name key)
{
    char *to = text_room(sql, key.len * 2 + 4);
    to[0] = 'x', to[1] = '\'';
    size_t len = hex_encode(slice_name(key), to + 2);
    to[len + 2] = '\'';
    text_wrote(sql, len + 3);
}

static void answer_row(struct bulk *b, MYSQL_ROW row, const unsigned long *lengths)
{
    struct trb_slice id = slice_from(row[0], lengths[0]);
    struct trb_error err = {.size = sizeof err, .item = -1};
    for (uint32_t n = b->from; n < b->to; n++) {
        struct reading got = {.answer.size = sizeof got.answer};
        if (b->is_answered[n] || !slice_is(slice_name(get_at(b, n)->key), id))
            continue;
        trb_code code = take_value(b->s, slice_from(row[1], lengths[1]), row[2][0] != '0', &got.answer.value, &err);
        take_etag(&got, slice_from(row[3], lengths[3]));
        if (row[4])
            take_expiry(&got, strtoll(row[4], NULL, 10));
        b->is_answered[n] = true;
        b->call->host->item(b->call, n, code ? NULL : &got.answer, code ? 0 : sizeof got.answer, code ? &err : NULL);
    }
}

/* The rows of all keys; a text of hexadecimal digits needs no escapes. */
static trb_code ask_rows(struct bulk *b, struct link *l, MYSQL_RES **ret_rows, struct trb_error *err)
{
    struct text sql = {0};
    text_addf(&sql, "SELECT id, value, isbinary, eTag, UNIX_TIMESTAMP(expiredate) FROM `%s` WHERE "
              "(expiredate IS NULL OR expiredate > CURRENT_TIMESTAMP) AND id IN (", b->s->table);
    for (uint32_t n = b->from; n < b->to; n++) {
        text_adds(&sql, n > b->from ? ",CONVERT(" : "CONVERT(");
        add_key(&sql, get_at(b, n)->key);
        text_adds(&sql, " USING utf8mb4)");
    }
    text_addc(&sql, ')');
    trb_code code = link_run(b->s, l, text_slice(&sql), "cannot read", err);
    text_fini(&sql);
    if (!code && !(*ret_rows = mysql_store_result(l->my)))
        code = link_fail(b->s, l, "cannot read", err);
    return code;
}

static void answer_rest(struct bulk *b, trb_code code, const struct trb_error *err)
{
    struct trb_state_item none = {.size = sizeof none};
    for (uint32_t n = b->from; n < b->to; n++)
        if (!b->is_answered[n])
            b->call->host->item(b->call, n, code ? NULL : &none, code ? 0 : sizeof none, code ? err : NULL);
}

/* A table that another program made may take "a" for "A": then a row answers no key to the letter, and each
 * that is left is asked for by itself. */
static trb_code answer_each(struct bulk *b, struct link *l, struct trb_error *err)
{
    for (uint32_t n = b->from; n < b->to; n++) {
        struct reading got;
        if (b->is_answered[n])
            continue;
        trb_code code = read_item(b->s, l, get_at(b, n)->key, &got, err);
        if (code)
            return code;
        b->is_answered[n] = true;
        b->call->host->item(b->call, n, &got.answer, sizeof got.answer, NULL);
    }
    return TRB_OK;
}

static trb_code read_some(struct store *s, struct link *l, void *arg, struct trb_error *err)
{
    struct bulk *b = arg;
    MYSQL_RES *rows = NULL;
    trb_code code = ask_rows(b, l, &rows, err);
    if (code)
        return code;
    uint64_t count = mysql_num_rows(rows), answered = 0;
    for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
        answer_row(b, row, mysql_fetch_lengths(rows));
    mysql_free_result(rows);
    for (uint32_t n = b->from; n < b->to; n++)
        answered += b->is_answered[n];
    return answered < count ? answer_each(b, l, err) : TRB_OK;
}

void mysql_store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    struct bulk b = {.s = self, .call = call, .items = &q->items, .is_answered = mem_zero(q->items.count + 1)};
    for (; b.from < q->items.count; b.from = b.to) {
        struct trb_error err = {.size = sizeof err, .item = -1};
        b.to = q->items.count - b.from < MOST_IN_ONE ? q->items.count : b.from + MOST_IN_ONE;
        answer_rest(&b, on_a_link(b.s, call, read_some, &b, &err), &err);
    }
    mem_free(b.is_answered);
    trb_done(call);
}

/* -------------------------------------------------------------------------------------------- keys */
struct keys {
    MYSQL_BIND bind[2];
    unsigned long long row;
    char id[1024];                      /* 255 characters of four bytes */
    unsigned long id_len;
    uint32_t count;
};

/* One more than the page tells whether there is a next one. */
static trb_code fetch_keys(struct store *s, struct link *l, MYSQL_STMT *q, struct trb_call *call, uint32_t page,
                           struct keys *k, struct trb_error *err)
{
    unsigned long long last = 0;
    int got;
    k->bind[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &k->row, .is_unsigned = 1};
    k->bind[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = k->id, .buffer_length = sizeof k->id,
                              .length = &k->id_len};
    if (mysql_stmt_bind_result(q, k->bind) || mysql_stmt_store_result(q))
        return link_fail(s, l, "cannot read keys", err);
    while (!(got = mysql_stmt_fetch(q)) && (!page || k->count < page)) {
        struct trb_state_key one = {.size = sizeof one, .key = {k->id, k->id_len}};
        k->id[k->id_len < sizeof k->id ? k->id_len : sizeof k->id - 1] = 0;
        call->host->item(call, k->count++, &one, sizeof one, NULL);
        last = k->row;
    }
    if (got == 1)
        return link_fail(s, l, "cannot read keys", err);
    if (page && got != MYSQL_NO_DATA) {
        char token[24];
        int len = snprintf(token, sizeof token, "%llu", last);
        struct trb_state_key end = {.size = sizeof end, .key = NAME(""), .token = {token, (size_t)len}};
        call->host->item(call, k->count, &end, sizeof end, NULL);
    }
    return TRB_OK;
}

static trb_code read_keys(struct store *s, struct link *l, struct trb_call *call, const struct trb_state_keys_like *q,
                          uint64_t after, struct trb_error *err)
{
    unsigned long long from = after, most = q->page_size ? q->page_size + 1ull : INT64_MAX;
    MYSQL_BIND bind[] = {bind_text(q->pattern.at, q->pattern.len, MYSQL_TYPE_STRING),
                         {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &from, .is_unsigned = 1},
                         {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &most, .is_unsigned = 1}};
    struct keys k = {0};
    MYSQL_STMT *statement;
    trb_code code = link_execute(s, l, KEYS, bind, "cannot read keys", &statement, err);
    if (code)
        return code;
    code = fetch_keys(s, l, statement, call, q->page_size, &k, err);
    mysql_stmt_free_result(statement);
    return code;
}

void mysql_store_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct link *l;
    uint64_t after = 0;
    trb_code code = TRB_OK;
    if (!q->pattern.len)
        code = trb_error(&err, TRB_INVALID, "BAD_PATTERN", "pattern is required");
    else if (q->token.len && !slice_to_u64(q->token, &after))
        code = trb_error(&err, TRB_INVALID, "BAD_TOKEN", "the continuation token is not one of this store");
    if (!code && !(code = link_take(self, call->host->deadline_ns(call), &l, &err))) {
        code = read_keys(self, l, call, q, after, &err);
        link_give_back(self, l);
    }
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

void mysql_store_ping(void *self, struct trb_call *call, const void *unused)
{
    struct store *s = self;
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct link *l;
    trb_code code = link_take(s, call->host->deadline_ns(call), &l, &err);
    if (!code) {
        link_limit(s, l);
        if (mysql_ping(l->my))
            code = link_fail(s, l, "cannot ping", &err);
        link_give_back(s, l);
    }
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}
