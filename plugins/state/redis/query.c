/* query: the query language as one FT.SEARCH.
 *
 * RediSearch compares texts by their words: what a value equals is a run of words that a text holds. Signs that part
 * words part them here too; all other signs are escaped, so that a value is never read as a query. VERBATIM: a word is
 * itself, not all that have its stem. */
#include "store.h"
#include <base/check.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <query/query.h>

#define ARENA_BYTES (64u << 20)
#define SEARCH_WORDS 14u
#define SHOWN(slice) (int)((slice).len < 100 ? (slice).len : 100), (slice).at

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

/* ---------------------------------------------------------------------------------------- values */
static bool parts_words(char c)
{
    return (c && strchr(",.<>{}[]\"':;!@#$%^&*()-+=~", c)) || (c >= 0 && c <= ' ') || c == 127;
}

static uint32_t count_words(struct trb_slice text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += !parts_words(text.at[i]) && (!i || parts_words(text.at[i - 1]));
    return count;
}

/* One word as it is; several as a phrase. */
static trb_code add_text(struct text *to, struct trb_slice text, struct trb_error *err)
{
    uint32_t count = count_words(text), seen = 0;
    if (!count)
        return bad(err, "the text '%.*s' has no word to look for", SHOWN(text));
    text_adds(to, count > 1 ? "\"" : "");
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (parts_words(c))
            continue;
        if ((!i || parts_words(text.at[i - 1])) && seen++)
            text_addc(to, ' ');
        if (strchr("|/\\?`", c))
            text_addc(to, '\\');
        text_addc(to, c);
    }
    text_adds(to, count > 1 ? "\"" : "");
    return TRB_OK;
}

static trb_code check_value(const struct index_key *k, struct json_value v, struct trb_error *err)
{
    if (k->is_number && v.kind != JSON_NUMBER)
        return bad(err, "the key '%.*s' is compared with numbers", SHOWN(k->path));
    if (v.kind != JSON_STRING && v.kind != JSON_NUMBER)
        return bad(err, "the key '%.*s' is compared with texts", SHOWN(k->path));
    return TRB_OK;
}

static trb_code add_texts(struct arena *a, const struct query_node *n, const struct index_key *k, struct text *to,
                          struct trb_error *err)
{
    text_addf(to, n->op == QUERY_NEQ ? "-@%s:(" : "@%s:(", k->alias.at);
    for (uint32_t i = 0; i < n->value_count; i++) {
        text_adds(to, i ? "|" : "");
        trb_code code = add_text(to, query_value_text(a, n->values[i]), err);
        if (code)
            return code;
    }
    text_addc(to, ')');
    return TRB_OK;
}

static void add_range(struct text *to, const struct index_key *k, uint32_t op, struct trb_slice number)
{
    bool is_from = op != QUERY_LT && op != QUERY_LTE, is_to = op != QUERY_GT && op != QUERY_GTE;
    text_addf(to, "@%s:[", k->alias.at);
    if (is_from)
        text_addf(to, "%s%.*s", op == QUERY_GT ? "(" : "", SLICE_ARG(number));
    else
        text_adds(to, "-inf");
    if (is_to)
        text_addf(to, " %s%.*s]", op == QUERY_LT ? "(" : "", SLICE_ARG(number));
    else
        text_adds(to, " +inf]");
}

/* Another number is a lower or a higher one: what has none is neither, as elsewhere. */
static void add_other(const struct query_node *n, const struct index_key *k, struct text *to)
{
    add_range(to, k, QUERY_LT, n->values[0].raw);
    text_addc(to, '|');
    add_range(to, k, QUERY_GT, n->values[0].raw);
}

static void add_numbers(const struct query_node *n, const struct index_key *k, struct text *to)
{
    for (uint32_t i = 0; i < n->value_count; i++) {
        text_adds(to, i ? "|" : "");
        add_range(to, k, n->op, n->values[i].raw);
    }
}

/* ---------------------------------------------------------------------------------------- filter */
static trb_code add_comparison(struct arena *a, const struct index *x, const struct query_node *n, struct text *to,
                               struct trb_error *err)
{
    const struct index_key *k = index_key_find(x, slice_name(n->key));
    if (!k)
        return bad(err, "the index '%.*s' has no key '%.*s'", SHOWN(x->name), SHOWN(n->key));
    if (query_op_is_order(n->op) && !k->is_number)
        return bad(err, "%s takes a key of type NUMERIC, and '%.*s' is TEXT", query_op_name(n->op), SHOWN(n->key));
    trb_code code = TRB_OK;
    for (uint32_t i = 0; i < n->value_count && !code; i++)
        code = check_value(k, n->values[i], err);
    if (code)
        return code;
    if (k->is_number && n->op == QUERY_NEQ)
        add_other(n, k, to);
    else if (k->is_number)
        add_numbers(n, k, to);
    else
        code = add_texts(a, n, k, to, err);
    return code;
}

/* Each part in brackets: @a:(x)|@b:(y) without them looks for y in a. */
static trb_code add_filter(struct arena *a, const struct index *x, const struct query_node *n, struct text *to,
                           struct trb_error *err)
{
    trb_code code = TRB_OK;
    if (n->op < QUERY_AND)
        return add_comparison(a, x, n, to, err);
    for (uint32_t i = 0; i < n->node_count && !code; i++) {
        text_adds(to, !i ? "(" : n->op == QUERY_AND ? ") (" : ")|(");
        code = add_filter(a, x, &n->nodes[i], to, err);
    }
    text_addc(to, ')');
    return code;
}

