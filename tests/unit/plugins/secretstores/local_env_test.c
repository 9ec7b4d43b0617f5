/* secretstores.local.env: names, the prefix, and what stays the sidecar's own. */
#include "secrets_driver.h"
#include <setjmp.h>
#include <cmocka.h>

static void open_with(const char *prefix)
{
    const char *const pairs[] = {"prefix", prefix, NULL};
    store = driver_component(&block, "secretstores.local.env", prefix ? pairs : NULL, NULL);
    assert_non_null(store);
}

static void unload(void)
{
    driver_retire(store);
    text_fini(&said);
}

static void a_variable_is_a_secret_and_an_unset_one_is_empty(void **state)
{
    open_with(NULL);
    assert_string_equal(get("FOO"), "FOO=bar");
    assert_string_equal(get("NOPE"), "NOPE=");
    assert_string_equal(get("FOO=bar"), "FOO=bar=");
    unload();
}

static void what_the_sidecar_is_told_stays_its_own(void **state)
{
    open_with(NULL);
    assert_string_equal(get("DAPR_X"), "DAPR_X=");
    assert_string_equal(get("dapr_y"), "dapr_y=");
    assert_string_equal(get("APP_API_TOKEN"), "APP_API_TOKEN=");
    assert_string_equal(bulk(), "FOO{FOO=bar} MYP_{MYP_=x} MYP_APP_API_TOKEN{MYP_APP_API_TOKEN=tok} MYP_a{MYP_a=1} MYP_b{MYP_b=two=2}");
    unload();
}

static void a_prefix_is_put_in_front_and_cut_off(void **state)
{
    open_with("MYP_");
    assert_string_equal(get("a"), "a=1");
    assert_string_equal(get("APP_API_TOKEN"), "APP_API_TOKEN=tok");
    assert_string_equal(get("FOO"), "FOO=");
    assert_string_equal(bulk(), "APP_API_TOKEN{APP_API_TOKEN=tok} a{a=1} b{b=two=2}");
    unload();
}

static void a_prefix_cannot_reach_the_sidecars_own(void **state)
{
    open_with("DAPR");
    assert_string_equal(get("_X"), "_X=");
    assert_string_equal(bulk(), "");
    unload();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_is_a_secret_and_an_unset_one_is_empty), cmocka_unit_test(what_the_sidecar_is_told_stays_its_own),
        cmocka_unit_test(a_prefix_is_put_in_front_and_cut_off), cmocka_unit_test(a_prefix_cannot_reach_the_sidecars_own)};
    clearenv();
    setenv("FOO", "bar", 1), setenv("MYP_a", "1", 1), setenv("MYP_b", "two=2", 1), setenv("MYP_", "x", 1);
    setenv("MYP_APP_API_TOKEN", "tok", 1), setenv("APP_API_TOKEN", "t", 1), setenv("DAPR_X", "1", 1), setenv("dapr_y", "1", 1);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    return failed;
}
