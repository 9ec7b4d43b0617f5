/* reload_document: a change of what is no component: its secrets, then the list that blocks read. */
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/resiliency.h>
#include <config/workflow_policy.h>
#include <runtime/inside.h>

static const char *log_name(const struct change *c)
{
    return (c->new_ ? c->new_ : c->old)->log_name.at;
}

static uint32_t kind_of(const struct change *c)
{
    return (c->new_ ? c->new_ : c->old)->kind;
}

/* ------------------------------------------------------------------------------------ the list */
static void take_out(struct resource_list *list, uint32_t i)
{
    resource_unref(list->at[i]);
    list->count--;
    memmove(&list->at[i], &list->at[i + 1], (list->count - i) * sizeof list->at[0]);
}

/* Order counts where several are for the same: a changed one is the newest. */
static bool moves_to_the_end(const struct change *c)
{
    return c->new_ && c->new_->kind == RESOURCE_SUBSCRIPTION;
}

static void put(struct resource_list *list, uint32_t i, struct resource *r)
{
    resource_ref(r);
    resource_unref(list->at[i]);
    list->at[i] = r;
}

static void append(struct resource_list *list, struct resource *r)
{
    list->at = mem_grow(list->at, (list->count + 1) * sizeof list->at[0]);
    list->at[list->count++] = resource_ref(r);
}

static void change_list_of(struct runtime *rt, const struct change *c)
{
    struct resource_list *list = &rt->resources.set->of[kind_of(c)];
    uint32_t i = 0;
    while (c->old && i < list->count && list->at[i] != c->old)
        i++;
    if (c->old && i < list->count && c->new_ && !moves_to_the_end(c))
        return put(list, i, c->new_);
    if (c->old && i < list->count)
        take_out(list, i);
    if (c->new_)
        append(list, c->new_);
}

static void publish(struct runtime *rt, uint32_t document)
{
    resources_publish(rt, document);
    blocks_resources(rt, document);
}

/* ----------------------------------------------------------------------------------- by its kind */
static void change_subscription(struct runtime *rt, const struct change *c)
{
    if (c->old)
        log_info(RELOAD_SCOPE, "Closing existing Subscription to reload: %s", c->old->log_name.at);
    if (c->new_)
        log_info(RELOAD_SCOPE, "Adding Subscription for processing: %s", c->new_->log_name.at);
    change_list_of(rt, c);
    publish(rt, TRB_RESOURCE_SUBSCRIPTION);
    if (c->new_)
        log_info(RELOAD_SCOPE, "Subscription updated: %s", c->new_->log_name.at);
}

static void change_mcp_server(struct runtime *rt, const struct change *c)
{
    if (c->old)
        log_info(RELOAD_SCOPE, "Closing existing MCPServer to reload: %s", c->old->log_name.at);
    change_list_of(rt, c);
    publish(rt, TRB_RESOURCE_MCP_SERVER);
    log_info(RELOAD_SCOPE, "MCPServer %s via hot-reload: %s", c->new_ ? "updated" : "deleted", log_name(c));
}

static void change_policy(struct runtime *rt, const struct change *c)
{
    struct workflow_policy *policy = c->new_ ? workflow_policy_of(c->new_) : NULL;
    if (policy && policy->fault.len) {
        log_warn(RELOAD_SCOPE, "%s", policy->fault.at);
        return;
    }
    change_list_of(rt, c);
    publish(rt, TRB_RESOURCE_WORKFLOW_POLICY);
    const struct resource_list *all = &rt->resources.set->of[RESOURCE_WORKFLOW_POLICY];
    uint32_t good = 0;
    for (uint32_t i = 0; i < all->count; i++)
        good += !workflow_policy_of(all->at[i])->fault.len;
    log_info(RELOAD_SCOPE, "Recompiled %u workflow access policy resource(s) (of %u total)", good, all->count);
}

static void tell(const struct change *c)
{
    static const char *const words[] = {"deleted", "updated", "added"};
    log_info(RELOAD_SCOPE, "%s %s: %s", resource_kind_name(kind_of(c)), words[c->what], log_name(c));
}

static void change_endpoint(struct runtime *rt, const struct change *c)
{
    change_list_of(rt, c);
    publish(rt, TRB_RESOURCE_HTTP_ENDPOINT);
    tell(c);
}

static void change_resiliency(struct runtime *rt, const struct change *c)
{
    struct resiliency *r = c->new_ ? resiliency_of(c->new_) : NULL;
    if (r && r->fault.len)
        log_error(RELOAD_SCOPE, "%s", r->fault.at);
    change_list_of(rt, c);
    publish(rt, TRB_RESOURCE_RESILIENCY);
    tell(c);
}

static void apply(struct runtime *rt)
{
    const struct change *c = &rt->reload.now;
    switch (kind_of(c)) {
    case RESOURCE_SUBSCRIPTION:
        change_subscription(rt, c);
        break;
    case RESOURCE_MCP_SERVER:
        change_mcp_server(rt, c);
        break;
    case RESOURCE_WORKFLOW_POLICY:
        change_policy(rt, c);
        break;
    case RESOURCE_HTTP_ENDPOINT:
        change_endpoint(rt, c);
        break;
    case RESOURCE_RESILIENCY:
        change_resiliency(rt, c);
        break;
    default:
        change_list_of(rt, c);
        tell(c);
        reconfigure(rt);
    }
    reload_done(rt);
}

/* ---------------------------------------------------------------------------------- its secrets */
static void on_resolved(void *arg, struct resource *resource, const struct trb_error *err)
{
    struct runtime *rt = arg;
    uint8_t after[32];
    rt->reload.resolution = NULL;
    if (err)
        log_warn(RELOAD_SCOPE, "%s %s: %s", resource_kind_name(resource->kind), resource->name.at, err->message);
    resource_value_print(resource, after);
    if (rt->reload.now.old && !memcmp(after, rt->reload.before, sizeof after)) {
        log_debug(RELOAD_SCOPE, "%s update skipped: no changes detected: %s", resource_kind_name(resource->kind),
                  resource->log_name.at);
        reload_done(rt);
    } else {
        apply(rt);
    }
}

static bool is_listed(const struct runtime *rt, const struct resource *r)
{
    const struct resource_list *list = &rt->resources.set->of[r->kind];
    for (uint32_t i = 0; i < list->count; i++)
        if (list->at[i] == r)
            return true;
    return false;
}

void reload_document(struct runtime *rt)
{
    struct change *c = &rt->reload.now;
    if (c->old && c->old == c->new_ && !is_listed(rt, c->old))
        return reload_done(rt);                        /* its secrets were to be looked at, and it is another by now */
    if (!c->new_ || (kind_of(c) != RESOURCE_HTTP_ENDPOINT && kind_of(c) != RESOURCE_MCP_SERVER))
        return apply(rt);
    if (c->old)
        resource_value_print(c->old, rt->reload.before);
    struct resolution *r = resource_resolve(c->new_, &rt->resources.context, on_resolved, rt);
    if (r)                                             /* else it is over already */
        rt->reload.resolution = r;
}
