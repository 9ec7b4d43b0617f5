/* query: the query language as SQL over jsonb. Paths and values are parameters, never text of the statement.
 *
 * Equality compares texts, as others that read this table do, and also numbers by their value; order is for
 * numbers only. */
#include "store.h"
#include <base/arena.h>
#include <base/mem.h>
#include <base/slice.h>
#include <query/query.h>

#define MOST_PARAMS 60000u
#define ARENA_BYTES (64u << 20)

struct maker {                          /* one query, from the question to its answer */
    struct trb_call *call;
    struct arena *arena;
    struct text sql;
    struct pg_param *params;
    uint32_t count, room;
    uint64_t limit, offset;
    struct trb_error *err;
};

static struct maker *maker_destroy(struct maker *m)
{
    text_fini(&m->sql);
    mem_free(m->params);
    arena_destroy(m->arena);
    return mem_free(m);
}

static void add_param(struct maker *m, struct trb_slice text)
{
    if (m->count == m->room) {
        m->room = m->room ? m->room * 2 : 16;
        m->params = mem_grow(m->params, m->room * sizeof *m->params);
    }
    m->params[m->count++] = pg_text(text.at ? text : SLICE(""));
    text_addf(&m->sql, "$%u", m->count);
}

/* value->'a'->'b', and the last arrow as said: -> for jsonb, ->> for text. */
static void add_path(struct maker *m, struct trb_name key, const char *last_arrow)
{
    text_adds(&m->sql, "(t.value");
    for (struct trb_slice rest = slice_name(key); rest.at;) {
        struct trb_slice part = query_path_next(&rest);
        text_adds(&m->sql, rest.at ? "->" : last_arrow);
        add_param(m, part);
    }
    text_addc(&m->sql, ')');
}

static void add_equals(struct maker *m, struct trb_name key, struct json_value v)
{
    add_path(m, key, "->>");
    if (v.kind == JSON_NULL) {
        text_adds(&m->sql, " IS NULL");
        return;
    }
    text_adds(&m->sql, " = ");
    add_param(m, query_value_text(m->arena, v));
    if (v.kind != JSON_NUMBER)
        return;
    text_adds(&m->sql, " OR ");
    add_path(m, key, "->");
    text_adds(&m->sql, " = ");
    add_param(m, v.raw);
    text_adds(&m->sql, "::jsonb");
}

static trb_code add_order(struct maker *m, const struct query_node *n)
{
    static const char *const signs[] = {[QUERY_GT] = " > ", [QUERY_GTE] = " >= ", [QUERY_LT] = " < ", [QUERY_LTE] = " <= "};
    if (n->values[0].kind != JSON_NUMBER) {
        trb_error(m->err, TRB_INVALID, "BAD_QUERY", "%s compares numbers only", query_op_name(n->op));
        m->err->kind = TRB_STATE_BAD_QUERY;
        return TRB_INVALID;
    }
    text_adds(&m->sql, "CASE WHEN jsonb_typeof(");
    add_path(m, n->key, "->");
    text_adds(&m->sql, ") = 'number' THEN ");
    add_path(m, n->key, "->>");
    text_addf(&m->sql, "::numeric%s", signs[n->op]);
    add_param(m, n->values[0].raw);
    text_adds(&m->sql, "::numeric ELSE false END");
    return TRB_OK;
}

static trb_code add_filter(struct maker *m, const struct query_node *n)
{
    trb_code code = TRB_OK;
    uint32_t parts = n->op >= QUERY_AND ? n->node_count : n->value_count;
    if (query_op_is_order(n->op))
        return add_order(m, n);
    text_adds(&m->sql, n->op == QUERY_NEQ ? "NOT (" : "(");
    for (uint32_t i = 0; i < parts && !code; i++) {
        text_adds(&m->sql, !i ? "" : n->op == QUERY_AND ? " AND " : " OR ");
        if (n->op >= QUERY_AND)
            code = add_filter(m, &n->nodes[i]);
        else
            add_equals(m, n->key, n->values[i]);
    }
    text_addc(&m->sql, ')');
    return code;
}

