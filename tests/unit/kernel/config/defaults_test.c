/* defaults_test: what a sidecar without a resources path serves. */
#include <kernel/config/defaults.c>
#include <config/component.h>
#include <config/subscription.h>
#include <tests/unit/kernel/config/resource_fixture.h>
#include <fcntl.h>
#include <stdlib.h>

static void load(struct fixture *f)
{
    fixture_begin(f);
    assert_int_equal(defaults_load(&f->query, &f->set, NULL), TRB_OK);
    assert_string_equal(f->warnings.at, "");
}

static const struct component *find(struct fixture *f, const char *name)
{
    struct component *c = component_of(resource_set_find(f->set, RESOURCE_COMPONENT, slice_of(name)));
    assert_non_null(c);
    return c;
}

/* In a folder of its own, with a secrets file or without. */
static void enter(char *folder, bool has_secrets)
{
    strcpy(folder, "/tmp/defaults_XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    if (has_secrets)
        close(open("secrets.json", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void leave(const char *folder)
{
    unlink("secrets.json");
    assert_int_equal(chdir("/"), 0);
    rmdir(folder);
}

static void there_are_a_store_a_broker_and_secrets(void **state)
{
    struct fixture f;
    char folder[32];
    enter(folder, true);
    load(&f);
    assert_int_equal(f.set->of[RESOURCE_COMPONENT].count, 3);
    assert_string_equal(find(&f, "statestore")->plugin.at, "state.in-memory");
    assert_string_equal(find(&f, "pubsub")->plugin.at, "pubsub.in-memory");
    assert_string_equal(find(&f, "secretstore")->plugin.at, "secretstores.local.file");
    assert_string_equal(component_property(find(&f, "secretstore"), SLICE("secretsFile"))->value.at, "./secrets.json");
    assert_string_equal(f.set->of[RESOURCE_COMPONENT].at[0]->name.at, "secretstore");
    assert_string_equal(f.set->of[RESOURCE_COMPONENT].at[0]->place.file, "(embedded defaults)");
    fixture_end(&f);
    leave(folder);
}

static void without_a_file_secrets_are_variables(void **state)
{
    struct fixture f;
    char folder[32];
    enter(folder, false);
    load(&f);
    assert_string_equal(find(&f, "secretstore")->plugin.at, "secretstores.local.env");
    assert_int_equal(find(&f, "secretstore")->head.property_count, 0);
    fixture_end(&f);
    leave(folder);
}

static void orders_are_brought_to_the_app(void **state)
{
    struct fixture f;
    load(&f);
    const struct subscription *s = subscription_of(fixture_only(&f, RESOURCE_SUBSCRIPTION));
    assert_string_equal(s->pubsub.at, "pubsub");
    assert_string_equal(s->topic.at, "orders");
    assert_int_equal(s->rule_count, 1);
    assert_string_equal(s->rules[0].path.at, "/orders");
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_a_store_a_broker_and_secrets),
        cmocka_unit_test(without_a_file_secrets_are_variables),
        cmocka_unit_test(orders_are_brought_to_the_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
