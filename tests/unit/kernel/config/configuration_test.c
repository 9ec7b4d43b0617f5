/* Every key of the spec, its default, and what is said of a wrong one; files laid over each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/config/configuration.c"
#include <base/clock.h>
#include <stdlib.h>
#include <unistd.h>

static struct configuration *parse_in(const char *text, const struct environment *env, struct trb_error *err)
{
    struct configuration *c = NULL;
    configuration_parse("c.yaml", slice_of(text), env, &c, err);
    return c;
}

static struct configuration *good(const char *text)
{
    struct trb_error err = ERROR_INIT;
    struct configuration *c = parse_in(text, NULL, &err);
    if (!c)
        fail_msg("%s", err.message);
    return c;
}

static void expect_fault(const char *text, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    assert_null(parse_in(text, NULL, &err));
    assert_string_equal(err.message, sentence);
}

static void expect_metrics(const char *text, const char *json)
{
    struct configuration *c = good(text);
    struct text t = {0};
    configuration_metrics_json(c, &t);
    assert_string_equal(t.at, json);
    text_fini(&t);
    configuration_destroy(c);
}

static void no_file_means_the_defaults(void **state)
{
    struct configuration *c = NULL;
    assert_int_equal(configuration_load(NULL, 0, NULL, &c, NULL), TRB_OK);
    assert_null(c->name.at);
    assert_int_equal(c->http_pipeline.count + c->app_http_pipeline.count, 0);
    assert_null(c->tracing.sampling_rate.at);
    assert_true(c->tracing.rate == 0.0001);
    assert_true(c->tracing.otel_secure);
    assert_int_equal(c->tracing.otel_timeout_ns, 10 * CLOCK_S);
    assert_true(c->metrics.enabled);
    assert_false(c->metrics.record_error_codes);
    assert_int_equal(c->metrics.increased_cardinality, -1);
    assert_int_equal(c->metrics.bucket_count, 34);
    assert_int_equal(c->metrics.buckets[33], 100000);
    assert_false(c->api_logging || c->obfuscate_urls || c->omit_health_checks || c->strict_sandbox);
    assert_false(c->access.is_present);
    assert_int_equal(c->access.default_action, ACCESS_ALLOW);
    assert_string_equal(c->access.trust_domain.at, "public");
    assert_null(c->resolver.at);
    assert_string_equal(c->resolver_version.at, "v1");
    assert_int_equal(c->retain_any_ns, -1);
    assert_int_equal(c->features.count, 2);
    assert_true(configuration_has_feature(c, "HotReload"));
    assert_true(configuration_has_feature(c, "WorkflowsRemoteActivityReminder"));
    assert_string_equal(c->spec.at, "{}");
    configuration_destroy(c);
}

static void an_empty_document_means_the_defaults_too(void **state)
{
    const char *texts[] = {"", "# nothing\n", "null\n", "spec:\n", "kind: Whatever\nspec: {unknown: [1]}\n"};
    for (int i = 0; i < 5; i++)
        configuration_destroy(good(texts[i]));
}

static void pipelines_keep_their_order(void **state)
{
    struct configuration *c = good("metadata: {name: conf}\n"
                                   "spec:\n"
                                   "  httpPipeline:\n"
                                   "    handlers:\n"
                                   "    - {name: up, type: middleware.http.uppercase}\n"
                                   "    - {name: two, type: middleware.http.x, version: v2, selector: {fields: []}}\n"
                                   "  appHttpPipeline: {handlers: [{name: 5, type: t}]}\n");
    assert_string_equal(c->name.at, "conf");
    assert_int_equal(c->http_pipeline.count, 2);
    assert_string_equal(c->http_pipeline.at[0].type.at, "middleware.http.uppercase");
    assert_string_equal(c->http_pipeline.at[0].version.at, "v1");
    assert_string_equal(c->http_pipeline.at[1].version.at, "v2");
    assert_string_equal(c->app_http_pipeline.at[0].name.at, "5");
    configuration_destroy(c);
}

static void tracing_is_read_whole(void **state)
{
    struct configuration *c = good("spec:\n"
                                   "  tracing:\n"
                                   "    samplingRate: 1.0\n"
                                   "    stdout: yes\n"
                                   "    zipkin: {endpointAddress: http://z/api}\n"
                                   "    otel:\n"
                                   "      protocol: http\n"
                                   "      endpointAddress: o:4318\n"
                                   "      isSecure: false\n"
                                   "      headers: [a=b=c, {name: n, value: 5}]\n"
                                   "      timeout: 1500ms\n");
    struct configuration_tracing *t = &c->tracing;
    assert_string_equal(t->sampling_rate.at, "1.0");
    assert_true(t->rate == 1.0);
    assert_true(t->to_stdout);
    assert_string_equal(t->zipkin_endpoint.at, "http://z/api");
    assert_string_equal(t->otel_protocol.at, "http");
    assert_string_equal(t->otel_endpoint.at, "o:4318");
    assert_false(t->otel_secure);
    assert_int_equal(t->otel_headers.count, 2);
    assert_string_equal(trb_pair_at(&t->otel_headers, 0)->key.at, "a");
    assert_string_equal(trb_pair_at(&t->otel_headers, 0)->value.at, "b=c");
    assert_string_equal(trb_pair_at(&t->otel_headers, 1)->value.at, "5");
    assert_int_equal(t->otel_timeout_ns, 1500 * CLOCK_MS);
    configuration_destroy(c);
}

static void a_rate_that_is_no_number_is_the_small_one(void **state)
{
    static const struct {
        const char *text;
        double rate;
    } rates[] = {{"\"0\"", 0}, {"\"\"", 0.0001}, {"abc", 0.0001}, {"0.5x", 0.0001}, {".5", 0.5}, {"1e-2", 0.01},
                 {"nan", 0.0001}, {"\" 1\"", 0.0001}};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        char text[80];
        snprintf(text, sizeof text, "spec: {tracing: {samplingRate: %s}}", rates[i].text);
        struct configuration *c = good(text);
        assert_true(c->tracing.rate == rates[i].rate);
        configuration_destroy(c);
    }
}

static const struct environment otel = {.otel_endpoint = NAME("https://env:4317"), .otel_protocol = NAME("http/protobuf"),
                                        .otel_headers = NAME("a=b%20c, d=e"), .otel_timeout = NAME("250"),
                                        .otel_insecure = NAME("true")};

static void the_environment_says_where_spans_go_when_no_file_does(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct configuration *c = parse_in("", &otel, &err);
    assert_string_equal(c->tracing.otel_endpoint.at, "env:4317");
    assert_string_equal(c->tracing.otel_protocol.at, "http");
    assert_string_equal(c->tracing.sampling_rate.at, "1");
    assert_true(c->tracing.rate == 1);
    assert_false(c->tracing.otel_secure);
    assert_int_equal(c->tracing.otel_headers.count, 2);
    assert_string_equal(trb_pair_at(&c->tracing.otel_headers, 0)->value.at, "b c");
    assert_string_equal(trb_pair_at(&c->tracing.otel_headers, 1)->key.at, "d");
    assert_int_equal(c->tracing.otel_timeout_ns, 250 * CLOCK_MS);
    configuration_destroy(c);
    c = parse_in("spec: {tracing: {samplingRate: '0.1', otel: {endpointAddress: 'f:1', protocol: grpc}}}", &otel, &err);
    assert_string_equal(c->tracing.otel_endpoint.at, "f:1");
    assert_string_equal(c->tracing.otel_protocol.at, "grpc");
    assert_true(c->tracing.rate == 0.1);
    configuration_destroy(c);
}

static void bad_tracing_in_the_environment_is_told(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct environment env = {.otel_endpoint = NAME("e:1"), .otel_headers = NAME("broken")};
    assert_null(parse_in("", &env, &err));
    assert_non_null(strstr(err.message, "error setting tracing spec from env: "));
    env = (struct environment){.otel_endpoint = NAME("e:1"), .otel_timeout = NAME("10s")};
    assert_null(parse_in("", &env, &err));
    assert_non_null(strstr(err.message, "error setting tracing spec from env: "));
}

static void an_unknown_protocol_is_refused_when_it_would_be_used(void **state)
{
    expect_fault("spec: {tracing: {otel: {endpointAddress: 'o:1', protocol: udp}}}",
                 "failed to setup tracing: invalid protocol udp provided for Otel endpoint");
    configuration_destroy(good("spec: {tracing: {otel: {protocol: udp}}}"));
}

static void metrics_lie_over_metric(void **state)
{
    struct configuration *c = good("spec:\n"
                                   "  metric:\n"
                                   "    enabled: true\n"
                                   "    recordErrorCodes: true\n"
                                   "    http: {increasedCardinality: true, excludeVerbs: true, pathMatching: [/a, /b]}\n"
                                   "    latencyDistributionBuckets: [1, 2]\n"
                                   "  metrics:\n"
                                   "    enabled: false\n"
                                   "    http: {increasedCardinality: false, pathMatching: [/c]}\n"
                                   "    latencyDistributionBuckets: [50, 5, 50]\n"
                                   "    rules: [{name: dapr_x, labels: [{name: l, regex: {r: p}}]}]\n");
    assert_false(c->metrics.enabled);
    assert_true(c->metrics.record_error_codes);
    assert_int_equal(c->metrics.increased_cardinality, 0);
    assert_true(c->metrics.exclude_verbs);
    assert_int_equal(c->metrics.path_matching.count, 1);
    assert_int_equal(c->metrics.bucket_count, 2);
    assert_int_equal(c->metrics.buckets[0], 5);
    assert_int_equal(c->metrics.buckets[1], 50);
    assert_string_equal(c->metrics.rules[0].labels[0].regex.at[0].value.at, "p");
    configuration_destroy(c);
}

static void the_metric_spec_is_told_as_json(void **state)
{
    expect_metrics("", "{\"enabled\":true}");
    expect_metrics("spec: {metrics: {http: {increasedCardinality: false}}}",
                   "{\"enabled\":true,\"http\":{\"increasedCardinality\":false}}");
    expect_metrics("spec: {metrics: {enabled: no, recordErrorCodes: on, latencyDistributionBuckets: [3], http: "
                   "{pathMatching: [/a, /b], excludeVerbs: true}, rules: [{name: a, labels: [{name: b, regex: {c: d}}]}]}}",
                   "{\"enabled\":false,\"http\":{\"pathMatching\":[\"/a\",\"/b\"],\"excludeVerbs\":true},"
                   "\"rules\":[{\"name\":\"a\",\"labels\":[{\"name\":\"b\",\"regex\":{\"c\":\"d\"}}]}],"
                   "\"latencyDistributionBuckets\":[3],\"recordErrorCodes\":true}");
}

static void logging_wasm_and_workflow_are_read(void **state)
{
    struct configuration *c = good(
        "spec:\n"
        "  logging: {apiLogging: {enabled: true, obfuscateURLs: true, omitHealthChecks: true}}\n"
        "  wasm: {strictSandbox: true}\n"
        "  mtls: {enabled: true, workloadCertTTL: 24h}\n"
        "  workflow:\n"
        "    maxConcurrentWorkflowInvocations: 5\n"
        "    maxConcurrentActivityInvocations: -1\n"
        "    globalMaxConcurrentWorkflowInvocations: 7\n"
        "    globalMaxConcurrentActivityInvocations: 8\n"
        "    workflowConcurrencyLimits: [{name: w, maxConcurrent: 2}]\n"
        "    activityConcurrencyLimits: [{name: a, maxConcurrent: 3}, {name: b}]\n"
        "    stateRetentionPolicy: {anyTerminal: 1h, completed: 0s, failed: 5m}\n");
    assert_true(c->api_logging && c->obfuscate_urls && c->omit_health_checks && c->strict_sandbox);
    assert_int_equal(c->max_workflows, 5);
    assert_int_equal(c->max_activities, 0);
    assert_int_equal(c->global_max_workflows, 7);
    assert_int_equal(c->global_max_activities, 8);
    assert_string_equal(c->workflow_limits[0].name.at, "w");
    assert_int_equal(c->workflow_limits[0].max, 2);
    assert_int_equal(c->activity_limit_count, 2);
    assert_int_equal(c->activity_limits[1].max, 0);
    assert_int_equal(c->retain_any_ns, 3600 * CLOCK_S);
    assert_int_equal(c->retain_completed_ns, 0);
    assert_int_equal(c->retain_failed_ns, 300 * CLOCK_S);
    assert_int_equal(c->retain_terminated_ns, -1);
    configuration_destroy(c);
}

static void a_resolver_has_free_settings(void **state)
{
    struct configuration *c = good("spec:\n  nameResolution:\n    component: sqlite\n    configuration:\n"
                                   "      connectionString: a.db\n      cleanup: 10\n      more: {b: [1], a: x}\n");
    assert_string_equal(c->resolver.at, "sqlite");
    assert_string_equal(c->resolver_configuration.at,
                        "{\"cleanup\":10,\"connectionString\":\"a.db\",\"more\":{\"a\":\"x\",\"b\":[1]}}");
    assert_int_equal(c->resolver_properties.count, 3);
    assert_string_equal(trb_pair_at(&c->resolver_properties, 1)->value.at, "10");
    assert_string_equal(trb_pair_at(&c->resolver_properties, 2)->value.at, "{\"a\":\"x\",\"b\":[1]}");
    configuration_destroy(c);
}

static void features_are_switched_on_and_off(void **state)
{
    struct configuration *c = good("spec:\n  features:\n  - {name: ActorStateTTL, enabled: true}\n"
                                   "  - {name: HotReload, enabled: false}\n  - {name: \"New<\", enabled: true}\n"
                                   "  - {name: Forgotten}\n");
    assert_true(configuration_has_feature(c, "ActorStateTTL"));
    assert_false(configuration_has_feature(c, "HotReload"));
    assert_false(configuration_has_feature(c, "Forgotten"));
    struct text json = {0};
    configuration_features_json(c, &json);
    assert_string_equal(json.at, "[\"ActorStateTTL\",\"New\\u003c\",\"WorkflowsRemoteActivityReminder\"]");
    text_fini(&json);
    configuration_destroy(c);
}

static void scopes_must_be_clear(void **state)
{
    expect_fault("spec: {secrets: {scopes: [{storeName: a}, {storeName: a}]}}",
                 "error loading configuration: a storeName is repeated in secrets configuration");
    expect_fault("spec: {secrets: {scopes: [{storeName: a, defaultAccess: maybe}]}}",
                 "error loading configuration: defaultAccess maybe can be either allow or deny");
}

static void blocks_read_names_as_texts_whatever_they_look_like(void **state)
{
    struct configuration *c = good("spec:\n  metric: {enabled: yes}\n  secrets:\n    scopes:\n"
                                   "    - {storeName: 5, deniedSecrets: [123, yes, 1.0]}\n");
    assert_string_equal(c->spec.at, "{\"metric\":{\"enabled\":true},\"secrets\":{\"scopes\":[{\"deniedSecrets\":"
                                    "[\"123\",\"yes\",\"1.0\"],\"storeName\":\"5\"}]}}");
    configuration_destroy(c);
}

static void an_alias_may_be_a_text_here_and_a_number_there(void **state)
{
    struct configuration *c = good("spec:\n  wasm: {strictSandbox: &x true}\n  nameResolution: {component: *x}\n"
                                   "  logging: {apiLogging: {enabled: *x}}\n");
    assert_true(c->strict_sandbox && c->api_logging);
    assert_string_equal(c->resolver.at, "true");
    configuration_destroy(c);
}

static void api_rules_are_kept_as_written(void **state)
{
    struct configuration *c = good("spec: {api: {allowed: [{name: state, version: v1, protocol: HTTP}], denied: [{name: invoke}]}}");
    assert_int_equal(c->allowed_count, 1);
    assert_string_equal(c->allowed[0].name.at, "state");
    assert_string_equal(c->allowed[0].version.at, "v1");
    assert_string_equal(c->allowed[0].protocol.at, "HTTP");
    assert_int_equal(c->denied_count, 1);
    assert_string_equal(c->denied[0].name.at, "invoke");
    assert_int_equal(c->denied[0].version.len + c->denied[0].protocol.len, 0);
    configuration_destroy(c);
}

static void components_are_denied_by_type_and_version(void **state)
{
    struct configuration *c = good("spec: {components: {deny: [state.redis, pubsub.kafka/v1]}}");
    static const struct {
        const char *type, *version;
        bool denied;
    } cases[] = {{"state.redis", "v1", true}, {"state.redis", "v2", true}, {"State.redis", "v1", false},
                 {"pubsub.kafka", "v1", true}, {"pubsub.kafka", "v2", false}, {"state.redis2", "v1", false},
                 {"state.sqlite", "", true}, {"", "v1", true}, {"state.sqlite", "v1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(configuration_denies_component(c, slice_of(cases[i].type), slice_of(cases[i].version)),
                         cases[i].denied);
    configuration_destroy(c);
    c = good("");
    assert_false(configuration_denies_component(c, SLICE(""), SLICE("")));
    configuration_destroy(c);
}

static void an_access_list_is_read_whole(void **state)
{
    struct configuration *c = good("spec:\n  accessControl:\n    defaultAction: deny\n    trustDomain: td\n    policies:\n"
                                   "    - {appId: a, defaultAction: Allow, trustDomain: t, namespace: n, operations: "
                                   "[{name: /x, httpVerb: [GET, '*'], action: deny}, {name: y, action: ALLOW}]}\n"
                                   "    - {appId: b, trustDomain: t, namespace: n}\n");
    struct access_control *a = &c->access;
    assert_true(a->is_present);
    assert_int_equal(a->default_action, ACCESS_DENY);
    assert_false(a->is_default_implied);
    assert_string_equal(a->trust_domain.at, "td");
    assert_int_equal(a->policy_count, 2);
    assert_int_equal(a->policies[0].default_action, ACCESS_ALLOW);
    assert_int_equal(a->policies[0].operations[0].verbs.count, 2);
    assert_int_equal(a->policies[0].operations[0].action, ACCESS_DENY);
    assert_int_equal(a->policies[0].operations[1].action, ACCESS_ALLOW);
    assert_int_equal(a->policies[1].default_action, ACCESS_UNSET);
    configuration_destroy(c);
}

static void what_an_access_list_does_not_say_is_inherited_or_denied(void **state)
{
    static const struct {
        const char *text;
        bool is_present, is_implied;
        uint32_t action;
    } cases[] = {
        {"{policies: [{appId: a, trustDomain: t, namespace: n}]}", true, false, ACCESS_ALLOW},
        {"{defaultAction: '', policies: [{appId: a, trustDomain: t, namespace: n}]}", true, true, ACCESS_DENY},
        {"{defaultAction: ''}", true, false, ACCESS_ALLOW},
        {"{defaultAction: '', trustDomain: ''}", false, false, ACCESS_ALLOW},
        {"{defaultAction: sometimes}", true, false, ACCESS_DENY},
        {"{trustDomain: x}", true, false, ACCESS_ALLOW},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "spec: {accessControl: %s}", cases[i].text);
        struct configuration *c = good(text);
        assert_int_equal(c->access.is_present, cases[i].is_present);
        assert_int_equal(c->access.is_default_implied, cases[i].is_implied);
        assert_int_equal(c->access.default_action, cases[i].action);
        configuration_destroy(c);
    }
}

static void incomplete_policies_are_named(void **state)
{
    expect_fault("spec: {accessControl: {policies: [{appId: a}]}}",
                 "invalid access control spec. missing trustdomain for apps: [a], missing namespace for apps: [a], "
                 "missing app name on at least one of the app policies: false");
    expect_fault("spec: {accessControl: {policies: [{appId: a, namespace: n}, {appId: b, trustDomain: t}, {appId: c, "
                 "namespace: n}, {trustDomain: t, namespace: n}]}}",
                 "invalid access control spec. missing trustdomain for apps: [a c], missing namespace for apps: [b], "
                 "missing app name on at least one of the app policies: true");
}

/* --- wrong types -------------------------------------------------------------------------------- */

