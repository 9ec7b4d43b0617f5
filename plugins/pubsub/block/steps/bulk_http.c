/* POST or PUT /v1.0/publish/bulk/{pubsub}/{topic...}: the entries as JSON, and what became of them. */
#include "bulk.h"
#include <base/codec.h>

/* ------------------------------------------------------------------------------------ refusals */
static struct trb_next unreadable(struct trb_request *rq, const char *why)
{
    struct target *t = bulk_target(rq);
    return refuse_app(rq, t, &BAD_REQUEST, (struct trb_slice){NULL, 0},
                      trb_printf(rq, "error when unmarshaling the request for topic %s pubsub %s: %s", t->topic.at,
                                 t->pubsub.at, why));
}

static struct trb_next mismatch(struct trb_request *rq, const char *why)
{
    struct target *t = bulk_target(rq);
    return refuse_app(rq, t, &BAD_ENVELOPE, slice_of(why),
                      trb_printf(rq, "error when marshalling cloud event envelope for topic %s pubsub %s: %s",
                                 t->topic.at, t->pubsub.at, why));
}

/* --------------------------------------------------------------------------------- one entry */
static const char *decode(struct trb_request *rq, struct trb_name coded, struct trb_data *ret)
{
    char *bytes = trb_alloc(rq, coded.len * 3 / 4 + 4);
    size_t len, bad;
    if (!base64_decode(slice_name(coded), false, bytes, &len, &bad))
        return trb_printf(rq, "error: unable to decode base64 application/octect-stream data: illegal base64 data "
                          "at input byte %zu", bad).at;
    *ret = (struct trb_data){bytes, len, NULL};
    return NULL;
}

static struct trb_data rewrite(struct trb_request *rq, struct json_value event)
{
    struct text t = {0};
    if (event.kind == JSON_NONE)
        text_adds(&t, "null");
    else
        json_canonical(event, &t);
    return data_of(rq, &t);
}

/* Around JSON data and events goes an envelope of ours, whose writing puts them in order. */
static bool is_rewritten_later(struct trb_request *rq, struct trb_slice type)
{
    return !bulk_target(rq)->is_raw && (is_json_type(type) || is_cloud_event_type(type));
}

/* NULL, or the sentence of the mismatch. */
static const char *event_bytes(struct trb_request *rq, struct json_value event, struct trb_slice type,
                               struct trb_data *ret)
{
    static const char unfit[] = "error: mismatch between contentType and event";
    if (event.kind != JSON_NONE && is_rewritten_later(rq, type)) {
        *ret = (struct trb_data){event.raw.at, event.raw.len, NULL};
        return NULL;
    }
    if (is_json_type(type) || is_cloud_event_type(type) || slice_contains(type, SLICE("+json"))) {
        *ret = rewrite(rq, event);
        return NULL;
    }
    bool is_octets = slice_starts_nocase(type, SLICE("application/octet-stream"));
    bool is_text = slice_starts_nocase(type, SLICE("text/")) || slice_starts_nocase(type, SLICE("application/xml"));
    struct trb_name text = string_copy(rq, event);
    if (!text.at || (!is_octets && !is_text))
        return unfit;
    if (is_octets)
        return decode(rq, text, ret);
    *ret = (struct trb_data){text.at, text.len, NULL};
    return NULL;
}

/* The request's pairs join only where the entry has a metadata member. */
static struct trb_pairs entry_metadata(struct trb_request *rq, struct json_value all)
{
    struct trb_slice raw;
    struct json_value v;
    uint32_t n = 0;
    if (all.kind != JSON_OBJECT)
        return (struct trb_pairs){NULL, 0, sizeof(struct trb_pair)};
    struct trb_pair *pairs = trb_alloc(rq, (json_count(all) + 1) * sizeof *pairs);
    for (struct json_cursor c = json_enter(all); json_member(&c, &raw, &v);)
        if (v.kind == JSON_STRING)
            pairs[n++] = (struct trb_pair){string_copy(rq, (struct json_value){JSON_STRING, raw}), string_copy(rq, v)};
    return bulk_metadata(rq, (struct trb_pairs){pairs, n, sizeof *pairs});
}

