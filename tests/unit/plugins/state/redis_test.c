/* state.redis as the kernel drives it, against a real server that is also stalled, killed and started again. */
#include "state_driver.h"
#include "../redis_server.h"
#include "../stall.h"
#include <base/buf.h>
#include <base/clock.h>
#include <setjmp.h>
#include <cmocka.h>

static struct redis_server server;

static struct instance *open_store(const char *name, const char *value)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"redisHost", server.address, name, value, NULL};
    struct instance *i = driver_component(&block, "state.redis", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

static int up(void **state)
{
    redis_say(&server, "FLUSHALL");
    redis_say(&server, "SCRIPT FLUSH");
    store = open_store(NULL, NULL);
    return !store;
}

static int down(void **state)
{
    driver_retire(store);
    return 0;
}

static void a_value_is_a_hash_of_data_and_version(void **state)
{
    assert_int_equal(set("app1||e", "\"v1\""), TRB_OK);
    assert_int_equal(set("app1||e", "\"v2\""), TRB_OK);
    assert_string_equal(redis_say(&server, "HGETALL app1||e"), "*4|$4|data|$4|\"v2\"|$7|version|$1|2|");
    assert_string_equal(redis_say(&server, "PTTL app1||e"), ":-1|");
    struct held h = get("app1||e");
    assert_string_equal(h.value, "\"v2\"");
    assert_string_equal(h.etag, "2");
    assert_string_equal(h.expiry, "");
}

static void an_absent_key_is_no_error(void **state)
{
    assert_false(get("nobody").is_there);
    assert_int_equal(get("nobody").code, TRB_OK);
    assert_int_equal(drop("nobody", NULL), TRB_OK);
    assert_int_equal(drop("nobody", "4"), TRB_OK);
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    assert_int_equal(set("k", ""), TRB_OK);
    assert_true(get("k").is_there);
    assert_int_equal(get("k").len, 0);
}

static void keys_and_values_may_hold_any_byte(void **state)
{
    struct trb_name key = {"a\0\r\n$", 5};
    char bytes[256];
    for (int n = 0; n < 256; n++)
        bytes[n] = (char)n;
    assert_int_equal(set_as((struct trb_state_set){.key = key, .value = {bytes, 250, NULL}}, NULL), TRB_OK);
    struct trb_state_get q = {.size = sizeof q, .key = key};
    struct asked a = ask("get", &q);
    struct held h = held_from(call_answer(a.call));
    driver_release(&a);
    assert_int_equal(h.len, 250);
    assert_memory_equal(h.value, bytes, 250);
}

static void a_large_value_goes_there_and_back(void **state)
{
    size_t len = 3u << 20;
    char *bytes;
    struct trb_buf *buf = buf_new(len, &bytes);
    for (size_t n = 0; n < len; n++)
        bytes[n] = (char)(n * 31);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("big"), .value = buf_data(buf)}, NULL), TRB_OK);
    struct trb_state_get q = {.size = sizeof q, .key = NAME("big")};
    struct asked a = ask("get", &q);
    const struct trb_state_item *item = call_answer(a.call);
    assert_non_null(item);
    assert_int_equal(item->value.len, len);
    assert_memory_equal(item->value.at, bytes, len);
    driver_release(&a);
    buf_unref(buf);
}

static trb_code set_with(const char *value, const char *etag, struct trb_error *err)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of(value), .etag = name_of(etag)}, err);
}

