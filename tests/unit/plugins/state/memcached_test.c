/* state.memcached as the kernel drives it, against real servers that are also stalled, killed and started again. */
#include "state_driver.h"
#include "../memcached_server.h"
#include "../stall.h"
#include <base/buf.h>
#include <base/clock.h>
#include <setjmp.h>
#include <cmocka.h>

static struct memcached_server server, second;

static struct instance *open_store(const char *hosts, const char *timeout)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"hosts", hosts, timeout ? "timeout" : NULL, timeout, NULL};
    struct instance *i = driver_component(&block, "state.memcached", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

static int up(void **state)
{
    memcached_say(&server, "flush_all");
    memcached_say(&second, "flush_all");
    store = open_store(server.address, NULL);
    return !store;
}

static int up_both(void **state)
{
    char hosts[80];
    memcached_say(&server, "flush_all");
    memcached_say(&second, "flush_all");
    snprintf(hosts, sizeof hosts, "%s,%s", server.address, second.address);
    store = open_store(hosts, "300");
    return !store;
}

static int down(void **state)
{
    kill(server.pid, SIGCONT);                  /* also behind a stall that failed */
    driver_retire(store);
    return 0;
}

static void a_value_lies_under_its_key(void **state)
{
    assert_int_equal(set("app1||s", "\"abc\""), TRB_OK);
    assert_string_equal(memcached_say(&server, "get app1||s"), "VALUE app1||s 0 5|\"abc\"|END|");
    assert_string_equal(memcached_say(&server, "mg app1||s t"), "HD t-1|");
    struct held h = get("app1||s");
    assert_string_equal(h.value, "\"abc\"");
    assert_string_equal(h.etag, "");
    assert_string_equal(h.expiry, "");
}

static void an_absent_key_is_no_error(void **state)
{
    assert_false(get("nobody").is_there);
    assert_int_equal(get("nobody").code, TRB_OK);
    assert_int_equal(drop("nobody", NULL), TRB_OK);
}

static void a_removed_key_is_gone(void **state)
{
    assert_int_equal(set("k", "1"), TRB_OK);
    assert_int_equal(drop("k", NULL), TRB_OK);
    assert_false(get("k").is_there);
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    assert_int_equal(set("k", ""), TRB_OK);
    assert_true(get("k").is_there);
    assert_int_equal(get("k").len, 0);
}

static void values_may_hold_any_byte(void **state)
{
    char bytes[] = "\0\r\nEND\r\nVALUE k 0 1\r\n\xff";
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = {bytes, sizeof bytes, NULL}}, NULL), TRB_OK);
    struct held h = get("k");
    assert_int_equal(h.len, sizeof bytes);
    assert_memory_equal(h.value, bytes, sizeof bytes);
}

static void a_large_value_goes_there_and_back(void **state)
{
    size_t len = 900u << 10;
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

static void a_value_that_the_server_does_not_take_is_an_error_and_nothing_else(void **state)
{
    struct trb_error err;
    char *bytes = mem_zero(3u << 20);
    struct trb_state_set q = {.key = NAME("big"), .value = {bytes, 3u << 20, NULL}};
    assert_int_equal(set_as(q, &err), TRB_EXHAUSTED);
    assert_string_equal(err.message, "failed to set key big: memcached answered 'SERVER_ERROR object too large for cache'");
    assert_int_equal(set("k", "1"), TRB_OK);
    assert_string_equal(get("k").value, "1");
    mem_free(bytes);
}

static void versions_and_first_write_are_ignored(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .etag = NAME("bad-etag"),
                              .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_int_equal(drop("k", "bad-etag"), TRB_OK);
}

/* ------------------------------------------------------------------------------------ expiry */
static trb_code set_for(int64_t ttl_s)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = ttl_s}, NULL);
}

static long seconds_left(void)
{
    long left = 0;
    assert_int_equal(sscanf(memcached_say(&server, "mg k t"), "HD t%ld|", &left), 1);
    return left;
}

static void a_write_says_how_long_it_lives_or_for_ever(void **state)
{
    assert_int_equal(set_for(100), TRB_OK);
    assert_in_range(seconds_left(), 80, 100);
    assert_int_equal(set("k", "2"), TRB_OK);
    assert_string_equal(memcached_say(&server, "mg k t"), "HD t-1|");
    for (int64_t ttl_s = -1; ttl_s <= 0; ttl_s++) {
        assert_int_equal(set_for(ttl_s), TRB_OK);
        assert_string_equal(memcached_say(&server, "mg k t"), "HD t-1|");
    }
}

/* The server's own clock is up to two seconds behind. */
static void thirty_days_and_more_are_a_point_in_time(void **state)
{
    assert_int_equal(set_for(30 * 24 * 3600), TRB_OK);
    assert_in_range(seconds_left(), 30 * 24 * 3600 - 20, 30 * 24 * 3600 + 3);
    assert_int_equal(set_for(INT32_MAX), TRB_OK);
    assert_string_equal(memcached_say(&server, "mg k t"), "HD t-1|");
}

