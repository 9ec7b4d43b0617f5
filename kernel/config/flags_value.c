/* flags_value: one value of a flag, by its type. What is refused is said in the words that Go's
 * libraries use, because scripts know them. */
#include <base/clock.h>
#include <base/slice.h>
#include <config/flags_table.h>
#include <stdio.h>
#include <string.h>

static bool refuse(struct text *why, const char *reader, struct trb_slice value, const char *what)
{
    text_addf(why, "strconv.%s: parsing ", reader);
    text_add_quoted(why, value);
    text_addf(why, ": %s", what);
    return false;
}

static bool read_bool(struct trb_slice value, bool *ret_value, struct text *why)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (int i = 0; i < 6; i++)
        if (slice_is(value, slice_of(yes[i])) || slice_is(value, slice_of(no[i]))) {
            *ret_value = slice_is(value, slice_of(yes[i]));
            return true;
        }
    return refuse(why, "ParseBool", value, "invalid syntax");
}

/* The base a literal names by its prefix, which is cut off. */
static int cut_base(struct trb_slice *digits)
{
    static const struct {
        const char *prefix;
        int base;
    } bases[] = {{"0x", 16}, {"0b", 2}, {"0o", 8}};
    for (int i = 0; i < 3; i++)
        if (slice_starts_nocase(*digits, slice_of(bases[i].prefix))) {
            *digits = slice_skip(*digits, 2);
            return bases[i].base;
        }
    return digits->len > 1 && digits->at[0] == '0' ? 8 : 10;
}

/* An underscore may stand between digits, and behind the prefix. */
static bool are_digits(struct trb_slice s, int base)
{
    bool digit = base != 10;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        int worth = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
        if (c == '_' ? !digit : worth >= base)
            return false;
        digit = c != '_';
    }
    return s.len && digit;
}

/* NULL: it went well. */
static const char *read_magnitude(struct trb_slice s, int base, uint64_t limit, uint64_t *ret_value)
{
    uint64_t sum = 0;
    if (!are_digits(s, base))
        return "invalid syntax";
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '_')
            continue;
        uint64_t worth = s.at[i] <= '9' ? (uint64_t)(s.at[i] - '0') : (uint64_t)((s.at[i] | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) || __builtin_add_overflow(sum, worth, &sum) ||
            sum > limit)
            return "value out of range";
    }
    *ret_value = sum;
    return NULL;
}

