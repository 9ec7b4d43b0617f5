/* envelope: the CloudEvent around a published message, and how a message is read as one. Members in
 * alphabetical order, no white space, HTML escapes, numbers as they came. http-api.md 5.4, 5.5,
 * components.md 0.8 */
#include "envelope.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>

static bool is_binary_type(struct trb_slice content_type)
{
    struct trb_slice type = slice_trim(slice_split(&content_type, ';'));
    return slice_is_nocase(type, SLICE("application/octet-stream")) ||
           slice_is_nocase(type, SLICE("application/cloudevents+protobuf"));
}

#define USUAL_MEMBERS 512                   /* bytes of an envelope beside its data */

/* A further member, never the first; what leads to it is one piece: ,"name": */
static void add_member(struct text *t, struct trb_slice lead, struct trb_slice value)
{
    text_add(t, lead);
    text_add_json(t, value, true);
}

#define member(t, name, value) add_member(t, SLICE(",\"" name "\":"), value)

static void begin_base64(struct text *t, struct trb_slice data)
{
    char *coded = mem_alloc(base64_encoded_len(data.len, true) + 1);
    size_t len = base64_encode(data, true, coded);
    text_adds(t, "{\"data_base64\":\"");
    text_add(t, slice_from(coded, len));
    text_addc(t, '"');
    mem_free(coded);
}

/* --------------------------------------------------------------------------------- new events */
/* A document as deep as our reader goes would be too deep inside an event: nobody could read it. */
static bool is_too_deep(struct trb_slice json)
{
    uint32_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; json.len > 2 * JSON_MAX_DEPTH - 2 && i < json.len && depth < JSON_MAX_DEPTH; i++) {
        char c = json.at[i];
        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text)
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
    return depth == JSON_MAX_DEPTH;
}

static void begin_data(struct text *t, const struct envelope *e)
{
    struct json_value v;
    struct json_fault fault;
    if (is_binary_type(e->content_type)) {
        begin_base64(t, e->data);
        return;
    }
    text_adds(t, "{\"data\":");
    if (is_json_type(e->content_type) && json_parse(e->data, &v, &fault) && !is_too_deep(e->data))
        json_canonical(v, t);
    else
        text_add_json(t, e->data, true);
}

/* Whole seconds or a duration, up to some sixty years. */
static bool ttl_parse(struct trb_slice ttl, int64_t *ret_ns)
{
    int64_t seconds;
    if (!slice_to_i64(ttl, &seconds))
        return clock_parse_duration(ttl, ret_ns) && *ret_ns >= 0 && *ret_ns < INT32_MAX * (int64_t)CLOCK_S;
    if (seconds < 0 || seconds >= INT32_MAX)
        return false;
    *ret_ns = seconds * (int64_t)CLOCK_S;
    return true;
}

/* When the product cannot expire messages the event says itself until when it counts. */
static struct trb_slice expiration(const struct envelope *e, char room[CLOCK_TEXT])
{
    struct trb_slice ttl = pair_get(&e->metadata, "ttlInSeconds");
    int64_t ns;
    if (!ttl.at)
        ttl = pair_get(&e->metadata, "ttl");
    if (e->has_ttl_support || !ttl.len || !ttl_parse(ttl, &ns))
        return (struct trb_slice){NULL, 0};
    return slice_from(room, clock_rfc3339(clock_wall_ns() + ns, room));
}

static struct trb_slice chosen(const struct envelope *e, const char *key, struct trb_slice otherwise)
{
    struct trb_slice over = pair_get(&e->metadata, key);
    return over.len ? over : otherwise;
}

