/* json_walk: reading what json_parse has accepted, and writing it again. */
#include <base/check.h>
#include <base/json_scan.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/utf8.h>
#include <stdlib.h>

/* From an opening quote to behind the closing one. */
static const char *skip_string(const char *at, const char *end)
{
    for (at = scan_quote(at + 1, end); at < end && *at != '"'; at = scan_quote(at, end))
        at += 2;
    return at < end ? at + 1 : end;
}

static const char *skip_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while ((at = scan_bracket(at, end)) < end) {
        if (*at == '"') {
            at = skip_string(at, end);
            continue;
        }
        depth += (*at | 0x20) == '{' ? 1 : SIZE_MAX;
        at++;
        if (!depth)
            return at;
    }
    return end;
}

static const char *skip_value(const char *at, const char *end)
{
    if (*at == '"')
        return skip_string(at, end);
    if (*at == '{' || *at == '[')
        return skip_nested(at, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\n' &&
           *at != '\r' && *at != '\t')
        at++;
    return at;
}

struct json_cursor json_enter(struct json_value v)
{
    if (v.kind != JSON_ARRAY && v.kind != JSON_OBJECT)
        return (struct json_cursor){NULL, NULL};
    return (struct json_cursor){v.raw.at + 1, v.raw.at + v.raw.len - 1};
}

static bool is_at_value(struct json_cursor *c)
{
    c->at = scan_blanks(c->at, c->end);
    if (c->at < c->end && *c->at == ',')
        c->at = scan_blanks(c->at + 1, c->end);
    return c->at < c->end;
}

static void take_value(struct json_cursor *c, struct json_value *ret_value)
{
    const char *start = c->at;
    c->at = skip_value(start, c->end);
    *ret_value = (struct json_value){scan_kind(*start), {start, (size_t)(c->at - start)}};
}

bool json_next(struct json_cursor *c, struct json_value *ret_value)
{
    if (!is_at_value(c))
        return false;
    take_value(c, ret_value);
    return true;
}

bool json_member(struct json_cursor *c, struct trb_slice *ret_raw_key, struct json_value *ret_value)
{
    if (!is_at_value(c))
        return false;
    const char *start = c->at;
    c->at = skip_string(start, c->end);
    *ret_raw_key = (struct trb_slice){start, (size_t)(c->at - start)};
    c->at = scan_blanks(c->at, c->end);
    c->at = scan_blanks(c->at + 1, c->end);
    take_value(c, ret_value);
    return true;
}

const char *json_kind_name(struct json_value v)
{
    switch (v.kind) {
    case JSON_TRUE:
    case JSON_FALSE: return "bool";
    case JSON_NUMBER: return "number";
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    default: return "object";
    }
}

struct json_value json_only(struct json_value array)
{
    struct json_cursor c = json_enter(array);
    c.at = scan_blanks(c.at, c.end);
    struct trb_slice raw = slice_trim(slice_from(c.at, (size_t)(c.end - c.at)));
    return (struct json_value){scan_kind(*raw.at), raw};
}

uint32_t json_count(struct json_value v)
{
    struct json_cursor c = json_enter(v);
    struct json_value one;
    struct trb_slice key;
    uint32_t n = 0;
    while (v.kind == JSON_ARRAY ? json_next(&c, &one) : v.kind == JSON_OBJECT && json_member(&c, &key, &one))
        n++;
    return n;
}

/* ------------------------------------------------------------------------------------- strings */
static struct trb_slice inside(struct trb_slice raw)
{
    return raw.len >= 2 ? (struct trb_slice){raw.at + 1, raw.len - 2} : (struct trb_slice){NULL, 0};
}

static uint32_t read_hex(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)(at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
    return value;
}

/* "uXXXX" at s, perhaps with the second half of a pair behind it. Returns the bytes read. */
static size_t read_unicode(struct trb_slice s, uint32_t *ret_rune)
{
    uint32_t low, rune = read_hex(s.at + 1);
    *ret_rune = rune;
    if (rune < 0xd800 || rune >= 0xdc00 || s.len < 11 || s.at[5] != '\\' || s.at[6] != 'u')
        return 5;
    low = read_hex(s.at + 7);
    if (low < 0xdc00 || low >= 0xe000)
        return 5;
    *ret_rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
    return 11;
}

