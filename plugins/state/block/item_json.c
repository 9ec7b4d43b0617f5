/* item_json: an item of a body in JSON as fields, told of its faults in the words of decoders. */
#include "state_block.h"
#include <base/codec.h>
#include <base/text.h>

struct trb_name fault_text(struct trb_request *rq, struct trb_slice body, const struct json_fault *fault)
{
    if (fault->at_end)
        return slice_trim(body).len ? NAME("unexpected EOF") : NAME("EOF");
    return trb_printf(rq, "%s", fault->message);
}

/* -------------------------------------------------------------------------------------- members */
static bool text_of(struct trb_request *rq, struct json_value v, struct trb_name *ret)
{
    if (v.kind == JSON_STRING)
        *ret = string_copy(rq, v);
    return v.kind == JSON_STRING || v.kind == JSON_NULL || v.kind == JSON_NONE;
}

bool member_text(struct trb_request *rq, struct json_value object, const char *name, struct trb_name *ret)
{
    return text_of(rq, json_find_nocase(object, slice_of(name)), ret);
}

static bool is_taken(struct trb_pairs pairs, struct trb_name key)
{
    for (uint32_t i = 0; i < pairs.count; i++)
        if (slice_is(slice_name(trb_pair_at(&pairs, i)->key), slice_name(key)))
            return true;
    return false;
}

static const char *metadata_of(struct trb_request *rq, struct json_value all, const char *type, struct trb_pairs wins,
                               struct trb_pairs *ret)
{
    *ret = wins;
    if (all.kind == JSON_NONE || all.kind == JSON_NULL)
        return NULL;
    if (all.kind != JSON_OBJECT)
        return trb_printf(rq, "json: cannot unmarshal %s into Go struct field %s.metadata of type map[string]string",
                          json_kind_name(all), type).at;
    struct trb_pair *pairs = trb_alloc(rq, (wins.count + json_count(all) + 1) * sizeof *pairs);
    struct json_cursor c = json_enter(all);
    struct trb_slice raw;
    struct json_value v;
    uint32_t n = 0;
    for (uint32_t i = 0; i < wins.count; i++)
        pairs[n++] = *trb_pair_at(&wins, i);
    while (json_member(&c, &raw, &v)) {
        struct trb_name key = string_copy(rq, (struct json_value){JSON_STRING, raw});
        if (v.kind != JSON_STRING && v.kind != JSON_NULL)
            return trb_printf(rq, "json: cannot unmarshal %s into Go struct field %s.metadata of type string",
                              json_kind_name(v), type).at;
        if (!is_taken(wins, key))
            pairs[n++] = (struct trb_pair){key, v.kind == JSON_STRING ? string_copy(rq, v) : NAME("")};
    }
    *ret = (struct trb_pairs){pairs, n, sizeof *pairs};
    return NULL;
}

const char *member_metadata(struct trb_request *rq, struct json_value object, const char *type,
                            struct trb_pairs wins, struct trb_pairs *ret)
{
    return metadata_of(rq, json_find_nocase(object, SLICE("metadata")), type, wins, ret);
}

static struct trb_data value_from(struct trb_request *rq, struct json_value v, struct trb_data body, bool is_compact)
{
    if (v.kind == JSON_NONE)
        return (struct trb_data){"null", 4, NULL};
    if (is_compact || json_is_compact(v))
        return (struct trb_data){v.raw.at, v.raw.len, body.owner};
    struct text t = {0};
    json_compact(v, &t);
    struct trb_name compact = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return (struct trb_data){compact.at, compact.len, NULL};
}

struct trb_data value_data(struct trb_request *rq, struct json_value v, struct trb_data body)
{
    return value_from(rq, v, body, false);
}

static const char *options_parse(struct trb_request *rq, struct json_value options, const char *type,
                                 struct item_fields *f, const struct trb_error_row **ret_row)
{
    struct trb_name word = {0};
    if (options.kind == JSON_NONE || options.kind == JSON_NULL)
        return NULL;
    if (options.kind != JSON_OBJECT || !member_text(rq, options, "concurrency", &word))
        return trb_printf(rq, "json: cannot unmarshal %s into Go struct field %s.options of type state.SetStateOption",
                          json_kind_name(options), type).at;
    if (!concurrency_parse(slice_name(word), &f->concurrency)) {
        *ret_row = NULL;
        return trb_printf(rq, "unrecognized concurrency model '%s'", word.at).at;
    }
    word = (struct trb_name){0};
    member_text(rq, options, "consistency", &word);
    if (!consistency_parse(slice_name(word), &f->consistency)) {
        *ret_row = NULL;
        return trb_printf(rq, "unrecognized consistency model '%s'", word.at).at;
    }
    return NULL;
}

enum { KEY, ETAG, CONTENT_TYPE, METADATA, OPTIONS, VALUE, MEMBERS };
static const struct trb_slice members[MEMBERS] = {{"key", 3}, {"etag", 4}, {"contentType", 11},
                                                  {"metadata", 8}, {"options", 7}, {"value", 5}};

static const char *texts_parse(struct trb_request *rq, const struct json_value *found, const char *type,
                               struct item_fields *f)
{
    struct trb_name *to[] = {&f->key, &f->etag, &f->content_type};
    for (uint32_t i = KEY; i <= CONTENT_TYPE; i++)
        if (!text_of(rq, found[i], to[i]))
            return trb_printf(rq, "json: cannot unmarshal %s into Go struct field %s.%s of type string",
                              json_kind_name(found[i]), type, members[i].at).at;
    if (!f->etag.len)
        f->etag = (struct trb_name){0};
    return NULL;
}

/* A *ret_row of NULL: the store would have refused it, which is an error of saving. */
const char *item_parse(struct trb_request *rq, struct json_value object, const char *type, struct trb_pairs wins,
                       struct trb_data body, struct item_fields *f, const struct trb_error_row **ret_row)
{
    struct json_value found[MEMBERS];
    json_find_each(object, members, MEMBERS, found);
    const char *fault = texts_parse(rq, found, type, f);
    *ret_row = &MALFORMED;
    if (!fault)
        fault = metadata_of(rq, found[METADATA], type, wins, &f->metadata);
    if (!fault)
        fault = options_parse(rq, found[OPTIONS], type, f, ret_row);
    if (fault)
        return fault;
    f->value = value_from(rq, found[VALUE], body, f->is_compact);
    f->is_json = 1;
    *ret_row = NULL;
    return ttl_parse(rq, f->metadata, &f->has_ttl, &f->ttl_s);
}
