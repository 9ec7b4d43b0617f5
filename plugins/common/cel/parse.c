/* parse: from words to nodes, and the check that every name and function is known. */
#include <base/slice.h>
#include <cel/node.h>
#include <stdio.h>

#define MAX_DEPTH 100u
#define MAX_NODES 4096u

struct binding {
    const struct binding *outer;
    struct trb_slice name;
};

struct parser {
    struct lexer *lexer;
    const char *const *names;
    const struct binding *bound;
    uint32_t depth, nodes;
    bool failed;
    char *fault;
    size_t size;
};

static struct node *expression(struct parser *);

/* -------------------------------------------------------------------------------------- faults */
static void place(const struct lexer *l, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < offset; i++)
        if (l->source.at[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else {
            ++*ret_column;
        }
}

static TRB_PRINTF(3, 4) struct node *fail_at(struct parser *p, size_t offset, const char *format, ...)
{
    struct node *nothing = arena_zero(p->lexer->keep, sizeof *nothing);
    unsigned line, column;
    if (p->failed)
        return nothing;
    p->failed = true;
    place(p->lexer, offset, &line, &column);
    int n = snprintf(p->fault, p->size, "ERROR: <input>:%u:%u: ", line, column);
    va_list ap;
    va_start(ap, format);
    vsnprintf(p->fault + n, p->size - (size_t)n, format, ap);
    va_end(ap);
    return nothing;
}

static struct node *unexpected(struct parser *p)
{
    struct lexer *l = p->lexer;
    if (l->token == T_BAD)
        return fail_at(p, l->start, "Syntax error: %s: '%.*s'", l->bad, l->text.len > 40 ? 40 : (int)l->text.len, l->text.at);
    return l->token == T_END ? fail_at(p, l->start, "Syntax error: unexpected end of the expression")
                             : fail_at(p, l->start, "Syntax error: unexpected '%.*s'",
                                       l->text.len > 40 ? 40 : (int)l->text.len, l->text.at);
}

/* --------------------------------------------------------------------------------------- words */
static struct node *make(struct parser *p, enum op op, struct node *a, struct node *b)
{
    if (++p->nodes > MAX_NODES)
        return fail_at(p, p->lexer->start, "the expression is too large");
    struct node *n = arena_zero(p->lexer->keep, sizeof *n);
    n->op = op;
    n->a = a;
    n->b = b;
    return n;
}

static bool is_sign(const struct parser *p, const char *sign)
{
    return !p->failed && p->lexer->token == T_SIGN && slice_is(p->lexer->text, slice_of(sign));
}

static bool take(struct parser *p, const char *sign)
{
    if (!is_sign(p, sign))
        return false;
    lexer_next(p->lexer);
    return true;
}

static void expect(struct parser *p, const char *sign)
{
    if (!take(p, sign))
        unexpected(p);
}

static struct trb_slice take_name(struct parser *p)
{
    struct trb_slice name = p->lexer->text;
    if (p->lexer->token != T_NAME)
        unexpected(p);
    else
        lexer_next(p->lexer);
    return name;
}

/* Up to the closing sign; a map's entries are two items each. */
static void take_items(struct parser *p, struct node *n, const char *close, bool is_map)
{
    uint32_t room = 0;
    while (!p->failed && !is_sign(p, close)) {
        if (n->count + 2 > room) {
            struct node **more = arena_alloc(p->lexer->keep, (room = room * 2 + 4) * sizeof *more);
            if (n->count)
                memcpy(more, n->items, n->count * sizeof *more);
            n->items = more;
        }
        n->items[n->count++] = expression(p);
        if (is_map) {
            expect(p, ":");
            n->items[n->count++] = expression(p);
        }
        if (!take(p, ","))
            break;
    }
    expect(p, close);
}

/* -------------------------------------------------------------------------------------- macros */
static bool is_bound(const struct parser *p, struct trb_slice name)
{
    for (const struct binding *b = p->bound; b; b = b->outer)
        if (slice_is(b->name, name))
            return true;
    for (const char *const *n = p->names; *n; n++)
        if (slice_is(slice_of(*n), name))
            return true;
    return false;
}

static bool macro_of(struct trb_slice name, enum op *ret)
{
    static const struct {
        const char *name;
        enum op op;
    } all[] = {{"all", N_ALL}, {"exists", N_EXISTS}, {"exists_one", N_EXISTS_ONE}, {"filter", N_FILTER},
               {"map", N_TRANSFORM}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (slice_is(name, slice_of(all[i].name))) {
            *ret = all[i].op;
            return true;
        }
    return false;
}

/* range.all(x, condition); map also as range.map(x, condition, result). */
static struct node *macro(struct parser *p, enum op op, struct node *range)
{
    struct node *n = make(p, op, range, NULL);
    struct binding bound = {.outer = p->bound, .name = take_name(p)};
    n->name = bound.name;
    expect(p, ",");
    p->bound = &bound;
    n->b = expression(p);
    if (op == N_TRANSFORM) {
        n->c = n->b;
        n->b = NULL;
        if (take(p, ",")) {
            n->b = n->c;
            n->c = expression(p);
        }
    }
    p->bound = bound.outer;
    expect(p, ")");
    return n;
}

static struct node *has(struct parser *p, size_t start)
{
    struct node *n = expression(p);
    expect(p, ")");
    if (p->failed)
        return n;
    if (n->op != N_SELECT)
        return fail_at(p, start, "invalid argument to has() macro");
    n->op = N_HAS;
    return n;
}

static struct node *call(struct parser *p, struct node *target, struct trb_slice name, size_t start)
{
    struct node *n = make(p, N_CALL, target, NULL);
    n->name = name;
    take_items(p, n, ")", false);
    if (!p->failed && !function_is_known(name, n->count, target != NULL))
        return fail_at(p, start, "undeclared reference to '%.*s' (in container '')", SLICE_ARG(name));
    return n;
}

/* ----------------------------------------------------------------------------------- primaries */
static struct node *name_or_call(struct parser *p)
{
    size_t start = p->lexer->start;
    struct trb_slice name = take_name(p);
    if (take(p, "("))
        return slice_is(name, SLICE("has")) ? has(p, start) : call(p, NULL, name, start);
    if (!p->failed && !is_bound(p, name))
        return fail_at(p, start, "undeclared reference to '%.*s' (in container '')", SLICE_ARG(name));
    struct node *n = make(p, N_NAME, NULL, NULL);
    n->name = name;
    return n;
}

static struct node *literal(struct parser *p)
{
    struct node *n = make(p, N_LITERAL, NULL, NULL);
    if (p->failed)
        return n;
    n->literal = p->lexer->literal;
    lexer_next(p->lexer);
    return n;
}

static struct node *primary(struct parser *p)
{
    if (p->failed)
        return unexpected(p);
    if (p->lexer->token == T_LITERAL)
        return literal(p);
    if (p->lexer->token == T_NAME)
        return name_or_call(p);
    if (take(p, "(")) {
        struct node *n = expression(p);
        expect(p, ")");
        return n;
    }
    bool is_map = is_sign(p, "{");
    if (!is_map && !is_sign(p, "["))
        return unexpected(p);
    lexer_next(p->lexer);
    struct node *n = make(p, is_map ? N_MAP : N_LIST, NULL, NULL);
    take_items(p, n, is_map ? "}" : "]", is_map);
    return n;
}

static struct node *selection(struct parser *p, struct node *of)
{
    size_t start = p->lexer->start;
    struct trb_slice name = take_name(p);
    enum op op;
    if (take(p, "("))
        return macro_of(name, &op) ? macro(p, op, of) : call(p, of, name, start);
    struct node *n = make(p, N_SELECT, of, NULL);
    n->name = name;
    return n;
}

static struct node *member(struct parser *p)
{
    struct node *n = primary(p);
    while (!p->failed) {
        if (take(p, ".")) {
            n = selection(p, n);
        } else if (take(p, "[")) {
            n = make(p, N_INDEX, n, expression(p));
            expect(p, "]");
        } else {
            return n;
        }
    }
    return n;
}

/* ----------------------------------------------------------------------------------- operators */
static struct node *too_deep(struct parser *p)
{
    return fail_at(p, p->lexer->start, "the expression is nested too deep");
}

/* The smallest integer has a sign before a number that is no integer by itself. */
static struct node *fold(struct parser *p, struct node *n)
{
    if (p->failed || n->op != N_LITERAL || (n->literal.kind != V_INT && n->literal.kind != V_DOUBLE))
        return make(p, N_NEGATE, n, NULL);
    if (n->literal.kind == V_DOUBLE)
        n->literal.d = -n->literal.d;
    else
        n->literal.u = -n->literal.u;
    return n;
}

static struct node *unary(struct parser *p)
{
    struct node *n;
    if (++p->depth > MAX_DEPTH)
        return too_deep(p);
    if (take(p, "!")) {
        n = make(p, N_NOT, unary(p), NULL);
    } else if (take(p, "-")) {
        bool is_number = p->lexer->token == T_LITERAL;
        n = is_number ? fold(p, member(p)) : make(p, N_NEGATE, unary(p), NULL);
    } else {
        size_t start = p->lexer->start;
        bool is_limit = p->lexer->token == T_LITERAL && p->lexer->literal.kind == V_INT && p->lexer->literal.i < 0;
        n = is_limit ? fail_at(p, start, "Syntax error: invalid int literal") : member(p);
    }
    p->depth--;
    return n;
}

struct level {
    const char *signs[8];
    enum op ops[8];
};

static const struct level levels[] = {
    {{"||"}, {N_OR}},
    {{"&&"}, {N_AND}},
    {{"==", "!=", "<=", ">=", "<", ">", "in"}, {N_EQ, N_NE, N_LE, N_GE, N_LT, N_GT, N_IN}},
    {{"+", "-"}, {N_ADD, N_SUB}},
    {{"*", "/", "%"}, {N_MUL, N_DIV, N_MOD}},
};

static struct node *binary(struct parser *p, uint32_t at)
{
    if (at == sizeof levels / sizeof *levels)
        return unary(p);
    struct node *n = binary(p, at + 1);
    for (uint32_t i = 0; levels[at].signs[i];) {
        if (!take(p, levels[at].signs[i])) {
            i++;
            continue;
        }
        n = make(p, levels[at].ops[i], n, binary(p, at + 1));
        i = 0;
    }
    return n;
}

static struct node *expression(struct parser *p)
{
    if (++p->depth > MAX_DEPTH)
        return too_deep(p);
    struct node *n = binary(p, 0);
    if (take(p, "?")) {
        n = make(p, N_COND, n, binary(p, 0));
        expect(p, ":");
        n->c = expression(p);
    }
    p->depth--;
    return n;
}

struct node *parse(struct lexer *l, const char *const *names, char *ret_fault, size_t size)
{
    struct parser p = {.lexer = l, .names = names, .fault = ret_fault, .size = size};
    lexer_next(l);
    struct node *root = expression(&p);
    if (!p.failed && l->token != T_END)
        unexpected(&p);
    return p.failed ? NULL : root;
}