/* One piece without escapes, or one escape, written to ret (4 bytes at least for an escape). */
static size_t read_escape(struct trb_slice s, char *ret, size_t *ret_len)
{
    static const char plain[] = {['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    uint32_t rune;
    if (s.at[1] == 'u') {
        size_t n = read_unicode(slice_skip(s, 1), &rune);
        *ret_len = utf8_write(rune, ret);
        return n + 1;
    }
    uint8_t c = (uint8_t)s.at[1];
    ret[0] = c < sizeof plain && plain[c] ? plain[c] : (char)c;
    *ret_len = 1;
    return 2;
}

static size_t unescape(struct trb_slice from, char *ret)
{
    size_t len = 0, n;
    while (from.len) {
        const char *slash = memchr(from.at, '\\', from.len);
        size_t plain = slash ? (size_t)(slash - from.at) : from.len;
        memcpy(ret + len, from.at, plain);
        len += plain;
        from = slice_skip(from, plain);
        if (!from.len)
            break;
        from = slice_skip(from, read_escape(from, ret + len, &n));
        len += n;
    }
    return len;
}

struct trb_slice json_text(struct arena *a, struct json_value string)
{
    struct trb_slice text = inside(string.raw);
    if (string.kind != JSON_STRING || !text.len || !memchr(text.at, '\\', text.len))
        return string.kind == JSON_STRING ? text : (struct trb_slice){NULL, 0};
    char *at = arena_alloc(a, text.len);
    return (struct trb_slice){at, unescape(text, at)};
}

struct trb_name json_name(struct arena *a, struct json_value string)
{
    struct trb_slice text = inside(string.raw);
    if (string.kind != JSON_STRING)
        return (struct trb_name){NULL, 0};
    char *at = arena_alloc(a, text.len + 1);
    size_t len = text.len ? unescape(text, at) : 0;
    at[len] = 0;
    return (struct trb_name){at, len};
}

typedef bool same(struct trb_slice, struct trb_slice);

/* Compares without writing: the next characters of an escaped text, a few bytes at a time. */
static bool is_text(struct trb_slice raw_key, struct trb_slice plain, same *is_same)
{
    struct trb_slice from = inside(raw_key);
    if (!from.len || !memchr(from.at, '\\', from.len))
        return is_same(from, plain);
    while (from.len) {
        char bytes[4] = {from.at[0]};
        size_t len = 1, n = *from.at == '\\' ? read_escape(from, bytes, &len) : 1;
        if (plain.len < len || !is_same((struct trb_slice){bytes, len}, slice_cut(plain, len)))
            return false;
        from = slice_skip(from, n);
        plain = slice_skip(plain, len);
    }
    return !plain.len;
}

static bool is_equal(struct trb_slice a, struct trb_slice b)
{
    return slice_is(a, b);
}

bool json_key_is(struct trb_slice raw_key, struct trb_slice plain)
{
    return is_text(raw_key, plain, is_equal);
}

/* The last of a name wins; with any_case an exact one before others. */
static struct json_value find(struct json_value object, struct trb_slice key, bool any_case)
{
    struct json_value v, exact = {JSON_NONE, {NULL, 0}}, other = exact;
    struct trb_slice raw;
    if (object.kind != JSON_OBJECT)
        return exact;
    for (struct json_cursor c = json_enter(object); json_member(&c, &raw, &v);)
        if (is_text(raw, key, is_equal))
            exact = v;
        else if (any_case && is_text(raw, key, slice_is_nocase))
            other = v;
    return exact.kind != JSON_NONE ? exact : other;
}

struct json_value json_find(struct json_value object, struct trb_slice key)
{
    return find(object, key, false);
}

struct json_value json_find_nocase(struct json_value object, struct trb_slice key)
{
    return find(object, key, true);
}

/* Few names have escapes: those without are compared as they stand. */
static bool is_named(struct trb_slice raw, struct trb_slice key, bool has_escapes, same *is_same)
{
    return has_escapes ? is_text(raw, key, is_same) : is_same(inside(raw), key);
}

void json_find_each(struct json_value object, const struct trb_slice *keys, uint32_t count,
                    struct json_value *ret_values)
{
    struct json_value v;
    struct trb_slice raw;
    uint64_t exact = 0;
    check(count <= 64);
    for (uint32_t i = 0; i < count; i++)
        ret_values[i] = (struct json_value){JSON_NONE, {NULL, 0}};
    if (object.kind != JSON_OBJECT)
        return;
    for (struct json_cursor c = json_enter(object); json_member(&c, &raw, &v);) {
        bool has_escapes = memchr(raw.at, '\\', raw.len) != NULL;
        for (uint32_t i = 0; i < count; i++) {
            if (!has_escapes && keys[i].len + 2 != raw.len)
                continue;
            bool is_exact = is_named(raw, keys[i], has_escapes, is_equal);
            if (is_exact || (!(exact >> i & 1) && is_named(raw, keys[i], has_escapes, slice_is_nocase)))
                ret_values[i] = v;
            exact |= (uint64_t)is_exact << i;
        }
    }
}

/* ------------------------------------------------------------------------------------- writing */
bool json_is_compact(struct json_value v)
{
    const char *at = v.raw.at, *end = at + v.raw.len;
    while ((at = scan_quote_or_blank(at, end)) < end) {
        if (*at != '"')
            return false;
        at = skip_string(at, end);
    }
    return true;
}

void json_compact(struct json_value v, struct text *to)
{
    const char *at = v.raw.at, *end = at + v.raw.len;
    while (at < end) {
        const char *start = at;
        while (at < end && *at != ' ' && *at != '\n' && *at != '\r' && *at != '\t')
            at = *at == '"' ? skip_string(at, end) : at + 1;
        text_add(to, (struct trb_slice){start, (size_t)(at - start)});
        at = scan_blanks(at, end);
    }
}

struct member {
    struct trb_slice name;
    struct json_value value;
};

static int compare(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = len ? memcmp(a->name.at, b->name.at, len) : 0;
    if (order || a->name.len != b->name.len)
        return order ? order : a->name.len < b->name.len ? -1 : 1;
    return a->value.raw.at < b->value.raw.at ? -1 : 1;       /* the later of two stays last */
}

static struct member *list_members(struct arena *a, struct json_value object, size_t *ret_count)
{
    struct json_value v;
    struct trb_slice raw;
    size_t count = 0, room = 8;
    bool in_order = true;
    struct member *all = mem_alloc(room * sizeof *all);
    for (struct json_cursor c = json_enter(object); json_member(&c, &raw, &v); count++) {
        if (count == room)
            all = mem_grow(all, (room *= 2) * sizeof *all);
        all[count] = (struct member){json_text(a, (struct json_value){JSON_STRING, raw}), v};
        in_order = in_order && (!count || compare(&all[count - 1], &all[count]) < 0);
    }
    if (!in_order)
        qsort(all, count, sizeof *all, compare);
    *ret_count = count;
    return all;
}

static void write_value(struct arena *a, struct json_value v, struct text *to);

static void write_object(struct arena *a, struct json_value v, struct text *to)
{
    size_t count, written = 0;
    struct member *all = list_members(a, v, &count);
    text_addc(to, '{');
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && slice_is(all[i].name, all[i + 1].name))
            continue;
        if (written++)
            text_addc(to, ',');
        text_add_json(to, all[i].name, true);
        text_addc(to, ':');
        write_value(a, all[i].value, to);
    }
    text_addc(to, '}');
    mem_free(all);
}

static void write_array(struct arena *a, struct json_value v, struct text *to)
{
    struct json_value item;
    size_t written = 0;
    text_addc(to, '[');
    for (struct json_cursor c = json_enter(v); json_next(&c, &item);) {
        if (written++)
            text_addc(to, ',');
        write_value(a, item, to);
    }
    text_addc(to, ']');
}

/* As deep as the text, which json_parse has limited. */
static void write_value(struct arena *a, struct json_value v, struct text *to)
{
    if (v.kind == JSON_OBJECT)
        write_object(a, v, to);
    else if (v.kind == JSON_ARRAY)
        write_array(a, v, to);
    else if (v.kind == JSON_STRING)
        text_add_json(to, json_text(a, v), true);
    else
        text_add(to, v.raw);
}

void json_canonical(struct json_value v, struct text *to)
{
    struct arena *a = arena_create(SIZE_MAX);
    write_value(a, v, to);
    arena_destroy(a);
}
