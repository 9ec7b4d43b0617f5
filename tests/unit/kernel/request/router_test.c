/* router_test: which routes are registered under lists, and which of them a path takes. */
#include <kernel/request/router.c>
#include <kernel/request/path.c>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct trb_route routes[] = {
    {"GET DELETE", "v1.0/state/{store}/{key}", "GetState", "state", 0, {0}},
    {"POST PUT", "v1.0/state/{store}/bulk", "GetBulkState", "state", 0, {0}},
    {"POST", "v1.0-alpha1/state/{store}/query", "QueryState", "state", 0, {0}},
    {"GET", "v1.0/secrets/{store}/bulk", "GetBulkSecret", "secrets", 0, {0}},
    {"GET", "v1.0/secrets/{store}/{key}", "GetSecret", "secrets", 0, {0}},
    {"POST PUT", "v1.0/publish/{pubsub}/{topic...}", "PublishEvent", "publish", 0, {0}},
    {"POST", "v1.0-alpha1/lock/{store}", "TryLock", "lock", 0, {0}},
    {"GET", "v1.0/metadata", "GetMetadata", "metadata", TRB_ROUTE_PUBLIC, {0}},
    {"GET", "v1.0/healthz", "Healthz", "healthz", TRB_ROUTE_HEALTH | TRB_ROUTE_PUBLIC, {0}},
    {"*", "v1.0/invoke/{id}/method/{method...}", "InvokeService", "invoke", TRB_ROUTE_FALLBACK, {0}}};

static const struct trb_block block = {.routes = routes, .route_size = sizeof routes[0],
                                       .route_count = sizeof routes / sizeof routes[0]};

static struct router *build(const struct api_rule *allowed, const struct api_rule *denied, bool is_public)
{
    static struct router_source source = {.block = &block};
    struct router_setup setup = {.sources = &source, .source_count = 1, .is_public = is_public, .allowed = allowed,
                                 .denied = denied, .allowed_count = allowed != NULL, .denied_count = denied != NULL};
    return router_create(&setup);
}

/* The endpoint a request takes; "fallback", "method" or "none" when it takes no route. */
static const char *taken(struct router *r, const char *method, const char *path, struct route_match *m)
{
    static const char *const kinds[] = {"none", "", "fallback", "method"};
    router_match(r, slice_of(method), slice_of(path), m);
    return m->kind == ROUTE_FOUND ? m->route->endpoint : kinds[m->kind];
}

static const char *under(struct router *r, const char *method, const char *path)
{
    struct route_match m;
    return taken(r, method, path, &m);
}

static void a_static_segment_beats_a_parameter(void **state)
{
    struct router *r = build(NULL, NULL, false);
    assert_string_equal(under(r, "GET", "/v1.0/secrets/s/bulk"), "GetBulkSecret");
    assert_string_equal(under(r, "GET", "/v1.0/secrets/s/bulky"), "GetSecret");
    assert_string_equal(under(r, "GET", "/v1.0/state/s/bulk"), "GetState");
    assert_string_equal(under(r, "POST", "/v1.0/state/s/bulk"), "GetBulkState");
    router_unref(r);
}

static void parameters_and_the_rest_keep_their_raw_text(void **state)
{
    struct router *r = build(NULL, NULL, false);
    struct route_match m;
    assert_string_equal(taken(r, "POST", "/v1.0/publish/p%2F/a/b+c/", &m), "PublishEvent");
    assert_int_equal(m.param_count, 2);
    assert_true(slice_is(m.params[0].raw, SLICE("p%2F")));
    assert_true(slice_is(m.params[1].raw, SLICE("a/b+c/")));
    assert_true(slice_is(slice_from(m.params[1].name, m.params[1].name_len), SLICE("topic")));
    router_unref(r);
}

