/* resource_text_test: where documents are cut, which are kept, in which order, and what is said of the rest. */
#include <kernel/config/resource_text.c>
#include <kernel/config/resource_set.c>
#include <kernel/config/resource_read.c>
#include <tests/unit/kernel/config/resource_fixture.h>

static const char *name_at(const struct fixture *f, uint32_t kind, uint32_t i)
{
    assert_true(i < f->set->of[kind].count);
    return f->set->of[kind].at[i]->name.at;
}

static uint32_t count(const struct fixture *f, uint32_t kind)
{
    return f->set->of[kind].count;
}

static void components_are(const char *text, const char *names)
{
    struct fixture f;
    struct text got = {0};
    fixture_begin(&f);
    fixture_parse(&f, text);
    text_add(&got, SLICE(""));
    for (uint32_t i = 0; i < count(&f, RESOURCE_COMPONENT); i++)
        text_addf(&got, "%s%s", i ? " " : "", name_at(&f, RESOURCE_COMPONENT, i));
    assert_string_equal(got.at, names);
    assert_string_equal(f.warnings.at, "");
    text_fini(&got);
    fixture_end(&f);
}

static void documents_are_cut_at_a_line_of_dashes(void **state)
{
    components_are(STATE("a") "---\n" STATE("b"), "a b");
    components_are("---\n" STATE("a") "--- # note\n" STATE("b") "---", "a b");
    components_are("# only words\n---\n" STATE("a") "---\n---\n\n---\nnull\n---\n~\n---\n" STATE("b"), "a b");
}

static void line_ends_may_have_carriage_returns(void **state)
{
    components_are("apiVersion: dapr.io/v1alpha1\r\nkind: Component\r\nmetadata:\r\n  name: a\r\n---\r\n"
                   "apiVersion: dapr.io/v1alpha1\r\nkind: Component\r\nmetadata:\r\n  name: b\r\n", "a b");
}

static void the_last_document_counts_even_if_its_separator_has_no_line_end(void **state)
{
    components_are(STATE("a") "--- the end", "a");
}

static void dashes_inside_a_line_do_not_cut(void **state)
{
    components_are(STATE("a") "  metadata:\n  - name: x\n    value: a---b\n  - name: pem\n    value: |\n"
                   "      -----BEGIN X-----\n", "a");
}

static void json_is_yaml(void **state)
{
    components_are("{\"apiVersion\":\"dapr.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{\"name\":\"a\"},"
                   "\"spec\":{\"type\":\"state.x\"}}", "a");
}

static void other_kinds_and_versions_are_nobody_s_business(void **state)
{
    components_are("apiVersion: dapr.io/v1\nkind: Component\nmetadata: {name: a}\n---\n"
                   "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a/b}\nspec: []\n---\n"
                   "apiVersion: dapr.io/v1alpha1\nkind: component\nmetadata: {name: a}\n---\n"
                   "hello: world\n", "");
}

static void names_of_fields_have_no_case(void **state)
{
    components_are("APIVERSION: dapr.io/v1alpha1\nKind: Component\nMetaData: {NAME: a}\nSpec: {Type: state.x}", "a");
}

static void numbers_and_booleans_are_names_too(void **state)
{
    components_are("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: 123}", "123");
    components_are("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: yes}", "true");
}

static void any_unicode_is_a_name(void **state)
{
    components_are(COMPONENT("'it''s \xe2\x98\x83 ~ a\"b'"), "it's \xe2\x98\x83 ~ a\"b");
}

static void a_broken_document_takes_no_other_with_it(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, STATE("a") "---\nkind: Component\n  bad: [\n---\n" STATE("b"));
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 2);
    assert_string_equal(name_at(&f, RESOURCE_COMPONENT, 1), "b");
    fixture_warned(&f, "daprd load Component error when parsing manifests yaml resource in f.yaml: "
                       "error converting YAML to JSON: yaml: line ");
    fixture_warned(&f, "mapping values are not allowed in this context (f.yaml:10:6)\n");
    fixture_end(&f);
}

