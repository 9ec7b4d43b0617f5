/* Every flag with its default and its type; lists, switches, fallbacks; what is refused and in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/config/flags.c"
#include <base/clock.h>
#include <base/log.h>
#include <stdio.h>
#include <stdlib.h>

struct parsed {
    struct flags flags;
    struct trb_error err;
    int verdict;
    char warnings[512];
};

/* words: separated by blanks. */
static struct parsed parse_with(const char *words, const struct environment *env)
{
    struct parsed p = {.err = ERROR_INIT};
    char copy[1024], *argv[32] = {"trilbyd"};
    int argc = 1;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *save, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        argv[argc++] = word;
    p.verdict = flags_parse(argc, argv, env, &p.flags, &p.err);
    return p;
}

static struct parsed parse(const char *words)
{
    return parse_with(words, &(struct environment){0});
}

static void keep_warning(void *arg, const char *sentence)
{
    struct parsed *p = arg;
    strncat(p->warnings, sentence, sizeof p->warnings - strlen(p->warnings) - 1);
    strncat(p->warnings, "\n", sizeof p->warnings - strlen(p->warnings) - 1);
}

static void expect_usage(const char *words, const char *sentence)
{
    struct parsed p = parse(words);
    assert_int_equal(p.verdict, FLAGS_USAGE);
    assert_string_equal(p.err.message, sentence);
    flags_fini(&p.flags);
}

static void expect_fatal(const char *words, const char *line)
{
    struct parsed p = parse(words);
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_int_not_equal(flags_check(&p.flags, NULL, NULL, &p.err), TRB_OK);
    assert_string_equal(p.err.message, line);
    flags_fini(&p.flags);
}

static struct parsed checked_flags(const char *words)
{
    struct parsed p = parse(words);
    assert_int_equal(p.verdict, FLAGS_RUN);
    if (flags_check(&p.flags, keep_warning, &p, &p.err))
        fail_msg("%s", p.err.message);
    return p;
}

/* The table of the contract. */
static const struct {
    const char *name, *fallback;
} contract[] = {
    {"mode", "standalone"}, {"app-id", ""}, {"app-port", ""}, {"app-protocol", "http"}, {"app-ssl", "false"},
    {"app-channel-address", "127.0.0.1"}, {"app-max-concurrency", "-1"}, {"dapr-http-port", "3500"},
    {"dapr-grpc-port", "50001"}, {"dapr-internal-grpc-port", ""}, {"dapr-internal-grpc-listen-address", ""},
    {"dapr-listen-addresses", ""}, {"dapr-public-port", ""}, {"dapr-public-listen-address", ""},
    {"profile-port", "7777"}, {"enable-profiling", "false"}, {"metrics-port", "9090"},
    {"metrics-listen-address", "0.0.0.0"}, {"enable-metrics", "true"}, {"resources-path", ""},
    {"components-path", ""}, {"config", ""}, {"control-plane-address", ""},
    {"control-plane-trust-domain", "localhost"}, {"control-plane-namespace", "default"}, {"sentry-address", ""},
    {"sentry-request-jwt-audiences", ""}, {"enable-mtls", "false"}, {"placement-host-address", ""},
    {"actors-service", ""}, {"reminders-service", ""}, {"actors-disseminate-timeout", "30s"},
    {"scheduler-host-address", ""}, {"scheduler-job-streams", "3"}, {"allowed-origins", ""},
    {"max-body-size", "4Mi"}, {"dapr-http-max-request-size", "-1"}, {"read-buffer-size", "4Ki"},
    {"dapr-http-read-buffer-size", "-1"}, {"unix-domain-socket", ""}, {"dapr-graceful-shutdown-seconds", "5"},
    {"dapr-block-shutdown-duration", "0s"}, {"enable-api-logging", ""},
    {"disable-builtin-k8s-secret-store", "false"}, {"enable-app-health-check", "false"},
    {"app-health-check-path", "/healthz"}, {"app-health-probe-interval", "5"},
    {"app-health-probe-timeout", "500"}, {"app-health-threshold", "3"}, {"app-binding-options-timeout", "3s"},
    {"disable-init-endpoints", ""}, {"hot-reload-reconcile-interval", "0s"}, {"log-level", "info"},
    {"log-as-json", "false"}, {"log-file", ""}, {"version", "false"}, {"build-info", "false"}, {"wait", "false"},
};

