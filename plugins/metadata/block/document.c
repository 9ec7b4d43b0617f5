/* document: the description as HTTP's JSON, in the contract's order; empty members are left out. */
#include "metadata_block.h"

static void member(struct text *t, const char *before, struct trb_name value)
{
    text_adds(t, before);
    text_add_json(t, value.at ? slice_name(value) : SLICE(""), true);
}

static void member_if(struct text *t, const char *before, struct trb_name value)
{
    if (value.len)
        member(t, before, value);
}

static void write_list(struct text *t, const char *before, const struct trb_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        member(t, i ? "," : before, names[i]);
    if (count)
        text_addc(t, ']');
}

static void write_pairs(struct text *t, const char *before, const struct trb_pairs *pairs)
{
    text_adds(t, before);
    text_addc(t, '{');
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        member(t, i ? "," : "", p->key);
        member(t, ":", p->value);
    }
    text_addc(t, '}');
}

/* ---------------------------------------------------------------------------------- components */
static void write_components(struct text *t, const struct runtime_get_metadata_response *m)
{
    for (uint32_t i = 0; i < m->registered_components.count; i++) {
        const struct runtime_registered_components *one = &m->registered_components.at[i];
        text_adds(t, i ? ",{" : ",\"components\":[{");
        member(t, "\"name\":", one->name);
        member(t, ",\"type\":", one->type);
        member_if(t, ",\"version\":", one->version);
        write_list(t, ",\"capabilities\":[", one->capabilities.at, one->capabilities.count);
        text_addc(t, '}');
    }
    if (m->registered_components.count)
        text_addc(t, ']');
}

static void write_named(struct text *t, const char *before, const void *names, uint32_t count)
{
    const struct trb_name *all = names;
    for (uint32_t i = 0; i < count; i++) {
        text_adds(t, i ? "," : before);
        member(t, "{\"name\":", all[i]);
        text_addc(t, '}');
    }
    if (count)
        text_addc(t, ']');
}

/* ------------------------------------------------------------------------------- subscriptions */
static void write_rules(struct text *t, const struct runtime_pubsub_subscription_rules *all)
{
    for (uint32_t i = 0; i < all->rules.count; i++) {
        const struct runtime_pubsub_subscription_rule *one = &all->rules.at[i];
        text_adds(t, i ? ",{" : ",\"rules\":[{");
        member_if(t, "\"match\":", one->match);
        member_if(t, one->match.len ? ",\"path\":" : "\"path\":", one->path);
        text_addc(t, '}');
    }
    if (all->rules.count)
        text_addc(t, ']');
}

static void write_subscription(struct text *t, const struct runtime_pubsub_subscription *s)
{
    static const struct trb_name types[] = {
        [RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_UNKNOWN] = {"UNKNOWN", 7},
        [RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_DECLARATIVE] = {"DECLARATIVE", 11},
        [RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_PROGRAMMATIC] = {"PROGRAMMATIC", 12},
        [RUNTIME_PUBSUB_SUBSCRIPTION_TYPE_STREAMING] = {"STREAMING", 9}};
    member(t, "{\"pubsubname\":", s->pubsub_name);
    member(t, ",\"topic\":", s->topic);
    if (s->metadata.count)
        write_pairs(t, ",\"metadata\":", &s->metadata);
    write_rules(t, s->rules);
    member(t, ",\"deadLetterTopic\":", s->dead_letter_topic);
    member(t, ",\"type\":", types[s->type]);
    text_addc(t, '}');
}

static void write_subscriptions(struct text *t, const struct runtime_get_metadata_response *m)
{
    for (uint32_t i = 0; i < m->subscriptions.count; i++) {
        text_adds(t, i ? "," : ",\"subscriptions\":[");
        write_subscription(t, &m->subscriptions.at[i]);
    }
    if (m->subscriptions.count)
        text_addc(t, ']');
}

/* ------------------------------------------------------------------------------------- the app */
static void write_health(struct text *t, const struct runtime_app_connection_health_properties *h)
{
    text_adds(t, ",\"health\":{");
    if (h->health_check_path.len) {
        member(t, "\"healthCheckPath\":", h->health_check_path);
        text_addc(t, ',');
    }
    member(t, "\"healthProbeInterval\":", h->health_probe_interval);
    member(t, ",\"healthProbeTimeout\":", h->health_probe_timeout);
    text_addf(t, ",\"healthThreshold\":%d}", h->health_threshold);
}

static void write_app(struct text *t, const struct runtime_app_connection_properties *app)
{
    text_adds(t, ",\"appConnectionProperties\":{");
    if (app->port)
        text_addf(t, "\"port\":%d,", app->port);
    member(t, "\"protocol\":", app->protocol);
    member_if(t, ",\"channelAddress\":", app->channel_address);
    if (app->max_concurrency)
        text_addf(t, ",\"maxConcurrency\":%d", app->max_concurrency);
    if (app->health)
        write_health(t, app->health);
    text_addc(t, '}');
}

static void write_actors(struct text *t, const struct runtime_actor_runtime *actors)
{
    static const struct trb_name states[] = {[RUNTIME_ACTOR_RUNTIME_INITIALIZING] = {"INITIALIZING", 12},
                                             [RUNTIME_ACTOR_RUNTIME_DISABLED] = {"DISABLED", 8},
                                             [RUNTIME_ACTOR_RUNTIME_RUNNING] = {"RUNNING", 7}};
    member(t, ",\"actorRuntime\":{\"runtimeStatus\":", states[actors->runtime_status]);
    text_adds(t, actors->host_ready ? ",\"hostReady\":true" : ",\"hostReady\":false");
    member_if(t, ",\"placement\":", actors->placement);
    text_addc(t, '}');
}

void document_write(const struct runtime_get_metadata_response *m, struct text *t)
{
    member(t, "{\"id\":", m->id);
    member(t, ",\"runtimeVersion\":", m->runtime_version);
    write_list(t, ",\"enabledFeatures\":[", m->enabled_features.at, m->enabled_features.count);
    write_components(t, m);
    write_pairs(t, ",\"extended\":", &m->extended_metadata);
    write_subscriptions(t, m);
    write_named(t, ",\"httpEndpoints\":[", m->http_endpoints.at, m->http_endpoints.count);
    write_app(t, m->app_connection_properties);
    write_actors(t, m->actor_runtime);
    write_named(t, ",\"mcpServers\":[", m->mcp_servers.at, m->mcp_servers.count);
    write_named(t, ",\"workflowAccessPolicies\":[", m->workflow_access_policies.at, m->workflow_access_policies.count);
    write_named(t, ",\"resiliencies\":[", m->resiliencies.at, m->resiliencies.count);
    text_adds(t, "}\n");
}
