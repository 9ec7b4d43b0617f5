/* secretstores.local.file: a tree of secrets under both readings, and files that are none. */
#include "secrets_driver.h"
#include <setjmp.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define TREE "{\"top\":\"v\",\"num\":1,\"big\":12345678.5,\"yes\":true,\"nul\":null,\"obj\":{\"a\":\"x\",\"b\":{\"c\":\"y\","  \
             "\"n\":2},\"arr\":[\"p\",{\"q\":\"r\"}]},\"list\":[\"l0\",\"l1\"],\"empty\":{},\"emptyl\":[],\"sp ace\":\"s\\u00e9\\n\"}"

static char path[64];
static struct trb_error why;

static bool load(const char *content, const char *const *more)
{
    const char *pairs[10] = {"secretsFile", path};
    snprintf(path, sizeof path, "/tmp/local_file_test.%d.json", (int)getpid());
    FILE *f = fopen(path, "w");
    fputs(content, f);
    fclose(f);
    for (int n = 0; more && more[n]; n++)
        pairs[2 + n] = more[n];
    store = driver_component(&block, "secretstores.local.file", pairs, &why);
    unlink(path);
    return store != NULL;
}

static void unload(void)
{
    driver_retire(store);
    text_fini(&said);
}

static void every_leaf_is_a_secret_named_by_its_path(void **state)
{
    assert_true(load(TREE, NULL));
    assert_string_equal(get("top"), "top=v");
    assert_string_equal(get("obj:b:c"), "obj:b:c=y");
    assert_string_equal(get("obj:arr:1:q"), "obj:arr:1:q=r");
    assert_string_equal(get("list:1"), "list:1=l1");
    assert_string_equal(get("sp ace"), "sp ace=s\u00e9\n");
    assert_string_equal(get("obj"), "!secret obj not found");
    assert_string_equal(get("empty"), "!secret empty not found");
    assert_int_equal(atomic_load(&store->caps), 0);
    unload();
}

static void other_scalars_read_as_they_are_written(void **state)
{
    assert_true(load(TREE, NULL));
    assert_string_equal(get("num"), "num=1");
    assert_string_equal(get("big"), "big=12345678.5");
    assert_string_equal(get("yes"), "yes=true");
    assert_string_equal(get("nul"), "nul=null");
    unload();
}

static void a_bulk_is_sorted_by_name(void **state)
{
    assert_true(load("{\"b\":\"2\",\"a\":{\"z\":\"1\"},\"a\\u0001\":\"3\"}", NULL));
    assert_string_equal(bulk(), "a\001{a\001=3} a:z{a:z=1} b{b=2}");
    unload();
}

static void the_first_of_two_equal_names_counts_and_the_rest_stays(void **state)
{
    assert_true(load("{\"a\":{\"b\":\"nested\"},\"a:b\":\"flat\",\"z\":\"last\"}", NULL));
    assert_string_equal(bulk(), "a:b{a:b=nested} z{z=last}");
    unload();
}

static void multi_valued_keeps_objects_together(void **state)
{
    const char *const more[] = {"multiValued", "true", "nestedSeparator", ".", NULL};
    assert_true(load(TREE, more));
    assert_string_equal(bulk(), "empty{} obj{a=x,arr.0=p,arr.1.q=r,b.c=y,b.n=2} sp ace{sp ace=s\u00e9\n} top{top=v}");
    assert_string_equal(get("list"), "!secret list not found");
    assert_string_equal(get("obj.a"), "!secret obj.a not found");
    assert_int_equal(atomic_load(&store->caps), TRB_SECRET_MULTIPLE);
    unload();
}

static void names_may_hold_a_nul(void **state)
{
    assert_true(load("{\"a\\u0000b\":\"1\",\"a\":\"2\"}", NULL));
    assert_string_equal(get("a"), "a=2");
    unload();
}

static void an_object_without_members_is_a_store_without_secrets(void **state)
{
    assert_true(load("{}", NULL));
    assert_string_equal(bulk(), "");
    assert_string_equal(get("x"), "!secret x not found");
    unload();
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
    char text[200];
    assert_false(load("{\"a\":\"b\",\n\"c\":}", NULL));
    snprintf(text, sizeof text, "%s:2: ", path);
    assert_memory_equal(why.message, text, strlen(text));
    assert_false(load("[1]", NULL));
    snprintf(text, sizeof text, "%s must hold one JSON object of secrets", path);
    assert_string_equal(why.message, text);
    assert_false(load("", NULL));
}

static void a_missing_file_and_a_large_one_are_refused(void **state)
{
    const char *const more[] = {"maxSize", "10", NULL}, *none[] = {"secretsFile", "/nonexistent/s.json", NULL}, *folder[] = {"secretsFile", "/tmp", NULL};
    assert_false(load(TREE, more));
    assert_non_null(strstr(why.message, "exceeds maxSize"));
    assert_null(driver_component(&block, "secretstores.local.file", none, &why));
    assert_string_equal(why.message, "/nonexistent/s.json: No such file or directory");
    assert_null(driver_component(&block, "secretstores.local.file", folder, &why));
    assert_string_equal(why.message, "/tmp is no file");
    assert_null(driver_component(&block, "secretstores.local.file", NULL, &why));
    assert_non_null(strstr(why.message, "secretsFile is required"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_is_a_secret_named_by_its_path), cmocka_unit_test(other_scalars_read_as_they_are_written),
        cmocka_unit_test(a_bulk_is_sorted_by_name), cmocka_unit_test(the_first_of_two_equal_names_counts_and_the_rest_stays),
        cmocka_unit_test(multi_valued_keeps_objects_together), cmocka_unit_test(names_may_hold_a_nul),
        cmocka_unit_test(an_object_without_members_is_a_store_without_secrets),
        cmocka_unit_test(what_is_no_object_is_refused_with_its_place), cmocka_unit_test(a_missing_file_and_a_large_one_are_refused)};
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    return failed;
}
