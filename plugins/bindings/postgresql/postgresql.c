/* bindings.postgresql: SQL of the client's, with parameters: exec says how many rows it touched, query gives rows as
 * lists of values. components.md 2.2.6 and 6.16 */
#include "cell.h"
#include <base/arena.h>
#include <base/clock.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <postgres/postgres.h>
#include <trilby/bindings.h>

#define ARENA_BYTES (256u << 20)
#define MOST_PARAMS 65535u
#define MOST_BYTES (1u << 30)           /* the server's own limit for a value */
#define SHOWN 6u

struct binding {
    struct pg_config config;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct pg *pg;
    bool is_closed;
};

static const struct trb_option options[] = {
    PG_OPTIONS(struct binding, config),
};

/* One operation, from the question to its answer. */
struct work {
    struct binding *binding;
    struct trb_call *call;
    struct arena *arena;
    const struct trb_binding_invoke *question;
    struct trb_name sql;
    struct pg_param *params;
    uint32_t count;
    bool is_query;
    int64_t begun_wall_ns;
    uint64_t begun_ns;
};

static void work_free(struct work *w)
{
    arena_destroy(w->arena);
    mem_free(w);
}

/* ------------------------------------------------------------------------------------- parameters */
static struct pg_param read_param(struct arena *arena, struct json_value v)
{
    if (v.kind == JSON_NULL)
        return (struct pg_param){NULL, 0, PG_UNTYPED};
    struct trb_name text = v.kind == JSON_STRING ? json_name(arena, v) : arena_name(arena, v.raw);
    return (struct pg_param){text.at, text.len, PG_UNTYPED};
}

static trb_code read_params(struct work *w, struct trb_slice text, struct trb_error *err)
{
    struct json_value list, v;
    struct json_fault fault;
    if (!text.len)
        return TRB_OK;
    if (!json_parse(text, &list, &fault) || list.kind != JSON_ARRAY)
        return trb_error(err, TRB_INVALID, "BAD_PARAMS", "params: it is no JSON array of the values of $1, $2, …");
    uint32_t count = json_count(list);
    if (count > MOST_PARAMS)
        return trb_error(err, TRB_INVALID, "BAD_PARAMS", "params: at most %u values", MOST_PARAMS);
    w->params = arena_alloc(w->arena, count * sizeof *w->params + 1);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v);) {
        struct pg_param p = read_param(w->arena, v);
        if (p.at && (strlen(p.at) != p.len || p.len > MOST_BYTES))
            return trb_error(err, TRB_INVALID, "BAD_PARAMS", "params: a text with a NUL in it, or beyond 1 GB, cannot be sent");
        w->params[w->count++] = p;
    }
    return TRB_OK;
}

/* ------------------------------------------------------------------------------------------ answers */
static void add_row(struct text *t, const struct pg_answer *a, uint32_t row)
{
    text_addc(t, '[');
    for (uint32_t column = 0; column < pg_columns(a); column++) {
        text_adds(t, column ? "," : "");
        cell_add(t, pg_column_type(a, column), pg_cell(a, row, column));
    }
    text_addc(t, ']');
}

static struct text rows_text(const struct pg_answer *a)
{
    struct text t = {0};
    text_addc(&t, '[');
    for (uint32_t row = 0; row < pg_rows(a); row++) {
        text_adds(&t, row ? "," : "");
        add_row(&t, a, row);
    }
    text_addc(&t, ']');
    return t;
}

static void add_times(struct work *w, struct trb_pair *pairs, uint32_t *count)
{
    char begun[CLOCK_TEXT], ended[CLOCK_TEXT], took[CLOCK_TEXT];
    int64_t ns = (int64_t)(w->binding->host->now_ns() - w->begun_ns);
    clock_rfc3339_nano(w->begun_wall_ns, begun);
    clock_rfc3339_nano(w->begun_wall_ns + ns, ended);
    clock_duration_text(ns, took);
    pairs[(*count)++] = (struct trb_pair){NAME("start-time"), arena_name(w->arena, slice_of(begun))};
    pairs[(*count)++] = (struct trb_pair){NAME("end-time"), arena_name(w->arena, slice_of(ended))};
    pairs[(*count)++] = (struct trb_pair){NAME("duration"), arena_name(w->arena, slice_of(took))};
}

