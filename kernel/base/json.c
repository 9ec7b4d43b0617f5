/* json: the check. One pass over the bytes, no recursion: a bit per level remembers what encloses.
 * Walking what has been accepted is json_walk.c. */
#include <base/json.h>
#include <base/json_scan.h>
#include <base/utf8.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    const char *start, *at, *end;
    uint32_t depth, outer;                  /* outer: elements or members of the outermost value */
    bool has_blanks;
    uint64_t objects[JSON_MAX_DEPTH / 64];  /* bit n: level n is an object, else an array */
    struct json_fault *fault;
};

static bool fail_at_end(struct check *c)
{
    c->fault->offset = (size_t)(c->end - c->start);
    c->fault->at_end = true;
    snprintf(c->fault->message, sizeof c->fault->message, "unexpected end of JSON input");
    return false;
}

/* The character as the reference's messages show it: a byte is a Latin-1 character. */
static void show(uint8_t byte, char ret_text[16])
{
    static const char shorts[] = {['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
                                  ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r'};
    if (byte == '\'' || byte == '\\')
        snprintf(ret_text, 16, "\\%c", byte);
    else if (byte < sizeof shorts && shorts[byte])
        snprintf(ret_text, 16, "\\%c", shorts[byte]);
    else if (byte < 0x80)
        snprintf(ret_text, 16, byte < 0x20 || byte == 0x7f ? "\\x%02x" : "%c", byte);
    else if (!utf8_is_print(byte))
        snprintf(ret_text, 16, "\\u%04x", byte);
    else
        ret_text[utf8_write(byte, ret_text)] = 0;
}

static bool fail(struct check *c, const char *context)
{
    char shown[16];
    if (c->at >= c->end)
        return fail_at_end(c);
    show((uint8_t)*c->at, shown);
    c->fault->offset = (size_t)(c->at - c->start);
    c->fault->at_end = false;
    snprintf(c->fault->message, sizeof c->fault->message, "invalid character '%s' %s", shown, context);
    return false;
}

static bool fail_plain(struct check *c, const char *message)
{
    c->fault->offset = (size_t)(c->at - c->start);
    c->fault->at_end = false;
    snprintf(c->fault->message, sizeof c->fault->message, "%s", message);
    return false;
}

static bool is_at(const struct check *c, char wanted)
{
    return c->at < c->end && *c->at == wanted;
}

static bool is_digit(const struct check *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static void skip_blanks(struct check *c)
{
    const char *start = c->at;
    c->at = scan_blanks(start, c->end);
    c->has_blanks |= c->at != start;
}

static inline void pass_blanks(struct check *c)
{
    if (c->at >= c->end || (uint8_t)*c->at <= ' ')
        skip_blanks(c);
}

/* ------------------------------------------------------------------------------------- scalars */
static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool check_escape(struct check *c)
{
    c->at++;
    if (c->at < c->end && *c->at && strchr("\"\\/bfnrt", *c->at)) {
        c->at++;
        return true;
    }
    if (!is_at(c, 'u'))
        return fail(c, "in string escape code");
    c->at++;
    for (int i = 0; i < 4; i++, c->at++)
        if (c->at >= c->end || !is_hex(*c->at))
            return fail(c, "in \\u hexadecimal character escape");
    return true;
}

static bool check_runes(struct check *c)
{
    uint32_t rune;
    while (c->at < c->end && (uint8_t)*c->at >= 0x80) {
        size_t n = utf8_read((struct trb_slice){c->at, (size_t)(c->end - c->at)}, &rune);
        if (!n)
            return fail_plain(c, "invalid UTF-8 in string literal");
        c->at += n;
    }
    return true;
}

static bool check_string(struct check *c)
{
    c->at++;
    for (;;) {
        c->at = scan_plain(c->at, c->end);
        if (c->at >= c->end)
            return fail_at_end(c);
        if (*c->at == '"') {
            c->at++;
            return true;
        }
        if (*c->at == '\\') {
            if (!check_escape(c))
                return false;
        } else if ((uint8_t)*c->at < 0x20) {
            return fail(c, "in string literal");
        } else if (!check_runes(c)) {
            return false;
        }
    }
}

static bool check_digits(struct check *c, const char *context)
{
    if (!is_digit(c))
        return fail(c, context);
    while (is_digit(c))
        c->at++;
    return true;
}

static bool check_number(struct check *c)
{
    if (is_at(c, '-'))
        c->at++;
    if (is_at(c, '0'))
        c->at++;
    else if (!check_digits(c, "in numeric literal"))
        return false;
    if (is_at(c, '.')) {
        c->at++;
        if (!check_digits(c, "after decimal point in numeric literal"))
            return false;
    }
    if (is_at(c, 'e') || is_at(c, 'E')) {
        c->at++;
        if (is_at(c, '+') || is_at(c, '-'))
            c->at++;
        return check_digits(c, "in exponent of numeric literal");
    }
    return true;
}

static bool check_word(struct check *c, const char *word)
{
    for (const char *w = word; *w; w++, c->at++) {
        char context[48];
        if (is_at(c, *w))
            continue;
        snprintf(context, sizeof context, "in literal %s (expecting '%c')", word, *w);
        return fail(c, context);
    }
    return true;
}

static bool check_scalar(struct check *c)
{
    if (c->at >= c->end)
        return fail_at_end(c);
    switch (*c->at) {
    case '"': return check_string(c);
    case 't': return check_word(c, "true");
    case 'f': return check_word(c, "false");
    case 'n': return check_word(c, "null");
    case '-': return check_number(c);
    default: return is_digit(c) ? check_number(c) : fail(c, "looking for beginning of value");
    }
}

/* ----------------------------------------------------------------------------------- structure */
static bool enter(struct check *c, bool object)
{
    if (c->depth == JSON_MAX_DEPTH)
        return fail_plain(c, "exceeded max depth");
    uint64_t bit = 1ull << (c->depth % 64), *word = &c->objects[c->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    c->depth++;
    c->at++;
    pass_blanks(c);
    return true;
}

static bool is_in_object(const struct check *c)
{
    return c->objects[(c->depth - 1) / 64] >> ((c->depth - 1) % 64) & 1;
}

static bool check_key(struct check *c)
{
    pass_blanks(c);
    if (!is_at(c, '"'))
        return fail(c, "looking for beginning of object key string");
    if (!check_string(c))
        return false;
    pass_blanks(c);
    if (!is_at(c, ':'))
        return fail(c, "after object key");
    c->at++;
    return true;
}

/* Opens objects and arrays until a scalar, or an empty one, has been passed. */
static bool check_down(struct check *c)
{
    for (;;) {
        pass_blanks(c);
        bool object = is_at(c, '{');
        if (!object && !is_at(c, '['))
            return check_scalar(c);
        if (!enter(c, object))
            return false;
        if (is_at(c, object ? '}' : ']'))
            return true;                    /* check_up closes it */
        c->outer += c->depth == 1;
        if (object && !check_key(c))
            return false;
    }
}

/* Closes what ends here. Yields true with *ret_more when another value follows. */
static bool check_up(struct check *c, bool *ret_more)
{
    *ret_more = false;
    while (c->depth) {
        bool object = is_in_object(c);
        pass_blanks(c);
        if (is_at(c, ',')) {
            c->at++;
            c->outer += c->depth == 1;
            *ret_more = true;
            return !object || check_key(c);
        }
        if (!is_at(c, object ? '}' : ']'))
            return fail(c, object ? "after object key:value pair" : "after array element");
        c->at++;
        c->depth--;
    }
    return true;
}

static bool check_all(struct check *c)
{
    bool more = true;
    while (more)
        if (!check_down(c) || !check_up(c, &more))
            return false;
    return true;
}

bool json_parse_shape(struct trb_slice text, struct json_value *ret_value, struct json_shape *ret_shape,
                      struct json_fault *fault)
{
    struct json_fault unseen;
    const char *start = text.at ? text.at : "", *end = start + text.len, *first = scan_blanks(start, end);
    struct check c = {.start = start, .at = first, .end = end, .fault = fault ? fault : &unseen};
    if (!check_all(&c))
        return false;
    struct trb_slice raw = {first, (size_t)(c.at - first)};
    c.at = scan_blanks(c.at, c.end);
    if (c.at < c.end)
        return fail(&c, "after top-level value");
    *ret_value = (struct json_value){scan_kind(*first), raw};
    *ret_shape = (struct json_shape){c.outer, !c.has_blanks};
    return true;
}

bool json_parse(struct trb_slice text, struct json_value *ret_value, struct json_fault *fault)
{
    struct json_shape shape;
    return json_parse_shape(text, ret_value, &shape, fault);
}
