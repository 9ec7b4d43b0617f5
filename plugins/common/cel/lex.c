/* lex: the words of an expression. */
#include <base/slice.h>
#include <base/utf8.h>
#include <cel/node.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char look(const struct lexer *l, size_t ahead)
{
    return l->at + ahead < l->source.len ? l->source.at[l->at + ahead] : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_digit(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void fail(struct lexer *l, const char *why)
{
    l->token = T_BAD;
    l->bad = why;
}

static void skip_blanks(struct lexer *l)
{
    for (;;) {
        char c = look(l, 0);
        if (c == '/' && look(l, 1) == '/')
            while (l->at < l->source.len && l->source.at[l->at] != '\n')
                l->at++;
        else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f')
            l->at++;
        else
            return;
    }
}

/* ------------------------------------------------------------------------------------- numbers */
static void read_integer(struct lexer *l, const char *digits, int base)
{
    char *end;
    errno = 0;
    l->literal.u = strtoull(digits, &end, base);
    bool is_unsigned = look(l, 0) == 'u' || look(l, 0) == 'U';
    l->literal.kind = is_unsigned ? V_UINT : V_INT;
    if (is_unsigned)
        l->at++;
    /* The one beyond the largest is the smallest once it is negated. */
    if (errno || *end || (!is_unsigned && l->literal.u > (uint64_t)INT64_MAX + 1))
        fail(l, "invalid number");
}

static void read_number(struct lexer *l)
{
    bool is_hex = look(l, 0) == '0' && (look(l, 1) == 'x' || look(l, 1) == 'X'), is_real = false;
    l->token = T_LITERAL;
    if (is_hex)
        l->at += 2;
    while (is_hex ? hex_digit(look(l, 0)) >= 0 : is_digit(look(l, 0)))
        l->at++;
    if (!is_hex && look(l, 0) == '.' && is_digit(look(l, 1)))
        for (is_real = true, l->at++; is_digit(look(l, 0));)
            l->at++;
    size_t sign = look(l, 1) == '+' || look(l, 1) == '-';
    if (!is_hex && (look(l, 0) == 'e' || look(l, 0) == 'E') && is_digit(look(l, 1 + sign)))
        for (is_real = true, l->at += 1 + sign; is_digit(look(l, 0));)
            l->at++;
    const char *text = arena_name(l->keep, slice_from(l->source.at + l->start, l->at - l->start)).at;
    if (is_real)
        l->literal = (struct value){.kind = V_DOUBLE, .d = strtod(text, NULL)};
    else
        read_integer(l, text, is_hex ? 16 : 10);
    if (is_letter(look(l, 0)))
        fail(l, "invalid number");
}

/* --------------------------------------------------------------------------------------- texts */
static bool read_code(struct lexer *l, int digits, int base, uint32_t *ret)
{
    *ret = 0;
    for (int i = 0; i < digits; i++) {
        int d = hex_digit(look(l, 0));
        if (d < 0 || d >= base)
            return false;
        *ret = *ret * (uint32_t)base + (uint32_t)d;
        l->at++;
    }
    return true;
}

static size_t put_code(char *to, uint32_t code, bool is_bytes)
{
    if (!is_bytes)
        return utf8_write(code, to);
    *to = (char)code;
    return 1;
}

/* Behind the backslash. 0: no escape. */
static size_t read_escape(struct lexer *l, char *to, bool is_bytes)
{
    static const char from[] = "abfnrtv\\\"'`?", plain[] = "\a\b\f\n\r\t\v\\\"'`?";
    char c = look(l, 0);
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t code;
    if (simple) {
        l->at++;
        *to = plain[simple - from];
        return 1;
    }
    if (c >= '0' && c <= '3')
        return read_code(l, 3, 8, &code) ? put_code(to, code, is_bytes) : 0;
    l->at++;
    if (c == 'x' || c == 'X')
        return read_code(l, 2, 16, &code) ? put_code(to, code, is_bytes) : 0;
    if ((c == 'u' || c == 'U') && !is_bytes)
        return read_code(l, c == 'u' ? 4 : 8, 16, &code) && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
            ? utf8_write(code, to) : 0;
    return 0;
}

static void read_text(struct lexer *l, bool is_raw, bool is_bytes)
{
    char quote = look(l, 0), *to = arena_alloc(l->keep, l->source.len - l->at + 4);
    size_t len = 0, marks = look(l, 1) == quote && look(l, 2) == quote ? 3 : 1;
    l->token = T_LITERAL;
    for (l->at += marks; l->at < l->source.len;) {
        char c = l->source.at[l->at];
        if (c == quote && (marks == 1 || (look(l, 1) == quote && look(l, 2) == quote))) {
            l->at += marks;
            l->literal = (struct value){.kind = is_bytes ? V_BYTES : V_STRING, .s = {to, len}};
            return;
        }
        if (c == '\n' && marks == 1)
            break;
        l->at++;
        size_t n = 1;
        if (c == '\\' && !is_raw)
            n = read_escape(l, to + len, is_bytes);
        else
            to[len] = c;
        if (!n)
            return fail(l, "invalid escape");
        len += n;
    }
    fail(l, "text without its end");
}

static bool read_prefixed_text(struct lexer *l)
{
    bool is_raw = false, is_bytes = false;
    size_t n = 0;
    for (; n < 2 && look(l, n) && strchr("rRbB", look(l, n)); n++)
        *(look(l, n) == 'r' || look(l, n) == 'R' ? &is_raw : &is_bytes) = true;
    if (look(l, n) != '"' && look(l, n) != '\'')
        return false;
    l->at += n;
    read_text(l, is_raw, is_bytes);
    return true;
}

/* --------------------------------------------------------------------------------------- words */
static bool read_constant(struct lexer *l)
{
    l->literal = (struct value){.kind = V_BOOL, .b = slice_is(l->text, SLICE("true"))};
    if (slice_is(l->text, SLICE("null")))
        l->literal.kind = V_NULL;
    return l->literal.kind == V_NULL || l->literal.b || slice_is(l->text, SLICE("false"));
}

static void read_name(struct lexer *l)
{
    while (is_letter(look(l, 0)) || is_digit(look(l, 0)))
        l->at++;
    l->text = slice_from(l->source.at + l->start, l->at - l->start);
    l->token = read_constant(l) ? T_LITERAL : slice_is(l->text, SLICE("in")) ? T_SIGN : T_NAME;
}

/* A name in backticks may hold more than letters: `content-type`. */
static void read_quoted_name(struct lexer *l)
{
    size_t end = l->at + 1;
    while (end < l->source.len && (is_letter(l->source.at[end]) || is_digit(l->source.at[end]) ||
                                   strchr("-./ ", l->source.at[end])))
        end++;
    l->text = slice_from(l->source.at + l->at + 1, end - l->at - 1);
    l->token = T_NAME;
    if (end == l->source.len || l->source.at[end] != '`' || !l->text.len)
        return fail(l, "unexpected character");
    l->at = end + 1;
}

static void read_sign(struct lexer *l)
{
    static const char *const two[] = {"==", "!=", "<=", ">=", "&&", "||"};
    l->token = T_SIGN;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (look(l, 0) == two[i][0] && look(l, 1) == two[i][1]) {
            l->at += 2;
            l->text = slice_of(two[i]);
            return;
        }
    if (!strchr("<>+-*/%!?:.,()[]{}", look(l, 0)))
        fail(l, "unexpected character");
    l->text = slice_from(l->source.at + l->at++, 1);
}

void lexer_next(struct lexer *l)
{
    skip_blanks(l);
    l->start = l->at;
    char c = look(l, 0);
    l->text = SLICE("");
    if (l->at >= l->source.len)
        l->token = T_END;
    else if (is_digit(c) || (c == '.' && is_digit(look(l, 1))))
        read_number(l);
    else if (!read_prefixed_text(l)) {
        if (is_letter(c))
            read_name(l);
        else if (c == '`')
            read_quoted_name(l);
        else
            read_sign(l);
    }
    if (l->token == T_LITERAL || l->token == T_BAD)
        l->text = slice_from(l->source.at + l->start, l->at - l->start);
}
