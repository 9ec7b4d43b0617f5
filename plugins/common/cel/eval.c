/* eval: from nodes to values. An error is a value, so that || and && may do without it. */
#include <base/mem.h>
#include <base/slice.h>
#include <cel/node.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_STEPS 2000000u
#define MAX_ROOM (32u << 20)

struct value error_value(struct run *r, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    struct trb_name text = arena_vprintf(r->room, format, ap);
    va_end(ap);
    return (struct value){.kind = V_ERROR, .s = slice_name(text)};
}

static struct value boolean(bool b)
{
    return (struct value){.kind = V_BOOL, .b = b};
}

/* Numbers of JSON are doubles, as the field's decoders have them. */
struct value value_of_json(struct run *r, struct json_value v)
{
    switch (v.kind) {
    case JSON_NULL: return (struct value){.kind = V_NULL};
    case JSON_TRUE:
    case JSON_FALSE: return boolean(v.kind == JSON_TRUE);
    case JSON_NUMBER: return (struct value){.kind = V_DOUBLE, .d = strtod(arena_name(r->room, v.raw).at, NULL)};
    case JSON_STRING: return (struct value){.kind = V_STRING, .s = json_text(r->room, v)};
    case JSON_ARRAY: return (struct value){.kind = V_JSON_LIST, .json = v};
    case JSON_OBJECT: return (struct value){.kind = V_JSON_MAP, .json = v};
    default: return error_value(r, "no such attribute");
    }
}

/* ------------------------------------------------------------------------------- lists and maps */
bool is_list(struct value v)
{
    return v.kind == V_LIST || v.kind == V_JSON_LIST;
}

bool is_map(struct value v)
{
    return v.kind == V_MAP || v.kind == V_JSON_MAP;
}

struct walk walk_begin(struct value v)
{
    struct walk w = {.of = v};
    if (v.kind == V_JSON_LIST || v.kind == V_JSON_MAP)
        w.cursor = json_enter(v.json);
    return w;
}

static bool next_json(struct run *r, struct walk *w, struct value *ret_key, struct value *ret_value)
{
    struct json_value v;
    struct trb_slice raw;
    if (w->of.kind == V_JSON_LIST) {
        if (!json_next(&w->cursor, &v))
            return false;
        *ret_key = value_of_json(r, v);
        return true;
    }
    if (!json_member(&w->cursor, &raw, &v))
        return false;
    *ret_key = value_of_json(r, (struct json_value){JSON_STRING, raw});
    *ret_value = value_of_json(r, v);
    return true;
}

bool walk_next(struct run *r, struct walk *w, struct value *ret_key, struct value *ret_value)
{
    if (w->of.kind == V_JSON_LIST || w->of.kind == V_JSON_MAP)
        return next_json(r, w, ret_key, ret_value);
    if (w->at == w->of.count)
        return false;
    uint32_t i = w->at++;
    *ret_key = w->of.at[w->of.kind == V_MAP ? 2 * i : i];
    if (w->of.kind == V_MAP)
        *ret_value = w->of.at[2 * i + 1];
    return true;
}

uint64_t size_of(struct run *r, struct value v)
{
    struct json_value one;
    struct trb_slice raw;
    uint64_t n = 0;
    if (v.kind == V_LIST || v.kind == V_MAP)
        return v.count;
    struct json_cursor c = json_enter(v.json);
    while (v.kind == V_JSON_LIST ? json_next(&c, &one) : json_member(&c, &raw, &one))
        n++;
    return n;
}

bool map_find(struct run *r, struct value map, struct value key, struct value *ret_value)
{
    if (map.kind == V_JSON_MAP) {
        struct json_value v = key.kind == V_STRING ? json_find(map.json, key.s) : (struct json_value){0};
        if (v.kind != JSON_NONE)
            *ret_value = value_of_json(r, v);
        return v.kind != JSON_NONE;
    }
    for (uint32_t i = 0; i < map.count; i++)
        if (is_equal(r, map.at[2 * i], key)) {
            *ret_value = map.at[2 * i + 1];
            return true;
        }
    return false;
}