static trb_code add_page(const struct index *x, const struct query *q, struct search *to, struct trb_error *err)
{
    const struct index_key *k = q->sort_count ? index_key_find(x, slice_name(q->sorts[0].key)) : NULL;
    if (q->sort_count > 1)
        return bad(err, "this store sorts by one key at most");
    if (q->sort_count && !k)
        return bad(err, "the index '%.*s' has no key '%.*s' to sort by", SHOWN(x->name), SHOWN(q->sorts[0].key));
    if (q->token.len && (!slice_to_u64(slice_name(q->token), &to->offset) || to->offset > INT32_MAX))
        return bad(err, "the token '%.*s' is not one that this store gave", SHOWN(q->token));
    if (k) {
        to->sort = k->alias;
        to->is_descending = q->sorts[0].is_descending;
    }
    to->limit = q->limit ? q->limit : QUERY_PAGE;
    return TRB_OK;
}

trb_code search_make(struct arena *a, const struct index *x, struct trb_slice query, struct search *ret_search,
                     struct trb_error *err)
{
    struct search made = {.index = x};
    struct query q;
    trb_code code = query_parse(a, query, &q, err);
    if (!code)
        code = add_page(x, &q, &made, err);
    if (!code && q.filter)
        code = add_filter(a, x, q.filter, &made.filter, err);
    else
        text_addc(&made.filter, '*');
    if (code)
        text_fini(&made.filter);
    else
        *ret_search = made;
    return code;
}

/* ------------------------------------------------------------------------------ asked, answered */
struct searching {
    struct arena *arena;
    struct trb_call *call;
    struct search search;
};

static struct searching *searching_destroy(struct searching *g)
{
    text_fini(&g->search.filter);
    arena_destroy(g->arena);
    return mem_free(g);
}

static struct trb_state_query_item item_of(const struct resp *key, const struct resp *fields)
{
    struct trb_state_query_item item = {.size = sizeof item, .key = {key->text.at, key->text.len}};
    const struct resp *name = resp_first(fields);
    for (uint32_t i = 0; i + 1 < fields->count; i += 2, name = resp_next(resp_next(name))) {
        const struct resp *value = resp_next(name);
        if (slice_is(name->text, SLICE("$.data")))
            item.value = (struct trb_data){value->text.at, value->text.len, NULL};
        else if (slice_is(name->text, SLICE("$.version")))
            item.etag = value->text;
    }
    return item;
}

/* What went between the search and its answer has no data any more, but was counted for the page. */
static void answer(struct store *s, struct searching *g, const struct resp *found)
{
    uint32_t rows = (found->count - 1) / 2, n = 0;
    const struct resp *key = resp_next(resp_first(found));
    for (uint32_t i = 0; i < rows; i++) {
        const struct resp *fields = resp_next(key);
        struct trb_state_query_item item = {0};
        if (resp_is(key, RESP_STRING) && resp_is(fields, RESP_ARRAY))
            item = item_of(key, fields);
        if (item.value.at)
            s->host->item(g->call, n++, &item, sizeof item, NULL);
        key = resp_next(fields);
    }
    if (rows == g->search.limit) {
        char token[REDIS_NUMBER];
        struct trb_data text = redis_number(token, (int64_t)(g->search.offset + rows));
        struct trb_state_query_item last = {.size = sizeof last, .key = NAME(""), .token = slice_from(text.at, text.len)};
        s->host->item(g->call, n, &last, sizeof last, NULL);
    }
    trb_done(g->call);
}

static void on_found(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct searching *g = w->call;
    if (resp_is(reply, RESP_ARRAY) && reply->count)
        answer(w->self, g, reply);
    else
        redis_fail(g->call, reply, err);
    searching_destroy(g);
}

static void send(struct store *s, struct searching *g)
{
    const struct search *x = &g->search;
    char offset[REDIS_NUMBER], limit[REDIS_NUMBER];
    struct trb_data words[SEARCH_WORDS] = {
        redis_text("FT.SEARCH"), redis_name(x->index->name), redis_word(text_slice(&x->filter)),
        redis_text("VERBATIM"), redis_text("RETURN"), redis_text("2"), redis_text("$.data"), redis_text("$.version")};
    uint32_t n = 8;
    if (x->sort.at) {
        words[n++] = redis_text("SORTBY");
        words[n++] = redis_name(x->sort);
        words[n++] = redis_text(x->is_descending ? "DESC" : "ASC");
    }
    words[n++] = redis_text("LIMIT");
    words[n++] = redis_number(offset, (int64_t)x->offset);
    words[n++] = redis_number(limit, (int64_t)x->limit);
    struct redis_wish w = {.answered = on_found, .self = s, .call = g, .stays = 1};
    redis_ask(s->redis, SLICE(""), &w, words, n);
}

static trb_code no_index(const struct store *s, struct trb_name name, struct trb_error *err)
{
    if (!s->has_json)
        return bad(err, "a query needs a server with RedisJSON and RediSearch");
    return name.len ? bad(err, "there is no index '%.*s' among queryIndexes", SHOWN(name))
                    : bad(err, "a query needs the metadata queryIndexName, one of queryIndexes");
}

void store_query(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_state_query *q = question;
    struct trb_error err = {0};
    struct trb_name name = trb_pair_get(&q->metadata, "queryIndexName");
    const struct index *x = index_find(s->indexes, slice_name(name));
    struct searching *g = mem_zero(sizeof *g);
    *g = (struct searching){.arena = arena_create(ARENA_BYTES), .call = call};
    trb_code code = x && s->has_json ? search_make(g->arena, x, q->query, &g->search, &err) : no_index(s, name, &err);
    if (code) {
        s->host->fail(call, &err);
        searching_destroy(g);
    } else {
        send(s, g);
    }
}
