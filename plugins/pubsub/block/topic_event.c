/* topic_event: see topic_event.h. Attributes that are texts have fields of their own; data are bytes again; the
 * rest is a Struct, whose numbers are doubles. */
#include "topic_event.h"
#include "pubsub_block.h"
#include <base/codec.h>
#include <pb/pb_struct.h>

#define ID 0u
#define SOURCE 1u
#define TYPE 2u
#define SPEC_VERSION 3u
#define CONTENT_TYPE 4u
#define DATA 5u
#define DATA_BASE64 6u
#define MEMBERS 7u

static const struct trb_slice names[MEMBERS] = {
    SLICE("id"), SLICE("source"), SLICE("type"), SLICE("specversion"), SLICE("datacontenttype"), SLICE("data"),
    SLICE("data_base64"),
};

static struct trb_slice taken(struct trb_request *rq, struct text *t)
{
    struct trb_name copy = name_copy(rq, text_slice(t));
    text_fini(t);
    return slice_name(copy);
}

static struct trb_slice json_bytes(struct trb_request *rq, struct json_value v)
{
    struct text t = {0};
    json_canonical(v, &t);
    return taken(rq, &t);
}

static bool is_text_type(struct trb_slice type)
{
    return slice_starts_nocase(type, SLICE("text/")) || slice_starts_nocase(type, SLICE("application/xml"));
}

/* The bytes that were published, as far as the type says how to get at them. An event that names none has JSON. */
static struct trb_slice data_bytes(struct trb_request *rq, struct json_value v, struct trb_slice type)
{
    bool is_text = is_text_type(type);
    if (is_text && v.kind == JSON_STRING)
        return slice_name(string_copy(rq, v));
    if (is_text ? v.kind != JSON_NULL : !type.len || is_json_type(type) || is_cloud_event_type(type))
        return json_bytes(rq, v);
    return (struct trb_slice){NULL, 0};
}

static const char *decode(struct trb_request *rq, struct json_value v, struct trb_slice *ret)
{
    struct trb_name coded = string_copy(rq, v);
    char *bytes = trb_alloc(rq, coded.len * 3 / 4 + 4);
    size_t len;
    if (!coded.at || !base64_decode(slice_name(coded), true, bytes, &len, NULL))
        return "its data_base64 is no base64";
    *ret = slice_from(bytes, len);
    return NULL;
}

static bool is_own(struct trb_slice raw_key)
{
    for (uint32_t i = 0; i < MEMBERS; i++)
        if (json_key_is(raw_key, names[i]))
            return true;
    return false;
}

/* Without the members that have fields of their own, as JSON. */
static void write_rest(struct text *t, struct json_value event)
{
    struct trb_slice key;
    struct json_value v;
    text_addc(t, '{');
    for (struct json_cursor c = json_enter(event); json_member(&c, &key, &v);) {
        if (is_own(key))
            continue;
        if (t->len > 1)
            text_addc(t, ',');
        text_add(t, key);
        text_addc(t, ':');
        text_add(t, v.raw);
    }
    text_addc(t, '}');
}

static const char *extensions(struct trb_request *rq, struct json_value event, struct trb_slice *ret)
{
    struct text rest = {0}, coded = {0};
    write_rest(&rest, event);
    bool fits = pb_struct_from_json(text_slice(&rest), &coded);
    text_fini(&rest);
    *ret = taken(rq, &coded);
    return fits ? NULL : "an attribute is nested too deeply";
}

static struct trb_name text_of(struct trb_request *rq, struct json_value v)
{
    struct trb_name name = string_copy(rq, v);
    return name.at ? name : NAME("");
}

const char *topic_event_read(struct trb_request *rq, struct json_value event, struct trb_slice plain,
                             struct runtime_topic_event_ce_request *ret)
{
    struct json_value v[MEMBERS];
    const char *fault = NULL;
    json_find_each(event, names, MEMBERS, v);
    *ret = (struct runtime_topic_event_ce_request){
        .id = text_of(rq, v[ID]), .source = text_of(rq, v[SOURCE]), .type = text_of(rq, v[TYPE]),
        .spec_version = text_of(rq, v[SPEC_VERSION]), .data_content_type = text_of(rq, v[CONTENT_TYPE])};
    if (v[DATA_BASE64].kind > JSON_NULL)
        fault = decode(rq, v[DATA_BASE64], &ret->data);
    else
        ret->data = v[DATA].kind ? data_bytes(rq, v[DATA], slice_name(ret->data_content_type)) : plain;
    return fault ? fault : extensions(rq, event, &ret->extensions);
}
