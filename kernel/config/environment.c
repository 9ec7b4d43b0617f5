/* environment: the variables, one by one. */
#include <base/mem.h>
#include <base/slice.h>
#include <config/environment.h>
#include <stdlib.h>

static struct trb_name read(struct environment *env, const char *variable)
{
    const char *text = getenv(variable);
    return text && *text ? arena_name(env->arena, slice_of(text)) : (struct trb_name){0};
}

static struct trb_name read_first(struct environment *env, const char *variable, const char *other)
{
    struct trb_name text = read(env, variable);
    return text.at ? text : read(env, other);
}

static void read_otel(struct environment *env)
{
    env->otel_endpoint = read_first(env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    env->otel_protocol = read_first(env, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
    env->otel_headers = read_first(env, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS");
    env->otel_timeout = read_first(env, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT");
    env->otel_insecure = read_first(env, "OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE");
    env->otel_service_name = read(env, "OTEL_SERVICE_NAME");
    env->otel_attributes = read(env, "OTEL_RESOURCE_ATTRIBUTES");
}

void environment_read(struct environment *env)
{
    *env = (struct environment){.arena = arena_create(SIZE_MAX)};
    env->api_token = read(env, "DAPR_API_TOKEN");
    env->app_token = read(env, "APP_API_TOKEN");
    env->namespace_ = read(env, "NAMESPACE");
    env->pod_name = read(env, "POD_NAME");
    env->host_ip = read(env, "DAPR_HOST_IP");
    env->trust_anchors = read(env, "DAPR_TRUST_ANCHORS");
    env->controlplane_namespace = read(env, "DAPR_CONTROLPLANE_NAMESPACE");
    env->controlplane_trust_domain = read(env, "DAPR_CONTROLPLANE_TRUST_DOMAIN");
    env->scheduler_dns = read(env, "DAPR_SCHEDULER_HOST_ADDRESS_DNS_A");
    env->sentry_token_file = read(env, "DAPR_SENTRY_TOKEN_FILE");
    env->sentry_identity = read(env, "SENTRY_LOCAL_IDENTITY");
    env->env_keys = read(env, "DAPR_ENV_KEYS");
    env->sockets_folder = read(env, "DAPR_COMPONENTS_SOCKETS_FOLDER");
    if (!env->sockets_folder.at)
        env->sockets_folder = NAME("/tmp/dapr-components-sockets");
    env->plugins_path = read(env, "TRILBY_PLUGINS_PATH");
    env->no_h2c = slice_is_truthy(slice_name(read(env, "DAPR_HTTP_DISABLE_H2C")));
    read_otel(env);
}

static void wipe(struct trb_name secret)
{
    mem_wipe((char *)secret.at, secret.len);
}

void environment_fini(struct environment *env)
{
    wipe(env->api_token);
    wipe(env->app_token);
    arena_destroy(env->arena);
    *env = (struct environment){0};
}

struct trb_name environment_namespace(const struct environment *env)
{
    return env->namespace_.at ? env->namespace_ : NAME("default");
}

static void set(const char *variable, const char *value)
{
    if (value)
        setenv(variable, value, 1);
}

void environment_set(const struct environment_export *e)
{
    set("APP_ID", e->app_id);
    set("APP_PORT", e->app_port);
    set("HOST_ADDRESS", e->host_address);
    set("DAPR_PORT", e->internal_port);
    set("DAPR_GRPC_PORT", e->grpc_port);
    set("DAPR_HTTP_PORT", e->http_port);
    set("DAPR_METRICS_PORT", e->metrics_port);
    set("DAPR_PROFILE_PORT", e->profile_port);
}
