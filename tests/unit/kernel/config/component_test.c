/* component_test: what a Component says, and the defaults for what it does not say. */
#include <kernel/config/component.c>
#include <kernel/config/field.c>
#include <kernel/config/resource_kinds.c>
#include <tests/unit/kernel/config/resource_fixture.h>

static struct component *parse(struct fixture *f, const char *spec)
{
    struct text t = {0};
    fixture_begin(f);
    text_addf(&t, COMPONENT("orders") "%s", spec);
    fixture_parse(f, t.at);
    text_fini(&t);
    return component_of(f->set->of[RESOURCE_COMPONENT].count ? f->set->of[RESOURCE_COMPONENT].at[0] : NULL);
}

static void a_component_has_type_version_and_properties(void **state)
{
    struct fixture f;
    struct component *c = parse(&f, "spec:\n  type: State.Redis\n  version: V1\n  ignoreErrors: yes\n  initTimeout: 1m\n"
                                    "  metadata:\n  - name: redisHost\n    value: localhost:6379\nauth: {secretStore: vault}\n");
    assert_string_equal(c->type.at, "State.Redis");
    assert_string_equal(c->version.at, "V1");
    assert_string_equal(c->plugin.at, "state.redis");
    assert_string_equal(c->block.at, "state");
    assert_string_equal(c->head.log_name.at, "orders (State.Redis/V1)");
    assert_string_equal(c->head.secret_store.at, "vault");
    assert_true(c->ignore_errors);
    assert_int_equal(c->init_timeout_ns, 60 * CLOCK_S);
    assert_string_equal(c->head.properties[0].name.at, "redisHost");
    assert_string_equal(c->head.properties[0].value.at, "localhost:6379");
    assert_int_equal(c->head.properties[0].place.line, 12);
    fixture_end(&f);
}

static void what_is_not_said_has_a_default(void **state)
{
    struct fixture f;
    struct component *c = parse(&f, "spec: {type: state.in-memory}\n");
    assert_string_equal(c->version.at, "");
    assert_string_equal(c->head.log_name.at, "orders (state.in-memory)");
    assert_false(c->ignore_errors);
    assert_int_equal(c->init_timeout_ns, 5 * CLOCK_S);
    assert_null(c->head.secret_store.at);
    assert_null(c->head.namespace_.at);
    assert_int_equal(c->head.property_count, 0);
    fixture_end(&f);
    c = parse(&f, "");
    assert_string_equal(c->type.at, "");
    assert_string_equal(c->block.at, "");
    fixture_end(&f);
}

static void a_time_that_is_none_is_five_seconds_and_a_warning(void **state)
{
    struct fixture f;
    assert_int_equal(parse(&f, "spec: {type: state.x, initTimeout: 10}\n")->init_timeout_ns, 5 * CLOCK_S);
    assert_string_equal(f.warnings.at, "f.yaml:1: spec.initTimeout of orders (state.x) is no duration such as 10s: 5s counts\n");
    fixture_end(&f);
    assert_int_equal(parse(&f, "spec: {type: state.x, initTimeout: ''}\n")->init_timeout_ns, 5 * CLOCK_S);
    assert_string_equal(f.warnings.at, "");
    fixture_end(&f);
}

static void values_keep_the_type_they_have(void **state)
{
    static const struct { const char *written, *value; } cases[] = {
        {"text", "text"}, {"'5'", "5"}, {"5", "5"}, {"1.0", "1"}, {"true", "true"}, {"yes", "true"}, {"0x10", "16"},
        {"{b: 1, a: [x, null]}", "{\"a\":[\"x\",null],\"b\":1}"}, {"[1, 'a']", "[1,\"a\"]"}, {"''", ""},
        {"'\"q\"'", "\"q\""}, {"null", NULL}, {"~", NULL},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char spec[256];
        snprintf(spec, sizeof spec, "spec: {type: state.x, metadata: [{name: k, value: %s}]}\n", cases[i].written);
        struct component *c = parse(&f, spec);
        if (cases[i].value)
            assert_string_equal(c->head.properties[0].value.at, cases[i].value);
        else
            assert_null(c->head.properties[0].value.at);
        fixture_end(&f);
    }
}

static void references_are_kept_until_they_are_resolved(void **state)
{
    struct fixture f;
    struct component *c = parse(&f, "spec:\n  type: state.x\n  metadata:\n"
                                    "  - name: a\n    secretKeyRef: {name: redis, key: password}\n"
                                    "  - name: b\n    secretKeyRef: {name: redis}\n"
                                    "  - name: c\n    envRef: HOME\n"
                                    "  - name: d\n    value: v\n    secretKeyRef: {key: password}\n"
                                    "  -\n");
    const struct property *p = c->head.properties;
    assert_int_equal(c->head.property_count, 4);
    assert_string_equal(p[0].secret_name.at, "redis");
    assert_string_equal(p[0].secret_key.at, "password");
    assert_string_equal(p[1].secret_key.at, "redis");
    assert_string_equal(p[2].env.at, "HOME");
    assert_null(p[3].secret_name.at);
    assert_string_equal(p[3].value.at, "v");
    fixture_end(&f);
}

