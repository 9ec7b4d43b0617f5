/* state.in-memory as the kernel drives it: etags, expiry, transactions, keys, and a swap that keeps all. */
#include "state_driver.h"
#include <base/clock.h>
#include <sched.h>
#include <setjmp.h>
#include <cmocka.h>

static int up(void **state)
{
    store = driver_component(&block, "state.in-memory", NULL, NULL);
    return !store;
}

static int down(void **state)
{
    driver_retire(store);
    return 0;
}

static void a_value_reads_back_with_an_etag(void **state)
{
    assert_int_equal(set("k", "value"), TRB_OK);
    struct held h = get("k");
    assert_true(h.is_there);
    assert_string_equal(h.value, "value");
    assert_int_equal(strlen(h.etag), 36);
    assert_string_equal(h.expiry, "");
}

static void an_absent_key_is_no_error(void **state)
{
    struct held h = get("nobody");
    assert_int_equal(h.code, TRB_OK);
    assert_false(h.is_there);
    assert_string_equal(h.etag, "");
    assert_int_equal(drop("nobody", NULL), TRB_OK);
}

static void an_empty_value_is_not_an_absent_one(void **state)
{
    assert_int_equal(set("k", ""), TRB_OK);
    assert_true(get("k").is_there);
    assert_int_equal(get("k").len, 0);
}

static void keys_may_hold_any_byte(void **state)
{
    struct trb_name key = {"a\0b", 3}, other = {"a\0c", 3};
    assert_int_equal(set_as((struct trb_state_set){.key = key, .value = data_of("1")}, NULL), TRB_OK);
    struct trb_state_get q = {.size = sizeof q, .key = other};
    struct asked a = ask("get", &q);
    assert_false(held_from(call_answer(a.call)).is_there);
    driver_release(&a);
}

static void a_stale_etag_changes_nothing(void **state)
{
    struct trb_error err;
    set("k", "1");
    struct held first = get("k");
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("2"), .etag = name_of(first.etag)}, NULL), TRB_OK);
    struct held second = get("k");
    assert_string_not_equal(first.etag, second.etag);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("3"), .etag = name_of(first.etag)}, &err), TRB_ABORTED);
    assert_int_equal(err.kind, TRB_STATE_ETAG_MISMATCH);
    char text[200];
    snprintf(text, sizeof text, "state etag not match for key=k: current=%s, expect=%s", second.etag, first.etag);
    assert_string_equal(err.message, text);
    assert_string_equal(get("k").value, "2");
    assert_int_equal(drop("k", first.etag), TRB_ABORTED);
    assert_int_equal(drop("k", second.etag), TRB_OK);
    assert_false(get("k").is_there);
}

static void an_etag_on_an_absent_key_is_a_mismatch(void **state)
{
    struct trb_error err;
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("k"), .value = data_of("1"), .etag = NAME("e")}, &err), TRB_ABORTED);
    assert_string_equal(err.message, "state not exist or expired for key=k");
    assert_false(get("k").is_there);
    assert_int_equal(drop("k", "e"), TRB_ABORTED);
}

static void a_second_first_write_is_refused(void **state)
{
    struct trb_error err;
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .concurrency = TRB_STATE_FIRST_WRITE};
    assert_int_equal(set_as(q, NULL), TRB_OK);
    q.value = data_of("2");
    assert_int_equal(set_as(q, &err), TRB_ABORTED);
    assert_string_equal(err.message, "item already exists and no etag was passed");
    struct held h = get("k");
    q.etag = name_of(h.etag);
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_string_equal(get("k").value, "2");
}

static void a_transaction_is_all_or_nothing(void **state)
{
    struct trb_error err;
    set("old", "1");
    struct trb_state_operation bad[] = {upsert("new", "1", NULL), removal("old", NULL), upsert("old", "2", "stale")};
    assert_int_equal(transact(bad, 3, &err), TRB_ABORTED);
    assert_int_equal(err.item, 2);
    assert_false(get("new").is_there);
    assert_string_equal(get("old").value, "1");
    struct trb_state_operation good[] = {upsert("new", "1", NULL), removal("old", get("old").etag), upsert("x", "1", NULL), removal("x", NULL)};
    assert_int_equal(transact(good, 4, NULL), TRB_OK);
    assert_true(get("new").is_there);
    assert_false(get("old").is_there);
    assert_false(get("x").is_there);
}