static void every_flag_of_the_contract_is_known_with_its_default(void **state)
{
    for (size_t i = 0; i < sizeof contract / sizeof contract[0]; i++) {
        const struct flag_row *row = find_row(slice_of(contract[i].name));
        if (!row)
            fail_msg("--%s is unknown", contract[i].name);
        assert_string_equal(row->fallback, contract[i].fallback);
    }
}

/* A value for each type, and what it is afterwards. */
static void expect_member(const struct flags *flags, const struct flag_row *row)
{
    const void *member = (const char *)flags + row->member;
    const struct flag_list *list = member;
    switch (row->type) {
    case FLAG_IS_TEXT:
        assert_string_equal(((const struct trb_name *)member)->at, "some");
        return;
    case FLAG_IS_BOOL:
        assert_true(*(const bool *)member);
        return;
    case FLAG_IS_TRISTATE:
        assert_int_equal(*(const int32_t *)member, 1);
        return;
    case FLAG_IS_INT:
    case FLAG_IS_UINT:
        assert_int_equal(*(const int64_t *)member, 17);
        return;
    case FLAG_IS_DURATION:
        assert_int_equal(*(const int64_t *)member, 90 * CLOCK_S);
        return;
    default:
        assert_int_equal(list->count, 2);
        assert_string_equal(list->at[0].at, "a");
        assert_string_equal(list->at[1].at, "b");
    }
}

static void every_flag_takes_a_value_in_every_spelling(void **state)
{
    static const char *const values[] = {"some", "true", "true", "17", "17", "1m30s", "a,b"};
    static const char *const forms[] = {"--%s=%s", "-%s=%s", "--%s %s", "-%s %s"};
    for (uint32_t i = 0; i < flag_row_count; i++)
        for (int form = 0; form < 4; form++) {
            const struct flag_row *row = &flag_rows[i];
            char words[128];
            bool is_switch = row->type == FLAG_IS_BOOL || row->type == FLAG_IS_TRISTATE;
            if (!strcmp(row->name, "help") || (is_switch && form > 1))
                continue;
            snprintf(words, sizeof words, forms[form], row->name, values[row->type]);
            struct parsed p = parse(words);
            if (p.verdict != FLAGS_RUN)
                fail_msg("%s: %s", words, p.err.message);
            assert_true(*flag_given(&p.flags, row));
            expect_member(&p.flags, row);
            flags_fini(&p.flags);
        }
}

static void nothing_given_means_the_defaults(void **state)
{
    struct parsed p = checked_flags("--app-id a");
    struct flags *f = &p.flags;
    assert_int_equal(f->http, 3500);
    assert_int_equal(f->grpc, 50001);
    assert_int_equal(f->internal, 0);
    assert_int_equal(f->public_, 0);
    assert_int_equal(f->app, 0);
    assert_int_equal(f->profile, 7777);
    assert_int_equal(f->max_body_bytes, 4u << 20);
    assert_int_equal(f->read_buffer_bytes, 4096);
    assert_int_equal(f->log_level_number, LOG_INFO);
    assert_string_equal(f->protocol.at, "http");
    assert_int_equal(f->max_concurrency, 0);
    assert_int_equal(f->app_health_interval_ns, 5 * CLOCK_S);
    assert_int_equal(f->app_health_timeout_ns, 500 * CLOCK_MS);
    assert_int_equal(f->app_health_failures, 3);
    assert_int_equal(f->graceful_ns, 5 * CLOCK_S);
    assert_int_equal(f->block_shutdown, 0);
    assert_int_equal(f->api_logging, -1);
    assert_true(f->enable_metrics);
    assert_false(f->is_kubernetes || f->skip_config || f->skip_subscribe || f->reload_safe || f->heal ||
                 f->has_placement || f->given.http_port);
    assert_int_equal(f->resources.count + f->listen.count + f->plugin_folders.count + f->config.count, 0);
    assert_int_equal(f->scheduler_streams, 3);
    assert_int_equal(f->disseminate_timeout, 30 * CLOCK_S);
    assert_string_equal(p.warnings, "");
    flags_fini(&p.flags);
}