static void a_wrong_type_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"- a\n", "c.yaml:1: the document must be a mapping"},
        {"spec:\n  wasm: {}\n  tracing: {}\n  wasm: {strictSandbox: true}\n", "c.yaml:4: wasm is there already, on line 2"},
        {"spec: 5\n", "c.yaml:1: spec must be a mapping, not \"5\""},
        {"spec:\n  metric:\n    enabled: maybe\n", "c.yaml:3: spec.metric.enabled must be true or false, not \"maybe\""},
        {"spec:\n  metric:\n    enabled: \"true\"\n", "c.yaml:3: spec.metric.enabled must be true or false, not \"true\""},
        {"spec:\n  metric: []\n", "c.yaml:2: spec.metric must be a mapping, not a list"},
        {"spec:\n  metric:\n    latencyDistributionBuckets: [1,\n     x]\n",
         "c.yaml:4: spec.metric.latencyDistributionBuckets must be a list of whole numbers of milliseconds"},
        {"spec:\n  metrics: {http: {pathMatching: {}}}\n",
         "c.yaml:2: spec.metrics.http.pathMatching must be a list, not a mapping"},
        {"spec:\n  tracing: {samplingRate: [1]}\n", "c.yaml:2: spec.tracing.samplingRate must be a text, not a list"},
        {"spec:\n  tracing: {stdout: 1}\n", "c.yaml:2: spec.tracing.stdout must be true or false, not \"1\""},
        {"spec:\n  tracing: {otel: {timeout: 5}}\n",
         "c.yaml:2: spec.tracing.otel.timeout must be a duration such as 10s, not 5"},
        {"spec:\n  tracing: {otel: {headers: [[a]]}}\n",
         "c.yaml:2: spec.tracing.otel.headers must be a list of texts such as name=value"},
        {"spec:\n  features: {a: b}\n", "c.yaml:2: spec.features must be a list, not a mapping"},
        {"spec:\n  features:\n  - a\n", "c.yaml:3: spec.features must be a list of mappings, not \"a\""},
        {"spec:\n  api: {allowed: [{name: {}}]}\n", "c.yaml:2: spec.api.name must be a text, not a mapping"},
        {"spec:\n  httpPipeline: {handlers: x}\n", "c.yaml:2: spec.httpPipeline.handlers must be a list, not \"x\""},
        {"spec:\n  secrets: {scopes: [{storeName: a, allowedSecrets: [[b]]}]}\n",
         "c.yaml:2: spec.secrets.scopes.allowedSecrets must be a list of texts, not a list"},
        {"spec:\n  workflow: {maxConcurrentWorkflowInvocations: many}\n",
         "c.yaml:2: spec.workflow.maxConcurrentWorkflowInvocations must be a whole number, not \"many\""},
        {"spec:\n  workflow: {stateRetentionPolicy: {failed: -1s}}\n",
         "c.yaml:2: spec.workflow.stateRetentionPolicy.failed must not be negative"},
        {"spec:\n  components: {deny: state.redis}\n", "c.yaml:2: spec.components.deny must be a list, not \"state.redis\""},
        {"spec:\n  accessControl: {policies: {}}\n",
         "c.yaml:2: spec.accessControl.policies must be a list, not a mapping"},
        {"spec:\n  logging: {apiLogging: {enabled: 'no'}}\n",
         "c.yaml:2: spec.logging.apiLogging.enabled must be true or false, not \"no\""},
        {"spec:\n  mtls: {enabled: x}\n", "c.yaml:2: spec.mtls.enabled must be true or false, not \"x\""},
        {"spec:\n  wasm: {strictSandbox: x}\n", "c.yaml:2: spec.wasm.strictSandbox must be true or false, not \"x\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sentence[256];
        snprintf(sentence, sizeof sentence, "error loading configuration: %s", cases[i].sentence);
        expect_fault(cases[i].text, sentence);
    }
}

