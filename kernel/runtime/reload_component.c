/* reload_component: one component that is new, different or gone.
 *
 *     removed             close
 *     new                                   add
 *     different           resolve ──► the same after all: nothing
 *           --reload=dapr    └──► close ──► add
 *           --reload=safe    └──► the new one beside the old one (replace.h)
 */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/inside.h>
#include <runtime/replace.h>

static struct component *wanted(struct runtime *rt)
{
    return component_of(rt->reload.now.new_);
}

static struct trb_slice name_of_change(const struct runtime *rt)
{
    const struct change *c = &rt->reload.now;
    return slice_name((c->new_ ? c->new_ : c->old)->name);
}

static void done(struct runtime *rt)
{
    map_remove(&rt->reload.owed, name_of_change(rt));
    map_remove(&rt->reload.skipped, name_of_change(rt));
    reload_done(rt);
}

static void owe(struct runtime *rt)
{
    map_set(&rt->reload.owed, name_of_change(rt), rt);
}

/* --------------------------------------------------------------------------- its secrets have changed */
static bool is_store(const struct entry *e)
{
    return e && e->state == ENTRY_LIVE && slice_is(slice_name(e->component->block), SLICE("secretstores"));
}

static bool needs(struct runtime *rt, const struct resource *r, struct trb_slice store)
{
    struct trb_slice needed = resource_needs_store(r, &rt->resources.context);
    return needed.at && slice_is(needed, store);
}

/* Those that wait for the store start by themselves. */
static void refresh_users(struct runtime *rt)
{
    static const uint32_t kinds[] = {RESOURCE_HTTP_ENDPOINT, RESOURCE_MCP_SERVER};
    struct trb_slice store = name_of_change(rt);
    if (!rt->setup.flags->reload_safe || !is_store(components_find(rt, store)))
        return;
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (e->state == ENTRY_LIVE && !e->is_behind && needs(rt, &e->component->head, store))
            reload_append(rt, CHANGE_UPDATED, &e->component->head, &e->component->head);
    }
    for (size_t k = 0; k < countof(kinds); k++) {
        struct resource_list *list = &rt->resources.set->of[kinds[k]];
        for (uint32_t i = 0; i < list->count; i++)
            if (needs(rt, list->at[i], store))
                reload_append(rt, CHANGE_UPDATED, list->at[i], list->at[i]);
    }
}

/* -------------------------------------------------------------------------------------- closing */
static void closed(void *arg)
{
    struct runtime *rt = arg;
    timer_end(&rt->reload.patience);
    rt->reload.old = NULL;
    rt->reload.closed(rt);
}

/* It goes on draining by itself. */
static void on_patience(void *arg)
{
    struct runtime *rt = arg;
    struct entry *old = rt->reload.old;
    char story[160] = "";
    if (old->instance)
        instance_story(old->instance, story, sizeof story);
    log_warn(RELOAD_SCOPE, "Component %s is still in use and is waited for no longer: %s", old->component->head.log_name.at,
             story);
    old->gone = NULL;
    closed(rt);
}

static void on_unpublished(void *arg)
{
    struct runtime *rt = arg;
    uint64_t ns = rt->setup.flags->graceful_ns;
    if (ns != UINT64_MAX && !runtime_is_stopping(rt))
        timer_after(loop_at(0), &rt->reload.patience, ns, on_patience, rt);
    entry_retire(rt->reload.old, closed, rt);
}

static void close_old(struct runtime *rt, struct entry *old, void (*then)(struct runtime *))
{
    rt->reload.old = old;
    rt->reload.closed = then;
    old->state = ENTRY_LEAVING;                        /* in the next catalog no more */
    components_publish(rt, on_unpublished, rt);
}

/* --------------------------------------------------------------------------------------- adding */
static void on_settled(void *arg)
{
    struct runtime *rt = arg;
    if (runtime_is_stopping(rt))
        return;
    refresh_users(rt);
    done(rt);
}

static void add(struct runtime *rt)
{
    struct component *c = wanted(rt);
    if (runtime_is_stopping(rt))
        return;
    if (configuration_denies_component(rt->rules, slice_name(c->type), slice_name(c->version))) {
        log_warn(RELOAD_SCOPE, "Received unauthorized component update, ignored: %s", c->head.log_name.at);
        owe(rt);
        return reload_done(rt);
    }
    log_info(RELOAD_SCOPE, "Adding Component for processing: %s", c->head.log_name.at);
    struct entry *e = entry_create(rt, component_of(resource_ref(&c->head)));
    e->settled = on_settled;
    e->settled_arg = rt;
    components_changed(rt);
    log_info(RELOAD_SCOPE, "Component updated: %s", c->head.log_name.at);
}