static void every_kind_s_reader_speaks_once_per_file(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "a: [\n---\nb: ]\n");
    static const char *const kinds[] = {"Component", "HTTPEndpoint", "Subscription", "WorkflowAccessPolicy",
                                        "MCPServer"};
    for (uint32_t i = 0; i < countof(kinds); i++) {
        char line[128];
        snprintf(line, sizeof line, "daprd load %s error when parsing manifests", kinds[i]);
        fixture_warned(&f, line);
        assert_null(strstr(strstr(f.warnings.at, line) + 1, line));
    }
    fixture_warned(&f, "Could not determine resource type: error converting YAML to JSON: yaml: ");
    fixture_warned(&f, "(f.yaml:2:1)\nerror converting YAML to JSON: ");       /* joined by a newline */
    fixture_end(&f);
}

static void a_document_that_is_no_mapping_is_told(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "\n- a\n");
    fixture_warned(&f, "error unmarshaling JSON: f.yaml:2: a document must be a mapping");
    fixture_end(&f);
}

static void names_that_are_no_path_segments_are_refused(void **state)
{
    static const struct { const char *name, *why; } cases[] = {
        {".", "invalid name \".\" for \"Component\": may not be '.'"},
        {"..", "invalid name \"..\" for \"Component\": may not be '..'"},
        {"a/b", "invalid name \"a/b\" for \"Component\": may not contain '/'"},
        {"a%b", "invalid name \"a%b\" for \"Component\": may not contain '%'"},
        {"a%/b", "invalid name \"a%/b\" for \"Component\": may not contain '/'; may not contain '%'"},
    };
    for (uint32_t i = 0; i < countof(cases); i++) {
        struct fixture f;
        char text[256];
        fixture_begin(&f);
        snprintf(text, sizeof text, "\n\napiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: '%s'}\n",
                 cases[i].name);
        fixture_parse(&f, text);
        assert_int_equal(count(&f, RESOURCE_COMPONENT), 0);
        fixture_warned(&f, "daprd load Component error when parsing manifests yaml resource in f.yaml: ");
        fixture_warned(&f, cases[i].why);
        fixture_warned(&f, "(f.yaml:3)");
        assert_null(strstr(f.warnings.at, "HTTPEndpoint"));
        fixture_end(&f);
    }
}

static void a_resiliency_of_a_bad_name_is_told_in_the_words_for_its_kind(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "kind: Resiliency\nmetadata: {name: a/b}\n");
    assert_string_equal(f.warnings.at, "daprd load Resiliency error when parsing manifests yaml resource in f.yaml: "
                        "invalid name \"a/b\" for \"Resiliency\": may not contain '/' (f.yaml:1)\n");
    fixture_end(&f);
}

static void a_component_without_a_name_is_ignored_with_a_word(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "apiVersion: dapr.io/v1alpha1\nkind: Component\nspec: {type: state.x}\n");
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 0);
    assert_string_equal(f.warnings.at, "f.yaml:1: a Component without metadata.name is ignored\n");
    fixture_end(&f);
}

static void wrong_heads_name_their_line(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: [a]\n---\n" COMPONENT("b")
                      "scopes: shop\n---\n" COMPONENT("c") "scopes:\n- {a: b}\n");
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 0);
    fixture_warned(&f, "error unmarshaling JSON: f.yaml:3: metadata must be a mapping, not a list");
    fixture_warned(&f, "error unmarshaling JSON: f.yaml:9: scopes must be a list, not \"shop\"");
    fixture_warned(&f, "error unmarshaling JSON: f.yaml:16: scopes must be a list of texts, not a mapping");
    fixture_end(&f);
}

static void a_second_of_the_same_name_is_an_error_whatever_its_type(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, COMPONENT("foo") "spec: {type: pubsub.in-memory, version: v1}\n---\n" STATE("foo") "---\n"
                      COMPONENT("foo") "spec: {type: state.x}\nscopes: [other]\n");
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 1);
    assert_string_equal(
        f.set->duplicates[RESOURCE_COMPONENT].at,
        "duplicate definition of Component name foo (state.in-memory/v1) with existing foo (pubsub.in-memory/v1)\n"
        "duplicate definition of Component name foo (state.x) with existing foo (pubsub.in-memory/v1)");
    assert_null(f.set->duplicates[RESOURCE_HTTP_ENDPOINT].at);
    fixture_end(&f);
}

static void a_first_copy_out_of_scope_collides_with_nothing(void **state)
{
    components_are(STATE("foo") "scopes: [other]\n---\n" STATE("foo"), "foo");
}