static void what_no_route_takes_falls_back(void **state)
{
    struct router *r = build(NULL, NULL, false);
    static const char *const paths[] = {"/", "/v1.0", "/v1.0/state/s", "/v1.0/state/s/a/b", "/v1.0/publish/p/", "/V1.0/metadata",
                                        "/v1.0/%6detadata", "/v1.0/state//k"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_string_equal(under(r, "GET", paths[i]), "fallback");
    assert_string_equal(under(r, "HEAD", "/v1.0/metadata"), "fallback");
    assert_string_equal(under(r, "GET", "/v1.0/metadata/"), "GetMetadata");
    router_unref(r);
}

static void the_public_server_has_its_routes_only(void **state)
{
    struct router *r = build(NULL, NULL, true);
    struct route_match m;
    assert_string_equal(under(r, "GET", "/v1.0/metadata"), "GetMetadata");
    assert_string_equal(under(r, "GET", "/v1.0/state/s/k"), "none");
    assert_string_equal(taken(r, "POST", "/v1.0/metadata", &m), "method");
    assert_true(slice_is(slice_from(m.allowed, m.allowed_len), SLICE("GET")));
    router_unref(r);
}

static const struct {
    struct api_rule rule;
    const char *method, *path;
    bool is_covered;
} lists[] = {
    {{{"state", sizeof "state" - 1}, {"v1", sizeof "v1" - 1}}, "GET", "/v1.0/state/s/k", true},
    {{{"state", sizeof "state" - 1}, {"v1", sizeof "v1" - 1}}, "POST", "/v1.0-alpha1/state/s/query", false},
    {{{"state", sizeof "state" - 1}, {"v1alpha1", sizeof "v1alpha1" - 1}}, "POST", "/v1.0-alpha1/state/s/query", true},
    {{{"state", sizeof "state" - 1}, {"v1alpha1", sizeof "v1alpha1" - 1}}, "GET", "/v1.0/state/s/k", false},
    {{{"state", sizeof "state" - 1}, {"v1.0", sizeof "v1.0" - 1}}, "GET", "/v1.0/state/s/k", true},
    {{{"state", sizeof "state" - 1}, {"v1.0-alpha1", sizeof "v1.0-alpha1" - 1}}, "POST", "/v1.0-alpha1/state/s/query", true},
    {{{"sta", sizeof "sta" - 1}, {"v1.0", sizeof "v1.0" - 1}}, "GET", "/v1.0/state/s/k", true},
    {{{"sta", sizeof "sta" - 1}, {"v1", sizeof "v1" - 1}}, "GET", "/v1.0/state/s/k", false},
    {{{"state/{store}", sizeof "state/{store}" - 1}, {"v1.0", sizeof "v1.0" - 1}}, "GET", "/v1.0/state/s/k", true},
    {{{"state/mystore", sizeof "state/mystore" - 1}, {"v1.0", sizeof "v1.0" - 1}}, "GET", "/v1.0/state/mystore/k", false},
    {{{"state/mystore", sizeof "state/mystore" - 1}, {"v1", sizeof "v1" - 1}}, "GET", "/v1.0/state/mystore/k", false},
    {{{"state", sizeof "state" - 1}, {"", sizeof "" - 1}}, "GET", "/v1.0/state/s/k", false},
    {{{"lock", sizeof "lock" - 1}, {"v1alpha1", sizeof "v1alpha1" - 1}}, "POST", "/v1.0-alpha1/lock/s", true},
    {{{"state", sizeof "state" - 1}, {"v1", sizeof "v1" - 1}}, "GET", "/v1.0/secrets/s/k", false}};

static void lists_name_apis_by_group_or_by_the_beginning_of_their_path(void **state)
{
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct router *denying = build(NULL, &lists[i].rule, false), *allowing = build(&lists[i].rule, NULL, false);
        bool is_denied = !strcmp(under(denying, lists[i].method, lists[i].path), "fallback");
        assert_int_equal(is_denied, lists[i].is_covered);
        assert_int_equal(strcmp(under(allowing, lists[i].method, lists[i].path), "none") != 0, lists[i].is_covered);
        router_unref(denying);
        router_unref(allowing);
    }
}

