/* POST or PUT /v1.0/publish/bulk/{pubsub}/{topic...}
 *
 *     parse ──► ask ┄┄ each entry has its result ┄┄► reply
 */
#include "../pubsub_block.h"
#include "refusals.h"
#include <base/codec.h>
#include <base/mem.h>

struct bulk {
    struct trb_instance *pubsub;
    struct trb_pubsub_entry *entries;
    struct trb_pubsub_publish *singles;              /* for products without bulk_publish */
    struct trb_pubsub_bulk_publish question;
    uint32_t count;
    bool raw;
};

static trb_step ask, reply;

static struct trb_next refuse_app(struct trb_request *rq, const struct trb_error_row *row, struct trb_name message)
{
    struct trb_pair *app = trb_alloc(rq, sizeof *app);
    *app = (struct trb_pair){NAME("appID"), rq->kernel->info->app_id};
    return refuse_metadata(rq, row, (struct trb_pairs){app, 1, sizeof *app}, message, true);
}

static struct trb_next unreadable(struct trb_request *rq, const char *why)
{
    return refuse_app(rq, &BAD_REQUEST,
                      trb_printf(rq, "error when unmarshaling the request for topic %s pubsub %s: %s",
                                 rq->kernel->path(rq, "topic").at, rq->kernel->path(rq, "pubsub").at, why));
}

static struct trb_next mismatch(struct trb_request *rq, const char *why)
{
    return refuse_because(rq, &BAD_ENVELOPE, "appID", slice_name(rq->kernel->info->app_id), slice_of(why),
                          trb_printf(rq, "error when marshalling cloud event envelope for topic %s pubsub %s: %s",
                                     rq->kernel->path(rq, "topic").at, rq->kernel->path(rq, "pubsub").at, why));
}

static struct trb_next bad_entry(struct trb_request *rq)
{
    const char *why = "error: entryId is duplicated or not present for entry";
    return refuse_because(rq, &BAD_EVENTS, "appID", slice_name(rq->kernel->info->app_id), slice_of(why + 7),
                          trb_printf(rq, "error marshaling events to bytes for topic %s pubsub %s. error: %s",
                                     rq->kernel->path(rq, "topic").at, rq->kernel->path(rq, "pubsub").at, why + 7));
}

/* --------------------------------------------------------------------------------- one entry */
static struct trb_name text_of(struct trb_request *rq, struct json_value v)
{
    if (v.kind != JSON_STRING)
        return (struct trb_name){0};
    struct arena *scratch = arena_create(SIZE_MAX);
    struct trb_name name = trb_printf(rq, "%.*s", SLICE_ARG(json_text(scratch, v)));
    arena_destroy(scratch);
    return name;
}

static bool has_type(struct trb_slice type, const char *prefix)
{
    return slice_starts_nocase(type, slice_of(prefix));
}

/* NULL, or the sentence of the mismatch. */
static const char *event_bytes(struct trb_request *rq, struct json_value event, struct trb_slice type,
                               struct trb_data *ret)
{
    struct trb_name text = text_of(rq, event);
    if (has_type(type, "application/octet-stream")) {
        char *bytes = trb_alloc(rq, text.len + 4);
        size_t len, bad;
        if (!text.at)
            return "error: mismatch between contentType and event";
        if (!base64_decode(slice_name(text), false, bytes, &len, &bad))
            return trb_printf(rq, "error: unable to decode base64 application/octect-stream data: illegal base64 data "
                              "at input byte %zu", bad).at;
        *ret = (struct trb_data){bytes, len, NULL};
        return NULL;
    }
    if (is_json_type(type) || is_cloud_event_type(type) || slice_contains(type, SLICE("+json"))) {
        struct text t = {0};
        if (event.kind == JSON_NONE)
            text_adds(&t, "null");
        else
            json_canonical(event, &t);
        give_data(rq, &t, ret);
        return NULL;
    }
    if (!text.at || !(has_type(type, "text/") || has_type(type, "application/xml")))
        return "error: mismatch between contentType and event";
    *ret = (struct trb_data){text.at, text.len, NULL};
    return NULL;
}

static uint32_t member_count(struct json_value object)
{
    struct json_cursor c = json_enter(object);
    struct trb_slice key;
    struct json_value v;
    uint32_t n = 0;
    while (json_member(&c, &key, &v))
        n++;
    return n;
}