static void only_the_present_version_may_be_replaced(void **state)
{
    struct trb_error err;
    set("k", "1");
    assert_int_equal(set_with("2", "1", NULL), TRB_OK);
    assert_int_equal(set_with("3", "1", &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_non_null(strstr(err.message, "failed to set key k"));
    assert_string_equal(get("k").value, "2");
    assert_int_equal(drop("k", "1"), TRB_ABORTED);
    assert_int_equal(drop("k", "bad-etag"), TRB_ABORTED);
    assert_int_equal(drop("k", "2"), TRB_OK);
    assert_false(get("k").is_there);
}

static void an_etag_that_is_no_number_is_invalid(void **state)
{
    struct trb_error err;
    assert_int_equal(set_with("1", "bad-etag", &err), TRB_INVALID);
    assert_int_equal(err.kind, TRB_STATE_ETAG_INVALID);
    assert_string_equal(err.message, "strconv.Atoi: parsing \"bad-etag\": invalid syntax");
    assert_int_equal(set_with("1", "99999999999999999999", &err), TRB_INVALID);
    assert_string_equal(err.message, "strconv.Atoi: parsing \"99999999999999999999\": value out of range");
}

static void an_etag_on_an_absent_key_inserts(void **state)
{
    assert_int_equal(set_with("1", "7", NULL), TRB_OK);
    assert_string_equal(get("k").etag, "1");
}

static void a_first_write_marks_the_key_until_it_is_deleted(void **state)
{
    struct trb_error err;
    struct trb_state_set first = {.key = NAME("k"), .value = data_of("a"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_string_equal(redis_say(&server, "HGETALL k"), "*6|$4|data|$1|a|$11|first-write|$1|0|$7|version|$1|1|");
    assert_int_equal(set_as(first, &err), TRB_INTERNAL);
    assert_int_equal(err.kind, 0);
    assert_non_null(strstr(err.message, "failed to set key k"));
    assert_int_equal(set("k", "plain"), TRB_INTERNAL);
    assert_int_equal(set_with("b", "1", NULL), TRB_OK);
    assert_int_equal(set("k", "plain"), TRB_INTERNAL);
    assert_int_equal(drop("k", NULL), TRB_OK);
    assert_int_equal(set("k", "plain"), TRB_OK);
}

static trb_code set_for(int64_t ttl_s)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = ttl_s}, NULL);
}

static void a_write_without_ttl_leaves_the_expiry_and_zero_lifts_it(void **state)
{
    assert_int_equal(set_for(100), TRB_OK);
    assert_string_equal(redis_say(&server, "TTL k"), ":100|");
    assert_int_equal(set("k", "2"), TRB_OK);
    assert_string_not_equal(redis_say(&server, "TTL k"), ":-1|");
    assert_int_equal(set_for(0), TRB_OK);
    assert_string_equal(redis_say(&server, "TTL k"), ":-1|");
    assert_int_equal(set_for(INT64_MAX), TRB_INVALID);
}

static void a_component_may_have_a_ttl_of_its_own(void **state)
{
    driver_retire(store);
    store = open_store("ttlInSeconds", "77");
    assert_int_equal(set("k", "1"), TRB_OK);
    assert_string_equal(redis_say(&server, "TTL k"), ":77|");
    assert_int_equal(set_for(-1), TRB_OK);
    assert_string_equal(redis_say(&server, "TTL k"), ":-1|");
}

static void what_others_wrote_is_read_or_refused(void **state)
{
    redis_say(&server, "SET text hello");
    redis_say(&server, "HSET half data x");
    redis_say(&server, "SADD many x");
    assert_string_equal(get("text").value, "hello");
    assert_string_equal(get("text").etag, "");
    assert_int_equal(get("half").code, TRB_INTERNAL);
    assert_int_equal(get("many").code, TRB_INTERNAL);
    assert_int_equal(set("many", "1"), TRB_OK);
    assert_string_equal(get("many").value, "1");
}

static void a_forgotten_script_is_taught_again(void **state)
{
    set("k", "1");
    redis_say(&server, "SCRIPT FLUSH");
    assert_int_equal(set_with("2", "1", NULL), TRB_OK);
    redis_say(&server, "SCRIPT FLUSH");
    assert_int_equal(drop("k", "2"), TRB_OK);
    redis_say(&server, "SCRIPT FLUSH");
    struct trb_state_operation all[] = {upsert("a", "1", NULL), upsert("b", "2", NULL), removal("a", "1")};
    assert_int_equal(transact(all, 3, NULL), TRB_OK);
}

static void a_transaction_does_all_in_order(void **state)
{
    set("old", "1");
    struct trb_state_operation all[] = {upsert("a", "1", NULL), upsert("b", "2", NULL), removal("b", NULL),
                                        removal("old", "1"), upsert("c", "3", NULL)};
    all[4].has_ttl = 1;
    all[4].ttl_s = 50;
    assert_int_equal(transact(all, 5, NULL), TRB_OK);
    assert_true(get("a").is_there);
    assert_false(get("b").is_there);
    assert_false(get("old").is_there);
    assert_string_equal(redis_say(&server, "TTL c"), ":50|");
    assert_int_equal(transact(all, 0, NULL), TRB_OK);
}

static void a_refused_operation_fails_the_transaction(void **state)
{
    struct trb_error err;
    set("k", "1");
    struct trb_state_operation all[] = {upsert("new", "1", NULL), upsert("k", "2", "9")};
    assert_int_equal(transact(all, 2, &err), TRB_INTERNAL);
    assert_int_equal(err.kind, 0);
    assert_string_equal(err.message, "ERR failed to set key k");
    assert_string_equal(get("k").value, "1");
    all[1].etag = name_of("bad");
    assert_int_equal(transact(all, 2, &err), TRB_INVALID);
}

static void nothing(void *unused)
{
}

static trb_code transact_while_it_connects(struct asked *a)
{
    redis_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
    stall(server.pid);
    driver_run(nothing, NULL);
    driver_send(a, 0);
    driver_run(nothing, NULL);
    kill(server.pid, SIGCONT);
    driver_wait(a);
    return outcome(a, NULL);
}

/* A broken connection is made anew and waits for the greeting of a server that stands still; one operation is more
 * than may wait for that. Where the break was seen too late, it is done as a whole. */
static void what_does_not_fit_spoils_the_transaction_as_a_whole(void **state)
{
    driver_retire(store);
    store = open_store("redisDB", "1");
    assert_non_null(store);
    size_t len = (65u << 20) + 1;
    char *large = memset(mem_alloc(len), 'x', len);
    large[len - 1] = 0;
    struct trb_state_operation all[] = {upsert("first", "1", NULL), upsert("large", large, NULL), upsert("last", "1", NULL)};
    struct trb_state_transact q = {.size = sizeof q, .operations = {all, 3, sizeof *all}};
    struct asked a = {.instance = store, .verb = verb("transact"), .question = &q};
    trb_code code;
    while ((code = transact_while_it_connects(&a)) != TRB_EXHAUSTED) {
        assert_true(code == TRB_UNAVAILABLE || get("large").len == len - 1);
        redis_say(&server, "FLUSHALL");
    }
    assert_false(get("first").is_there);
    assert_false(get("last").is_there);
    mem_free(large);
}

static void a_bulk_answers_each_item(void **state)
{
    redis_say(&server, "SADD odd x");
    struct trb_state_set sets[] = {{.size = sizeof *sets, .key = NAME("a"), .value = data_of("1")},
                                   {.size = sizeof *sets, .key = NAME("b"), .value = data_of("2"), .etag = NAME("x")},
                                   {.size = sizeof *sets, .key = NAME("c"), .value = data_of("3")}};
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, 3, sizeof *sets}};
    struct asked a = ask("bulk_set", &q);
    assert_null(call_failure(a.call));
    assert_null(call_item_at(a.call, 0)->failure);
    assert_int_equal(call_item_at(a.call, 1)->failure->kind, TRB_STATE_ETAG_INVALID);
    assert_null(call_item_at(a.call, 2)->failure);
    driver_release(&a);
    struct trb_state_get gets[] = {{.size = sizeof *gets, .key = NAME("a")}, {.size = sizeof *gets, .key = NAME("b")},
                                   {.size = sizeof *gets, .key = NAME("c")}, {.size = sizeof *gets, .key = NAME("odd")}};
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, 4, sizeof *gets}};
    a = ask("bulk_get", &g);
    assert_int_equal(call_item_count(a.call), 4);
    assert_string_equal(held_from(call_item_at(a.call, 0)->answer).value, "1");
    assert_false(held_from(call_item_at(a.call, 1)->answer).is_there);
    assert_string_equal(held_from(call_item_at(a.call, 2)->answer).value, "3");
    assert_non_null(call_item_at(a.call, 3)->failure);
    driver_release(&a);
}

