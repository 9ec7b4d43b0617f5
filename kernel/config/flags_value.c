/* flags_value: one value of a flag, by its type. What is refused is said in the words that Go's
 * libraries use, because scripts know them. */
#include <base/clock.h>
#include <base/slice.h>
#include <config/flags_table.h>
#include <config/resource_kinds.h>
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

/* Of a digit in any base up to 16; what is none is worth too much. */
static uint64_t worth_of(char c)
{
    char lower = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return (uint64_t)(c - '0');
    return lower >= 'a' && lower <= 'f' ? (uint64_t)(lower - 'a' + 10) : 99;
}

/* An underscore may stand between digits, and behind the prefix. */
static bool are_digits(struct trb_slice s, int base)
{
    bool digit = base != 10;
    for (size_t i = 0; i < s.len; i++) {
        bool is_gap = s.at[i] == '_';
        if (is_gap ? !digit : worth_of(s.at[i]) >= (uint64_t)base)
            return false;
        digit = !is_gap;
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
        if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
            __builtin_add_overflow(sum, worth_of(s.at[i]), &sum) || sum > limit)
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
    const char *what = read_magnitude(digits, base, (uint64_t)INT64_MAX + negative, &magnitude);
    if (has_underscore)
        what = "invalid syntax";
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

static bool read_duration(struct flags *flags, struct trb_slice value, int64_t *ret_ns, struct text *why)
{
    bool good = clock_parse_duration(value, ret_ns);
    if (!good)
        text_add(why, slice_name(duration_fault(flags->arena, value)));
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
        return read_duration(flags, value, member, why);
    default:
        return flag_list_read(flags, member, value, why);
    }
}