/* The request's pairs join only where the entry has a metadata member; its own keys win. */
static struct trb_pairs entry_metadata(struct trb_request *rq, struct json_value all)
{
    struct trb_pairs wide = rq->kernel->metadata(rq);
    struct json_cursor c;
    struct trb_slice raw;
    struct json_value v;
    uint32_t n = 0;
    if (all.kind != JSON_OBJECT)
        return (struct trb_pairs){NULL, 0, sizeof(struct trb_pair)};
    struct trb_pair *pairs = trb_alloc(rq, (member_count(all) + wide.count + 1) * sizeof *pairs);
    for (c = json_enter(all); json_member(&c, &raw, &v); n++)
        pairs[n] = (struct trb_pair){text_of(rq, (struct json_value){JSON_STRING, raw}), text_of(rq, v)};
    struct trb_pairs own = {pairs, n, sizeof *pairs};
    for (uint32_t i = 0; i < wide.count; i++)
        if (!pair_get(&own, trb_pair_at(&wide, i)->key.at).at)
            pairs[n++] = *trb_pair_at(&wide, i);
    own.count = n;
    return own;
}

static const char *wrap(struct trb_request *rq, struct trb_pubsub_entry *entry)
{
    struct bulk *b = rq->state;
    char room[160];
    struct text t = {0};
    struct envelope e = {
        .topic = slice_name(rq->kernel->path(rq, "topic")), .pubsub = slice_name(rq->kernel->path(rq, "pubsub")),
        .content_type = slice_name(entry->content_type), .data = slice_from(entry->data.at, entry->data.len),
        .metadata = entry->metadata, .source = slice_name(rq->kernel->info->app_id),
        .trace_parent = event_trace(rq), .trace_state = rq->kernel->tracestate(rq),
        .has_ttl_support = rq->kernel->instance_caps(b->pubsub) & TRB_PUBSUB_MESSAGE_TTL};
    const char *fault = envelope_write(&e, &t, (struct trb_name){room, sizeof room});
    if (fault) {
        text_fini(&t);
        return trb_printf(rq, "%s", fault).at;
    }
    give_data(rq, &t, &entry->data);
    entry->content_type = NAME("application/cloudevents+json");
    return NULL;
}

static bool is_known(const struct bulk *b, struct trb_name id)
{
    for (uint32_t i = 0; i < b->count; i++)
        if (slice_is(slice_name(b->entries[i].id), slice_name(id)))
            return true;
    return false;
}

static bool parse_entry(struct trb_request *rq, struct json_value v, struct trb_next *ret)
{
    struct bulk *b = rq->state;
    struct trb_pubsub_entry *e = &b->entries[b->count];
    *e = (struct trb_pubsub_entry){.size = sizeof *e};
    if (v.kind != JSON_OBJECT)
        return *ret = unreadable(rq, "json: cannot unmarshal a value into Go value of type http.bulkPublishMessageEntry"), false;
    e->id = text_of(rq, json_find_nocase(v, SLICE("entryId")));
    e->content_type = text_of(rq, json_find_nocase(v, SLICE("contentType")));
    e->metadata = entry_metadata(rq, json_find_nocase(v, SLICE("metadata")));
    if (!e->id.len || is_known(b, e->id))
        return *ret = bad_entry(rq), false;
    const char *fault = event_bytes(rq, json_find_nocase(v, SLICE("event")), slice_name(e->content_type), &e->data);
    if (fault)
        return *ret = mismatch(rq, fault), false;
    if (!b->raw && (fault = wrap(rq, e)))
        return *ret = refuse_because(rq, &BAD_CLOUD_EVENT, "appID", slice_name(rq->kernel->info->app_id),
                                     slice_of(fault), trb_printf(rq, "cannot create cloudevent")), false;
    b->count++;
    return true;
}

/* --------------------------------------------------------------------------------- the request */
static bool is_bad_bool(struct trb_slice word, bool *ret_raw)
{
    *ret_raw = slice_is(word, SLICE("1")) || slice_is_nocase(word, SLICE("t")) || slice_is_nocase(word, SLICE("true"));
    return word.len && !*ret_raw && !slice_is(word, SLICE("0")) && !slice_is_nocase(word, SLICE("f")) &&
           !slice_is_nocase(word, SLICE("false"));
}

static struct trb_next parse_entries(struct trb_request *rq, struct json_value all)
{
    struct bulk *b = rq->state;
    struct json_value v;
    struct trb_next refusal;
    b->entries = trb_alloc(rq, (all.raw.len / 2 + 1) * sizeof *b->entries);
    for (struct json_cursor c = json_enter(all); json_next(&c, &v);)
        if (!parse_entry(rq, v, &refusal))
            return refusal;
    return b->count ? TRB_GO(ask) : trb_reply_empty(rq, 204);
}