static void denied_beats_allowed_and_health_is_always_there(void **state)
{
    static const struct api_rule state_rule = {{"state", sizeof "state" - 1}, {"v1", sizeof "v1" - 1}};
    static const struct api_rule health_rule = {{"healthz", sizeof "healthz" - 1}, {"v1", sizeof "v1" - 1}};
    struct router *r = build(&state_rule, &state_rule, false);
    assert_string_equal(under(r, "GET", "/v1.0/state/s/k"), "none");
    assert_string_equal(under(r, "GET", "/v1.0/healthz"), "Healthz");
    router_unref(r);
    r = build(NULL, &health_rule, false);
    assert_string_equal(under(r, "GET", "/v1.0/healthz"), "Healthz");
    router_unref(r);
}

static void a_wrong_method_names_all_that_are_right(void **state)
{
    static const struct trb_route two[] = {{"GET", "v1.0/thing/{id}", "Get", "thing", 0, {0}},
                                           {"POST PUT", "v1.0/thing/{id}", "Set", "thing", 0, {0}}};
    static const struct trb_block things = {.routes = two, .route_size = sizeof two[0], .route_count = 2};
    static struct router_source source = {.block = &things};
    struct router_setup setup = {.sources = &source, .source_count = 1};
    struct router *r = router_create(&setup);
    struct route_match m;
    assert_string_equal(taken(r, "PATCH", "/v1.0/thing/x", &m), "method");
    assert_true(slice_is(slice_from(m.allowed, m.allowed_len), SLICE("GET POST PUT")));
    assert_string_equal(taken(r, "PUT", "/v1.0/thing/x", &m), "Set");
    assert_string_equal(taken(r, "PATCH", "/v1.0/thing", &m), "none");
    router_unref(r);
}

static void peers_and_clients_do_not_see_each_others_routes(void **state)
{
    static const struct trb_route both[] = {{"POST", "peer", "Peer", "invoke", TRB_ROUTE_PEER, {0}},
                                            {"GET", "v1.0/thing", "Thing", "thing", 0, {0}}};
    static const struct trb_block block_of_both = {.routes = both, .route_size = sizeof both[0], .route_count = 2};
    static struct router_source source = {.block = &block_of_both};
    struct router_setup setup = {.sources = &source, .source_count = 1};
    struct router *clients = router_create(&setup);
    setup.is_peer = true;
    struct router *peers = router_create(&setup);
    assert_string_equal(under(clients, "GET", "/v1.0/thing"), "Thing");
    assert_string_equal(under(clients, "POST", "/peer"), "none");
    assert_string_equal(under(peers, "POST", "/peer"), "Peer");
    assert_string_equal(under(peers, "GET", "/v1.0/thing"), "none");
    router_unref(clients);
    router_unref(peers);
}

static void a_path_is_cleaned_and_its_escapes_are_left_alone(void **state)
{
    static const char *const pairs[][2] = {
        {"/a/b", "/a/b"}, {"//a//b", "/a/b"}, {"/a/./b/", "/a/b/"}, {"/a/../b", "/b"}, {"/../../b", "/b"},
        {"/a/..", "/"}, {"", "/"}, {"*", "/*"}, {"/a/%2e%2e/b", "/a/%2e%2e/b"}, {"/a%2Fb//", "/a%2Fb/"}, {"/.a", "/.a"}};
    struct arena *arena = arena_create(1 << 20);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_true(slice_is(path_clean(arena, slice_of(pairs[i][0])), slice_of(pairs[i][1])));
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_static_segment_beats_a_parameter),
        cmocka_unit_test(parameters_and_the_rest_keep_their_raw_text),
        cmocka_unit_test(what_no_route_takes_falls_back),
        cmocka_unit_test(the_public_server_has_its_routes_only),
        cmocka_unit_test(lists_name_apis_by_group_or_by_the_beginning_of_their_path),
        cmocka_unit_test(denied_beats_allowed_and_health_is_always_there),
        cmocka_unit_test(a_wrong_method_names_all_that_are_right),
        cmocka_unit_test(peers_and_clients_do_not_see_each_others_routes),
        cmocka_unit_test(a_path_is_cleaned_and_its_escapes_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
