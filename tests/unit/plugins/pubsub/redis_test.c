/* pubsub.redis as the kernel drives it, against a real server that is also killed and started again. */
#include "pubsub_driver.h"
#include "../redis_server.h"
#include <setjmp.h>
#include <cmocka.h>

#define SOON (10 * CLOCK_S)
#define NOT (150 * CLOCK_MS)                /* how long nothing may come */

static struct redis_server server;

static struct instance *open_bus(const char *const *more)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[16] = {"redisHost", server.address};
    for (size_t n = 0; more && more[n]; n++)
        pairs[2 + n] = more[n];
    struct instance *i = driver_component(&block, "pubsub.redis", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

static void open_again(const char *const *more)
{
    driver_retire(bus);
    bus = open_bus(more);
    assert_non_null(bus);
}

static int up(void **state)
{
    redis_say(&server, "FLUSHALL");
    bus = open_bus(NULL);
    return !bus;
}

static int down(void **state)
{
    hush_all();
    driver_retire(bus);
    return 0;
}

/* Waits for what the server is to say in the end. */
static void comes_to(const char *command, const char *wanted)
{
    uint64_t end = clock_now_ns() + SOON;
    while (strcmp(redis_say(&server, command), wanted) && clock_now_ns() < end)
        poll(NULL, 0, 5);
    assert_string_equal(redis_say(&server, command), wanted);
}
#define NOTHING_PENDING "*4|:0|$-1|$-1|*-1|"

static void a_message_is_an_entry_of_data_and_metadata(void **state)
{
    struct trb_pair pairs[] = {{NAME("priority"), NAME("3")}, {NAME("custom"), NAME("a\"<b")}};
    assert_int_equal(publish("t", "hello"), TRB_OK);
    assert_int_equal(publish_with("t", "two", pairs, 2, NULL), TRB_OK);
    const char *held = redis_say(&server, "XRANGE t - +");
    assert_non_null(strstr(held, "*4|$4|data|$5|hello|$8|metadata|$2|{}|"));
    assert_non_null(strstr(held, "*4|$4|data|$3|two|$8|metadata|$38|{\"custom\":\"a\\\"\\u003cb\",\"priority\":\"3\"}|"));
}

static void a_topic_can_be_cut_to_a_length(void **state)
{
    open_again((const char *[]){"maxLenApprox", "50", NULL});
    for (int n = 0; n < 500; n++)
        assert_int_equal(publish("t", "x"), TRB_OK);
    int len = atoi(redis_say(&server, "XLEN t") + 1);
    assert_in_range(len, 50, 200);
}

static void a_topic_can_be_cut_to_an_age(void **state)
{
    redis_say(&server, "XADD t 1-1 data old");
    redis_say(&server, "CONFIG SET stream-node-max-entries 1");
    redis_say(&server, "XADD t 1-2 data old");
    open_again((const char *[]){"streamTTL", "1h", NULL});
    assert_int_equal(publish("t", "x"), TRB_OK);
    assert_string_equal(redis_say(&server, "XLEN t"), ":1|");
    redis_say(&server, "CONFIG SET stream-node-max-entries 100");
}

static void a_bulk_is_many_entries(void **state)
{
    struct trb_pubsub_entry entries[] = {{.size = sizeof *entries, .id = NAME("1"), .data = {"a", 1, NULL}},
                                         {.size = sizeof *entries, .id = NAME("2"), .data = {"b", 1, NULL}}};
    struct trb_pubsub_bulk_publish q = {.size = sizeof q, .topic = NAME("t"), .entries = {entries, 2, sizeof *entries}};
    struct asked a = {.instance = bus, .verb = verb("bulk_publish"), .question = &q};
    driver_ask(&a);
    assert_null(call_failure(a.call));
    assert_null(call_item_at(a.call, 0)->failure);
    driver_release(&a);
    assert_string_equal(redis_say(&server, "XLEN t"), ":2|");
    redis_say(&server, "SET other x");
    q.topic = NAME("other");
    driver_ask(&a);
    assert_int_equal(call_item_at(a.call, 1)->failure->code, TRB_PRECONDITION);
    driver_release(&a);
}

static void what_was_there_before_and_what_comes_is_delivered_and_acknowledged(void **state)
{
    struct trb_pair pairs[] = {{NAME("k"), NAME("v")}};
    publish_with("t", "before", pairs, 1, NULL);
    struct listener *l = listen_on(bus, "t", 1, TRB_ACK);
    struct heard *h = hear(l, SOON);
    assert_string_equal(h->text, "before");
    assert_string_equal(h->metadata, "k=v");
    publish("t", "after");
    h = hear(l, SOON);
    assert_string_equal(h->text, "after");
    assert_string_equal(h->metadata, "");
    comes_to("XPENDING t app", NOTHING_PENDING);
    assert_non_null(strstr(redis_say(&server, "XINFO GROUPS t"), "$4|name|$3|app|$9|consumers|:1|"));
    hush(l);
}

static void a_group_has_the_name_of_consumer_id(void **state)
{
    open_again((const char *[]){"consumerID", "mine", NULL});
    struct listener *l = listen_on(bus, "t", 0, TRB_DROP);
    assert_non_null(strstr(redis_say(&server, "XINFO GROUPS t"), "$4|mine|"));
    hush(l);
}

static void no_more_than_concurrency_are_at_handlers(void **state)
{
    open_again((const char *[]){"concurrency", "2", NULL});
    for (int n = 0; n < 6; n++)
        publish("t", "x");
    struct listener *l = listen_on(bus, "t", 0, 0);
    struct heard *first = hear(l, SOON), *second = hear(l, SOON);
    assert_null(hear(l, NOT));
    settle(l, first, TRB_ACK);
    struct heard *third = hear(l, SOON);
    assert_non_null(third);
    assert_null(hear(l, NOT));
    settle(l, second, TRB_ACK);
    settle(l, third, TRB_ACK);
    for (int n = 0; n < 3; n++)
        settle(l, hear(l, SOON), TRB_ACK);
    comes_to("XPENDING t app", NOTHING_PENDING);
    hush(l);
}

static void a_failed_message_comes_again(void **state)
{
    open_again((const char *[]){"processingTimeout", "200", "redeliverInterval", "50ms", NULL});
    struct listener *l = listen_on(bus, "t", 0, 0);
    publish("t", "x");
    struct heard *first = hear(l, SOON);
    uint64_t at_ns = first->at_ns;
    settle(l, first, TRB_RETRY);
    struct heard *second = hear(l, SOON);
    assert_non_null(second);
    assert_string_equal(second->text, "x");
    assert_true(second->at_ns - at_ns >= 190 * CLOCK_MS);
    settle(l, second, TRB_ACK);
    comes_to("XPENDING t app", NOTHING_PENDING);
    assert_null(hear(l, 2 * NOT));
    hush(l);
}

static void failures_can_be_acknowledged(void **state)
{
    open_again((const char *[]){"ackOnFailure", "true", "processingTimeout", "50", "redeliverInterval", "20", NULL});
    struct listener *l = listen_on(bus, "t", 0, TRB_RETRY);
    publish("t", "x");
    assert_non_null(hear(l, SOON));
    comes_to("XPENDING t app", NOTHING_PENDING);
    assert_null(hear(l, NOT));
    hush(l);
}

static void what_a_dead_consumer_left_is_taken_over(void **state)
{
    open_again((const char *[]){"processingTimeout", "100", "redeliverInterval", "50", "queueDepth", "3", NULL});
    redis_say(&server, "XGROUP CREATE t app 0 MKSTREAM");
    for (int n = 0; n < 10; n++)
        publish("t", "x");
    redis_say(&server, "XREADGROUP GROUP app dead COUNT 100 STREAMS t >");
    struct listener *l = listen_on(bus, "t", 0, TRB_ACK);
    for (int n = 0; n < 10; n++)
        assert_non_null(hear(l, SOON));
    comes_to("XPENDING t app", NOTHING_PENDING);
    hush(l);
}

static void entries_that_are_gone_do_not_stay_pending(void **state)
{
    open_again((const char *[]){"processingTimeout", "100", "redeliverInterval", "50", NULL});
    redis_say(&server, "XGROUP CREATE t app 0 MKSTREAM");
    publish("t", "x");
    redis_say(&server, "XREADGROUP GROUP app dead COUNT 100 STREAMS t >");
    redis_say(&server, "XTRIM t MAXLEN 0");
    struct listener *l = listen_on(bus, "t", 0, TRB_ACK);
    comes_to("XPENDING t app", NOTHING_PENDING);
    hush(l);
}

static void what_was_not_handled_at_the_end_is_due_at_once(void **state)
{
    open_again((const char *[]){"concurrency", "1", NULL});
    publish("t", "held");
    publish("t", "waiting");
    struct listener *l = listen_on(bus, "t", 0, 0);
    struct heard *h = hear(l, SOON);
    loop_call(loop_at(0), close_here, l);
    settle(l, h, TRB_HELD);
    listener_free(l);
    l = listen_on(bus, "t", 0, TRB_ACK);
    assert_string_equal(hear(l, SOON)->text, "held");
    assert_string_equal(hear(l, SOON)->text, "waiting");
    comes_to("XPENDING t app", NOTHING_PENDING);
    hush(l);
}

static void two_topics_do_not_mix(void **state)
{
    struct listener *a = listen_on(bus, "a", 0, TRB_ACK), *b = listen_on(bus, "b", 0, TRB_ACK);
    publish("b", "for b");
    publish("a", "for a");
    assert_string_equal(hear(a, SOON)->text, "for a");
    assert_string_equal(hear(b, SOON)->text, "for b");
    hush(a);
    publish("a", "unheard");
    publish("b", "again");
    assert_string_equal(hear(b, SOON)->text, "again");
    hush(b);
}

static void a_topic_that_is_no_stream_is_refused(void **state)
{
    redis_say(&server, "SET t x");
    struct listener *l = listen_on(bus, "t", 0, TRB_ACK);
    assert_int_equal(l->failure.code, TRB_PRECONDITION);
    assert_non_null(strstr(l->failure.message, "topic 't': WRONGTYPE"));
    listener_free(l);
    struct trb_error err;
    assert_int_equal(publish_with("t", "x", NULL, 0, &err), TRB_PRECONDITION);
}

static void a_deleted_stream_is_made_anew(void **state)
{
    struct listener *l = listen_on(bus, "t", 0, TRB_ACK);
    redis_say(&server, "DEL t");
    publish("t", "x");
    assert_string_equal(hear(l, SOON)->text, "x");
    hush(l);
}

static void a_returned_server_is_found_and_read(void **state)
{
    struct listener *l = listen_on(bus, "t", 0, TRB_ACK);
    redis_server_kill(&server);
    struct trb_error err;
    assert_int_equal(publish_with("t", "x", NULL, 0, &err), TRB_UNAVAILABLE);
    redis_server_run(&server);
    uint64_t end = clock_now_ns() + SOON;
    while (publish("t", "back") != TRB_OK)
        assert_true(clock_now_ns() < end);
    assert_string_equal(hear(l, SOON)->text, "back");
    hush(l);
}

static void an_acknowledgement_outlives_a_broken_connection(void **state)
{
    struct listener *l = listen_on(bus, "t", 0, 0);
    publish("t", "x");
    struct heard *h = hear(l, SOON);
    redis_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
    settle(l, h, TRB_ACK);
    comes_to("XPENDING t app", NOTHING_PENDING);
    hush(l);
}

static _Atomic bool is_breaking;

static void *break_connections(void *unused)
{
    while (is_breaking) {
        redis_say(&server, "CLIENT KILL TYPE normal SKIPME yes");
        poll(NULL, 0, 5);
    }
    return NULL;
}

/* A connection may break between the server's handing over and our receiving: such a message counts as
 * delivered and is due again after processingTimeout only, so that is short here. */
static void many_messages_all_arrive_while_connections_break(void **state)
{
    enum { COUNT = 2000 };
    pthread_t breaker;
    open_again((const char *[]){"processingTimeout", "1s", "redeliverInterval", "100ms", NULL});
    is_breaking = true;
    assert_int_equal(pthread_create(&breaker, NULL, break_connections, NULL), 0);
    struct listener *l = listen_on(bus, "t", 1, TRB_ACK);
    char text[16];
    trb_code code = TRB_OK;
    for (int n = 0; n < COUNT && !code; n++) {
        snprintf(text, sizeof text, "%d", n);
        do
            code = publish("t", text);
        while (code == TRB_UNAVAILABLE);
    }
    is_breaking = false;
    pthread_join(breaker, NULL);
    assert_int_equal(code, TRB_OK);
    char *seen = mem_zero(COUNT);
    int missing = COUNT;
    while (missing) {
        struct heard *h = hear(l, SOON);
        assert_non_null(h);
        int n = atoi(h->text);
        missing -= !seen[n];
        seen[n] = 1;
    }
    mem_free(seen);
    hush(l);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"redisHost", "127.0.0.1:1", "dialTimeout", "500", NULL};
    assert_null(driver_component(&block, "pubsub.redis", pairs, &err));
    assert_non_null(strstr(err.message, "connection refused"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_an_entry_of_data_and_metadata),
        CASE(a_topic_can_be_cut_to_a_length),
        CASE(a_topic_can_be_cut_to_an_age),
        CASE(a_bulk_is_many_entries),
        CASE(what_was_there_before_and_what_comes_is_delivered_and_acknowledged),
        CASE(a_group_has_the_name_of_consumer_id),
        CASE(no_more_than_concurrency_are_at_handlers),
        CASE(a_failed_message_comes_again),
        CASE(failures_can_be_acknowledged),
        CASE(what_a_dead_consumer_left_is_taken_over),
        CASE(entries_that_are_gone_do_not_stay_pending),
        CASE(what_was_not_handled_at_the_end_is_due_at_once),
        CASE(two_topics_do_not_mix),
        CASE(a_topic_that_is_no_stream_is_refused),
        CASE(a_deleted_stream_is_made_anew),
        CASE(a_returned_server_is_found_and_read),
        CASE(an_acknowledgement_outlives_a_broken_connection),
        CASE(many_messages_all_arrive_while_connections_break),
        CASE(a_start_that_cannot_succeed_says_why),
    };
    redis_server_start(&server, NULL);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    redis_server_kill(&server);
    return failed;
}
