/* subscription: one of them, from the JSON of a resource or of the app; http-api.md 5.3. */
#include "pubsub_block.h"
#include <base/clock.h>
#include <base/mem.h>

#define BULK_MAX 100u
#define BULK_WAIT_MS 1000u

struct subscription *subscription_unref(struct subscription *s)
{
    if (!s || --s->refs)
        return NULL;
    for (uint32_t i = 0; i < s->rule_count; i++)
        cel_destroy(s->rules[i].program);
    session_unref(s->session);
    arena_destroy(s->keep);
    return mem_free(s);
}

static struct trb_name text_member(struct subscription *s, struct json_value object, const char *name)
{
    struct json_value v = json_find_nocase(object, slice_of(name));
    return v.kind == JSON_STRING ? json_name(s->keep, v) : NAME("");
}

static uint64_t number_member(struct json_value object, const char *name, uint64_t otherwise)
{
    uint64_t n = 0;
    struct json_value v = json_find_nocase(object, slice_of(name));
    return v.kind == JSON_NUMBER && slice_to_u64(v.raw, &n) && n && n <= INT32_MAX ? n : otherwise;
}

/* -------------------------------------------------------------------------------------- rules */
static struct rule *add_rule(struct subscription *s, struct trb_name match, struct trb_name path)
{
    s->rules[s->rule_count] = (struct rule){.match = match, .path = path};
    return &s->rules[s->rule_count++];
}

static bool take_rule(struct subscription *s, struct json_value v, struct fault *ret_fault)
{
    static const char *const names[] = {"event", NULL};
    struct rule *r = add_rule(s, text_member(s, v, "match"), text_member(s, v, "path"));
    if (!slice_trim(slice_name(r->match)).len) {
        r->match.len = 0;
        return true;
    }
    r->program = cel_compile(slice_name(r->match), names, ret_fault->text, sizeof ret_fault->text);
    ret_fault->is_match = !r->program;
    return r->program;
}

static bool take_rules(struct subscription *s, struct json_value rules, struct fault *ret_fault)
{
    struct json_value v;
    if (rules.kind != JSON_ARRAY)
        return true;
    for (struct json_cursor c = json_enter(rules); json_next(&c, &v);)
        if (!take_rule(s, v, ret_fault))
            return false;
    return true;
}

/* Rules in order, then one for everything else: routes.default, or route. */
static bool take_routes(struct subscription *s, struct json_value all, struct fault *ret_fault)
{
    struct json_value routes = json_find_nocase(all, SLICE("routes"));
    struct json_value rules = json_find_nocase(routes, SLICE("rules"));
    struct trb_name otherwise = text_member(s, routes, "default");
    s->rules = arena_zero(s->keep, (json_count(rules) + 1) * sizeof *s->rules);
    if (!take_rules(s, rules, ret_fault))
        return false;
    if (!otherwise.len)
        otherwise = text_member(s, all, "route");
    if (otherwise.len)
        add_rule(s, NAME(""), otherwise);
    return true;
}

bool subscription_path(const struct subscription *s, struct json_value event, struct trb_slice *ret_path,
                       struct fault *ret_fault)
{
    const struct cel_variable variable = {SLICE("event"), event};
    *ret_path = (struct trb_slice){NULL, 0};
    for (uint32_t i = 0; i < s->rule_count && !ret_path->at; i++) {
        const struct rule *r = &s->rules[i];
        int verdict = r->program ? cel_test(r->program, &variable, 1, ret_fault->text, sizeof ret_fault->text) : 1;
        if (verdict < 0)
            return false;
        if (verdict)
            *ret_path = slice_name(r->path);
    }
    return true;
}

/* ----------------------------------------------------------------------------------- the rest */
static void take_metadata(struct subscription *s, struct json_value all)
{
    struct json_value v;
    struct trb_slice raw;
    uint32_t n = 0;
    s->metadata.stride = sizeof(struct trb_pair);
    if (all.kind != JSON_OBJECT)
        return;
    for (struct json_cursor c = json_enter(all); json_member(&c, &raw, &v);)
        n++;
    struct trb_pair *pairs = arena_alloc(s->keep, (n + 1) * sizeof *pairs);
    n = 0;
    for (struct json_cursor c = json_enter(all); json_member(&c, &raw, &v); n++)
        pairs[n] = (struct trb_pair){json_name(s->keep, (struct json_value){JSON_STRING, raw}),
                                     v.kind == JSON_STRING ? json_name(s->keep, v) : arena_name(s->keep, v.raw)};
    s->metadata.at = pairs;
    s->metadata.count = n;
    boolean_parse(slice_name(trb_pair_get(&s->metadata, "rawPayload")), &s->is_raw);
}

static void take_bulk(struct subscription *s, struct json_value bulk)
{
    s->is_bulk = json_find_nocase(bulk, SLICE("enabled")).kind == JSON_TRUE;
    s->bulk_max = (uint32_t)number_member(bulk, "maxMessagesCount", BULK_MAX);
    s->bulk_wait_ns = number_member(bulk, "maxAwaitDurationMs", BULK_WAIT_MS) * CLOCK_MS;
}

static bool is_named(const struct subscription *s, struct fault *ret_fault)
{
    if (!s->pubsub.len || !s->topic.len)
        snprintf(ret_fault->text, sizeof ret_fault->text, "a subscription names no %s", s->pubsub.len ? "topic" : "pubsubname");
    return s->pubsub.len && s->topic.len;
}

/* An app that speaks gRPC needs no path to be called. */
static bool has_route(struct subscription *s, const struct trb_kernel *k)
{
    if (!s->rule_count && s->origin == PROGRAMMATIC && app_speaks_grpc(k))
        add_rule(s, NAME(""), NAME(""));
    if (!s->rule_count)
        say(k, TRB_LOG_WARN, "topic %s has an empty routes. removing from subscriptions list", s->topic.at);
    return s->rule_count > 0;
}

struct subscription *subscription_create(const struct trb_kernel *k, struct trb_slice json, uint32_t origin,
                                         struct fault *ret_fault)
{
    struct subscription *s = mem_zero(sizeof *s);
    struct json_value all;
    struct json_fault fault;
    s->refs = 1;
    s->keep = arena_create(SIZE_MAX);
    s->origin = origin;
    s->source = slice_name(arena_name(s->keep, json));
    *ret_fault = (struct fault){0};
    if (!envelope_read(s->source, &all, &fault)) {
        snprintf(ret_fault->text, sizeof ret_fault->text, "%s", fault.message);
        return subscription_unref(s);
    }
    s->pubsub = text_member(s, all, "pubsubname");
    s->topic = text_member(s, all, "topic");
    s->dead_letter = text_member(s, all, "deadLetterTopic");
    take_metadata(s, json_find_nocase(all, SLICE("metadata")));
    take_bulk(s, json_find_nocase(all, SLICE("bulkSubscribe")));
    if (!is_named(s, ret_fault) || !take_routes(s, all, ret_fault) || !has_route(s, k))
        return subscription_unref(s);
    return s;
}
