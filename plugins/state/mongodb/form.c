/* form: walks a checked JSON text into BSON, and BSON into JSON. */
#include "form.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <math.h>
#include <stdlib.h>

/* ---------------------------------------------------------------------------------------- numbers */
/* "d.ddde-XX" of as few digits as read back the same. */
static int shortest(double d, char *room, size_t size)
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(room, size, "%.*e", digits, d);
        if (strtod(room, NULL) == d)
            break;
    }
    char *e = strchr(room, 'e');
    *e = 0;
    return atoi(e + 1);
}

static size_t plain(const char *digits, size_t count, int exponent, char *to)
{
    size_t n = 0;
    if (exponent < 0) {
        to[n++] = '0', to[n++] = '.';
        for (int zero = -1; zero > exponent; zero--)
            to[n++] = '0';
    }
    for (int at = 0; at < (int)count || at <= exponent; at++) {
        if (exponent >= 0 && at == exponent + 1)
            to[n++] = '.';
        to[n++] = at < (int)count ? digits[at] : '0';
    }
    to[n] = 0;
    return n;
}

size_t form_number(double d, char ret_text[FORM_NUMBER])
{
    char mantissa[24], digits[24];
    size_t count = 0, sign = signbit(d) ? 1 : 0;
    ret_text[0] = '-';
    if (d == 0 || !isfinite(d)) {
        strcpy(ret_text + sign, d == 0 ? "0" : "null");
        return strlen(ret_text);
    }
    int exponent = shortest(fabs(d), mantissa, sizeof mantissa);
    for (const char *at = mantissa; *at; at++)
        if (*at != '.')
            digits[count++] = *at;
    if (fabs(d) >= 1e-6 && exponent < 21)
        return sign + plain(digits, count, exponent, ret_text + sign);
    snprintf(ret_text + sign, FORM_NUMBER - sign, "%se%c%d", mantissa, exponent < 0 ? '-' : '+', abs(exponent));
    return strlen(ret_text);
}

/* ------------------------------------------------------------------------------------- JSON to BSON */
struct walk {
    struct arena *arena;
    bool needs_literal;
};

static bool append(struct walk *, bson_t *, struct trb_slice key, struct json_value, uint32_t depth);

static bool append_number(bson_t *to, struct trb_slice key, struct trb_slice raw)
{
    int64_t whole;
    char text[64];
    if (slice_to_i64(raw, &whole) && (whole || raw.at[0] != '-'))
        return whole >= -(1ll << 53) && whole <= 1ll << 53 ? bson_append_double(to, key.at, (int)key.len, (double)whole)
                                                           : bson_append_int64(to, key.at, (int)key.len, whole);
    if (raw.len >= sizeof text)
        raw.len = sizeof text - 1;      /* digits beyond these do not count; the exact text is kept beside */
    memcpy(text, raw.at, raw.len);
    text[raw.len] = 0;
    double d = strtod(text, NULL);
    return isfinite(d) && bson_append_double(to, key.at, (int)key.len, d);
}

static bool append_text(struct walk *w, bson_t *to, struct trb_slice key, struct json_value v)
{
    struct trb_slice text = json_text(w->arena, v);
    w->needs_literal |= text.len && text.at[0] == '$';
    return bson_append_utf8(to, key.at, (int)key.len, text.at ? text.at : "", (int)text.len);
}

static bool append_array(struct walk *w, bson_t *to, struct trb_slice key, struct json_value v, uint32_t depth)
{
    struct json_cursor c = json_enter(v);
    struct json_value one;
    bson_t inner;
    bool fits = bson_append_array_begin(to, key.at, (int)key.len, &inner);
    for (uint32_t n = 0; fits && json_next(&c, &one); n++) {
        char room[16];
        const char *index;
        size_t len = bson_uint32_to_string(n, &index, room, sizeof room);
        fits = append(w, &inner, slice_from(index, len), one, depth + 1);
    }
    return bson_append_array_end(to, &inner) && fits;
}

