/* text: a growing text, and the three ways in which others want strings escaped. */
#include <base/buf.h>
#include <base/check.h>
#include <base/json_scan.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <base/utf8.h>
#include <stdio.h>
#include <string.h>

#define HANDED_OVER 4096                    /* from this size on a buffer takes the memory itself */

void text_fini(struct text *t)
{
    mem_free(t->at);
    *t = (struct text){0};
}

void text_clear(struct text *t)
{
    t->len = 0;
    if (t->at)
        t->at[0] = 0;
}

char *text_grow(struct text *t, size_t len)
{
    size_t room = t->room * 2 > t->len + len + 1 ? t->room * 2 : t->len + len + 1;
    t->room = room < 128 ? 128 : room;
    t->at = mem_grow(t->at, t->room);
    return t->at + t->len;
}

void text_add(struct text *t, struct trb_slice s)
{
    char *at = text_room(t, s.len);
    if (s.len)
        memcpy(at, s.at, s.len);
    at[s.len] = 0;
    t->len += s.len;
}

void text_adds(struct text *t, const char *s)
{
    text_add(t, slice_of(s));
}

void text_addc(struct text *t, char c)
{
    char *at = text_room(t, 1);
    at[0] = c;
    at[1] = 0;
    t->len++;
}

void text_vaddf(struct text *t, const char *format, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char *at = text_room(t, 64);
    int len = vsnprintf(at, t->room - t->len, format, ap);
    check(len >= 0);
    if ((size_t)len >= t->room - t->len)
        vsnprintf(text_room(t, (size_t)len), (size_t)len + 1, format, again);
    t->len += (size_t)len;
    va_end(again);
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    text_vaddf(t, format, ap);
    va_end(ap);
}

static void free_bytes(void *at)
{
    mem_free(at);
}

struct trb_buf *text_to_buf(struct text *t)
{
    struct trb_buf *b;
    if (t->len < HANDED_OVER) {
        b = buf_copy(text_slice(t));
        mem_free(t->at);
    } else {
        b = buf_wrap(text_slice(t), free_bytes, t->at);
    }
    *t = (struct text){0};
    return b;
}

/* ------------------------------------------------------------------------------------- escapes */
static void add_json_escape(struct text *t, unsigned char c)
{
    static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        text_addf(t, "\\%c", c);
    else if (c < sizeof shorts && shorts[c])
        text_addf(t, "\\%c", shorts[c]);
    else
        text_addf(t, "\\u%04x", c);
}

/* Returns the bytes it dealt with at s, which starts with a byte above 0x7f. */
static size_t add_json_rune(struct text *t, struct trb_slice s, bool html)
{
    uint32_t rune;
    size_t n = utf8_read(s, &rune);
    if (!n)
        text_adds(t, "\\ufffd");
    else if (html && (rune == 0x2028 || rune == 0x2029))
        text_addf(t, "\\u%04x", rune);
    else
        text_add(t, slice_cut(s, n));
    return n ? n : 1;
}

void text_add_json(struct text *t, struct trb_slice s, bool html)
{
    text_addc(t, '"');
    while (s.len) {
        size_t n = (size_t)((html ? scan_html_plain : scan_plain)(s.at, s.at + s.len) - s.at);
        text_add(t, slice_cut(s, n));
        s = slice_skip(s, n);
        if (!s.len)
            break;
        n = 1;
        if ((unsigned char)s.at[0] < 0x80)
            add_json_escape(t, (unsigned char)s.at[0]);
        else
            n = add_json_rune(t, s, html);
        s = slice_skip(s, n);
    }
    text_addc(t, '"');
}

void text_add_json_pairs(struct text *t, const struct trb_pairs *pairs)
{
    text_addc(t, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (i)
            text_addc(t, ',');
        text_add_json(t, slice_name(p->key), true);
        text_addc(t, ':');
        text_add_json(t, slice_name(p->value), true);
    }
    text_addc(t, '}');
}

static void add_quoted_ascii(struct text *t, unsigned char c)
{
    static const char shorts[] = {['\a'] = 'a', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
                                  ['\v'] = 'v', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\')
        text_addf(t, "\\%c", c);
    else if (c < sizeof shorts && shorts[c])
        text_addf(t, "\\%c", shorts[c]);
    else if (c < 0x20 || c == 0x7f)
        text_addf(t, "\\x%02x", c);
    else
        text_addc(t, (char)c);
}

static size_t add_quoted_rune(struct text *t, struct trb_slice s)
{
    uint32_t rune;
    size_t n = utf8_read(s, &rune);
    if (!n)
        text_addf(t, "\\x%02x", (unsigned char)s.at[0]);
    else if (utf8_is_print(rune))
        text_add(t, slice_cut(s, n));
    else
        text_addf(t, rune < 0x10000 ? "\\u%04x" : "\\U%08x", rune);
    return n ? n : 1;
}

void text_add_quoted(struct text *t, struct trb_slice s)
{
    text_addc(t, '"');
    while (s.len) {
        size_t n = 1;
        if ((unsigned char)s.at[0] < 0x80)
            add_quoted_ascii(t, (unsigned char)s.at[0]);
        else
            n = add_quoted_rune(t, s);
        s = slice_skip(s, n);
    }
    text_addc(t, '"');
}

void text_add_escaped(struct text *t, struct trb_slice s, const char *keep)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c && keep && strchr(keep, c));
        if (plain)
            text_addc(t, (char)c);
        else
            text_add(t, (struct trb_slice){(char[]){'%', digits[c >> 4], digits[c & 15]}, 3});
    }
}