/* -------------------------------------------------------------------------------------- keys */
static void a_key_that_the_server_would_misread_is_refused(void **state)
{
    static const char *const keys[] = {"a b", "a\r\nflush_all", "a\tb", "", "\x7f"};
    set("stays", "1");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct trb_error err;
        struct trb_state_set q = {.key = name_of(keys[i]), .value = data_of("1")};
        assert_int_equal(set_as(q, &err), TRB_INVALID);
        assert_non_null(strstr(err.message, "malformed: key is too long or contains invalid characters"));
        assert_int_equal(get(keys[i]).code, TRB_INVALID);
        assert_int_equal(drop(keys[i], NULL), TRB_INVALID);
    }
    assert_true(get("stays").is_there);
}

static void a_key_has_at_most_250_bytes(void **state)
{
    char key[252] = {0};
    memset(key, 'k', 250);
    assert_int_equal(set(key, "1"), TRB_OK);
    assert_true(get(key).is_there);
    key[250] = 'k';
    assert_int_equal(set(key, "1"), TRB_INVALID);
}

/* -------------------------------------------------------------------------------------- bulks */
static void a_bulk_answers_each_item(void **state)
{
    struct trb_state_set sets[] = {{.size = sizeof *sets, .key = NAME("a"), .value = data_of("1")},
                                   {.size = sizeof *sets, .key = NAME("b d"), .value = data_of("2")},
                                   {.size = sizeof *sets, .key = NAME("c"), .value = data_of("3")}};
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, 3, sizeof *sets}};
    struct asked a = ask("bulk_set", &q);
    assert_null(call_failure(a.call));
    assert_null(call_item_at(a.call, 0)->failure);
    assert_int_equal(call_item_at(a.call, 1)->failure->code, TRB_INVALID);
    assert_null(call_item_at(a.call, 2)->failure);
    driver_release(&a);
    const char *names[] = {"a", "absent", "b d", "c", "a", "gone"}, *values[] = {"1", NULL, NULL, "3", "1", NULL};
    struct trb_state_get gets[6];
    for (int n = 0; n < 6; n++)
        gets[n] = (struct trb_state_get){.size = sizeof *gets, .key = name_of(names[n])};
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, 6, sizeof *gets}};
    a = ask("bulk_get", &g);
    assert_int_equal(call_item_count(a.call), 6);
    for (uint32_t n = 0; n < 6; n++) {
        if (n == 2) {
            assert_int_equal(call_item_at(a.call, n)->failure->code, TRB_INVALID);
            continue;
        }
        struct held h = held_from(call_item_at(a.call, n)->answer);
        assert_int_equal(h.is_there, values[n] != NULL);
        if (values[n])
            assert_string_equal(h.value, values[n]);
    }
    driver_release(&a);
}

static int64_t counted(const struct memcached_server *s, const char *name)
{
    const char *at = strstr(memcached_say(s, "stats"), name);
    return at ? atoll(at + strlen(name)) : -1;
}

static void five_hundred_keys_are_read_from_both_servers(void **state)
{
    enum { COUNT = 500 };
    static char names[COUNT][16];
    static struct trb_state_get gets[COUNT];
    for (int n = 0; n < COUNT; n++) {
        snprintf(names[n], sizeof names[n], "key%d", n);
        gets[n] = (struct trb_state_get){.size = sizeof *gets, .key = name_of(names[n])};
        if (n % 3)
            assert_int_equal(set(names[n], names[n]), TRB_OK);
    }
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, COUNT, sizeof *gets}};
    struct asked a = ask("bulk_get", &g);
    assert_int_equal(call_item_count(a.call), COUNT);
    for (uint32_t n = 0; n < COUNT; n++) {
        struct held h = held_from(call_item_at(a.call, n)->answer);
        assert_int_equal(h.is_there, n % 3 != 0);
        if (h.is_there)
            assert_string_equal(h.value, names[n]);
    }
    driver_release(&a);
    assert_true(counted(&server, "curr_items ") > 100);
    assert_true(counted(&second, "curr_items ") > 100);
}

/* ------------------------------------------------------------------------------------- starting */
static void refused_with(const char *hosts, const char *name, const char *value, const char *part)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"hosts", hosts, name, value, NULL};
    struct instance *i = driver_component(&block, "state.memcached", pairs, &err);
    if (i)
        driver_retire(i);
    assert_null(i);
    if (!strstr(err.message, part))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    char both[80];
    struct memcached_server gone;
    memcached_server_start(&gone);
    memcached_server_kill(&gone);
    refused_with(gone.address, NULL, NULL, "connection refused");
    snprintf(both, sizeof both, "%s,%s", server.address, gone.address);
    refused_with(both, NULL, NULL, gone.address);
    refused_with(",", NULL, NULL, "hosts: no server is given");
    refused_with("a:99999", NULL, NULL, "no port between 1 and 65535");
    refused_with(server.address, "timeout", "5s", "timeout");
    stall(server.pid);
    refused_with(server.address, "timeout", "100", "no answer to the greeting");
    kill(server.pid, SIGCONT);
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