static void write_new(const struct envelope *e, struct text *t)
{
    char id[UUID_TEXT], now[CLOCK_TEXT], room[CLOCK_TEXT];
    struct trb_slice until = expiration(e, room), subject = pair_get(&e->metadata, "cloudevent.subject");
    struct trb_slice trace = chosen(e, "cloudevent.traceparent", chosen(e, "cloudevent.traceid", e->trace_parent));
    size_t now_len = clock_rfc3339_local(clock_wall_ns(), now);
    uuid_v4(id);
    text_room(t, e->data.len + USUAL_MEMBERS);
    begin_data(t, e);
    member(t, "datacontenttype", e->content_type.len ? e->content_type : SLICE("text/plain"));
    if (until.at)
        member(t, "expiration", until);
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
static bool lacks(struct json_value event, const char *name)
{
    return json_find(event, slice_of(name)).kind == JSON_NONE;
}

#define complete(t, event, name, value)                                                                                \
    do {                                                                                                               \
        if (lacks(event, name))                                                                                        \
            member(t, name, value);                                                                                    \
    } while (0)

static void complete_trace(const struct envelope *e, struct text *t, struct json_value event)
{
    struct json_value id = json_find(event, SLICE("traceid"));
    if (id.kind == JSON_NONE) {
        member(t, "traceid", e->trace_parent);
        member(t, "traceparent", e->trace_parent);
    } else if (id.kind == JSON_STRING && lacks(event, "traceparent")) {
        text_adds(t, ",\"traceparent\":");
        text_add(t, id.raw);
    }
    complete(t, event, "tracestate", e->trace_state);
}

/* The given members first, then ours: of two with one name the last stays when they are put in order. */
static void write_completed(const struct envelope *e, struct text *t, struct json_value event)
{
    struct json_value merged;
    struct json_fault fault;
    struct text all = {0};
    char now[CLOCK_TEXT], room[CLOCK_TEXT];
    struct trb_slice until = expiration(e, room);
    size_t now_len = clock_rfc3339_local(clock_wall_ns(), now);
    text_adds(&all, "{\"pubsubname\":\"\"");
    if (slice_trim(slice_from(event.raw.at + 1, event.raw.len - 2)).len) {
        text_addc(&all, ',');
        text_add(&all, slice_from(event.raw.at + 1, event.raw.len - 2));
    }
    member(&all, "topic", e->topic);
    member(&all, "pubsubname", e->pubsub);
    complete(&all, event, "time", slice_from(now, now_len));
    complete(&all, event, "source", SLICE("Dapr"));
    complete(&all, event, "type", SLICE("com.dapr.event.sent"));
    complete(&all, event, "specversion", SLICE("1.0"));
    complete_trace(e, &all, event);
    if (until.at)
        member(&all, "expiration", until);
    text_addc(&all, '}');
    if (json_parse(text_slice(&all), &merged, &fault))
        json_canonical(merged, t);
    text_fini(&all);
}

bool envelope_read(struct trb_slice bytes, struct json_value *ret_event, struct json_fault *fault)
{
    if (!json_parse(bytes, ret_event, fault))
        return false;
    if (ret_event->kind == JSON_OBJECT)
        return true;
    *fault = (struct json_fault){0};
    snprintf(fault->message, sizeof fault->message,
             "json: cannot unmarshal %s into Go value of type map[string]interface {}", json_kind_name(*ret_event));
    return false;
}

bool envelope_write(const struct envelope *e, struct text *t, struct json_fault *fault)
{
    struct json_value event;
    if (!is_cloud_event_type(e->content_type)) {
        write_new(e, t);
        return true;
    }
    if (!envelope_read(e->data, &event, fault))
        return false;
    write_completed(e, t, event);
    return true;
}

/* ------------------------------------------------------------------------ messages that are none */
void envelope_wrap_raw(const struct trb_pubsub_event *event, struct trb_slice pubsub, struct trb_slice topic,
                       struct text *t)
{
    static const struct {
        const char *name;
        struct trb_slice lead;
    } traces[] = {{"traceid", {",\"traceid\":", 11}}, {"traceparent", {",\"traceparent\":", 15}},
                  {"tracestate", {",\"tracestate\":", 14}}};
    char id[UUID_TEXT];
    uuid_v4(id);
    begin_base64(t, slice_from(event->data.at ? event->data.at : "", event->data.len));
    member(t, "datacontenttype", SLICE("application/octet-stream"));
    member(t, "id", slice_of(id));
    member(t, "pubsubname", pubsub);
    member(t, "source", SLICE("Dapr"));
    member(t, "specversion", SLICE("1.0"));
    member(t, "topic", topic);
    for (uint32_t i = 0; i < 3; i++) {
        struct trb_slice value = pair_get(&event->metadata, traces[i].name);
        if (value.at)
            add_member(t, traces[i].lead, value);
    }
    member(t, "type", SLICE("com.dapr.event.sent"));
    text_addc(t, '}');
}

bool envelope_is_binary(const struct trb_pairs *metadata)
{
    struct trb_name type = trb_pair_get(metadata, "content-type");
    return is_binary_type(slice_name(type)) && trb_pair_get(metadata, "ce_id").at;
}

/* Never sent: only rules look at it. */
void envelope_from_binary(const struct trb_pubsub_event *event, struct trb_slice pubsub, struct trb_slice topic,
                          struct text *t)
{
    text_adds(t, "{\"pubsubname\":");
    text_add_json(t, pubsub, true);
    for (uint32_t i = 0; i < event->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&event->metadata, i);
        if (!slice_starts_nocase(slice_name(p->key), SLICE("ce_")))
            continue;
        text_addc(t, ',');
        text_add_json(t, slice_skip(slice_name(p->key), 3), true);
        text_addc(t, ':');
        text_add_json(t, slice_name(p->value), true);
    }
    member(t, "topic", topic);
    text_addc(t, '}');
}

bool envelope_is_expired(struct json_value event)
{
    struct json_value v = json_find(event, SLICE("expiration"));
    int64_t until_ns;
    if (v.kind != JSON_STRING || v.raw.len < 2)
        return false;
    return clock_parse_rfc3339(slice_from(v.raw.at + 1, v.raw.len - 2), &until_ns) && until_ns <= clock_wall_ns();
}