static bool parse_entry(struct trb_request *rq, struct json_value v, struct trb_next *ret)
{
    static const struct trb_slice names[] = {{"entryId", 7}, {"contentType", 11}, {"metadata", 8}, {"event", 5}};
    struct json_value member[4];
    if (v.kind != JSON_OBJECT && v.kind != JSON_NULL) {
        *ret = unreadable(rq, trb_printf(rq, "json: cannot unmarshal %s into Go value of type "
                                         "http.bulkPublishMessageEntry", json_kind_name(v)).at);
        return false;
    }
    json_find_each(v, names, 4, member);
    struct trb_pubsub_entry *e = bulk_entry(rq, string_copy(rq, member[0]), ret);
    if (!e)
        return false;
    e->content_type = string_copy(rq, member[1]);
    e->metadata = entry_metadata(rq, member[2]);
    const char *fault = event_bytes(rq, member[3], slice_name(e->content_type), &e->data);
    if (fault) {
        *ret = mismatch(rq, fault);
        return false;
    }
    return bulk_entry_finish(rq, e, ret);
}

/* --------------------------------------------------------------------------------- the request */
static struct trb_next parse_entries(struct trb_request *rq, struct json_value all)
{
    struct json_value v;
    struct trb_next refusal;
    for (struct json_cursor c = json_enter(all); json_next(&c, &v);)
        if (!parse_entry(rq, v, &refusal))
            return bulk_refused(rq, refusal);
    return bulk_begin(rq);
}

struct trb_next bulk_publish_parse(struct trb_request *rq)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    target_from_http(rq, &b->target);
    if (!target_find(rq, &b->target, &refusal) || !target_is_raw(rq, &b->target, &refusal))
        return refusal;
    if (rq->kernel->body_fault(rq))
        return unreadable(rq, rq->kernel->body_fault(rq));
    struct trb_data body = rq->kernel->body(rq);
    struct trb_slice text = slice_from(body.at ? body.at : "", body.len);
    if (!json_parse(text, &all, &fault))
        return unreadable(rq, !fault.at_end ? trb_printf(rq, "%s", fault.message).at
                              : slice_trim(text).len ? "unexpected EOF" : "EOF");
    if (all.kind == JSON_NULL)
        return bulk_begin(rq);
    if (all.kind != JSON_ARRAY)
        return unreadable(rq, trb_printf(rq, "json: cannot unmarshal %s into Go value of type "
                                         "[]http.bulkPublishMessageEntry", json_kind_name(all)).at);
    return parse_entries(rq, all);
}

/* ---------------------------------------------------------------------------------- the answer */
static struct trb_data failed_entries(struct trb_request *rq, struct trb_name *ret_first)
{
    struct bulk *b = rq->state;
    struct text t = {0};
    text_adds(&t, "{\"failedEntries\":[");
    for (uint32_t i = 0; i < b->count; i++) {
        const struct trb_error *err = bulk_failure(rq, i);
        if (!err)
            continue;
        struct trb_name why = component_text(rq, err);
        if (!ret_first->at)
            *ret_first = why;
        else
            text_addc(&t, ',');
        text_adds(&t, "{\"entryId\":");
        text_add_json(&t, slice_name(b->entries[i].id), true);
        text_adds(&t, ",\"error\":");
        text_add_json(&t, slice_name(why), true);
        text_addc(&t, '}');
    }
    text_adds(&t, "],\"errorCode\":\"ERR_PUBSUB_PUBLISH_MESSAGE\"}");
    return data_of(rq, &t);
}

struct trb_next bulk_reply_http(struct trb_request *rq, uint32_t failed)
{
    struct target *t = bulk_target(rq);
    struct trb_name first = {NULL, 0};
    if (!failed)
        return trb_reply_empty(rq, 204);
    struct trb_data body = failed_entries(rq, &first);
    struct trb_name kit = trb_printf(rq, "api error: code = Internal desc = error when publishing to topic %s in "
                                     "pubsub %s: %s", t->topic.at, t->pubsub.at, first.at);
    rq->kernel->set_header(rq, SLICE("Metadata.responsedata"), slice_from(body.at, body.len));
    rq->kernel->set_header(rq, SLICE("Metadata.error"), slice_name(kit));
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 500, body);
}