/* ------------------------------------------------------------------------------------ the nodes */
static struct value name_value(struct run *r, const struct node *n, const struct scope *s)
{
    for (; s; s = s->outer)
        if (slice_is(s->name, n->name))
            return s->value;
    for (uint32_t i = 0; i < r->count; i++)
        if (slice_is(r->variables[i].name, n->name))
            return value_of_json(r, r->variables[i].value);
    return error_value(r, "no such attribute: %.*s", SLICE_ARG(n->name));
}

static struct value text_value(struct trb_slice s)
{
    return (struct value){.kind = V_STRING, .s = s};
}

static struct value selected(struct run *r, const struct node *n, struct value of)
{
    struct value v;
    if (of.kind == V_ERROR)
        return of;
    if (!is_map(of))
        return error_value(r, "no such overload");
    return map_find(r, of, text_value(n->name), &v) ? v : error_value(r, "no such key: %.*s", SLICE_ARG(n->name));
}

static struct value has_member(struct run *r, const struct node *n, struct value of)
{
    struct value v;
    if (of.kind == V_ERROR)
        return of;
    return is_map(of) ? boolean(map_find(r, of, text_value(n->name), &v)) : error_value(r, "no such overload");
}

static bool whole_index(struct value v, uint64_t *ret)
{
    *ret = v.kind == V_DOUBLE && v.d >= 0 && v.d < 1e15 ? (uint64_t)v.d : v.u;
    return v.kind == V_UINT || (v.kind == V_INT && v.i >= 0) || (v.kind == V_DOUBLE && v.d >= 0 && v.d == (double)*ret);
}

static struct value list_item(struct run *r, struct value list, struct value at)
{
    struct value item = {0}, unused;
    uint64_t index;
    if (at.kind != V_INT && at.kind != V_UINT && at.kind != V_DOUBLE)
        return error_value(r, "no such overload");
    if (!whole_index(at, &index) || index >= size_of(r, list))
        return at.kind == V_INT ? error_value(r, "index out of bounds: %lld", (long long)at.i)
                                : error_value(r, "invalid_argument");
    struct walk w = walk_begin(list);
    do
        walk_next(r, &w, &item, &unused);
    while (index--);
    return item;
}

static struct value indexed(struct run *r, struct value of, struct value by)
{
    struct value v;
    if (of.kind == V_ERROR || by.kind == V_ERROR)
        return of.kind == V_ERROR ? of : by;
    if (is_list(of))
        return list_item(r, of, by);
    if (!is_map(of))
        return error_value(r, "no such overload");
    if (map_find(r, of, by, &v))
        return v;
    return by.kind == V_STRING ? error_value(r, "no such key: %.*s", SLICE_ARG(by.s)) : error_value(r, "no such key");
}

static struct value in(struct run *r, struct value a, struct value b)
{
    struct value one, unused;
    if (is_map(b))
        return boolean(map_find(r, b, a, &one));
    if (!is_list(b))
        return error_value(r, "no such overload");
    for (struct walk w = walk_begin(b); walk_next(r, &w, &one, &unused);)
        if (is_equal(r, a, one))
            return boolean(true);
    return boolean(false);
}

static struct value ordered(struct run *r, enum op op, struct value a, struct value b)
{
    int order;
    if (!compare(a, b, &order))
        return error_value(r, "no such overload");
    if (order == 2)
        return boolean(false);
    return boolean(op == N_LT ? order < 0 : op == N_LE ? order <= 0 : op == N_GT ? order > 0 : order >= 0);
}

static struct value two_sided(struct run *r, const struct node *n, struct value a, struct value b)
{
    if (a.kind == V_ERROR || b.kind == V_ERROR)
        return a.kind == V_ERROR ? a : b;
    switch (n->op) {
    case N_EQ: return boolean(is_equal(r, a, b));
    case N_NE: return boolean(!is_equal(r, a, b));
    case N_IN: return in(r, a, b);
    case N_LT:
    case N_LE:
    case N_GT:
    case N_GE: return ordered(r, n->op, a, b);
    default: return arithmetic(r, n->op, a, b);
    }
}

