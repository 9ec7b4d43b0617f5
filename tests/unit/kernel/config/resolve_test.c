/* resolve_test: variables, secrets, templates and fallbacks, with a store that answers now or later. */
#include <kernel/config/resolve.c>
#include <kernel/config/resolve_values.c>
#include <sys/mman.h>
#include <unistd.h>
#include <tests/unit/kernel/config/resource_fixture.h>

struct world {
    struct fixture f;
    struct environment environment;
    struct resolve_context context;
    struct resource *resource;
    struct secret_ticket *tickets[8];          /* asked and not yet answered */
    char asked[256];                           /* store/name@namespace, each with a blank behind it */
    uint32_t ticket_count, finished;
    bool answers_late;
    char error[512];
    int log_fd;
};

static const struct trb_pair redis_secret[] = {{NAME("password"), NAME("s3cret")}, {NAME("redis"), NAME("whole")},
                                               {NAME("empty"), NAME("")}, {NAME("quoted"), NAME("\"in quotes\"")}};
static const struct trb_pairs redis_pairs = {redis_secret, 4, sizeof(struct trb_pair)};

static void get(void *arg, struct trb_slice store, struct trb_slice name, struct trb_slice namespace_,
                struct secret_ticket *ticket)
{
    struct world *w = arg;
    size_t len = strlen(w->asked);
    snprintf(w->asked + len, sizeof w->asked - len, "%.*s/%.*s@%.*s ", SLICE_ARG(store), SLICE_ARG(name), SLICE_ARG(namespace_));
    struct trb_error err = ERROR_INIT;
    if (w->answers_late)
        w->tickets[w->ticket_count++] = ticket;
    else if (slice_is(name, SLICE("redis")))
        secret_answer(ticket, &redis_pairs, NULL);
    else {
        error_set(&err, TRB_NOT_FOUND, "", "secret %.*s not found", SLICE_ARG(name));
        secret_answer(ticket, NULL, &err);
    }
}

static void then(void *arg, struct resource *r, const struct trb_error *err)
{
    struct world *w = arg;
    assert_ptr_equal(r, w->resource);
    w->finished++;
    snprintf(w->error, sizeof w->error, "%s", err ? err->message : "");
}

static void world_begin(struct world *w, uint32_t kind, const char *text)
{
    *w = (struct world){.log_fd = memfd_create("log", MFD_CLOEXEC)};
    fixture_begin(&w->f);
    fixture_parse(&w->f, text);
    w->resource = fixture_only(&w->f, kind);
    w->context = (struct resolve_context){.environment = &w->environment, .app_id = NAME("shop"), .get = get, .arg = w};
    log_start(&(struct log_setup){.app_id = "shop", .instance = "here", .version = "1", .level = LOG_INFO, .fd = w->log_fd});
}

static void world_end(struct world *w)
{
    log_stop();
    close(w->log_fd);
    fixture_end(&w->f);
}

static void logged(struct world *w, const char *part)
{
    char text[4096] = "";
    log_stop();
    assert_true(pread(w->log_fd, text, sizeof text - 1, 0) >= 0);
    if (!strstr(text, part))
        fail_msg("no '%s' in: %s", part, text);
}

static void resolve(struct world *w)
{
    assert_null(resource_resolve(w->resource, &w->context, then, w));
}

static const char *value(struct world *w, const char *name)
{
    return component_value(component_of(w->resource), slice_of(name)).at;
}

#define PUBSUB(items) COMPONENT("c") "spec:\n  type: pubsub.x\n  metadata:\n" items
#define STORE(items) COMPONENT("c") "spec:\n  type: state.x\n  metadata:\n" items

static void a_property_without_a_reference_is_as_written(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: Key, value: one}\n  - {name: other, value: 5}\n  - {name: Key, value: two}\n  - {name: none}\n  - {value: x}\n"));
    resolve(&w);
    struct component *c = component_of(w.resource);
    assert_int_equal(w.finished, 1);
    assert_int_equal(c->resolved.count, 3);
    assert_string_equal(c->resolved.at[0].key.at, "Key");
    assert_string_equal(c->resolved.at[0].value.at, "two");
    assert_string_equal(c->places[0], "f.yaml:10");
    assert_string_equal(value(&w, "KEY"), "two");
    assert_string_equal(value(&w, "none"), "");
    assert_null(value(&w, "nothing"));
    assert_null(resource_needs_store(w.resource, &w.context).at);
    world_end(&w);
}