static bool read_signed(struct trb_slice value, bool decimal, const char *reader, int64_t *ret_value,
                        struct text *why)
{
    struct trb_slice digits = value;
    bool negative = value.len && value.at[0] == '-';
    if (negative || (value.len && value.at[0] == '+'))
        digits = slice_skip(digits, 1);
    int base = decimal ? 10 : cut_base(&digits);
    bool has_underscore = decimal && digits.len && memchr(digits.at, '_', digits.len);
    uint64_t magnitude = 0;
    const char *what = has_underscore ? "invalid syntax"
                                      : read_magnitude(digits, base, (uint64_t)INT64_MAX + negative, &magnitude);
    if (what)
        return refuse(why, reader, value, what);
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool flag_atoi(struct trb_slice text, int64_t *ret_value, struct text *why)
{
    return read_signed(text, true, "Atoi", ret_value, why);
}

static bool read_unsigned(struct trb_slice value, uint64_t *ret_value, struct text *why)
{
    struct trb_slice digits = value;
    const char *what = read_magnitude(digits, cut_base(&digits), UINT64_MAX, ret_value);
    return !what || refuse(why, "ParseUint", value, what);
}

static size_t span(struct trb_slice s, const char *of)
{
    size_t n = 0;
    while (n < s.len && s.at[n] && strchr(of, s.at[n]))
        n++;
    return n;
}

/* Behind the first number that has no unit, or one that is none. */
static bool refuse_duration(struct trb_slice value, struct text *why)
{
    struct trb_slice rest = slice_skip(value, span(value, "+-"));
    const char *what = "invalid";
    struct trb_slice unit = {0};
    while (rest.len && span(rest, "0123456789.")) {
        rest = slice_skip(rest, span(rest, "0123456789."));
        unit = rest;
        while (rest.len && !span(slice_cut(rest, 1), "0123456789."))
            rest = slice_skip(rest, 1);
        unit.len -= rest.len;
        int64_t unused;
        char probe[16];
        int len = snprintf(probe, sizeof probe, "1%.*s", (int)(unit.len < 8 ? unit.len : 8), unit.at);
        if (clock_parse_duration(slice_from(probe, (size_t)len), &unused))
            continue;
        what = unit.len ? "unknown unit" : "missing unit in";
        break;
    }
    text_addf(why, "time: %s ", what);
    if (what[0] == 'u') {
        text_add_quoted(why, unit);
        text_adds(why, " in ");
    }
    text_adds(why, "duration ");
    text_add_quoted(why, value);
    return false;
}

void flag_list_add(struct flags *flags, struct flag_list *list, struct trb_slice item)
{
    struct trb_name *at = arena_alloc(flags->arena, (list->count + 1) * sizeof *at);
    if (list->count)
        memcpy(at, list->at, list->count * sizeof *at);
    at[list->count++] = arena_name(flags->arena, item);
    list->at = at;
}

static bool refuse_item(struct text *why, size_t column, const char *what)
{
    text_addf(why, "parse error on line 1, column %zu: %s", column + 1, what);
    return false;
}

/* "…" with "" for a quote, up to a comma or the end. */
static bool read_quoted(struct trb_slice all, size_t *at, struct text *item, struct text *why)
{
    for (++*at; *at < all.len; ++*at) {
        bool is_quote = all.at[*at] == '"', is_double = is_quote && *at + 1 < all.len && all.at[*at + 1] == '"';
        if (is_quote && !is_double) {
            ++*at;
            return *at == all.len || all.at[*at] == ',' ||
                   refuse_item(why, *at - 1, "extraneous or missing \" in quoted-field");
        }
        text_addc(item, all.at[*at]);
        *at += is_double;
    }
    return refuse_item(why, *at, "extraneous or missing \" in quoted-field");
}

static bool read_plain(struct trb_slice all, size_t *at, struct text *item, struct text *why)
{
    for (; *at < all.len && all.at[*at] != ','; ++*at) {
        if (all.at[*at] == '"')
            return refuse_item(why, *at, "bare \" in non-quoted field");
        text_addc(item, all.at[*at]);
    }
    return true;
}

static bool read_list(struct flags *flags, struct flag_list *list, struct trb_slice value, struct text *why)
{
    bool good = true;
    struct text item = {0};
    for (size_t at = 0; good && value.len && at <= value.len; at++) {
        text_clear(&item);
        good = at < value.len && value.at[at] == '"' ? read_quoted(value, &at, &item, why)
                                                     : read_plain(value, &at, &item, why);
        if (good)
            flag_list_add(flags, list, text_slice(&item));
    }
    text_fini(&item);
    return good;
}

bool flag_read(struct flags *flags, const struct flag_row *row, struct trb_slice value, struct text *why)
{
    void *member = (char *)flags + row->member;
    bool truth;
    switch (row->type) {
    case FLAG_IS_TEXT:
        *(struct trb_name *)member = arena_name(flags->arena, value);
        return true;
    case FLAG_IS_BOOL:
        return read_bool(value, member, why);
    case FLAG_IS_TRISTATE:
        if (!read_bool(value, &truth, why))
            return false;
        *(int32_t *)member = truth;
        return true;
    case FLAG_IS_INT:
        return read_signed(value, false, "ParseInt", member, why);
    case FLAG_IS_UINT:
        return read_unsigned(value, member, why);
    case FLAG_IS_DURATION:
        return clock_parse_duration(value, member) || refuse_duration(value, why);
    default:
        return read_list(flags, member, value, why);
    }
}
