/* mcp_server: reading an MCPServer, and whether its document may be followed: first its shape, then what
 * it would let others do. */
#include <base/clock.h>
#include <base/slice.h>
#include <config/mcp_server.h>
#include <config/resource_kinds.h>
#include <stdarg.h>

struct reading {
    struct fields *f;
    struct mcp_server *server;
    const char *transport;                     /* "sse" */
    struct yaml_node *endpoint, *node;         /* spec.endpoint, and the transport in it */
    bool is_kubernetes;
};

static void refuse(struct reading *r, const char *which, const struct yaml_node *at, const char *format, ...)
    TRB_PRINTF(4, 5);

/* which: "", or "security ". */
static void refuse(struct reading *r, const char *which, const struct yaml_node *at, const char *format, ...)
{
    if (r->server->fault.at)
        return;
    va_list args;
    va_start(args, format);
    struct trb_name what = arena_vprintf(r->f->arena, format, args);
    va_end(args);
    r->server->fault = arena_printf(r->f->arena, "MCPServer \"%s\" failed %svalidation: %s (%s)",
                                    r->server->head.name.at, which, what.at,
                                    yaml_place_text(r->f->arena, at->place));
}

static void choose_transport(struct reading *r, struct yaml_node *spec)
{
    static const char *const names[] = {[MCP_STREAMABLE_HTTP] = "streamableHTTP", [MCP_SSE] = "sse",
                                        [MCP_STDIO] = "stdio"};
    uint32_t given = 0;
    r->endpoint = field_mapping(r->f, spec, "spec.endpoint");
    for (uint32_t i = MCP_STREAMABLE_HTTP; i <= MCP_STDIO; i++) {
        struct yaml_node *node = field_mapping(r->f, r->endpoint, names[i]);
        if (!node)
            continue;
        given++;
        r->server->transport = i;
        r->transport = names[i];
        r->node = node;
    }
    if (given == 1)
        return;
    r->node = NULL;
    r->server->transport = 0;
    refuse(r, "", r->endpoint ? r->endpoint : r->server->head.root,
           "spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set");
}

/* -------------------------------------------------------------------------------------- over HTTP */
static void check_url(struct reading *r, const struct yaml_node *at)
{
    struct trb_slice url = slice_name(r->server->target);
    const char *end = url.len ? memmem(url.at, url.len, "://", 3) : NULL;
    struct trb_slice scheme = slice_cut(url, end ? (size_t)(end - url.at) : 0);
    struct trb_slice rest = slice_skip(url, end ? scheme.len + 3 : 0);
    if (!slice_is_nocase(scheme, SLICE("http")) && !slice_is_nocase(scheme, SLICE("https")))
        refuse(r, "security ", at, "%s.url scheme must be http or https, got \"%.*s\"", r->transport,
               SLICE_ARG(scheme));
    else if (!rest.len || memchr("/?#:", rest.at[0], 4))
        refuse(r, "security ", at, "%s.url must have a host", r->transport);
}

static void check_timeout(struct reading *r)
{
    struct trb_name text = field_text(r->f, r->node, "timeout");
    int64_t ns;
    if (text.len && !clock_parse_duration(slice_name(text), &ns))
        refuse(r, "", yaml_get_nocase(r->node, "timeout"), "%s.timeout: %s", r->transport,
               duration_fault(r->f->arena, slice_name(text)).at);
}

static void require(struct reading *r, const struct yaml_node *parent, const char *path)
{
    if (parent && !field_text(r->f, parent, path).len && !r->f->fault.at)
        refuse(r, "", parent, "spec.endpoint.%s.%s is required", r->transport, path);
}

static void read_auth(struct reading *r)
{
    struct yaml_node *auth = field_mapping(r->f, r->node, "auth");
    struct yaml_node *oauth2 = field_mapping(r->f, auth, "auth.oauth2");
    struct yaml_node *jwt = field_mapping(r->f, field_mapping(r->f, auth, "auth.spiffe"), "auth.spiffe.jwt");
    r->server->head.secret_store = field_text(r->f, auth, "auth.secretStore");
    require(r, oauth2, "auth.oauth2.issuer");
    require(r, jwt, "auth.spiffe.jwt.header");
    require(r, jwt, "auth.spiffe.jwt.audience");
    if (oauth2)
        property_add(r->f, &r->server->head, oauth2)->name = name_of("clientSecret");
}

