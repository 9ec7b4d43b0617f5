/* pubsub.jetstream as the kernel drives it, against a real server that is also killed and started again. */
#include "pubsub_driver.h"
#include "../nats_server.h"
#include <setjmp.h>
#include <cmocka.h>

#define SOON (15 * CLOCK_S)
#define NOT (200 * CLOCK_MS)                /* how long nothing may come */
#define WITH(...) (const char *[]){__VA_ARGS__, NULL}

static struct nats_server server;
static int names;
static char stream[16], topic[24];

static struct instance *open_bus(const char *const *more)
{
    struct trb_error err = ERROR_INIT;
    const char *pairs[16] = {"natsURL", server.url};
    for (size_t n = 0; more && more[n]; n++)
        pairs[2 + n] = more[n];
    struct instance *i = driver_component(&block, "pubsub.jetstream", pairs, &err);
    if (!i)
        printf("%s\n", err.message);
    return i;
}

static const char *ask(const char *what, const char *body)
{
    char subject[64];
    snprintf(subject, sizeof subject, "%s.%s", what, stream);
    return nats_ask(&server, subject, body);
}

/* Each test has a stream of its own, which takes its topic. */
static int up(void **state)
{
    char body[128];
    names++;
    snprintf(stream, sizeof stream, "S%d", names);
    snprintf(topic, sizeof topic, "s%d.t", names);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"subjects\":[\"s%d.>\"],\"storage\":\"file\"}", stream, names);
    if (!strstr(ask("STREAM.CREATE", body), "\"created\""))
        return -1;
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

static void open_again(const char *const *more)
{
    driver_retire(bus);
    bus = open_bus(more);
    assert_non_null(bus);
}

/* Waits for what the server says of the consumer in the end. */
static void consumer_comes_to(const char *part)
{
    uint64_t end = clock_now_ns() + SOON;
    while (!strstr(ask("CONSUMER.LIST", ""), part) && clock_now_ns() < end)
        poll(NULL, 0, 10);
    if (!strstr(ask("CONSUMER.LIST", ""), part))
        fail_msg("not there: %s in %s", part, ask("CONSUMER.LIST", ""));
}

static void a_message_arrives_and_is_acknowledged(void **state)
{
    publish(topic, "before");
    struct listener *l = listen_on(bus, topic, 0, TRB_ACK);
    struct heard *h = hear(l, SOON);
    assert_string_equal(h->text, "before");
    char wanted[40];
    snprintf(wanted, sizeof wanted, "Topic=%s", topic);
    assert_string_equal(h->metadata, wanted);
    publish(topic, "after");
    assert_string_equal(hear(l, SOON)->text, "after");
    consumer_comes_to("\"ack_floor\":{\"consumer_seq\":2,\"stream_seq\":2");
    hush(l);
}

static void a_failed_message_comes_again_and_the_next_meanwhile(void **state)
{
    struct listener *l = listen_on(bus, topic, 0, 0);
    publish(topic, "x");
    publish(topic, "y");
    struct heard *x = hear(l, SOON);
    assert_null(hear(l, NOT));              /* one at a time */
    settle(l, x, TRB_RETRY);
    struct heard *next = hear(l, SOON);
    settle(l, next, TRB_ACK);
    settle(l, hear(l, SOON), TRB_ACK);
    assert_int_equal(l->count, 3);
    consumer_comes_to("\"num_ack_pending\":0");
    assert_null(hear(l, NOT));
    hush(l);
}

static void acknowledging_all_never_acknowledges_what_is_not_done(void **state)
{
    open_again(WITH("ackPolicy", "all", "concurrency", "parallel", "durableName", "d"));
    struct listener *l = listen_on(bus, topic, 0, 0);
    for (int n = 0; n < 3; n++)
        publish(topic, "x");
    struct heard *a = hear(l, SOON), *b = hear(l, SOON), *c = hear(l, SOON);
    settle(l, c, TRB_ACK);
    settle(l, b, TRB_ACK);
    assert_null(hear(l, NOT));
    assert_non_null(strstr(ask("CONSUMER.LIST", ""), "\"num_ack_pending\":3"));
    settle(l, a, TRB_ACK);
    consumer_comes_to("\"num_ack_pending\":0");
    hush(l);
}

static void what_was_held_comes_at_once_to_the_next(void **state)
{
    open_again(WITH("durableName", "d"));
    struct listener *l = listen_on(bus, topic, 0, 0);
    publish(topic, "held");
    publish(topic, "waiting");
    struct heard *h = hear(l, SOON);
    loop_call(loop_at(0), close_here, l);
    settle(l, h, TRB_HELD);
    listener_free(l);
    l = listen_on(bus, topic, 0, TRB_ACK);
    assert_non_null(hear(l, SOON));
    assert_non_null(hear(l, SOON));
    consumer_comes_to("\"num_ack_pending\":0");
    hush(l);
}