static void the_same_name_in_two_kinds_is_fine(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, STATE("foo") "---\napiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: foo}\n"
                      "spec: {baseUrl: http://x}\n");
    assert_null(f.set->duplicates[RESOURCE_COMPONENT].at);
    assert_non_null(resource_set_find(f.set, RESOURCE_HTTP_ENDPOINT, SLICE("foo")));
    assert_null(resource_set_find(f.set, RESOURCE_HTTP_ENDPOINT, SLICE("fo")));
    fixture_end(&f);
}

static void scopes_name_the_apps_exactly(void **state)
{
    components_are(STATE("a") "scopes: []\n---\n" STATE("b") "scopes: [x, shop]\n---\n" STATE("c") "scopes: [Shop]\n",
                   "a b");
}

static void scopes_may_be_numbers(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    f.query.app_id = SLICE("1");
    fixture_parse(&f, STATE("a") "scopes: [1]\n");
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 1);
    fixture_end(&f);
}

static void a_namespace_filters_only_when_both_sides_name_one(void **state)
{
    static const char text[] = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a, namespace: one}\n---\n"
                               "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: a, namespace: two}\n---\n"
                               STATE("b");
    struct fixture f;
    fixture_begin(&f);
    f.query.namespace_ = SLICE("two");
    fixture_parse(&f, text);
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 2);
    assert_string_equal(f.set->of[RESOURCE_COMPONENT].at[0]->namespace_.at, "two");
    assert_null(f.set->duplicates[RESOURCE_COMPONENT].at);
    fixture_end(&f);
    fixture_begin(&f);
    fixture_parse(&f, text);
    assert_non_null(f.set->duplicates[RESOURCE_COMPONENT].at);
    fixture_end(&f);
}

static void subscriptions_and_resiliencies_know_no_namespace(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    f.query.namespace_ = SLICE("two");
    fixture_parse(&f, "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: s, namespace: one}\n"
                      "spec: {pubsubname: p, topic: t, route: /r}\n---\n"
                      "apiVersion: what/ever\nkind: Resiliency\nmetadata: {name: r, namespace: one}\n");
    assert_int_equal(count(&f, RESOURCE_SUBSCRIPTION), 1);
    assert_int_equal(count(&f, RESOURCE_RESILIENCY), 1);
    fixture_end(&f);
}

static void the_later_subscription_of_a_name_takes_its_place_at_the_end(void **state)
{
    static const char text[] =
        "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: a}\nspec: {pubsubname: p, topic: one, route: /1}\n---\n"
        "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: b}\nspec: {pubsubname: p, topic: two, routes: {default: /2}}\n---\n"
        "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: a}\nspec: {pubsubname: p, topic: three, route: /3}\n";
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, text);
    assert_int_equal(count(&f, RESOURCE_SUBSCRIPTION), 2);
    assert_string_equal(name_at(&f, RESOURCE_SUBSCRIPTION, 0), "b");
    assert_string_equal(name_at(&f, RESOURCE_SUBSCRIPTION, 1), "a");
    assert_string_equal(f.warnings.at, "");
    assert_null(f.set->duplicates[RESOURCE_SUBSCRIPTION].at);
    fixture_end(&f);
}

static void a_later_subscription_out_of_scope_still_replaces(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: a}\nspec: {pubsubname: p, topic: t, route: /1}\n---\n"
                      "apiVersion: dapr.io/v1alpha1\nkind: Subscription\nmetadata: {name: a}\nspec: {pubsubname: p, topic: t, route: /1}\nscopes: [other]\n");
    assert_int_equal(count(&f, RESOURCE_SUBSCRIPTION), 0);
    fixture_end(&f);
}

static void secret_stores_come_first_and_the_rest_keeps_its_order(void **state)
{
    components_are(STATE("z") "---\n" COMPONENT("s") "spec: {type: SecretStores.local.env}\n---\n" STATE("a") "---\n"
                   COMPONENT("r") "spec: {type: secretstores.local.file}\n", "s r z a");
}

