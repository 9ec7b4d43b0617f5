/* mcp_server_test: which MCPServers may be followed. */
#include <kernel/config/mcp_server.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define HEAD "apiVersion: dapr.io/v1alpha1\nkind: MCPServer\nmetadata:\n  name: m\n"

static struct mcp_server *parse(struct fixture *f, const char *spec, bool is_kubernetes)
{
    struct text t = {0};
    fixture_begin(f);
    f->query.is_kubernetes = is_kubernetes;
    text_addf(&t, HEAD "%s", spec);
    fixture_parse(f, t.at);
    text_fini(&t);
    return mcp_server_of(f->set->of[RESOURCE_MCP_SERVER].count ? f->set->of[RESOURCE_MCP_SERVER].at[0] : NULL);
}

static void a_server_over_http_has_a_url_headers_and_a_secret(void **state)
{
    struct fixture f;
    struct mcp_server *m = parse(&f, "spec:\n  ignoreErrors: true\n  endpoint:\n    streamableHTTP:\n      url: https://x/mcp\n"
                                     "      timeout: 10s\n      headers: [{name: a, value: b}]\n"
                                     "      auth: {secretStore: vault, oauth2: {issuer: https://i, secretKeyRef: {name: s, key: k}}}\n",
                                 false);
    assert_null(m->fault.at);
    assert_int_equal(m->transport, MCP_STREAMABLE_HTTP);
    assert_string_equal(m->target.at, "https://x/mcp");
    assert_string_equal(m->head.log_name.at, "m (https://x/mcp)");
    assert_true(m->ignore_errors);
    assert_int_equal(m->head.property_count, 2);
    assert_string_equal(m->head.properties[1].name.at, "clientSecret");
    assert_string_equal(m->head.properties[1].secret_key.at, "k");
    assert_string_equal(m->head.secret_store.at, "vault");
    fixture_end(&f);
}

static void a_program_has_a_command_and_an_environment(void **state)
{
    struct fixture f;
    struct mcp_server *m = parse(&f, "spec: {endpoint: {stdio: {command: ./bin/tool, args: [1, a], env: [{name: A, value: b}]}}}\n", false);
    assert_null(m->fault.at);
    assert_int_equal(m->transport, MCP_STDIO);
    assert_string_equal(m->target.at, "./bin/tool");
    assert_int_equal(m->head.property_count, 1);
    fixture_end(&f);
}

static void a_url_may_be_upper_case_and_an_address(void **state)
{
    struct fixture f;
    assert_null(parse(&f, "spec: {endpoint: {sse: {url: 'HTTP://[::1]:80/x'}}}\n", false)->fault.at);
    fixture_end(&f);
}

static void faults_say_what_and_where(void **state)
{
    static const struct { const char *spec, *said; bool is_kubernetes; } cases[] = {
        {"", "failed validation: spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set (f.yaml:1)", false},
        {"spec:\n  endpoint: {}\n", "failed validation: spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set (f.yaml:6)", false},
        {"spec: {endpoint: {sse: {url: http://x}, stdio: {command: x}}}\n",
         "failed validation: spec.endpoint: exactly one of streamableHTTP, sse, or stdio must be set (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'ftp://x'}}}\n",
         "failed security validation: sse.url scheme must be http or https, got \"ftp\" (f.yaml:5)", false},
        {"spec: {endpoint: {streamableHTTP: {url: 'x'}}}\n",
         "failed security validation: streamableHTTP.url scheme must be http or https, got \"\" (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'http:///a'}}}\n", "failed security validation: sse.url must have a host (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'http://'}}}\n", "failed security validation: sse.url must have a host (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: ''}}}\n", "failed validation: spec.endpoint.sse.url is required (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'http://x', timeout: 5}}}\n",
         "failed validation: sse.timeout: time: missing unit in duration \"5\" (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'http://x', auth: {oauth2: {audience: a}}}}}\n",
         "failed validation: spec.endpoint.sse.auth.oauth2.issuer is required (f.yaml:5)", false},
        {"spec: {endpoint: {sse: {url: 'http://x', auth: {spiffe: {jwt: {header: a}}}}}}\n",
         "failed validation: spec.endpoint.sse.auth.spiffe.jwt.audience is required (f.yaml:5)", false},
        {"spec: {endpoint: {stdio: {args: [a]}}}\n", "failed validation: spec.endpoint.stdio.command is required (f.yaml:5)", false},
        {"spec: {endpoint: {stdio: {command: x}}}\n",
         "failed security validation: stdio transport is not allowed in Kubernetes mode (f.yaml:5)", true},
        {"spec: {endpoint: {stdio: {command: a/../../x}}}\n",
         "failed security validation: stdio.command must not escape working directory (f.yaml:5)", false},
        {"spec: {endpoint: {stdio: {command: x, env: [{name: A=B, value: c}]}}}\n",
         "failed security validation: stdio.env names must not be empty or contain '=', newline or NUL (f.yaml:5)", false},
        {"spec: {endpoint: {stdio: {command: x}}, middleware: {beforeCallTool: [{workflow: {}}]}}\n",
         "failed validation: spec.middleware.beforeCallTool.workflow.workflowName is required (f.yaml:5)", false},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char whole[256];
        struct mcp_server *m = parse(&f, cases[i].spec, cases[i].is_kubernetes);
        snprintf(whole, sizeof whole, "MCPServer \"m\" %s", cases[i].said);
        assert_non_null(m->fault.at);
        assert_string_equal(m->fault.at, whole);
        fixture_end(&f);
    }
}

static void commands_that_stay_inside_are_fine(void **state)
{
    assert_false(escapes(SLICE("/usr/bin/x")));
    assert_false(escapes(SLICE("..")));
    assert_false(escapes(SLICE("a/../x")));
    assert_false(escapes(SLICE("./a//b/../../c")));
    assert_true(escapes(SLICE("../x")));
    assert_true(escapes(SLICE("./../a")));
}

static void wrong_types_drop_the_document(void **state)
{
    struct fixture f;
    assert_null(parse(&f, "spec:\n  endpoint:\n    sse: http://x\n", false));
    fixture_warned(&f, "daprd load MCPServer error when parsing manifests yaml resource in f.yaml: error unmarshaling JSON: "
                       "f.yaml:7: sse must be a mapping, not \"http://x\"\n");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_over_http_has_a_url_headers_and_a_secret),
        cmocka_unit_test(a_program_has_a_command_and_an_environment),
        cmocka_unit_test(a_url_may_be_upper_case_and_an_address),
        cmocka_unit_test(faults_say_what_and_where),
        cmocka_unit_test(commands_that_stay_inside_are_fine),
        cmocka_unit_test(wrong_types_drop_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