static void keys_are_found_by_pattern_page_by_page(void **state)
{
    struct text t = {0};
    const char *all[] = {"p_1", "p_2", "px3", "p*4", "q%5"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        set(all[n], "1");
    keys(&t, "p\\_%", 0, NULL);
    assert_string_equal(t.at, "p_1 p_2");
    keys(&t, "p_3", 0, NULL);
    assert_string_equal(t.at, "px3");
    keys(&t, "p*_", 0, NULL);
    assert_string_equal(t.at, "p*4");
    keys(&t, "%", 2, NULL);
    assert_string_equal(t.at, "p*4 p_1 >2");
    keys(&t, "%", 2, "4");
    assert_string_equal(t.at, "q%5");
    keys(&t, "", 0, NULL);
    assert_string_equal(t.at, "failed");
    text_fini(&t);
}

/* ------------------------------------------------------------------------------------- starting */
static void refused_with(const char *const *pairs, const char *part)
{
    struct trb_error err = ERROR_INIT;
    struct instance *i = driver_component(&block, "state.redis", pairs, &err);
    if (i)
        driver_retire(i);
    assert_null(i);
    if (!strstr(err.message, part))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    char nobody[32];
    snprintf(nobody, sizeof nobody, "127.0.0.1:%u", redis_free_port());
    refused_with((const char *[]){"redisHost", nobody, NULL}, "connection refused");
    refused_with((const char *[]){"redisHost", server.address, "redisPassword", "x", NULL}, "refused the connection: ERR AUTH");
    refused_with((const char *[]){"redisHost", server.address, "redisDB", "99", NULL}, "DB index is out of range");
    refused_with((const char *[]){"redisHost", "a:1,b:2", NULL}, "several addresses");
    refused_with((const char *[]){"redisHost", "a:99999", NULL}, "no port between 1 and 65535");
    refused_with((const char *[]){"redisHost", "a:1", "redisPort", "2", NULL}, "redisPort says 2");
    refused_with((const char *[]){"redisHost", "a", "failover", "true", NULL}, "sentinelMasterName is required");
    refused_with((const char *[]){"redisHost", "a", "useEntraID", "true", NULL}, "useEntraID");
    refused_with((const char *[]){"redisHost", server.address, "clientKey", "x", NULL}, "both or neither");
    refused_with((const char *[]){"redisHost", server.address, "enableTLS", "true", "dialTimeout", "300", NULL}, "TLS");
    refused_with((const char *[]){"redisHost", server.address, "enableTLS", "true", "caCert", "no PEM", NULL}, "PEM");
}

static void a_password_is_said(void **state)
{
    struct redis_server locked;
    redis_server_start(&locked, "p w'\"#1");
    struct trb_error err = ERROR_INIT;
    const char *right[] = {"redisHost", locked.address, "redisPassword", "p w'\"#1", "redisDB", "3", NULL};
    struct instance *i = driver_component(&block, "state.redis", right, &err), *other = store;
    assert_non_null(i);
    store = i;
    assert_int_equal(set("k", "1"), TRB_OK);
    assert_true(get("k").is_there);
    driver_retire(i);
    store = other;
    refused_with((const char *[]){"redisHost", locked.address, "redisPassword", "wrong", NULL}, "WRONGPASS");
    refused_with((const char *[]){"redisHost", locked.address, NULL}, "NOAUTH");
    redis_server_kill(&locked);
}

/* --------------------------------------------------------------------------------------- faults */
static void many_at_once_are_pipelined_on_both_loops(void **state)
{
    enum { COUNT = 2000 };
    struct asked *all = mem_zero(COUNT * sizeof *all);
    struct trb_state_set *sets = mem_zero(COUNT * sizeof *sets);
    char (*names)[16] = mem_zero(COUNT * sizeof *names);
    for (int n = 0; n < COUNT; n++) {
        snprintf(names[n], sizeof names[n], "key%d", n);
        sets[n] = (struct trb_state_set){.size = sizeof *sets, .key = name_of(names[n]), .value = data_of(names[n])};
        all[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &sets[n]};
        driver_send(&all[n], (uint32_t)n % DRIVER_LOOPS);
    }
    for (int n = 0; n < COUNT; n++) {
        driver_wait(&all[n]);
        assert_int_equal(outcome(&all[n], NULL), TRB_OK);
    }
    for (int n = 0; n < COUNT; n += 97)
        assert_string_equal(get(names[n]).value, names[n]);
    mem_free(all);
    mem_free(sets);
    mem_free(names);
}

static trb_code first_answer_after(trb_code not_this, uint64_t within_ns)
{
    uint64_t end = clock_now_ns() + within_ns;
    trb_code code;
    do
        code = get("k").code;
    while (code == not_this && clock_now_ns() < end);
    return code;
}

static void a_killed_server_is_an_error_and_its_return_is_found(void **state)
{
    assert_int_equal(set("k", "1"), TRB_OK);
    redis_server_kill(&server);
    struct trb_error err;
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("2")};
    assert_int_equal(set_as(q, &err), TRB_UNAVAILABLE);
    assert_int_equal(err.retryable, 1);
    assert_non_null(strstr(err.message, "redis 127.0.0.1"));
    assert_int_equal(get("k").code, TRB_UNAVAILABLE);
    redis_server_run(&server);
    assert_int_equal(first_answer_after(TRB_UNAVAILABLE, 20 * CLOCK_S), TRB_OK);
    assert_int_equal(set("k", "3"), TRB_OK);
}

