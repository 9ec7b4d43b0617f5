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

static const uint32_t kinds[RESOURCE_DOCUMENTS] = {
    [TRB_RESOURCE_SUBSCRIPTION] = RESOURCE_SUBSCRIPTION, [TRB_RESOURCE_HTTP_ENDPOINT] = RESOURCE_HTTP_ENDPOINT,
    [TRB_RESOURCE_RESILIENCY] = RESOURCE_RESILIENCY,     [TRB_RESOURCE_MCP_SERVER] = RESOURCE_MCP_SERVER,
    [TRB_RESOURCE_WORKFLOW_POLICY] = RESOURCE_WORKFLOW_POLICY};

/* ------------------------------------------------------------------------------------- loading */
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

trb_code resources_read(struct runtime *rt, struct resource_set **ret_set, struct trb_error *err)
{
    const struct flag_list *folders = &rt->setup.flags->resources;
    struct resource_query query = {.app_id = slice_name(rt->info.app_id),
                                   .namespace_ = slice_name(rt->environment.namespace_)};
    return folders->count ? resource_set_load(folders->at, folders->count, &query, ret_set, err)
                          : defaults_load(&query, ret_set, err);
}

/* ----------------------------------------------------------------------------------- documents */
void resources_publish(struct runtime *rt, uint32_t document)
{
    documents_set(&rt->resources.of[document], &rt->resources.set->of[kinds[document]]);
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
    trb_code code = resources_read(rt, &rt->resources.set, err);
    if (code)
        error_prefix(err, "failed to load components: ");
    else
        code = check_duplicates(rt->resources.set, err);
    if (code)
        return code;
    tell_resiliency(rt);
    for (uint32_t kind = 1; kind < RESOURCE_DOCUMENTS; kind++)
        if (kind != TRB_RESOURCE_HTTP_ENDPOINT && kind != TRB_RESOURCE_MCP_SERVER)
            resources_publish(rt, kind);
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
    resources_publish(rt, TRB_RESOURCE_HTTP_ENDPOINT);
    resources_publish(rt, TRB_RESOURCE_MCP_SERVER);
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
        documents_release(&rt->resources.of[kind]);
    rt->resources.set = resource_set_destroy(rt->resources.set);
}
