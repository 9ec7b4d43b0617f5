/* status_json: google.rpc's error details as protobuf's JSON mapping spells them. A detail of a type that is
 * not known here keeps its bytes, as base64. */
#include "status.h"
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <wire/wire.h>

#define TYPE_PREFIX "type.googleapis.com/google.rpc."

/* How a field is spelled. */
#define TEXT 0u
#define TEXTS 1u                           /* repeated string */
#define PAIRS 2u                           /* map<string, string> */
#define PARTS 3u                           /* repeated message */
#define DURATION 4u                        /* google.protobuf.Duration */

struct field {
    uint32_t number, kind;
    const char *name;
    const struct shape *part;
};

struct shape {
    const char *name;
    struct field fields[6];                /* number 0 ends them */
};

static const struct shape quota = {
    NULL, {{1, TEXT, "subject", NULL}, {2, TEXT, "description", NULL}, {3, TEXT, "apiService", NULL},
           {4, TEXT, "quotaMetric", NULL}, {5, TEXT, "quotaId", NULL}}};
static const struct shape precondition = {
    NULL, {{1, TEXT, "type", NULL}, {2, TEXT, "subject", NULL}, {3, TEXT, "description", NULL}}};
static const struct shape violation = {
    NULL, {{1, TEXT, "field", NULL}, {2, TEXT, "description", NULL}, {3, TEXT, "reason", NULL}}};
static const struct shape link = {NULL, {{1, TEXT, "description", NULL}, {2, TEXT, "url", NULL}}};

static const struct shape shapes[] = {
    {"ErrorInfo", {{1, TEXT, "reason", NULL}, {2, TEXT, "domain", NULL}, {3, PAIRS, "metadata", NULL}}},
    {"ResourceInfo", {{1, TEXT, "resourceType", NULL}, {2, TEXT, "resourceName", NULL}, {3, TEXT, "owner", NULL},
                      {4, TEXT, "description", NULL}}},
    {"BadRequest", {{1, PARTS, "fieldViolations", &violation}}},
    {"Help", {{1, PARTS, "links", &link}}},
    {"RetryInfo", {{1, DURATION, "retryDelay", NULL}}},
    {"DebugInfo", {{1, TEXTS, "stackEntries", NULL}, {2, TEXT, "detail", NULL}}},
    {"QuotaFailure", {{1, PARTS, "violations", &quota}}},
    {"PreconditionFailure", {{1, PARTS, "violations", &precondition}}},
    {"RequestInfo", {{1, TEXT, "requestId", NULL}, {2, TEXT, "servingData", NULL}}},
    {"LocalizedMessage", {{1, TEXT, "locale", NULL}, {2, TEXT, "message", NULL}}},
};

static const struct shape *shape_of(struct trb_slice type)
{
    if (!slice_starts(type, SLICE(TYPE_PREFIX)))
        return NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (slice_is(slice_skip(type, sizeof TYPE_PREFIX - 1), slice_of(shapes[i].name)))
            return &shapes[i];
    return NULL;
}

/* ------------------------------------------------------------------------------------- values */
/* Members follow one another: the first opened its object just now. */
static void add_name(struct text *t, const char *name)
{
    if (t->len && t->at[t->len - 1] != '{')
        text_addc(t, ',');
    text_add_json(t, slice_of(name), false);
    text_addc(t, ':');
}

/* "3.500s" */
static void add_duration(struct text *t, struct trb_slice message)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    int64_t seconds = 0;
    int32_t nanos = 0;
    while (wire_next(&r, &f))
        if (f.number == 1 && f.type == WIRE_VARINT)
            seconds = (int64_t)f.value;
        else if (f.number == 2 && f.type == WIRE_VARINT)
            nanos = (int32_t)f.value;
    bool is_negative = seconds < 0 || nanos < 0;
    text_addf(t, "\"%s%llu", is_negative ? "-" : "", (unsigned long long)(seconds < 0 ? -(uint64_t)seconds : (uint64_t)seconds));
    if (nanos)
        text_addf(t, ".%09u", (nanos < 0 ? -(uint32_t)nanos : (uint32_t)nanos) % 1000000000u);
    text_adds(t, "s\"");
}

