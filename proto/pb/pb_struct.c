/* pb_struct: JSON as google.protobuf.Struct.
 *
 * Struct { map<string, Value> fields = 1; }
 * Value { null_value = 1; number_value = 2; string_value = 3; bool_value = 4; struct_value = 5; list_value = 6; }
 * ListValue { repeated Value values = 1; } */
#include <base/arena.h>
#include <base/json.h>
#include <pb/pb_struct.h>
#include <stdlib.h>
#include <string.h>
#include <wire/wire.h>

#define STRUCT_FIELDS 1u
#define ENTRY_KEY 1u
#define ENTRY_VALUE 2u
#define LIST_VALUES 1u
#define VALUE_NULL 1u
#define VALUE_NUMBER 2u
#define VALUE_STRING 3u
#define VALUE_BOOL 4u
#define VALUE_STRUCT 5u
#define VALUE_LIST 6u

struct writer {
    struct arena *arena;            /* for texts without their escapes */
    struct text *to;
    uint32_t depth;
};

static bool put_value(struct writer *w, uint32_t number, struct json_value v);

static bool put_members(struct writer *w, struct json_value object)
{
    struct json_cursor c = json_enter(object);
    struct trb_slice raw_key;
    struct json_value v;
    bool fits = true;
    while (fits && json_member(&c, &raw_key, &v)) {
        size_t entry = wire_begin(w->to, STRUCT_FIELDS);
        wire_put_bytes_always(w->to, ENTRY_KEY, json_text(w->arena, (struct json_value){JSON_STRING, raw_key}));
        fits = put_value(w, ENTRY_VALUE, v);
        wire_end(w->to, entry);
    }
    return fits;
}

static bool put_items(struct writer *w, struct json_value array)
{
    struct json_cursor c = json_enter(array);
    struct json_value v;
    bool fits = true;
    while (fits && json_next(&c, &v))
        fits = put_value(w, LIST_VALUES, v);
    return fits;
}

static bool put_nested(struct writer *w, struct json_value v)
{
    if (w->depth == PB_STRUCT_DEPTH)
        return false;
    w->depth++;
    size_t mark = wire_begin(w->to, v.kind == JSON_OBJECT ? VALUE_STRUCT : VALUE_LIST);
    bool fits = v.kind == JSON_OBJECT ? put_members(w, v) : put_items(w, v);
    wire_end(w->to, mark);
    w->depth--;
    return fits;
}

/* The digits stand in an object, so a byte that ends them is behind them. */
static void put_number(struct writer *w, struct trb_slice digits)
{
    double number = strtod(digits.at, NULL);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    wire_put_tag(w->to, VALUE_NUMBER, WIRE_FIXED64);
    wire_put_fixed(w->to, 8, bits);
}

static void put_small(struct writer *w, uint32_t number, uint64_t value)
{
    wire_put_tag(w->to, number, WIRE_VARINT);
    wire_put_varint(w->to, value);
}

static bool put_value(struct writer *w, uint32_t number, struct json_value v)
{
    size_t mark = wire_begin(w->to, number);
    bool fits = true;
    switch (v.kind) {
    case JSON_NULL: put_small(w, VALUE_NULL, 0); break;
    case JSON_FALSE:
    case JSON_TRUE: put_small(w, VALUE_BOOL, v.kind == JSON_TRUE); break;
    case JSON_NUMBER: put_number(w, v.raw); break;
    case JSON_STRING: wire_put_bytes_always(w->to, VALUE_STRING, json_text(w->arena, v)); break;
    default: fits = put_nested(w, v);
    }
    wire_end(w->to, mark);
    return fits;
}

bool pb_struct_from_json(struct trb_slice json_object, struct text *to)
{
    struct json_value v;
    size_t before = to->len;
    if (!json_parse(json_object, &v, NULL) || v.kind != JSON_OBJECT)
        return false;
    struct writer w = {.arena = arena_create(SIZE_MAX), .to = to, .depth = 1};
    bool fits = put_members(&w, v);
    arena_destroy(w.arena);
    if (!fits)
        to->at[to->len = before] = 0;
    return fits;
}
