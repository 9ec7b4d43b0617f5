/* xml: a cursor over the text. */
#include <aws/xml.h>
#include <base/slice.h>
#include <string.h>

void xml_begin(struct xml *x, struct trb_slice text)
{
    *x = (struct xml){.rest = text};
}

static uint32_t broken(struct xml *x, struct xml_token *t)
{
    x->is_broken = true;
    x->rest.len = 0;
    return t->kind = XML_END;
}

/* Skips to behind `end`; false: it never comes. */
static bool skip_past(struct xml *x, const char *end)
{
    size_t len = strlen(end);
    const char *at = memmem(x->rest.at, x->rest.len, end, len);
    if (!at)
        return false;
    x->rest = slice_skip(x->rest, (size_t)(at - x->rest.at) + len);
    return true;
}

static struct trb_slice local_name(struct trb_slice name)
{
    const char *colon = name.len ? memchr(name.at, ':', name.len) : NULL;
    return colon ? slice_skip(name, (size_t)(colon - name.at) + 1) : name;
}

static bool is_name_byte(char c)
{
    return c != '<' && c != '>' && c != '/' && c != '&' && c != '"' && c != '\'' && c != '=' && (unsigned char)c > ' ';
}

static struct trb_slice take_name(struct xml *x)
{
    size_t len = 0;
    while (len < x->rest.len && is_name_byte(x->rest.at[len]))
        len++;
    struct trb_slice name = slice_cut(x->rest, len);
    x->rest = slice_skip(x->rest, len);
    return name;
}

/* Attributes up to '>', quotes respected. ret_is_empty: "/>". */
static bool skip_attributes(struct xml *x, bool *ret_is_empty)
{
    char quote = 0;
    *ret_is_empty = false;
    for (size_t n = 0; n < x->rest.len; n++) {
        char c = x->rest.at[n];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            return false;
        } else if (c == '>') {
            *ret_is_empty = n && x->rest.at[n - 1] == '/';
            x->rest = slice_skip(x->rest, n + 1);
            return true;
        }
    }
    return false;
}

static uint32_t take_open(struct xml *x, struct xml_token *t)
{
    x->rest = slice_skip(x->rest, 1);
    struct trb_slice name = take_name(x);
    if (!name.len || x->depth == XML_DEEPEST || !skip_attributes(x, &x->has_close))
        return broken(x, t);
    x->open[x->depth++] = name;
    t->raw = local_name(name);
    return t->kind = XML_OPEN;
}

static uint32_t close_last(struct xml *x, struct xml_token *t)
{
    t->raw = local_name(x->open[--x->depth]);
    return t->kind = XML_CLOSE;
}

static uint32_t take_close(struct xml *x, struct xml_token *t)
{
    x->rest = slice_skip(x->rest, 2);
    struct trb_slice name = take_name(x);
    bool is_empty;
    if (!x->depth || !slice_is(name, x->open[x->depth - 1]) || !skip_attributes(x, &is_empty))
        return broken(x, t);
    return close_last(x, t);
}

uint32_t xml_next(struct xml *x, struct xml_token *t)
{
    *t = (struct xml_token){0};
    if (x->has_close) {
        x->has_close = false;
        return close_last(x, t);
    }
    while (x->rest.len) {
        if (x->rest.at[0] != '<') {
            const char *end = memchr(x->rest.at, '<', x->rest.len);
            struct trb_slice text = slice_cut(x->rest, end ? (size_t)(end - x->rest.at) : x->rest.len);
            x->rest = slice_skip(x->rest, text.len);
            if (!slice_trim(text).len)
                continue;
            if (!x->depth)
                return broken(x, t);
            t->raw = text;
            return t->kind = XML_TEXT;
        }
        if (slice_starts(x->rest, SLICE("</")))
            return take_close(x, t);
        if (slice_starts(x->rest, SLICE("<?")) ? !skip_past(x, "?>") : slice_starts(x->rest, SLICE("<!--")) ? !skip_past(x, "-->") : true) {
            if (slice_starts(x->rest, SLICE("<?")) || slice_starts(x->rest, SLICE("<!")))
                return broken(x, t);
            return take_open(x, t);
        }
    }
    return x->depth ? broken(x, t) : XML_END;
}

/* ------------------------------------------------------------------------------------------ texts */
static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80)
        return to[0] = (char)c, 1;
    if (c < 0x800)
        return to[0] = (char)(0xc0 | c >> 6), to[1] = (char)(0x80 | (c & 63)), 2;
    if (c < 0x10000)
        return to[0] = (char)(0xe0 | c >> 12), to[1] = (char)(0x80 | (c >> 6 & 63)), to[2] = (char)(0x80 | (c & 63)), 3;
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 63));
    to[2] = (char)(0x80 | (c >> 6 & 63));
    to[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* &#65; or &#x41; : its code point, 0: none that may be. */
static uint32_t number_of(struct trb_slice digits)
{
    uint32_t base = digits.len && (digits.at[0] == 'x') ? 16 : 10, value = 0;
    digits = base == 16 ? slice_skip(digits, 1) : digits;
    for (size_t n = 0; n < digits.len; n++) {
        char c = digits.at[n];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 99;
        if (digit >= base || (value = value * base + digit) > 0x10ffff)
            return 0;
    }
    return value >= 0xd800 && value < 0xe000 ? 0 : value;
}

/* One entity, from behind its '&'; its length with the ';', 0: it is none and stays. */
static size_t entity(struct trb_slice at, char *to, size_t *ret_len)
{
    static const struct {
        const char *name;
        char is;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    const char *end = at.len ? memchr(at.at, ';', at.len < 12 ? at.len : 12) : NULL;
    struct trb_slice name = slice_cut(at, end ? (size_t)(end - at.at) : 0);
    uint32_t c = 0;
    for (size_t n = 0; n < sizeof known / sizeof *known; n++)
        c = slice_is(name, slice_of(known[n].name)) ? (uint32_t)known[n].is : c;
    if (!c && slice_starts(name, SLICE("#")))
        c = number_of(slice_skip(name, 1));
    if (!c)
        return 0;
    *ret_len = put_utf8(to, c);
    return name.len + 1;
}

struct trb_slice xml_text(struct arena *a, struct trb_slice raw)
{
    char *room = arena_alloc(a, raw.len + 1);
    size_t len = 0, got = 0, taken;
    for (size_t n = 0; n < raw.len; n++) {
        if (raw.at[n] == '&' && (taken = entity(slice_skip(raw, n + 1), room + len, &got))) {
            len += got;
            n += taken;
        } else {
            room[len++] = raw.at[n];
        }
    }
    room[len] = 0;
    return slice_from(room, len);
}

struct trb_slice xml_find(struct arena *a, struct trb_slice text, const char *name)
{
    struct xml x;
    struct xml_token t;
    bool is_here = false;
    xml_begin(&x, text);
    while (xml_next(&x, &t)) {
        if (t.kind == XML_TEXT && is_here)
            return xml_text(a, t.raw);
        if (t.kind == XML_CLOSE && is_here)
            return SLICE("");
        is_here = t.kind == XML_OPEN && slice_is(t.raw, slice_of(name));
    }
    return (struct trb_slice){NULL, 0};
}
