/* resiliency: reading a Resiliency up to its first fault. */
#include <base/clock.h>
#include <base/slice.h>
#include <config/resiliency.h>
#include <config/resiliency_codes.h>
#include <config/resource_kinds.h>
#include <stdarg.h>

static void refuse(struct fields *f, const struct yaml_node *at, const char *format, ...) TRB_PRINTF(3, 4);

/* The sentence others know comes first, where it stands behind it. */
static void refuse(struct fields *f, const struct yaml_node *at, const char *format, ...)
{
    if (f->fault.at)
        return;
    va_list args;
    va_start(args, format);
    struct trb_name what = arena_vprintf(f->arena, format, args);
    va_end(args);
    f->fault = arena_printf(f->arena, "%s (%s)", what.at, yaml_place_text(f->arena, at->place));
}

/* An integer is milliseconds. */
static bool parse_duration(struct trb_name text, int64_t *ret_ns)
{
    int64_t ms;
    if (slice_to_i64(slice_name(text), &ms))
        return !__builtin_mul_overflow(ms, (int64_t)CLOCK_MS, ret_ns);
    return clock_parse_duration(slice_name(text), ret_ns);
}

/* -------------------------------------------------------------------------------------- policies */
static void read_timeouts(struct fields *f, struct resiliency *r, struct yaml_node *policies)
{
    static const char path[] = "spec.policies.timeouts";
    struct yaml_node *from = field_mapping(f, policies, path);
    r->timeouts = arena_zero(f->arena, (field_count(from) + 1) * sizeof r->timeouts[0]);
    for (uint32_t i = 0; i < field_count(from) && !f->fault.at; i++) {
        struct resiliency_timeout *t = &r->timeouts[r->timeout_count];
        struct trb_name text = field_or_empty(field_entry_text(f, from, i, path));
        t->name = field_key(f->arena, from, i);
        if (!f->fault.at && !parse_duration(text, &t->ns))
            refuse(f, from->pairs[i].value, "invalid duration \"%s\", %s: %s", t->name.at, text.at,
                   duration_fault(f->arena, slice_name(text)).at);
        r->timeout_count += !f->fault.at;
    }
}

struct policy {                                        /* a named mapping of policies */
    struct trb_name name;
    const char *what;                                  /* "retry" */
    struct yaml_node *node;                            /* NULL: nothing but its name */
};

static int64_t read_duration(struct fields *f, const struct policy *p, const char *key, int64_t fallback)
{
    struct trb_name text = field_text(f, p->node, key);
    int64_t ns = fallback;
    if (text.len && !parse_duration(text, &ns))
        refuse(f, yaml_get_nocase(p->node, key), "invalid %s configuration \"%s\": %s: %s", p->what,
               p->name.at, key, duration_fault(f->arena, slice_name(text)).at);
    return ns;
}

static bool read_back_off(struct fields *f, const struct policy *p)
{
    struct trb_name text = field_text(f, p->node, "policy");
    bool is_exponential = slice_is_nocase(slice_name(text), SLICE("exponential"));
    if (text.len && !is_exponential && !slice_is_nocase(slice_name(text), SLICE("constant")))
        refuse(f, yaml_get_nocase(p->node, "policy"), "unexpected back off policy type: %s", text.at);
    return is_exponential;
}

static void read_codes(struct fields *f, const struct yaml_node *matching, const char *key, uint32_t low,
                       uint32_t high, struct code_ranges *ret_ranges)
{
    struct trb_name list = field_text(f, matching, key);
    if (!list.len)
        return;
    struct trb_name fault = code_ranges_parse(f->arena, slice_name(list), low, high, ret_ranges);
    if (fault.at)
        refuse(f, yaml_get_nocase(matching, key), "%s", fault.at);
}

static void read_retry(struct fields *f, const struct policy *p, struct resiliency_retry *r)
{
    struct yaml_node *matching = field_mapping(f, p->node, "matching");
    r->name = p->name;
    r->is_exponential = read_back_off(f, p);
    r->duration_ns = read_duration(f, p, "duration", 5 * (int64_t)CLOCK_S);
    r->max_interval_ns = read_duration(f, p, "maxInterval", 60 * (int64_t)CLOCK_S);
    r->max_retries = field_int(f, p->node, "maxRetries", -1);
    read_codes(f, matching, "httpStatusCodes", 100, 599, &r->http);
    read_codes(f, matching, "gRPCStatusCodes", 0, 16, &r->grpc);
}

static void read_breaker(struct fields *f, const struct policy *p, struct resiliency_breaker *b)
{
    b->name = p->name;
    b->max_requests = field_uint(f, p->node, "maxRequests", 1);
    b->interval_ns = read_duration(f, p, "interval", 0);
    b->timeout_ns = read_duration(f, p, "timeout", 60 * (int64_t)CLOCK_S);
    b->trip = field_text(f, p->node, "trip");
    if (!b->max_requests)
        b->max_requests = 1;
    if (b->timeout_ns <= 0)
        b->timeout_ns = 60 * (int64_t)CLOCK_S;
    if (!b->trip.len)
        b->trip = (struct trb_name){0};
}

static void read_retries(struct fields *f, struct resiliency *r, struct yaml_node *policies)
{
    static const char path[] = "spec.policies.retries";
    struct yaml_node *from = field_mapping(f, policies, path);
    r->retries = arena_zero(f->arena, (field_count(from) + 1) * sizeof r->retries[0]);
    for (uint32_t i = 0; i < field_count(from) && !f->fault.at; i++) {
        struct policy p = {field_key(f->arena, from, i), "retry", field_entry(f, from, i, path)};
        read_retry(f, &p, &r->retries[r->retry_count]);
        r->retry_count += !f->fault.at;
    }
}