static int by_bytes(const void *a, const void *b)
{
    const struct trb_slice *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Of members of one name the last counts. */
static bool has_twins(struct walk *w, struct json_value object)
{
    uint32_t count = json_count(object), n = 0;
    struct trb_slice *keys = arena_alloc(w->arena, (count + 1) * sizeof *keys);
    struct json_value unused;
    for (struct json_cursor c = json_enter(object); json_member(&c, &keys[n], &unused);)
        n++;
    qsort(keys, n, sizeof *keys, by_bytes);
    for (uint32_t i = 1; i < n; i++)
        if (slice_is(keys[i - 1], keys[i]))
            return true;
    return false;
}

static bool append_member(struct walk *w, bson_t *to, struct json_value object, bool has_twin, struct trb_slice raw_key,
                          struct json_value v, uint32_t depth)
{
    struct trb_slice key = json_text(w->arena, (struct json_value){JSON_STRING, raw_key});
    if (has_twin && json_find(object, key).raw.at != v.raw.at)
        return true;
    w->needs_literal |= !key.len || key.at[0] == '$' || memchr(key.at, '.', key.len);
    return !memchr(key.at ? key.at : "", 0, key.len) &&
           append(w, to, key.len ? key : slice_from("", 0), v, depth);
}

static bool append_object(struct walk *w, bson_t *to, struct trb_slice key, struct json_value v, uint32_t depth)
{
    struct json_cursor c = json_enter(v);
    struct trb_slice raw_key;
    struct json_value one;
    bson_t inner;
    bool has_twin = has_twins(w, v), fits = bson_append_document_begin(to, key.at, (int)key.len, &inner);
    while (fits && json_member(&c, &raw_key, &one))
        fits = append_member(w, &inner, v, has_twin, raw_key, one, depth + 1);
    return bson_append_document_end(to, &inner) && fits;
}

static bool append(struct walk *w, bson_t *to, struct trb_slice key, struct json_value v, uint32_t depth)
{
    if (depth > FORM_MAX_DEPTH)
        return false;
    switch (v.kind) {
    case JSON_NULL:
        return bson_append_null(to, key.at, (int)key.len);
    case JSON_TRUE:
    case JSON_FALSE:
        return bson_append_bool(to, key.at, (int)key.len, v.kind == JSON_TRUE);
    case JSON_NUMBER:
        return append_number(to, key, v.raw);
    case JSON_STRING:
        return append_text(w, to, key, v);
    case JSON_ARRAY:
        return append_array(w, to, key, v, depth);
    default:
        return append_object(w, to, key, v, depth);
    }
}

static bool reads_back(const bson_t *doc, const char *key, struct trb_slice raw)
{
    struct text t = {0};
    bson_iter_t iter;
    if (bson_iter_init_find(&iter, doc, key))
        form_json(&iter, &t);
    bool is_same = slice_is(text_slice(&t), raw);
    text_fini(&t);
    return is_same;
}

bool form_append(bson_t *to, const char *key, struct json_value v, struct form *ret_form)
{
    struct walk w = {.arena = arena_create(SIZE_MAX)};
    bool fits = v.kind == JSON_STRING ? bson_append_utf8(to, key, -1, v.raw.at, (int)v.raw.len)
                                      : append(&w, to, slice_of(key), v, 0);
    arena_destroy(w.arena);
    if (fits)
        *ret_form = (struct form){.needs_literal = w.needs_literal,
                                  .is_exact = v.kind == JSON_STRING || reads_back(to, key, v.raw)};
    return fits;
}

/* ------------------------------------------------------------------------------------- BSON to JSON */
static void add_group(const bson_iter_t *iter, bool is_array, struct text *t)
{
    bson_iter_t inner;
    bool is_first = true;
    text_addc(t, is_array ? '[' : '{');
    if (bson_iter_recurse(iter, &inner))
        for (; bson_iter_next(&inner); is_first = false) {
            if (!is_first)
                text_addc(t, ',');
            if (!is_array) {
                text_add_json(t, slice_from(bson_iter_key(&inner), bson_iter_key_len(&inner)), false);
                text_addc(t, ':');
            }
            form_json(&inner, t);
        }
    text_addc(t, is_array ? ']' : '}');
}

static void add_string(const bson_iter_t *iter, struct text *t)
{
    uint32_t len;
    const char *at = bson_iter_utf8(iter, &len);
    text_add_json(t, slice_from(at, len), false);
}

static void add_date(const bson_iter_t *iter, struct text *t)
{
    char room[CLOCK_TEXT];
    int64_t ms = bson_iter_date_time(iter), ns;
    if (__builtin_mul_overflow(ms, (int64_t)CLOCK_MS, &ns)) {
        text_addf(t, "%lld", (long long)ms); /* beyond the calendar that RFC 3339 times are made of here */
        return;
    }
    clock_rfc3339_nano(ns, room);
    text_addf(t, "\"%s\"", room);
}

static void add_binary(const bson_iter_t *iter, struct text *t)
{
    bson_subtype_t subtype;
    uint32_t len;
    const uint8_t *bytes;
    bson_iter_binary(iter, &subtype, &len, &bytes);
    char *room = mem_alloc(base64_encoded_len(len, true) + 1);
    size_t size = base64_encode(slice_from((const char *)bytes, len), true, room);
    text_addf(t, "\"%.*s\"", (int)size, room);
    mem_free(room);
}

static void add_decimal(const bson_iter_t *iter, struct text *t)
{
    char room[BSON_DECIMAL128_STRING];
    bson_decimal128_t d;
    bson_iter_decimal128(iter, &d);
    bson_decimal128_to_string(&d, room);
    bool is_number = room[0] == '-' ? room[1] >= '0' && room[1] <= '9' : room[0] >= '0' && room[0] <= '9';
    text_adds(t, is_number ? room : "null");
}

void form_json(const bson_iter_t *iter, struct text *t)
{
    char room[FORM_NUMBER];
    switch (bson_iter_type(iter)) {
    case BSON_TYPE_DOUBLE:
        form_number(bson_iter_double(iter), room);
        text_adds(t, isfinite(bson_iter_double(iter)) ? room : "null");
        break;
    case BSON_TYPE_UTF8:
        add_string(iter, t);
        break;
    case BSON_TYPE_DOCUMENT:
    case BSON_TYPE_ARRAY:
        add_group(iter, bson_iter_type(iter) == BSON_TYPE_ARRAY, t);
        break;
    case BSON_TYPE_BINARY:
        add_binary(iter, t);
        break;
    case BSON_TYPE_OID:
        bson_oid_to_string(bson_iter_oid(iter), room);
        text_addf(t, "\"%s\"", room);
        break;
    case BSON_TYPE_BOOL:
        text_adds(t, bson_iter_bool(iter) ? "true" : "false");
        break;
    case BSON_TYPE_DATE_TIME:
        add_date(iter, t);
        break;
    case BSON_TYPE_INT32:
        text_addf(t, "%d", bson_iter_int32(iter));
        break;
    case BSON_TYPE_INT64:
        text_addf(t, "%lld", (long long)bson_iter_int64(iter));
        break;
    case BSON_TYPE_DECIMAL128:
        add_decimal(iter, t);
        break;
    default:                            /* what JSON has no word for */
        text_adds(t, "null");
    }
}

/* -------------------------------------------------------------------------------------------- LIKE */
static void add_quoted(struct text *t, char c)
{
    if (c && strchr("\\.+*?()|[]{}^$/-#", c))
        text_addc(t, '\\');
    text_add(t, c ? slice_from(&c, 1) : SLICE("\\x00"));
}

void form_like(struct trb_slice pattern, struct text *t)
{
    text_addc(t, '^');
    for (size_t n = 0; n < pattern.len; n++) {
        char c = pattern.at[n];
        if (c == '\\' && n + 1 < pattern.len)
            add_quoted(t, pattern.at[++n]);
        else if (c == '%')
            text_adds(t, ".*");
        else if (c == '_')
            text_addc(t, '.');
        else
            add_quoted(t, c);
    }
    text_adds(t, "\\z");
}
