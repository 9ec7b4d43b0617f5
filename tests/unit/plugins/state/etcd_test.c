/* state.etcd as the kernel drives it, against a real server that is also stalled, killed and started again. */
#include "state_driver.h"
#include "../etcd_server.h"
#include "../stall.h"
#include <base/buf.h>
#include <base/clock.h>
#include <setjmp.h>
#include <cmocka.h>

static struct etcd_server server;
static unsigned number;

static struct instance *open_store(const char *type, const char *endpoints, const char *path)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"endpoints", endpoints, "keyPrefixPath", path, NULL};
    struct instance *i = driver_component(&block, type, pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

/* Each test has a prefix of its own: nothing need be taken away. */
static int up_as(const char *type)
{
    char path[16];
    snprintf(path, sizeof path, "t%u", ++number);
    store = open_store(type, server.address, path);
    return !store;
}

static int up_v1(void **state)
{
    return up_as("state.etcd");
}

static int up_v2(void **state)
{
    return up_as("state.etcd@v2");
}

static int down(void **state)
{
    driver_retire(store);
    return 0;
}

static void an_absent_key_is_no_error(void **state)
{
    assert_int_equal(get("nobody").code, TRB_OK);
    assert_false(get("nobody").is_there);
    assert_int_equal(drop("nobody", NULL), TRB_OK);
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    assert_int_equal(set("k", ""), TRB_OK);
    assert_true(get("k").is_there);
    assert_int_equal(get("k").len, 0);
}

static void a_write_has_a_version(void **state)
{
    assert_int_equal(set("k", "1"), TRB_OK);
    struct held first = get("k");
    assert_string_equal(first.value, "1");
    assert_true(atoll(first.etag) > 0);
    assert_int_equal(set("k", "2"), TRB_OK);
    assert_true(atoll(get("k").etag) > atoll(first.etag));
}

static void keys_and_values_may_hold_any_byte(void **state)
{
    struct trb_name key = {"a\0\r\n\xff$", 6};
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
    size_t len = 1200000;
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
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("big"), .value = {bytes, 1800000, NULL}}, &err), TRB_INVALID);
    assert_string_equal(err.message, "etcdserver: request is too large");
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("big"), .value = {bytes, 3u << 20, NULL}}, &err), TRB_EXHAUSTED);
    assert_int_equal(set("k", "1"), TRB_OK);
    mem_free(bytes);
}

/* ----------------------------------------------------------------------------------- versions */
static trb_code set_with(const char *value, const char *etag, struct trb_error *err)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of(value), .etag = name_of(etag)}, err);
}

static void only_the_present_version_may_be_replaced(void **state)
{
    struct trb_error err;
    char said[200], etag[64];
    set("k", "1");
    snprintf(etag, sizeof etag, "%s", get("k").etag);
    assert_int_equal(set_with("2", etag, NULL), TRB_OK);
    assert_int_equal(set_with("3", etag, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    snprintf(said, sizeof said, "state etag not match for key=t%u/k: current=%s, expect=%s", number, get("k").etag, etag);
    assert_string_equal(err.message, said);
    assert_string_equal(get("k").value, "2");
    assert_int_equal(drop("k", etag), TRB_ABORTED);
    assert_int_equal(drop("k", "bad-etag"), TRB_ABORTED);
    assert_int_equal(drop("k", get("k").etag), TRB_OK);
    assert_false(get("k").is_there);
}

static void a_text_that_is_no_revision_is_another_version(void **state)
{
    static const char *const etags[] = {"bad-etag", "0", "-1", "+7", " 7", "99999999999999999999"};
    char said[200];
    struct trb_error err;
    set("k", "1");
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++) {
        assert_int_equal(set_with("2", etags[i], &err), TRB_ABORTED);
        assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
        snprintf(said, sizeof said, "state etag not match for key=t%u/k: current=%s, expect=%s", number, get("k").etag, etags[i]);
        assert_string_equal(err.message, said);
    }
    snprintf(said, sizeof said, "0%s", get("k").etag);
    assert_int_equal(set_with("2", said, NULL), TRB_ABORTED);
    assert_int_equal(set_with("2", "", NULL), TRB_OK);
}

static void a_version_of_an_absent_key_is_another_version(void **state)
{
    struct trb_error err;
    char said[80];
    snprintf(said, sizeof said, "state not exist or expired for key=t%u/k", number);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(set_with("1", n ? "7" : "x", &err), TRB_ABORTED);
        assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
        assert_string_equal(err.message, said);
        assert_int_equal(drop("k", n ? "7" : "x"), TRB_ABORTED);
    }
}