static void a_variable_is_read_when_there_is_no_value(void **state)
{
    struct world w;
    setenv("TRB_TEST", "found", 1);
    unsetenv("TRB_UNSET");
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, envRef: TRB_TEST}\n  - {name: b, value: v, envRef: TRB_TEST}\n"
                                              "  - {name: c, envRef: TRB_UNSET}\n  - {name: d, value: '', envRef: TRB_TEST}\n"
                                              "  - {name: e, envRef: TRB_TEST, secretKeyRef: {name: redis}}\n"));
    assert_null(resource_needs_store(w.resource, &w.context).at);
    resolve(&w);
    assert_string_equal(value(&w, "a"), "found");
    assert_string_equal(value(&w, "b"), "v");
    assert_string_equal(value(&w, "c"), "");
    assert_string_equal(value(&w, "d"), "");
    assert_string_equal(value(&w, "e"), "found");
    assert_false(w.resource->properties[0].is_secret);
    world_end(&w);
}

static void some_variables_are_not_for_resources(void **state)
{
    static const char *const names[] = {"APP_API_TOKEN", "app_api_token", "DAPR_API_TOKEN", "dapr_x", "A B"};
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct world w;
        char text[256];
        setenv(names[i], "stolen", 1);
        snprintf(text, sizeof text, STORE("  - {name: a, envRef: '%s'}\n"), names[i]);
        world_begin(&w, RESOURCE_COMPONENT, text);
        resolve(&w);
        assert_string_equal(value(&w, "a"), "");
        snprintf(text, sizeof text, "Component c references an env variable that isn't allowed: %s", names[i]);
        logged(&w, text);
        unsetenv(names[i]);
        world_end(&w);
    }
}

static void a_list_of_variables_admits_no_other(void **state)
{
    struct world w;
    setenv("trb_test", "found", 1);
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, envRef: trb_test}\n"));
    w.environment.env_keys = NAME("OTHER TRB_TEST");
    resolve(&w);
    assert_string_equal(value(&w, "a"), "found");
    w.environment.env_keys = NAME("OTHER TRB_TEST2");
    resolve(&w);
    assert_string_equal(value(&w, "a"), "");
    world_end(&w);
}

static void a_secret_wins_over_a_value_and_is_asked_for_once(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT,
                "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: c, namespace: here}\nauth: {secretStore: vault}\nspec:\n  type: state.x\n  metadata:\n"
                "  - {name: a, value: v, secretKeyRef: {name: redis, key: password}}\n  - {name: b, secretKeyRef: {name: redis}}\n"
                "  - {name: c, value: kept, secretKeyRef: {name: redis, key: absent}}\n  - {name: d, value: kept, secretKeyRef: {name: redis, key: empty}}\n"
                "  - {name: e, secretKeyRef: {name: redis, key: quoted}}\n");
    assert_true(slice_is(resource_needs_store(w.resource, &w.context), SLICE("vault")));
    resolve(&w);
    assert_string_equal(w.asked, "vault/redis@here ");
    assert_string_equal(value(&w, "a"), "s3cret");
    assert_string_equal(value(&w, "b"), "whole");
    assert_string_equal(value(&w, "c"), "kept");
    assert_string_equal(value(&w, "d"), "kept");
    assert_string_equal(value(&w, "e"), "in quotes");
    assert_true(w.resource->properties[0].is_secret);
    assert_false(w.resource->properties[2].is_secret);
    struct text json = {0};
    resource_to_json(w.resource, true, &json);
    assert_null(strstr(json.at, "s3cret"));
    text_fini(&json);
    world_end(&w);
}

