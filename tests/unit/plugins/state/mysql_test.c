/* state.mysql as the kernel drives it, against a real server: versions, expiry, transactions that cross. */
#include "state_driver.h"
#include "../service.h"
#include <base/clock.h>
#include <sched.h>
#include <setjmp.h>
#include <cmocka.h>

static struct service server;
static struct trb_error why;
static char connection[128];
static uint32_t round_number;

static struct instance *open_with(const char *name, const char *value)
{
    static char schema[32];
    snprintf(schema, sizeof schema, "unit_%d_%u", (int)getpid(), round_number);
    const char *const pairs[] = {"connectionString", connection, "schemaName", schema, name, value, NULL};
    return driver_component(&block, "state.mysql", pairs, &why);
}

static int up(void **state)
{
    round_number++;
    store = open_with(NULL, NULL);
    if (!store)
        printf("%s\n", why.message);
    return !store;
}

static int down(void **state)
{
    driver_retire(store);
    return 0;
}

static void values_come_back_byte_for_byte(void **state)
{
    struct trb_state_set json = {.key = NAME("j"), .value = data_of("{\"b\":1.50,\"a\":12345678901234567890}"), .is_json = 1};
    assert_int_equal(set_as(json, NULL), TRB_OK);
    assert_string_equal(get("j").value, "{\"b\":1.50,\"a\":12345678901234567890}");
    struct trb_data raw = {"\0\1\377", 3, NULL};
    set_as((struct trb_state_set){.key = NAME("b"), .value = raw}, NULL);
    assert_int_equal(get("b").len, 3);
    assert_memory_equal(get("b").value, "\0\1\377", 3);
    set("e", "");
    assert_true(get("e").is_there);
    assert_int_equal(get("e").len, 0);
}

/* MariaDB's check of JSON ends at 32 levels. */
static void json_that_is_too_deep_for_the_server_is_kept_as_bytes(void **state)
{
    char deep[201];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    deep[200] = 0;
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("d"), .value = data_of(deep), .is_json = 1}, NULL), TRB_OK);
    assert_string_equal(get("d").value, deep);
    struct trb_state_operation both[] = {upsert("x", "1", NULL), upsert("y", deep, NULL)};
    both[1].is_json = 1;
    assert_int_equal(transact(both, 2, NULL), TRB_OK);
    assert_string_equal(get("y").value, deep);
    assert_string_equal(get("x").value, "1");
}

static void keys_are_one_only_to_the_letter(void **state)
{
    set("k", "1"), set("K", "2"), set("k ", "3"), set("\303\244", "4"), set("a", "5");
    assert_string_equal(get("k").value, "1");
    assert_string_equal(get("K").value, "2");
    assert_string_equal(get("k ").value, "3");
    assert_string_equal(get("\303\244").value, "4");
}

static void a_key_that_is_too_long_is_refused_not_cut(void **state)
{
    char key[300];
    memset(key, 'k', 299);
    key[299] = 0;
    assert_int_equal(set(key, "1"), TRB_INVALID);
    key[255] = 0;
    assert_false(get(key).is_there);
    assert_int_equal(set(key, "1"), TRB_OK);
    assert_true(get(key).is_there);
}

static void etags_and_first_writes(void **state)
{
    struct trb_error err;
    struct trb_state_set first = {.key = NAME("f"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .etag = NAME("e")}, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_string_equal(err.message, "rows affected error: no rows match given key and eTag");
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    struct held h = get("f");
    assert_int_equal(strlen(h.etag), 36);
    first.etag = name_of(h.etag);
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    assert_int_equal(drop("f", h.etag), TRB_ABORTED);
    assert_int_equal(drop("f", get("f").etag), TRB_OK);
    assert_int_equal(drop("f", NULL), TRB_OK);
    assert_int_equal(drop("f", "e"), TRB_ABORTED);
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct trb_error err;
    set("old", "1");
    struct trb_state_operation bad[] = {upsert("new", "1", NULL), removal("old", NULL), upsert("none", "2", "stale")};
    assert_int_equal(transact(bad, 3, &err), TRB_ABORTED);
    assert_int_equal(err.item, 2);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    assert_false(get("new").is_there);
    assert_string_equal(get("old").value, "1");
    struct trb_state_operation good[] = {upsert("x", "1", NULL), removal("x", NULL), upsert("new", "1", NULL)};
    assert_int_equal(transact(good, 3, NULL), TRB_OK);
    assert_true(get("new").is_there);
    assert_false(get("x").is_there);
}

static void a_ttl_is_kept_shown_and_lifted(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 100};
    int64_t shown_ns;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_true(clock_parse_rfc3339(slice_of(get("k").expiry), &shown_ns));
    assert_in_range(shown_ns - clock_wall_ns(), 80 * CLOCK_S, 102 * CLOCK_S);
    set("k", "2");
    assert_string_equal(get("k").expiry, "");
    q.ttl_s = 2147483648ll;
    assert_int_equal(set_as(q, NULL), TRB_INVALID);
    q.ttl_s = -1;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_string_equal(get("k").expiry, "");
}

static void an_expired_row_is_not_seen_and_may_be_written_first(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 1};
    set_as(q, NULL);
    struct held old = get("k");
    while (get("k").is_there)
        sched_yield();
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .etag = name_of(old.etag)}, NULL), TRB_ABORTED);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .concurrency = TRB_STATE_FIRST_WRITE}, NULL), TRB_OK);
    assert_string_equal(get("k").value, "2");
    assert_string_equal(get("k").expiry, "");
}

