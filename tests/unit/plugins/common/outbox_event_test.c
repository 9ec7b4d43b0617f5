/* outbox_event_test: what an event of a transaction looks like while it waits, and when it goes out. */
#include <events/outbox_event.h>
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

static struct outbox_event event(const char *type, const char *value)
{
    return (struct outbox_event){
        .id = SLICE("outbox-1"), .broker = SLICE("inner"), .source = SLICE("app"), .trace_parent = SLICE("T"),
        .trace_state = SLICE(""), .content_type = slice_of(type), .value = slice_of(value), .is_json = true,
        .metadata = {NULL, 0, sizeof(struct trb_pair)}};
}

static struct json_value made(const struct outbox_event *e)
{
    struct json_value v;
    text_clear(&written);
    assert_true(outbox_event_write(e, &written, &fault));
    assert_true(envelope_read(text_slice(&written), &v, &fault));
    return v;
}

static void assert_member(struct json_value v, const char *name, const char *raw)
{
    struct trb_slice is = json_find(v, slice_of(name)).raw;
    if (!slice_is(is, slice_of(raw)))
        fail_msg("%s is %.*s, not %s", name, SLICE_ARG(is), raw);
}

static void it_waits_without_a_topic(void **state)
{
    struct outbox_event e = event("", "\"hello\"");
    struct json_value v = made(&e);
    assert_member(v, "id", "\"outbox-1\"");
    assert_member(v, "source", "\"app\"");
    assert_member(v, "type", "\"com.dapr.event.sent\"");
    assert_member(v, "topic", "\"\"");
    assert_member(v, "pubsubname", "\"inner\"");
    assert_member(v, "datacontenttype", "\"text/plain\"");
    assert_member(v, "traceid", "\"T\"");
    assert_member(v, "traceparent", "\"\"");
    assert_member(v, "data", "\"hello\"");
}

static void what_is_no_string_is_written_as_it_is(void **state)
{
    struct outbox_event e = event("text/plain", "12345678901234567890");
    assert_member(made(&e), "data", "\"12345678901234567890\"");
    e.value = SLICE("{\"a\":1.50}");
    assert_member(made(&e), "data", "\"{\\\"a\\\":1.50}\"");
}

static void json_stays_json(void **state)
{
    struct outbox_event e = event("application/json", "{\"b\":1.50,\"a\":12345678901234567890}");
    assert_member(made(&e), "data", "{\"a\":12345678901234567890,\"b\":1.50}");
    e.value = SLICE("\"s\"");
    assert_member(made(&e), "data", "\"s\"");
}

static void bytes_are_no_json(void **state)
{
    struct outbox_event e = event("text/plain", "\"quoted\"");
    e.is_json = false;
    assert_member(made(&e), "data", "\"\\\"quoted\\\"\"");
}

static void metadata_overrides_all_but_the_data_and_the_id(void **state)
{
    static const struct trb_pair pairs[] = {{NAME("type"), NAME("mine")}, {NAME("source"), NAME("else")},
                                            {NAME("id"), NAME("no")}, {NAME("data"), NAME("no")},
                                            {NAME("extra"), NAME("<1>")}};
    struct outbox_event e = event("", "1");
    e.metadata = (struct trb_pairs){pairs, 5, sizeof *pairs};
    struct json_value v = made(&e);
    assert_member(v, "type", "\"mine\"");
    assert_member(v, "source", "\"else\"");
    assert_member(v, "id", "\"outbox-1\"");
    assert_member(v, "data", "\"1\"");
    assert_member(v, "extra", "\"\\u003c1\\u003e\"");
}

static void an_event_of_the_clients_own_gets_our_id(void **state)
{
    struct outbox_event e = event("application/cloudevents+json", "{\"id\":\"theirs\",\"type\":\"t\",\"data\":1}");
    struct json_value v = made(&e);
    assert_member(v, "id", "\"outbox-1\"");
    assert_member(v, "type", "\"t\"");
    assert_member(v, "data", "1");
    e.value = SLICE("3");
    text_clear(&written);
    assert_false(outbox_event_write(&e, &written, &fault));
    assert_true(*fault.message);
}

static struct trb_slice key_of(const char *json)
{
    struct json_value v;
    assert_true(envelope_read(slice_of(json), &v, &fault));
    return outbox_event_key(v);
}

static void only_our_own_ids_are_keys(void **state)
{
    assert_true(slice_is(key_of("{\"id\":\"outbox-7\"}"), SLICE("outbox-7")));
    assert_null(key_of("{\"id\":\"app||orders\"}").at);
    assert_null(key_of("{\"id\":7}").at);
    assert_null(key_of("{}").at);
    assert_null(key_of("{\"id\":\"outbox-\\n\"}").at);
}

static void the_real_address_takes_the_place_of_the_inner_one(void **state)
{
    struct json_value v;
    assert_true(envelope_read(SLICE("{\"topic\":\"\",\"pubsubname\":\"inner\",\"id\":\"outbox-1\",\"n\":1.0}"), &v, &fault));
    outbox_event_readdress(v, SLICE("p"), SLICE("t"), &written);
    assert_string_equal(written.at, "{\"id\":\"outbox-1\",\"n\":1.0,\"pubsubname\":\"p\",\"topic\":\"t\"}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_waits_without_a_topic),
        TEST(what_is_no_string_is_written_as_it_is),
        TEST(json_stays_json),
        TEST(bytes_are_no_json),
        TEST(metadata_overrides_all_but_the_data_and_the_id),
        TEST(an_event_of_the_clients_own_gets_our_id),
        TEST(only_our_own_ids_are_keys),
        TEST(the_real_address_takes_the_place_of_the_inner_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