static void a_switch_takes_no_next_word(void **state)
{
    struct parsed p = parse("--enable-mtls --log-as-json=false --enable-api-logging=false --enable-metrics=F");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_true(p.flags.enable_mtls);
    assert_false(p.flags.log_as_json);
    assert_int_equal(p.flags.api_logging, 0);
    assert_false(p.flags.enable_metrics);
    flags_fini(&p.flags);
    p = parse("--enable-api-logging stray");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_int_equal(p.flags.api_logging, 1);
    flags_fini(&p.flags);
}

static void a_value_may_begin_with_a_dash(void **state)
{
    struct parsed p = parse("--app-max-concurrency -10 --dapr-graceful-shutdown-seconds=-1");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_int_equal(p.flags.app_max_concurrency, -10);
    assert_int_equal(p.flags.graceful_seconds, -1);
    flags_fini(&p.flags);
}

static void lists_repeat_and_split(void **state)
{
    struct parsed p = parse("--config a,b --config=c --resources-path \"x,y\",z --config=");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_int_equal(p.flags.config.count, 3);
    assert_string_equal(p.flags.config.at[2].at, "c");
    assert_int_equal(p.flags.resources.count, 2);
    assert_string_equal(p.flags.resources.at[0].at, "x,y");
    flags_fini(&p.flags);
    p = parse("--config \"a\"\"b\",,");
    assert_int_equal(p.flags.config.count, 3);
    assert_string_equal(p.flags.config.at[0].at, "a\"b");
    assert_string_equal(p.flags.config.at[2].at, "");
    flags_fini(&p.flags);
}

static void numbers_may_carry_a_base(void **state)
{
    struct parsed p = parse("--app-health-threshold 0x10 --scheduler-job-streams 0b11 --app-max-concurrency=1_000 "
                            "--app-health-probe-interval 010");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_int_equal(p.flags.app_health_threshold, 16);
    assert_int_equal(p.flags.scheduler_streams, 3);
    assert_int_equal(p.flags.app_max_concurrency, 1000);
    assert_int_equal(p.flags.app_health_interval, 8);
    flags_fini(&p.flags);
}

static void the_deprecated_folder_counts_alone_only(void **state)
{
    struct parsed p = checked_flags("--app-id a --components-path old");
    assert_int_equal(p.flags.resources.count, 1);
    assert_string_equal(p.flags.resources.at[0].at, "old");
    assert_string_equal(p.warnings, "The 'components-path' flag is deprecated; use 'resources-path' instead\n");
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --components-path old --resources-path new");
    assert_int_equal(p.flags.resources.count, 1);
    assert_string_equal(p.flags.resources.at[0].at, "new");
    flags_fini(&p.flags);
}

