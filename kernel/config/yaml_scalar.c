/* yaml_scalar: null, truth, number or text, and how numbers are spelled again. */
#include <base/slice.h>
#include <config/yaml_scalar.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST_NUMBER 400u                    /* what is longer is text */

static const struct word {
    const char *text;
    uint32_t as;
    bool truth;
    double real;
} words[] = {
    {"", YAML_AS_NULL}, {"~", YAML_AS_NULL},
    {"null", YAML_AS_NULL}, {"Null", YAML_AS_NULL}, {"NULL", YAML_AS_NULL},
    {"y", YAML_AS_BOOL, true}, {"Y", YAML_AS_BOOL, true},
    {"yes", YAML_AS_BOOL, true}, {"Yes", YAML_AS_BOOL, true}, {"YES", YAML_AS_BOOL, true},
    {"true", YAML_AS_BOOL, true}, {"True", YAML_AS_BOOL, true}, {"TRUE", YAML_AS_BOOL, true},
    {"on", YAML_AS_BOOL, true}, {"On", YAML_AS_BOOL, true}, {"ON", YAML_AS_BOOL, true},
    {"n", YAML_AS_BOOL}, {"N", YAML_AS_BOOL}, {"no", YAML_AS_BOOL}, {"No", YAML_AS_BOOL}, {"NO", YAML_AS_BOOL},
    {"false", YAML_AS_BOOL}, {"False", YAML_AS_BOOL}, {"FALSE", YAML_AS_BOOL},
    {"off", YAML_AS_BOOL}, {"Off", YAML_AS_BOOL}, {"OFF", YAML_AS_BOOL},
    {".nan", YAML_AS_FLOAT, false, NAN}, {".NaN", YAML_AS_FLOAT, false, NAN},
    {".NAN", YAML_AS_FLOAT, false, NAN},
    {".inf", YAML_AS_FLOAT, false, INFINITY}, {".Inf", YAML_AS_FLOAT, false, INFINITY},
    {".INF", YAML_AS_FLOAT, false, INFINITY}, {"+.inf", YAML_AS_FLOAT, false, INFINITY},
    {"+.Inf", YAML_AS_FLOAT, false, INFINITY}, {"+.INF", YAML_AS_FLOAT, false, INFINITY},
    {"-.inf", YAML_AS_FLOAT, false, -INFINITY}, {"-.Inf", YAML_AS_FLOAT, false, -INFINITY},
    {"-.INF", YAML_AS_FLOAT, false, -INFINITY},
};

static const struct word *find_word(struct trb_slice text)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0] && text.len <= 5; i++)
        if (slice_is(text, slice_of(words[i].text)))
            return &words[i];
    return NULL;
}