/* One side that decides is enough, even beside an error. */
static struct value either(struct run *r, const struct node *n, const struct scope *s)
{
    bool decides = n->op == N_OR;
    struct value a = evaluate(r, n->a, s);
    if (a.kind == V_BOOL && a.b == decides)
        return a;
    struct value b = evaluate(r, n->b, s);
    if (b.kind == V_BOOL && b.b == decides)
        return b;
    if (a.kind == V_ERROR || b.kind == V_ERROR)
        return a.kind == V_ERROR ? a : b;
    return a.kind == V_BOOL && b.kind == V_BOOL ? boolean(!decides) : error_value(r, "no such overload");
}

static struct value chosen(struct run *r, const struct node *n, const struct scope *s)
{
    struct value condition = evaluate(r, n->a, s);
    if (condition.kind == V_ERROR)
        return condition;
    return condition.kind == V_BOOL ? evaluate(r, condition.b ? n->b : n->c, s) : error_value(r, "no such overload");
}

/* Lists, maps and arguments: the values of all items; false: *ret_error. */
static bool values_of(struct run *r, const struct node *n, const struct scope *s, struct value *to, struct value *ret_error)
{
    for (uint32_t i = 0; i < n->count; i++) {
        to[i] = evaluate(r, n->items[i], s);
        if (to[i].kind == V_ERROR) {
            *ret_error = to[i];
            return false;
        }
    }
    return true;
}

static struct value made(struct run *r, const struct node *n, const struct scope *s)
{
    struct value *all = arena_zero(r->room, (n->count + 1) * sizeof *all), error;
    if (!values_of(r, n, s, all, &error))
        return error;
    return (struct value){.kind = n->op == N_MAP ? V_MAP : V_LIST, .count = n->op == N_MAP ? n->count / 2 : n->count,
                          .at = all};
}

static struct value called(struct run *r, const struct node *n, const struct scope *s)
{
    struct value *args = arena_zero(r->room, (n->count + 1) * sizeof *args), error;
    if (n->a) {
        args[0] = evaluate(r, n->a, s);
        if (args[0].kind == V_ERROR)
            return args[0];
    }
    return values_of(r, n, s, args + (n->a != NULL), &error)
        ? call_function(r, n, args, n->count + (n->a != NULL), n->a != NULL) : error;
}

/* --------------------------------------------------------------------------------------- macros */
/* all and exists: as a chain of && or ||, an error counts only where nothing decides. */
static struct value quantified(struct run *r, const struct node *n, const struct scope *s, struct value range)
{
    bool decides = n->op == N_EXISTS;
    struct value error = {0}, unused;
    struct scope inner = {.outer = s, .name = n->name};
    for (struct walk w = walk_begin(range); walk_next(r, &w, &inner.value, &unused);) {
        struct value v = evaluate(r, n->b, &inner);
        if (v.kind == V_BOOL && v.b == decides)
            return v;
        if (v.kind != V_BOOL)
            error = v.kind == V_ERROR ? v : error_value(r, "no such overload");
    }
    return error.kind == V_ERROR ? error : boolean(!decides);
}

static struct value exactly_one(struct run *r, const struct node *n, const struct scope *s, struct value range)
{
    uint32_t found = 0;
    struct value unused;
    struct scope inner = {.outer = s, .name = n->name};
    for (struct walk w = walk_begin(range); walk_next(r, &w, &inner.value, &unused);) {
        struct value v = evaluate(r, n->b, &inner);
        if (v.kind != V_BOOL)
            return v.kind == V_ERROR ? v : error_value(r, "no such overload");
        found += v.b;
    }
    return boolean(found == 1);
}

