/* runtime: the story of a start.
 *
 *     create: configuration ──► metrics, port for peers ──► who we are
 *     start:  resources ──► blocks ──► names and components, side by side ──► endpoints
 *             ──► catalog, routes ──► API ports ──► outbound ready ──► the app ──► ready */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/channel.h>
#include <observe/component.h>
#include <observe/metrics.h>
#include <runtime/inside.h>
#include <runtime/isolation.h>
#include <runtime/offerers.h>
#include <stdio.h>
#include <unistd.h>

#define KEEP_BUDGET (16u << 20)
#define BUSY_LOOK_NS CLOCK_MS

bool runtime_is_stopping(const struct runtime *rt)
{
    return rt->shutdown.phase >= SHUTDOWN_DRAINING;
}

void runtime_fail(struct runtime *rt, const char *format, ...)
{
    va_list ap;
    if (!rt->failure.len) {
        va_start(ap, format);
        text_vaddf(&rt->failure, format, ap);
        va_end(ap);
    }
    runtime_stop(rt, false);
}

/* ------------------------------------------------------------------------------------- creating */
static void tell_configuration(struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    struct text line = {0};
    const char *flag, *part;
    if (!f->config.count)
        log_info(SCOPE, "loading default configuration");
    if (rt->configuration->metrics.enabled) {
        configuration_metrics_json(rt->configuration, &line);
        log_info(SCOPE, "metric spec: %s", line.at);
    }
    text_clear(&line);
    for (uint32_t i = 0; i < rt->configuration->features.count; i++)
        text_addf(&line, "%s%s", i ? " " : "", rt->configuration->features.at[i].at);
    if (line.len)
        log_info(SCOPE, "Enabled features: %s", line.at);
    text_fini(&line);
    if (rt->configuration->access.is_default_implied)
        log_warn(SCOPE, "No global default action has been specified. Setting default global action as Deny");
    for (uint32_t i = 0; (flag = flags_without_effect(f, i)); i++)
        log_warn(SCOPE, "the flag --%s is accepted and has no effect yet", flag);
    for (uint32_t i = 0; (part = configuration_without_effect(rt->configuration, i)); i++)
        log_warn(SCOPE, "%s", part);
    log_info(SCOPE, "%s mode configured", f->mode.at);
    log_info(SCOPE, "app id: %s", f->app_id.at);
}

static trb_code read_configuration(struct runtime *rt, struct trb_error *err)
{
    const struct flags *f = rt->setup.flags;
    trb_code code = configuration_load(f->config.at, f->config.count, &rt->environment, &rt->configuration, err);
    if (code)
        return code;
    rt->rules = rt->configuration;
    tell_configuration(rt);
    return TRB_OK;
}

static struct trb_slice features_of(struct runtime *rt)
{
    struct text json = {0};
    configuration_features_json(rt->configuration, &json);
    struct trb_slice kept = slice_name(arena_name(rt->keep, text_slice(&json)));
    text_fini(&json);
    return kept;
}

static void fill_info(struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    rt->info = (struct trb_runtime_info){
        .size = sizeof rt->info, .app_id = f->app_id, .version = NAME(RUNTIME_VERSION),
        .namespace_ = rt->environment.namespace_.at ? rt->environment.namespace_ : NAME(""),
        .host_name = arena_name(rt->keep, slice_of(host)), .app_protocol = f->protocol,
        .app_channel_address = f->app_channel_address,
        .trust_domain = rt->configuration->access.trust_domain.at ? rt->configuration->access.trust_domain : NAME("public"),
        .app_port = f->app, .http_port = f->http, .grpc_port = f->grpc, .peer_port = rt->info.peer_port,
        .app_max_concurrency = f->max_concurrency, .app_health_check = f->app_health_check,
        .app_health_path = f->app_health_path, .app_health_interval_ns = f->app_health_interval_ns,
        .app_health_timeout_ns = f->app_health_timeout_ns, .app_health_threshold = f->app_health_failures,
        .skip_config = f->skip_config, .skip_subscribe = f->skip_subscribe,
        .configuration = rt->configuration->spec, .features = features_of(rt),
        .has_app_token = rt->environment.app_token.len > 0, .has_api_token = rt->environment.api_token.len > 0,
        .max_body = f->max_body_bytes,
        .app_binding_options_timeout_ns = (uint64_t)f->app_binding_options_timeout};
}