static void what_is_no_flag_ends_in_usage(void **state)
{
    expect_usage("--nope", "unknown flag: --nope");
    expect_usage("-nope=1", "unknown flag: --nope");
    expect_usage("-x", "unknown shorthand flag: 'x' in -x");
    expect_usage("--=x", "bad flag syntax: --=x");
    expect_usage("---app-id", "bad flag syntax: ---app-id");
    expect_usage("--app-id", "flag needs an argument: --app-id");
    expect_usage("--app-max-concurrency abc",
                 "invalid argument \"abc\" for \"--app-max-concurrency\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax");
    expect_usage("--app-max-concurrency=",
                 "invalid argument \"\" for \"--app-max-concurrency\" flag: strconv.ParseInt: parsing \"\": invalid syntax");
    expect_usage("--app-health-threshold 9223372036854775808",
                 "invalid argument \"9223372036854775808\" for \"--app-health-threshold\" flag: strconv.ParseInt: "
                 "parsing \"9223372036854775808\": value out of range");
    expect_usage("--scheduler-job-streams -1",
                 "invalid argument \"-1\" for \"--scheduler-job-streams\" flag: strconv.ParseUint: parsing \"-1\": invalid syntax");
    expect_usage("--enable-mtls=maybe",
                 "invalid argument \"maybe\" for \"--enable-mtls\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax");
    expect_usage("--enable-api-logging=2",
                 "invalid argument \"2\" for \"--enable-api-logging\" flag: strconv.ParseBool: parsing \"2\": invalid syntax");
    expect_usage("--actors-disseminate-timeout 5",
                 "invalid argument \"5\" for \"--actors-disseminate-timeout\" flag: time: missing unit in duration \"5\"");
    expect_usage("--actors-disseminate-timeout 5y",
                 "invalid argument \"5y\" for \"--actors-disseminate-timeout\" flag: time: unknown unit \"y\" in duration \"5y\"");
    expect_usage("--actors-disseminate-timeout zz",
                 "invalid argument \"zz\" for \"--actors-disseminate-timeout\" flag: time: invalid duration \"zz\"");
    expect_usage("--config a\"b",
                 "invalid argument \"a\\\"b\" for \"--config\" flag: parse error on line 1, column 2: bare \" in non-quoted field");
    expect_usage("--config \"ab",
                 "invalid argument \"\\\"ab\" for \"--config\" flag: parse error on line 1, column 4: extraneous or missing \" in quoted-field");
}

static void help_is_asked_for_in_two_ways(void **state)
{
    const char *ways[] = {"--help", "-h", "-help"};
    for (int i = 0; i < 3; i++) {
        struct parsed p = parse(ways[i]);
        assert_int_equal(p.verdict, FLAGS_HELP);
        flags_fini(&p.flags);
    }
    struct text usage = {0};
    flags_usage(&usage, "trilbyd");
    assert_non_null(strstr(usage.at, "Usage of trilbyd:\n      --mode string "));
    assert_non_null(strstr(usage.at, "--dapr-http-port string "));
    assert_non_null(strstr(usage.at, "(default \"3500\")\n"));
    assert_non_null(strstr(usage.at, "(default 30s) (no effect yet)\n"));
    assert_null(strstr(usage.at, "actors-service"));
    text_fini(&usage);
}

static void words_that_are_no_flags_are_left_alone(void **state)
{
    struct parsed p = parse("run --app-id a - -- --nope");
    assert_int_equal(p.verdict, FLAGS_RUN);
    assert_string_equal(p.flags.app_id.at, "a");
    flags_fini(&p.flags);
}

static void the_environment_stands_in_for_flags(void **state)
{
    struct environment env = {.controlplane_trust_domain = NAME("td"), .controlplane_namespace = NAME("ns"),
                              .scheduler_dns = NAME("a:1, b:2"), .plugins_path = NAME("/p:/q")};
    struct parsed p = parse_with("--plugins-path /first", &env);
    assert_string_equal(p.flags.control_plane_trust_domain.at, "td");
    assert_string_equal(p.flags.control_plane_namespace.at, "ns");
    assert_int_equal(p.flags.scheduler_address.count, 2);
    assert_string_equal(p.flags.scheduler_address.at[1].at, "b:2");
    assert_int_equal(p.flags.plugin_folders.count, 3);
    assert_string_equal(p.flags.plugin_folders.at[0].at, "/first");
    assert_string_equal(p.flags.plugin_folders.at[2].at, "/q");
    flags_fini(&p.flags);
    p = parse_with("--control-plane-trust-domain x --scheduler-host-address c:3 --control-plane-namespace=y", &env);
    assert_string_equal(p.flags.control_plane_trust_domain.at, "x");
    assert_string_equal(p.flags.control_plane_namespace.at, "y");
    assert_int_equal(p.flags.scheduler_address.count, 1);
    flags_fini(&p.flags);
}

