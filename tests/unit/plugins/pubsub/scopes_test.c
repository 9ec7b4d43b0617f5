/* scopes_test: who may publish and subscribe what, and whose topics carry a namespace. */
#include <events/scopes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct scopes *made(const char *key, const char *value, const char *key2, const char *value2)
{
    const struct trb_runtime_info info = {.size = sizeof info, .app_id = NAME("me"), .namespace_ = NAME("ns")};
    const struct trb_pair pairs[] = {{name_of(key), name_of(value)}, {name_of(key2), name_of(value2)}};
    const struct trb_pairs properties = {pairs, key2 ? 2 : 1, sizeof *pairs};
    return scopes_create(&properties, &info);
}

static bool publishes(struct scopes *s, const char *topic)
{
    bool may = scopes_may_publish(s, slice_of(topic));
    scopes_destroy(s);
    return may;
}

static void without_scopes_everything_is_allowed(void **state)
{
    assert_true(publishes(made("x", "y", NULL, NULL), "any"));
}

static void allowed_topics_are_the_only_ones(void **state)
{
    assert_true(publishes(made("allowedTopics", "a , b", NULL, NULL), "b"));
    assert_false(publishes(made("allowedTopics", "a,b", NULL, NULL), "c"));
    assert_false(publishes(made("ALLOWEDTOPICS", "a", NULL, NULL), "aa"));
}

static void protected_topics_need_an_entry(void **state)
{
    assert_false(publishes(made("protectedTopics", "a", NULL, NULL), "a"));
    assert_true(publishes(made("protectedTopics", "a", NULL, NULL), "b"));
    assert_true(publishes(made("protectedTopics", "a", "publishingScopes", "me=a"), "a"));
    assert_false(publishes(made("protectedTopics", "a", "publishingScopes", "other=a"), "a"));
}

static void an_entry_is_all_that_an_app_may(void **state)
{
    assert_true(publishes(made("publishingScopes", "other=x; me = a, b", NULL, NULL), "b"));
    assert_false(publishes(made("publishingScopes", "me=a;other=c", NULL, NULL), "c"));
    assert_true(publishes(made("publishingScopes", "other=c", NULL, NULL), "c"));
    assert_false(publishes(made("publishingScopes", "me=", NULL, NULL), "a"));
}

static void the_two_directions_are_apart(void **state)
{
    struct scopes *s = made("publishingScopes", "me=p", "subscriptionScopes", "me=s");
    assert_true(scopes_may_publish(s, SLICE("p")) && !scopes_may_publish(s, SLICE("s")));
    assert_true(scopes_may_subscribe(s, SLICE("s")) && !scopes_may_subscribe(s, SLICE("p")));
    scopes_destroy(s);
}

static void a_consumer_with_the_namespace_has_topics_of_its_own(void **state)
{
    struct scopes *s = made("consumerID", "x-ns.me", NULL, NULL);
    assert_true(slice_is(scopes_topic_prefix(s), SLICE("ns")));
    scopes_destroy(s);
    s = made("consumerID", "me", NULL, NULL);
    assert_int_equal(scopes_topic_prefix(s).len, 0);
    scopes_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_scopes_everything_is_allowed),
        cmocka_unit_test(allowed_topics_are_the_only_ones),
        cmocka_unit_test(protected_topics_need_an_entry),
        cmocka_unit_test(an_entry_is_all_that_an_app_may),
        cmocka_unit_test(the_two_directions_are_apart),
        cmocka_unit_test(a_consumer_with_the_namespace_has_topics_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
