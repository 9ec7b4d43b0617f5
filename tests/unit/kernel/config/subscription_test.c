/* subscription_test: both versions of a Subscription, and their one form as JSON. */
#include <kernel/config/subscription.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define HEAD(version) "apiVersion: dapr.io/" version "\nkind: Subscription\nmetadata:\n  name: s\n"

static struct subscription *parse(struct fixture *f, const char *text)
{
    fixture_begin(f);
    fixture_parse(f, text);
    return subscription_of(f->set->of[RESOURCE_SUBSCRIPTION].count ? f->set->of[RESOURCE_SUBSCRIPTION].at[0] : NULL);
}

static void the_old_route_is_the_default_rule(void **state)
{
    struct fixture f;
    struct subscription *s = parse(&f, HEAD("v1alpha1") "spec: {pubsubname: p, topic: t, route: /orders}\n");
    assert_string_equal(s->pubsub.at, "p");
    assert_string_equal(s->topic.at, "t");
    assert_int_equal(s->rule_count, 1);
    assert_string_equal(s->rules[0].match.at, "");
    assert_string_equal(s->rules[0].path.at, "/orders");
    assert_null(s->dead_letter_topic.at);
    assert_false(s->bulk);
    fixture_end(&f);
}

static const char full[] = HEAD("v2alpha1")
    "spec:\n  pubsubname: p\n  topic: t\n  deadLetterTopic: poison\n"
    "  metadata: {rawPayload: 'true', depth: 5}\n"
    "  bulkSubscribe: {enabled: true, maxMessagesCount: 10, maxAwaitDurationMs: 40}\n"
    "  routes:\n    rules:\n    - match: event.type == \"a\"\n      path: /a\n    - match: x\n      path: /b\n"
    "    default: /rest\nscopes: [shop, other]\n";

static void rules_keep_their_order_and_the_default_is_last(void **state)
{
    struct fixture f;
    struct subscription *s = parse(&f, full);
    assert_int_equal(s->rule_count, 3);
    assert_string_equal(s->rules[0].match.at, "event.type == \"a\"");
    assert_string_equal(s->rules[1].path.at, "/b");
    assert_string_equal(s->rules[2].match.at, "");
    assert_string_equal(s->rules[2].path.at, "/rest");
    assert_string_equal(s->dead_letter_topic.at, "poison");
    assert_int_equal(s->metadata.count, 2);
    assert_string_equal(trb_pair_at(&s->metadata, 1)->key.at, "depth");
    assert_string_equal(trb_pair_at(&s->metadata, 1)->value.at, "5");
    assert_true(s->bulk);
    assert_int_equal(s->bulk_max_messages, 10);
    assert_int_equal(s->bulk_max_await_ms, 40);
    assert_string_equal(f.warnings.at, "");
    fixture_end(&f);
}

static void json_is(const char *yaml, const char *json)
{
    struct fixture f;
    struct text t = {0};
    resource_to_json(&parse(&f, yaml)->head, true, &t);
    assert_string_equal(t.at, json);
    text_fini(&t);
    fixture_end(&f);
}

static void both_versions_become_the_newest(void **state)
{
    json_is(HEAD("v1alpha1") "  namespace: ns\nspec: {pubsubname: p, topic: t, route: /orders}\n",
            "{\"apiVersion\":\"dapr.io/v2alpha1\",\"kind\":\"Subscription\",\"metadata\":{\"name\":\"s\",\"namespace\":\"ns\"},"
            "\"spec\":{\"pubsubname\":\"p\",\"topic\":\"t\",\"routes\":{\"rules\":[{\"match\":\"\",\"path\":\"/orders\"}]}}}");
    json_is(full,
            "{\"apiVersion\":\"dapr.io/v2alpha1\",\"kind\":\"Subscription\",\"metadata\":{\"name\":\"s\"},"
            "\"spec\":{\"pubsubname\":\"p\",\"topic\":\"t\",\"routes\":{\"rules\":["
            "{\"match\":\"event.type == \\\"a\\\"\",\"path\":\"/a\"},{\"match\":\"x\",\"path\":\"/b\"},"
            "{\"match\":\"\",\"path\":\"/rest\"}]},\"metadata\":{\"rawPayload\":\"true\",\"depth\":\"5\"},"
            "\"deadLetterTopic\":\"poison\",\"bulkSubscribe\":{\"enabled\":true,\"maxMessagesCount\":10,"
            "\"maxAwaitDurationMs\":40}},\"scopes\":[\"shop\",\"other\"]}");
}