static void faults_of_meaning_end_the_start_with_the_contracts_words(void **state)
{
    expect_fatal("", "Fatal error from runtime: parameter app-id cannot be empty");
    expect_fatal("--app-id a.b", "Fatal error from runtime: parameter app-id cannot contain dots");
    expect_fatal("--app-id a --app-port 3500",
                 "Fatal error from runtime: the 'dapr-http-port' argument value 3500 conflicts with 'app-port'");
    expect_fatal("--app-id a --app-port 50001",
                 "Fatal error from runtime: the 'dapr-grpc-port' argument value 50001 conflicts with 'app-port'");
    expect_fatal("--app-id a --dapr-http-port abc",
                 "Fatal error from runtime: error parsing dapr-http-port flag: strconv.Atoi: parsing \"abc\": invalid syntax");
    expect_fatal("--app-id a --dapr-grpc-port=",
                 "Fatal error from runtime: error parsing dapr-grpc-port flag: strconv.Atoi: parsing \"\": invalid syntax");
    expect_fatal("--app-id a --app-port 0x10",
                 "Fatal error from runtime: error parsing app-port: strconv.Atoi: parsing \"0x10\": invalid syntax");
    expect_fatal("--app-id a --dapr-internal-grpc-port 1_0",
                 "Fatal error from runtime: error parsing dapr-internal-grpc-port: strconv.Atoi: parsing \"1_0\": invalid syntax");
    expect_fatal("--app-id a --dapr-public-port x",
                 "Fatal error from runtime: error parsing dapr-public-port: strconv.Atoi: parsing \"x\": invalid syntax");
    expect_fatal("--app-id a --profile-port x",
                 "Fatal error from runtime: error parsing profile-port flag: strconv.Atoi: parsing \"x\": invalid syntax");
    expect_fatal("--app-id a --app-protocol ftp", "Fatal error from runtime: invalid value for 'app-protocol': ftp");
    expect_fatal("--app-id a --mode cloud", "Fatal error from runtime: invalid mode: cloud");
    expect_fatal("--app-id a --disable-init-endpoints config,x",
                 "Fatal error from runtime: invalid value for 'disable-init-endpoints': x");
    expect_fatal("--app-id a --scheduler-job-streams 0",
                 "Fatal error from runtime: must define at least 1 scheduler stream, got 0");
    expect_fatal("--app-id a --app-health-probe-timeout 5001",
                 "Fatal error from runtime: value for 'health-probe-timeout' must be smaller than 'health-probe-interval'");
    expect_fatal("--log-level zz", "invalid value for --log-level: zz");
    expect_fatal("--app-id a --reload never", "Fatal error from runtime: invalid value for 'reload': never, it is dapr or safe");
    expect_fatal("--app-id a --on-component-failure x",
                 "Fatal error from runtime: invalid value for 'on-component-failure': x, it is exit or heal");
    expect_fatal("--app-id a --loops -1", "Fatal error from runtime: invalid value for 'loops': -1, it is 0 to 1024");
    expect_fatal("--app-id a --admin-listen 127.0.0.1:1",
                 "Fatal error from runtime: 'admin-listen' is unix:/path, or a port of this machine with 'admin-token-file', a file only its owner can read");
}

