/* The consumer against a broker that the test plays: deliveries in pieces, settling, its end in order, channels and
 * connections that break, a host without memory, and handlers that are too slow. */
#include "rabbitmq_host.h"
#include <rabbitmq/consumer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct rabbit_config config = {.uri = "amqp://h:1", .reconnect_ns = 3 * SECOND_NS};
static struct rabbit_link *link_;
static struct rabbit_consumer *consumer;
static struct trb_call call = {.size = sizeof call, .host = &host};
static struct rabbit_delivery *held[8192];
static uint32_t credit, over;
static char text[8192][16];

static void on_up(void *arg)
{
    if (consumer)
        rabbit_consumer_begin(consumer);
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
}

static void declare(void *arg, struct rabbit_channel *c, rabbit_then *consuming)
{
    rabbit_queue_declare(c, SLICE("q"), 0, SLICE(""), NULL);
    rabbit_qos(c, 10);
    rabbit_consume(c, SLICE("q"), SLICE("tag"), false, false, consuming);
}

static uint32_t emit(void *arg, struct rabbit_delivery *d)
{
    held[emitted] = d;
    struct trb_slice bytes = buf_bytes(d->body);
    snprintf(text[emitted], sizeof text[0], "%.*s", SLICE_ARG(slice_cut(bytes, 15)));
    emitted++;
    return --credit;
}

static void on_over(void *arg)
{
    over++;
    consumer = NULL;
}

static void consuming_begins(void)
{
    say(1, CHANNEL_OPEN_OK, SLICE("\0\0\0\0"));
    say(1, QUEUE_DECLARE_OK, SLICE("\x01q\0\0\0\0\0\0\0\0"));
    say(1, BASIC_QOS_OK, SLICE(""));
    say(1, BASIC_CONSUME_OK, SLICE("\x03tag"));
}

static void begin_with(bool one_by_one, bool goes_unused)
{
    struct trb_error err = {0};
    host_begin();
    over = 0;
    credit = 100000;
    assert_int_equal(rabbit_config_check(&config, &err), TRB_OK);
    struct rabbit_link_setup s = {.host = &host, .config = &config, .up = on_up, .down = on_down};
    link_ = rabbit_link_create(&s);
    struct rabbit_consumer_setup c = {.host = &host, .link = link_, .call = &call, .what = "topic 't'", .tag = "tag",
                                      .pause_ns = SECOND_NS, .one_by_one = one_by_one, .goes_unused = goes_unused,
                                      .declare = declare, .emit = emit, .over = on_over};
    consumer = rabbit_consumer_create(&c);
    rabbit_consumer_begin(consumer);
    assert_int_equal(opened, 0);
    greet();
    consuming_begins();
    assert_int_equal(opened, 1);
    looked = written.len;
}

static int up(void **state)
{
    begin_with(false, false);
    return 0;
}

static int up_one_by_one(void **state)
{
    begin_with(true, false);
    return 0;
}

static int up_unused(void **state)
{
    begin_with(false, true);
    return 0;
}

static int down(void **state)
{
    link_ = rabbit_link_destroy(link_);
    if (consumer)
        rabbit_consumer_cancel(consumer);
    rabbit_config_fini(&config);
    host_end();
    return 0;
}

static void settle(uint32_t n, uint32_t verdict, bool requeue)
{
    rabbit_consumer_settle(held[n], verdict, requeue);
}

static void emitted_are(const char *const *texts, uint32_t count)
{
    assert_int_equal(emitted, count);
    for (uint32_t n = 0; n < count; n++)
        assert_string_equal(text[n], texts[n]);
}

static void expect_settled(const char *arguments, size_t len, uint32_t method)
{
    struct wire_frame f = next_frame();
    assert_int_equal(method_of(&f), method);
    assert_true(slice_is(slice_skip(f.payload, 4), slice_from(arguments, len)));
}

/* The delivery's bytes lie where the event takes them from. */
static void messages_come_and_are_settled(void **state)
{
    deliver(1, 1, SLICE("one"));
    deliver(1, 2, SLICE(""));
    deliver(1, 3, SLICE("three"));
    emitted_are((const char *[]){"one", "", "three"}, 3);
    settle(1, TRB_ACK, false);
    expect_settled("\0\0\0\0\0\0\0\x02\0", 9, BASIC_ACK);
    settle(0, TRB_RETRY, true);
    expect_settled("\0\0\0\0\0\0\0\x01\x02", 9, BASIC_NACK);
    settle(2, TRB_RETRY, false);
    expect_settled("\0\0\0\0\0\0\0\x03\0", 9, BASIC_NACK);
    deliver(1, 4, SLICE("four"));
    settle(3, TRB_HELD, true);
    assert_int_equal(next_frame().kind, 0);
}

