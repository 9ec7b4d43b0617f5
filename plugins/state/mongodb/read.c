/* read: items one by one and many in one query, and keys by pattern. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

static void append_condition(const struct store *s, bson_t *filter, const bson_t *what)
{
    bson_t both, alive = BSON_INITIALIZER;
    document_alive(s, &alive);
    BSON_APPEND_ARRAY_BEGIN(filter, "$and", &both);
    BSON_APPEND_DOCUMENT(&both, "0", what);
    BSON_APPEND_DOCUMENT(&both, "1", &alive);
    bson_append_array_end(filter, &both);
    bson_destroy(&alive);
}

/* Asks for each document that lives and meets the condition, until each says stop. */
static trb_code find(struct store *s, struct line *l, const bson_t *what, const bson_t *opts,
                     bool (*each)(void *, const bson_t *), void *arg, struct trb_error *err)
{
    bson_t filter = BSON_INITIALIZER;
    const bson_t *doc;
    bson_error_t e;
    append_condition(s, &filter, what);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(l->items, &filter, opts, NULL);
    while (mongoc_cursor_next(cursor, &doc) && each(arg, doc))
        ;
    trb_code code = mongoc_cursor_error(cursor, &e) ? connect_fail(s, &e, "cannot read", err) : TRB_OK;
    mongoc_cursor_destroy(cursor);
    bson_destroy(&filter);
    return code;
}

static void finish(struct trb_call *call, trb_code code, const struct trb_error *err)
{
    if (code)
        call->host->fail(call, err);
    else
        trb_done(call);
}

/* ---------------------------------------------------------------------------------------- one item */
struct one {
    struct store *s;
    struct trb_error err;
    struct reading got;
    trb_code code;
};

static bool take_one(void *arg, const bson_t *doc)
{
    struct one *o = arg;
    o->code = document_read(o->s, doc, &o->got, &o->err);
    return false;
}

void mongodb_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_get *q = question;
    struct one o = {.s = self, .err = {.size = sizeof o.err, .item = -1}, .got.answer.size = sizeof o.got.answer};
    bson_t what = BSON_INITIALIZER, is, *opts = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    struct line l;
    line_take(self, &l);
    BSON_APPEND_DOCUMENT_BEGIN(&what, "_id", &is);
    bson_append_utf8(&is, "$eq", -1, q->key.at, (int)q->key.len);
    bson_append_document_end(&what, &is);
    trb_code code = find(self, &l, &what, opts, take_one, &o, &o.err);
    bson_destroy(opts);
    bson_destroy(&what);
    line_give_back(self, &l);
    if (code || o.code)
        call->host->fail(call, &o.err);
    else
        call->host->done(call, &o.got.answer, sizeof o.got.answer);
}

/* ------------------------------------------------------------------------------------- many items */
struct bulk {
    struct store *s;
    struct trb_call *call;
    const struct trb_list *items;
    bool *is_answered;
};

static const struct trb_state_get *get_at(const struct bulk *b, uint32_t n)
{
    return trb_list_at(b->items, n);
}

static struct trb_slice id_of(const bson_t *doc)
{
    bson_iter_t iter;
    uint32_t len = 0;
    const char *at = bson_iter_init_find(&iter, doc, "_id") ? bson_iter_utf8(&iter, &len) : NULL;
    return slice_from(at ? at : "", len);
}

static bool answer_each(void *arg, const bson_t *doc)
{
    struct bulk *b = arg;
    struct trb_slice id = id_of(doc);
    for (uint32_t n = 0; n < b->items->count; n++) {
        struct reading got;
        struct trb_error err = {.size = sizeof err, .item = -1};
        if (b->is_answered[n] || !slice_is(slice_name(get_at(b, n)->key), id))
            continue;
        trb_code code = document_read(b->s, doc, &got, &err);
        b->is_answered[n] = true;
        b->call->host->item(b->call, n, code ? NULL : &got.answer, code ? 0 : sizeof got.answer, code ? &err : NULL);
    }
    return true;
}

static void answer_rest(struct bulk *b, trb_code code, const struct trb_error *err)
{
    struct trb_state_item none = {.size = sizeof none};
    for (uint32_t n = 0; n < b->items->count; n++)
        if (!b->is_answered[n])
            b->call->host->item(b->call, n, code ? NULL : &none, code ? 0 : sizeof none, code ? err : NULL);
}

