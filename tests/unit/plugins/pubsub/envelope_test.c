/* envelope_test: what an event is made of, what counts as one, and when it has expired. */
#include <events/envelope.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct text written;
static struct json_fault fault;

static int setup(void **state)
{
    written = (struct text){0};
    return 0;
}

static int teardown(void **state)
{
    text_fini(&written);
    return 0;
}

static struct envelope envelope(const char *type, const char *data)
{
    return (struct envelope){.topic = SLICE("t"), .pubsub = SLICE("p"), .content_type = slice_of(type),
                             .data = slice_of(data), .source = SLICE("app"), .trace_parent = SLICE(""),
                             .trace_state = SLICE(""), .metadata = {NULL, 0, sizeof(struct trb_pair)}};
}

static void write_event(const struct envelope *e)
{
    text_clear(&written);
    assert_true(envelope_write(e, &written, &fault));
}

static bool has(const char *part)
{
    return slice_contains(text_slice(&written), slice_of(part));
}

static void members_stand_in_their_order(void **state)
{
    static const char *const order[] = {"{\"data\":", ",\"datacontenttype\":", ",\"id\":", ",\"pubsubname\":\"p\"",
                                        ",\"source\":\"app\"", ",\"specversion\":\"1.0\"", ",\"time\":", ",\"topic\":\"t\"",
                                        ",\"traceid\":\"\"", ",\"traceparent\":\"\"", ",\"tracestate\":\"\"",
                                        ",\"type\":\"com.dapr.event.sent\"}"};
    struct envelope e = envelope("application/json", "{\"b\":1,\"a\":2}");
    write_event(&e);
    const char *at = written.at;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    assert_true(has("{\"data\":{\"a\":2,\"b\":1},"));
}

static void numbers_keep_their_digits(void **state)
{
    struct envelope e = envelope("application/json", "[1.0,12345678901234567890,1e400,-0]");
    write_event(&e);
    assert_true(has("{\"data\":[1.0,12345678901234567890,1e400,-0],"));
}

static void what_is_no_document_is_a_string(void **state)
{
    struct envelope e = envelope("application/json", "{\"a\"");
    write_event(&e);
    assert_true(has("{\"data\":\"{\\\"a\\\"\","));
    e = envelope("application/json", "");
    write_event(&e);
    assert_true(has("{\"data\":\"\","));
    e = envelope("application/vnd.x+json", "{}");
    write_event(&e);
    assert_true(has("{\"data\":\"{}\","));
}

static void what_is_too_deep_for_an_event_is_a_string(void **state)
{
    char deep[2 * JSON_MAX_DEPTH + 1] = "";
    struct json_value back;
    for (int n = JSON_MAX_DEPTH - 1; n <= JSON_MAX_DEPTH; n++) {
        memset(deep, '[', (size_t)n);
        memset(deep + n, ']', (size_t)n);
        deep[2 * n] = 0;
        struct envelope e = envelope("application/json", deep);
        write_event(&e);
        assert_true(envelope_read(text_slice(&written), &back, &fault));
        assert_int_equal(json_find(back, SLICE("data")).kind, n < JSON_MAX_DEPTH ? JSON_ARRAY : JSON_STRING);
    }
}

static void without_a_type_it_is_plain_text(void **state)
{
    struct envelope e = envelope(NULL, "x");
    write_event(&e);
    assert_true(has("\"datacontenttype\":\"text/plain\""));
}

static void binary_types_are_coded(void **state)
{
    struct envelope e = envelope("application/octet-stream", "x");
    write_event(&e);
    assert_true(has("{\"data_base64\":\"eA==\",\"datacontenttype\":\"application/octet-stream\""));
}

static void an_empty_source_is_the_runtime(void **state)
{
    struct envelope e = envelope("text/plain", "x");
    e.source = SLICE("");
    write_event(&e);
    assert_true(has("\"source\":\"Dapr\""));
}

static void a_time_to_live_counts_where_the_product_has_none(void **state)
{
    const struct trb_pair seconds = {NAME("ttlInSeconds"), NAME("10")}, text = {NAME("ttl"), NAME("1m")},
                          none = {NAME("ttlInSeconds"), NAME("soon")}, negative = {NAME("ttlInSeconds"), NAME("-1")},
                          huge = {NAME("ttlInSeconds"), NAME("9223372036854775807")};
    struct envelope e = envelope("text/plain", "x");
    e.metadata = (struct trb_pairs){&seconds, 1, sizeof seconds};
    write_event(&e);
    assert_true(has("\"expiration\":\""));
    e.has_ttl_support = true;
    write_event(&e);
    assert_false(has("expiration"));
    e.has_ttl_support = false;
    e.metadata.at = &text;
    write_event(&e);
    assert_true(has("\"expiration\":\""));
    const struct trb_pair *wrong[] = {&none, &negative, &huge};
    for (int i = 0; i < 3; i++) {
        e.metadata.at = wrong[i];
        write_event(&e);
        assert_false(has("expiration"));
    }
}

