/* envelope: the CloudEvent around a published message. Members in alphabetical order, no white space,
 * HTML escapes, numbers as they came. http-api.md 5.4, components.md 0.8 */
#include "pubsub_block.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>

struct trb_slice pair_get(const struct trb_pairs *pairs, const char *key)
{
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (slice_is(slice_name(p->key), slice_of(key)))
            return slice_name(p->value);
    }
    return (struct trb_slice){0};
}

static struct trb_slice media_type(struct trb_slice content_type)
{
    return slice_trim(slice_split(&content_type, ';'));
}

bool is_cloud_event_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/cloudevents+json"));
}

bool is_json_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/json"));
}

static bool is_binary_type(struct trb_slice content_type)
{
    return slice_is_nocase(media_type(content_type), SLICE("application/octet-stream")) ||
           slice_is_nocase(media_type(content_type), SLICE("application/cloudevents+protobuf"));
}

/* --------------------------------------------------------------------------------- new events */
static void member(struct text *t, const char *name, struct trb_slice value)
{
    text_addc(t, t->len && t->at[t->len - 1] == '{' ? '"' : ',');
    if (t->at[t->len - 1] == ',')
        text_addc(t, '"');
    text_adds(t, name);
    text_adds(t, "\":");
    text_add_json(t, value, true);
}

static void add_base64(struct text *t, struct trb_slice data)
{
    char *coded = mem_alloc(base64_encoded_len(data.len, true) + 1);
    size_t len = base64_encode(data, true, coded);
    text_adds(t, "{\"data_base64\":\"");
    text_add(t, slice_from(coded, len));
    text_addc(t, '"');
    mem_free(coded);
}

static void add_data(struct text *t, const struct envelope *e)
{
    struct json_value v;
    struct json_fault fault;
    if (is_binary_type(e->content_type))
        return add_base64(t, e->data);
    text_adds(t, "{\"data\":");
    if (is_json_type(e->content_type) && json_parse(e->data, &v, &fault))
        json_canonical(v, t);
    else
        text_add_json(t, e->data, true);
}

/* When the product cannot expire messages the event says itself until when it counts. */
static size_t expiration(const struct envelope *e, char ret_text[CLOCK_TEXT])
{
    struct trb_slice ttl = pair_get(&e->metadata, "ttlInSeconds");
    int64_t seconds, ns;
    if (e->has_ttl_support)
        return 0;
    if (!ttl.at)
        ttl = pair_get(&e->metadata, "ttl");
    if (!ttl.at)
        return 0;
    if (slice_to_i64(ttl, &seconds) && seconds >= 0 && seconds < INT64_MAX / (int64_t)CLOCK_S)
        ns = seconds * (int64_t)CLOCK_S;
    else if (!clock_parse_duration(ttl, &ns) || ns < 0)
        return 0;
    return clock_rfc3339(clock_wall_ns() + ns, ret_text);
}

static struct trb_slice chosen(const struct envelope *e, const char *key, struct trb_slice otherwise)
{
    struct trb_slice over = pair_get(&e->metadata, key);
    return over.len ? over : otherwise;
}

static void write_new(const struct envelope *e, struct text *t)
{
    char id[UUID_TEXT], now[CLOCK_TEXT], until[CLOCK_TEXT];
    struct trb_slice subject = pair_get(&e->metadata, "cloudevent.subject");
    struct trb_slice trace = chosen(e, "cloudevent.traceparent", chosen(e, "cloudevent.traceid", e->trace_parent));
    size_t until_len = expiration(e, until), now_len = clock_rfc3339_local(clock_wall_ns(), now);
    uuid_v4(id);
    add_data(t, e);
    member(t, "datacontenttype", e->content_type.len ? e->content_type : SLICE("text/plain"));
    if (until_len)
        member(t, "expiration", slice_from(until, until_len));
    member(t, "id", chosen(e, "cloudevent.id", slice_of(id)));
    member(t, "pubsubname", e->pubsub);
    member(t, "source", chosen(e, "cloudevent.source", e->source.len ? e->source : SLICE("Dapr")));
    member(t, "specversion", SLICE("1.0"));
    if (subject.len)
        member(t, "subject", subject);
    member(t, "time", slice_from(now, now_len));
    member(t, "topic", e->topic);
    member(t, "traceid", trace);
    member(t, "traceparent", trace);
    member(t, "tracestate", chosen(e, "cloudevent.tracestate", e->trace_state));
    member(t, "type", chosen(e, "cloudevent.type", SLICE("com.dapr.event.sent")));
    text_addc(t, '}');
}