/* Pages are cut by counting, so that the order must be a whole one. */
static void add_sorts(struct maker *m, const struct query *q)
{
    text_adds(&m->sql, " ORDER BY ");
    for (uint32_t i = 0; i < q->sort_count; i++) {
        add_path(m, q->sorts[i].key, "->");
        text_adds(&m->sql, q->sorts[i].is_descending ? " DESC, " : ", ");
    }
    text_adds(&m->sql, "t.key");
}

static trb_code offset_of(const struct query *q, uint64_t *ret, struct trb_error *err)
{
    *ret = 0;
    if (!q->token.len || (slice_to_u64(slice_name(q->token), ret) && *ret <= INT64_MAX - INT32_MAX))
        return TRB_OK;
    trb_error(err, TRB_INVALID, "BAD_QUERY", "the token '%.*s' is not one that this store gave",
              (int)(q->token.len < 100 ? q->token.len : 100), q->token.at);
    err->kind = TRB_STATE_BAD_QUERY;
    return TRB_INVALID;
}

static trb_code make(const struct store *s, struct maker *m, const struct query *q)
{
    trb_code code = offset_of(q, &m->offset, m->err);
    if (code)
        return code;
    m->limit = q->limit;
    text_addf(&m->sql, "SELECT t.key, %s, %s FROM %s AS t WHERE ", s->version->value_read, s->version->etag_read, s->table.at);
    add_live(s, &m->sql, "t.");
    if (q->filter) {
        text_adds(&m->sql, " AND ");
        code = add_filter(m, q->filter);
    }
    add_sorts(m, q);
    if (q->limit)
        text_addf(&m->sql, " LIMIT %llu", (unsigned long long)q->limit);
    if (m->offset)
        text_addf(&m->sql, " OFFSET %llu", (unsigned long long)m->offset);
    if (!code && m->count > MOST_PARAMS)
        code = trb_error(m->err, TRB_INVALID, "BAD_QUERY", "the query is too large for one statement");
    return code;
}

/* ------------------------------------------------------------------------------------ asked, answered */
static void say_query(struct pg_wish *w, struct pg_batch *b)
{
    struct maker *m = w->call;
    pg_say(b, &(struct pg_statement){.sql = m->sql.at}, m->params, m->count);
}

static void answer(struct store *s, struct maker *m, const struct pg_answer *a)
{
    uint32_t rows = pg_rows(a), i;
    char token[24];
    for (i = 0; i < rows; i++) {
        struct trb_slice key = pg_cell(a, i, 0), value = pg_cell(a, i, 1);
        struct trb_state_query_item item = {.size = sizeof item, .key = {key.at, key.len}, .value = {value.at, value.len, NULL},
                                            .etag = pg_cell(a, i, 2)};
        s->host->item(m->call, i, &item, sizeof item, NULL);
    }
    if (m->limit && rows == m->limit) {
        snprintf(token, sizeof token, "%llu", (unsigned long long)(m->offset + rows));
        struct trb_state_query_item last = {.size = sizeof last, .key = NAME(""), .token = slice_of(token)};
        s->host->item(m->call, i, &last, sizeof last, NULL);
    }
    s->host->done(m->call, NULL, 0);
}

static void on_found(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct store *s = w->self;
    struct maker *m = w->call;
    if (err)
        s->host->fail(m->call, err);
    else
        answer(s, m, a);
    maker_destroy(m);
}

void store_query(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    struct trb_error err = {0};
    struct query q;
    struct maker *m = mem_zero(sizeof *m);
    *m = (struct maker){.call = call, .arena = arena_create(ARENA_BYTES), .err = &err};
    if (query_parse(m->arena, ((const struct trb_state_query *)question)->query, &q, &err) || make(s, m, &q)) {
        maker_destroy(m);
        call->host->fail(call, &err);
        return;
    }
    const struct pg_wish w = {.say = say_query, .answered = on_found, .self = s, .call = m, .is_read = true};
    pg_ask(s->pg, &w);
}
