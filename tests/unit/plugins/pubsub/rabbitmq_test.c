/* pubsub.rabbitmq as the kernel drives it, against a real server that is also killed and started again. */
#include "pubsub_driver.h"
#include "../service.h"
#include <poll.h>
#include <setjmp.h>
#include <cmocka.h>

#define SOON (20 * CLOCK_S)
#define NOT (150 * CLOCK_MS)                /* how long nothing may come */

static struct service server;
static char uri[100], topic[32];
static int names;

static struct instance *open_bus(const char *const *more)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[32] = {"connectionString", uri, "reconnectWaitSeconds", "100ms"};
    for (size_t n = 0; more && more[n]; n++)
        pairs[4 + n] = more[n];
    struct instance *i = driver_component(&block, "pubsub.rabbitmq", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

#define WITH(...) (const char *[]){__VA_ARGS__, NULL}

static void open_again(const char *const *more)
{
    driver_retire(bus);
    bus = open_bus(more);
    assert_non_null(bus);
}

/* Each test has a topic of its own: the broker outlives it. */
static int up(void **state)
{
    snprintf(topic, sizeof topic, "t%d-%d", (int)getpid(), names++);
    bus = open_bus(NULL);
    return !bus;
}

static int down(void **state)
{
    hush_all();
    driver_retire(bus);
    bus = NULL;
    return 0;
}

static void control(const char *word)
{
    char command[200];
    snprintf(command, sizeof command, "tests/services/rabbitmq %s %s >/dev/null", word, server.folder);
    assert_int_equal(system(command), 0);
}

/* Until it is taken; one that failed may have been taken all the same. */
static void publish_until_taken(const char *text)
{
    uint64_t end = clock_now_ns() + SOON;
    while (publish(topic, text) != TRB_OK)
        assert_true(clock_now_ns() < end);
}

/* ------------------------------------------------------------------------------------------ there */
static void what_is_published_is_delivered_and_acknowledged(void **state)
{
    open_again(WITH("deletedWhenUnused", "false"));
    struct listener *l = listen_on(bus, topic, 1, TRB_ACK);
    assert_int_equal(publish(topic, "one"), TRB_OK);
    assert_string_equal(hear(l, SOON)->text, "one");
    hush(l);
    l = listen_on(bus, topic, 0, TRB_ACK);
    assert_null(hear(l, NOT));
    assert_int_equal(publish(topic, "two"), TRB_OK);
    assert_string_equal(hear(l, SOON)->text, "two");
    hush(l);
}

static void a_queue_keeps_what_comes_while_nobody_listens(void **state)
{
    open_again(WITH("deletedWhenUnused", "false"));
    hush(listen_on(bus, topic, 0, TRB_ACK));
    publish(topic, "kept");
    struct listener *l = listen_on(bus, topic, 0, TRB_ACK);
    assert_string_equal(hear(l, SOON)->text, "kept");
    hush(l);
}

static void properties_reach_the_application_when_it_wants_them(void **state)
{
    struct trb_pair pairs[] = {{NAME("MessageId"), NAME("m1")}, {NAME("type"), NAME("t1")}, {NAME("contentType"), NAME("a/b")}};
    open_again(WITH("publishMessagePropertiesToMetadata", "true"));
    struct listener *l = listen_on(bus, topic, 0, TRB_ACK);
    assert_int_equal(publish_with(topic, "x", pairs, 3, NULL), TRB_OK);
    assert_string_equal(hear(l, SOON)->metadata, "metadata.messageid=m1 metadata.type=t1 metadata.contenttype=a/b");
    hush(l);
}

static void a_bulk_is_many_messages_and_says_which_failed(void **state)
{
    char too_long[300];
    memset(too_long, 'x', sizeof too_long);
    struct trb_pair bad[] = {{NAME("type"), {too_long, sizeof too_long}}};
    struct trb_pubsub_entry entries[] = {
        {.size = sizeof *entries, .id = NAME("1"), .data = {"a", 1, NULL}},
        {.size = sizeof *entries, .id = NAME("2"), .data = {"b", 1, NULL}, .metadata = {bad, 1, sizeof *bad}},
        {.size = sizeof *entries, .id = NAME("3"), .data = {"c", 1, NULL}}};
    struct trb_pubsub_bulk_publish q = {.size = sizeof q, .topic = name_of(topic), .entries = {entries, 3, sizeof *entries}};
    struct listener *l = listen_on(bus, topic, 0, TRB_ACK);
    struct asked a = {.instance = bus, .verb = verb("bulk_publish"), .question = &q};
    driver_ask(&a);
    assert_null(call_failure(a.call));
    assert_null(call_item_at(a.call, 0)->failure);
    assert_int_equal(call_item_at(a.call, 1)->failure->code, TRB_INVALID);
    assert_null(call_item_at(a.call, 2)->failure);
    driver_release(&a);
    assert_string_equal(hear(l, SOON)->text, "a");
    assert_string_equal(hear(l, SOON)->text, "c");
    hush(l);
}

/* --------------------------------------------------------------------------------------- settling */
static void what_is_given_back_comes_again_and_else_does_not(void **state)
{
    struct listener *l = listen_on(bus, topic, 0, 0);
    publish(topic, "dropped");
    settle(l, hear(l, SOON), TRB_RETRY);
    assert_null(hear(l, NOT));
    hush(l);
    open_again(WITH("requeueInFailure", "true"));
    l = listen_on(bus, topic, 0, 0);
    publish(topic, "again");
    settle(l, hear(l, SOON), TRB_RETRY);
    struct heard *h = hear(l, SOON);
    assert_string_equal(h->text, "again");
    settle(l, h, TRB_DROP);
    assert_null(hear(l, NOT));
    hush(l);
}

static void what_was_held_at_the_end_is_given_to_the_next(void **state)
{
    open_again(WITH("deletedWhenUnused", "false", "prefetchCount", "1"));
    struct listener *l = listen_on(bus, topic, 0, 0);
    publish(topic, "held");
    publish(topic, "waiting");
    struct heard *h = hear(l, SOON);
    loop_call(loop_at(0), close_here, l);
    settle(l, h, TRB_HELD);
    listener_free(l);
    l = listen_on(bus, topic, 1, TRB_ACK);
    assert_string_equal(hear(l, SOON)->text, "held");
    assert_string_equal(hear(l, SOON)->text, "waiting");
    hush(l);
}

static void single_gives_one_after_the_other(void **state)
{
    open_again(WITH("concurrencyMode", "single"));
    struct listener *l = listen_on(bus, topic, 0, 0);
    publish(topic, "one");
    publish(topic, "two");
    struct heard *first = hear(l, SOON);
    assert_null(hear(l, NOT));
    settle(l, first, TRB_ACK);
    struct heard *second = hear(l, SOON);
    assert_string_equal(second->text, "two");
    settle(l, second, TRB_ACK);
    hush(l);
}

/* -------------------------------------------------------------------------------------- in trouble */
static void another_kind_of_exchange_is_refused_in_the_brokers_words(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct listener *l = listen_on(bus, topic, 0, TRB_ACK);
    struct instance *first = bus;
    bus = open_bus(WITH("exchangeKind", "topic"));
    assert_int_equal(publish_with(topic, "x", NULL, 0, &err), TRB_PRECONDITION);
    assert_non_null(strstr(err.message, "inequivalent arg 'type'"));
    struct listener *other = listen_on(bus, topic, 0, TRB_ACK);
    assert_int_equal(other->failure.code, TRB_PRECONDITION);
    assert_non_null(strstr(other->failure.message, topic));
    listener_free(other);
    driver_retire(bus);
    bus = first;
    assert_int_equal(publish(topic, "x"), TRB_OK);
    assert_non_null(hear(l, SOON));
    hush(l);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[] = {"connectionString", "amqp://127.0.0.1:1", NULL};
    assert_null(driver_component(&block, "pubsub.rabbitmq", pairs, &err));
    assert_non_null(strstr(err.message, "connection refused"));
}

static void what_was_confirmed_outlives_a_killed_broker(void **state)
{
    enum { COUNT = 400 };
    char text[16], seen[COUNT] = {0};
    int missing = COUNT;
    if (!server.folder[0])
        skip();                             /* a server that is not ours is not killed */
    open_again(WITH("deletedWhenUnused", "false", "deliveryMode", "2"));
    struct listener *l = listen_on(bus, topic, 1, TRB_ACK);
    for (int n = 0; n < COUNT; n++) {
        if (n == COUNT / 2)
            control("restart");
        snprintf(text, sizeof text, "%d", n);
        publish_until_taken(text);
    }
    while (missing) {
        struct heard *h = hear(l, SOON);
        assert_non_null(h);
        missing -= !seen[atoi(h->text)];
        seen[atoi(h->text)] = 1;
    }
    hush(l);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_published_is_delivered_and_acknowledged),
        CASE(a_queue_keeps_what_comes_while_nobody_listens),
        CASE(properties_reach_the_application_when_it_wants_them),
        CASE(a_bulk_is_many_messages_and_says_which_failed),
        CASE(what_is_given_back_comes_again_and_else_does_not),
        CASE(what_was_held_at_the_end_is_given_to_the_next),
        CASE(single_gives_one_after_the_other),
        CASE(another_kind_of_exchange_is_refused_in_the_brokers_words),
        CASE(a_start_that_cannot_succeed_says_why),
        CASE(what_was_confirmed_outlives_a_killed_broker),
    };
    if (!service_start(&server, "rabbitmq", "TEST_RABBITMQ"))
        return 1;
    snprintf(uri, sizeof uri, "amqp://%s", server.address);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    service_stop(&server);
    return failed;
}
