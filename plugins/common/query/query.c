/* query: reading the tree. Strict: what has no meaning is refused, not skipped. */
#include <base/check.h>
#include <base/slice.h>
#include <query/query.h>
#include <trilby/state.h>

#define LONGEST_SHOWN 80u

static const char *const op_names[] = {[QUERY_EQ] = "EQ", [QUERY_NEQ] = "NEQ", [QUERY_GT] = "GT", [QUERY_GTE] = "GTE",
                                       [QUERY_LT] = "LT", [QUERY_LTE] = "LTE", [QUERY_IN] = "IN", [QUERY_AND] = "AND",
                                       [QUERY_OR] = "OR"};

const char *query_op_name(uint32_t op)
{
    return op && op < countof(op_names) ? op_names[op] : "?";
}

bool query_op_is_order(uint32_t op)
{
    return op >= QUERY_GT && op <= QUERY_LTE;
}

struct trb_slice query_path_next(struct trb_slice *rest)
{
    return slice_split(rest, '.');
}

struct trb_slice query_value_text(struct arena *arena, struct json_value v)
{
    return v.kind == JSON_STRING ? json_text(arena, v) : v.raw;
}

static TRB_PRINTF(2, 3) trb_code bad(struct trb_error *err, const char *format, ...)
{
    char sentence[sizeof err->message];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sentence, sizeof sentence, format, ap);
    va_end(ap);
    trb_error(err, TRB_INVALID, "BAD_QUERY", "%s", sentence);
    err->kind = TRB_STATE_BAD_QUERY;
    return TRB_INVALID;
}

static uint32_t op_of(struct trb_slice raw_key)
{
    for (uint32_t op = QUERY_EQ; op < countof(op_names); op++)
        if (json_key_is(raw_key, slice_of(op_names[op])))
            return op;
    return 0;
}

static bool is_scalar(struct json_value v)
{
    return v.kind != JSON_ARRAY && v.kind != JSON_OBJECT;
}

/* A path has no empty part: "a..b" and ".a" name nothing. */
static trb_code read_key(struct arena *arena, struct trb_slice raw, struct trb_name *ret, struct trb_error *err)
{
    struct json_value v = {.kind = JSON_STRING, .raw = raw};
    struct trb_name key = json_name(arena, v);
    for (struct trb_slice rest = slice_name(key); rest.at;)
        if (!query_path_next(&rest).len)
            return bad(err, "the key '%.*s' is no path of properties", (int)(key.len < LONGEST_SHOWN ? key.len : LONGEST_SHOWN), key.at);
    *ret = key;
    return TRB_OK;
}

/* ------------------------------------------------------------------------------------- the filter */
static trb_code read_filter(struct arena *, struct json_value, uint32_t depth, struct query_node *, struct trb_error *);

static trb_code read_values(struct arena *arena, struct json_value list, struct query_node *node, struct trb_error *err)
{
    uint32_t count = json_count(list), i = 0;
    struct json_value *values = arena_alloc(arena, count * sizeof *values + 1);
    if (list.kind != JSON_ARRAY || !count)
        return bad(err, "IN takes a list of one value or more for the key '%.*s'",
                   (int)(node->key.len < LONGEST_SHOWN ? node->key.len : LONGEST_SHOWN), node->key.at);
    for (struct json_cursor c = json_enter(list); json_next(&c, &values[i]); i++)
        if (!is_scalar(values[i]))
            return bad(err, "IN compares with strings, numbers, booleans and null, not with an %s", json_kind_name(values[i]));
    node->values = values;
    node->value_count = count;
    return TRB_OK;
}

static trb_code read_comparison(struct arena *arena, struct json_value pair, struct query_node *node, struct trb_error *err)
{
    struct json_value *value = arena_alloc(arena, sizeof *value);
    struct trb_slice key;
    if (pair.kind != JSON_OBJECT || json_count(pair) != 1)
        return bad(err, "%s takes an object of one key and what to compare it with", query_op_name(node->op));
    struct json_cursor c = json_enter(pair);
    json_member(&c, &key, value);
    trb_code code = read_key(arena, key, &node->key, err);
    if (code || node->op == QUERY_IN)
        return code ? code : read_values(arena, *value, node, err);
    if (!is_scalar(*value))
        return bad(err, "%s compares with a string, a number, a boolean or null, not with an %s", query_op_name(node->op),
                   json_kind_name(*value));
    node->values = value;
    node->value_count = 1;
    return TRB_OK;
}

