/* component: reading a Component, and questions about its properties. */
#include <base/clock.h>
#include <base/slice.h>
#include <config/component.h>
#include <config/resource_kinds.h>
#include <ctype.h>

#define INIT_TIMEOUT_NS (5 * CLOCK_S)

static struct trb_name lower(struct arena *arena, struct trb_name from)
{
    char *at = arena_alloc(arena, from.len + 1);
    for (size_t i = 0; i < from.len; i++)
        at[i] = (char)tolower((unsigned char)from.at[i]);
    at[from.len] = 0;
    return (struct trb_name){at, from.len};
}

static uint64_t read_timeout(const struct component *c, struct trb_name text, const struct resource_query *q)
{
    int64_t ns;
    if (!text.len)
        return INIT_TIMEOUT_NS;
    if (clock_parse_duration(slice_name(text), &ns) && ns > 0)
        return (uint64_t)ns;
    resource_warn(q, "%s:%u: spec.initTimeout of %s is no duration such as 10s: 5s counts",
                  c->head.place.file, c->head.place.line, c->head.log_name.at);
    return INIT_TIMEOUT_NS;
}

static bool names_namespace(const struct component *c)
{
    for (uint32_t i = 0; i < c->head.property_count; i++)
        if (slice_contains(slice_name(c->head.properties[i].value), SLICE("{namespace}")))
            return true;
    return false;
}

static void warn_of_unnamed(const struct resource *r, const struct resource_query *q)
{
    for (uint32_t i = 0; i < r->property_count; i++)
        if (!r->properties[i].name.len)
            resource_warn(q, "%s:%u: an item of spec.metadata of %s has no name, it is ignored",
                          r->properties[i].place.file, r->properties[i].place.line, r->log_name.at);
}

static void name_plugin(struct component *c, struct arena *arena)
{
    c->plugin = lower(arena, c->type);
    struct trb_slice rest = slice_name(c->plugin);
    c->block = arena_name(arena, slice_split(&rest, '.'));
    c->head.log_name = arena_printf(arena, "%s (%s%s%s)", c->head.name.at, c->type.at,
                                    c->version.len ? "/" : "", c->version.at);
}

void component_read(struct fields *f, struct resource *r, const struct resource_query *q)
{
    struct component *c = component_of(r);
    struct yaml_node *spec = field_mapping(f, r->root, "spec");
    struct yaml_node *items = field_list(f, spec, "spec.metadata");
    c->type = field_or_empty(field_text(f, spec, "spec.type"));
    c->version = field_or_empty(field_text(f, spec, "spec.version"));
    c->ignore_errors = field_bool(f, spec, "spec.ignoreErrors", false);
    name_plugin(c, f->arena);
    struct trb_name timeout = field_text(f, spec, "spec.initTimeout");
    r->secret_store = field_text(f, field_mapping(f, r->root, "auth"), "auth.secretStore");
    properties_reserve(f, r, field_count(items));
    properties_add(f, r, items, "spec.metadata");
    c->is_namespaced = names_namespace(c);
    if (f->fault.at)
        return;
    c->init_timeout_ns = read_timeout(c, timeout, q);
    warn_of_unnamed(r, q);
}

const struct property *component_property(const struct component *c, struct trb_slice name)
{
    for (uint32_t i = c->head.property_count; i-- > 0;)
        if (slice_is_nocase(slice_name(c->head.properties[i].name), name))
            return &c->head.properties[i];
    return NULL;
}

struct trb_name component_value(const struct component *c, struct trb_slice name)
{
    for (uint32_t i = c->resolved.count; i-- > 0;)
        if (slice_is_nocase(slice_name(c->resolved.at[i].key), name))
            return c->resolved.at[i].value;
    return (struct trb_name){0};
}

bool component_is_actor_store(const struct component *c)
{
    const struct property *p = component_property(c, SLICE("actorStateStore"));
    return p && p->value.at && slice_is_truthy(slice_name(p->value));
}

bool component_has_direction(const struct component *c, const char *direction)
{
    const struct property *p = component_property(c, SLICE("direction"));
    struct trb_slice rest = p ? slice_name(p->value) : (struct trb_slice){0};
    if (!rest.len)
        return true;
    while (rest.at)
        if (slice_is_nocase(slice_trim(slice_split(&rest, ',')), slice_of(direction)))
            return true;
    return false;
}