static void names_of_properties_have_no_case_and_the_last_one_counts(void **state)
{
    struct fixture f;
    struct component *c = parse(&f, "spec: {type: state.x, metadata: [{name: Key, value: one}, {name: key, value: two}]}\n");
    assert_string_equal(component_property(c, SLICE("KEY"))->value.at, "two");
    assert_null(component_property(c, SLICE("other")));
    fixture_end(&f);
}

static void an_item_without_a_name_is_told_of(void **state)
{
    struct fixture f;
    assert_non_null(parse(&f, "spec:\n  type: state.x\n  metadata:\n  - value: v\n"));
    assert_string_equal(f.warnings.at, "f.yaml:8: an item of spec.metadata of orders (state.x) has no name, it is ignored\n");
    fixture_end(&f);
}

static void an_actor_store_says_so_truly(void **state)
{
    static const struct { const char *text; bool is; } cases[] = {
        {"'true'", true}, {"Y", true}, {"1", true}, {"'on'", true}, {"T", true}, {"'false'", false}, {"2", false},
        {"null", false}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char spec[128];
        snprintf(spec, sizeof spec, "spec: {type: state.x, metadata: [{name: ACTORstateSTORE, value: %s}]}\n", cases[i].text);
        assert_int_equal(component_is_actor_store(parse(&f, spec)), cases[i].is);
        fixture_end(&f);
    }
}

static void a_direction_names_the_wanted_half(void **state)
{
    struct fixture f;
    struct component *c = parse(&f, "spec: {type: bindings.x, metadata: [{name: Direction, value: ' Input '}]}\n");
    assert_true(component_has_direction(c, "input"));
    assert_false(component_has_direction(c, "output"));
    fixture_end(&f);
    c = parse(&f, "spec: {type: bindings.x, metadata: [{name: direction, value: 'input, OUTPUT'}]}\n");
    assert_true(component_has_direction(c, "output"));
    fixture_end(&f);
    c = parse(&f, "spec: {type: bindings.x}\n");
    assert_true(component_has_direction(c, "input") && component_has_direction(c, "output"));
    fixture_end(&f);
}

static void a_namespace_tag_is_noticed(void **state)
{
    struct fixture f;
    assert_true(parse(&f, "spec: {type: pubsub.x, metadata: [{name: consumerID, value: 'a{namespace}'}]}\n")->is_namespaced);
    fixture_end(&f);
    assert_false(parse(&f, "spec: {type: pubsub.x, metadata: [{name: consumerID, value: namespace}]}\n")->is_namespaced);
    fixture_end(&f);
}

static void wrong_fields_drop_the_document_and_name_the_line(void **state)
{
    static const struct { const char *spec, *said; } cases[] = {
        {"spec: []\n", "f.yaml:5: spec must be a mapping, not a list"},
        {"spec:\n  type: [x]\n", "f.yaml:6: spec.type must be a text, not a list"},
        {"spec:\n  type: x\n  ignoreErrors: maybe\n", "f.yaml:7: spec.ignoreErrors must be true or false, not \"maybe\""},
        {"spec:\n  type: x\n  ignoreErrors: 'true'\n", "f.yaml:7: spec.ignoreErrors must be true or false, not \"true\""},
        {"spec:\n  type: x\n  metadata: {a: b}\n", "f.yaml:7: spec.metadata must be a list, not a mapping"},
        {"spec:\n  type: x\n  metadata:\n  - just text\n", "f.yaml:8: spec.metadata must be a list of mappings, not \"just text\""},
        {"spec:\n  type: x\n  metadata:\n  - name: [a]\n", "f.yaml:8: name must be a text, not a list"},
        {"spec:\n  type: x\n  metadata:\n  - name: a\n    secretKeyRef: b\n", "f.yaml:9: secretKeyRef must be a mapping, not \"b\""},
        {"auth: yes\n", "f.yaml:5: auth must be a mapping, not \"yes\""},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char whole[256];
        assert_null(parse(&f, cases[i].spec));
        snprintf(whole, sizeof whole, "daprd load Component error when parsing manifests yaml resource in f.yaml: "
                 "error unmarshaling JSON: %s\n", cases[i].said);
        assert_string_equal(f.warnings.at, whole);
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_has_type_version_and_properties),
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(a_time_that_is_none_is_five_seconds_and_a_warning),
        cmocka_unit_test(values_keep_the_type_they_have),
        cmocka_unit_test(references_are_kept_until_they_are_resolved),
        cmocka_unit_test(names_of_properties_have_no_case_and_the_last_one_counts),
        cmocka_unit_test(an_item_without_a_name_is_told_of),
        cmocka_unit_test(an_actor_store_says_so_truly),
        cmocka_unit_test(a_direction_names_the_wanted_half),
        cmocka_unit_test(a_namespace_tag_is_noticed),
        cmocka_unit_test(wrong_fields_drop_the_document_and_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
