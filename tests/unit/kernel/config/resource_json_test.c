/* resource_json_test: documents as JSON, with what is known of their values, and the prints of them. */
#include <kernel/config/resource_json.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define REFERENCE "spec:\n  type: state.x\n  metadata:\n  - name: a\n    value: 1.0\n  - name: b\n" \
                  "    secretKeyRef: {name: s, key: k}\n  - {name: c, value: {z: 1, x: '<'}}\n"

static struct resource *parse(struct fixture *f, const char *text)
{
    fixture_begin(f);
    fixture_parse(f, text);
    return fixture_only(f, RESOURCE_COMPONENT);
}

static void json_is(const struct resource *r, bool redact, const char *wanted)
{
    struct text t = {0};
    resource_to_json(r, redact, &t);
    assert_string_equal(t.at, wanted);
    text_fini(&t);
}

#define BEFORE_B "{\"apiVersion\":\"dapr.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{\"labels\":{\"l\":1,\"true\":2},\"name\":\"o\"}," \
                 "\"spec\":{\"metadata\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"b\",\"secretKeyRef\":{\"key\":\"k\",\"name\":\"s\"}"
#define AFTER_B "},{\"name\":\"c\",\"value\":\"{\\\"x\\\":\\\"\\\\u003c\\\",\\\"z\\\":1}\"}],\"type\":\"state.x\"}}"

static void a_document_is_written_with_its_values_as_texts(void **state)
{
    struct fixture f;
    struct resource *r = parse(&f, COMPONENT("o") "  labels: {l: 1, yes: 2}\n" REFERENCE);
    json_is(r, false, BEFORE_B AFTER_B);
    r->properties[1].value = NAME("top \"secret\"");
    r->properties[1].is_secret = true;
    json_is(r, false, BEFORE_B ",\"value\":\"top \\\"secret\\\"\"" AFTER_B);
    json_is(r, true, BEFORE_B ",\"value\":\"***\"" AFTER_B);
    fixture_end(&f);
}

static void names_that_come_twice_are_written_once(void **state)
{
    struct fixture f;
    struct resource *r = parse(&f, COMPONENT("o") "spec: {type: a, type: b, metadata: [{name: k, value: 1, VALUE: 2}]}\n");
    json_is(r, false, "{\"apiVersion\":\"dapr.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{\"name\":\"o\"},"
                      "\"spec\":{\"metadata\":[{\"name\":\"k\",\"value\":\"1\"}],\"type\":\"b\"}}");
    fixture_end(&f);
}

static void prints_differ(const char *one, const char *other, bool differ)
{
    struct fixture f, g;
    struct resource *a = parse(&f, one), *b = parse(&g, other);
    assert_int_equal(memcmp(a->print, b->print, sizeof a->print) != 0, differ);
    fixture_end(&g);
    fixture_end(&f);
}

static void labels_order_and_layout_do_not_count(void **state)
{
    prints_differ(COMPONENT("o") REFERENCE, "# note\n" COMPONENT("o") "  labels: {l: 1}\n  namespace: one\n" REFERENCE, false);
    prints_differ(COMPONENT("o") "spec: {type: a, version: b}\n", COMPONENT("o") "spec:\n  version: b\n  type: a\n", false);
}

static void all_else_counts(void **state)
{
    prints_differ(COMPONENT("o") REFERENCE, COMPONENT("p") REFERENCE, true);
    prints_differ(COMPONENT("o") REFERENCE, COMPONENT("o") REFERENCE "scopes: [shop]\n", true);
    prints_differ(COMPONENT("o") REFERENCE, COMPONENT("o") REFERENCE "auth: {secretStore: x}\n", true);
    prints_differ(COMPONENT("o") REFERENCE, COMPONENT("o") REFERENCE "  - {name: d}\n", true);
}

static void a_namespace_counts_for_policies(void **state)
{
    static const char one[] = "kind: Resiliency\nmetadata: {name: r}\n", two[] = "kind: Resiliency\nmetadata: {name: r, namespace: x}\n";
    struct fixture f, g;
    fixture_begin(&f), fixture_begin(&g);
    fixture_parse(&f, one), fixture_parse(&g, two);
    assert_memory_not_equal(fixture_only(&f, RESOURCE_RESILIENCY)->print, fixture_only(&g, RESOURCE_RESILIENCY)->print, 32);
    fixture_end(&g);
    fixture_end(&f);
}

static void a_rotated_secret_shows_in_the_print_of_values_only(void **state)
{
    struct fixture f;
    struct resource *r = parse(&f, COMPONENT("o") REFERENCE);
    uint8_t before[32], after[32];
    r->properties[1].value = NAME("one");
    resource_value_print(r, before);
    r->properties[1].value = NAME("two");
    resource_value_print(r, after);
    assert_memory_not_equal(before, after, 32);
    r->properties[1].value = (struct trb_name){0};
    resource_value_print(r, after);
    assert_memory_equal(after, r->print, 32);
    fixture_end(&f);
}

static void aliases_share_their_value(void **state)
{
    struct fixture f;
    struct resource *r = parse(&f, COMPONENT("o") "x: &p {name: k, value: v}\nspec: {type: t, metadata: [*p]}\n");
    json_is(r, false, "{\"apiVersion\":\"dapr.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{\"name\":\"o\"},"
                      "\"spec\":{\"metadata\":[{\"name\":\"k\",\"value\":\"v\"}],\"type\":\"t\"},\"x\":{\"name\":\"k\",\"value\":\"v\"}}");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_written_with_its_values_as_texts),
        cmocka_unit_test(names_that_come_twice_are_written_once),
        cmocka_unit_test(labels_order_and_layout_do_not_count),
        cmocka_unit_test(all_else_counts),
        cmocka_unit_test(a_namespace_counts_for_policies),
        cmocka_unit_test(a_rotated_secret_shows_in_the_print_of_values_only),
        cmocka_unit_test(aliases_share_their_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
