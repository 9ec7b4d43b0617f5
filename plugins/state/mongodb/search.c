/* search: the query language of state stores as filters on the members of value. */
#include "search.h"
#include "store.h"
#include <base/slice.h>
#include <query/query.h>

static const char *const words[] = {[QUERY_EQ] = "$eq", [QUERY_NEQ] = "$ne", [QUERY_GT] = "$gt", [QUERY_GTE] = "$gte",
                                    [QUERY_LT] = "$lt", [QUERY_LTE] = "$lte", [QUERY_IN] = "$in", [QUERY_AND] = "$and",
                                    [QUERY_OR] = "$or"};

/* A string as its text: within a document it is one. */
static void append_scalar(struct arena *arena, bson_t *to, const char *key, struct json_value v)
{
    struct form unused;
    struct trb_slice text;
    if (v.kind != JSON_STRING) {
        if (!form_append(to, key, v, &unused))
            BSON_APPEND_NULL(to, key);
        return;
    }
    text = json_text(arena, v);
    bson_append_utf8(to, key, -1, text.at ? text.at : "", (int)text.len);
}

static void append_list(struct arena *arena, bson_t *to, const struct query_node *n)
{
    bson_t list;
    BSON_APPEND_ARRAY_BEGIN(to, "$in", &list);
    for (uint32_t i = 0; i < n->value_count; i++) {
        char room[16];
        const char *index;
        bson_uint32_to_string(i, &index, room, sizeof room);
        append_scalar(arena, &list, index, n->values[i]);
    }
    bson_append_array_end(to, &list);
}

static void append_node(struct arena *arena, bson_t *to, const struct query_node *n);

static void append_group(struct arena *arena, bson_t *to, const struct query_node *n)
{
    bson_t list, one;
    BSON_APPEND_ARRAY_BEGIN(to, words[n->op], &list);
    for (uint32_t i = 0; i < n->node_count; i++) {
        char room[16];
        const char *index;
        bson_uint32_to_string(i, &index, room, sizeof room);
        BSON_APPEND_DOCUMENT_BEGIN(&list, index, &one);
        append_node(arena, &one, &n->nodes[i]);
        bson_append_document_end(&list, &one);
    }
    bson_append_array_end(to, &list);
}

static void append_node(struct arena *arena, bson_t *to, const struct query_node *n)
{
    bson_t is;
    if (n->op >= QUERY_AND) {
        append_group(arena, to, n);
        return;
    }
    BSON_APPEND_DOCUMENT_BEGIN(to, arena_printf(arena, "value.%s", n->key.at).at, &is);
    if (n->op == QUERY_IN)
        append_list(arena, &is, n);
    else
        append_scalar(arena, &is, words[n->op], n->values[0]);
    bson_append_document_end(to, &is);
}

void search_filter(struct arena *arena, const struct query *q, bson_t *to)
{
    if (q->filter)
        append_node(arena, to, q->filter);
}

void search_options(struct arena *arena, const struct query *q, uint64_t skip, bson_t *to)
{
    bson_t sort;
    if (q->sort_count) {
        BSON_APPEND_DOCUMENT_BEGIN(to, "sort", &sort);
        for (uint32_t n = 0; n < q->sort_count; n++)
            BSON_APPEND_INT32(&sort, arena_printf(arena, "value.%s", q->sorts[n].key.at).at, q->sorts[n].is_descending ? -1 : 1);
        bson_append_document_end(to, &sort);
    }
    if (q->limit)
        BSON_APPEND_INT64(to, "limit", (int64_t)q->limit);
    if (skip)
        BSON_APPEND_INT64(to, "skip", (int64_t)skip);
}

/* ------------------------------------------------------------------------------------------ asking */
static trb_code answer(struct store *s, struct trb_call *call, const bson_t *doc, uint32_t n, struct trb_error *err)
{
    struct reading got;
    bson_iter_t iter;
    uint32_t len = 0;
    trb_code code = document_read(s, doc, &got, err);
    if (code)
        return code;
    const char *id = bson_iter_init_find(&iter, doc, "_id") ? bson_iter_utf8(&iter, &len) : "";
    struct trb_state_query_item item = {.size = sizeof item, .key = {id ? id : "", len}, .value = got.answer.value,
                                        .etag = got.answer.etag};
    call->host->item(call, n, &item, sizeof item, NULL);
    return TRB_OK;
}

/* A full page has a token: how many there were up to here. */
static void answer_token(struct trb_call *call, uint32_t count, uint64_t next)
{
    char room[24];
    int len = snprintf(room, sizeof room, "%llu", (unsigned long long)next);
    struct trb_state_query_item end = {.size = sizeof end, .key = NAME(""), .token = {room, (size_t)len}};
    call->host->item(call, count, &end, sizeof end, NULL);
}

static trb_code run(struct store *s, struct trb_call *call, struct arena *arena, const struct query *q, uint64_t skip,
                    struct trb_error *err)
{
    bson_t filter = BSON_INITIALIZER, opts = BSON_INITIALIZER, wanted, both, alive = BSON_INITIALIZER;
    const bson_t *doc;
    bson_error_t e;
    uint32_t count = 0;
    trb_code code = TRB_OK;
    struct line l;
    document_alive(s, &alive);
    BSON_APPEND_ARRAY_BEGIN(&filter, "$and", &both);
    BSON_APPEND_DOCUMENT_BEGIN(&both, "0", &wanted);
    search_filter(arena, q, &wanted);
    bson_append_document_end(&both, &wanted);
    BSON_APPEND_DOCUMENT(&both, "1", &alive);
    bson_append_array_end(&filter, &both);
    search_options(arena, q, skip, &opts);
    line_take(s, &l);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(l.items, &filter, &opts, NULL);
    while (!code && mongoc_cursor_next(cursor, &doc))
        code = answer(s, call, doc, count++, err);
    if (!code && mongoc_cursor_error(cursor, &e))
        code = connect_fail(s, &e, "cannot query", err);
    if (!code && q->limit && count == q->limit)
        answer_token(call, count, skip + count);
    mongoc_cursor_destroy(cursor);
    line_give_back(s, &l);
    bson_destroy(&alive);
    bson_destroy(&opts);
    bson_destroy(&filter);
    return code;
}

void mongodb_query(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_query *question_ = question;
    struct trb_error err = {.size = sizeof err, .item = -1};
    struct arena *arena = arena_create(SIZE_MAX);
    struct query q;
    uint64_t skip = 0;
    trb_code code = query_parse(arena, question_->query, &q, &err);
    if (!code && q.token.len && (!slice_to_u64(slice_name(q.token), &skip) || skip > INT64_MAX)) {
        code = trb_error(&err, TRB_INVALID, "BAD_QUERY", "the token of a page is the text that the page before came with");
        err.kind = TRB_STATE_BAD_QUERY;
    }
    if (!code)
        code = run(self, call, arena, &q, skip, &err);
    arena_destroy(arena);
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}
