/* The link and the publisher against a broker that the test plays: greeting, heartbeats, confirms in every form, refusals,
 * lost connections, alarms, and time that passes. */
#include "rabbitmq_host.h"
#include <rabbitmq/publisher.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAX_WISHES 64

static struct rabbit_config config = {.uri = "amqp://u:p@h:1/v", .reconnect_ns = 3 * SECOND_NS, .heartbeat_ns = 10 * SECOND_NS};
static struct rabbit_link *link_;
static struct rabbit_publisher *publisher;
static uint32_t ups, downs, declared, settled;
static struct trb_error fates[MAX_WISHES];      /* by index; item 1: settled, code 0: well */
static bool is_mandatory;

static void on_up(void *arg)
{
    ups++;
    if (publisher)
        rabbit_publisher_flush(publisher);
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    downs++;
    if (publisher && !was_up)
        rabbit_publisher_missed(publisher, err);
}

static void on_room(void *arg)
{
    rabbit_publisher_flush(publisher);
}

static void declare(void *arg, struct rabbit_channel *c, struct trb_slice exchange)
{
    declared++;
    rabbit_exchange_declare(c, exchange, "fanout", 0);
}

static void describe(void *arg, const struct rabbit_wish *w, struct text *scratch, struct rabbit_message *m)
{
    m->data = (struct trb_data){w->message, strlen(w->message), NULL};
}

static void on_settled(struct rabbit_wish *w, const struct trb_error *err)
{
    assert_int_equal(fates[w->index].item, 0);
    fates[w->index] = err ? *err : (struct trb_error){0};
    fates[w->index].item = 1;
    settled++;
}

static void ask(uint32_t index, const char *text)
{
    struct rabbit_wish w = {.settled = on_settled, .call = &fates[index], .message = text, .index = index};
    rabbit_publisher_add(publisher, &w);
}

static bool went_well(uint32_t index)
{
    return fates[index].item && !fates[index].code;
}

static bool failed(uint32_t index, const char *why)
{
    return fates[index].item && fates[index].code && strstr(fates[index].message, why);
}

static int up_with(bool mandatory)
{
    struct trb_error err = {0};
    host_begin();
    memset(fates, 0, sizeof fates);
    ups = downs = declared = settled = 0;
    is_mandatory = mandatory;
    assert_int_equal(rabbit_config_check(&config, &err), TRB_OK);
    struct rabbit_link_setup s = {.host = &host, .config = &config, .up = on_up, .down = on_down, .room = on_room};
    link_ = rabbit_link_create(&s);
    struct rabbit_publisher_setup p = {.host = &host, .link = link_, .exchange = SLICE("ex"), .is_confirmed = true,
                                       .is_mandatory = mandatory, .declare = declare, .describe = describe};
    publisher = rabbit_publisher_create(&p);
    return 0;
}

static int up(void **state)
{
    up_with(false);
    greet();
    return !ups;
}

static int up_mandatory(void **state)
{
    up_with(true);
    greet();
    return !ups;
}

static int up_dialling(void **state)
{
    return up_with(false);
}

static int down(void **state)
{
    struct trb_error err = {.code = TRB_UNAVAILABLE, .message = "closing"};
    link_ = rabbit_link_destroy(link_);
    publisher = rabbit_publisher_destroy(publisher, &err);
    rabbit_config_fini(&config);
    host_end();
    return 0;
}

/* --------------------------------------------------------------------------------------- greeting */
static void the_greeting_says_who_asks_and_what_is_kept_to(void **state)
{
    stream->events.connected(stream->arg);
    assert_true(slice_is(text_slice(&written), SLICE("AMQP\0\0\x09\x01")));
    looked = written.len;
    say(0, CONNECTION_START, SLICE("\0\x09\0\0\0\0\0\0\0\x05" "PLAIN" "\0\0\0\x05" "en_US"));
    struct wire_frame f = next_frame();
    assert_int_equal(method_of(&f), CONNECTION_START_OK);
    assert_true(slice_contains(f.payload, SLICE("\x05PLAIN\0\0\0\x04\0u\0p\x05" "en_US")));
    tune(60);
    f = next_frame();
    assert_true(slice_is(f.payload, SLICE("\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\x0a")));
    f = next_frame();
    assert_true(slice_is(f.payload, SLICE("\0\x0a\0\x28\x01v\0\0")));
    assert_int_equal(ups, 0);
    say(0, CONNECTION_OPEN_OK, SLICE("\0"));
    assert_int_equal(ups, 1);
}

static void a_greeting_byte_by_byte(void **state)
{
    static const char start[] = "\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05" "PLAIN\0\0\0\x05" "en_US\xce";
    stream->events.connected(stream->arg);
    looked = written.len;
    for (size_t n = 0; n < sizeof start - 1; n++)
        feed(slice_from(start + n, 1));
    struct wire_frame f = next_frame();
    assert_int_equal(method_of(&f), CONNECTION_START_OK);
}

