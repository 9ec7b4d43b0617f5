/* value: equality, order and arithmetic. Numbers of different sorts compare by their value. */
#include <base/slice.h>
#include <cel/node.h>
#include <math.h>

static bool is_number(struct value v)
{
    return v.kind == V_INT || v.kind == V_UINT || v.kind == V_DOUBLE;
}

/* -------------------------------------------------------------------------------------- order */
static int order_of(bool less, bool more)
{
    return more - less;
}

static int order_int_uint(int64_t a, uint64_t b)
{
    return a < 0 ? -1 : order_of((uint64_t)a < b, (uint64_t)a > b);
}

/* As the language has it: the integer becomes a double, so close to its limits different numbers are equal. */
static int order_doubles(double a, double b)
{
    return order_of(a < b, a > b);
}

static int order_numbers(struct value a, struct value b)
{
    if (a.kind == b.kind)
        return a.kind == V_INT    ? order_of(a.i < b.i, a.i > b.i)
               : a.kind == V_UINT ? order_of(a.u < b.u, a.u > b.u)
                                  : order_of(a.d < b.d, a.d > b.d);
    if (a.kind > b.kind)
        return -order_numbers(b, a);
    return a.kind == V_UINT   ? order_doubles((double)a.u, b.d)
           : b.kind == V_UINT ? order_int_uint(a.i, b.u)
                              : order_doubles((double)a.i, b.d);
}

static bool is_nan(struct value v)
{
    return v.kind == V_DOUBLE && isnan(v.d);
}

static int order_texts(struct trb_slice a, struct trb_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.at, b.at, len) : 0;
    return order ? order : order_of(a.len < b.len, a.len > b.len);
}

bool compare(struct value a, struct value b, int *ret_order)
{
    if (is_number(a) && is_number(b)) {
        *ret_order = is_nan(a) || is_nan(b) ? 2 : order_numbers(a, b);
        return true;
    }
    if (a.kind != b.kind || (a.kind != V_STRING && a.kind != V_BYTES && a.kind != V_BOOL))
        return false;
    *ret_order = a.kind == V_BOOL ? order_of(a.b < b.b, a.b > b.b) : order_texts(a.s, b.s);
    return true;
}

/* ----------------------------------------------------------------------------------- equality */
static bool are_lists_equal(struct run *r, struct value a, struct value b)
{
    struct walk left = walk_begin(a), right = walk_begin(b);
    struct value one, two, unused;
    if (size_of(r, a) != size_of(r, b))
        return false;
    while (walk_next(r, &left, &one, &unused) && walk_next(r, &right, &two, &unused))
        if (!is_equal(r, one, two))
            return false;
    return true;
}

static bool are_maps_equal(struct run *r, struct value a, struct value b)
{
    struct walk left = walk_begin(a);
    struct value key, value, other;
    if (size_of(r, a) != size_of(r, b))
        return false;
    while (walk_next(r, &left, &key, &value))
        if (!map_find(r, b, key, &other) || !is_equal(r, value, other))
            return false;
    return true;
}

bool is_equal(struct run *r, struct value a, struct value b)
{
    int order;
    if (!r->steps || !--r->steps)
        return false;
    if (is_list(a) && is_list(b))
        return are_lists_equal(r, a, b);
    if (is_map(a) && is_map(b))
        return are_maps_equal(r, a, b);
    if (a.kind == V_NULL && b.kind == V_NULL)
        return true;
    return compare(a, b, &order) && order == 0;
}

/* ----------------------------------------------------------------------------------- arithmetic */
static struct value overload(struct run *r)
{
    return error_value(r, "no such overload");
}

static struct value integers(struct run *r, enum op op, int64_t a, int64_t b)
{
    struct value v = {.kind = V_INT};
    bool bad;
    if ((op == N_DIV || op == N_MOD) && !b)
        return error_value(r, op == N_DIV ? "division by zero" : "modulus by zero");
    switch (op) {
    case N_ADD: bad = __builtin_add_overflow(a, b, &v.i); break;
    case N_SUB: bad = __builtin_sub_overflow(a, b, &v.i); break;
    case N_MUL: bad = __builtin_mul_overflow(a, b, &v.i); break;
    default:
        bad = a == INT64_MIN && b == -1;
        v.i = bad ? 0 : op == N_DIV ? a / b : a % b;
    }
    return bad ? error_value(r, "integer overflow") : v;
}

static struct value naturals(struct run *r, enum op op, uint64_t a, uint64_t b)
{
    struct value v = {.kind = V_UINT};
    bool bad = false;
    if ((op == N_DIV || op == N_MOD) && !b)
        return error_value(r, op == N_DIV ? "division by zero" : "modulus by zero");
    switch (op) {
    case N_ADD: bad = __builtin_add_overflow(a, b, &v.u); break;
    case N_SUB: bad = __builtin_sub_overflow(a, b, &v.u); break;
    case N_MUL: bad = __builtin_mul_overflow(a, b, &v.u); break;
    default: v.u = op == N_DIV ? a / b : a % b;
    }
    return bad ? error_value(r, "unsigned integer overflow") : v;
}

static struct value reals(struct run *r, enum op op, double a, double b)
{
    if (op == N_MOD)
        return overload(r);
    return (struct value){.kind = V_DOUBLE, .d = op == N_ADD ? a + b : op == N_SUB ? a - b : op == N_MUL ? a * b : a / b};
}

static struct value joined(struct run *r, struct value a, struct value b)
{
    char *at = arena_alloc(r->room, a.s.len + b.s.len + 1);
    if (a.s.len)
        memcpy(at, a.s.at, a.s.len);
    if (b.s.len)
        memcpy(at + a.s.len, b.s.at, b.s.len);
    return (struct value){.kind = a.kind, .s = {at, a.s.len + b.s.len}};
}

static struct value concatenated(struct run *r, struct value a, struct value b)
{
    struct value *all = arena_alloc(r->room, (size_of(r, a) + size_of(r, b) + 1) * sizeof *all), unused;
    uint32_t n = 0;
    for (struct walk w = walk_begin(a); walk_next(r, &w, &all[n], &unused);)
        n++;
    for (struct walk w = walk_begin(b); walk_next(r, &w, &all[n], &unused);)
        n++;
    return (struct value){.kind = V_LIST, .count = n, .at = all};
}

struct value arithmetic(struct run *r, enum op op, struct value a, struct value b)
{
    if (op == N_ADD && is_list(a) && is_list(b))
        return concatenated(r, a, b);
    if (a.kind != b.kind)
        return overload(r);
    if (op == N_ADD && (a.kind == V_STRING || a.kind == V_BYTES))
        return joined(r, a, b);
    return a.kind == V_INT      ? integers(r, op, a.i, b.i)
           : a.kind == V_UINT   ? naturals(r, op, a.u, b.u)
           : a.kind == V_DOUBLE ? reals(r, op, a.d, b.d) : overload(r);
}

struct value negated(struct run *r, struct value v)
{
    if (v.kind == V_INT)
        return integers(r, N_SUB, 0, v.i);
    if (v.kind == V_DOUBLE)
        return (struct value){.kind = V_DOUBLE, .d = -v.d};
    return overload(r);
}
