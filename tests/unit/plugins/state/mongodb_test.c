/* state.mongodb as the kernel drives it, against a server of MongoDB's protocol: many at once, pages, queries. */
#include "state_driver.h"
#include "../service.h"
#include <base/clock.h>
#include <sched.h>
#include <setjmp.h>
#include <cmocka.h>

static struct service server;
static struct trb_error why;
static uint32_t round_number;

static struct instance *open_with(const char *name, const char *value)
{
    static char collection[40];
    snprintf(collection, sizeof collection, "unit%d.%u", (int)getpid(), round_number);
    const char *const pairs[] = {"host", server.address, "collectionName", collection, name, value, NULL};
    return driver_component(&block, "state.mongodb", pairs, &why);
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

static trb_code set_json(const char *key, const char *json)
{
    return set_as((struct trb_state_set){.key = name_of(key), .value = data_of(json), .is_json = 1}, NULL);
}

static void values_come_back_byte_for_byte(void **state)
{
    static const char *const all[] = {"1", "1.50", "12345678901234567890", "\"x\\u0001\"", "null", "{\"a\":[1.0,\"\\u00e9\"],\"a.b\":\"$x\"}"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        assert_int_equal(set_json("j", all[n]), TRB_OK);
        assert_string_equal(get("j").value, all[n]);
        assert_int_equal(strlen(get("j").etag), 36);
    }
    struct trb_data raw = {"\0\1\377", 3, NULL};
    set_as((struct trb_state_set){.key = NAME("b"), .value = raw}, NULL);
    assert_int_equal(get("b").len, 3);
    assert_memory_equal(get("b").value, "\0\1\377", 3);
    set("e", "");
    assert_true(get("e").is_there);
    assert_int_equal(get("e").len, 0);
}

static void keys_come_in_their_order_and_a_token_where_more_follow(void **state)
{
    struct text found = {0};
    set("p3", "1"), set("P2", "1"), set("p1", "1"), set("p_", "1"), set("p.x", "1");
    keys(&found, "p%", 0, NULL);
    assert_string_equal(found.at, "p.x p1 p3 p_");
    keys(&found, "p%", 2, NULL);
    assert_string_equal(found.at, "p.x p1 >p1");
    keys(&found, "p%", 2, "p1");
    assert_string_equal(found.at, "p3 p_");
    keys(&found, "p\\_", 0, NULL);
    assert_string_equal(found.at, "p_");
    keys(&found, "p._", 0, NULL);
    assert_string_equal(found.at, "p.x");
    keys(&found, "", 0, NULL);
    assert_string_equal(found.at, "failed");
    text_fini(&found);
}

static void a_bulk_read_answers_each_item(void **state)
{
    static struct trb_state_get gets[300];
    static char names[300][16];
    for (int n = 0; n < 300; n++) {
        snprintf(names[n], sizeof names[n], "k%d", n);
        gets[n] = (struct trb_state_get){.size = sizeof gets[n], .key = name_of(names[n])};
        if (n % 3 == 0)
            set(names[n], names[n]);
    }
    gets[1].key = name_of(names[0]);
    struct trb_state_bulk_get q = {.size = sizeof q, .items = {gets, 300, sizeof *gets}};
    struct asked a = ask("bulk_get", &q);
    for (int n = 0; n < 300; n++) {
        struct held h = held_from(call_item_at(a.call, (uint32_t)n)->answer);
        assert_int_equal(h.is_there, n % 3 == 0 || n == 1);
        if (h.is_there)
            assert_string_equal(h.value, n == 1 ? "k0" : names[n]);
    }
    driver_release(&a);
}

static void a_query_finds_members_and_pages(void **state)
{
    set_json("a", "{\"n\":1,\"in\":{\"x\":\"one\"}}"), set_json("b", "{\"n\":2.0}"), set_json("c", "{\"n\":3}");
    struct trb_state_query q = {.size = sizeof q, .query = SLICE("{\"filter\":{\"OR\":[{\"GTE\":{\"n\":2}},{\"EQ\":{\"in.x\":\"one\"}}]},"
        "\"sort\":[{\"key\":\"n\",\"order\":\"DESC\"}],\"page\":{\"limit\":2}}")};
    struct asked a = ask("query", &q);
    assert_int_equal(call_item_count(a.call), 3);
    const struct trb_state_query_item *first = call_item_at(a.call, 0)->answer, *second = call_item_at(a.call, 1)->answer,
                                      *last = call_item_at(a.call, 2)->answer;
    assert_string_equal(first->key.at, "c");
    assert_string_equal(second->key.at, "b");
    assert_memory_equal(second->value.at, "{\"n\":2.0}", 9);
    assert_int_equal(last->key.len, 0);
    assert_memory_equal(last->token.at, "2", 1);
    driver_release(&a);
}

#define WRITERS 60
static void of_many_first_writers_one_wins(void **state)
{
    static struct asked asked[WRITERS];
    struct trb_state_set q = {.size = sizeof q, .key = NAME("f"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE};
    uint32_t well = 0;
    for (uint32_t n = 0; n < WRITERS; n++) {
        asked[n] = (struct asked){.instance = store, .verb = verb("set"), .question = &q};
        driver_send(&asked[n], n % DRIVER_LOOPS);
    }
    for (uint32_t n = 0; n < WRITERS; n++) {
        driver_wait(&asked[n]);
        well += outcome(&asked[n], NULL) == TRB_OK;
    }
    assert_int_equal(well, 1);
}

static void an_expired_document_is_not_seen_and_may_be_written_first(void **state)
{
    set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 1}, NULL);
    assert_int_equal(strlen(get("k").expiry), 20);
    while (get("k").is_there)
        sched_yield();
    struct trb_state_set first = {.key = NAME("k"), .value = data_of("2"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as(first, NULL), TRB_OK);
    assert_int_equal(set_as(first, NULL), TRB_ABORTED);
    assert_string_equal(get("k").value, "2");
}

static void etags_guard_writes_and_removals(void **state)
{
    set("k", "1");
    struct held h = get("k");
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("2"), .etag = name_of(h.etag)};
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_int_equal(set_as(q, NULL), TRB_ABORTED);
    assert_int_equal(drop("k", h.etag), TRB_ABORTED);
    assert_int_equal(drop("k", get("k").etag), TRB_OK);
    assert_int_equal(set_as(q, NULL), TRB_ABORTED);
    assert_int_equal(drop("k", NULL), TRB_OK);
}