bool reload_will_add(const struct runtime *rt, struct trb_slice name)
{
    return rt->reload.old && rt->reload.closed == add && slice_is(name_of_change(rt), name);
}

/* -------------------------------------------------------------------------------- beside the old one */
static void on_replaced(void *arg, const struct trb_error *err)
{
    struct runtime *rt = arg;
    struct component *c = wanted(rt);
    if (runtime_is_stopping(rt))
        return;
    if (err && !strcmp(err->reason, "BUSY"))
        return reload_try_again(rt);
    if (err) {
        log_error(RELOAD_SCOPE, "Component %s stays as it is, its new version is not taken: %s", c->head.log_name.at,
                  error_text(err).at);
        return reload_done(rt);
    }
    log_info(RELOAD_SCOPE, "Component updated: %s", c->head.log_name.at);
    refresh_users(rt);
    done(rt);
}

static void take_over(struct runtime *rt, struct entry *old)
{
    if (rt->setup.flags->reload_safe) {
        replace_with(rt, wanted(rt), on_replaced, rt);
        return;
    }
    log_info(RELOAD_SCOPE, "Closing existing Component to reload: %s", old->component->head.log_name.at);
    close_old(rt, old, add);
}

/* ------------------------------------------------------------------------------------- comparing */
static void keep(struct runtime *rt, struct entry *e)
{
    log_debug(RELOAD_SCOPE, "Component update skipped: no changes detected: %s", e->component->head.log_name.at);
    resource_ref(&wanted(rt)->head);
    resource_unref(&e->component->head);
    e->component = wanted(rt);
    done(rt);
}

static void on_resolved(void *arg, struct resource *resource, const struct trb_error *err)
{
    struct runtime *rt = arg;
    uint8_t after[32];
    rt->reload.resolution = NULL;
    struct entry *old = components_find(rt, name_of_change(rt));
    if (!old || replace_is_busy(rt, name_of_change(rt)))
        return reload_try_again(rt);
    resource_value_print(resource, after);
    if (!err && !memcmp(after, rt->reload.before, sizeof after))
        keep(rt, old);
    else
        take_over(rt, old);
}

static void compare(struct runtime *rt, struct entry *old)
{
    struct component *c = wanted(rt);
    struct trb_slice store = resource_needs_store(&c->head, &rt->resources.context);
    if (store.at && !is_store(components_find(rt, store)))
        return take_over(rt, old);
    resource_value_print(&old->component->head, rt->reload.before);
    struct resolution *r = resource_resolve(&c->head, &rt->resources.context, on_resolved, rt);
    if (r)                                             /* else it is over already */
        rt->reload.resolution = r;
}

/* ------------------------------------------------------------------------------- one actor store */
struct entry *reload_actor_store(struct runtime *rt, struct trb_slice but)
{
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (rt->setup.flags->has_placement && e->state == ENTRY_LIVE && component_is_actor_store(e->component) &&
            slice_is(slice_name(e->component->block), SLICE("state")) &&
            !slice_is(slice_name(e->component->head.name), but))
            return e;
    }
    return NULL;
}

/* true: the slot is another's. */
static bool skips(struct runtime *rt)
{
    struct component *c = wanted(rt);
    struct entry *current = reload_actor_store(rt, slice_name(c->head.name));
    if (!component_property(c, SLICE("actorStateStore")))
        return false;
    if (!current) {
        rt->reload.is_slot_awaited = false;
        if (map_get(&rt->reload.skipped, slice_name(c->head.name)))
            log_info(RELOAD_SCOPE, "Applying previously skipped actor state store: %s", c->head.log_name.at);
        return false;
    }
    const char *name = current->component->head.name.at;
    log_error(RELOAD_SCOPE, "Skipping hot reload of %s: %s is already the actor state store, only one actor state store is "
              "allowed. The component will be applied if %s is removed", c->head.log_name.at, name, name);
    owe(rt);
    map_set(&rt->reload.skipped, slice_name(c->head.name), rt);
    rt->reload.is_slot_awaited = true;
    return true;
}

void reload_component(struct runtime *rt)
{
    struct change *c = &rt->reload.now;
    struct entry *old = components_find(rt, name_of_change(rt));
    if (replace_is_busy(rt, name_of_change(rt)))
        return reload_try_again(rt);
    if (c->old && c->old == c->new_ && (!old || &old->component->head != c->new_))
        return reload_done(rt);                        /* its secrets were to be looked at, and it is another by now */
    if (c->what == CHANGE_REMOVED)
        return old ? close_old(rt, old, done) : done(rt);
    if (skips(rt))
        return reload_done(rt);
    if (!old)
        return add(rt);
    if (old->state != ENTRY_LIVE)
        return close_old(rt, old, add);                /* nothing is served by it */
    compare(rt, old);
}