static void without_a_store_s_name_it_is_the_empty_one_or_that_of_kubernetes(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, secretKeyRef: {name: redis}}\n"));
    struct trb_slice store = resource_needs_store(w.resource, &w.context);
    assert_non_null(store.at);
    assert_int_equal(store.len, 0);
    w.context.is_kubernetes = true;
    assert_null(resource_needs_store(w.resource, &w.context).at);
    world_end(&w);
}

static void in_kubernetes_the_operator_has_packed_the_value(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, value: c2VjcmV0, secretKeyRef: {name: redis}}\n"
                                              "  - {name: b, value: '?', secretKeyRef: {name: redis}}\n"));
    w.context.is_kubernetes = true;
    resolve(&w);
    assert_string_equal(w.asked, "");
    assert_string_equal(value(&w, "a"), "secret");
    assert_true(w.resource->properties[0].is_secret);
    assert_string_equal(value(&w, "b"), "?");
    world_end(&w);
}

static void a_secret_that_cannot_be_had_is_logged_and_life_goes_on(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, secretKeyRef: {name: gone}}\n  - {name: b, value: v}\n"));
    resolve(&w);
    assert_string_equal(w.error, "");
    assert_string_equal(value(&w, "a"), "");
    assert_string_equal(value(&w, "b"), "v");
    logged(&w, "Error getting secret: secret gone not found");
    world_end(&w);
}

static void answers_may_come_later_and_in_any_order(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, secretKeyRef: {name: one, key: password}}\n  - {name: b, secretKeyRef: {name: two, key: redis}}\n"));
    w.answers_late = true;
    assert_non_null(resource_resolve(w.resource, &w.context, then, &w));
    assert_int_equal(w.ticket_count, 2);
    secret_answer(w.tickets[1], &redis_pairs, NULL);
    assert_int_equal(w.finished, 0);
    secret_answer(w.tickets[0], &redis_pairs, NULL);
    assert_int_equal(w.finished, 1);
    assert_string_equal(value(&w, "a"), "s3cret");
    assert_string_equal(value(&w, "b"), "whole");
    world_end(&w);
}

static void after_cancelling_nobody_is_told_and_tickets_may_still_come(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, secretKeyRef: {name: one, key: password}}\n"));
    w.answers_late = true;
    resolution_cancel(resource_resolve(w.resource, &w.context, then, &w));
    assert_int_equal(w.resource->refs, 2);
    secret_answer(w.tickets[0], &redis_pairs, NULL);
    assert_int_equal(w.resource->refs, 1);
    assert_int_equal(w.finished, 0);
    resolution_cancel(NULL);
    world_end(&w);
}

static void resolving_again_begins_anew(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, value: v, secretKeyRef: {name: redis, key: password}}\n"));
    resolve(&w);
    assert_string_equal(value(&w, "a"), "s3cret");
    w.context.get = NULL;
    resolve(&w);
    assert_string_equal(value(&w, "a"), "v");
    assert_false(w.resource->properties[0].is_secret);
    world_end(&w);
}

static void tags_are_replaced_after_the_secrets(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, value: '{namespace}|{appID}|{podName}|{other}'}\n  - {name: b, value: '{uuid}{uuid}'}\n"));
    w.environment.namespace_ = NAME("ns");
    w.environment.pod_name = NAME("pod-1");
    resolve(&w);
    assert_string_equal(value(&w, "a"), "ns.shop|shop|pod-1|{other}");
    const char *uuids = value(&w, "b");
    assert_int_equal(strlen(uuids), 72);
    assert_memory_not_equal(uuids, uuids + 36, 36);
    assert_string_equal(w.resource->properties[0].value.at, "{namespace}|{appID}|{podName}|{other}");
    world_end(&w);
}

static void the_namespace_is_default_when_none_is_said(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: a, value: '{namespace}'}\n"));
    resolve(&w);
    assert_string_equal(value(&w, "a"), "default.shop");
    world_end(&w);
}