static void what_is_no_greeting_is_told(void **state)
{
    stream->events.connected(stream->arg);
    feed(SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_int_equal(downs, 1);
    assert_non_null(strstr(rabbit_link_fault(link_)->message, "rabbitmq h:1: what it says is not AMQP 0-9-1"));
}

static void a_greeting_without_its_tuning_is_none(void **state)
{
    stream->events.connected(stream->arg);
    say(0, CONNECTION_OPEN_OK, SLICE("\0"));
    assert_false(rabbit_link_is_up(link_));
    assert_non_null(strstr(rabbit_link_fault(link_)->message, "unexpected step"));
}

static void a_greeting_without_end_is_over_after_four_seconds(void **state)
{
    stream->events.connected(stream->arg);
    pass(3 * SECOND_NS);
    assert_int_equal(downs, 0);
    pass(2 * SECOND_NS);
    assert_int_equal(downs, 1);
    assert_int_equal(dials, 1);
    pass(3 * SECOND_NS);
    assert_int_equal(dials, 2);
}

static void a_refusal_is_in_the_brokers_words(void **state)
{
    stream->events.connected(stream->arg);
    say(0, CONNECTION_CLOSE, SLICE("\x01\x93\x0e" "ACCESS_REFUSED" "\0\0\0\0"));
    assert_non_null(strstr(rabbit_link_fault(link_)->message, "ACCESS_REFUSED"));
    assert_int_equal(rabbit_link_fault(link_)->code, TRB_DENIED);
}

/* ------------------------------------------------------------------------------------- heartbeats */
static void heartbeats_go_out_and_are_awaited(void **state)
{
    looked = written.len;
    pass(5 * SECOND_NS);
    struct wire_frame f = next_frame();
    assert_int_equal(f.kind, WIRE_HEARTBEAT);
    for (int n = 0; n < 10; n++) {
        feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
        pass(10 * SECOND_NS);
    }
    assert_int_equal(downs, 0);
    pass(30 * SECOND_NS);
    assert_int_equal(downs >= 1, 1);
    assert_true(dials >= 2);
}

/* --------------------------------------------------------------------------------------- confirms */
static void a_message_leaves_behind_its_declaration_at_once(void **state)
{
    looked = written.len;
    ask(0, "hello");
    static const uint32_t want[] = {CHANNEL_OPEN, CONFIRM_SELECT, EXCHANGE_DECLARE, BASIC_PUBLISH};
    for (size_t n = 0; n < 4; n++) {
        struct wire_frame f = next_frame();
        assert_int_equal(method_of(&f), want[n]);
        assert_int_equal(f.channel, 1);
    }
    struct wire_frame header = next_frame(), body = next_frame();
    assert_true(header.kind == WIRE_HEADER && slice_is(header.payload, SLICE("\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0")));
    assert_true(body.kind == WIRE_BODY && slice_is(body.payload, SLICE("hello")));
    assert_int_equal(settled, 0);
    say(1, CHANNEL_OPEN_OK, SLICE("\0\0\0\0"));
    say(1, CONFIRM_SELECT_OK, SLICE(""));
    say(1, EXCHANGE_DECLARE_OK, SLICE(""));
    confirm(1, 1, false, true);
    assert_true(went_well(0) && rabbit_publisher_is_idle(publisher));
}

static void confirms_may_come_in_any_order(void **state)
{
    for (uint32_t n = 0; n < 6; n++)
        ask(n, "x");
    confirm(1, 3, false, true);
    assert_true(settled == 1 && went_well(2));
    confirm(1, 2, true, true);
    assert_true(settled == 3 && went_well(0) && went_well(1));
    confirm(1, 2, true, true);
    confirm(1, 3, false, true);
    confirm(1, 99, true, true);
    confirm(1, 0, true, true);
    assert_int_equal(settled, 3);
    confirm(1, 5, false, false);
    assert_true(settled == 4 && failed(4, "did not take the message"));
    confirm(1, 6, true, true);
    assert_true(settled == 6 && went_well(3) && went_well(5));
}

static void many_in_flight_across_the_rings_end(void **state)
{
    for (uint32_t n = 0; n < 40; n++) {
        ask(n, "x");
        if (n >= 3)
            confirm(1, n - 2, false, true);
    }
    assert_int_equal(settled, 37);
    confirm(1, 40, true, true);
    assert_int_equal(settled, 40);
    for (uint32_t n = 0; n < 40; n++)
        assert_true(went_well(n));
}

static void a_long_body_is_cut_into_frames(void **state)
{
    size_t len = 300000;
    char *text = mem_alloc(len + 1);
    memset(text, 'x', len);
    text[len] = 0;
    looked = written.len;
    ask(0, text);
    size_t bodies = 0, bytes = 0;
    for (struct wire_frame f = next_frame(); f.kind; f = next_frame())
        if (f.kind == WIRE_BODY) {
            bodies++;
            bytes += f.payload.len;
        }
    assert_true(bodies == 3 && bytes == len);
    confirm(1, 1, false, true);
    mem_free(text);
}

/* --------------------------------------------------------------------------------------- refusals */
static void an_exchange_that_was_gone_is_declared_again(void **state)
{
    ask(0, "a");
    ask(1, "b");
    ask(2, "c");
    confirm(1, 1, false, true);
    looked = written.len;
    close_channel(1, 404, "NOT_FOUND - no exchange 'ex'", BASIC_PUBLISH);
    assert_int_equal(declared, 2);
    assert_int_equal(count_written(BASIC_PUBLISH), 2);
    assert_int_equal(settled, 1);
    confirm(1, 2, true, true);
    assert_true(went_well(1) && went_well(2));
}

static void it_is_not_tried_for_ever(void **state)
{
    ask(0, "a");
    for (int n = 0; n < 3; n++) {
        assert_int_equal(settled, 0);
        close_channel(1, 404, "NOT_FOUND - no exchange 'ex'", BASIC_PUBLISH);
    }
    assert_true(failed(0, "NOT_FOUND"));
}

static void a_refused_declaration_fails_what_stands_behind_it(void **state)
{
    ask(0, "a");
    ask(1, "b");
    close_channel(1, 406, "PRECONDITION_FAILED - inequivalent arg 'type'", EXCHANGE_DECLARE);
    assert_true(failed(0, "inequivalent arg") && failed(1, "inequivalent arg"));
    assert_int_equal(fates[0].code, TRB_PRECONDITION);
    ask(2, "c");
    confirm(1, 1, false, true);
    assert_true(went_well(2));
}

static void what_no_queue_took_is_declared_and_sent_again(void **state)
{
    static const char arguments[] = "\x01\x38\x08NO_ROUTE\0\0";
    ask(0, "a");
    ask(1, "b");
    content(1, BASIC_RETURN, slice_from(arguments, sizeof arguments - 1), SLICE("b"));
    confirm(1, 1, false, true);
    assert_true(went_well(0));
    confirm(1, 2, false, true);
    assert_true(declared == 2 && settled == 1);
    confirm(1, 3, false, true);
    assert_true(went_well(1));
}

static void what_no_queue_takes_at_all_fails(void **state)
{
    static const char arguments[] = "\x01\x38\x08NO_ROUTE\0\0";
    ask(0, "a");
    for (uint32_t tag = 1; tag <= 3; tag++) {
        assert_int_equal(settled, 0);
        content(1, BASIC_RETURN, slice_from(arguments, sizeof arguments - 1), SLICE("a"));
        confirm(1, tag, false, true);
    }
    assert_true(failed(0, "no queue that took the message"));
}

/* --------------------------------------------------------------------------------- lost and found */
static void what_was_written_has_an_unknown_fate(void **state)
{
    pass(2 * SECOND_NS);
    feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
    ask(0, "a");
    lose();
    assert_true(failed(0, "may have been taken") && fates[0].retryable);
    assert_int_equal(dials, 2);
    ask(1, "b");
    assert_int_equal(settled, 1);
    greet();
    confirm(1, 1, false, true);
    assert_true(went_well(1));
}

static void what_waits_sees_two_attempts_fail(void **state)
{
    ask(0, "a");
    lose();
    assert_int_equal(settled, 0);
    pass(3 * SECOND_NS);
    assert_int_equal(dials, 2);
    lose();
    assert_true(failed(0, "rabbitmq h:1: connection reset") && fates[0].retryable);
}

static void a_connection_that_breaks_at_once_is_not_dialled_in_a_circle(void **state)
{
    lose();
    assert_int_equal(dials, 1);
    pass(3 * SECOND_NS);
    assert_int_equal(dials, 2);
}

static void patience_ends_after_thirty_seconds(void **state)
{
    ask(0, "a");
    for (int n = 0; n < 29; n++) {
        feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
        pass(SECOND_NS);
        rabbit_publisher_tick(publisher);
    }
    assert_int_equal(settled, 0);
    feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
    pass(SECOND_NS);
    rabbit_publisher_tick(publisher);
    assert_true(failed(0, "did not confirm the message within 30 s"));
    confirm(1, 1, false, true);
    assert_int_equal(settled, 1);
    assert_true(rabbit_publisher_is_idle(publisher));
}

/* ----------------------------------------------------------------------------------------- alarms */
static void a_blocked_broker_is_written_nothing(void **state)
{
    say(0, CONNECTION_BLOCKED, SLICE("\x0dlow on memory"));
    assert_non_null(strstr(last_log, "low on memory"));
    looked = written.len;
    ask(0, "a");
    ask(1, "b");
    assert_int_equal(count_written(BASIC_PUBLISH), 0);
    rabbit_publisher_cancel(publisher, &fates[1]);
    assert_true(failed(1, "takes no messages for now: low on memory"));
    say(0, CONNECTION_UNBLOCKED, SLICE(""));
    assert_int_equal(count_written(BASIC_PUBLISH), 1);
    confirm(1, 1, false, true);
    assert_true(went_well(0));
}

static void what_does_not_leave_is_not_heaped_up(void **state)
{
    unsent = 8u << 20;
    looked = written.len;
    ask(0, "a");
    assert_int_equal(count_written(BASIC_PUBLISH), 0);
    unsent = 0;
    stream->events.writable(stream->arg);
    assert_int_equal(count_written(BASIC_PUBLISH), 1);
    confirm(1, 1, false, true);
}

static void a_caller_that_has_gone_is_dropped_while_it_waits(void **state)
{
    ask(0, "a");
    ask(1, "b");
    rabbit_publisher_cancel(publisher, &fates[0]);
    assert_true(settled == 1 && fates[0].code);
    greet();
    confirm(1, 1, false, true);
    assert_true(went_well(1));
}

/* ------------------------------------------------------------------------------------- misbehaviour */
static void a_broker_out_of_its_mind_is_left(void **state)
{
    static const struct {
        uint32_t kind, channel;
        struct trb_slice payload;
    } nonsense[] = {
        {WIRE_METHOD, 9, {"\0\x3c\0\x50", 4}},             /* no such channel */
        {WIRE_METHOD, 1, {"\0\x28\0\x0b", 4}},             /* an answer to nothing */
        {WIRE_METHOD, 1, {"\0\x3c\0\x50", 4}},             /* cut short */
        {WIRE_HEADER, 1, {"\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0", 14}},
        {WIRE_BODY, 1, {"x", 1}},
        {WIRE_METHOD, 1, {"\0\x14\0\x29", 4}},             /* closed, but by whom? */
        {WIRE_METHOD, 0, {"\0\x0a\0\x0a", 4}},             /* a greeting once more */
        {WIRE_BODY, 0, {"x", 1}},
        {WIRE_METHOD, 0, {"", 0}},
    };
    for (size_t n = 0; n < countof(nonsense); n++) {
        uint32_t before = downs;
        pass(2 * SECOND_NS);
        feed_frame(WIRE_HEARTBEAT, 0, SLICE(""));
        fates[0].item = 0;
        ask(0, "a");
        say(1, CHANNEL_OPEN_OK, SLICE("\0\0\0\0"));
        feed_frame(nonsense[n].kind, nonsense[n].channel, nonsense[n].payload);
        assert_int_equal(downs, before + 1);
        assert_true(fates[0].item && fates[0].code);
        greet();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_greeting_says_who_asks_and_what_is_kept_to, up_dialling, down),
        cmocka_unit_test_setup_teardown(a_greeting_byte_by_byte, up_dialling, down),
        cmocka_unit_test_setup_teardown(what_is_no_greeting_is_told, up_dialling, down),
        cmocka_unit_test_setup_teardown(a_greeting_without_its_tuning_is_none, up_dialling, down),
        cmocka_unit_test_setup_teardown(a_greeting_without_end_is_over_after_four_seconds, up_dialling, down),
        cmocka_unit_test_setup_teardown(a_refusal_is_in_the_brokers_words, up_dialling, down),
        CASE(heartbeats_go_out_and_are_awaited),
        CASE(a_message_leaves_behind_its_declaration_at_once),
        CASE(confirms_may_come_in_any_order),
        CASE(many_in_flight_across_the_rings_end),
        CASE(a_long_body_is_cut_into_frames),
        CASE(an_exchange_that_was_gone_is_declared_again),
        CASE(it_is_not_tried_for_ever),
        CASE(a_refused_declaration_fails_what_stands_behind_it),
        cmocka_unit_test_setup_teardown(what_no_queue_took_is_declared_and_sent_again, up_mandatory, down),
        cmocka_unit_test_setup_teardown(what_no_queue_takes_at_all_fails, up_mandatory, down),
        CASE(what_was_written_has_an_unknown_fate),
        cmocka_unit_test_setup_teardown(what_waits_sees_two_attempts_fail, up_dialling, down),
        CASE(a_connection_that_breaks_at_once_is_not_dialled_in_a_circle),
        CASE(patience_ends_after_thirty_seconds),
        CASE(a_blocked_broker_is_written_nothing),
        CASE(what_does_not_leave_is_not_heaped_up),
        cmocka_unit_test_setup_teardown(a_caller_that_has_gone_is_dropped_while_it_waits, up_dialling, down),
        CASE(a_broker_out_of_its_mind_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
