/* addressing: every form of a target, and a method as a path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "plugins/invoke/block/addressing.c"

static bool find(const char *app_id, const char *authorization, const char *path, char target[256], char method[256])
{
    static char room[4096];
    struct address a;
    if (!address_find(slice_of(app_id), slice_of(authorization), slice_of(path), room, &a))
        return false;
    snprintf(target, 256, "%.*s", SLICE_ARG(a.target));
    snprintf(method, 256, "%.*s", SLICE_ARG(a.method));
    return true;
}

static void expect(const char *app_id, const char *authorization, const char *path, const char *target,
                   const char *method)
{
    char t[256], m[256];
    assert_true(find(app_id, authorization, path, t, m));
    assert_string_equal(t, target);
    assert_string_equal(m, method);
}

static void expect_none(const char *app_id, const char *authorization, const char *path)
{
    char t[256], m[256];
    assert_false(find(app_id, authorization, path, t, m));
}

static void the_path_names_target_and_method(void **state)
{
    expect(NULL, NULL, "/v1.0/invoke/app/method/foo", "app", "foo");
    expect(NULL, NULL, "/v1.0/invoke/app/method/foo/bar", "app", "foo/bar");
    expect(NULL, NULL, "/v1.0/invoke/app/method/", "app", "");
    expect(NULL, NULL, "/v1.0/invoke/app.ns/method/a/method/b", "app.ns", "a/method/b");
    expect("", NULL, "/v1.0/invoke/app/method/foo", "app", "foo");
}

static void repeated_slashes_are_one(void **state)
{
    expect(NULL, NULL, "/v1.0////invoke/app/method//foo", "app", "/foo");
    expect(NULL, NULL, "//v1.0/invoke///app//method/foo", "app", "foo");
}

static void a_path_without_all_its_parts_names_nobody(void **state)
{
    static const char *const paths[] = {"/v1.0/invoke/app", "/v1.0/invoke/app/", "/v1.0/invoke/app/foo", "/v1.0/nothing", "/",
                                        "/v1.0/invoke/app/method", "/v1.0/invoke//method/x", "/v1.0/invokeapp/method/x", NULL};
    for (const char *const *path = paths; *path; path++)
        expect_none(NULL, NULL, *path);
}

static void a_url_is_a_target_escaped_or_not(void **state)
{
    expect(NULL, NULL, "/v1.0/invoke/http://example.com:80/method/a", "http://example.com:80", "a");
    expect(NULL, NULL, "/v1.0/invoke/http%3A%2F%2Fexample.com/method/a", "http://example.com", "a");
    expect(NULL, NULL, "/v1.0/invoke/https%253A%252F%252Fexample.com/method/a", "https://example.com", "a");
    assert_true(target_is_url(SLICE("HTTPS://x")));
    assert_false(target_is_url(SLICE("httpx")));
}

static void the_header_wins_over_the_path(void **state)
{
    expect("other", NULL, "/v1.0/invoke/app/method/foo", "other", "v1.0/invoke/app/method/foo");
    expect("other", NULL, "///foo", "other", "foo");
    expect("other", NULL, "/", "other", "");
    expect(" other ", NULL, "/a%20b", "other", "a b");
}

static void basic_authorization_names_a_target(void **state)
{
    expect(NULL, "Basic ZGFwci1hcHAtaWQ6bXlhcHA=", "/foo", "myapp", "foo");            /* dapr-app-id:myapp */
    expect(NULL, "basic REFQUi1BUFAtSUQ6bXlhcHA=", "/foo", "myapp", "foo");            /* DAPR-APP-ID:myapp */
    expect_none(NULL, "Basic ZGFwci1hcHAtaWQ6bXlhcHA6eA==", "/foo");                   /* two colons */
    expect_none(NULL, "Basic ZGFwci1hcHAtaWQ6", "/foo");                               /* nobody */
    expect_none(NULL, "Basic dXNlcjpwYXNz", "/foo");
    expect_none(NULL, "Basic !!!", "/foo");
    expect_none(NULL, "Bearer ZGFwci1hcHAtaWQ6bXlhcHA=", "/foo");
}

static void an_id_has_at_most_one_dot(void **state)
{
    struct trb_slice app, ns;
    assert_true(target_split(SLICE("app"), &app, &ns));
    assert_null(ns.at);
    assert_true(target_split(SLICE("app.ns"), &app, &ns));
    assert_memory_equal(app.at, "app", app.len);
    assert_memory_equal(ns.at, "ns", ns.len);
    assert_false(target_split(SLICE("a.b.c"), &app, &ns));
    assert_false(target_split(SLICE(""), &app, &ns));
}

static void expect_path(const char *method, const char *path)
{
    char room[256];
    struct trb_slice ret, bad;
    assert_true(method_path(slice_of(method), room, &ret, &bad));
    assert_string_equal(ret.at, path);
}

static void a_method_becomes_a_path(void **state)
{
    char room[64];
    struct trb_slice ret, bad;
    expect_path("", "/");
    expect_path("/rooted", "/rooted");
    expect_path("a b", "/a%20b");
    expect_path("\"*\\{}|", "/%22%2A%5C%7B%7D%7C");
    expect_path("a+b;c:d@e", "/a+b;c:d@e");
    expect_path("%41", "/%41");
    expect_path("\xc3\xa4", "/%C3%A4");
    assert_false(method_path(SLICE("a%b"), room, &ret, &bad));
    assert_memory_equal(bad.at, "%b", bad.len);
    assert_false(method_path(SLICE("a%zz1"), room, &ret, &bad));
    assert_int_equal(bad.len, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_names_target_and_method), cmocka_unit_test(repeated_slashes_are_one),
        cmocka_unit_test(a_path_without_all_its_parts_names_nobody), cmocka_unit_test(a_url_is_a_target_escaped_or_not),
        cmocka_unit_test(the_header_wins_over_the_path), cmocka_unit_test(basic_authorization_names_a_target),
        cmocka_unit_test(an_id_has_at_most_one_dot), cmocka_unit_test(a_method_becomes_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
