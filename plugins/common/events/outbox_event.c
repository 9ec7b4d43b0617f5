/* outbox_event: see outbox_event.h. Members are appended and put in order afterwards, where of two with one name the
 * last counts. */
#include "outbox_event.h"

static void member(struct text *t, struct trb_slice name, struct trb_slice value)
{
    text_addc(t, ',');
    text_add_json(t, name, true);
    text_addc(t, ':');
    text_add_json(t, value, true);
}

/* The whole object is in t, its last brace is missing. */
static void put_in_order(struct text *t, struct text *to)
{
    struct json_value all;
    struct json_fault fault;
    text_addc(t, '}');
    if (json_parse(text_slice(t), &all, &fault))
        json_canonical(all, to);
}

static void open_object(struct text *t, struct trb_slice object)
{
    struct trb_slice inner = slice_trim(slice_from(object.at + 1, object.len - 2));
    text_adds(t, "{\"id\":\"\"");
    if (inner.len) {
        text_addc(t, ',');
        text_add(t, inner);
    }
}

static bool is_own(struct trb_name key)
{
    return slice_is(slice_name(key), SLICE("data")) || slice_is(slice_name(key), SLICE("id"));
}

static void add_metadata(struct text *t, const struct trb_pairs *metadata)
{
    for (uint32_t i = 0; i < metadata->count; i++) {
        const struct trb_pair *p = trb_pair_at(metadata, i);
        if (!is_own(p->key))
            member(t, slice_name(p->key), slice_name(p->value));
    }
}

/* What a JSON text says: a string without its quotes, anything else as it is written. */
static struct trb_slice said(struct arena *scratch, const struct outbox_event *e)
{
    struct json_value v;
    struct json_fault fault;
    if (!e->is_json || is_json_type(e->content_type) || is_cloud_event_type(e->content_type) ||
        !json_parse(e->value, &v, &fault) || v.kind != JSON_STRING)
        return e->value;
    return json_text(scratch, v);
}

static bool write_plain(const struct outbox_event *e, struct text *t, struct json_fault *fault)
{
    struct arena *scratch = arena_create(SIZE_MAX);
    struct envelope plain = {
        .topic = SLICE(""), .pubsub = e->broker, .content_type = e->content_type, .data = said(scratch, e),
        .metadata = {NULL, 0, sizeof(struct trb_pair)}, .source = e->source, .trace_parent = e->trace_parent,
        .trace_state = e->trace_state, .has_ttl_support = true};
    bool fine = envelope_write(&plain, t, fault);
    arena_destroy(scratch);
    return fine;
}

bool outbox_event_write(const struct outbox_event *e, struct text *t, struct json_fault *fault)
{
    struct text plain = {0}, all = {0};
    bool fine = write_plain(e, &plain, fault);
    if (fine) {
        open_object(&all, text_slice(&plain));
        if (!is_cloud_event_type(e->content_type))
            member(&all, SLICE("traceparent"), SLICE(""));
        add_metadata(&all, &e->metadata);
        member(&all, SLICE("id"), e->id);
        put_in_order(&all, t);
    }
    text_fini(&plain);
    text_fini(&all);
    return fine;
}

struct trb_slice outbox_event_key(struct json_value event)
{
    struct json_value id = json_find(event, SLICE("id"));
    struct trb_slice text = id.kind == JSON_STRING ? slice_from(id.raw.at + 1, id.raw.len - 2) : SLICE("");
    bool is_plain = slice_starts(text, SLICE(OUTBOX_KEY)) && !memchr(text.at, '\\', text.len);
    return is_plain ? text : (struct trb_slice){NULL, 0};
}

void outbox_event_readdress(struct json_value event, struct trb_slice pubsub, struct trb_slice topic, struct text *t)
{
    struct text all = {0};
    open_object(&all, event.raw);
    member(&all, SLICE("pubsubname"), pubsub);
    member(&all, SLICE("topic"), topic);
    put_in_order(&all, t);
    text_fini(&all);
}
