/* resources: loading, and documents as blocks read them. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/component.h>
#include <config/defaults.h>
#include <config/http_endpoint.h>
#include <config/resiliency.h>
#include <runtime/inside.h>
#include <sys/stat.h>

static const uint32_t kinds[RESOURCE_DOCUMENTS] = {
    [TRB_RESOURCE_SUBSCRIPTION] = RESOURCE_SUBSCRIPTION, [TRB_RESOURCE_HTTP_ENDPOINT] = RESOURCE_HTTP_ENDPOINT,
    [TRB_RESOURCE_RESILIENCY] = RESOURCE_RESILIENCY,     [TRB_RESOURCE_MCP_SERVER] = RESOURCE_MCP_SERVER,
    [TRB_RESOURCE_WORKFLOW_POLICY] = RESOURCE_WORKFLOW_POLICY};

/* ------------------------------------------------------------------------------------- loading */
/* With hot reload on it is the watcher that meets a missing folder first. */
static trb_code check_folders(struct runtime *rt, struct trb_error *err)
{
    const struct flag_list *folders = &rt->setup.flags->resources;
    struct stat st;
    for (uint32_t i = 0; configuration_has_feature(rt->configuration, "HotReload") && i < folders->count; i++)
        if (stat(folders->at[i].at, &st))
            return error_set(err, TRB_NOT_FOUND, "NO_FOLDER",
                             "failed to create watcher: failed to add target %s: no such file or directory",
                             folders->at[i].at);
    return TRB_OK;
}

/* Some kinds may not be defined twice; endpoints only lose the second one. */
static trb_code check_duplicates(const struct resource_set *set, struct trb_error *err)
{
    static const struct {
        uint32_t kind;
        const char *what;
    } fatal[] = {{RESOURCE_COMPONENT, "components"}, {RESOURCE_MCP_SERVER, "mcpservers"},
                 {RESOURCE_WORKFLOW_POLICY, "workflow access policies"}};
    if (set->duplicates[RESOURCE_HTTP_ENDPOINT].len)
        log_warn(SCOPE, "failed to load HTTP endpoints: %s", set->duplicates[RESOURCE_HTTP_ENDPOINT].at);
    for (size_t i = 0; i < countof(fatal); i++)
        if (set->duplicates[fatal[i].kind].len)
            return error_set(err, TRB_EXISTS, "DUPLICATE", "failed to load %s: %s", fatal[i].what,
                             set->duplicates[fatal[i].kind].at);
    return TRB_OK;
}

static trb_code read_set(struct runtime *rt, struct trb_error *err)
{
    const struct flag_list *folders = &rt->setup.flags->resources;
    struct resource_query query = {.app_id = slice_name(rt->info.app_id),
                                   .namespace_ = slice_name(rt->environment.namespace_)};
    if (!folders->count)
        return defaults_load(&query, &rt->resources.set, err);
    trb_code code = resource_set_load(folders->at, folders->count, &query, &rt->resources.set, err);
    return code ? error_prefix(err, "failed to load components: ") : TRB_OK;
}

/* ----------------------------------------------------------------------------------- documents */
static void documents_clear(struct documents *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        text_fini(&d->at[i]);
    d->at = mem_free(d->at);
    d->count = 0;
}

static void documents_fill(struct runtime *rt, uint32_t kind)
{
    const struct resource_list *list = &rt->resources.set->of[kinds[kind]];
    struct documents *d = &rt->resources.of[kind];
    documents_clear(d);
    d->at = mem_zero((list->count + 1) * sizeof *d->at);
    for (uint32_t i = 0; i < list->count; i++)
        resource_to_json(list->at[i], false, &d->at[d->count++]);
}

static void tell_resiliency(struct runtime *rt)
{
    const struct resource_list *list = &rt->resources.set->of[RESOURCE_RESILIENCY];
    for (uint32_t i = 0; i < list->count; i++)
        if (resiliency_of(list->at[i])->fault.len)
            log_error(SCOPE, "%s", resiliency_of(list->at[i])->fault.at);
}

trb_code resources_load(struct runtime *rt, struct trb_error *err)
{
    trb_code code = check_folders(rt, err);
    if (!code)
        code = read_set(rt, err);
    if (!code)
        code = check_duplicates(rt->resources.set, err);
    if (code)
        return code;
    tell_resiliency(rt);
    for (uint32_t kind = 1; kind < RESOURCE_DOCUMENTS; kind++)
        if (kind != TRB_RESOURCE_HTTP_ENDPOINT && kind != TRB_RESOURCE_MCP_SERVER)
            documents_fill(rt, kind);
    return TRB_OK;
}

/* ------------------------------------------------------------------- after components: their secrets */
struct resolving {
    struct runtime *rt;
    uint32_t owed;
    void (*then)(struct runtime *);
};

static void one_resolved(struct resolving *r)
{
    struct runtime *rt = r->rt;
    void (*then)(struct runtime *) = r->then;
    if (--r->owed)
        return;
    mem_free(r);
    documents_fill(rt, TRB_RESOURCE_HTTP_ENDPOINT);
    documents_fill(rt, TRB_RESOURCE_MCP_SERVER);
    then(rt);
}

static void on_resolved(void *arg, struct resource *resource, const struct trb_error *err)
{
    if (err)
        log_warn(SCOPE, "%s %s: %s", resource_kind_name(resource->kind), resource->name.at, err->message);
    one_resolved(arg);
}

static void resolve_all(struct resolving *r, uint32_t kind)
{
    const struct resource_list *list = &r->rt->resources.set->of[kind];
    for (uint32_t i = 0; i < list->count; i++) {
        r->owed++;
        resource_resolve(list->at[i], &r->rt->resources.context, on_resolved, r);
    }
}

static void tell_found(struct runtime *rt)
{
    const struct resource_set *set = rt->resources.set;
    log_info(SCOPE, "Loading endpoints\u2026");
    for (uint32_t i = 0; i < set->of[RESOURCE_HTTP_ENDPOINT].count; i++)
        log_info(SCOPE, "Found http endpoint: %s", set->of[RESOURCE_HTTP_ENDPOINT].at[i]->name.at);
    log_info(SCOPE, "Loading Declarative Subscriptions\u2026");
    for (uint32_t i = 0; i < set->of[RESOURCE_SUBSCRIPTION].count; i++)
        log_info(SCOPE, "Found Subscription: %s", set->of[RESOURCE_SUBSCRIPTION].at[i]->name.at);
}

void resources_resolve(struct runtime *rt, void (*then)(struct runtime *))
{
    struct resolving *r = mem_zero(sizeof *r);
    *r = (struct resolving){.rt = rt, .owed = 1, .then = then};
    tell_found(rt);
    resolve_all(r, RESOURCE_HTTP_ENDPOINT);
    resolve_all(r, RESOURCE_MCP_SERVER);
    one_resolved(r);
}

void resources_release(struct runtime *rt)
{
    for (uint32_t kind = 0; kind < RESOURCE_DOCUMENTS; kind++)
        documents_clear(&rt->resources.of[kind]);
    rt->resources.set = resource_set_destroy(rt->resources.set);
}
