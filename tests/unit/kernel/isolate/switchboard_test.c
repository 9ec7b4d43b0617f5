/* Where an isolated component may be connected to: where its options say, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/isolate/switchboard.c"

struct self {
    const char *host;
};
static const struct trb_option options[] = {
    TRB_STRING(struct self, host, "redisHost", .fallback = "localhost:6379", .doc = "Where."),
};
static const struct trb_component real = {.type = "state.it", TRB_SELF(struct self, options)};

static bool is_named(const char *value, const char *host, uint32_t port)
{
    struct trb_pair pair = {NAME("redisHost"), name_of(value)};
    struct trb_pairs properties = {&pair, 1, sizeof pair};
    return dial_is_named(&real, &properties, slice_of(host), port);
}

static void a_host_with_its_port_is_named(void **state)
{
    assert_true(is_named("redis.example.com:6380", "redis.example.com", 6380));
    assert_true(is_named("rediss://user:word@Redis.example.com:6380/0", "redis.example.com", 6380));
    assert_true(is_named("a:1,b:2, c:3", "b", 2));
    assert_true(is_named("[::1]:6379", "::1", 6379));
    assert_true(is_named("/run/redis.sock", "unix:/run/redis.sock", 0));
}

static void a_host_without_a_port_is_named_with_any(void **state)
{
    assert_true(is_named("broker", "broker", 5672));
    assert_true(is_named("https://vault/v1", "vault", 443));
}

static void another_port_or_another_host_is_not(void **state)
{
    assert_false(is_named("redis.example.com:6380", "redis.example.com", 22));
    assert_false(is_named("redis.example.com:6380", "example.com", 6380));
    assert_false(is_named("redis.example.com:6380", "redis.example", 6380));
    assert_false(is_named("redis.example.com:63800", "redis.example.com", 6380));
    assert_false(is_named("redis", "169.254.169.254", 80));
    assert_false(is_named("/run/redis.sock", "unix:/run/docker.sock", 0));
    assert_false(is_named("", "", 80));
}

static void a_default_counts_as_named(void **state)
{
    assert_true(is_named("other", "localhost", 6379));
    assert_false(is_named("other", "localhost", 6380));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_with_its_port_is_named),
        cmocka_unit_test(a_host_without_a_port_is_named_with_any),
        cmocka_unit_test(another_port_or_another_host_is_not),
        cmocka_unit_test(a_default_counts_as_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
