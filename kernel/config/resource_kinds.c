/* resource_kinds: the table of kinds, and the items of name and value that several of them hold. */
#include <base/log.h>
#include <base/slice.h>
#include <config/component.h>
#include <config/http_endpoint.h>
#include <config/mcp_server.h>
#include <config/resiliency.h>
#include <config/resource_kinds.h>
#include <config/subscription.h>
#include <config/workflow_policy.h>

#define V1ALPHA1 "dapr.io/v1alpha1"

const struct resource_kind resource_kinds[RESOURCE_KINDS] = {
    [RESOURCE_COMPONENT] = {
        .name = "Component", .plural = "components", .size = sizeof(struct component),
        .versions = {V1ALPHA1}, .has_namespace = true, .is_unique = true, .needs_name = true,
        .read = component_read},
    [RESOURCE_SUBSCRIPTION] = {
        .name = "Subscription", .plural = "subscriptions", .size = sizeof(struct subscription),
        .versions = {V1ALPHA1, "dapr.io/v2alpha1"}, .read = subscription_read,
        .write = subscription_write},
    [RESOURCE_HTTP_ENDPOINT] = {
        .name = "HTTPEndpoint", .plural = "HTTP endpoints", .size = sizeof(struct http_endpoint),
        .versions = {V1ALPHA1}, .has_namespace = true, .is_unique = true, .needs_name = true,
        .read = http_endpoint_read},
    [RESOURCE_RESILIENCY] = {
        .name = "Resiliency", .plural = "resiliency policies", .size = sizeof(struct resiliency),
        .prints_namespace = true, .read = resiliency_read},
    [RESOURCE_CONFIGURATION] = {
        .name = "Configuration", .plural = "configurations", .size = sizeof(struct resource),
        .versions = {V1ALPHA1}, .has_namespace = true, .is_unique = true, .prints_namespace = true},
    [RESOURCE_MCP_SERVER] = {
        .name = "MCPServer", .plural = "mcpservers", .size = sizeof(struct mcp_server),
        .versions = {V1ALPHA1}, .has_namespace = true, .is_unique = true, .needs_name = true,
        .read = mcp_server_read},
    [RESOURCE_WORKFLOW_POLICY] = {
        .name = "WorkflowAccessPolicy", .plural = "workflow access policies",
        .size = sizeof(struct workflow_policy), .versions = {V1ALPHA1}, .has_namespace = true,
        .is_unique = true, .prints_namespace = true, .read = workflow_policy_read},
};

const char *resource_kind_name(uint32_t kind)
{
    return resource_kinds[kind].name;
}

const char *resource_kind_plural(uint32_t kind)
{
    return resource_kinds[kind].plural;
}

void resource_warn(const struct resource_query *q, const char *format, ...)
{
    struct text t = {0};
    va_list args;
    va_start(args, format);
    text_vaddf(&t, format, args);
    va_end(args);
    if (q->warn)
        q->warn(q->arg, t.at);
    else
        log_fields(LOG_WARN, "dapr.runtime.loader.disk", text_slice(&t), NULL, 0);
    text_fini(&t);
}

void properties_reserve(struct fields *f, struct resource *r, uint32_t room)
{
    r->properties = arena_zero(f->arena, (room + 1) * sizeof r->properties[0]);
}

struct property *property_add(struct fields *f, struct resource *r, struct yaml_node *node)
{
    struct property *p = &r->properties[r->property_count++];
    struct yaml_node *secret = field_mapping(f, node, "secretKeyRef");
    struct yaml_node *value = yaml_get_nocase(node, "value");
    p->name = field_or_empty(field_text(f, node, "name"));
    p->secret_name = field_text(f, secret, "secretKeyRef.name");
    p->secret_key = field_text(f, secret, "secretKeyRef.key");
    if (!p->secret_name.len)
        p->secret_name = p->secret_key = (struct trb_name){0};
    else if (!p->secret_key.len)
        p->secret_key = p->secret_name;
    p->env = field_text(f, node, "envRef");
    p->place = value && !yaml_is_null(value) ? value->place : node->place;
    p->written = p->value = yaml_is_null(value) ? (struct trb_name){0} : yaml_value(f->arena, value);
    p->node = node;
    return p;
}

void properties_add(struct fields *f, struct resource *r, const struct yaml_node *list, const char *path)
{
    for (uint32_t i = 0; i < field_count(list); i++) {
        struct yaml_node *item = field_item(f, list, i, path);
        if (item)
            property_add(f, r, item);
    }
}
