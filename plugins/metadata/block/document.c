/* document: the sidecar described, member by member in the contract's order; empty ones are left out. */
#include "metadata_block.h"
#include <base/arena.h>
#include <base/clock.h>
#include <base/json.h>

#define BUDGET (16u << 20)

void member_text(struct text *t, const char *before, struct trb_slice value)
{
    text_adds(t, before);
    text_add_json(t, value.at ? value : SLICE(""), true);
}

/* ---------------------------------------------------------------------------------- components */
static bool has_cap(struct trb_slice names, struct trb_slice wanted)
{
    while (names.at)
        if (slice_is(slice_split(&names, ' '), wanted))
            return true;
    return false;
}

static void write_caps(struct text *t, struct trb_slice names, bool is_state)
{
    struct trb_slice rest = names;
    bool any = false;
    while (rest.at) {
        struct trb_slice one = slice_split(&rest, ' ');
        if (!one.len)
            continue;
        member_text(t, any ? "," : ",\"capabilities\":[", one);
        any = true;
    }
    if (is_state && has_cap(names, SLICE("ETAG")) && has_cap(names, SLICE("TRANSACTIONAL")))
        text_adds(t, ",\"ACTOR\"");
    if (any)
        text_addc(t, ']');
}

static void write_component(const struct trb_kernel *k, struct text *t, const struct trb_instance *i)
{
    struct trb_name version = k->instance_version(i);
    member_text(t, "{\"name\":", slice_name(k->instance_name(i)));
    member_text(t, ",\"type\":", slice_name(k->instance_type(i)));
    if (version.len)
        member_text(t, ",\"version\":", slice_name(version));
    write_caps(t, k->cap_names(i), !strcmp(k->block_of(i), "state"));
    text_addc(t, '}');
}

/* The name resolver is chosen by the configuration: it is no component resource. */
static void write_components(const struct trb_kernel *k, struct text *t)
{
    const struct trb_instance *one;
    bool any = false;
    for (uint32_t i = 0; (one = k->instance_at(k, i)); i++) {
        if (!strcmp(k->block_of(one), "nameresolution"))
            continue;
        text_adds(t, any ? "," : ",\"components\":[");
        write_component(k, t, one);
        any = true;
    }
    if (any)
        text_addc(t, ']');
}

/* ----------------------------------------------------------------------------------- resources */
static void write_name(struct text *t, const char *before, struct trb_slice document)
{
    struct arena *a = arena_create(BUDGET);
    struct json_value root;
    struct json_fault fault;
    struct trb_slice name = SLICE("");
    if (json_parse(document, &root, &fault)) {
        struct json_value v = json_find(json_find(root, SLICE("metadata")), SLICE("name"));
        name = v.kind == JSON_STRING ? json_text(a, v) : name;
    }
    text_adds(t, before);
    member_text(t, "{\"name\":", name);
    text_addc(t, '}');
    arena_destroy(a);
}

static void write_resources(const struct trb_kernel *k, struct text *t, const char *member, uint32_t kind)
{
    uint32_t count = k->resource_count(k, kind);
    for (uint32_t i = 0; i < count; i++)
        write_name(t, i ? "," : member, k->resource_document(k, kind, i));
    if (count)
        text_addc(t, ']');
}

/* ------------------------------------------------------------------------------- subscriptions */
static void take_piece(void *arg, struct trb_slice piece)
{
    text_add(arg, piece);
}

static void write_subscriptions(const struct trb_kernel *k, struct text *t)
{
    const struct trb_json_source *source = k->extension(k, TRB_SUBSCRIPTIONS);
    struct text list = {0};
    if (source)
        source->write(source->self, take_piece, &list);
    if (list.len && !slice_is(text_slice(&list), SLICE("[]"))) {
        text_adds(t, ",\"subscriptions\":");
        text_add(t, text_slice(&list));
    }
    text_fini(&list);
}

/* ------------------------------------------------------------------------------------- the app */
static void write_duration(struct text *t, const char *member, uint64_t ns)
{
    char text[CLOCK_TEXT];
    clock_duration_text((int64_t)ns, text);
    member_text(t, member, slice_of(text));
}

static void write_health(const struct trb_runtime_info *info, struct text *t)
{
    bool is_grpc = slice_starts(slice_name(info->app_protocol), SLICE("grpc"));
    if (!info->app_health_check)
        return;
    text_adds(t, ",\"health\":{");
    if (!is_grpc && info->app_health_path.len) {
        member_text(t, "\"healthCheckPath\":", slice_name(info->app_health_path));
        text_addc(t, ',');
    }
    write_duration(t, "\"healthProbeInterval\":", info->app_health_interval_ns);
    write_duration(t, ",\"healthProbeTimeout\":", info->app_health_timeout_ns);
    text_addf(t, ",\"healthThreshold\":%u}", info->app_health_threshold);
}

static void write_app(const struct trb_runtime_info *info, struct text *t)
{
    text_adds(t, ",\"appConnectionProperties\":{");
    if (info->app_port)
        text_addf(t, "\"port\":%u,", info->app_port);
    member_text(t, "\"protocol\":", slice_name(info->app_protocol));
    if (info->app_channel_address.len)
        member_text(t, ",\"channelAddress\":", slice_name(info->app_channel_address));
    if (info->app_max_concurrency > 0)
        text_addf(t, ",\"maxConcurrency\":%lld", (long long)info->app_max_concurrency);
    write_health(info, t);
    text_addc(t, '}');
}

void document_write(struct block *b, struct text *t)
{
    const struct trb_kernel *k = b->kernel;
    const struct trb_runtime_info *info = k->info;
    member_text(t, "{\"id\":", slice_name(info->app_id));
    member_text(t, ",\"runtimeVersion\":", slice_name(info->version));
    if (info->features.len && !slice_is(info->features, SLICE("[]"))) {
        text_adds(t, ",\"enabledFeatures\":");
        text_add(t, info->features);
    }
    write_components(k, t);
    text_adds(t, ",\"extended\":");
    extended_write(b, t);
    write_subscriptions(k, t);
    write_resources(k, t, ",\"httpEndpoints\":[", TRB_RESOURCE_HTTP_ENDPOINT);
    write_app(info, t);
    text_adds(t, ",\"actorRuntime\":{\"runtimeStatus\":\"DISABLED\",\"hostReady\":false,"
              "\"placement\":\"placement: disconnected\"}");
    write_resources(k, t, ",\"mcpServers\":[", TRB_RESOURCE_MCP_SERVER);
    write_resources(k, t, ",\"workflowAccessPolicies\":[", TRB_RESOURCE_WORKFLOW_POLICY);
    write_resources(k, t, ",\"resiliencies\":[", TRB_RESOURCE_RESILIENCY);
    text_adds(t, "}\n");
}