static void sizes_and_spans_have_a_prefix_of_their_own(void **state)
{
    expect_fatal("--max-body-size 4x", "Failed to parse flags: invalid value for 'max-body-size' option: "
                 "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    expect_fatal("--read-buffer-size=", "Failed to parse flags: invalid value for 'read-buffer-size' option: "
                 "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    expect_fatal("--max-body-size 4MM", "Failed to parse flags: invalid value for 'max-body-size' option: "
                 "unable to parse quantity's suffix");
    expect_fatal("--actors-disseminate-timeout 0s",
                 "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got 0s");
    expect_fatal("--actors-disseminate-timeout -90s --log-level zz",
                 "Failed to parse flags: invalid value for 'actors-disseminate-timeout' option: must be positive, got -1m30s");
}

static void sizes_in_new_flags_win_over_old_ones(void **state)
{
    static const struct {
        const char *words;
        uint64_t body, head;
    } cases[] = {
        {"--app-id a --max-body-size 1k --read-buffer-size 1Ki", 1000, 1024},
        {"--app-id a --max-body-size 0 --read-buffer-size -5", 0, 0},
        {"--app-id a --dapr-http-max-request-size 2 --dapr-http-read-buffer-size 8", 2u << 20, 8192},
        {"--app-id a --dapr-http-max-request-size 2 --max-body-size 4Mi", 4u << 20, 4096},
        {"--app-id a --dapr-http-max-request-size -1 --dapr-http-read-buffer-size=-1", 4u << 20, 4096},
        {"--app-id a --dapr-http-max-request-size 0", 0, 4096},
        {"--app-id a --dapr-http-max-request-size 9223372036854775807", INT64_MAX, 4096},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct parsed p = checked_flags(cases[i].words);
        assert_int_equal(p.flags.max_body_bytes, cases[i].body);
        assert_int_equal(p.flags.read_buffer_bytes, cases[i].head);
        flags_fini(&p.flags);
    }
}

static void protocols_lose_their_case_and_gain_tls(void **state)
{
    struct parsed p = checked_flags("--app-id a --app-protocol GRPC --app-ssl");
    assert_string_equal(p.flags.protocol.at, "grpcs");
    assert_string_equal(p.warnings, "The 'app-ssl' flag is deprecated; use 'app-protocol=grpcs' instead\n");
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --app-ssl");
    assert_string_equal(p.flags.protocol.at, "https");
    assert_string_equal(p.warnings, "The 'app-ssl' flag is deprecated; use 'app-protocol=https' instead\n");
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --app-protocol=");
    assert_string_equal(p.flags.protocol.at, "http");
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --app-protocol=H2c --app-ssl");
    assert_string_equal(p.flags.protocol.at, "h2c");
    flags_fini(&p.flags);
}

static void zeros_mean_the_default_and_no_limit(void **state)
{
    struct parsed p = checked_flags("--app-id a --app-health-probe-interval=0 --app-health-threshold=0 "
                                    "--app-health-probe-timeout=0 --dapr-graceful-shutdown-seconds=0 "
                                    "--app-max-concurrency=0");
    assert_int_equal(p.flags.app_health_interval_ns, 5 * CLOCK_S);
    assert_int_equal(p.flags.app_health_timeout_ns, 500 * CLOCK_MS);
    assert_int_equal(p.flags.app_health_failures, 3);
    assert_true(p.flags.graceful_ns == UINT64_MAX);
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --dapr-graceful-shutdown-seconds=-3 --app-max-concurrency 7 --app-health-threshold 1");
    assert_int_equal(p.flags.graceful_ns, 5 * CLOCK_S);
    assert_int_equal(p.flags.max_concurrency, 7);
    assert_int_equal(p.flags.app_health_failures, 1);
    flags_fini(&p.flags);
}

static void quotes_and_blanks_are_no_placement(void **state)
{
    const char *none[] = {"--placement-host-address=", "--placement-host-address=\"\"", "--placement-host-address=''"};
    for (int i = 0; i < 3; i++) {
        char words[64];
        snprintf(words, sizeof words, "--app-id a %s", none[i]);
        struct parsed p = checked_flags(words);
        assert_false(p.flags.has_placement);
        flags_fini(&p.flags);
    }
    struct parsed p = checked_flags("--app-id a --placement-host-address localhost:50005");
    assert_true(p.flags.has_placement);
    flags_fini(&p.flags);
}