static void bulks_answer_each_item_for_itself(void **state)
{
    struct trb_state_set sets[] = {{.size = sizeof *sets, .key = NAME("a"), .value = data_of("1")},
                                   {.size = sizeof *sets, .key = NAME("b"), .value = data_of("2"), .etag = NAME("no")},
                                   {.size = sizeof *sets, .key = NAME("c"), .value = data_of("3")}};
    struct trb_state_bulk_set q = {.size = sizeof q, .items = {sets, 3, sizeof *sets}};
    struct asked a = ask("bulk_set", &q);
    assert_null(call_failure(a.call));
    assert_int_equal(call_item_count(a.call), 3);
    assert_null(call_item_at(a.call, 0)->failure);
    assert_int_equal(call_item_at(a.call, 1)->failure->kind, TRB_STATE_ETAG_MISMATCH);
    assert_null(call_item_at(a.call, 2)->failure);
    driver_release(&a);
    struct trb_state_get gets[] = {{.size = sizeof *gets, .key = NAME("c")}, {.size = sizeof *gets, .key = NAME("b")}};
    struct trb_state_bulk_get g = {.size = sizeof g, .items = {gets, 2, sizeof *gets}};
    a = ask("bulk_get", &g);
    assert_string_equal(held_from(call_item_at(a.call, 0)->answer).value, "3");
    assert_false(held_from(call_item_at(a.call, 1)->answer).is_there);
    driver_release(&a);
    struct trb_state_delete drops[] = {{.size = sizeof *drops, .key = NAME("a"), .etag = NAME("no")}, {.size = sizeof *drops, .key = NAME("c")}};
    struct trb_state_bulk_delete d = {.size = sizeof d, .items = {drops, 2, sizeof *drops}};
    a = ask("bulk_remove", &d);
    assert_int_equal(call_item_at(a.call, 0)->failure->kind, TRB_STATE_ETAG_MISMATCH);
    assert_null(call_item_at(a.call, 1)->failure);
    driver_release(&a);
    assert_true(get("a").is_there);
    assert_false(get("c").is_there);
}

