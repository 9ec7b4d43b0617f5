/* flags_check: what the flags mean together, and the sentences a start ends with when they mean
 * nothing. The order is observable: who has two faults hears of the first. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <config/flags_check.h>

static void warn(struct checking *c, const char *sentence)
{
    if (c->warn)
        c->warn(c->arg, sentence);
}

trb_code flags_refuse(struct checking *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_vset(c->err, TRB_INVALID, "FLAGS", format, args);
    va_end(args);
    error_prefix(c->err, "Fatal error from runtime: ");
    return TRB_INVALID;
}

static trb_code check_log_level(struct checking *c)
{
    if (log_level_parse(c->flags->log_level.at, &c->flags->log_level_number))
        return TRB_OK;
    return error_set(c->err, TRB_INVALID, "FLAGS", "invalid value for --log-level: %s", c->flags->log_level.at);
}

static trb_code check_id(struct checking *c)
{
    struct trb_name id = c->flags->app_id;
    if (!id.len)
        return flags_refuse(c, "parameter app-id cannot be empty");
    if (memchr(id.at, '.', id.len))
        return flags_refuse(c, "parameter app-id cannot contain dots");
    return TRB_OK;
}

static const char *const protocols[] = {"http", "https", "h2c", "grpc", "grpcs"};

static void upgrade(struct checking *c, const char *from, struct trb_name to, const char *sentence)
{
    if (!slice_is(slice_name(c->flags->protocol), slice_of(from)))
        return;
    warn(c, sentence);
    c->flags->protocol = to;
}

static trb_code check_protocol(struct checking *c)
{
    struct flags *f = c->flags;
    f->protocol = f->app_protocol.len ? (struct trb_name){0} : NAME("http");
    for (int i = 0; i < 5 && f->app_protocol.len; i++)
        if (slice_is_nocase(slice_name(f->app_protocol), slice_of(protocols[i])))
            f->protocol = name_of(protocols[i]);
    if (!f->protocol.at)
        return flags_refuse(c, "invalid value for 'app-protocol': %s", f->app_protocol.at);
    if (f->app_ssl && f->app_protocol.len) {
        upgrade(c, "http", NAME("https"), "The 'app-ssl' flag is deprecated; use 'app-protocol=https' instead");
        upgrade(c, "grpc", NAME("grpcs"), "The 'app-ssl' flag is deprecated; use 'app-protocol=grpcs' instead");
    }
    return TRB_OK;
}

/* amount of units, or fallback units when it is none. */
static uint64_t span_ns(int64_t amount, int64_t fallback, uint64_t unit_ns)
{
    uint64_t ns;
    if (amount <= 0)
        amount = fallback;
    return __builtin_mul_overflow((uint64_t)amount, unit_ns, &ns) ? UINT64_MAX : ns;
}

static trb_code check_health(struct checking *c)
{
    struct flags *f = c->flags;
    f->app_health_interval_ns = span_ns(f->app_health_interval, 5, CLOCK_S);
    f->app_health_timeout_ns = span_ns(f->app_health_timeout, 500, CLOCK_MS);
    bool has_threshold = f->app_health_threshold >= 1 && f->app_health_threshold < INT32_MAX;
    f->app_health_failures = has_threshold ? (uint32_t)f->app_health_threshold : 3;
    if (f->app_health_timeout_ns > f->app_health_interval_ns)
        return flags_refuse(c, "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'");
    return TRB_OK;
}

static trb_code check_init_endpoints(struct checking *c)
{
    struct flags *f = c->flags;
    for (uint32_t i = 0; i < f->disable_init_endpoints.count; i++) {
        struct trb_name name = f->disable_init_endpoints.at[i];
        if (slice_is(slice_name(name), SLICE("config")))
            f->skip_config = true;
        else if (slice_is(slice_name(name), SLICE("subscribe")))
            f->skip_subscribe = true;
        else
            return flags_refuse(c, "invalid value for 'disable-init-endpoints': %s", name.at);
    }
    return TRB_OK;
}

/* Of two words the second sets the switch. */
static trb_code check_choice(struct checking *c, const char *name, struct trb_name value, const char *first,
                             const char *second, bool *ret_second)
{
    *ret_second = slice_is(slice_name(value), slice_of(second));
    if (*ret_second || slice_is(slice_name(value), slice_of(first)))
        return TRB_OK;
    return flags_refuse(c, "invalid value for '%s': %s, it is %s or %s", name, value.at, first, second);
}

static trb_code check_own(struct checking *c)
{
    struct flags *f = c->flags;
    trb_code code = check_choice(c, "reload", f->reload, "dapr", "safe", &f->reload_safe);
    if (!code)
        code = check_choice(c, "on-component-failure", f->on_component_failure, "exit", "heal", &f->heal);
    if (!code && (f->loops < 0 || f->loops > 1024))
        code = flags_refuse(c, "invalid value for 'loops': %lld, it is 0 to 1024", (long long)f->loops);
    if (!code && (f->workers < 0 || f->workers > 4096))
        code = flags_refuse(c, "invalid value for 'workers': %lld, it is 0 to 4096", (long long)f->workers);
    if (!code && f->admin_listen.len && !slice_starts(slice_name(f->admin_listen), SLICE("unix:")) &&
        !f->admin_token_file.len)
        code = flags_refuse(c, "'admin-listen' is unix:/path, or a port of this machine with 'admin-token-file', a file only its "
                               "owner can read");
    return code;
}

static trb_code check_mode(struct checking *c)
{
    struct trb_name mode = c->flags->mode;
    c->flags->is_kubernetes = slice_is(slice_name(mode), SLICE("kubernetes"));
    if (c->flags->is_kubernetes || slice_is(slice_name(mode), SLICE("standalone")))
        return TRB_OK;
    return flags_refuse(c, "invalid mode: %s", mode.at);
}

static trb_code check_streams(struct checking *c)
{
    if (c->flags->scheduler_streams >= 1)
        return TRB_OK;
    return flags_refuse(c, "must define at least 1 scheduler stream, got 0");
}

/* Blanks and quotes alone are what templates make of no address. */
static bool says_something(struct trb_name text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n\"'", text.at[i]))
            return true;
    return false;
}

static void derive(struct checking *c)
{
    struct flags *f = c->flags;
    f->max_concurrency = f->app_max_concurrency > 0 ? f->app_max_concurrency : 0;
    f->graceful_ns = f->graceful_seconds ? span_ns(f->graceful_seconds, 5, CLOCK_S) : UINT64_MAX;
    f->has_placement = says_something(f->placement_address);
    if (f->given.components_path && !f->resources_path.count)
        warn(c, "The 'components-path' flag is deprecated; use 'resources-path' instead");
    if (f->given.max_request_size_mb)
        warn(c, "The 'dapr-http-max-request-size' flag is deprecated; use 'max-body-size' instead");
    if (f->given.read_buffer_kb)
        warn(c, "The 'dapr-http-read-buffer-size' flag is deprecated; use 'read-buffer-size' instead");
}

trb_code flags_check(struct flags *flags, void (*warn_)(void *arg, const char *sentence), void *arg,
                     struct trb_error *err)
{
    static trb_code (*const checks[])(struct checking *) = {
        flags_check_sizes, check_log_level,      check_id,  flags_check_ports, check_protocol,
        check_health,      check_init_endpoints, check_own, check_mode,        check_streams};
    struct checking c = {flags, warn_, arg, err};
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        trb_code code = checks[i](&c);
        if (code)
            return code;
    }
    derive(&c);
    return TRB_OK;
}
