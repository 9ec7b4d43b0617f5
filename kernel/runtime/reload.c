/* reload: reading, and one change after the other. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <runtime/inside.h>

#define AGAIN_NS (20 * CLOCK_MS)

static bool is_safe(const struct runtime *rt)
{
    return rt->setup.flags->reload_safe;
}

/* ------------------------------------------------------------------------------------ reading */
static trb_code check_names(const struct resource_set *set, struct trb_error *err)
{
    struct text all = {0};
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++)
        if (set->duplicates[kind].len)
            text_addf(&all, "%s%s", all.len ? "\n" : "", set->duplicates[kind].at);
    trb_code code = all.len ? error_set(err, TRB_EXISTS, "DUPLICATE", "%s", all.at) : TRB_OK;
    text_fini(&all);
    return code;
}

static struct resource_set *read_all(struct runtime *rt)
{
    struct trb_error err = ERROR_INIT;
    struct resource_set *set = NULL;
    if (!resources_read(rt, &set, &err) && !check_names(set, &err))
        return set;
    if (is_safe(rt))
        log_error(RELOAD_SCOPE, "what is loaded stays as it is: failed to load resources from disk: %s",
                  error_text(&err).at);
    else
        runtime_fail(rt, "failed to load resources from disk: %s", error_text(&err).at);
    return resource_set_destroy(set);
}

/* What was read of the components is what the next reading is compared with. */
static void keep_components(struct runtime *rt, struct resource_set *fresh)
{
    struct resource_list *list = &rt->resources.set->of[RESOURCE_COMPONENT], old = *list;
    *list = fresh->of[RESOURCE_COMPONENT];
    fresh->of[RESOURCE_COMPONENT] = old;
}

/* -------------------------------------------------------------------------------- the list of changes */
void reload_append(struct runtime *rt, uint32_t what, struct resource *old, struct resource *new_)
{
    struct reload *r = &rt->reload;
    if (r->list.count == r->room)
        r->list.at = mem_grow(r->list.at, (r->room = r->room ? 2 * r->room : 8) * sizeof r->list.at[0]);
    r->list.at[r->list.count++] = (struct change){what, old ? resource_ref(old) : NULL, new_ ? resource_ref(new_) : NULL};
}

static void clear(struct reload *r)
{
    for (uint32_t i = 0; i < r->list.count; i++) {
        resource_unref(r->list.at[i].old);
        resource_unref(r->list.at[i].new_);
    }
    change_list_fini(&r->list);
    r->next = r->room = 0;
}

/* In these kinds the old way is to build everything anew. */
static bool rebuilds(struct runtime *rt, const struct change *c)
{
    static const char *const words[] = {"DELETED", "UPDATED", "CREATED"};
    const struct resource *r = c->new_ ? c->new_ : c->old;
    if (is_safe(rt) || (r->kind != RESOURCE_CONFIGURATION && r->kind != RESOURCE_HTTP_ENDPOINT &&
                        r->kind != RESOURCE_RESILIENCY))
        return false;
    log_info(RELOAD_SCOPE, "Received %s %s event: %s - triggering SIGHUP reload", resource_kind_name(r->kind),
             words[c->what], r->log_name.at);
    return true;
}

static bool wants_rebuild(struct runtime *rt)
{
    bool any = false;
    for (uint32_t i = 0; i < rt->reload.list.count; i++)
        any |= rebuilds(rt, &rt->reload.list.at[i]);
    return any;
}

static void finish(struct runtime *rt)
{
    struct reload *r = &rt->reload;
    uint32_t wanted = r->wanted;
    clear(r);
    r->is_busy = false;
    r->wanted = 0;
    if (r->is_slot_awaited && !reload_actor_store(rt, SLICE(""))) {
        r->is_slot_awaited = false;                    /* one try, whatever becomes of it */
        wanted |= RELOAD_RECONCILE;
    }
    if (wanted)
        reload_scan(rt, wanted);
}

static void next(void *arg)
{
    struct runtime *rt = arg;
    struct reload *r = &rt->reload;
    if (runtime_is_stopping(rt))
        return;
    if (r->next == r->list.count)
        return finish(rt);
    r->now = r->list.at[r->next++];
    if ((r->now.new_ ? r->now.new_ : r->now.old)->kind == RESOURCE_COMPONENT)
        reload_component(rt);
    else
        reload_document(rt);
}

void reload_done(struct runtime *rt)
{
    job_defer(loop_at(0), &rt->reload.job, next, rt);
}

void reload_scan(struct runtime *rt, uint32_t why)
{
    struct reload *r = &rt->reload;
    if (!r->is_open)
        return;
    r->wanted |= r->is_busy ? why : 0;
    struct resource_set *fresh = r->is_busy ? NULL : read_all(rt);
    if (!fresh)
        return;
    reload_compare(rt, fresh, why);
    if (wants_rebuild(rt)) {
        clear(r);
        rt->setup.restart(rt->setup.arg);
    } else {
        keep_components(rt, fresh);
        r->is_busy = true;
        reload_done(rt);
    }
    resource_set_destroy(fresh);
}

static void scan_again(void *arg)
{
    reload_scan(arg, RELOAD_RECONCILE);
}

void reload_try_again(struct runtime *rt)
{
    timer_after(loop_at(0), &rt->reload.again, AGAIN_NS, scan_again, rt);
    reload_done(rt);
}

/* -------------------------------------------------------------------------------------- the end */
void reload_stop(struct runtime *rt)
{
    struct reload *r = &rt->reload;
    r->is_open = false;
    watch_end(&r->watch);
    timer_end(&r->reconcile);
    timer_end(&r->again);
    timer_end(&r->look);
    timer_end(&r->patience);
    resolution_cancel(r->resolution);
    r->resolution = NULL;
    r->changes = changes_destroy(r->changes);
}

void reload_fini(struct runtime *rt)
{
    reload_stop(rt);
    job_end(&rt->reload.job);
    clear(&rt->reload);
    map_fini(&rt->reload.owed);
    map_fini(&rt->reload.skipped);
}