static void a_body_in_many_frames(void **state)
{
    say(1, BASIC_DELIVER, SLICE("\x03tag\0\0\0\0\0\0\0\x01\0\0\0"));
    feed_frame(WIRE_HEADER, 1, SLICE("\0\x3c\0\0\0\0\0\0\0\0\0\x06\0\0"));
    feed_frame(WIRE_BODY, 1, SLICE("ab"));
    feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
    feed_frame(WIRE_BODY, 1, SLICE("c"));
    assert_int_equal(emitted, 0);
    feed_frame(WIRE_BODY, 1, SLICE("def"));
    emitted_are((const char *[]){"abcdef"}, 1);
    settle(0, TRB_ACK, false);
}

static void without_credit_it_waits_for_resume(void **state)
{
    credit = 1;
    deliver(1, 1, SLICE("one"));
    deliver(1, 2, SLICE("two"));
    emitted_are((const char *[]){"one"}, 1);
    settle(0, TRB_ACK, false);
    assert_int_equal(emitted, 1);
    credit = 5;
    rabbit_consumer_resume(consumer);
    emitted_are((const char *[]){"one", "two"}, 2);
    settle(1, TRB_ACK, false);
}

static void one_by_one_waits_for_each(void **state)
{
    deliver(1, 1, SLICE("one"));
    deliver(1, 2, SLICE("two"));
    deliver(1, 3, SLICE("three"));
    assert_int_equal(emitted, 1);
    settle(0, TRB_ACK, false);
    assert_int_equal(emitted, 2);
    settle(1, TRB_RETRY, false);
    emitted_are((const char *[]){"one", "two", "three"}, 3);
    settle(2, TRB_ACK, false);
}

/* ------------------------------------------------------------------------------------------ ending */
static void it_ends_when_the_handlers_are_done_and_the_broker_knows(void **state)
{
    deliver(1, 1, SLICE("one"));
    rabbit_consumer_cancel(consumer);
    struct wire_frame f = next_frame();
    assert_int_equal(method_of(&f), BASIC_CANCEL);
    deliver(1, 2, SLICE("late"));
    assert_true(emitted == 1 && !over);
    settle(0, TRB_ACK, false);
    f = next_frame();
    assert_int_equal(method_of(&f), BASIC_ACK);
    f = next_frame();
    assert_int_equal(method_of(&f), CHANNEL_CLOSE);
    assert_int_equal(over, 0);
    say(1, BASIC_CANCEL_OK, SLICE("\x03tag"));
    say(1, CHANNEL_CLOSE_OK, SLICE(""));
    assert_true(over == 1 && answered == 1 && !failure.code);
}

static void a_queue_that_goes_unused_is_not_left_before_its_messages_are_settled(void **state)
{
    deliver(1, 1, SLICE("one"));
    rabbit_consumer_cancel(consumer);
    assert_int_equal(next_frame().kind, 0);
    settle(0, TRB_RETRY, true);
    struct wire_frame nack = next_frame(), closing = next_frame();
    assert_true(method_of(&nack) == BASIC_NACK && method_of(&closing) == CHANNEL_CLOSE);
    say(1, CHANNEL_CLOSE_OK, SLICE(""));
    assert_int_equal(over, 1);
}

static void a_broker_that_does_not_say_goodbye_is_waited_for_a_second(void **state)
{
    rabbit_consumer_cancel(consumer);
    assert_int_equal(over, 0);
    pass(SECOND_NS);
    assert_true(over == 1 && answered == 1 && !failure.code);
    deliver(1, 1, SLICE("late"));
    close_channel(1, 404, "late", 0);
    say(1, CHANNEL_CLOSE_OK, SLICE(""));
    assert_int_equal(emitted, 0);
}

static void it_ends_without_a_connection_too(void **state)
{
    deliver(1, 1, SLICE("one"));
    lose();
    rabbit_consumer_cancel(consumer);
    assert_int_equal(over, 0);
    settle(0, TRB_ACK, false);
    assert_true(over == 1 && answered == 1 && !failure.code);
}