static void a_first_write_needs_the_key_to_be_absent_or_its_version(void **state)
{
    struct trb_error err;
    struct trb_state_set first = {.key = NAME("k"), .value = data_of("a"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_string_equal(err.message, "item already exists and no etag was passed");
    struct held h = get("k");
    first.etag = name_of(h.etag);
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    assert_int_equal(set("k", "plain"), TRB_OK);
}

static void of_many_who_race_one_wins(void **state)
{
    enum { COUNT = 40 };
    struct asked all[COUNT];
    set("k", "0");
    struct held h = get("k");
    struct trb_state_set q = {.size = sizeof q, .key = NAME("k"), .value = data_of("1"), .etag = name_of(h.etag)};
    int won = 0;
    for (int n = 0; n < COUNT; n++) {
        all[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &q};
        driver_send(&all[n], (uint32_t)n % DRIVER_LOOPS);
    }
    for (int n = 0; n < COUNT; n++) {
        struct trb_error err;
        driver_wait(&all[n]);
        trb_code code = outcome(&all[n], &err);
        assert_true(code == TRB_OK || err.kind == TRB_STATE_ETAG_MISMATCH);
        won += code == TRB_OK;
    }
    assert_int_equal(won, 1);
}

/* -------------------------------------------------------------------------------------- expiry */
static trb_code set_for(int64_t ttl_s)
{
    return set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = ttl_s}, NULL);
}

static void version_two_says_when_an_item_expires(void **state)
{
    int64_t at;
    assert_int_equal(set_for(100), TRB_OK);
    struct held h = get("k");
    assert_true(clock_parse_rfc3339(slice_of(h.expiry), &at));
    assert_in_range(at / 1000000000, clock_wall_ns() / 1000000000 + 80, clock_wall_ns() / 1000000000 + 101);
    assert_int_equal(set("k", "2"), TRB_OK);
    assert_string_equal(get("k").expiry, "");
    assert_int_equal(set_for(0), TRB_OK);
    assert_string_equal(get("k").expiry, "");
}

static void version_one_does_not(void **state)
{
    assert_int_equal(set_for(100), TRB_OK);
    assert_string_equal(get("k").value, "1");
    assert_string_equal(get("k").expiry, "");
}

static void an_item_expires_and_one_for_ever_does_not(void **state)
{
    assert_int_equal(set("stays", "1"), TRB_OK);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("stays"), .value = data_of("1"), .has_ttl = 1, .ttl_s = -1}, NULL),
                     TRB_OK);
    assert_int_equal(set_for(1), TRB_OK);
    uint64_t end = clock_now_ns() + 10 * CLOCK_S;
    assert_true(get("k").is_there);
    while (get("k").is_there && clock_now_ns() < end)
        poll(NULL, 0, 20);
    assert_false(get("k").is_there);
    assert_true(get("stays").is_there);
}