struct trb_next bulk_publish_parse(struct trb_request *rq)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    struct trb_pairs metadata = rq->kernel->metadata(rq);
    b->pubsub = pubsub_find(rq, &refusal);
    if (!b->pubsub)
        return refusal;
    struct trb_slice word = pair_get(&metadata, "rawPayload");
    if (is_bad_bool(word, &b->raw))
        return refuse_metadata(rq, &BAD_METADATA, metadata,
                               trb_printf(rq, "failed deserializing metadata. Error: rawPayload value must be a valid "
                                          "boolean: actual is '%.*s'", SLICE_ARG(word)), true);
    if (rq->kernel->body_fault(rq))
        return unreadable(rq, rq->kernel->body_fault(rq));
    struct trb_data body = rq->kernel->body(rq);
    if (!json_parse(slice_from(body.at, body.len), &all, &fault))
        return unreadable(rq, fault.at_end ? body.len ? "unexpected EOF" : "EOF" : trb_printf(rq, "%s", fault.message).at);
    if (all.kind == JSON_NULL)
        return trb_reply_empty(rq, 204);
    if (all.kind != JSON_ARRAY)
        return unreadable(rq, all.kind == JSON_OBJECT
                          ? "json: cannot unmarshal object into Go value of type []http.bulkPublishMessageEntry"
                          : "json: cannot unmarshal a value into Go value of type []http.bulkPublishMessageEntry");
    if (!may_publish(rq, b->pubsub, &refusal))
        return refusal;
    return parse_entries(rq, all);
}

static void make_singles(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    b->singles = trb_alloc(rq, b->count * sizeof *b->singles);
    for (uint32_t i = 0; i < b->count; i++)
        b->singles[i] = (struct trb_pubsub_publish){
            .size = sizeof *b->singles, .topic = rq->kernel->path(rq, "topic"), .data = b->entries[i].data,
            .content_type = b->entries[i].content_type, .metadata = b->entries[i].metadata};
}

static struct trb_next ask(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    if (!rq->kernel->has_verb(b->pubsub, TRB_AT(pubsub, bulk_publish))) {
        make_singles(rq);
        return rq->kernel->ask_each(rq, b->pubsub, TRB_AT(pubsub, publish), b->singles, b->count,
                                    sizeof *b->singles, 100, TRB_GO(reply));
    }
    b->question = (struct trb_pubsub_bulk_publish){
        .size = sizeof b->question, .topic = rq->kernel->path(rq, "topic"), .metadata = rq->kernel->metadata(rq),
        .entries = {b->entries, b->count, sizeof *b->entries}};
    return trb_ask(rq, b->pubsub, TRB_AT(pubsub, bulk_publish), &b->question, TRB_GO(reply));
}

static const struct trb_error *failure_of(struct trb_request *rq, uint32_t i)
{
    const struct trb_error *whole = rq->kernel->failure(rq), *err = NULL;
    if (i < rq->kernel->item_count(rq))
        rq->kernel->item(rq, i, &err);
    return err ? err : whole;
}

static struct trb_slice sentence(struct trb_request *rq, const struct trb_error *err)
{
    return err->text ? rq->kernel->host->buf_bytes(err->text) : slice_of(err->message);
}

static struct trb_next reply(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    const struct trb_error *first = NULL;
    struct text t = {0};
    text_adds(&t, "{\"failedEntries\":[");
    for (uint32_t i = 0; i < b->count; i++) {
        const struct trb_error *err = failure_of(rq, i);
        if (!err)
            continue;
        text_adds(&t, first ? ",{\"entryId\":" : "{\"entryId\":");
        first = first ? first : err;
        text_add_json(&t, slice_name(b->entries[i].id), true);
        text_adds(&t, ",\"error\":");
        text_add_json(&t, sentence(rq, err), true);
        text_addc(&t, '}');
    }
    text_adds(&t, "],\"errorCode\":\"ERR_PUBSUB_PUBLISH_MESSAGE\"}");
    struct trb_data body;
    give_data(rq, &t, &body);
    if (!first)
        return trb_reply_empty(rq, 204);
    struct trb_name kit = trb_printf(rq, "api error: code = Internal desc = error when publishing to topic %s in pubsub %s: %.*s",
                                     rq->kernel->path(rq, "topic").at, rq->kernel->path(rq, "pubsub").at,
                                     SLICE_ARG(sentence(rq, first)));
    rq->kernel->set_header(rq, SLICE("Metadata.responsedata"), slice_from(body.at, body.len));
    rq->kernel->set_header(rq, SLICE("Metadata.error"), slice_name(kit));
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 500, body);
}
