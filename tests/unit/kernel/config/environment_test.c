/* What the process's variables say, and what it sets itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/config/environment.c"

static const struct {
    const char *variable;
    size_t member;
} plain[] = {
    {"DAPR_API_TOKEN", offsetof(struct environment, api_token)},
    {"APP_API_TOKEN", offsetof(struct environment, app_token)},
    {"NAMESPACE", offsetof(struct environment, namespace_)},
    {"POD_NAME", offsetof(struct environment, pod_name)},
    {"DAPR_HOST_IP", offsetof(struct environment, host_ip)},
    {"DAPR_TRUST_ANCHORS", offsetof(struct environment, trust_anchors)},
    {"DAPR_CONTROLPLANE_NAMESPACE", offsetof(struct environment, controlplane_namespace)},
    {"DAPR_CONTROLPLANE_TRUST_DOMAIN", offsetof(struct environment, controlplane_trust_domain)},
    {"DAPR_SCHEDULER_HOST_ADDRESS_DNS_A", offsetof(struct environment, scheduler_dns)},
    {"DAPR_SENTRY_TOKEN_FILE", offsetof(struct environment, sentry_token_file)},
    {"SENTRY_LOCAL_IDENTITY", offsetof(struct environment, sentry_identity)},
    {"DAPR_ENV_KEYS", offsetof(struct environment, env_keys)},
    {"DAPR_COMPONENTS_SOCKETS_FOLDER", offsetof(struct environment, sockets_folder)},
    {"TRILBY_PLUGINS_PATH", offsetof(struct environment, plugins_path)},
    {"OTEL_EXPORTER_OTLP_ENDPOINT", offsetof(struct environment, otel_endpoint)},
    {"OTEL_EXPORTER_OTLP_PROTOCOL", offsetof(struct environment, otel_protocol)},
    {"OTEL_EXPORTER_OTLP_HEADERS", offsetof(struct environment, otel_headers)},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", offsetof(struct environment, otel_timeout)},
    {"OTEL_EXPORTER_OTLP_INSECURE", offsetof(struct environment, otel_insecure)},
    {"OTEL_SERVICE_NAME", offsetof(struct environment, otel_service_name)},
    {"OTEL_RESOURCE_ATTRIBUTES", offsetof(struct environment, otel_attributes)},
};

static const struct trb_name *member(const struct environment *env, size_t i)
{
    return (const struct trb_name *)((const char *)env + plain[i].member);
}

static void every_variable_is_read(void **state)
{
    struct environment env;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        setenv(plain[i].variable, plain[i].variable, 1);
    environment_read(&env);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        assert_string_equal(member(&env, i)->at, plain[i].variable);
    environment_fini(&env);
}

static void unset_and_empty_are_absent(void **state)
{
    struct environment env;
    clearenv();
    setenv("NAMESPACE", "", 1);
    environment_read(&env);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (plain[i].member != offsetof(struct environment, sockets_folder))
            assert_null(member(&env, i)->at);
    assert_string_equal(env.sockets_folder.at, "/tmp/dapr-components-sockets");
    assert_string_equal(environment_namespace(&env).at, "default");
    assert_false(env.no_h2c);
    environment_fini(&env);
}

static void a_namespace_is_itself(void **state)
{
    struct environment env;
    clearenv();
    setenv("NAMESPACE", "prod", 1);
    environment_read(&env);
    assert_string_equal(environment_namespace(&env).at, "prod");
    environment_fini(&env);
}

static void settings_for_traces_win(void **state)
{
    struct environment env;
    clearenv();
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all", 1);
    setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces", 1);
    setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "500", 1);
    environment_read(&env);
    assert_string_equal(env.otel_endpoint.at, "http://traces");
    assert_string_equal(env.otel_timeout.at, "500");
    environment_fini(&env);
}

static void h2c_is_switched_off_by_any_word_for_yes(void **state)
{
    const char *words[] = {"true", "1", "Yes", "on"};
    for (int i = 0; i < 4; i++) {
        struct environment env;
        setenv("DAPR_HTTP_DISABLE_H2C", words[i], 1);
        environment_read(&env);
        assert_true(env.no_h2c);
        environment_fini(&env);
    }
}

static void the_process_tells_components_where_it_listens(void **state)
{
    clearenv();
    environment_set(&(struct environment_export){.app_id = "a", .http_port = "3500", .internal_port = "50002"});
    assert_string_equal(getenv("APP_ID"), "a");
    assert_string_equal(getenv("DAPR_HTTP_PORT"), "3500");
    assert_string_equal(getenv("DAPR_PORT"), "50002");
    assert_null(getenv("APP_PORT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variable_is_read),
        cmocka_unit_test(unset_and_empty_are_absent),
        cmocka_unit_test(a_namespace_is_itself),
        cmocka_unit_test(settings_for_traces_win),
        cmocka_unit_test(h2c_is_switched_off_by_any_word_for_yes),
        cmocka_unit_test(the_process_tells_components_where_it_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