static int base_of(const char **digits)
{
    if (**digits != '0' || !(*digits)[1])
        return 10;
    switch ((*digits)[1] | 0x20) {
    case 'x':
        *digits += 2;
        return 16;
    case 'o':
        *digits += 2;
        return 8;
    case 'b':
        *digits += 2;
        return 2;
    default:
        *digits += 1;
        return 8;
    }
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

static bool to_magnitude(const char *digits, uint64_t *ret_value)
{
    uint64_t value = 0, base = (uint64_t)base_of(&digits);
    if (!*digits)
        return false;
    for (; *digits; digits++) {
        uint64_t digit = (uint64_t)digit_of(*digits);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return true;
}

static bool look_for_int(const char *text, struct yaml_look *look)
{
    uint64_t value;
    bool signed_ = *text == '-' || *text == '+', negative = *text == '-';
    if (!to_magnitude(text + signed_, &value) || (negative && value > (uint64_t)INT64_MAX + 1))
        return false;
    if (value > INT64_MAX && !negative) {
        if (signed_)
            return false;
        *look = (struct yaml_look){.as = YAML_AS_UINT, .large = value};
        return true;
    }
    *look = (struct yaml_look){.as = YAML_AS_INT, .number = (int64_t)(negative ? 0 - value : value)};
    return true;
}

static const char *skip_digits(const char *at)
{
    while (*at >= '0' && *at <= '9')
        at++;
    return at;
}

/* [-+]? (.digits | digits [. [digits]]) [e [-+] digits]: no hex, no words, nothing behind it. */
static bool is_float_shaped(const char *at)
{
    at += *at == '-' || *at == '+';
    const char *whole = at;
    at = skip_digits(at);
    size_t digits = (size_t)(at - whole);
    if (*at == '.') {
        const char *fraction = ++at;
        at = skip_digits(at);
        digits += (size_t)(at - fraction);
    }
    if (!digits)
        return false;
    if ((*at | 0x20) == 'e') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        const char *exponent = at;
        at = skip_digits(at);
        if (at == exponent)
            return false;
    }
    return !*at;
}

static bool look_for_float(const char *text, struct yaml_look *look)
{
    if (!is_float_shaped(text))
        return false;
    double real = strtod(text, NULL);
    if (!isfinite(real))
        return false;
    *look = (struct yaml_look){.as = YAML_AS_FLOAT, .real = real};
    return true;
}

/* Underscores may stand between the digits of everything but what begins with its point. */
static struct yaml_look look_for_number(struct trb_slice text)
{
    struct yaml_look look = {.as = YAML_AS_TEXT};
    char plain[LONGEST_NUMBER + 1];
    size_t len = 0;
    if (text.len > LONGEST_NUMBER || memchr(text.at, '\0', text.len))
        return look;
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '_' || text.at[0] == '.')
            plain[len++] = text.at[i];
    plain[len] = '\0';
    if (text.at[0] == '.' || !look_for_int(plain, &look))
        look_for_float(plain, &look);
    return look;
}

struct yaml_look yaml_look_at(const struct yaml_node *scalar)
{
    struct yaml_look look = {.as = YAML_AS_TEXT};
    struct trb_slice text = slice_name(scalar->text);
    if (!scalar->is_plain)
        return look;
    const struct word *word = find_word(text);
    if (word)
        return (struct yaml_look){.as = word->as, .truth = word->truth, .real = word->real};
    return strchr("+-.0123456789", text.at[0]) && text.at[0] ? look_for_number(text) : look;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return !node || (node->kind == YAML_SCALAR && yaml_look_at(node).as == YAML_AS_NULL);
}

bool yaml_is_text(const struct yaml_node *node)
{
    return node && node->kind == YAML_SCALAR && yaml_look_at(node).as == YAML_AS_TEXT;
}

bool yaml_bool(const struct yaml_node *node, bool *ret_value)
{
    struct yaml_look look = {0};
    if (node && node->kind == YAML_SCALAR)
        look = yaml_look_at(node);
    if (look.as == YAML_AS_BOOL)
        *ret_value = look.truth;
    return look.as == YAML_AS_BOOL;
}

bool yaml_int(const struct yaml_node *node, int64_t *ret_value)
{
    struct yaml_look look = {0};
    if (node && node->kind == YAML_SCALAR)
        look = yaml_look_at(node);
    if (look.as == YAML_AS_FLOAT && fabs(look.real) < 9e15 && look.real == trunc(look.real)) {
        look.as = YAML_AS_INT;
        look.number = (int64_t)look.real;
    }
    if (look.as == YAML_AS_INT)
        *ret_value = look.number;
    return look.as == YAML_AS_INT;
}

bool yaml_number(const struct yaml_node *node, double *ret_value)
{
    struct yaml_look look = {0};
    if (node && node->kind == YAML_SCALAR)
        look = yaml_look_at(node);
    if (look.as < YAML_AS_INT || look.as > YAML_AS_FLOAT)
        return false;
    if (look.as == YAML_AS_INT)
        look.real = (double)look.number;
    else if (look.as == YAML_AS_UINT)
        look.real = (double)look.large;
    *ret_value = look.real;
    return true;
}
