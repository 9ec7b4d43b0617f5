/* description: the sidecar described, member by member, as the gRPC answer has them. */
#include "metadata_block.h"
#include <base/clock.h>
#include <base/json.h>

/* ---------------------------------------------------------------------------------- components */
static uint32_t word_count(struct trb_slice names)
{
    uint32_t count = 1;
    for (size_t i = 0; i < names.len; i++)
        count += names.at[i] == ' ';
    return count;
}

/* names: good until the next instance is asked for its own. */
static void take_caps(struct arena *a, struct trb_slice names, bool is_state, struct runtime_registered_components *to)
{
    bool has_etag = false, transacts = false;
    struct trb_slice rest = slice_name(arena_name(a, slice_from(names.at ? names.at : "", names.len)));
    to->capabilities.at = arena_alloc(a, (word_count(rest) + 1) * sizeof *to->capabilities.at);
    while (rest.at) {
        struct trb_slice one = slice_split(&rest, ' ');
        has_etag |= slice_is(one, SLICE("ETAG"));
        transacts |= slice_is(one, SLICE("TRANSACTIONAL"));
        if (one.len)
            to->capabilities.at[to->capabilities.count++] = (struct trb_name){one.at, one.len};
    }
    if (is_state && has_etag && transacts)
        to->capabilities.at[to->capabilities.count++] = NAME("ACTOR");
}

/* The name resolver is chosen by the configuration: it is no component resource. */
static void take_components(const struct trb_kernel *k, struct arena *a, struct runtime_get_metadata_response *m)
{
    const struct trb_instance *one;
    uint32_t room = 0;
    while (k->instance_at(k, room))
        room++;
    m->registered_components.at = arena_zero(a, (room + 1) * sizeof *m->registered_components.at);
    for (uint32_t i = 0; i < room && (one = k->instance_at(k, i)); i++) {
        struct runtime_registered_components *to = &m->registered_components.at[m->registered_components.count];
        if (!strcmp(k->block_of(one), "nameresolution"))
            continue;
        to->name = k->instance_name(one);
        to->type = k->instance_type(one);
        to->version = k->instance_version(one);
        take_caps(a, k->cap_names(one), !strcmp(k->block_of(one), "state"), to);
        m->registered_components.count++;
    }
}

/* ----------------------------------------------------------------------------------- resources */
static struct trb_name text_of(struct arena *a, struct json_value object, const char *member)
{
    struct json_value v = object.kind == JSON_OBJECT ? json_find(object, slice_of(member)) : (struct json_value){0};
    return v.kind == JSON_STRING ? json_name(a, v) : NAME("");
}

static struct trb_name resource_name(struct arena *a, struct trb_slice document)
{
    struct json_value root;
    struct json_fault fault;
    if (!json_parse(document, &root, &fault) || root.kind != JSON_OBJECT)
        return NAME("");
    return text_of(a, json_find(root, SLICE("metadata")), "name");
}

/* All resources of a kind by name: a list of messages that have a name and nothing else. */
static uint32_t take_names(const struct trb_kernel *k, struct arena *a, uint32_t kind, struct trb_name **ret)
{
    uint32_t count = k->resource_count(k, kind);
    *ret = arena_zero(a, (count + 1) * sizeof **ret);
    for (uint32_t i = 0; i < count; i++)
        (*ret)[i] = resource_name(a, k->resource_document(k, kind, i));
    return count;
}

#define ONLY_A_NAME(type) _Static_assert(sizeof(struct type) == sizeof(struct trb_name), "it is a name and nothing else")
ONLY_A_NAME(runtime_metadata_http_endpoint);
ONLY_A_NAME(runtime_metadata_mcp_server);
ONLY_A_NAME(runtime_metadata_workflow_access_policy);
ONLY_A_NAME(runtime_metadata_resiliency);

static void take_resources(const struct trb_kernel *k, struct arena *a, struct runtime_get_metadata_response *m)
{
    struct trb_name *names;
    m->http_endpoints.count = take_names(k, a, TRB_RESOURCE_HTTP_ENDPOINT, &names);
    m->http_endpoints.at = (void *)names;
    m->mcp_servers.count = take_names(k, a, TRB_RESOURCE_MCP_SERVER, &names);
    m->mcp_servers.at = (void *)names;
    m->workflow_access_policies.count = take_names(k, a, TRB_RESOURCE_WORKFLOW_POLICY, &names);
    m->workflow_access_policies.at = (void *)names;
    m->resiliencies.count = take_names(k, a, TRB_RESOURCE_RESILIENCY, &names);
    m->resiliencies.at = (void *)names;
}

/* -------------------------------------------------------------------------------------- lists */
static bool list_parse(struct trb_slice text, struct json_value *ret)
{
    struct json_fault fault;
    return json_parse(text, ret, &fault) && ret->kind == JSON_ARRAY;
}

static void take_features(const struct trb_kernel *k, struct arena *a, struct runtime_get_metadata_response *m)
{
    struct json_value all, v;
    if (!list_parse(slice_from(k->info->features.at ? k->info->features.at : "", k->info->features.len), &all))
        return;
    m->enabled_features.at = arena_zero(a, (json_count(all) + 1) * sizeof *m->enabled_features.at);
    for (struct json_cursor c = json_enter(all); json_next(&c, &v);)
        if (v.kind == JSON_STRING)
            m->enabled_features.at[m->enabled_features.count++] = json_name(a, v);
}