static void the_same_in_both_versions_has_the_same_print(void **state)
{
    struct fixture f, g;
    struct subscription *old = parse(&f, HEAD("v1alpha1") "spec: {pubsubname: p, topic: t, route: /r}\n");
    struct subscription *now = parse(&g, HEAD("v2alpha1") "  labels: {a: b}\nspec: {topic: t, pubsubname: p, routes: {default: /r}}\n");
    assert_memory_equal(old->head.print, now->head.print, 32);
    fixture_end(&g);
    now = parse(&g, HEAD("v2alpha1") "spec: {topic: t, pubsubname: p, routes: {default: /other}}\n");
    assert_memory_not_equal(old->head.print, now->head.print, 32);
    fixture_end(&g);
    fixture_end(&f);
}

static void gaps_are_told_but_kept(void **state)
{
    struct fixture f;
    assert_non_null(parse(&f, HEAD("v1alpha1") "spec: {topic: t, route: /r}\n"));
    assert_string_equal(f.warnings.at, "f.yaml:1: Subscription s has no spec.pubsubname\n");
    fixture_end(&f);
    assert_non_null(parse(&f, HEAD("v1alpha1") "spec: {pubsubname: p, route: /r}\n"));
    assert_string_equal(f.warnings.at, "f.yaml:1: Subscription s has no spec.topic\n");
    fixture_end(&f);
    assert_non_null(parse(&f, HEAD("v2alpha1") "spec: {pubsubname: p, topic: t, route: /r}\n"));
    assert_string_equal(f.warnings.at, "f.yaml:1: Subscription s has no route\n");
    fixture_end(&f);
}

static void wrong_fields_name_the_line(void **state)
{
    static const struct { const char *spec, *said; } cases[] = {
        {"spec: {routes: /a}\n", "f.yaml:5: spec.routes must be a mapping, not \"/a\""},
        {"spec: {routes: {rules: {match: x}}}\n", "f.yaml:5: spec.routes.rules must be a list, not a mapping"},
        {"spec:\n  routes:\n    rules:\n    - /a\n", "f.yaml:8: spec.routes.rules must be a list of mappings, not \"/a\""},
        {"spec:\n  metadata:\n    a: [b]\n", "f.yaml:7: spec.metadata must be a mapping of texts, not a list"},
        {"spec:\n  bulkSubscribe:\n    enabled: 1.5\n", "f.yaml:7: spec.bulkSubscribe.enabled must be true or false, not \"1.5\""},
        {"spec:\n  bulkSubscribe:\n    maxMessagesCount: many\n",
         "f.yaml:7: spec.bulkSubscribe.maxMessagesCount must be a whole number, not \"many\""},
        {"spec:\n  bulkSubscribe:\n    maxAwaitDurationMs: 4294967296\n",
         "f.yaml:7: spec.bulkSubscribe.maxAwaitDurationMs must be between -2147483648 and 2147483647, not 4294967296"},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof text, HEAD("v2alpha1") "%s", cases[i].spec);
        assert_null(parse(&f, text));
        fixture_warned(&f, "daprd load Subscription error when parsing manifests yaml resource in f.yaml: ");
        fixture_warned(&f, cases[i].said);
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_old_route_is_the_default_rule),
        cmocka_unit_test(rules_keep_their_order_and_the_default_is_last),
        cmocka_unit_test(both_versions_become_the_newest),
        cmocka_unit_test(the_same_in_both_versions_has_the_same_print),
        cmocka_unit_test(gaps_are_told_but_kept),
        cmocka_unit_test(wrong_fields_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
