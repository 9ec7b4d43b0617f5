/* options: one table from which validation and filling come. It never prints a sensitive value. */
#include <base/check.h>
#include <base/clock.h>
#include <base/codec.h>
#include <base/error.h>
#include <base/slice.h>
#include <plugin/options_table.h>
#include <stdlib.h>

struct filling {
    const struct trb_component *component;
    const struct options_input *input;
    char *self;
    struct arena *keep;
    struct text problems;
};

bool options_is_sensitive(const struct trb_component *c, struct trb_slice name)
{
    const struct trb_option *o = option_find(c, name);
    return o && o->sensitive;
}

static void TRB_PRINTF(3, 4) problem(struct filling *f, const char *place, const char *format, ...)
{
    va_list ap;
    if (f->problems.len)
        text_adds(&f->problems, "; ");
    if (place)
        text_addf(&f->problems, "%s: ", place);
    va_start(ap, format);
    text_vaddf(&f->problems, format, ap);
    va_end(ap);
}

static bool parse_bytes(struct trb_slice v, uint64_t *ret)
{
    int64_t n;
    if (v.len && (v.at[v.len - 1] == 'B' || v.at[v.len - 1] == 'b'))
        v.len--;
    if (!quantity_parse(v, &n) || n < 0)
        return false;
    *ret = (uint64_t)n;
    return true;
}

static bool parse_duration(const struct trb_option *o, struct trb_slice v, int64_t *ret)
{
    int64_t n;
    if (slice_to_i64(v, &n))
        return !__builtin_mul_overflow(n, o->bare_unit_ns ? o->bare_unit_ns : (int64_t)CLOCK_S, ret);
    return clock_parse_duration(v, ret);
}

static bool parse_choice(const struct trb_option *o, struct trb_slice v, uint32_t *ret)
{
    struct trb_slice rest = slice_of(o->choices);
    for (uint32_t i = 0; rest.at; i++)
        if (slice_is_nocase(slice_split(&rest, '|'), v))
            return *ret = i, true;
    return false;
}

static bool parse_number(struct trb_slice v, double *ret)
{
    char text[64], *end;
    if (!v.len || v.len >= sizeof text)
        return false;
    memcpy(text, v.at, v.len);
    text[v.len] = 0;
    *ret = strtod(text, &end);
    return !*end;
}

static bool parse_bool(struct trb_slice v, uint32_t *ret)
{
    static const struct trb_slice no[] = {{"0", 1}, {"f", 1}, {"false", 5}, {"n", 1}, {"no", 2}, {"off", 3}};
    if (slice_is_truthy(v))
        return *ret = 1, true;
    for (size_t i = 0; i < countof(no); i++)
        if (slice_is_nocase(v, no[i]))
            return *ret = 0, true;
    return false;
}

static bool in_range(const struct trb_option *o, int64_t n)
{
    return (!o->min || n >= o->min) && (!o->max || n <= o->max);
}

static const char *expects(const struct trb_option *o)
{
    switch (o->type) {
    case TRB_OPTION_BOOL: return "true or false";
    case TRB_OPTION_INT: return "a whole number";
    case TRB_OPTION_BYTES: return "a size such as 64KiB";
    case TRB_OPTION_DURATION: return "a duration such as 5s";
    case TRB_OPTION_NUMBER: return "a number";
    default: return o->choices;
    }
}

static bool put(struct filling *f, const struct trb_option *o, struct trb_slice v)
{
    void *member = f->self + o->offset;
    switch (o->type) {
    case TRB_OPTION_STRING: *(const char **)member = arena_name(f->keep, v).at; return true;
    case TRB_OPTION_BOOL: return parse_bool(slice_trim(v), member);
    case TRB_OPTION_INT: return slice_to_i64(slice_trim(v), member) && in_range(o, *(int64_t *)member);
    case TRB_OPTION_BYTES: return parse_bytes(slice_trim(v), member) && in_range(o, (int64_t)*(uint64_t *)member);
    case TRB_OPTION_DURATION: return parse_duration(o, slice_trim(v), member) && in_range(o, *(int64_t *)member);
    case TRB_OPTION_CHOICE: return parse_choice(o, slice_trim(v), member);
    case TRB_OPTION_NUMBER: return parse_number(slice_trim(v), member);
    default: return true;
    }
}

static void take(struct filling *f, const struct trb_option *o, const struct trb_pair *p, const char *place)
{
    struct trb_slice value = slice_name(p->value);
    if (!option_takes(o, value))
        return;
    if (put(f, o, value))
        return;
    if (o->sensitive)
        problem(f, place, "%s: expects %s (its value is secret and not shown)", o->name, expects(o));
    else
        problem(f, place, "%s: '%.*s' is not accepted, it expects %s", o->name, SLICE_ARG(value), expects(o));
    if ((o->min || o->max) && o->type == TRB_OPTION_INT)
        text_addf(&f->problems, " between %lld and %lld", (long long)o->min,
                  o->max ? (long long)o->max : (long long)INT64_MAX);
}

static bool was_given(const struct filling *f, const struct trb_option *o)
{
    for (uint32_t i = 0; i < f->input->properties.count; i++) {
        const struct trb_pair *p = trb_pair_at(&f->input->properties, i);
        if (option_is_named(o, slice_name(p->key)) && (p->value.len || !o->required))
            return true;
    }
    return false;
}

static void fill_rest(struct filling *f)
{
    for (size_t i = 0; i < f->component->option_count; i++) {
        const struct trb_option *o = option_at(f->component, i);
        if (o->type == TRB_OPTION_OPEN || was_given(f, o))
            continue;
        if (o->required)
            problem(f, f->input->place, "%s is required%s%s", o->name, o->doc ? ": " : "", o->doc ? o->doc : "");
        else if (o->fallback)
            put(f, o, slice_of(o->fallback));          /* known to be good */
    }
}

/* A table with a wrong default is the plugin author's mistake, and no reason to end the process. */
static trb_code fill_defaults(struct filling *f, struct trb_error *err)
{
    for (size_t i = 0; i < f->component->option_count; i++) {
        const struct trb_option *o = option_at(f->component, i);
        if (o->fallback && o->type != TRB_OPTION_OPEN && !put(f, o, slice_of(o->fallback)))
            return error_set(err, TRB_PRECONDITION, "BAD_MANIFEST", "%s: the default '%s' of its option %s is not accepted",
                             f->component->type, o->fallback, o->name);
    }
    return TRB_OK;
}

trb_code options_fill(const struct trb_component *c, const struct options_input *input, void *self,
                      struct arena *keep, void (*warn)(void *, const char *), void *arg,
                      struct trb_error *err)
{
    struct filling f = {.component = c, .input = input, .self = self, .keep = keep};
    trb_code code = fill_defaults(&f, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < input->properties.count; i++) {
        const struct trb_pair *p = trb_pair_at(&input->properties, i);
        const struct trb_option *o = option_find(c, slice_name(p->key));
        const char *place = input->places ? input->places[i] : NULL;
        if (o)
            take(&f, o, p, place);
        else if (warn && !names_have(input->others, slice_name(p->key)))
            warn(arg, arena_printf(keep, "%s%scomponent '%s': %s knows no option '%.*s'; it has no effect",
                                   place ? place : "", place ? ": " : "", input->component, c->type,
                                   SLICE_ARG(p->key)).at);
    }
    fill_rest(&f);
    if (f.problems.len)
        code = error_set(err, TRB_INVALID, "BAD_OPTION", "%s", f.problems.at);
    text_fini(&f.problems);
    return code;
}