/* ------------------------------------------------------------------------------- subscriptions */
static struct trb_pairs pairs_of(struct arena *a, struct json_value object)
{
    struct trb_pairs none = {NULL, 0, sizeof(struct trb_pair)};
    struct trb_slice key;
    struct json_value v;
    uint32_t count = 0;
    if (object.kind != JSON_OBJECT)
        return none;
    for (struct json_cursor c = json_enter(object); json_member(&c, &key, &v);)
        count++;
    struct trb_pair *pairs = arena_zero(a, (count + 1) * sizeof *pairs);
    count = 0;
    for (struct json_cursor c = json_enter(object); json_member(&c, &key, &v);)
        pairs[count++] = (struct trb_pair){json_name(a, (struct json_value){JSON_STRING, key}),
                                           v.kind == JSON_STRING ? json_name(a, v) : NAME("")};
    return (struct trb_pairs){pairs, count, sizeof *pairs};
}

static const struct runtime_pubsub_subscription_rules *rules_of(struct arena *a, struct json_value list)
{
    struct json_value v;
    struct runtime_pubsub_subscription_rules *to = arena_zero(a, sizeof *to);
    if (list.kind != JSON_ARRAY)
        return to;
    to->rules.at = arena_zero(a, (json_count(list) + 1) * sizeof *to->rules.at);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v);)
        to->rules.at[to->rules.count++] = (struct runtime_pubsub_subscription_rule){
            .match = text_of(a, v, "match"), .path = text_of(a, v, "path")};
    return to;
}

static int32_t type_of(struct trb_name word)
{
    return slice_is(slice_name(word), SLICE("DECLARATIVE"))    ? RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_DECLARATIVE
           : slice_is(slice_name(word), SLICE("PROGRAMMATIC")) ? RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_PROGRAMMATIC
           : slice_is(slice_name(word), SLICE("STREAMING"))    ? RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_STREAMING
                                                               : RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_UNKNOWN;
}

static void take_piece(void *arg, struct trb_slice piece)
{
    text_add(arg, piece);
}

/* The publish and subscribe block tells them as JSON. */
static void take_subscriptions(const struct trb_kernel *k, struct arena *a, struct runtime_get_metadata_response *m)
{
    const struct trb_json_source *source = k->extension(k, TRB_SUBSCRIPTIONS);
    struct text told = {0};
    struct json_value all, v;
    if (source)
        source->write(source->self, take_piece, &told);
    struct trb_name kept = arena_name(a, slice_from(told.at ? told.at : "", told.len));
    text_fini(&told);
    if (!list_parse(slice_name(kept), &all))
        return;
    m->subscriptions.at = arena_zero(a, (json_count(all) + 1) * sizeof *m->subscriptions.at);
    for (struct json_cursor c = json_enter(all); json_next(&c, &v);)
        if (v.kind == JSON_OBJECT)
            m->subscriptions.at[m->subscriptions.count++] = (struct runtime_pubsub_subscription){
                .pubsub_name = text_of(a, v, "pubsubname"), .topic = text_of(a, v, "topic"),
                .metadata = pairs_of(a, json_find(v, SLICE("metadata"))), .rules = rules_of(a, json_find(v, SLICE("rules"))),
                .dead_letter_topic = text_of(a, v, "deadLetterTopic"), .type = type_of(text_of(a, v, "type"))};
}

/* ------------------------------------------------------------------------------------- the app */
static struct trb_name duration_text(struct arena *a, uint64_t ns)
{
    char text[CLOCK_TEXT];
    clock_duration_text((int64_t)ns, text);
    return arena_name(a, slice_of(text));
}

static const struct runtime_app_connection_health_properties *health_of(const struct trb_runtime_info *info, struct arena *a)
{
    bool is_grpc = slice_starts(slice_name(info->app_protocol), SLICE("grpc"));
    if (!info->app_health_check)
        return NULL;
    struct runtime_app_connection_health_properties *to = arena_zero(a, sizeof *to);
    to->health_check_path = is_grpc ? NAME("") : info->app_health_path;
    to->health_probe_interval = duration_text(a, info->app_health_interval_ns);
    to->health_probe_timeout = duration_text(a, info->app_health_timeout_ns);
    to->health_threshold = (int32_t)info->app_health_threshold;
    return to;
}

static const struct runtime_app_connection_properties *app_of(const struct trb_runtime_info *info, struct arena *a)
{
    int64_t most = info->app_max_concurrency;
    struct runtime_app_connection_properties *to = arena_zero(a, sizeof *to);
    to->port = (int32_t)info->app_port;
    to->protocol = info->app_protocol;
    to->channel_address = info->app_channel_address;
    to->max_concurrency = most < 0 ? 0 : most > INT32_MAX ? INT32_MAX : (int32_t)most;
    to->health = health_of(info, a);
    return to;
}

void description_make(struct block *b, struct arena *a, struct runtime_get_metadata_response *m)
{
    static const struct runtime_actor_runtime no_actors = {
        .runtime_status = RUNTIME_ACTOR_RUNTIME_DISABLED, .placement = {"placement: disconnected", 23}};
    const struct trb_kernel *k = b->kernel;
    *m = (struct runtime_get_metadata_response){
        .id = k->info->app_id, .runtime_version = k->info->version, .extended_metadata = extended_list(b, a),
        .app_connection_properties = app_of(k->info, a), .actor_runtime = &no_actors};
    take_features(k, a, m);
    take_components(k, a, m);
    take_subscriptions(k, a, m);
    take_resources(k, a, m);
}