static void big_documents_are_welcome(void **state)
{
    struct fixture f;
    struct text t = {0};
    fixture_begin(&f);
    text_adds(&t, STATE("a") "  metadata:\n  - name: big\n    value: \"");
    for (int i = 0; i < 200000; i++)
        text_addc(&t, 'x');
    text_adds(&t, "\"\n---\n" STATE("b"));
    fixture_parse(&f, t.at);
    assert_int_equal(count(&f, RESOURCE_COMPONENT), 2);
    assert_int_equal(f.set->of[RESOURCE_COMPONENT].at[0]->properties[0].value.len, 200000);
    text_fini(&t);
    fixture_end(&f);
}

static void places_count_lines_of_the_file(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, STATE("a") "--- # x\n\n\n" STATE("b") "  metadata:\n  - name: k\n    value: v\n");
    assert_int_equal(f.set->of[RESOURCE_COMPONENT].at[1]->place.line, 11);
    assert_int_equal(f.set->of[RESOURCE_COMPONENT].at[1]->properties[0].place.line, 20);
    assert_string_equal(f.set->of[RESOURCE_COMPONENT].at[1]->place.file, "f.yaml");
    fixture_end(&f);
}

static void a_resource_outlives_its_set(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, STATE("a"));
    struct resource *r = resource_ref(fixture_only(&f, RESOURCE_COMPONENT));
    fixture_end(&f);
    assert_string_equal(r->log_name.at, "a (state.in-memory/v1)");
    assert_null(resource_unref(r));
    assert_null(resource_unref(NULL));
}

static void kinds_have_names(void **state)
{
    assert_string_equal(resource_kind_name(RESOURCE_WORKFLOW_POLICY), "WorkflowAccessPolicy");
    assert_string_equal(resource_kind_plural(RESOURCE_COMPONENT), "components");
    assert_string_equal(resource_kind_plural(RESOURCE_HTTP_ENDPOINT), "HTTP endpoints");
    assert_string_equal(resource_kind_plural(RESOURCE_MCP_SERVER), "mcpservers");
    assert_string_equal(resource_kind_plural(RESOURCE_WORKFLOW_POLICY), "workflow access policies");
}

static void a_configuration_in_a_folder_is_only_noted(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    fixture_parse(&f, "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec: [any, thing]\n");
    assert_string_equal(name_at(&f, RESOURCE_CONFIGURATION, 0), "c");
    assert_string_equal(f.warnings.at, "");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_cut_at_a_line_of_dashes),
        cmocka_unit_test(line_ends_may_have_carriage_returns),
        cmocka_unit_test(the_last_document_counts_even_if_its_separator_has_no_line_end),
        cmocka_unit_test(dashes_inside_a_line_do_not_cut),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(other_kinds_and_versions_are_nobody_s_business),
        cmocka_unit_test(names_of_fields_have_no_case),
        cmocka_unit_test(numbers_and_booleans_are_names_too),
        cmocka_unit_test(any_unicode_is_a_name),
        cmocka_unit_test(a_broken_document_takes_no_other_with_it),
        cmocka_unit_test(every_kind_s_reader_speaks_once_per_file),
        cmocka_unit_test(a_document_that_is_no_mapping_is_told),
        cmocka_unit_test(names_that_are_no_path_segments_are_refused),
        cmocka_unit_test(a_resiliency_of_a_bad_name_is_told_in_the_words_for_its_kind),
        cmocka_unit_test(a_component_without_a_name_is_ignored_with_a_word),
        cmocka_unit_test(wrong_heads_name_their_line),
        cmocka_unit_test(a_second_of_the_same_name_is_an_error_whatever_its_type),
        cmocka_unit_test(a_first_copy_out_of_scope_collides_with_nothing),
        cmocka_unit_test(the_same_name_in_two_kinds_is_fine),
        cmocka_unit_test(scopes_name_the_apps_exactly),
        cmocka_unit_test(scopes_may_be_numbers),
        cmocka_unit_test(a_namespace_filters_only_when_both_sides_name_one),
        cmocka_unit_test(subscriptions_and_resiliencies_know_no_namespace),
        cmocka_unit_test(the_later_subscription_of_a_name_takes_its_place_at_the_end),
        cmocka_unit_test(a_later_subscription_out_of_scope_still_replaces),
        cmocka_unit_test(secret_stores_come_first_and_the_rest_keeps_its_order),
        cmocka_unit_test(big_documents_are_welcome),
        cmocka_unit_test(places_count_lines_of_the_file),
        cmocka_unit_test(a_resource_outlives_its_set),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(a_configuration_in_a_folder_is_only_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
