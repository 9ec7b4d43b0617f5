/* Pools: addresses of peers, and who shares connections with whom. */
#include "../request/request_fixture.h"
#include "kernel/channel/pools.c"
#include <net/pool.h>

static void expect_address(const char *address, const char *host, uint16_t port)
{
    struct trb_slice got;
    uint16_t got_port;
    bool is_good = split_address(slice_of(address), &got, &got_port);
    assert_int_equal(is_good, host != NULL);
    if (!host)
        return;
    assert_true(slice_is(got, slice_of(host)));
    assert_int_equal(got_port, port);
}

static void addresses_are_host_and_port(void **state)
{
    expect_address("10.0.0.1:50002", "10.0.0.1", 50002);
    expect_address("checkout.apps.svc:80", "checkout.apps.svc", 80);
    expect_address("[::1]:50002", "::1", 50002);
    expect_address("[fe80::1%2]:1", "fe80::1%2", 1);
    expect_address("10.0.0.1", NULL, 0);
    expect_address("10.0.0.1:", NULL, 0);
    expect_address("10.0.0.1:65536", NULL, 0);
    expect_address("10.0.0.1:-1", NULL, 0);
    expect_address("", NULL, 0);
}

static void look(void *arg)
{
    struct http_pool *one = pool_for_peer(SLICE("10.0.0.1:50002"));
    assert_non_null(one);
    assert_ptr_equal(pool_for_peer(SLICE("10.0.0.1:50002")), one);
    assert_ptr_not_equal(pool_for_peer(SLICE("10.0.0.1:50003")), one);
    assert_null(pool_for_peer(SLICE("nowhere")));
    struct http_pool *plain = pool_for_url(SLICE("http"), SLICE("h"), 443, NULL);
    struct http_pool *secure = pool_for_url(SLICE("https"), SLICE("h"), 443, NULL);
    assert_ptr_not_equal(plain, secure);
    assert_ptr_equal(pool_for_url(SLICE("https"), SLICE("h"), 443, NULL), secure);
    assert_null(plain->target.tls_context);
    assert_ptr_equal(secure->target.tls_context, system_roots());
}

static void stopped(void *arg)
{
    hear("stopped;");
}

static void pools_are_kept_by_what_they_connect_to_and_closed_at_the_end(void **state)
{
    memset(&said, 0, sizeof said);
    loop_call(loop, look, NULL);
    run_queued();
    channel_stop(stopped, NULL);
    run_queued();
    assert_string_equal(said.log, "stopped;");
    assert_int_equal(shelves[0].others.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_host_and_port),
        cmocka_unit_test(pools_are_kept_by_what_they_connect_to_and_closed_at_the_end),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