static void add_pair(struct text *t, struct trb_slice entry)
{
    struct trb_slice key = SLICE("");
    struct wire_field value = {.bytes = SLICE("")};
    (void)wire_map_entry(entry, &key, &value);
    text_add_json(t, key, false);
    text_addc(t, ':');
    text_add_json(t, value.bytes.at ? value.bytes : SLICE(""), false);
}

static void add_members(struct text *t, const struct shape *shape, struct trb_slice message);

static void add_value(struct text *t, const struct field *field, struct trb_slice bytes)
{
    switch (field->kind) {
    case DURATION:
        add_duration(t, bytes);
        break;
    case PAIRS:
        add_pair(t, bytes);
        break;
    case PARTS:
        text_addc(t, '{');
        add_members(t, field->part, bytes);
        text_addc(t, '}');
        break;
    default:
        text_add_json(t, bytes, false);
    }
}

/* -------------------------------------------------------------------------------------- fields */
static void add_one(struct text *t, const struct field *field, struct trb_slice message)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    struct trb_slice value = {NULL, 0};
    while (wire_next(&r, &f))
        if (f.number == field->number && f.type == WIRE_BYTES)
            value = f.bytes;
    if (!value.at || (field->kind == TEXT && !value.len))
        return;
    add_name(t, field->name);
    add_value(t, field, value);
}

static void add_many(struct text *t, const struct field *field, struct trb_slice message)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    bool is_map = field->kind == PAIRS, is_open = false;
    while (wire_next(&r, &f)) {
        if (f.number != field->number || f.type != WIRE_BYTES)
            continue;
        if (!is_open)
            add_name(t, field->name);
        text_addc(t, is_open ? ',' : is_map ? '{' : '[');
        add_value(t, field, f.bytes);
        is_open = true;
    }
    if (is_open)
        text_addc(t, is_map ? '}' : ']');
}

static void add_members(struct text *t, const struct shape *shape, struct trb_slice message)
{
    for (const struct field *field = shape->fields; field->number; field++)
        if (field->kind == TEXT || field->kind == DURATION)
            add_one(t, field, message);
        else
            add_many(t, field, message);
}

static void add_bytes(struct text *t, struct trb_slice bytes)
{
    char *base64 = mem_zero(base64_encoded_len(bytes.len, true) + 1);
    size_t len = base64_encode(bytes, true, base64);
    add_name(t, "value");
    text_add_json(t, slice_from(base64, len), false);
    mem_free(base64);
}

/* One google.protobuf.Any. */
static void add_detail(struct text *t, struct trb_slice any)
{
    struct wire_reader r = wire_read(any);
    struct wire_field f;
    struct trb_slice type = SLICE(""), value = SLICE("");
    while (wire_next(&r, &f))
        if (f.type == WIRE_BYTES && (f.number == 1 || f.number == 2))
            *(f.number == 1 ? &type : &value) = f.bytes;
    const struct shape *shape = shape_of(type);
    text_addc(t, '{');
    add_name(t, "@type");
    text_add_json(t, type, false);
    if (shape)
        add_members(t, shape, value);
    else
        add_bytes(t, value);
    text_addc(t, '}');
}

void status_json(struct text *t, trb_code code, struct trb_slice message, struct trb_slice details)
{
    struct wire_reader r = wire_read(details.at ? details : SLICE(""));
    struct wire_field f;
    bool is_open = false;
    text_addf(t, "{\"code\":%d", code);
    if (message.len) {
        add_name(t, "message");
        text_add_json(t, message, false);
    }
    while (wire_next(&r, &f)) {
        if (f.number != 3 || f.type != WIRE_BYTES)
            continue;
        text_adds(t, is_open ? "," : ",\"details\":[");
        add_detail(t, f.bytes);
        is_open = true;
    }
    text_adds(t, is_open ? "]}" : "}");
}