static void a_server_without_transactions_writes_nothing_of_one(void **state)
{
    struct trb_state_operation both[] = {upsert("x", "1", NULL), removal("y", NULL)};
    assert_int_not_equal(transact(both, 2, &why), TRB_OK);
    assert_non_null(strstr(why.message, "cannot begin a transaction"));
    assert_false(get("x").is_there);
}

static void it_starts_and_stops_many_times(void **state)
{
    for (int n = 0; n < 10; n++) {
        struct instance *other = open_with(NULL, NULL);
        assert_non_null(other);
        driver_retire(other);
    }
    const char *const nowhere[] = {"host", "127.0.0.1:1", "operationTimeout", "200ms", NULL};
    assert_null(driver_component(&block, "state.mongodb", nowhere, &why));
    assert_non_null(strstr(why.message, "mongodb 127.0.0.1:1: cannot ping: "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(values_come_back_byte_for_byte), TEST(keys_come_in_their_order_and_a_token_where_more_follow),
        TEST(a_bulk_read_answers_each_item), TEST(a_query_finds_members_and_pages), TEST(of_many_first_writers_one_wins),
        TEST(an_expired_document_is_not_seen_and_may_be_written_first), TEST(etags_guard_writes_and_removals),
        TEST(a_server_without_transactions_writes_nothing_of_one), TEST(it_starts_and_stops_many_times)};
    if (!service_start(&server, "mongo", "TEST_MONGO"))
        return 1;
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    service_stop(&server);
    return failed;
}
