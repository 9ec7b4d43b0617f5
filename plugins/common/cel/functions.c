/* functions: what may be called: size, texts, conversions. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/utf8.h>
#include <cel/node.h>
#include <cel/regex.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct value function(struct run *, const struct value *args);

static struct value overload(struct run *r)
{
    return error_value(r, "no such overload");
}

static struct value boolean(bool b)
{
    return (struct value){.kind = V_BOOL, .b = b};
}

/* A match anywhere in the text. */
static struct value matches(struct run *r, const struct value *a)
{
    char why[256];
    if (a[0].kind != V_STRING || a[1].kind != V_STRING)
        return overload(r);
    uint64_t cost = 16 + (a[0].s.len + a[1].s.len) / 64;
    if (r->steps < cost)
        return error_value(r, "the expression costs too much");
    r->steps -= cost;
    int found = regex_match(a[1].s, a[0].s, why, sizeof why);
    return found < 0 ? error_value(r, "%s", why) : boolean(found);
}

/* Characters, not bytes. */
static uint64_t characters(struct trb_slice s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.at[i] & 0xc0) != 0x80;
    return n;
}

static struct value size(struct run *r, const struct value *a)
{
    uint64_t n;
    if (is_list(*a) || is_map(*a))
        n = size_of(r, *a);
    else if (a->kind == V_STRING)
        n = characters(a->s);
    else if (a->kind == V_BYTES)
        n = a->s.len;
    else
        return overload(r);
    return (struct value){.kind = V_INT, .i = (int64_t)n};
}

static struct value contains(struct run *r, const struct value *a)
{
    return a[0].kind == V_STRING && a[1].kind == V_STRING ? boolean(slice_contains(a[0].s, a[1].s)) : overload(r);
}

static struct value starts_with(struct run *r, const struct value *a)
{
    return a[0].kind == V_STRING && a[1].kind == V_STRING ? boolean(slice_starts(a[0].s, a[1].s)) : overload(r);
}

static struct value ends_with(struct run *r, const struct value *a)
{
    return a[0].kind == V_STRING && a[1].kind == V_STRING ? boolean(slice_ends(a[0].s, a[1].s)) : overload(r);
}

/* --------------------------------------------------------------------------------- conversions */
static struct value range_error(struct run *r)
{
    return error_value(r, "range error");
}

static struct value to_int(struct run *r, const struct value *a)
{
    struct value v = {.kind = V_INT};
    switch (a->kind) {
    case V_INT: return *a;
    case V_UINT:
        v.i = (int64_t)a->u;
        return a->u <= INT64_MAX ? v : range_error(r);
    case V_DOUBLE:
        if (!(a->d > -9223372036854775808.0 && a->d < 9223372036854775808.0))
            return range_error(r);
        v.i = (int64_t)a->d;
        return v;
    case V_STRING: return slice_to_i64(a->s, &v.i) ? v : error_value(r, "invalid int: '%.*s'", SLICE_ARG(a->s));
    default: return overload(r);
    }
}

static struct value to_uint(struct run *r, const struct value *a)
{
    struct value v = {.kind = V_UINT};
    switch (a->kind) {
    case V_UINT: return *a;
    case V_INT:
        v.u = (uint64_t)a->i;
        return a->i >= 0 ? v : range_error(r);
    case V_DOUBLE:
        if (!(a->d >= 0 && a->d < 18446744073709551616.0))
            return range_error(r);
        v.u = (uint64_t)a->d;
        return v;
    case V_STRING: return slice_to_u64(a->s, &v.u) ? v : error_value(r, "invalid uint: '%.*s'", SLICE_ARG(a->s));
    default: return overload(r);
    }
}

static struct value to_double(struct run *r, const struct value *a)
{
    struct value v = {.kind = V_DOUBLE};
    char *end;
    switch (a->kind) {
    case V_DOUBLE: return *a;
    case V_INT: v.d = (double)a->i; return v;
    case V_UINT: v.d = (double)a->u; return v;
    case V_STRING:
        v.d = strtod(arena_name(r->room, a->s).at, &end);
        return a->s.len && !*end ? v : error_value(r, "invalid double: '%.*s'", SLICE_ARG(a->s));
    default: return overload(r);
    }
}

static struct value printed_double(struct run *r, double d)
{
    char text[40];
    int digits = 1;
    do
        snprintf(text, sizeof text, "%.*g", digits, d);
    while (strtod(text, NULL) != d && !isnan(d) && digits++ < 17);
    return (struct value){.kind = V_STRING, .s = slice_name(arena_name(r->room, slice_of(text)))};
}

static struct value to_string(struct run *r, const struct value *a)
{
    struct value v = {.kind = V_STRING};
    switch (a->kind) {
    case V_STRING: return *a;
    case V_BYTES:
        v.s = a->s;
        return slice_is_utf8(a->s) ? v : error_value(r, "invalid UTF-8");
    case V_BOOL: v.s = a->b ? SLICE("true") : SLICE("false"); return v;
    case V_INT: v.s = slice_name(arena_printf(r->room, "%lld", (long long)a->i)); return v;
    case V_UINT: v.s = slice_name(arena_printf(r->room, "%llu", (unsigned long long)a->u)); return v;
    case V_DOUBLE: return printed_double(r, a->d);
    default: return overload(r);
    }
}

static struct value to_bytes(struct run *r, const struct value *a)
{
    return a->kind == V_STRING || a->kind == V_BYTES ? (struct value){.kind = V_BYTES, .s = a->s} : overload(r);
}

static struct value to_bool(struct run *r, const struct value *a)
{
    static const char *const yes[] = {"1", "t", "true", "TRUE", "True"}, *const no[] = {"0", "f", "false", "FALSE", "False"};
    for (int i = 0; a->kind == V_STRING && i < 5; i++)
        if (slice_is(a->s, slice_of(yes[i])) || slice_is(a->s, slice_of(no[i])))
            return boolean(slice_is(a->s, slice_of(yes[i])));
    return a->kind == V_BOOL ? *a : overload(r);
}

static struct value dyn(struct run *r, const struct value *a)
{
    return *a;
}

static const struct {
    const char *name;
    uint32_t args; /* with the target of a method */
    bool is_method, is_global;
    function *run;
} functions[] = {
    {"size", 1, true, true, size},
    {"contains", 2, true, false, contains},
    {"startsWith", 2, true, false, starts_with},
    {"endsWith", 2, true, false, ends_with},
    {"matches", 2, true, true, matches},
    {"int", 1, false, true, to_int},
    {"uint", 1, false, true, to_uint},
    {"double", 1, false, true, to_double},
    {"string", 1, false, true, to_string},
    {"bytes", 1, false, true, to_bytes},
    {"bool", 1, false, true, to_bool},
    {"dyn", 1, false, true, dyn},
};

static function *find(struct trb_slice name, uint32_t args, bool is_method)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (functions[i].args == args && (is_method ? functions[i].is_method : functions[i].is_global) &&
            slice_is(name, slice_of(functions[i].name)))
            return functions[i].run;
    return NULL;
}

bool function_is_known(struct trb_slice name, uint32_t count, bool is_method)
{
    return find(name, count + is_method, is_method) != NULL;
}

struct value call_function(struct run *r, const struct node *n, const struct value *args, uint32_t count, bool is_method)
{
    return find(n->name, count, is_method)(r, args);
}