static void names_of_keys_are_exact(void **state)
{
    struct configuration *c = good("Spec: {wasm: 5}\nspec: {Metric: 5, metric: {Enabled: 7}}\n");
    assert_true(c->metrics.enabled);
    configuration_destroy(c);
}

static void broken_yaml_is_told_in_the_known_words(void **state)
{
    expect_fault("spec: [a\n", "error loading configuration: yaml: line 1: did not find expected ',' or ']' (c.yaml:2:1)");
}

/* --- files ------------------------------------------------------------------------------------- */

struct folder {
    char path[64];
    struct trb_name files[3];
    char names[3][96];
};

static void write_files(struct folder *f, const char *const texts[], uint32_t count)
{
    strcpy(f->path, "/tmp/configuration_test.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    for (uint32_t i = 0; i < count; i++) {
        snprintf(f->names[i], sizeof f->names[i], "%s/%u.yaml", f->path, i);
        FILE *file = fopen(f->names[i], "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        f->files[i] = name_of(f->names[i]);
    }
}

static void remove_files(struct folder *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        unlink(f->names[i]);
    rmdir(f->path);
}

static void later_files_win_field_by_field_and_list_by_list(void **state)
{
    static const char *const texts[] = {
        ("metadata: {name: one}\nspec:\n  features: [{name: Feature1, enabled: true}]\n"
         "  tracing: {samplingRate: '0.5', stdout: true}\n  api: {denied: [{name: state, version: v1}]}\n"),
        "spec:\n  features: [{name: Feature2, enabled: true}]\n  tracing: {samplingRate: '1'}\n",
        "metadata: {name: three}\n---\nspec: {tracing: {stdout: false}}\n"};
    struct folder f;
    struct configuration *c = NULL;
    write_files(&f, texts, 3);
    assert_int_equal(configuration_load(f.files, 3, NULL, &c, NULL), TRB_OK);
    assert_false(configuration_has_feature(c, "Feature1"));
    assert_true(configuration_has_feature(c, "Feature2"));
    assert_true(configuration_has_feature(c, "HotReload"));
    assert_string_equal(c->tracing.sampling_rate.at, "1");
    assert_true(c->tracing.to_stdout);
    assert_int_equal(c->denied_count, 1);
    assert_string_equal(c->name.at, "three");
    configuration_destroy(c);
    remove_files(&f, 3);
}

static void a_fault_names_the_file_it_is_in(void **state)
{
    static const char *const texts[] = {"spec: {wasm: {strictSandbox: true}}\n", "spec:\n  wasm: {strictSandbox: x}\n"};
    struct folder f;
    struct configuration *c = NULL;
    struct trb_error err = ERROR_INIT;
    char sentence[256];
    write_files(&f, texts, 2);
    assert_int_not_equal(configuration_load(f.files, 2, NULL, &c, &err), TRB_OK);
    snprintf(sentence, sizeof sentence,
             "error loading configuration: %s:2: spec.wasm.strictSandbox must be true or false, not \"x\"", f.names[1]);
    assert_string_equal(err.message, sentence);
    remove_files(&f, 2);
}

static void a_file_that_is_not_there_is_told(void **state)
{
    struct configuration *c = NULL;
    struct trb_error err = ERROR_INIT;
    const struct trb_name missing = NAME("/nowhere/c.yaml"), folder = NAME("/");
    assert_int_not_equal(configuration_load(&missing, 1, NULL, &c, &err), TRB_OK);
    assert_string_equal(err.message, "error loading configuration: stat /nowhere/c.yaml: no such file or directory");
    assert_int_not_equal(configuration_load(&folder, 1, NULL, &c, &err), TRB_OK);
    assert_string_equal(err.message, "error loading configuration: read /: is a directory");
}

/* --- $NAME ------------------------------------------------------------------------------------- */

static void variables_are_expanded_before_anything_is_read(void **state)
{
    static const struct {
        const char *text, *expanded;
    } cases[] = {
        {"a $CT_X b", "a v b"}, {"${CT_X}${CT_X}", "vv"}, {"$CT_X_no", ""}, {"${CT_NONE}.", "."}, {"$", "$"},
        {"a$ b", "a$ b"}, {"$$CT_X", "CT_X"}, {"^/a$", "^/a$"}, {"$1x", "x"}, {"${", ""}, {"${}x", "x"}, {"${CT_X", "CT_X"},
        {"$-", ""}, {"no", "no"}, {"$.", "$."},
    };
    setenv("CT_X", "v", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text t = {0};
        configuration_expand(slice_of(cases[i].text), &t);
        assert_string_equal(t.at ? t.at : "", cases[i].expanded);
        text_fini(&t);
    }
    struct configuration *c = good("spec: {nameResolution: {component: $CT_X}}");
    assert_string_equal(c->resolver.at, "v");
    configuration_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_means_the_defaults),
        cmocka_unit_test(an_empty_document_means_the_defaults_too),
        cmocka_unit_test(pipelines_keep_their_order),
        cmocka_unit_test(tracing_is_read_whole),
        cmocka_unit_test(a_rate_that_is_no_number_is_the_small_one),
        cmocka_unit_test(the_environment_says_where_spans_go_when_no_file_does),
        cmocka_unit_test(bad_tracing_in_the_environment_is_told),
        cmocka_unit_test(an_unknown_protocol_is_refused_when_it_would_be_used),
        cmocka_unit_test(metrics_lie_over_metric),
        cmocka_unit_test(the_metric_spec_is_told_as_json),
        cmocka_unit_test(logging_wasm_and_workflow_are_read),
        cmocka_unit_test(a_resolver_has_free_settings),
        cmocka_unit_test(features_are_switched_on_and_off),
        cmocka_unit_test(scopes_must_be_clear),
        cmocka_unit_test(blocks_read_names_as_texts_whatever_they_look_like),
        cmocka_unit_test(an_alias_may_be_a_text_here_and_a_number_there),
        cmocka_unit_test(api_rules_are_kept_as_written),
        cmocka_unit_test(components_are_denied_by_type_and_version),
        cmocka_unit_test(an_access_list_is_read_whole),
        cmocka_unit_test(what_an_access_list_does_not_say_is_inherited_or_denied),
        cmocka_unit_test(incomplete_policies_are_named),
        cmocka_unit_test(a_wrong_type_is_told_with_its_line),
        cmocka_unit_test(names_of_keys_are_exact),
        cmocka_unit_test(broken_yaml_is_told_in_the_known_words),
        cmocka_unit_test(later_files_win_field_by_field_and_list_by_list),
        cmocka_unit_test(a_fault_names_the_file_it_is_in),
        cmocka_unit_test(a_file_that_is_not_there_is_told),
        cmocka_unit_test(variables_are_expanded_before_anything_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