static void a_connection_that_only_broke_is_not_noticed(void **state)
{
    assert_int_equal(set("k", "1"), TRB_OK);
    for (int n = 0; n < 20; n++) {
        redis_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
        assert_string_equal(get("k").value, "1");
    }
}

static void a_stalled_server_is_given_up_and_found_again(void **state)
{
    driver_retire(store);
    store = open_store("readTimeout", "150");
    assert_int_equal(set("k", "1"), TRB_OK);
    stall(server.pid);
    struct trb_error err;
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2")}, &err), TRB_UNAVAILABLE);
    assert_non_null(strstr(err.message, "readTimeout"));
    kill(server.pid, SIGCONT);
    assert_int_equal(first_answer_after(TRB_UNAVAILABLE, 20 * CLOCK_S), TRB_OK);
}

static void a_server_that_became_a_replica_is_an_error_for_a_while(void **state)
{
    struct trb_error err;
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1")};
    redis_say(&server, "REPLICAOF 127.0.0.1 1");
    assert_int_equal(set_as(q, &err), TRB_UNAVAILABLE);
    assert_int_equal(err.retryable, 1);
    assert_non_null(strstr(err.message, "READONLY"));
    redis_say(&server, "REPLICAOF NO ONE");
    assert_int_equal(set_as(q, &err), TRB_OK);
}