static void append_keys(bson_t *what, const struct bulk *b)
{
    bson_t is, list;
    BSON_APPEND_DOCUMENT_BEGIN(what, "_id", &is);
    BSON_APPEND_ARRAY_BEGIN(&is, "$in", &list);
    for (uint32_t n = 0; n < b->items->count; n++) {
        char room[16];
        const char *index;
        bson_uint32_to_string(n, &index, room, sizeof room);
        bson_append_utf8(&list, index, -1, get_at(b, n)->key.at, (int)get_at(b, n)->key.len);
    }
    bson_append_array_end(&is, &list);
    bson_append_document_end(what, &is);
}

void mongodb_bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    struct bulk b = {.s = self, .call = call, .items = &q->items, .is_answered = mem_zero(q->items.count + 1)};
    struct trb_error err = {.size = sizeof err, .item = -1};
    bson_t what = BSON_INITIALIZER;
    struct line l;
    line_take(self, &l);
    append_keys(&what, &b);
    answer_rest(&b, find(self, &l, &what, NULL, answer_each, &b, &err), &err);
    bson_destroy(&what);
    line_give_back(self, &l);
    mem_free(b.is_answered);
    trb_done(call);
}

/* -------------------------------------------------------------------------------------------- keys */
struct keys {
    struct trb_call *call;
    uint32_t page, count;
    struct text last;
    bool has_more;
};

/* One more than the page tells whether there is a next one. */
static bool take_key(void *arg, const bson_t *doc)
{
    struct keys *k = arg;
    struct trb_slice id = id_of(doc);
    k->has_more = k->page && k->count == k->page;
    if (k->has_more)
        return false;
    text_clear(&k->last);
    text_add(&k->last, id);
    struct trb_state_key one = {.size = sizeof one, .key = {text_slice(&k->last).at, id.len}};
    k->call->host->item(k->call, k->count++, &one, sizeof one, NULL);
    return true;
}

static void append_pattern(bson_t *to, struct trb_slice pattern)
{
    struct text regex = {0};
    bson_t is;
    form_like(pattern, &regex);
    BSON_APPEND_DOCUMENT_BEGIN(to, "_id", &is);
    bson_append_utf8(&is, "$regex", -1, regex.at, (int)regex.len);
    BSON_APPEND_UTF8(&is, "$options", "s");
    bson_append_document_end(to, &is);
    text_fini(&regex);
}

/* Two conditions on one member stand apart: not every server takes $regex and $gt in one. */
static bson_t *keys_wanted(const struct trb_state_keys_like *q)
{
    bson_t *what = bson_new(), both, one, is;
    if (!q->token.len) {
        append_pattern(what, slice_name(q->pattern));
        return what;
    }
    BSON_APPEND_ARRAY_BEGIN(what, "$and", &both);
    BSON_APPEND_DOCUMENT_BEGIN(&both, "0", &one);
    append_pattern(&one, slice_name(q->pattern));
    bson_append_document_end(&both, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&both, "1", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "_id", &is);
    bson_append_utf8(&is, "$gt", -1, q->token.at, (int)q->token.len);
    bson_append_document_end(&one, &is);
    bson_append_document_end(&both, &one);
    bson_append_array_end(what, &both);
    return what;
}

static trb_code find_keys(struct store *s, struct trb_call *call, const struct trb_state_keys_like *q, struct trb_error *err)
{
    struct keys k = {.call = call, .page = q->page_size};
    bson_t *what = keys_wanted(q), *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "projection", "{", "_id",
                                                   BCON_INT32(1), "}");
    struct line l;
    line_take(s, &l);
    if (q->page_size)
        BSON_APPEND_INT64(opts, "limit", (int64_t)q->page_size + 1);
    trb_code code = find(s, &l, what, opts, take_key, &k, err);
    if (!code && k.has_more) {
        struct trb_state_key end = {.size = sizeof end, .key = NAME(""), .token = text_slice(&k.last)};
        call->host->item(call, k.count, &end, sizeof end, NULL);
    }
    line_give_back(s, &l);
    text_fini(&k.last);
    bson_destroy(opts);
    bson_destroy(what);
    return code;
}

void mongodb_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    struct trb_error err = {.size = sizeof err, .item = -1};
    trb_code code = q->pattern.len ? find_keys(self, call, q, &err)
                                   : trb_error(&err, TRB_INVALID, "BAD_PATTERN", "pattern is required");
    finish(call, code, &err);
}

void mongodb_ping(void *self, struct trb_call *call, const void *unused)
{
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct line l;
    line_take(self, &l);
    trb_code code = connect_ping(self, &l, &err);
    line_give_back(self, &l);
    finish(call, code, &err);
}