static void read_http(struct reading *r)
{
    struct resource *head = &r->server->head;
    struct yaml_node *headers = field_list(r->f, r->node, "headers");
    r->server->target = field_or_empty(field_text(r->f, r->node, "url"));
    properties_reserve(r->f, head, field_count(headers) + 1);
    properties_add(r->f, head, headers, "headers");
    read_auth(r);
    require(r, r->node, "url");
    check_timeout(r);
    if (r->server->target.len)
        check_url(r, yaml_get_nocase(r->node, "url"));
}

/* -------------------------------------------------------------------------------------- a program */
/* Does a relative path lead out of the folder it starts in? */
static bool escapes(struct trb_slice path)
{
    int depth = 0;
    if (!path.len || path.at[0] == '/' || !memchr(path.at, '/', path.len))
        return false;
    while (path.at && depth >= 0) {
        struct trb_slice part = slice_split(&path, '/');
        if (slice_is(part, SLICE("..")))
            depth--;
        else if (part.len && !slice_is(part, SLICE(".")))
            depth++;
    }
    return depth < 0;
}

static void check_variable(struct reading *r, const struct property *p)
{
    struct trb_slice name = slice_name(p->name);
    if (!name.len || memchr(name.at, '=', name.len) || memchr(name.at, '\n', name.len) ||
        memchr(name.at, 0, name.len))
        refuse(r, "security ", p->node, "stdio.env names must not be empty or contain '=', newline or NUL");
}

static void read_stdio(struct reading *r)
{
    struct resource *head = &r->server->head;
    struct yaml_node *env = field_list(r->f, r->node, "env");
    uint32_t count;
    r->server->target = field_or_empty(field_text(r->f, r->node, "command"));
    field_texts(r->f, r->node, "args", &count);
    properties_reserve(r->f, head, field_count(env));
    properties_add(r->f, head, env, "env");
    require(r, r->node, "command");
    if (r->is_kubernetes)
        refuse(r, "security ", r->node, "stdio transport is not allowed in Kubernetes mode");
    if (escapes(slice_name(r->server->target)))
        refuse(r, "security ", yaml_get_nocase(r->node, "command"),
               "stdio.command must not escape working directory");
    for (uint32_t i = 0; i < head->property_count; i++)
        check_variable(r, &head->properties[i]);
}

/* ------------------------------------------------------------------------------------ middleware */
static void check_hooks(struct reading *r, const struct yaml_node *middleware, const char *path)
{
    struct yaml_node *hooks = field_list(r->f, middleware, path);
    for (uint32_t i = 0; i < field_count(hooks); i++) {
        struct yaml_node *hook = field_item(r->f, hooks, i, path);
        struct yaml_node *workflow = field_mapping(r->f, hook, "workflow");
        if (!field_text(r->f, workflow, "workflow.workflowName").len && !r->f->fault.at)
            refuse(r, "", hooks->items[i], "%s.workflow.workflowName is required", path);
    }
}

static void check_middleware(struct reading *r, const struct yaml_node *spec)
{
    struct yaml_node *middleware = field_mapping(r->f, spec, "spec.middleware");
    check_hooks(r, middleware, "spec.middleware.beforeCallTool");
    check_hooks(r, middleware, "spec.middleware.afterCallTool");
    check_hooks(r, middleware, "spec.middleware.beforeListTools");
    check_hooks(r, middleware, "spec.middleware.afterListTools");
}

void mcp_server_read(struct fields *f, struct resource *head, const struct resource_query *q)
{
    struct reading r = {.f = f, .server = mcp_server_of(head), .is_kubernetes = q->is_kubernetes};
    struct yaml_node *spec = field_mapping(f, head->root, "spec");
    r.server->target = (struct trb_name){"", 0};
    r.server->ignore_errors = field_bool(f, spec, "spec.ignoreErrors", false);
    choose_transport(&r, spec);
    if (r.server->transport == MCP_STDIO)
        read_stdio(&r);
    else if (r.server->transport)
        read_http(&r);
    check_middleware(&r, spec);
    head->log_name = arena_printf(f->arena, "%s (%s)", head->name.at, r.server->target.at);
}