static void start_metrics(struct runtime *rt)
{
    struct configuration_metrics *m = &rt->configuration->metrics;
    bool is_read = rt->setup.flags->enable_metrics;        /* else nobody could see what was counted */
    struct metrics_setup setup = {.enabled = m->enabled && is_read, .latency_buckets_ms = m->buckets,
                                  .latency_bucket_count = m->bucket_count};
    metrics_start(&setup);
    observe_identity(slice_name(rt->info.app_id), slice_name(rt->info.namespace_));
}

static struct runtime *allocate(const struct runtime_setup *setup)
{
    struct runtime *rt = mem_zero(sizeof *rt);
    rt->magic = RUNTIME_MAGIC;
    rt->setup = *setup;
    rt->keep = arena_create(KEEP_BUDGET);
    pthread_mutex_init(&rt->lock, NULL);
    blocks_init(&rt->blocks);
    components_init(&rt->components);
    kernel_table_fill(rt);
    rt->owner = (struct request_owner){.kernel = &rt->kernel, .self = rt};
    environment_read(&rt->environment);
    return rt;
}

trb_code runtime_create(const struct runtime_setup *setup, struct runtime **ret_runtime, struct trb_error *err)
{
    struct runtime *rt = allocate(setup);
    trb_code code = isolation_check(setup->flags, err);
    if (!code)
        code = read_configuration(rt, err);
    if (!code) {
        fill_info(rt);
        start_metrics(rt);
        code = servers_reserve(rt, err);
    }
    if (code) {
        runtime_destroy(rt);
        return code;
    }
    host_address_find(rt);
    *ret_runtime = rt;
    return TRB_OK;
}

void runtime_export(const struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    char internal[8];
    snprintf(internal, sizeof internal, "%u", rt->info.peer_port);
    struct environment_export export = {
        .app_id = f->app_id.at, .app_port = f->app_port.at, .host_address = rt->info.host_address.at,
        .internal_port = internal, .grpc_port = f->grpc_port.at, .http_port = f->http_port.at,
        .metrics_port = f->metrics_port.at, .profile_port = f->profile_port.at};
    environment_set(&export);
}

struct runtime *runtime_destroy(struct runtime *rt)
{
    if (!rt)
        return NULL;
    reload_fini(rt);
    blocks_fini(&rt->blocks);
    if (rt->rules != rt->configuration)
        configuration_destroy(rt->rules);
    configuration_destroy(rt->configuration);
    environment_fini(&rt->environment);
    arena_destroy(rt->keep);
    text_fini(&rt->failure);
    pthread_mutex_destroy(&rt->lock);
    rt->magic = 0;
    return mem_free(rt);
}

/* ------------------------------------------------------------------------------------- starting */
static void start_channel(struct runtime *rt)
{
    struct channel_setup setup = {
        .info = &rt->info, .app_token = slice_name(rt->environment.app_token),
        .app_slots = rt->info.app_max_concurrency, .max_message = rt->setup.flags->max_body_bytes,
        .resolve = names_resolve, .arg = rt, .few_paths = !rt->configuration->metrics.increased_cardinality};
    channel_start(&setup);
}

static void set_resolve_context(struct runtime *rt)
{
    rt->resources.context = (struct resolve_context){
        .environment = &rt->environment, .app_id = rt->info.app_id, .is_kubernetes = rt->setup.flags->is_kubernetes,
        .strict_sandbox = rt->configuration->strict_sandbox, .get = components_secret, .arg = rt};
}