static trb_code read_group(struct arena *arena, struct json_value list, uint32_t depth, struct query_node *node,
                           struct trb_error *err)
{
    uint32_t count = json_count(list), i = 0;
    struct json_value v;
    if (list.kind != JSON_ARRAY || count < 2)
        return bad(err, "%s takes a list of two filters or more", query_op_name(node->op));
    if (depth >= QUERY_MAX_DEPTH)
        return bad(err, "AND and OR are nested deeper than %u", QUERY_MAX_DEPTH);
    struct query_node *nodes = arena_zero(arena, count * sizeof *nodes);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v); i++) {
        trb_code code = read_filter(arena, v, depth + 1, &nodes[i], err);
        if (code)
            return code;
    }
    node->nodes = nodes;
    node->node_count = count;
    return TRB_OK;
}

static trb_code read_filter(struct arena *arena, struct json_value v, uint32_t depth, struct query_node *node,
                            struct trb_error *err)
{
    struct trb_slice key;
    struct json_value what;
    if (v.kind != JSON_OBJECT || json_count(v) != 1)
        return bad(err, "a filter is an object of one operator: EQ, NEQ, GT, GTE, LT, LTE, IN, AND or OR");
    struct json_cursor c = json_enter(v);
    json_member(&c, &key, &what);
    node->op = op_of(key);
    if (!node->op)
        return bad(err, "there is no operator %.*s: EQ, NEQ, GT, GTE, LT, LTE, IN, AND, OR are",
                   (int)(key.len < LONGEST_SHOWN ? key.len : LONGEST_SHOWN), key.at);
    return node->op >= QUERY_AND ? read_group(arena, what, depth, node, err) : read_comparison(arena, what, node, err);
}

/* --------------------------------------------------------------------------------- sort and page */
static trb_code read_sort(struct arena *arena, struct json_value v, struct query_sort *sort, struct trb_error *err)
{
    struct json_value key = json_find(v, SLICE("key")), order = json_find(v, SLICE("order"));
    if (v.kind != JSON_OBJECT || key.kind != JSON_STRING)
        return bad(err, "sort takes a list of {\"key\": path, \"order\": \"ASC\" or \"DESC\"}");
    struct trb_slice word = order.kind == JSON_STRING ? json_text(arena, order) : SLICE("");
    sort->is_descending = slice_is_nocase(word, SLICE("DESC"));
    bool is_ascending = !word.len || slice_is_nocase(word, SLICE("ASC"));
    if (order.kind > JSON_NULL && (order.kind != JSON_STRING || (!sort->is_descending && !is_ascending)))
        return bad(err, "the order of a sort is ASC or DESC");
    return read_key(arena, key.raw, &sort->key, err);
}

static trb_code read_sorts(struct arena *arena, struct json_value list, struct query *q, struct trb_error *err)
{
    uint32_t count = json_count(list), i = 0;
    struct json_value v;
    if (list.kind <= JSON_NULL)
        return TRB_OK;
    if (list.kind != JSON_ARRAY)
        return bad(err, "sort takes a list of {\"key\": path, \"order\": \"ASC\" or \"DESC\"}");
    struct query_sort *sorts = arena_zero(arena, count * sizeof *sorts + 1);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v); i++) {
        trb_code code = read_sort(arena, v, &sorts[i], err);
        if (code)
            return code;
    }
    q->sorts = sorts;
    q->sort_count = count;
    return TRB_OK;
}

static trb_code read_page(struct arena *arena, struct json_value page, struct query *q, struct trb_error *err)
{
    struct json_value limit = json_find(page, SLICE("limit")), token = json_find(page, SLICE("token"));
    if (page.kind <= JSON_NULL)
        return TRB_OK;
    if (page.kind != JSON_OBJECT)
        return bad(err, "page takes an object of limit and token");
    if (limit.kind > JSON_NULL && (limit.kind != JSON_NUMBER || !slice_to_u64(limit.raw, &q->limit) || q->limit > INT32_MAX))
        return bad(err, "the limit of a page is a whole number, 0 or more");
    if (token.kind > JSON_NULL && token.kind != JSON_STRING)
        return bad(err, "the token of a page is the text that the page before came with");
    if (token.kind == JSON_STRING)
        q->token = json_name(arena, token);
    return TRB_OK;
}

trb_code query_parse(struct arena *arena, struct trb_slice text, struct query *ret_query, struct trb_error *err)
{
    struct query q = {0};
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(text, &v, &fault))
        return bad(err, "the query is no JSON: %s", fault.message);
    if (v.kind != JSON_OBJECT)
        return bad(err, "the query is no object");
    struct json_value filter = json_find(v, SLICE("filter"));
    trb_code code = TRB_OK;
    if (filter.kind > JSON_NULL && !(filter.kind == JSON_OBJECT && !json_count(filter))) {
        struct query_node *root = arena_zero(arena, sizeof *root);
        code = read_filter(arena, filter, 0, root, err);
        q.filter = root;
    }
    if (!code)
        code = read_sorts(arena, json_find(v, SLICE("sort")), &q, err);
    if (!code)
        code = read_page(arena, json_find(v, SLICE("page")), &q, err);
    if (!code)
        *ret_query = q;
    return code;
}