/* -------------------------------------------------------------------------------- transactions */
static void a_transaction_does_all_or_nothing(void **state)
{
    struct trb_error err;
    set("old", "1");
    struct held old = get("old");
    struct trb_state_operation all[] = {upsert("a", "1", NULL), upsert("b", "2", NULL), removal("b", NULL),
                                        removal("old", old.etag), upsert("c", "3", NULL), upsert("c", "4", NULL)};
    all[4].has_ttl = all[5].has_ttl = 1;
    all[4].ttl_s = all[5].ttl_s = 50;
    assert_int_equal(transact(all, 6, NULL), TRB_OK);
    assert_true(get("a").is_there);
    assert_false(get("b").is_there);
    assert_false(get("old").is_there);
    assert_string_equal(get("c").value, "4");
    assert_string_not_equal(get("c").expiry, "");
    assert_string_equal(get("a").etag, get("c").etag);
    struct trb_state_operation bad[] = {upsert("a", "9", NULL), upsert("c", "9", get("c").etag), removal("old", old.etag)};
    bad[1].etag = name_of(strdup(get("c").etag));
    assert_int_equal(transact(bad, 3, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_non_null(strstr(err.message, "state not exist or expired for key="));
    assert_string_equal(get("a").value, "1");
    bad[2].etag = NAME("bad");
    assert_int_equal(transact(bad, 3, &err), TRB_ABORTED);
    assert_int_equal(transact(bad, 2, &err), TRB_OK);
    assert_int_equal(transact(all, 0, NULL), TRB_OK);
    free((char *)(uintptr_t)bad[1].etag.at);
}

static void a_transaction_has_at_most_128_operations(void **state)
{
    struct trb_state_operation all[129];
    char names[129][16];
    struct trb_error err;
    for (int n = 0; n < 129; n++) {
        snprintf(names[n], sizeof names[n], "k%d", n);
        all[n] = upsert(names[n], "1", NULL);
        all[n].concurrency = TRB_STATE_FIRST_WRITE;
        all[n].has_ttl = 1;
        all[n].ttl_s = 1000 + n;
    }
    assert_int_equal(transact(all, 129, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, "at most 128"));
    assert_false(get("k0").is_there);
    assert_int_equal(transact(all, 128, NULL), TRB_OK);
    assert_true(get("k127").is_there);
    assert_int_equal(transact(all, 128, &err), TRB_ABORTED);
    assert_string_equal(err.message, "item already exists and no etag was passed");
}

/* -------------------------------------------------------------------------------------- bulks */
static void bulks_answer_each_item(void **state)
{
    enum { COUNT = 150 };
    static char names[COUNT][16];
    static struct trb_state_set sets[COUNT];
    static struct trb_state_get gets[COUNT];
    for (int n = 0; n < COUNT; n++) {
        snprintf(names[n], sizeof names[n], "k%d", n % 140);        /* some twice */
        gets[n] = (struct trb_state_get){.size = sizeof *gets, .key = name_of(names[n])};
        sets[n] = (struct trb_state_set){.size = sizeof *sets, .key = name_of(names[n]), .value = data_of(names[n])};
    }
    sets[3].etag = NAME("7");
    struct trb_state_bulk_set s = {.size = sizeof s, .items = {sets, 100, sizeof *sets}};
    struct asked a = ask("bulk_set", &s);
    for (uint32_t n = 0; n < 100; n++)
        assert_int_equal(call_item_at(a.call, n)->failure != NULL, n == 3);
    assert_int_equal(call_item_at(a.call, 3)->failure->kind, TRB_STATE_ETAG_MISMATCH);
    driver_release(&a);
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, COUNT, sizeof *gets}};
    a = ask("bulk_get", &g);
    assert_int_equal(call_item_count(a.call), COUNT);
    for (uint32_t n = 0; n < COUNT; n++) {
        struct held h = held_from(call_item_at(a.call, n)->answer);
        assert_int_equal(h.is_there, n % 140 < 100 && n % 140 != 3);
        if (h.is_there)
            assert_string_equal(h.value, names[n]);
    }
    driver_release(&a);
    g.items.count = 0;
    a = ask("bulk_get", &g);
    assert_int_equal(outcome(&a, NULL), TRB_OK);
}

/* --------------------------------------------------------------------------------------- keys */
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
    keys(&t, "q\\%5", 0, NULL);
    assert_string_equal(t.at, "q%5");
    keys(&t, "%", 2, NULL);
    assert_memory_equal(t.at, "p_1 p_2 >", 9);
    char *token = strdup(strchr(t.at, '>') + 1);
    drop("px3", NULL);
    set("p_1", "again");
    keys(&t, "%", 9, token);
    assert_string_equal(t.at, "px3 p*4 q%5");
    keys(&t, "", 0, NULL);
    assert_string_equal(t.at, "failed");
    keys(&t, "%", 0, "x");
    assert_string_equal(t.at, "failed");
    free(token);
    text_fini(&t);
}

static void keys_made_together_are_told_page_by_page_too(void **state)
{
    struct text t = {0}, all_told = {0};
    char token[64] = "";
    struct trb_state_operation all[] = {upsert("a", "1", NULL), upsert("b", "1", NULL), upsert("c", "1", NULL),
                                        upsert("d", "1", NULL), upsert("e", "1", NULL)};
    assert_int_equal(transact(all, 5, NULL), TRB_OK);
    set("f", "1");
    do {
        keys(&t, "%", 2, token[0] ? token : NULL);
        char *mark = strstr(t.at, ">");
        text_add(&all_told, slice_from(t.at, mark ? (size_t)(mark - t.at) : t.len));
        snprintf(token, sizeof token, "%s", mark ? mark + 1 : "");
    } while (token[0]);
    assert_string_equal(all_told.at, "a b c d e f");
    text_fini(&t);
    text_fini(&all_told);
}

