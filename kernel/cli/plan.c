/* plan.c: from flags to the words and the environment of two programs.
 * Not a judge of values the sidecar judges: it says its own sentence. */
#include "cli/plan.h"
#include "cli/command.h"
#include "cli/places.h"
#include "cli/ports.h"
#include "cli/settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

static char *made_up_id(void)
{
    static const char *const stuff[] = {"felt",  "tweed",  "straw", "wool",
                                        "linen", "velvet", "suede", "denim"};
    static const char *const part[] = {"brim",  "crown",   "band",   "crease",
                                       "pinch", "feather", "ribbon", "peak"};
    unsigned char dice[4] = {0};
    ssize_t ignored = getrandom(dice, sizeof dice, 0);
    (void)ignored;
    return text_format("%s-%s-%02x%02x", stuff[dice[0] % 8], part[dice[1] % 8], dice[2], dice[3]);
}

static bool choose_id(struct plan *plan, const struct flags *flags, struct reason *why)
{
    const char *given = flags_text(flags, "app-id");
    plan->app_id = given ? text_copy(given) : made_up_id();
    if (!*plan->app_id)
        return reason_set(why, "parameter app-id cannot be empty");
    if (strchr(plan->app_id, '.'))
        return reason_set(why, "parameter app-id cannot contain dots");
    return true;
}

static bool choose_ports(struct plan *plan, const struct flags *flags, struct reason *why)
{
    const struct { const char *flag, *name; int *port; bool is_wanted;
    } table[] = {
        {"dapr-http-port", "HTTPPort", &plan->http_port, true},
        {"dapr-grpc-port", "GRPCPort", &plan->grpc_port, true},
        {"metrics-port", "MetricsPort", &plan->metrics_port, true},
        {"dapr-internal-grpc-port", "InternalGRPCPort", &plan->internal_port, true},
        {"profile-port", "ProfilePort", &plan->profile_port,
         flags_is_on(flags, "enable-profiling")},
    };
    struct ports ports = {0};
    bool is_done = true;
    /* The given ones first, so that none of them is chosen for another. */
    for (size_t i = 0; is_done && i < sizeof table / sizeof *table; i++) {
        int64_t port = flags_number(flags, table[i].flag);
        if (port > 0 && table[i].is_wanted && !ports_hold(&ports, *table[i].port = (int)port))
            is_done = reason_set(why, "invalid configuration for %s. Port %d is not available",
                                 table[i].name, (int)port);
    }
    for (size_t i = 0; is_done && i < sizeof table / sizeof *table; i++)
        if (!*table[i].port && table[i].is_wanted && !(*table[i].port = ports_choose(&ports)))
            is_done = reason_set(why, "invalid configuration for %s. No port is available",
                                 table[i].name);
    ports_release(&ports);
    return is_done;
}

static bool check_folders(const struct flags *flags, struct reason *why)
{
    const struct words *folders = flags_list(flags, "resources-path");
    for (size_t i = 0; i < folders->count; i++)
        if (!place_is_directory(folders->at[i]))
            return reason_set(why,
                              "error validating resources path \"%s\": there is no such folder",
                              folders->at[i]);
    const char *old = flags_text(flags, "components-path");
    if (old && *old && !folders->count && !place_is_directory(old))
        return reason_set(why, "error validating resources path \"%s\": there is no such folder",
                          old);
    return true;
}

static void add_flag(struct words *argv, const struct flags *flags, const struct flag *row)
{
    const char *value = flags_text(flags, row->name);
    bool is_default = !flags_is_given(flags, row->name) && value == row->initial;
    if (is_default || !value || !*value ||
        (row->kind == FLAG_PORT && flags_number(flags, row->name) <= 0))
        return;
    if (row->kind == FLAG_SWITCH) {
        words_addf(argv, "--%s%s", row->sidecar, flags_is_on(flags, row->name) ? "" : "=false");
        return;
    }
    words_addf(argv, "--%s", row->sidecar);
    words_add(argv, value);
}

static void add_list(struct words *argv, const struct flags *flags, const struct flag *row)
{
    const struct words *given = flags_list(flags, row->name);
    for (size_t i = 0; i < given->count; i++) {
        words_addf(argv, "--%s", row->sidecar);
        words_add(argv, given->at[i]);
    }
}

/* What was given is passed on as it is; trilbyd has the same defaults for the rest. */
static void add_given(struct words *argv, const struct flags *flags)
{
    for (int t = 0; t < 2; t++)
        for flag_each (row, flags->tables[t]) {
            if (!row->name || !row->sidecar || !strcmp(row->name, "app-id"))
                continue;
            if (row->kind == FLAG_LIST)
                add_list(argv, flags, row);
            else
                add_flag(argv, flags, row);
        }
}

static void add_port(struct words *argv, const char *flag, int port)
{
    if (port) {
        words_addf(argv, "--%s", flag);
        words_addf(argv, "%d", port);
    }
}

/* A control plane of this machine is used when it is there; asking for one that is not would keep
 * the sidecar from getting ready. */