static void keys_come_by_row_and_a_token_where_more_follow(void **state)
{
    struct text found = {0};
    set("p1", "1"), set("P2", "1"), set("p3", "1"), set("p_", "1");
    keys(&found, "p%", 0, NULL);
    assert_string_equal(found.at, "p1 p3 p_");
    keys(&found, "p%", 3, NULL);
    assert_string_equal(found.at, "p1 p3 p_");
    keys(&found, "p%", 2, NULL);
    assert_string_equal(found.at, "p1 p3 >3");
    keys(&found, "p%", 2, "3");
    assert_string_equal(found.at, "p_");
    keys(&found, "p\\_", 0, NULL);
    assert_string_equal(found.at, "p_");
    keys(&found, "", 0, NULL);
    assert_string_equal(found.at, "failed");
    keys(&found, "p%", 2, "x");
    assert_string_equal(found.at, "failed");
    text_fini(&found);
}

#define MANY 450
static void a_bulk_read_of_any_length_answers_each_item(void **state)
{
    static struct trb_state_get gets[MANY];
    static char names[MANY][16];
    for (int n = 0; n < MANY; n++) {
        snprintf(names[n], sizeof names[n], "k%d", n);
        gets[n] = (struct trb_state_get){.size = sizeof gets[n], .key = name_of(names[n])};
        if (n % 3 == 0)
            set(names[n], names[n]);
    }
    gets[1].key = name_of(names[0]);    /* one key twice */
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {gets, MANY, sizeof *gets}};
    struct asked a = ask("bulk_get", &q);
    for (int n = 0; n < MANY; n++) {
        struct held h = held_from(call_item_at(a.call, (uint32_t)n)->answer);
        assert_int_equal(h.is_there, n % 3 == 0 || n == 1);
        if (h.is_there)
            assert_string_equal(h.value, n == 1 ? "k0" : names[n]);
    }
    driver_release(&a);
}

#define WRITERS 60
static uint32_t count_ok(struct asked *asked, uint32_t count, trb_code otherwise)
{
    uint32_t well = 0, odd = 0;
    for (uint32_t n = 0; n < count; n++) {
        driver_wait(&asked[n]);
        trb_code code = outcome(&asked[n], &why);
        well += code == TRB_OK;
        odd += code != TRB_OK && code != otherwise;
    }
    if (odd)
        fail_msg("%s", why.message);
    return well;
}

static void of_many_first_writers_one_wins(void **state)
{
    static struct asked asked[WRITERS];
    struct trb_state_set q = {.size = sizeof q, .key = NAME("f"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE};
    for (uint32_t n = 0; n < WRITERS; n++) {
        asked[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &q};
        driver_send(&asked[n], n % DRIVER_LOOPS);
    }
    assert_int_equal(count_ok(asked, WRITERS, TRB_ABORTED), 1);
}

/* Half of them take two keys in one order, half in the other: what the server rolls back is tried again. */
static void transactions_that_cross_are_all_carried_out(void **state)
{
    static struct asked asked[WRITERS];
    struct trb_state_operation there[] = {upsert("a", "1", NULL), upsert("b", "1", NULL)};
    struct trb_state_operation back[] = {upsert("b", "2", NULL), upsert("a", "2", NULL)};
    struct trb_state_transact q[] = {{.size = sizeof *q, .operations = {there, 2, sizeof *there}},
                                     {.size = sizeof *q, .operations = {back, 2, sizeof *back}}};
    for (uint32_t n = 0; n < WRITERS; n++) {
        asked[n] = (struct asked){.instance = store, .verb = verb("transact"), .question = &q[n % 2]};
        driver_send(&asked[n], n % DRIVER_LOOPS);
    }
    assert_int_equal(count_ok(asked, WRITERS, TRB_OK), WRITERS);
    assert_string_equal(get("a").value, get("b").value);
}

static void refuse(const char *name, const char *value, const char *words)
{
    why = (struct trb_error){0};
    struct instance *i = open_with(name, value);
    assert_null(i);
    if (!strstr(why.message, words))
        fail_msg("%s", why.message);
}

static void bad_options_are_refused_in_words(void **state)
{
    refuse("tableName", "a b", "tableName: 'a b' is no identifier");
    refuse("metadataTableName", "a`b", "metadataTableName: 'a`b' is no identifier");
    refuse("pemPath", "/etc/passwd", "pemPath has no effect unless connectionString says tls=custom");
    refuse("timeoutInSeconds", "0", "timeoutInSeconds must be above zero");
    const char *const wrong[] = {"connectionString", "u:p w:@/@tcp(127.0.0.1:1)/", NULL};
    assert_null(driver_component(&block, "state.mysql", wrong, &why));
    assert_non_null(strstr(why.message, "mysql 127.0.0.1:1: cannot connect: "));
    const char *const named[] = {"connectionString", "u:s3cret@tcp(127.0.0.1:1)/mine", NULL};
    assert_null(driver_component(&block, "state.mysql", named, &why));
    assert_non_null(strstr(why.message, "say schemaName: mine"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_byte_for_byte), TEST(json_that_is_too_deep_for_the_server_is_kept_as_bytes),
        TEST(keys_are_one_only_to_the_letter), TEST(a_key_that_is_too_long_is_refused_not_cut), TEST(etags_and_first_writes),
        TEST(a_transaction_is_all_or_nothing), TEST(a_ttl_is_kept_shown_and_lifted),
        TEST(an_expired_row_is_not_seen_and_may_be_written_first), TEST(keys_come_by_row_and_a_token_where_more_follow),
        TEST(a_bulk_read_of_any_length_answers_each_item), TEST(of_many_first_writers_one_wins),
        TEST(transactions_that_cross_are_all_carried_out), TEST(bad_options_are_refused_in_words)};
    if (!service_start(&server, "mariadb", "TEST_MARIADB"))
        return 1;
    snprintf(connection, sizeof connection, "u:p w:@/@tcp(%s)/", server.address);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    service_stop(&server);
    return failed;
}