static void an_event_is_completed_and_its_own_members_stay(void **state)
{
    struct envelope e = envelope("application/cloudevents+json; charset=utf-8",
                                 " { \"id\" : \"1\", \"topic\":\"x\", \"topic\":\"y\", \"n\": 1.50 } ");
    e.trace_parent = SLICE("TP");
    write_event(&e);
    assert_true(has("{\"id\":\"1\",\"n\":1.50,\"pubsubname\":\"p\",\"source\":\"Dapr\",\"specversion\":\"1.0\",\"time\":\""));
    assert_true(has("\",\"topic\":\"t\",\"traceid\":\"TP\",\"traceparent\":\"TP\",\"tracestate\":\"\","
                    "\"type\":\"com.dapr.event.sent\"}"));
}

static void a_name_written_with_escapes_is_the_same_name(void **state)
{
    struct envelope e = envelope("application/cloudevents+json", "{\"t\\u006fpic\":\"x\",\"trac\\u0065id\":\"own\"}");
    e.trace_parent = SLICE("TP");
    write_event(&e);
    assert_true(has("\"topic\":\"t\",\"traceid\":\"own\",\"traceparent\":\"own\""));
    assert_false(has("TP"));
}

static void what_claims_to_be_an_event_must_be_an_object(void **state)
{
    static const char *const wrong[] = {"", "{", "[]", "5", "null", "\"x\"", "{} {}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct envelope e = envelope("application/cloudevents+json", wrong[i]);
        assert_false(envelope_write(&e, &written, &fault));
        assert_true(*fault.message);
    }
}

static void a_raw_message_has_no_time_and_the_trace_of_its_metadata(void **state)
{
    const struct trb_pair trace = {NAME("traceid"), NAME("T")};
    struct trb_pubsub_event event = {.data = {"\0\xff", 2, NULL}, .metadata = {&trace, 1, sizeof trace}};
    envelope_wrap_raw(&event, SLICE("p"), SLICE("t"), &written);
    assert_true(has("{\"data_base64\":\"AP8=\",\"datacontenttype\":\"application/octet-stream\",\"id\":\""));
    assert_true(has("\"pubsubname\":\"p\",\"source\":\"Dapr\",\"specversion\":\"1.0\",\"topic\":\"t\",\"traceid\":\"T\","
                    "\"type\":\"com.dapr.event.sent\"}"));
    assert_false(has("time\""));
    assert_false(has("traceparent"));
}

static bool expires(const char *json)
{
    struct json_value event;
    assert_true(envelope_read(slice_of(json), &event, &fault));
    return envelope_is_expired(event);
}

static void only_a_time_that_has_passed_expires(void **state)
{
    assert_true(expires("{\"expiration\":\"2020-01-01T00:00:00Z\"}"));
    assert_true(expires("{\"expiration\":\"2020-01-01T00:00:00+02:00\"}"));
    assert_false(expires("{\"expiration\":\"2999-01-01T00:00:00Z\"}"));
    assert_false(expires("{\"expiration\":\"never\"}"));
    assert_false(expires("{\"expiration\":5}"));
    assert_false(expires("{}"));
}

static void words_for_a_boolean(void **state)
{
    bool value = false;
    assert_true(boolean_parse(SLICE("True"), &value) && value);
    assert_true(boolean_parse(SLICE(""), &value) && !value);
    assert_true(boolean_parse((struct trb_slice){NULL, 0}, &value) && !value);
    assert_true(boolean_parse(SLICE("F"), &value) && !value);
    assert_false(boolean_parse(SLICE("tRUE"), &value));
    assert_false(boolean_parse(SLICE("yes"), &value));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_stand_in_their_order),
        TEST(numbers_keep_their_digits),
        TEST(what_is_no_document_is_a_string),
        TEST(what_is_too_deep_for_an_event_is_a_string),
        TEST(without_a_type_it_is_plain_text),
        TEST(binary_types_are_coded),
        TEST(an_empty_source_is_the_runtime),
        TEST(a_time_to_live_counts_where_the_product_has_none),
        TEST(an_event_is_completed_and_its_own_members_stay),
        TEST(a_name_written_with_escapes_is_the_same_name),
        TEST(what_claims_to_be_an_event_must_be_an_object),
        TEST(a_raw_message_has_no_time_and_the_trace_of_its_metadata),
        TEST(only_a_time_that_has_passed_expires),
        TEST(words_for_a_boolean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