static trb_code first_answer_after(const char *key, trb_code not_this, uint64_t within_ns)
{
    uint64_t end = clock_now_ns() + within_ns;
    trb_code code;
    do
        code = get(key).code;
    while (code == not_this && clock_now_ns() < end);
    return code;
}

static void a_killed_server_is_an_error_and_its_return_is_found(void **state)
{
    struct trb_error err;
    assert_int_equal(set("k", "1"), TRB_OK);
    memcached_server_kill(&server);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2")}, &err), TRB_UNAVAILABLE);
    assert_int_equal(err.retryable, 1);
    assert_non_null(strstr(err.message, "memcached 127.0.0.1"));
    assert_int_equal(get("k").code, TRB_UNAVAILABLE);
    memcached_server_run(&server);
    assert_int_equal(first_answer_after("k", TRB_UNAVAILABLE, 20 * CLOCK_S), TRB_OK);
    assert_int_equal(set("k", "3"), TRB_OK);
}

/* The CRC-32 of "key1" is even, that of "1" odd. */
static void a_dead_server_fails_its_keys_only_and_at_once(void **state)
{
    const char *lost = "key1", *kept = "1";
    assert_int_equal(set(lost, "a"), TRB_OK);
    assert_int_equal(set(kept, "b"), TRB_OK);
    assert_string_equal(memcached_say(&server, "get key1 1"), "VALUE key1 0 1|a|END|");
    assert_string_equal(memcached_say(&second, "get key1 1"), "VALUE 1 0 1|b|END|");
    memcached_server_kill(&server);
    assert_int_equal(get(lost).code, TRB_UNAVAILABLE);
    uint64_t before = clock_now_ns();
    for (int n = 0; n < 50; n++) {
        assert_int_equal(get(lost).code, TRB_UNAVAILABLE);
        assert_true(get(kept).is_there);
    }
    assert_true(clock_now_ns() - before < 5 * CLOCK_S);
    struct trb_state_get gets[] = {{.size = sizeof *gets, .key = name_of(lost)}, {.size = sizeof *gets, .key = name_of(kept)}};
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, 2, sizeof *gets}};
    struct asked a = ask("bulk_get", &g);
    assert_int_equal(call_item_at(a.call, 0)->failure->code, TRB_UNAVAILABLE);
    assert_true(held_from(call_item_at(a.call, 1)->answer).is_there);
    driver_release(&a);
    memcached_server_run(&server);
    assert_int_equal(first_answer_after(lost, TRB_UNAVAILABLE, 20 * CLOCK_S), TRB_OK);
}

static void a_stalled_server_is_given_up_and_found_again(void **state)
{
    struct trb_error err;
    driver_retire(store);
    store = open_store(server.address, "500");
    assert_int_equal(set("k", "1"), TRB_OK);
    stall(server.pid);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2")}, &err), TRB_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no answer within 500 ms"));
    kill(server.pid, SIGCONT);
    assert_int_equal(first_answer_after("k", TRB_UNAVAILABLE, 20 * CLOCK_S), TRB_OK);
}

static void ping_answers(void **state)
{
    struct asked a = {.instance = store, .function = store->component->ping};
    driver_ask(&a);
    assert_int_equal(outcome(&a, NULL), TRB_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)
#define CASE_OF_TWO(name) cmocka_unit_test_setup_teardown(name, up_both, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_value_lies_under_its_key),
        CASE(an_absent_key_is_no_error),
        CASE(a_removed_key_is_gone),
        CASE(an_empty_value_is_not_an_absent_one),
        CASE(values_may_hold_any_byte),
        CASE(a_large_value_goes_there_and_back),
        CASE(a_value_that_the_server_does_not_take_is_an_error_and_nothing_else),
        CASE(versions_and_first_write_are_ignored),
        CASE(a_write_says_how_long_it_lives_or_for_ever),
        CASE(thirty_days_and_more_are_a_point_in_time),
        CASE(a_key_that_the_server_would_misread_is_refused),
        CASE(a_key_has_at_most_250_bytes),
        CASE(a_bulk_answers_each_item),
        CASE_OF_TWO(five_hundred_keys_are_read_from_both_servers),
        cmocka_unit_test(a_start_that_cannot_succeed_says_why),
        CASE(many_at_once_are_pipelined_on_both_loops),
        CASE(a_killed_server_is_an_error_and_its_return_is_found),
        CASE_OF_TWO(a_dead_server_fails_its_keys_only_and_at_once),
        CASE(a_stalled_server_is_given_up_and_found_again),
        CASE_OF_TWO(ping_answers),
    };
    memcached_server_start(&server);
    memcached_server_start(&second);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    memcached_server_kill(&server);
    memcached_server_kill(&second);
    return failed;
}
