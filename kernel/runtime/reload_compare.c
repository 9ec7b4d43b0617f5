/* reload_compare: what the folders want, against what is loaded. What somebody has given or taken away
 * through the admin listener stays so until its own document changes. */
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/inside.h>

static const uint32_t order[] = {RESOURCE_COMPONENT,     RESOURCE_SUBSCRIPTION, RESOURCE_MCP_SERVER, RESOURCE_WORKFLOW_POLICY,
                                 RESOURCE_HTTP_ENDPOINT, RESOURCE_RESILIENCY,   RESOURCE_CONFIGURATION};

static bool is_same(const struct resource *a, const struct resource *b)
{
    return a && b && !memcmp(a->print, b->print, sizeof a->print);
}

/* As the folders had it when they were read last. */
static struct resource *last_read(struct runtime *rt, const struct resource *r)
{
    return resource_set_find(rt->resources.set, r->kind, slice_name(r->name));
}

/* A failed one that nobody tries again by itself counts as not there, so that it is tried now. */
static bool counts(const struct entry *e)
{
    return e->state != ENTRY_LEAVING && !e->is_behind && (e->state != ENTRY_FAILED || timer_is_armed(&e->again));
}

static struct resource_list loaded_components(struct runtime *rt)
{
    struct resource_list list = {0};
    uint32_t room = 0;
    list_each(node, &rt->components.entries)
        room++;
    list.at = mem_zero((room + 1) * sizeof list.at[0]);
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (counts(e))
            list.at[list.count++] = &e->component->head;
    }
    return list;
}

static bool is_component_change(struct runtime *rt, const struct change *c)
{
    const struct resource *r = c->new_ ? c->new_ : c->old;
    struct entry *e = components_find(rt, slice_name(r->name));
    if (c->what == CHANGE_ADDED)
        return e || map_get(&rt->reload.owed, slice_name(r->name)) || !is_same(last_read(rt, r), r);
    if (!e || !e->is_given)
        return true;
    return c->what == CHANGE_REMOVED ? last_read(rt, r) != NULL : !is_same(last_read(rt, r), r);
}

/* With --reload=safe a file with a fault in it takes nothing away. */
static bool is_held(struct runtime *rt, const struct resource_set *fresh, const struct change *c)
{
    if (!rt->setup.flags->reload_safe || c->what != CHANGE_REMOVED || !resource_set_is_incomplete(fresh, c->old->place.file))
        return false;
    log_error(RELOAD_SCOPE, "%s %s stays as it is: %s is empty, or not all of it can be read",
              resource_kind_name(c->old->kind), c->old->log_name.at, c->old->place.file);
    return true;
}

static bool is_wanted(struct runtime *rt, const struct resource_set *fresh, const struct change *c)
{
    const struct resource *r = c->new_ ? c->new_ : c->old;
    return (r->kind != RESOURCE_COMPONENT || is_component_change(rt, c)) && !is_held(rt, fresh, c);
}

static bool has_secrets(const struct resource *r)
{
    for (uint32_t i = 0; i < r->property_count; i++)
        if (r->properties[i].secret_name.len)
            return true;
    return false;
}

/* An MCPServer's secrets may have changed although its document has not. */
static void add_rotated(struct runtime *rt, const struct resource_set *fresh)
{
    const struct resource_list *list = &fresh->of[RESOURCE_MCP_SERVER];
    for (uint32_t i = 0; i < list->count; i++) {
        struct resource *old = last_read(rt, list->at[i]);
        if (is_same(old, list->at[i]) && has_secrets(old))
            reload_append(rt, CHANGE_UPDATED, old, list->at[i]);
    }
}

static bool is_in_place(uint32_t kind)
{
    return kind != RESOURCE_HTTP_ENDPOINT && kind != RESOURCE_RESILIENCY && kind != RESOURCE_CONFIGURATION;
}

void reload_compare(struct runtime *rt, const struct resource_set *fresh, uint32_t why)
{
    struct resource_set loaded = *rt->resources.set;
    struct change_list found[countof(order)] = {0};
    loaded.of[RESOURCE_COMPONENT] = loaded_components(rt);
    for (size_t k = 0; k < countof(order); k++)
        if ((why & RELOAD_EVENT) || is_in_place(order[k]) || rt->setup.flags->reload_safe)
            found[k] = changes_between(&loaded, fresh, order[k]);
    for (uint32_t what = CHANGE_REMOVED; what <= CHANGE_ADDED; what++) {
        for (size_t k = 0; k < countof(order); k++)
            for (uint32_t i = 0; i < found[k].count; i++)
                if (found[k].at[i].what == what && is_wanted(rt, fresh, &found[k].at[i]))
                    reload_append(rt, what, found[k].at[i].old, found[k].at[i].new_);
        if (what == CHANGE_UPDATED)
            add_rotated(rt, fresh);
    }
    for (size_t k = 0; k < countof(order); k++)
        change_list_fini(&found[k]);
    mem_free(loaded.of[RESOURCE_COMPONENT].at);
}
