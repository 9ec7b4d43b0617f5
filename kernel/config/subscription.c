/* subscription: both versions of a Subscription in one form. */
#include <base/slice.h>
#include <config/resource_kinds.h>
#include <config/subscription.h>

static void add_rule(struct subscription *s, struct trb_name match, struct trb_name path)
{
    s->rules[s->rule_count++] = (struct subscription_rule){field_or_empty(match), field_or_empty(path)};
}

static void read_rules(struct fields *f, struct subscription *s, struct yaml_node *spec)
{
    bool is_old = slice_is(slice_name(s->head.api_version), SLICE("dapr.io/v1alpha1"));
    struct yaml_node *routes = is_old ? NULL : field_mapping(f, spec, "spec.routes");
    struct yaml_node *rules = field_list(f, routes, "spec.routes.rules");
    struct trb_name rest = is_old ? field_text(f, spec, "spec.route")
                                  : field_text(f, routes, "spec.routes.default");
    s->rules = arena_zero(f->arena, (field_count(rules) + 1) * sizeof s->rules[0]);
    for (uint32_t i = 0; i < field_count(rules); i++) {
        struct yaml_node *rule = field_item(f, rules, i, "spec.routes.rules");
        if (rule)
            add_rule(s, field_text(f, rule, "spec.routes.rules.match"),
                     field_text(f, rule, "spec.routes.rules.path"));
    }
    if (rest.len)
        add_rule(s, (struct trb_name){0}, rest);
}

static void warn_of_gaps(const struct subscription *s, const struct resource_query *q)
{
    const struct resource *r = &s->head;
    if (!s->pubsub.len || !s->topic.len)
        resource_warn(q, "%s:%u: Subscription %s has no %s", r->place.file, r->place.line, r->name.at,
                      s->pubsub.len ? "spec.topic" : "spec.pubsubname");
    else if (!s->rule_count)
        resource_warn(q, "%s:%u: Subscription %s has no route", r->place.file, r->place.line, r->name.at);
}

void subscription_read(struct fields *f, struct resource *r, const struct resource_query *q)
{
    struct subscription *s = subscription_of(r);
    struct yaml_node *spec = field_mapping(f, r->root, "spec");
    struct yaml_node *bulk = field_mapping(f, spec, "spec.bulkSubscribe");
    s->pubsub = field_or_empty(field_text(f, spec, "spec.pubsubname"));
    s->topic = field_or_empty(field_text(f, spec, "spec.topic"));
    s->dead_letter_topic = field_text(f, spec, "spec.deadLetterTopic");
    if (!s->dead_letter_topic.len)
        s->dead_letter_topic = (struct trb_name){0};
    s->metadata = field_pairs(f, spec, "spec.metadata");
    s->bulk = field_bool(f, bulk, "spec.bulkSubscribe.enabled", false);
    s->bulk_max_messages = field_int(f, bulk, "spec.bulkSubscribe.maxMessagesCount", 0);
    s->bulk_max_await_ms = field_int(f, bulk, "spec.bulkSubscribe.maxAwaitDurationMs", 0);
    read_rules(f, s, spec);
    if (!f->fault.at)
        warn_of_gaps(s, q);
}

/* --------------------------------------------------------------------------------------- as JSON */
static void write_text(struct text *t, const char *before, struct trb_name value)
{
    text_adds(t, before);
    text_add_json(t, slice_name(value), true);
}

static void write_routes(const struct subscription *s, struct text *t)
{
    text_adds(t, ",\"routes\":{\"rules\":[");
    for (uint32_t i = 0; i < s->rule_count; i++) {
        write_text(t, i ? ",{\"match\":" : "{\"match\":", s->rules[i].match);
        write_text(t, ",\"path\":", s->rules[i].path);
        text_addc(t, '}');
    }
    text_adds(t, "]}");
}

static void write_pairs(const struct trb_pairs *pairs, struct text *t)
{
    text_adds(t, ",\"metadata\":{");
    for (uint32_t i = 0; i < pairs->count; i++) {
        write_text(t, i ? "," : "", trb_pair_at(pairs, i)->key);
        write_text(t, ":", trb_pair_at(pairs, i)->value);
    }
    text_addc(t, '}');
}

static void write_scopes(const struct resource *r, struct text *t)
{
    text_adds(t, ",\"scopes\":[");
    for (uint32_t i = 0; i < r->scope_count; i++)
        write_text(t, i ? "," : "", r->scopes[i]);
    text_addc(t, ']');
}

void subscription_write(const struct resource *r, struct trb_slice metadata, struct text *t)
{
    const struct subscription *s = (const struct subscription *)(const void *)r;
    text_adds(t, "{\"apiVersion\":\"dapr.io/v2alpha1\",\"kind\":\"Subscription\",\"metadata\":");
    text_add(t, metadata);
    write_text(t, ",\"spec\":{\"pubsubname\":", s->pubsub);
    write_text(t, ",\"topic\":", s->topic);
    write_routes(s, t);
    if (s->metadata.count)
        write_pairs(&s->metadata, t);
    if (s->dead_letter_topic.at)
        write_text(t, ",\"deadLetterTopic\":", s->dead_letter_topic);
    if (s->bulk || s->bulk_max_messages || s->bulk_max_await_ms)
        text_addf(t,
                  ",\"bulkSubscribe\":{\"enabled\":%s,\"maxMessagesCount\":%lld,"
                  "\"maxAwaitDurationMs\":%lld}",
                  s->bulk ? "true" : "false", (long long)s->bulk_max_messages,
                  (long long)s->bulk_max_await_ms);
    text_addc(t, '}');
    if (r->scope_count)
        write_scopes(r, t);
    text_addc(t, '}');
}
