/* unquote: the three kinds of Go literals, strictly: what is not one is left as it is. */
#include <base/slice.h>
#include <base/utf8.h>
#include <config/unquote.h>

static bool take_number(struct trb_slice *s, size_t digits, uint32_t base, uint32_t *ret_value)
{
    uint32_t value = 0;
    if (s->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        char c = s->at[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
                       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint32_t)((c | 0x20) - 'a' + 10) : 16;
        if (digit >= base)
            return false;
        value = value * base + digit;
    }
    *s = slice_skip(*s, digits);
    *ret_value = value;
    return true;
}

/* \x41 and \101 are bytes. */
static bool take_byte(struct trb_slice *s, size_t digits, uint32_t base, struct text *t)
{
    uint32_t value;
    if (!take_number(s, digits, base, &value) || value > 255)
        return false;
    text_addc(t, (char)value);
    return true;
}

static bool take_rune(struct trb_slice *s, size_t digits, struct text *t)
{
    uint32_t rune;
    char bytes[4];
    if (!take_number(s, digits, 16, &rune) || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
        return false;
    text_add(t, slice_from(bytes, utf8_write(rune, bytes)));
    return true;
}

/* What follows a backslash. */
static bool take_escape(struct trb_slice *s, char quote, struct text *t)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    if (!s->len)
        return false;
    char c = s->at[0];
    const char *known = c ? strchr(from, c) : NULL;
    if (c >= '0' && c <= '7')
        return take_byte(s, 3, 8, t);
    *s = slice_skip(*s, 1);
    if (c == 'x')
        return take_byte(s, 2, 16, t);
    if (c == 'u' || c == 'U')
        return take_rune(s, c == 'u' ? 4 : 8, t);
    if (!known && c != quote)
        return false;
    text_addc(t, known ? to[known - from] : c);
    return true;
}

/* One character, written out or escaped. */
static bool take_character(struct trb_slice *s, char quote, struct text *t)
{
    uint32_t rune;
    if (s->at[0] == quote || s->at[0] == '\n')
        return false;
    if (s->at[0] == '\\') {
        *s = slice_skip(*s, 1);
        return take_escape(s, quote, t);
    }
    size_t len = utf8_read(*s, &rune);
    if (len)
        text_add(t, slice_cut(*s, len));
    else
        text_adds(t, "\xef\xbf\xbd");
    *s = slice_skip(*s, len ? len : 1);
    return true;
}

static bool read_raw(struct trb_slice inner, struct text *t)
{
    if (memchr(inner.at, '`', inner.len))
        return false;
    for (size_t i = 0; i < inner.len; i++)
        if (inner.at[i] != '\r')
            text_addc(t, inner.at[i]);
    return true;
}

static bool read_inner(struct trb_slice inner, char quote, struct text *t)
{
    uint32_t characters = 0;
    if (quote == '`')
        return read_raw(inner, t);
    for (; inner.len; characters++)
        if (!take_character(&inner, quote, t))
            return false;
    return quote == '"' || characters == 1;
}

bool unquote(struct trb_slice s, struct text *ret_text)
{
    if (s.len < 2 || s.at[0] != s.at[s.len - 1] || !memchr("\"'`", s.at[0], 3))
        return false;
    size_t before = ret_text->len;
    if (read_inner(slice_from(s.at + 1, s.len - 2), s.at[0], ret_text))
        return true;
    ret_text->len = before;
    if (ret_text->at)
        ret_text->at[before] = 0;
    return false;
}