static void a_ttl_is_shown_and_a_write_without_one_lifts_it(void **state)
{
    struct trb_state_set q = {.key = NAME("k"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 100};
    int64_t shown_ns;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_true(clock_parse_rfc3339(slice_of(get("k").expiry), &shown_ns));
    assert_in_range(shown_ns - clock_wall_ns() + 2 * (int64_t)CLOCK_S, 100 * (int64_t)CLOCK_S, 103 * (int64_t)CLOCK_S);
    set("k", "2");
    assert_string_equal(get("k").expiry, "");
    q.ttl_s = INT64_MAX;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_true(get("k").is_there);
    q.ttl_s = -1;
    assert_int_equal(set_as(q, NULL), TRB_OK);
    assert_string_equal(get("k").expiry, "");
}

static void what_expires_is_gone_for_every_question(void **state)
{
    struct text found = {0};
    for (int n = 0; n < 3; n++) {
        char key[] = {'t', (char)('0' + n), 0};
        set_as((struct trb_state_set){.key = name_of(key), .value = data_of("1"), .has_ttl = 1, .ttl_s = 1}, NULL);
    }
    set("stays", "1");
    struct held old = get("t0");
    while (get("t0").is_there || get("t1").is_there || get("t2").is_there)
        sched_yield();
    assert_int_equal(drop("t1", old.etag), TRB_ABORTED);
    assert_int_equal(set_as((struct trb_state_set){.key = NAME("t2"), .value = data_of("2"), .concurrency = TRB_STATE_FIRST_WRITE}, NULL), TRB_OK);
    keys(&found, "t%", 0, NULL);
    assert_string_equal(found.at, "t2");
    text_fini(&found);
}

static void keys_come_in_the_order_of_their_last_write(void **state)
{
    struct text found = {0};
    const char *const all[] = {"p_1", "p_2", "px3", "q", "p%4"};
    for (int n = 0; n < 5; n++)
        set(all[n], "1");
    set("p_1", "2");
    keys(&found, "p%", 0, NULL);
    assert_string_equal(found.at, "p_2 px3 p%4 p_1");
    keys(&found, "p_%", 2, NULL);
    char *token = strchr(found.at, '>') + 1, rest[32];
    snprintf(rest, sizeof rest, "%s", token);
    assert_memory_equal(found.at, "p_2 px3 >", 9);
    keys(&found, "p_%", 2, rest);
    assert_string_equal(found.at, "p%4 p_1");
    keys(&found, "p\\_%", 0, NULL);
    assert_string_equal(found.at, "p_2 p_1");
    keys(&found, "%\\%%", 0, NULL);
    assert_string_equal(found.at, "p%4");
    keys(&found, "none", 0, NULL);
    assert_string_equal(found.at, "");
    keys(&found, "", 0, NULL);
    assert_string_equal(found.at, "failed");
    text_fini(&found);
}

static void a_prefix_takes_one_level_only(void **state)
{
    set("a||1", "1"), set("a||2", "1"), set("a||2||3", "1"), set("ab||1", "1");
    struct trb_state_delete_prefix q = {.size = sizeof q, .prefix = NAME("a")};
    struct asked a = ask("remove_prefix", &q);
    assert_int_equal(((const struct trb_state_count *)call_answer(a.call))->count, 2);
    driver_release(&a);
    assert_true(get("a||2||3").is_there);
    assert_true(get("ab||1").is_there);
    q.prefix = NAME("||");
    a = ask("remove_prefix", &q);
    assert_int_equal(outcome(&a, NULL), TRB_INVALID);
}

/* ------------------------------------------------------------------------------------------- swap */
struct kept_answer {
    uint32_t size;
    struct trb_data kept;
};

struct adopting {
    struct instance *to;
    struct trb_slice kept;
};

static void adopt(void *arg)
{
    struct adopting *a = arg;
    a->to->component->adopt(a->to->origins[0].self, a->kept);
}

static void a_swap_keeps_values_etags_and_expiry(void **state)
{
    static const struct trb_field field = {.name = "kept", .kind = TRB_FIELD_DATA};
    static const struct trb_layout layout = {.name = "kept", .size = sizeof(struct trb_data), .fields = &field, .field_count = 1};
    struct instance *old = store;
    char key[16];
    for (int n = 0; n < 1000; n++) {
        snprintf(key, sizeof key, "k%d", n);
        set(key, key);
    }
    set_as((struct trb_state_set){.key = NAME("t"), .value = data_of("1"), .has_ttl = 1, .ttl_s = 100}, NULL);
    struct held before = get("k7"), timed = get("t");
    struct asked a = {.instance = old, .function = old->component->hand_over, .layout = &layout};
    driver_ask(&a);
    const struct trb_data *kept = call_answer(a.call);
    store = driver_component(&block, "state.in-memory", NULL, NULL);
    struct adopting adopting = {store, {kept->at, kept->len}};
    driver_run(adopt, &adopting);
    driver_release(&a);
    driver_retire(old);
    struct held after = get("k7");
    assert_string_equal(after.value, "k7");
    assert_string_equal(after.etag, before.etag);
    assert_string_equal(get("t").expiry, timed.expiry);
    assert_true(get("k999").is_there);
    struct text found = {0};
    set("k0", "again");
    keys(&found, "k%", 1, NULL);
    assert_memory_equal(found.at, "k1 ", 3);
    text_fini(&found);
}

static void what_is_not_of_its_form_is_not_adopted(void **state)
{
    struct adopting adopting = {store, SLICE("nonsense")};
    driver_run(adopt, &adopting);
    assert_false(get("k").is_there);
}

/* ------------------------------------------------------------------------------------ many at once */
#define ROUNDS 2000

/* Money moves between two accounts by etag or by transaction; none is made or lost. */
static void writers_on_two_loops_lose_no_update(void **state)
{
    struct asked asked[2];
    struct trb_state_operation both[2][2];
    char amount[2][16];
    set("sum", "0");
    for (int n = 0; n < ROUNDS; n++) {
        struct trb_state_transact q[2];
        struct held h = get("sum");
        for (uint32_t w = 0; w < 2; w++) {
            snprintf(amount[w], sizeof amount[w], "%d", atoi(h.value) + 1);
            both[w][0] = upsert("sum", amount[w], h.etag);
            both[w][1] = upsert(w ? "right" : "left", amount[w], NULL);
            q[w] = (struct trb_state_transact){.size = sizeof q[w], .operations = {both[w], 2, sizeof both[w][0]}};
            asked[w] = (struct asked){.instance = store, .verb = verb("transact"), .question = &q[w]};
            driver_send(&asked[w], w);
        }
        driver_wait(&asked[0]), driver_wait(&asked[1]);
        bool first = !call_failure(asked[0].call), second = !call_failure(asked[1].call);
        driver_release(&asked[0]), driver_release(&asked[1]);
        assert_true(first != second);
    }
    assert_int_equal(atoi(get("sum").value), ROUNDS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(a_value_reads_back_with_an_etag), TEST(an_absent_key_is_no_error), TEST(an_empty_value_is_not_an_absent_one),
        TEST(keys_may_hold_any_byte), TEST(a_stale_etag_changes_nothing), TEST(an_etag_on_an_absent_key_is_a_mismatch),
        TEST(a_second_first_write_is_refused), TEST(a_transaction_is_all_or_nothing), TEST(bulks_answer_each_item_for_itself),
        TEST(a_ttl_is_shown_and_a_write_without_one_lifts_it), TEST(what_expires_is_gone_for_every_question),
        TEST(keys_come_in_the_order_of_their_last_write), TEST(a_prefix_takes_one_level_only),
        TEST(a_swap_keeps_values_etags_and_expiry), TEST(what_is_not_of_its_form_is_not_adopted),
        TEST(writers_on_two_loops_lose_no_update)};
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    return failed;
}