static void add_service(struct words *argv, const struct flags *flags, const char *flag, int port)
{
    const char *given = flags_text(flags, flag);
    if (!given && !port_is_answering("127.0.0.1", port))
        return;
    const char *host = given ? given : "localhost";
    words_addf(argv, "--%s", flag);
    if (!*host || strchr(host, ':'))
        words_add(argv, host);
    else
        words_addf(argv, "%s:%d", host, port);
}

static void add_resources(struct words *argv, const struct flags *flags, const char *runtime_path)
{
    char *folder = place_of_default(runtime_path, "components");
    bool is_named =
        flags_is_given(flags, "resources-path") || flags_is_given(flags, "components-path");
    if (!is_named && folder && place_is_directory(folder)) {
        words_add(argv, "--resources-path");
        words_add(argv, folder);
    }
    free(folder);
}

static void add_configuration(struct words *argv, const struct flags *flags,
                              const char *runtime_path)
{
    const struct words *given = flags_list(flags, "config");
    char *standard = given->count ? NULL : place_of_default(runtime_path, "config.yaml");
    if (standard) {
        words_add(argv, "--config");
        words_add(argv, standard);
    }
    const char *last = given->count ? given->at[given->count - 1] : standard;
    if (last && settings_ask_mtls(last)) {
        words_add(argv, "--enable-mtls");
        words_add(argv, "--sentry-address");
        words_add(argv, "localhost:50001");
    }
    free(standard);
}

static bool make_sidecar(struct plan *plan, const struct flags *flags, struct reason *why)
{
    const char *runtime_path = flags_text(flags, "runtime-path");
    char *program = place_of_sidecar(runtime_path, why);
    if (!program)
        return false;
    struct words *argv = &plan->sidecar;
    words_add(argv, program);
    free(program);
    words_add(argv, "--app-id");
    words_add(argv, plan->app_id);
    add_given(argv, flags);
    add_port(argv, "dapr-http-port", plan->http_port);
    add_port(argv, "dapr-grpc-port", plan->grpc_port);
    add_port(argv, "dapr-internal-grpc-port", plan->internal_port);
    add_port(argv, "metrics-port", plan->metrics_port);
    add_port(argv, "profile-port", plan->profile_port);
    add_resources(argv, flags, runtime_path);
    add_configuration(argv, flags, runtime_path);
    add_service(argv, flags, "placement-host-address", 50005);
    add_service(argv, flags, "scheduler-host-address", 50006);
    return true;
}

static const char *protocol_of(const struct flags *flags)
{
    const char *protocol = flags_text(flags, "app-protocol");
    if (!flags_is_on(flags, "app-ssl"))
        return protocol;
    return strcasecmp(protocol, "grpc") ? strcasecmp(protocol, "http") ? protocol : "https"
                                        : "grpcs";
}

static void make_environment(struct plan *plan, const struct flags *flags)
{
    struct words *e = &plan->environment;
    words_addf(e, "APP_ID=%s", plan->app_id);
    if (plan->app_port > 0)
        words_addf(e, "APP_PORT=%d", plan->app_port);
    words_addf(e, "APP_PROTOCOL=%s", protocol_of(flags));
    words_addf(e, "APP_CHANNEL_ADDRESS=%s", flags_text(flags, "app-channel-address"));
    words_addf(e, "DAPR_HTTP_PORT=%d", plan->http_port);
    words_addf(e, "DAPR_GRPC_PORT=%d", plan->grpc_port);
    words_addf(e, "DAPR_METRICS_PORT=%d", plan->metrics_port);
    if (!getenv("PYTHONUNBUFFERED"))
        words_add(e, "PYTHONUNBUFFERED=1");
}

bool plan_make(struct plan *plan, const struct flags *flags, struct reason *why)
{
    *plan = (struct plan){0};
    if (flags_is_given(flags, "run-file"))
        return reason_set(
            why, "--run-file is not available yet: start each application with a `trilby run` of "
                 "its own");
    if (flags_is_on(flags, "kubernetes"))
        return reason_set(
            why, "--kubernetes is not available yet: trilby run starts programs on this machine");
    if (!choose_id(plan, flags, why) || !check_folders(flags, why) ||
        !choose_ports(plan, flags, why))
        return false;
    plan->app_port = (int)flags_number(flags, "app-port");
    plan->graceful_seconds = flags_number(flags, "dapr-graceful-shutdown-seconds");
    plan->socket_folder = flags_text(flags, "unix-domain-socket");
    if (plan->socket_folder && !*plan->socket_folder)
        plan->socket_folder = NULL;
    http_place_init(&plan->api, plan->socket_folder, plan->app_id,
                    flags_text(flags, "dapr-listen-addresses"), plan->http_port);
    for (size_t i = 0; i < flags->rest.count; i++)
        words_add(&plan->command, flags->rest.at[i]);
    make_environment(plan, flags);
    if (plan->socket_folder &&
        strlen(plan->socket_folder) + strlen(plan->app_id) + strlen("/dapr--http.socket") >=
            sizeof plan->api.socket)
        return reason_set(why,
                          "the path of a socket in \"%s\" would be too long for the system; "
                          "use a folder with a shorter path",
                          plan->socket_folder);
    return make_sidecar(plan, flags, why);
}

void plan_fini(struct plan *plan)
{
    free(plan->app_id);
    words_fini(&plan->sidecar);
    words_fini(&plan->command);
    words_fini(&plan->environment);
}