static void read_breakers(struct fields *f, struct resiliency *r, struct yaml_node *policies)
{
    static const char path[] = "spec.policies.circuitBreakers";
    struct yaml_node *from = field_mapping(f, policies, path);
    r->breakers = arena_zero(f->arena, (field_count(from) + 1) * sizeof r->breakers[0]);
    for (uint32_t i = 0; i < field_count(from) && !f->fault.at; i++) {
        struct policy p = {field_key(f->arena, from, i), "circuit breaker", field_entry(f, from, i, path)};
        read_breaker(f, &p, &r->breakers[r->breaker_count]);
        r->breaker_count += !f->fault.at;
    }
}

/* --------------------------------------------------------------------------------------- targets */
static struct trb_name policy_name(struct fields *f, const struct yaml_node *node, const char *key)
{
    struct trb_name name = field_text(f, node, key);
    return name.len ? name : (struct trb_name){0};
}

/* Being named is enough to be a target. */
static struct resiliency_target *add_target(struct fields *f, struct resiliency *r, uint32_t of,
                                            struct trb_name name, const struct yaml_node *node)
{
    struct resiliency_target *t = &r->targets[r->target_count];
    *t = (struct resiliency_target){
        .of = of, .name = name, .timeout = policy_name(f, node, "timeout"),
        .retry = policy_name(f, node, "retry"), .breaker = policy_name(f, node, "circuitBreaker")};
    r->target_count += !f->fault.at;
    return t;
}

static void read_cache(struct fields *f, struct resiliency_target *t, const struct yaml_node *node,
                       uint32_t usual)
{
    uint32_t size = field_uint(f, node, "circuitBreakerCacheSize", usual);
    t->breaker_cache = size ? size : usual;
}

static void read_scope(struct fields *f, struct resiliency_target *t, const struct yaml_node *node)
{
    static const char *const words[] = {[BREAKER_SCOPE_TYPE] = "type", [BREAKER_SCOPE_ID] = "id",
                                        [BREAKER_SCOPE_BOTH] = "both"};
    struct trb_name word = field_text(f, node, "circuitBreakerScope");
    for (uint32_t i = BREAKER_SCOPE_TYPE; i <= BREAKER_SCOPE_BOTH; i++)
        if (slice_is(slice_name(word), slice_of(words[i])))
            t->breaker_scope = i;
    if (!t->breaker.at || t->breaker_scope)
        return;
    if (word.len)
        refuse(f, yaml_get_nocase(node, "circuitBreakerScope"), "unknown circuit breaker scope \"%s\"",
               word.at);
    else
        refuse(f, node, "actor circuit breakers must include scope");
}

static void read_app(struct fields *f, struct resiliency *r, struct trb_name name,
                     const struct yaml_node *node)
{
    read_cache(f, add_target(f, r, TARGET_APP, name, node), node, 100);
}

static void read_actor(struct fields *f, struct resiliency *r, struct trb_name name,
                       const struct yaml_node *node)
{
    struct resiliency_target *t = add_target(f, r, TARGET_ACTOR, name, node);
    read_cache(f, t, node, 5000);
    read_scope(f, t, node);
}

static void read_component(struct fields *f, struct resiliency *r, struct trb_name name,
                           const struct yaml_node *node)
{
    add_target(f, r, TARGET_COMPONENT_INBOUND, name, field_mapping(f, node, "inbound"));
    add_target(f, r, TARGET_COMPONENT_OUTBOUND, name, field_mapping(f, node, "outbound"));
}

static void read_targets(struct fields *f, struct resiliency *r, struct yaml_node *spec)
{
    static const struct {
        const char *path;
        void (*read)(struct fields *, struct resiliency *, struct trb_name, const struct yaml_node *);
    } groups[] = {{"spec.targets.apps", read_app},
                  {"spec.targets.actors", read_actor},
                  {"spec.targets.components", read_component}};
    struct yaml_node *targets = field_mapping(f, spec, "spec.targets");
    struct yaml_node *from[3];
    uint32_t room = 1;
    for (uint32_t g = 0; g < 3; g++) {
        from[g] = field_mapping(f, targets, groups[g].path);
        room += 2 * field_count(from[g]);
    }
    r->targets = arena_zero(f->arena, room * sizeof r->targets[0]);
    for (uint32_t g = 0; g < 3; g++)
        for (uint32_t i = 0; i < field_count(from[g]) && !f->fault.at; i++)
            groups[g].read(f, r, field_key(f->arena, from[g], i), field_entry(f, from[g], i, groups[g].path));
}

void resiliency_read(struct fields *f, struct resource *head, const struct resource_query *q)
{
    struct resiliency *r = resiliency_of(head);
    if (f->fault.at)
        return;
    struct yaml_node *spec = field_mapping(f, head->root, "spec");
    struct yaml_node *policies = field_mapping(f, spec, "spec.policies");
    read_timeouts(f, r, policies);
    read_retries(f, r, policies);
    read_breakers(f, r, policies);
    read_targets(f, r, spec);
    if (!f->fault.at)
        return;
    r->fault = arena_printf(f->arena, "Could not read resiliency policy %s: %s", head->name.at, f->fault.at);
    f->fault = (struct trb_name){0};
}
