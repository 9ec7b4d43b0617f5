/* resiliency_codes: reading and matching lists of codes. */
#include <base/slice.h>
#include <config/resiliency_codes.h>

struct reading {
    struct arena *arena;
    struct trb_slice pattern;
    uint32_t low, high;
    struct trb_name fault;
};

bool code_ranges_match(const struct code_ranges *ranges, uint32_t code)
{
    for (uint32_t i = 0; i < ranges->count; i++)
        if (code >= ranges->at[i].first && code <= ranges->at[i].last)
            return true;
    return !ranges->count;
}

static bool is_number(struct trb_slice s)
{
    if (s.len && (s.at[0] == '-' || s.at[0] == '+'))
        s = slice_skip(s, 1);
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > 0;
}

static bool refuse_number(struct reading *r, const char *which, struct trb_slice text)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, text);
    r->fault = arena_printf(
        r->arena, "failed to parse %s code %.*s from pattern %.*s to int, strconv.Atoi: parsing %s: %s", which,
        SLICE_ARG(text), SLICE_ARG(r->pattern), quoted.at,
        is_number(text) ? "value out of range" : "invalid syntax");
    text_fini(&quoted);
    return false;
}

static bool read_code(struct reading *r, const char *which, struct trb_slice text, uint32_t *ret_code)
{
    int64_t code;
    if (!is_number(text) || !slice_to_i64(text, &code))
        return refuse_number(r, which, text);
    if (code < r->low || code > r->high) {
        r->fault = arena_printf(r->arena, "invalid pattern %.*s, %s code %lld is not valid",
                                SLICE_ARG(r->pattern), which, (long long)code);
        return false;
    }
    *ret_code = (uint32_t)code;
    return true;
}

static bool refuse_pattern(struct reading *r, const char *why)
{
    r->fault = arena_printf(r->arena, "invalid pattern %.*s, %s", SLICE_ARG(r->pattern), why);
    return false;
}

static bool read_range(struct reading *r, struct code_range *ret_range)
{
    struct trb_slice rest = r->pattern, first = slice_split(&rest, '-'), last = first;
    if (rest.at)
        last = slice_split(&rest, '-');
    if (rest.at)
        return refuse_pattern(r, "more than one '-' exists");
    if (!read_code(r, "start", first, &ret_range->first) || !read_code(r, "end", last, &ret_range->last))
        return false;
    return ret_range->first <= ret_range->last ||
           refuse_pattern(r, "start value should not bigger than end value");
}

static uint32_t count_items(struct trb_slice list)
{
    uint32_t count = 1;
    for (size_t i = 0; i < list.len; i++)
        count += list.at[i] == ',';
    return count;
}

struct trb_name code_ranges_parse(struct arena *arena, struct trb_slice list, uint32_t low, uint32_t high,
                                  struct code_ranges *ret_ranges)
{
    struct reading r = {.arena = arena, .low = low, .high = high};
    struct code_ranges ranges = {arena_zero(arena, count_items(list) * sizeof(struct code_range)), 0};
    while (list.at) {
        r.pattern = slice_split(&list, ',');
        if (r.pattern.len && !read_range(&r, &ranges.at[ranges.count]))
            return r.fault;
        ranges.count += r.pattern.len > 0;
    }
    *ret_ranges = ranges;
    return (struct trb_name){0};
}