static void a_pod_without_a_name_is_an_error(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: host, value: 'x-{podName}'}\n"));
    resolve(&w);
    assert_int_equal(w.finished, 1);
    assert_string_equal(w.error, "failed to parse metadata: property host refers to {podName} but podName is not set");
    assert_int_equal(component_of(w.resource)->resolved.count, 0);
    world_end(&w);
}

static void a_consumer_is_the_app_unless_it_is_named(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, PUBSUB("  - {name: x, value: y}\n"));
    resolve(&w);
    assert_string_equal(value(&w, "consumerID"), "shop");
    world_end(&w);
    world_begin(&w, RESOURCE_COMPONENT, PUBSUB("  - {name: consumerID, value: '  me\t'}\n"));
    resolve(&w);
    assert_string_equal(value(&w, "consumerID"), "me");
    assert_string_equal(component_of(w.resource)->places[0], "f.yaml:8");
    world_end(&w);
    world_begin(&w, RESOURCE_COMPONENT, PUBSUB("  - {name: consumerID, value: '  '}\n"));
    resolve(&w);
    assert_string_equal(value(&w, "consumerID"), "shop");
    world_end(&w);
    world_begin(&w, RESOURCE_COMPONENT, STORE("  - {name: x, value: y}\n"));
    resolve(&w);
    assert_null(value(&w, "consumerID"));
    world_end(&w);
}

static void a_strict_sandbox_is_forced(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_COMPONENT, COMPONENT("c") "spec: {type: bindings.wasm, metadata: [{name: STRICTsandbox, value: 'false'}]}\n");
    w.context.strict_sandbox = true;
    resolve(&w);
    assert_string_equal(value(&w, "strictSandbox"), "true");
    assert_int_equal(component_of(w.resource)->resolved.count, 1);
    world_end(&w);
    world_begin(&w, RESOURCE_COMPONENT, COMPONENT("c") "spec: {type: middleware.http.wasm}\n");
    resolve(&w);
    assert_null(value(&w, "strictSandbox"));
    w.context.strict_sandbox = true;
    resolve(&w);
    assert_string_equal(value(&w, "strictSandbox"), "true");
    world_end(&w);
}

static void headers_of_endpoints_are_resolved_too(void **state)
{
    struct world w;
    world_begin(&w, RESOURCE_HTTP_ENDPOINT, "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: e}\nspec:\n  baseUrl: http://x\n"
                "  headers: [{name: a, secretKeyRef: {name: redis, key: password}}, {name: b, value: '{appID}'}]\n"
                "  clientTLS: {rootCA: {secretKeyRef: {name: redis}}}\nauth: {secretStore: vault}\n");
    resolve(&w);
    assert_string_equal(w.resource->properties[0].value.at, "s3cret");
    assert_string_equal(w.resource->properties[1].value.at, "{appID}");
    assert_string_equal(w.resource->properties[2].value.at, "whole");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_property_without_a_reference_is_as_written),
        cmocka_unit_test(a_variable_is_read_when_there_is_no_value),
        cmocka_unit_test(some_variables_are_not_for_resources),
        cmocka_unit_test(a_list_of_variables_admits_no_other),
        cmocka_unit_test(a_secret_wins_over_a_value_and_is_asked_for_once),
        cmocka_unit_test(without_a_store_s_name_it_is_the_empty_one_or_that_of_kubernetes),
        cmocka_unit_test(in_kubernetes_the_operator_has_packed_the_value),
        cmocka_unit_test(a_secret_that_cannot_be_had_is_logged_and_life_goes_on),
        cmocka_unit_test(answers_may_come_later_and_in_any_order),
        cmocka_unit_test(after_cancelling_nobody_is_told_and_tickets_may_still_come),
        cmocka_unit_test(resolving_again_begins_anew),
        cmocka_unit_test(tags_are_replaced_after_the_secrets),
        cmocka_unit_test(the_namespace_is_default_when_none_is_said),
        cmocka_unit_test(a_pod_without_a_name_is_an_error),
        cmocka_unit_test(a_consumer_is_the_app_unless_it_is_named),
        cmocka_unit_test(a_strict_sandbox_is_forced),
        cmocka_unit_test(headers_of_endpoints_are_resolved_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