/* ------------------------------------------------------------------------------------- starting */
static void refused_with(const char *const *pairs, const char *part)
{
    struct trb_error err = ERROR_INIT;
    struct instance *i = driver_component(&block, "state.etcd@v2", pairs, &err);
    if (i)
        driver_retire(i);
    assert_null(i);
    if (!strstr(err.message, part))
        fail_msg("'%s' does not say '%s'", err.message, part);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    char nobody[32], both[80];
    snprintf(nobody, sizeof nobody, "127.0.0.1:%u", etcd_free_port());
    snprintf(both, sizeof both, "%s,%s", nobody, nobody);
    refused_with((const char *[]){"endpoints", nobody, NULL}, "connection refused");
    refused_with((const char *[]){"endpoints", both, NULL}, "connection refused");
    refused_with((const char *[]){"endpoints", ",", NULL}, "endpoints: no server is given");
    refused_with((const char *[]){"endpoints", "a:99999", NULL}, "no port between 1 and 65535");
    refused_with((const char *[]){"endpoints", "http://a/b", NULL}, "is not host:port");
    refused_with((const char *[]){"endpoints", server.address, "cert", "x", NULL}, "both or neither");
    refused_with((const char *[]){"endpoints", server.address, "tlsEnable", "true", NULL}, "TLS");
    refused_with((const char *[]){"endpoints", server.address, "tlsEnable", "true", "ca", "no PEM", NULL}, "PEM");
}

/* --------------------------------------------------------------------------------------- faults */
static void many_at_once_share_a_connection_on_both_loops(void **state)
{
    enum { COUNT = 1000 };
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

static trb_code first_answer_after(uint64_t within_ns)
{
    uint64_t end = clock_now_ns() + within_ns;
    trb_code code;
    do
        code = get("k").code;
    while (code && clock_now_ns() < end);
    return code;
}

static void a_killed_server_is_an_error_and_its_return_is_found(void **state)
{
    struct trb_error err;
    assert_int_equal(set("k", "1"), TRB_OK);
    etcd_server_kill(&server);
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("2")};
    assert_int_equal(set_as(q, &err), TRB_UNAVAILABLE);
    assert_int_equal(err.retryable, 1);
    assert_non_null(strstr(err.message, "etcd 127.0.0.1"));
    assert_int_equal(get("k").code, TRB_UNAVAILABLE);
    etcd_server_run(&server);
    assert_int_equal(first_answer_after(10 * CLOCK_S), TRB_OK);
    assert_int_equal(set("k", "3"), TRB_OK);
}

static void another_endpoint_takes_over(void **state)
{
    char both[80];
    driver_retire(store);
    snprintf(both, sizeof both, "127.0.0.1:%u,%s", etcd_free_port(), server.address);
    store = open_store("state.etcd@v2", both, "two");
    assert_non_null(store);
    assert_int_equal(set("k", "1"), TRB_OK);
    assert_true(get("k").is_there);
}

static void a_stalled_server_is_given_up_and_found_again(void **state)
{
    struct trb_error err;
    assert_int_equal(set("k", "1"), TRB_OK);
    stall(server.pid);
    uint64_t begun = clock_now_ns();
    trb_code code = set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2")}, &err);
    kill(server.pid, SIGCONT);
    assert_int_equal(code, TRB_DEADLINE);
    assert_true(clock_now_ns() - begun < 7 * CLOCK_S);
    assert_int_equal(first_answer_after(10 * CLOCK_S), TRB_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up_v2, down)
#define CASE_OF_BOTH(name) \
    cmocka_unit_test_setup_teardown(name, up_v1, down), cmocka_unit_test_setup_teardown(name, up_v2, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_OF_BOTH(an_absent_key_is_no_error),
        CASE_OF_BOTH(an_empty_value_is_not_an_absent_one),
        CASE_OF_BOTH(a_write_has_a_version),
        CASE_OF_BOTH(keys_and_values_may_hold_any_byte),
        CASE_OF_BOTH(a_large_value_goes_there_and_back),
        CASE(a_value_that_the_server_does_not_take_is_an_error_and_nothing_else),
        CASE(only_the_present_version_may_be_replaced),
        CASE(a_text_that_is_no_revision_is_another_version),
        CASE(a_version_of_an_absent_key_is_another_version),
        CASE_OF_BOTH(a_first_write_needs_the_key_to_be_absent_or_its_version),
        CASE(of_many_who_race_one_wins),
        CASE(version_two_says_when_an_item_expires),
        cmocka_unit_test_setup_teardown(version_one_does_not, up_v1, down),
        CASE_OF_BOTH(an_item_expires_and_one_for_ever_does_not),
        CASE(a_transaction_does_all_or_nothing),
        CASE(a_transaction_has_at_most_128_operations),
        CASE_OF_BOTH(bulks_answer_each_item),
        CASE(keys_are_found_by_pattern_page_by_page),
        CASE(keys_made_together_are_told_page_by_page_too),
        cmocka_unit_test(a_start_that_cannot_succeed_says_why),
        CASE(many_at_once_share_a_connection_on_both_loops),
        CASE(another_endpoint_takes_over),
        CASE(a_killed_server_is_an_error_and_its_return_is_found),
        CASE(a_stalled_server_is_given_up_and_found_again),
    };
    etcd_server_start(&server);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    etcd_server_end(&server);
    return failed;
}