/* ----------------------------------------------------- a body that is a CloudEvent already */
static void give(struct text *t, struct json_value event, const char *name, struct trb_slice value, bool always)
{
    if (always || json_find(event, slice_of(name)).kind == JSON_NONE)
        member(t, name, value);
}

static void add_trace(struct text *t, const struct envelope *e, struct json_value event)
{
    if (json_find(event, SLICE("traceid")).kind == JSON_NONE) {
        member(t, "traceid", e->trace_parent);
        member(t, "traceparent", e->trace_parent);
    } else if (json_find(event, SLICE("traceid")).kind == JSON_STRING &&
               json_find(event, SLICE("traceparent")).kind == JSON_NONE) {
        struct trb_slice raw = json_find(event, SLICE("traceid")).raw;
        text_adds(t, ",\"traceparent\":");
        text_add(t, raw);
    }
    give(t, event, "tracestate", e->trace_state, false);
}

/* The given members first, then what we add: the last of a name wins when it is put in order. */
static const char *write_existing(const struct envelope *e, struct text *t, struct trb_name scratch_fault)
{
    struct json_value event, merged;
    struct json_fault fault;
    struct text all = {0};
    char now[CLOCK_TEXT], until[CLOCK_TEXT];
    if (!json_parse(e->data, &event, &fault) || event.kind != JSON_OBJECT) {
        snprintf((char *)(uintptr_t)scratch_fault.at, scratch_fault.len, "%s",
                 event.kind && event.kind != JSON_OBJECT ? "json: cannot unmarshal a value that is no object" : fault.message);
        return scratch_fault.at;
    }
    size_t now_len = clock_rfc3339_local(clock_wall_ns(), now), until_len = expiration(e, until);
    text_add(&all, slice_cut(event.raw, event.raw.len - 1));
    while (all.len > 1 && strchr(" \t\r\n", all.at[all.len - 1]))
        all.len--;
    give(&all, event, "topic", e->topic, true);
    give(&all, event, "pubsubname", e->pubsub, true);
    give(&all, event, "time", slice_from(now, now_len), false);
    give(&all, event, "source", SLICE("Dapr"), false);
    give(&all, event, "type", SLICE("com.dapr.event.sent"), false);
    give(&all, event, "specversion", SLICE("1.0"), false);
    add_trace(&all, e, event);
    if (until_len)
        give(&all, event, "expiration", slice_from(until, until_len), true);
    text_addc(&all, '}');
    if (json_parse(text_slice(&all), &merged, &fault))
        json_canonical(merged, t);
    text_fini(&all);
    return NULL;
}

const char *envelope_write(const struct envelope *e, struct text *t, struct trb_name scratch_fault)
{
    if (is_cloud_event_type(e->content_type))
        return write_existing(e, t, scratch_fault);
    write_new(e, t);
    return NULL;
}

void envelope_wrap_raw(const struct trb_pubsub_event *event, struct trb_slice pubsub, struct trb_slice topic,
                       struct text *t)
{
    static const char *const traces[] = {"traceid", "traceparent", "tracestate"};
    char id[UUID_TEXT];
    uuid_v4(id);
    add_base64(t, slice_from(event->data.at, event->data.len));
    member(t, "datacontenttype", SLICE("application/octet-stream"));
    member(t, "id", slice_of(id));
    member(t, "pubsubname", pubsub);
    member(t, "source", SLICE("Dapr"));
    member(t, "specversion", SLICE("1.0"));
    member(t, "topic", topic);
    for (uint32_t i = 0; i < 3; i++) {
        struct trb_slice value = pair_get(&event->metadata, traces[i]);
        if (value.at)
            member(t, traces[i], value);
    }
    member(t, "type", SLICE("com.dapr.event.sent"));
    text_addc(t, '}');
}