static void answer(struct work *w, const struct pg_answer *a)
{
    struct trb_pair pairs[SHOWN] = {{NAME("operation"), w->question->operation}, {NAME("sql"), w->sql}};
    uint32_t count = 2;
    struct text rows = {0};
    add_times(w, pairs, &count);
    if (w->is_query)
        rows = rows_text(a);
    else
        pairs[count++] = (struct trb_pair){NAME("rows-affected"),
                                           arena_printf(w->arena, "%llu", (unsigned long long)pg_affected(a))};
    struct trb_binding_answer done = {.size = sizeof done, .data = {rows.at, rows.len, NULL}, .metadata = {pairs, count, sizeof *pairs}};
    w->binding->host->done(w->call, &done, sizeof done);
    text_fini(&rows);
}

static void on_answered(struct pg_wish *wish, const struct pg_answer *a, const struct trb_error *err)
{
    struct work *w = wish->call;
    if (err)
        pg_fail(w->call, w->is_query ? "error executing query" : "error executing statement", err);
    else
        answer(w, a);
    work_free(w);
}

static void say(struct pg_wish *wish, struct pg_batch *b)
{
    struct work *w = wish->call;
    pg_say(b, &(struct pg_statement){.sql = (char *)(uintptr_t)w->sql.at, .flags = PG_AS_TEXT}, w->params, w->count);
}

/* -------------------------------------------------------------------------------------------- verbs */
static void run(struct binding *b, struct trb_call *call, const struct trb_binding_invoke *q, bool is_query)
{
    struct trb_name sql = trb_pair_get(&q->metadata, "sql"), params = trb_pair_get(&q->metadata, "params");
    struct trb_error err = {0};
    if (!sql.len || strlen(sql.at) != sql.len) {
        trb_fail(call, TRB_INVALID, "NO_SQL", "required metadata not set: sql");
        return;
    }
    struct work *w = mem_zero(sizeof *w);
    *w = (struct work){.binding = b, .call = call, .arena = arena_create(ARENA_BYTES), .question = q, .sql = sql,
                       .is_query = is_query, .begun_wall_ns = clock_wall_ns(), .begun_ns = b->host->now_ns()};
    if (read_params(w, slice_name(params), &err)) {
        work_free(w);
        call->host->fail(call, &err);
        return;
    }
    const struct pg_wish wish = {.say = say, .answered = on_answered, .self = b, .call = w};
    pg_ask(b->pg, &wish);
}

static void close_it(struct binding *b, struct trb_call *call)
{
    struct trb_binding_answer nothing = {.size = sizeof nothing};
    b->is_closed = true;
    b->pg = pg_close(b->pg);
    b->host->done(call, &nothing, sizeof nothing);
}

static void invoke(void *self, struct trb_call *call, const void *question)
{
    struct binding *b = self;
    const struct trb_binding_invoke *q = question;
    struct trb_slice operation = slice_name(q->operation);
    bool is_query = slice_is(operation, SLICE("query"));
    if (b->is_closed)
        trb_fail(call, TRB_PRECONDITION, "CLOSED", "the binding was closed by the operation close");
    else if (slice_is(operation, SLICE("close")))
        close_it(b, call);
    else if (is_query || slice_is(operation, SLICE("exec")))
        run(b, call, q, is_query);
    else
        trb_fail(call, TRB_INVALID, "UNKNOWN_OPERATION", "invalid operation type: %.*s. Expected exec, query, or close",
                 SLICE_ARG(slice_cut(operation, 100)));
}

static void on_connected(void *self, struct trb_call *call)
{
    trb_done(call);
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct binding *b = self;
    b->host = call->host;
    b->origin = call->origin;
    struct pg_setup pg = {.host = b->host, .origin = b->origin, .config = &b->config, .self = b, .place = &b->pg,
                          .then = on_connected, .flags = PG_IS_ALONE};
    pg_start(&pg, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct binding *b = self;
    b->pg = pg_stop(b->pg);
    pg_config_fini(&b->config);
    trb_done(call);
}

static const struct trb_bindings_ops ops = {.size = sizeof ops, .operations = "exec query close", .invoke = invoke};
static const char *const aliases[] = {"bindings.postgres", NULL};
/* One instance: what close ends is the whole binding. */
static const struct trb_component component = {
    .size = sizeof component, .block = "bindings", .type = "bindings.postgresql", .version = "v1", .aliases = aliases,
    .summary = "SQL in PostgreSQL.", .caps = TRB_BINDINGS_OUTPUT,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct binding, options), .ops = &ops, .start = start, .stop = stop};

TRB_PLUGIN_FLAGS(0, "postgresql", "0.1.0", "Apache-2.0", &component);