static void words_of_two_become_switches(void **state)
{
    struct parsed p = checked_flags("--app-id a --mode kubernetes --reload safe --on-component-failure heal "
                                    "--disable-init-endpoints config --disable-init-endpoints subscribe "
                                    "--dapr-listen-addresses 127.0.0.1,,[::1] --admin-listen unix:/a");
    assert_true(p.flags.is_kubernetes && p.flags.reload_safe && p.flags.heal && p.flags.skip_config &&
                p.flags.skip_subscribe);
    assert_int_equal(p.flags.listen.count, 2);
    assert_string_equal(p.flags.listen.at[1].at, "[::1]");
    flags_fini(&p.flags);
}

static void a_port_beyond_the_last_is_a_number_all_the_same(void **state)
{
    struct parsed p = checked_flags("--app-id a --dapr-http-port 70000 --dapr-grpc-port -1");
    assert_int_equal(p.flags.http, 70000);
    assert_true(p.flags.grpc > 65535);
    flags_fini(&p.flags);
}

static void the_metrics_port_is_read_late(void **state)
{
    struct parsed p = checked_flags("--app-id a --metrics-port abc");
    uint32_t port = 0;
    assert_int_not_equal(flags_metrics_port(&p.flags, &port, &p.err), TRB_OK);
    assert_string_equal(p.err.message, "failed to parse metrics port: strconv.Atoi: parsing \"abc\": invalid syntax");
    flags_fini(&p.flags);
    p = checked_flags("--app-id a --metrics-port 0");
    assert_int_equal(flags_metrics_port(&p.flags, &port, &p.err), TRB_OK);
    assert_int_equal(port, 0);
    flags_fini(&p.flags);
}

static void flags_that_do_nothing_yet_are_told(void **state)
{
    struct parsed p = parse("--enable-mtls --app-id a --profile-port 1 --actors-service x");
    assert_string_equal(flags_without_effect(&p.flags, 0), "profile-port");
    assert_string_equal(flags_without_effect(&p.flags, 1), "enable-mtls");
    assert_null(flags_without_effect(&p.flags, 2));
    flags_fini(&p.flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flag_of_the_contract_is_known_with_its_default),
        cmocka_unit_test(every_flag_takes_a_value_in_every_spelling),
        cmocka_unit_test(nothing_given_means_the_defaults),
        cmocka_unit_test(a_switch_takes_no_next_word),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(lists_repeat_and_split),
        cmocka_unit_test(numbers_may_carry_a_base),
        cmocka_unit_test(the_deprecated_folder_counts_alone_only),
        cmocka_unit_test(what_is_no_flag_ends_in_usage),
        cmocka_unit_test(help_is_asked_for_in_two_ways),
        cmocka_unit_test(words_that_are_no_flags_are_left_alone),
        cmocka_unit_test(the_environment_stands_in_for_flags),
        cmocka_unit_test(faults_of_meaning_end_the_start_with_the_contracts_words),
        cmocka_unit_test(sizes_and_spans_have_a_prefix_of_their_own),
        cmocka_unit_test(sizes_in_new_flags_win_over_old_ones),
        cmocka_unit_test(protocols_lose_their_case_and_gain_tls),
        cmocka_unit_test(zeros_mean_the_default_and_no_limit),
        cmocka_unit_test(quotes_and_blanks_are_no_placement),
        cmocka_unit_test(words_of_two_become_switches),
        cmocka_unit_test(a_port_beyond_the_last_is_a_number_all_the_same),
        cmocka_unit_test(the_metrics_port_is_read_late),
        cmocka_unit_test(flags_that_do_nothing_yet_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