static struct value transformed(struct run *r, const struct node *n, const struct scope *s, struct value range)
{
    struct value *all = arena_alloc(r->room, (size_of(r, range) + 1) * sizeof *all), unused;
    struct scope inner = {.outer = s, .name = n->name};
    uint32_t count = 0;
    for (struct walk w = walk_begin(range); walk_next(r, &w, &inner.value, &unused);) {
        struct value keep = n->b ? evaluate(r, n->b, &inner) : boolean(true);
        if (keep.kind != V_BOOL)
            return keep.kind == V_ERROR ? keep : error_value(r, "no such overload");
        if (!keep.b)
            continue;
        all[count] = n->c ? evaluate(r, n->c, &inner) : inner.value;
        if (all[count].kind == V_ERROR)
            return all[count];
        count++;
    }
    return (struct value){.kind = V_LIST, .count = count, .at = all};
}

static struct value macro(struct run *r, const struct node *n, const struct scope *s)
{
    struct value range = evaluate(r, n->a, s);
    if (range.kind == V_ERROR)
        return range;
    if (!is_list(range) && !is_map(range))
        return error_value(r, "no such overload");
    if (n->op == N_EXISTS_ONE)
        return exactly_one(r, n, s, range);
    return n->op == N_ALL || n->op == N_EXISTS ? quantified(r, n, s, range) : transformed(r, n, s, range);
}

static struct value not(struct run *r, struct value v)
{
    return v.kind == V_BOOL ? boolean(!v.b) : v.kind == V_ERROR ? v : error_value(r, "no such overload");
}

struct value evaluate(struct run *r, const struct node *n, const struct scope *s)
{
    if (!r->steps || !--r->steps || arena_used(r->room) > MAX_ROOM)
        return (struct value){.kind = V_ERROR, .s = SLICE("operation cancelled: actual cost limit exceeded")};
    switch (n->op) {
    case N_LITERAL: return n->literal;
    case N_NAME: return name_value(r, n, s);
    case N_SELECT: return selected(r, n, evaluate(r, n->a, s));
    case N_HAS: return has_member(r, n, evaluate(r, n->a, s));
    case N_INDEX: return indexed(r, evaluate(r, n->a, s), evaluate(r, n->b, s));
    case N_CALL: return called(r, n, s);
    case N_LIST:
    case N_MAP: return made(r, n, s);
    case N_COND: return chosen(r, n, s);
    case N_OR:
    case N_AND: return either(r, n, s);
    case N_NOT: return not(r, evaluate(r, n->a, s));
    case N_NEGATE: {
        struct value v = evaluate(r, n->a, s);
        return v.kind == V_ERROR ? v : negated(r, v);
    }
    default: return n->op >= N_ALL ? macro(r, n, s) : two_sided(r, n, evaluate(r, n->a, s), evaluate(r, n->b, s));
    }
}

/* --------------------------------------------------------------------------------- the outside */
struct cel *cel_destroy(struct cel *c)
{
    if (c)
        arena_destroy(c->keep);
    return mem_free(c);
}

struct cel *cel_compile(struct trb_slice source, const char *const *names, char *ret_fault, size_t size)
{
    struct cel *c = mem_zero(sizeof *c);
    c->keep = arena_create(SIZE_MAX);
    struct lexer l = {.keep = c->keep, .source = slice_name(arena_name(c->keep, source))};
    c->root = parse(&l, names, ret_fault, size);
    return c->root ? c : cel_destroy(c);
}

int cel_test(const struct cel *c, const struct cel_variable *variables, uint32_t count, char *ret_fault, size_t size)
{
    struct run r = {.room = arena_create(SIZE_MAX), .variables = variables, .count = count, .steps = MAX_STEPS};
    struct value v = evaluate(&r, c->root, NULL);
    int verdict = v.kind == V_BOOL ? v.b : -1;
    if (v.kind == V_ERROR)
        snprintf(ret_fault, size, "%.*s", SLICE_ARG(v.s));
    else if (v.kind != V_BOOL)
        snprintf(ret_fault, size, "the expression gives no boolean");
    arena_destroy(r.room);
    return verdict;
}