/* ----------------------------------------------------------------------------------------- breaking */
static void what_came_before_a_break_cannot_be_settled_after_it(void **state)
{
    pass(2 * SECOND_NS);
    deliver(1, 1, SLICE("one"));
    lose();
    greet();
    consuming_begins();
    assert_int_equal(opened, 1);
    looked = written.len;
    settle(0, TRB_ACK, false);
    assert_int_equal(next_frame().kind, 0);
    deliver(1, 1, SLICE("one"));
    settle(1, TRB_ACK, false);
    expect_settled("\0\0\0\0\0\0\0\x01\0", 9, BASIC_ACK);
}

static void a_queue_that_is_gone_is_declared_again_after_a_pause(void **state)
{
    say(1, BASIC_CANCEL, SLICE("\x03tag\x01"));
    assert_non_null(strstr(last_log, "topic 't': the broker ended it"));
    assert_int_equal(count_written(QUEUE_DECLARE), 0);
    pass(SECOND_NS);
    assert_int_equal(count_written(QUEUE_DECLARE), 1);
}

static void a_refusal_at_first_ends_it_and_later_is_tried_again(void **state)
{
    close_channel(1, 406, "PRECONDITION_FAILED - delivery timed out", 0x003c0050);
    assert_int_equal(over, 0);
    pass(SECOND_NS);
    assert_int_equal(count_written(QUEUE_DECLARE), 1);
    rabbit_consumer_cancel(consumer);
    say(1, CHANNEL_CLOSE_OK, SLICE(""));
    assert_int_equal(over, 1);
    struct rabbit_consumer_setup c = {.host = &host, .link = link_, .call = &call, .what = "topic 't'", .tag = "tag",
                                      .declare = declare, .emit = emit, .over = on_over};
    consumer = rabbit_consumer_create(&c);
    rabbit_consumer_begin(consumer);
    close_channel(1, 406, "PRECONDITION_FAILED - inequivalent", QUEUE_DECLARE);
    assert_int_equal(over, 2);
    assert_non_null(strstr(failure.message, "topic 't': rabbitmq h:1: PRECONDITION_FAILED"));
}

static void what_the_host_has_no_memory_for_goes_back(void **state)
{
    no_buffers = 1;
    deliver(1, 1, SLICE("one"));
    no_buffers = 0;
    deliver(1, 2, SLICE("two"));
    assert_int_equal(emitted, 0);
    pass(SECOND_NS / 10);
    expect_settled("\0\0\0\0\0\0\0\x01\x02", 9, BASIC_NACK);
    expect_settled("\0\0\0\0\0\0\0\x02\x02", 9, BASIC_NACK);
    deliver(1, 3, SLICE("one"));
    emitted_are((const char *[]){"one"}, 1);
    settle(0, TRB_ACK, false);
}

static void too_much_that_waits_stops_the_reading(void **state)
{
    credit = 1;
    uint64_t tag = 1;
    while (is_reading && tag < 8000)
        deliver(1, tag++, SLICE("x"));
    assert_in_range(tag, 4000, 5000);
    settle(0, TRB_ACK, false);
    credit = 4000;
    rabbit_consumer_resume(consumer);
    assert_int_equal(is_reading, 1);
    pass(1);
    for (uint32_t n = 1; n < emitted; n++)
        settle(n, TRB_ACK, false);
}

static void deliveries_are_numbered_in_order(void **state)
{
    pass(2 * SECOND_NS);
    deliver(1, 1, SLICE("one"));
    say(1, BASIC_DELIVER, SLICE("\x03tag\0\0\0\0\0\0\0\x03\0\0\0"));
    assert_non_null(strstr(rabbit_link_fault(link_)->message, "numbered out of order"));
    settle(0, TRB_ACK, false);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(messages_come_and_are_settled),
        CASE(a_body_in_many_frames),
        CASE(without_credit_it_waits_for_resume),
        cmocka_unit_test_setup_teardown(one_by_one_waits_for_each, up_one_by_one, down),
        CASE(it_ends_when_the_handlers_are_done_and_the_broker_knows),
        cmocka_unit_test_setup_teardown(a_queue_that_goes_unused_is_not_left_before_its_messages_are_settled, up_unused, down),
        CASE(a_broker_that_does_not_say_goodbye_is_waited_for_a_second),
        CASE(it_ends_without_a_connection_too),
        CASE(what_came_before_a_break_cannot_be_settled_after_it),
        CASE(a_queue_that_is_gone_is_declared_again_after_a_pause),
        CASE(a_refusal_at_first_ends_it_and_later_is_tried_again),
        CASE(what_the_host_has_no_memory_for_goes_back),
        CASE(too_much_that_waits_stops_the_reading),
        CASE(deliveries_are_numbered_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
