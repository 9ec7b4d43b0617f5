/* cell: numbers are numbers with all their digits, times are RFC 3339, bytes are base64, JSON is JSON. */
#include "cell.h"
#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

#define MOST_NESTED 16u

#define BOOL_TYPE 16u
#define BYTEA_TYPE 17u
#define JSON_TYPE 114u
#define JSONB_TYPE 3802u
#define DATE_TYPE 1082u
#define TIMESTAMP_TYPE 1114u
#define TIMESTAMPTZ_TYPE 1184u

static const struct {
    uint32_t array, element;
} arrays[] = {{1000, 16}, {1001, 17}, {1005, 21}, {1007, 23}, {1016, 20}, {1021, 700}, {1022, 701}, {1231, 1700}, {1009, 25},
              {1015, 1043}, {1014, 1042}, {2951, 2950}, {199, 114}, {3807, 3802}, {1182, 1082}, {1115, 1114}, {1185, 1184}};

static bool is_number_type(uint32_t type)
{
    static const uint32_t types[] = {20, 21, 23, 26, 700, 701, 1700};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type)
            return true;
    return false;
}

static bool is_json(struct trb_slice text, uint32_t kind)
{
    struct json_value v;
    struct json_fault fault;
    return json_parse(text, &v, &fault) && (!kind || v.kind == kind);
}

static void add_bytes(struct text *to, struct trb_slice hex)
{
    char *bytes = mem_alloc(hex.len / 2 + 1), *text = mem_alloc(base64_encoded_len(hex.len / 2, true) + 1);
    if (slice_starts(hex, SLICE("\\x")) && hex_decode(slice_skip(hex, 2), bytes)) {
        size_t len = base64_encode(slice_from(bytes, (hex.len - 2) / 2), true, text);
        text_add_json(to, slice_from(text, len), true);
    } else {
        text_add_json(to, hex, true);
    }
    mem_free(bytes);
    mem_free(text);
}

static bool is_digits(struct trb_slice s, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++)
        if (i >= s.len || s.at[i] < '0' || s.at[i] > '9')
            return false;
    return true;
}

/* "2026-11-22", with " 10:00:00.5" or " 10:00:00+02" behind it. Other forms (infinity, BC) are told as they are. */
static void add_time(struct text *to, uint32_t type, struct trb_slice s)
{
    bool is_day = is_digits(s, 0, 4) && is_digits(s, 5, 2) && is_digits(s, 8, 2) && s.at[4] == '-' && s.at[7] == '-';
    bool has_time = is_day && s.len >= 19 && s.at[10] == ' ' && is_digits(s, 11, 2) && is_digits(s, 14, 2) && is_digits(s, 17, 2);
    if (!is_day || (type == DATE_TYPE ? s.len != 10 : !has_time) || slice_ends(s, SLICE("BC"))) {
        text_add_json(to, s, true);
        return;
    }
    text_addf(to, "\"%.10sT", s.at);
    if (type == DATE_TYPE) {
        text_adds(to, "00:00:00Z\"");
        return;
    }
    struct trb_slice rest = slice_skip(s, 11);
    size_t clock = 0;
    while (clock < rest.len && rest.at[clock] != '+' && rest.at[clock] != '-')
        clock++;
    struct trb_slice zone = slice_skip(rest, clock);
    text_add(to, slice_cut(rest, clock));
    if (!zone.len || slice_is(zone, SLICE("+00")))
        text_adds(to, "Z\"");
    else
        text_addf(to, "%.*s%s\"", SLICE_ARG(zone), zone.len == 3 ? ":00" : "");
}

/* ------------------------------------------------------------------------------------------ arrays */
struct reader {
    struct trb_slice rest;
    uint32_t element;
    struct text *to;
    struct text word;
};

static bool take(struct reader *r, char c)
{
    if (!r->rest.len || *r->rest.at != c)
        return false;
    r->rest = slice_skip(r->rest, 1);
    return true;
}

/* A word, quoted or not; only an unquoted NULL is null. */
static bool add_word(struct reader *r)
{
    bool is_quoted = take(r, '"'), is_over = false;
    text_clear(&r->word);
    while (r->rest.len && !is_over) {
        char c = *r->rest.at;
        is_over = is_quoted ? c == '"' : c == ',' || c == '}';
        if (is_over)
            break;
        if (c == '\\' && r->rest.len > 1) {
            r->rest = slice_skip(r->rest, 1);
            c = *r->rest.at;
        }
        text_addc(&r->word, c);
        r->rest = slice_skip(r->rest, 1);
    }
    struct trb_slice word = text_slice(&r->word);
    if (is_quoted ? !take(r, '"') : !is_over)
        return false;
    cell_add(r->to, r->element, !is_quoted && slice_is(word, SLICE("NULL")) ? (struct trb_slice){0} : word);
    return true;
}

static bool add_list(struct reader *r, uint32_t depth)
{
    if (depth > MOST_NESTED || !take(r, '{'))
        return false;
    text_addc(r->to, '[');
    for (bool is_first = true; !take(r, '}'); is_first = false) {
        if (!is_first && !take(r, ','))
            return false;
        text_adds(r->to, is_first ? "" : ",");
        bool is_list = r->rest.len && *r->rest.at == '{';
        if (!(is_list ? add_list(r, depth + 1) : add_word(r)))
            return false;
    }
    text_addc(r->to, ']');
    return true;
}

static bool add_array(struct text *to, uint32_t type, struct trb_slice text)
{
    struct reader r = {.rest = text, .to = to};
    size_t had = to->len;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays && !r.element; i++)
        if (arrays[i].array == type)
            r.element = arrays[i].element;
    bool is_good = r.element && add_list(&r, 0) && !r.rest.len;
    text_fini(&r.word);
    if (!is_good && to->at) {
        to->len = had;
        to->at[had] = 0;
    }
    return is_good;
}

void cell_add(struct text *to, uint32_t type, struct trb_slice text)
{
    if (!text.at)
        text_adds(to, "null");
    else if (type == BOOL_TYPE)
        text_adds(to, slice_is(text, SLICE("t")) ? "true" : "false");
    else if (is_number_type(type) && is_json(text, JSON_NUMBER))
        text_add(to, text);
    else if ((type == JSON_TYPE || type == JSONB_TYPE) && is_json(text, 0))
        text_add(to, text);
    else if (type == BYTEA_TYPE)
        add_bytes(to, text);
    else if (type == DATE_TYPE || type == TIMESTAMP_TYPE || type == TIMESTAMPTZ_TYPE)
        add_time(to, type, text);
    else if (!add_array(to, type, text))
        text_add_json(to, text, true);
}
