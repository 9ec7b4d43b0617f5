/* http_wish_test: what an operation of bindings.http says of its request, and what an answer says of itself. */
#include <plugins/bindings/http/wish.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;

static int begin(void **state)
{
    arena = arena_create(SIZE_MAX);
    return 0;
}

static int end(void **state)
{
    arena_destroy(arena);
    return 0;
}

static struct trb_pairs pairs(const struct trb_pair *at, uint32_t count)
{
    return (struct trb_pairs){at, count, sizeof *at};
}

static const char *url(const char *base, const char *path)
{
    const struct trb_pair given[] = {{NAME("path"), name_of(path)}};
    const struct trb_pairs metadata = pairs(given, 1);
    const struct wish w = {.url = base, .method = "GET", .metadata = &metadata};
    return wish_url(arena, &w);
}

static const char *header(const struct trb_pairs *headers, const char *name)
{
    return trb_pair_get(headers, name).at;
}

static void operations_are_methods(void **state)
{
    struct trb_slice rest = SLICE(WISH_OPERATIONS);
    while (rest.at)
        assert_non_null(wish_method(slice_split(&rest, ' ')));
    assert_string_equal(wish_method(SLICE("create")), "POST");
    assert_string_equal(wish_method(SLICE("trace")), "TRACE");
    assert_null(wish_method(SLICE("GET")));
    assert_null(wish_method(SLICE("")));
}

static void a_path_is_joined_with_one_slash(void **state)
{
    assert_string_equal(url("http://h", "a"), "http://h/a");
    assert_string_equal(url("http://h//", "//a/b?c=d"), "http://h/a/b?c=d");
    assert_string_equal(url("http://h/x/", ""), "http://h/x/");
    assert_string_equal(url("http://h/x", "/"), "http://h/x/");
}

static void names_that_begin_with_a_capital_become_headers(void **state)
{
    const struct trb_pair given[] = {{NAME("X-One"), NAME("1")}, {NAME("x-two"), NAME("2")}, {NAME("path"), NAME("p")},
                                     {NAME("Accept"), NAME("a/b")}, {NAME("Host"), NAME("evil")},
                                     {NAME("Content-Length"), NAME("9")}, {NAME("traceparent"), NAME("t")}};
    const struct trb_pairs metadata = pairs(given, 7);
    const struct wish w = {.url = "http://h", .method = "POST", .metadata = &metadata, .token_header = "X-Key", .token = "k"};
    struct trb_pairs h = wish_headers(arena, &w);
    assert_string_equal(header(&h, "X-One"), "1");
    assert_null(header(&h, "x-two"));
    assert_null(header(&h, "path"));
    assert_null(header(&h, "Host"));
    assert_null(header(&h, "Content-Length"));
    assert_string_equal(header(&h, "Accept"), "a/b");
    assert_string_equal(header(&h, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(header(&h, "traceparent"), "t");
    assert_string_equal(header(&h, "X-Key"), "k");
    assert_int_equal(h.count, 5);
}

static void only_methods_with_a_body_have_a_type(void **state)
{
    const struct trb_pairs none = pairs(NULL, 0);
    struct wish w = {.url = "http://h", .method = "GET", .metadata = &none};
    struct trb_pairs h = wish_headers(arena, &w);
    assert_null(header(&h, "Content-Type"));
    assert_string_equal(header(&h, "Accept"), "application/json; charset=utf-8");
    assert_false(wish_has_body("DELETE"));
    assert_true(wish_has_body("PATCH"));
}

static void very_many_headers_are_cut(void **state)
{
    static struct trb_pair given[5000];
    for (uint32_t i = 0; i < 5000; i++)
        given[i] = (struct trb_pair){arena_printf(arena, "X-%u", i), NAME("v")};
    const struct trb_pairs metadata = pairs(given, 5000);
    const struct wish w = {.url = "http://h", .method = "GET", .metadata = &metadata, .token = "k", .token_header = "K"};
    struct trb_pairs h = wish_headers(arena, &w);
    assert_int_equal(h.count, FEW + 1);
    assert_string_equal(header(&h, "K"), "k");
}

static void an_answer_says_its_status_and_joins_its_headers(void **state)
{
    const struct trb_pair given[] = {{NAME("content-type"), NAME("a/b")}, {NAME("X-TWO"), NAME("1")}, {NAME("x-two"), NAME("2")}};
    struct http_answer a = {.status = 404, .reason = "Not Found", .headers = pairs(given, 3)};
    struct trb_pairs m = wish_answer_metadata(arena, &a);
    assert_int_equal(m.count, 4);
    assert_string_equal(exact(&m, "statusCode").at, "404");
    assert_string_equal(exact(&m, "status").at, "404 Not Found");
    assert_string_equal(exact(&m, "Content-Type").at, "a/b");
    assert_string_equal(exact(&m, "X-Two").at, "1, 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_methods),
        cmocka_unit_test(a_path_is_joined_with_one_slash),
        cmocka_unit_test(names_that_begin_with_a_capital_become_headers),
        cmocka_unit_test(only_methods_with_a_body_have_a_type),
        cmocka_unit_test(very_many_headers_are_cut),
        cmocka_unit_test(an_answer_says_its_status_and_joins_its_headers),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
