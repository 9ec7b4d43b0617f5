/* resiliency_test: policies, targets, and the words for what is wrong with them. */
#include <kernel/config/resiliency.c>
#include <kernel/config/resiliency_codes.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define HEAD "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: rr\nspec:\n"

static struct resiliency *parse(struct fixture *f, const char *spec)
{
    struct text t = {0};
    fixture_begin(f);
    text_addf(&t, HEAD "%s", spec);
    fixture_parse(f, t.at);
    text_fini(&t);
    assert_string_equal(f->warnings.at, "");
    return resiliency_of(fixture_only(f, RESOURCE_RESILIENCY));
}

static void timeouts_are_milliseconds_or_durations(void **state)
{
    struct fixture f;
    struct resiliency *r = parse(&f, "  policies: {timeouts: {a: 5s, b: 500, c: '20', d: 1m30s}}\n");
    static const int64_t ms[] = {5000, 500, 20, 90000};
    assert_int_equal(r->timeout_count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(r->timeouts[i].ns, ms[i] * (int64_t)CLOCK_MS);
    assert_string_equal(r->timeouts[3].name.at, "d");
    assert_null(r->fault.at);
    fixture_end(&f);
}

static void retries_have_defaults(void **state)
{
    struct fixture f;
    struct resiliency *r = parse(&f, "  policies:\n    retries:\n      a:\n      b: {policy: Exponential, duration: 100, maxInterval: 15s, maxRetries: 3,\n"
                                     "          matching: {httpStatusCodes: '429,500-599', gRPCStatusCodes: 14}}\n      c: {policy: constant, maxRetries: 0}\n");
    assert_int_equal(r->retry_count, 3);
    assert_false(r->retries[0].is_exponential);
    assert_int_equal(r->retries[0].duration_ns, 5 * CLOCK_S);
    assert_int_equal(r->retries[0].max_interval_ns, 60 * CLOCK_S);
    assert_int_equal(r->retries[0].max_retries, -1);
    assert_int_equal(r->retries[0].http.count, 0);
    assert_true(r->retries[1].is_exponential);
    assert_int_equal(r->retries[1].duration_ns, 100 * CLOCK_MS);
    assert_int_equal(r->retries[1].max_interval_ns, 15 * CLOCK_S);
    assert_int_equal(r->retries[1].max_retries, 3);
    assert_int_equal(r->retries[1].http.count, 2);
    assert_int_equal(r->retries[1].grpc.at[0].first, 14);
    assert_int_equal(r->retries[2].max_retries, 0);
    fixture_end(&f);
}

static void breakers_have_defaults(void **state)
{
    struct fixture f;
    struct resiliency *r = parse(&f, "  policies:\n    circuitBreakers:\n      a: {}\n      b: {maxRequests: 2, interval: 8s, timeout: 45s, trip: consecutiveFailures > 8}\n");
    assert_int_equal(r->breaker_count, 2);
    assert_int_equal(r->breakers[0].max_requests, 1);
    assert_int_equal(r->breakers[0].interval_ns, 0);
    assert_int_equal(r->breakers[0].timeout_ns, 60 * CLOCK_S);
    assert_null(r->breakers[0].trip.at);
    assert_int_equal(r->breakers[1].max_requests, 2);
    assert_int_equal(r->breakers[1].interval_ns, 8 * CLOCK_S);
    assert_string_equal(r->breakers[1].trip.at, "consecutiveFailures > 8");
    fixture_end(&f);
}

static void targets_are_there_even_when_they_say_nothing(void **state)
{
    struct fixture f;
    struct resiliency *r = parse(&f, "  targets:\n    apps:\n      one:\n      two: {timeout: t, retry: r, circuitBreaker: b, circuitBreakerCacheSize: 7}\n"
                                     "    actors:\n      cat: {circuitBreaker: b, circuitBreakerScope: both}\n      dog: {timeout: t}\n"
                                     "    components:\n      store: {outbound: {retry: r}}\n");
    const struct resiliency_target *t = r->targets;
    assert_null(r->fault.at);
    assert_int_equal(r->target_count, 6);
    assert_int_equal(t[0].of, TARGET_APP);
    assert_string_equal(t[0].name.at, "one");
    assert_null(t[0].retry.at);
    assert_int_equal(t[0].breaker_cache, 100);
    assert_string_equal(t[1].breaker.at, "b");
    assert_int_equal(t[1].breaker_cache, 7);
    assert_int_equal(t[2].of, TARGET_ACTOR);
    assert_int_equal(t[2].breaker_scope, BREAKER_SCOPE_BOTH);
    assert_int_equal(t[2].breaker_cache, 5000);
    assert_int_equal(t[3].breaker_scope, BREAKER_SCOPE_NONE);
    assert_int_equal(t[4].of, TARGET_COMPONENT_INBOUND);
    assert_null(t[4].retry.at);
    assert_int_equal(t[5].of, TARGET_COMPONENT_OUTBOUND);
    assert_string_equal(t[5].retry.at, "r");
    fixture_end(&f);
}

static void what_stands_before_a_fault_is_in_use(void **state)
{
    struct fixture f;
    struct resiliency *r = parse(&f, "  policies:\n    timeouts:\n      good: 1s\n      t: zz\n      more: 2s\n");
    assert_int_equal(r->timeout_count, 1);
    assert_string_equal(r->fault.at, "Could not read resiliency policy rr: invalid duration \"t\", zz: time: invalid duration \"zz\" (f.yaml:9)");
    fixture_end(&f);
}

static void faults_have_the_words_of_the_contract(void **state)
{
    static const struct { const char *spec, *said; } cases[] = {
        {"  policies: {retries: {a: {policy: linear}}}\n", "unexpected back off policy type: linear (f.yaml:6)"},
        {"  policies: {retries: {a: {matching: {httpStatusCodes: 500-400}}}}\n",
         "invalid pattern 500-400, start value should not bigger than end value (f.yaml:6)"},
        {"  policies: {retries: {a: {duration: 1x}}}\n",
         "invalid retry configuration \"a\": duration: time: unknown unit \"x\" in duration \"1x\" (f.yaml:6)"},
        {"  policies: {circuitBreakers: {a: {timeout: x}}}\n",
         "invalid circuit breaker configuration \"a\": timeout: time: invalid duration \"x\" (f.yaml:6)"},
        {"  targets: {actors: {cat: {circuitBreaker: b}}}\n", "actor circuit breakers must include scope (f.yaml:6)"},
        {"  targets: {actors: {cat: {circuitBreaker: b, circuitBreakerScope: x}}}\n",
         "unknown circuit breaker scope \"x\" (f.yaml:6)"},
        {"  policies: []\n", "f.yaml:6: spec.policies must be a mapping, not a list"},
        {"  policies: {retries: {a: {maxRetries: many}}}\n", "f.yaml:6: maxRetries must be a whole number, not \"many\""},
        {"  policies: {timeouts: {a: [1]}}\n", "f.yaml:6: spec.policies.timeouts must be a mapping of texts, not a list"},
        {"  targets: {apps: {a: text}}\n", "f.yaml:6: spec.targets.apps must be a mapping of mappings, not \"text\""},
        {"  policies: {circuitBreakers: {a: {maxRequests: -1}}}\n", "f.yaml:6: maxRequests must be between 0 and 2147483647, not -1"},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char whole[256];
        struct resiliency *r = parse(&f, cases[i].spec);
        snprintf(whole, sizeof whole, "Could not read resiliency policy rr: %s", cases[i].said);
        assert_non_null(r->fault.at);
        assert_string_equal(r->fault.at, whole);
        fixture_end(&f);
    }
}

static void codes(const char *list, uint32_t low, uint32_t high, const char *fault)
{
    struct arena *arena = arena_create(SIZE_MAX);
    struct code_ranges ranges = {0};
    struct trb_name why = code_ranges_parse(arena, slice_of(list), low, high, &ranges);
    assert_non_null(why.at);
    assert_string_equal(why.at, fault);
    arena_destroy(arena);
}

static void lists_of_codes_are_checked(void **state)
{
    codes("1-2-3", 0, 16, "invalid pattern 1-2-3, more than one '-' exists");
    codes("a", 100, 599, "failed to parse start code a from pattern a to int, strconv.Atoi: parsing \"a\": invalid syntax");
    codes("500-", 100, 599, "failed to parse end code  from pattern 500- to int, strconv.Atoi: parsing \"\": invalid syntax");
    codes("500, 501", 100, 599, "failed to parse start code  501 from pattern  501 to int, strconv.Atoi: parsing \" 501\": invalid syntax");
    codes("99999999999999999999", 100, 599, "failed to parse start code 99999999999999999999 from pattern "
          "99999999999999999999 to int, strconv.Atoi: parsing \"99999999999999999999\": value out of range");
    codes("99", 100, 599, "invalid pattern 99, start code 99 is not valid");
    codes("100-600", 100, 599, "invalid pattern 100-600, end code 600 is not valid");
    codes("17", 0, 16, "invalid pattern 17, start code 17 is not valid");
}

static void a_code_matches_its_range_and_an_empty_list_all(void **state)
{
    struct arena *arena = arena_create(SIZE_MAX);
    struct code_ranges ranges = {0};
    assert_true(code_ranges_match(&ranges, 7));
    assert_null(code_ranges_parse(arena, SLICE("429,,500-503,"), 100, 599, &ranges).at);
    assert_int_equal(ranges.count, 2);
    assert_true(code_ranges_match(&ranges, 429));
    assert_true(code_ranges_match(&ranges, 503));
    assert_false(code_ranges_match(&ranges, 504));
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_are_milliseconds_or_durations),
        cmocka_unit_test(retries_have_defaults),
        cmocka_unit_test(breakers_have_defaults),
        cmocka_unit_test(targets_are_there_even_when_they_say_nothing),
        cmocka_unit_test(what_stands_before_a_fault_is_in_use),
        cmocka_unit_test(faults_have_the_words_of_the_contract),
        cmocka_unit_test(lists_of_codes_are_checked),
        cmocka_unit_test(a_code_matches_its_range_and_an_empty_list_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