static void tell_absent_services(const struct flags *f)
{
    if (!f->has_placement)
        log_info(SCOPE, "Actor runtime disabled");
    if (!f->scheduler_address.count)
        log_info(SCOPE, "Scheduler disabled");
}

static void on_opened(struct runtime *rt)
{
    reload_open(rt);
    tell_absent_services(rt->setup.flags);
    app_announce(rt);
    atomic_store(&rt->is_outbound_ready, true);
    app_begin(rt);
}

static void on_published(void *arg)
{
    struct runtime *rt = arg;
    if (!runtime_is_stopping(rt))
        servers_open(rt, on_opened);
}

/* A scope for a store that is not there is a slip of the pen worth a line. */
static void tell_scopes(struct runtime *rt)
{
    for (uint32_t i = 0; i < rt->configuration->scope_count; i++) {
        struct trb_name store = rt->configuration->scopes[i].store;
        struct entry *e = components_find(rt, slice_name(store));
        if (!e || e->state != ENTRY_LIVE || !slice_is(slice_name(e->component->block), SLICE("secretstores")))
            log_warn(SCOPE, "Secrets configuration added for '%s', but no matching secret store was found", store.at);
    }
}

static void on_resolved(struct runtime *rt)
{
    if (runtime_is_stopping(rt))
        return;
    if (!rt->info.app_port)
        log_warn(SCOPE, "App channel is not initialized. Did you configure an app-port?");
    tell_scopes(rt);
    blocks_resources(rt, TRB_RESOURCE_HTTP_ENDPOINT);
    blocks_resources(rt, TRB_RESOURCE_MCP_SERVER);
    blocks_publish(rt);
    components_publish(rt, on_published, rt);
}

static void one_side_started(struct runtime *rt)
{
    if (--rt->sides_owed == 0 && !runtime_is_stopping(rt))
        resources_resolve(rt, on_resolved);
}

static void start_components(struct runtime *rt)
{
    components_start(rt, one_side_started);
}

void runtime_start(struct runtime *rt)
{
    struct trb_error err = ERROR_INIT;
    rt->is_started = true;
    start_channel(rt);
    servers_prepare(rt);
    set_resolve_context(rt);
    if (reload_watch(rt, &err) || resources_load(rt, &err) || blocks_start(rt, &err)) {
        runtime_fail(rt, "%s", error_text(&err).at);
        return;
    }
    rt->sides_owed = 2;
    names_start(rt, one_side_started);
    offerers_start(rt, start_components);
}

/* ---------------------------------------------------------------------------------------- ready */
static void look_whether_busy(void *arg)
{
    struct runtime *rt = arg;
    if (runtime_is_stopping(rt))
        return;
    if (blocks_busy(rt)) {
        timer_after(loop_at(0), &rt->busy, BUSY_LOOK_NS, look_whether_busy, rt);
        return;
    }
    atomic_store(&rt->is_ready, true);
    log_info(SCOPE, "dapr initialized. Status: Running. Init Elapsed %llums",
             (unsigned long long)((clock_now_ns() - rt->setup.began_ns) / CLOCK_MS));
}

void runtime_ready(struct runtime *rt)
{
    if (!rt->is_ready)
        look_whether_busy(rt);
}

bool runtime_reload(struct runtime *rt)
{
    if (!rt->reload.is_open || reconfigure(rt) == RECONFIGURED_IN_PART)
        return false;
    reload_scan(rt, RELOAD_EVENT);
    return true;
}

bool runtime_read_again(struct runtime *rt)
{
    bool is_open = rt->reload.is_open;
    reload_scan(rt, RELOAD_EVENT);
    return is_open;
}

void runtime_stop(struct runtime *rt, bool has_block)
{
    timer_end(&rt->busy);
    shutdown_begin(rt, has_block);
}