static void comes_among_others(struct listener *l, const char *text)
{
    for (;;) {
        struct heard *h = hear(l, SOON);
        assert_non_null(h);
        bool is_it = !strcmp(h->text, text);
        settle(l, h, TRB_ACK);
        if (is_it)
            return;
    }
}

static void a_consumer_that_went_with_the_server_goes_on_where_it_was(void **state)
{
    struct listener *l = listen_on(bus, topic, 0, 0);
    char text[16];
    for (int n = 0; n < 5; n++) {
        snprintf(text, sizeof text, "%d", n);
        publish(topic, text);
    }
    for (int n = 0; n < 4; n++)
        settle(l, hear(l, SOON), TRB_ACK);
    struct heard *last = hear(l, SOON);
    nats_kill(&server);
    nats_run(&server);
    settle(l, last, TRB_RETRY);
    comes_among_others(l, "4");             /* the server may have lost what it was told last, and says these again */
    uint64_t end = clock_now_ns() + SOON;
    while (publish(topic, "after") && clock_now_ns() < end)
        continue;
    comes_among_others(l, "after");
    hush(l);
}

static void two_of_a_group_share(void **state)
{
    open_again(WITH("durableName", "d", "queueGroupName", "g"));
    struct instance *other = open_bus(WITH("durableName", "d", "queueGroupName", "g"));
    struct listener *a = listen_on(bus, topic, 0, TRB_ACK), *b = listen_on(other, topic, 1, TRB_ACK);
    assert_int_equal(a->failure.code, TRB_OK);
    assert_int_equal(b->failure.code, TRB_OK);
    for (int n = 0; n < 60; n++)
        publish(topic, "x");
    uint64_t end = clock_now_ns() + SOON;
    while (a->count + b->count < 60 && clock_now_ns() < end)
        poll(NULL, 0, 5);
    assert_int_equal(a->count + b->count, 60);
    assert_true(a->count && b->count);
    hush(a);
    hush(b);
    driver_retire(other);
}

static void an_event_has_its_id_and_what_is_none_has_none(void **state)
{
    publish(topic, "{\"specversion\":\"1.0\",\"id\":\"a\\u0062\",\"data\":1}");
    assert_non_null(strstr(ask("STREAM.MSG.GET", "{\"seq\":1}"), "\"hdrs\":\"TkFUUy8xLjANCk5hdHMtTXNnLUlkOiBhYg0KDQo=\""));
    publish(topic, "{\"specversion\":\"1.0\",\"id\":\"a\\r\\nX: y\",\"data\":1}");
    publish(topic, "{\"id\":\"a\"}");
    publish(topic, "text");
    for (int n = 2; n < 5; n++) {
        char body[24];
        snprintf(body, sizeof body, "{\"seq\":%d}", n);
        const char *answer = ask("STREAM.MSG.GET", body);
        assert_non_null(strstr(answer, "\"data\""));
        assert_null(strstr(answer, "\"hdrs\""));
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct trb_error err;
    assert_int_equal(publish_with("a b", "x", NULL, 0, &err), TRB_PRECONDITION);
    assert_int_equal(publish_with("a.>", "x", NULL, 0, &err), TRB_PRECONDITION);
    assert_int_equal(publish_with("nobody", "x", NULL, 0, &err), TRB_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no stream takes subject 'nobody'"));
    struct listener *l = listen_on(bus, "nobody", 0, TRB_ACK);
    assert_int_equal(l->failure.code, TRB_NOT_FOUND);
    listener_free(l);
}

static void a_start_that_cannot_succeed_says_why(void **state)
{
    struct trb_error err = ERROR_INIT;
    const char *nobody[] = {"natsURL", "nats://127.0.0.1:1", NULL};
    assert_null(driver_component(&block, "pubsub.jetstream", nobody, &err));
    assert_non_null(strstr(err.message, "cannot connect to NATS"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_arrives_and_is_acknowledged),
        CASE(a_failed_message_comes_again_and_the_next_meanwhile),
        CASE(acknowledging_all_never_acknowledges_what_is_not_done),
        CASE(what_was_held_comes_at_once_to_the_next),
        CASE(a_consumer_that_went_with_the_server_goes_on_where_it_was),
        CASE(two_of_a_group_share),
        CASE(an_event_has_its_id_and_what_is_none_has_none),
        CASE(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_start_that_cannot_succeed_says_why),
    };
    nats_start(&server);
    driver_start();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    driver_stop();
    nats_end(&server);
    return failed;
}
