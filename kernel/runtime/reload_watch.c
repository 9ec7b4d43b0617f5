/* reload_watch: the resource folders on the main loop, and the minute in between. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <runtime/inside.h>

#define MINUTE_NS (60 * CLOCK_S)

static bool is_on(const struct runtime *rt)
{
    return configuration_has_feature(rt->configuration, "HotReload");
}

static trb_code watch_folders(struct runtime *rt, struct trb_error *err)
{
    const struct flag_list *folders = &rt->setup.flags->resources;
    return changes_watch(folders->at, folders->count, &rt->reload.changes, err);
}

trb_code reload_watch(struct runtime *rt, struct trb_error *err)
{
    return is_on(rt) && rt->setup.flags->resources.count ? watch_folders(rt, err) : TRB_OK;
}

/* ------------------------------------------------------------------------------------ listening */
static void listen(struct runtime *);

static bool is_watched_again(struct runtime *rt, struct trb_error *err)
{
    struct reload *r = &rt->reload;
    watch_end(&r->watch);
    r->changes = changes_destroy(r->changes);
    if (watch_folders(rt, err))
        return false;
    listen(rt);
    return true;
}

static void look_for_it(void *arg)
{
    struct runtime *rt = arg;
    struct trb_error err = ERROR_INIT;
    if (is_watched_again(rt, &err))
        reload_scan(rt, RELOAD_EVENT);
    else
        timer_after(loop_at(0), &rt->reload.look, CLOCK_S, look_for_it, rt);
}

/* A folder went away, and perhaps another one is in its place. */
static void on_lost(struct runtime *rt)
{
    struct trb_error err = ERROR_INIT;
    if (!is_watched_again(rt, &err)) {
        log_error(RELOAD_SCOPE, "%s%s", rt->setup.flags->reload_safe ?
                  "a resource folder cannot be watched, what is loaded stays, and it is tried again: " : "", error_text(&err).at);
        timer_after(loop_at(0), &rt->reload.look, CLOCK_S, look_for_it, rt);
    }
    reload_scan(rt, RELOAD_EVENT);
}

static void on_readable(void *arg, uint32_t what)
{
    struct runtime *rt = arg;
    bool is_lost, is_over = changes_read(rt->reload.changes, NULL, NULL, &is_lost);
    if (is_lost)
        on_lost(rt);
    else if (is_over)
        reload_scan(rt, RELOAD_EVENT);
}

static void listen(struct runtime *rt)
{
    struct reload *r = &rt->reload;
    struct trb_error err = ERROR_INIT;
    if (watch_set(loop_at(0), &r->watch, changes_fd(r->changes), LOOP_READ, on_readable, rt, &err))
        runtime_fail(rt, "failed to create watcher: %s", error_text(&err).at);
}

/* --------------------------------------------------------------------------------- the backup */
static void on_minute(void *arg);

static void set_minute(struct runtime *rt)
{
    int64_t ns = rt->setup.flags->hot_reload_interval;
    timer_after(loop_at(0), &rt->reload.reconcile, ns > 0 ? (uint64_t)ns : MINUTE_NS, on_minute, rt);
}

static void on_minute(void *arg)
{
    struct runtime *rt = arg;
    set_minute(rt);
    if (rt->reload.changes && changes_have_moved(rt->reload.changes))
        on_lost(rt);
    else
        reload_scan(rt, RELOAD_RECONCILE);
}

/* -------------------------------------------------------------------------------------- opening */
static void tell(const struct runtime *rt)
{
    static const char *const in_place[] = {"Component", "Subscription", "MCPServer", "WorkflowAccessPolicy"};
    static const char *const rebuilt[] = {"Configuration", "HTTPEndpoint", "Resiliency"};
    const struct flag_list *folders = &rt->setup.flags->resources;
    struct text list = {0};
    for (uint32_t i = 0; i < folders->count; i++)
        text_addf(&list, "%s%s", i ? ", " : "", folders->at[i].at);
    log_info(RELOAD_SCOPE, "Hot reloading enabled. Daprd will reload 'Component', 'Subscription', 'MCPServer', "
             "'Configuration', 'HTTPEndpoint', 'Resiliency' and 'WorkflowAccessPolicy' resources when they are added, "
             "updated or deleted.");
    log_info(RELOAD_SCOPE, "Watching directories: [%s]", list.len ? list.at : "");
    text_fini(&list);
    for (size_t i = 0; i < countof(in_place); i++)
        log_info(RELOAD_SCOPE, "Starting to watch %s updates", in_place[i]);
    for (size_t i = 0; i < countof(rebuilt); i++)
        log_info(RELOAD_SCOPE, "Starting to watch %s updates%s", rebuilt[i],
                 rt->setup.flags->reload_safe ? "" : " for SIGHUP reload");
}

void reload_open(struct runtime *rt)
{
    rt->reload.is_open = true;
    if (!is_on(rt))
        return;
    tell(rt);
    if (!rt->reload.changes)
        return;
    listen(rt);
    set_minute(rt);
}