static void ping_answers(void **state)
{
    struct asked a = {.instance = store, .function = store->component->ping};
    driver_ask(&a);
    assert_int_equal(outcome(&a, NULL), TRB_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_value_is_a_hash_of_data_and_version),
        CASE(an_absent_key_is_no_error),
        CASE(an_empty_value_is_not_an_absent_one),
        CASE(keys_and_values_may_hold_any_byte),
        CASE(a_large_value_goes_there_and_back),
        CASE(only_the_present_version_may_be_replaced),
        CASE(an_etag_that_is_no_number_is_invalid),
        CASE(an_etag_on_an_absent_key_inserts),
        CASE(a_first_write_marks_the_key_until_it_is_deleted),
        CASE(a_write_without_ttl_leaves_the_expiry_and_zero_lifts_it),
        CASE(a_component_may_have_a_ttl_of_its_own),
        CASE(what_others_wrote_is_read_or_refused),
        CASE(a_forgotten_script_is_taught_again),
        CASE(a_transaction_does_all_in_order),
        CASE(a_refused_operation_fails_the_transaction),
        CASE(what_does_not_fit_spoils_the_transaction_as_a_whole),
        CASE(a_bulk_answers_each_item),
        CASE(keys_are_found_by_pattern_page_by_page),
        CASE(a_start_that_cannot_succeed_says_why),
        CASE(a_password_is_said),
        CASE(many_at_once_are_pipelined_on_both_loops),
        CASE(a_killed_server_is_an_error_and_its_return_is_found),
        CASE(a_connection_that_only_broke_is_not_noticed),
        CASE(a_stalled_server_is_given_up_and_found_again),
        CASE(a_server_that_became_a_replica_is_an_error_for_a_while),
        CASE(ping_answers),
    };
    redis_server_start(&server, NULL);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    redis_server_kill(&server);
    return failed;
}
