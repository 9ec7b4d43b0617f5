/* topic_event_test: an event as gRPC speaks of it. */
#include <plugins/pubsub/block/topic_event.c>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct arena *arena;
static struct runtime_topic_event_ce_request parts;

static void *from_arena(struct trb_request *rq, size_t size)
{
    return arena_zero(arena, size);
}

static const struct trb_kernel kernel = {.size = sizeof kernel, .alloc = from_arena};
static struct trb_request request = {.size = sizeof request, .kernel = &kernel};

static int setup(void **state)
{
    arena = arena_create(SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    arena = arena_destroy(arena);
    return 0;
}

static const char *read_with(const char *json, struct trb_slice plain)
{
    struct json_value v;
    struct json_fault fault;
    assert_true(json_parse(slice_of(json), &v, &fault));
    return topic_event_read(&request, v, plain, &parts);
}

static void read_event(const char *json)
{
    assert_null(read_with(json, (struct trb_slice){NULL, 0}));
}

static bool data_is(const char *text)
{
    return slice_is(parts.data, slice_of(text));
}

static void texts_have_fields_of_their_own(void **state)
{
    read_event("{\"id\":\"1\\u0041\",\"source\":\"s\",\"type\":\"t\",\"specversion\":\"1.0\",\"datacontenttype\":\"text/x\"}");
    assert_string_equal(parts.id.at, "1A");
    assert_string_equal(parts.source.at, "s");
    assert_string_equal(parts.type.at, "t");
    assert_string_equal(parts.spec_version.at, "1.0");
    assert_string_equal(parts.data_content_type.at, "text/x");
    assert_int_equal(parts.extensions.len, 0);
}

static void what_is_no_text_is_empty_there(void **state)
{
    read_event("{\"id\":7,\"source\":null,\"type\":{},\"specversion\":[],\"datacontenttype\":true}");
    assert_string_equal(parts.id.at, "");
    assert_string_equal(parts.source.at, "");
    assert_string_equal(parts.type.at, "");
    assert_string_equal(parts.spec_version.at, "");
    assert_string_equal(parts.data_content_type.at, "");
}

static void data_of_a_text_type_is_the_text(void **state)
{
    read_event("{\"datacontenttype\":\"Text/Plain; charset=utf-8\",\"data\":\"a\\n<\"}");
    assert_true(data_is("a\n<"));
    read_event("{\"datacontenttype\":\"application/xml\",\"data\":\"<a/>\"}");
    assert_true(data_is("<a/>"));
    read_event("{\"datacontenttype\":\"text/plain\",\"data\":{\"a\":1}}");
    assert_true(data_is("{\"a\":1}"));
    read_event("{\"datacontenttype\":\"text/plain\",\"data\":null}");
    assert_true(data_is(""));
}

static void data_of_a_json_type_is_its_json_again(void **state)
{
    read_event("{\"datacontenttype\":\"application/json\",\"data\":{\"b\": 1.50,\"a\":\"<\"}}");
    assert_true(data_is("{\"a\":\"\\u003c\",\"b\":1.50}"));
    read_event("{\"datacontenttype\":\"APPLICATION/JSON; x=y\",\"data\":\"x\"}");
    assert_true(data_is("\"x\""));
    read_event("{\"datacontenttype\":\"application/cloudevents+json\",\"data\":[12345678901234567890]}");
    assert_true(data_is("[12345678901234567890]"));
    read_event("{\"datacontenttype\":\"application/json\",\"data\":null}");
    assert_true(data_is("null"));
}

static void without_a_type_data_is_json(void **state)
{
    read_event("{\"data\":{\"a\":1}}");
    assert_true(data_is("{\"a\":1}"));
}

static void data_of_another_type_is_empty(void **state)
{
    read_event("{\"datacontenttype\":\"foo/bar\",\"data\":\"x\"}");
    assert_int_equal(parts.data.len, 0);
    read_event("{\"datacontenttype\":\"application/x+json\",\"data\":\"x\"}");
    assert_int_equal(parts.data.len, 0);
}

static void base64_is_bytes_whatever_the_type(void **state)
{
    read_event("{\"datacontenttype\":\"foo/bar\",\"data\":\"x\",\"data_base64\":\"AP8=\"}");
    assert_int_equal(parts.data.len, 2);
    assert_memory_equal(parts.data.at, "\0\xff", 2);
    read_event("{\"data_base64\":\"\"}");
    assert_int_equal(parts.data.len, 0);
    read_event("{\"datacontenttype\":\"text/plain\",\"data_base64\":null,\"data\":\"x\"}");
    assert_true(data_is("x"));
}

static void base64_that_is_none_is_told(void **state)
{
    assert_string_equal(read_with("{\"data_base64\":\"?\"}", SLICE("")), "its data_base64 is no base64");
    assert_string_equal(read_with("{\"data_base64\":5}", SLICE("")), "its data_base64 is no base64");
}

static void plain_bytes_stand_in_where_no_member_has_data(void **state)
{
    assert_null(read_with("{\"id\":\"1\"}", SLICE("bytes")));
    assert_true(data_is("bytes"));
    assert_null(read_with("{\"data\":\"x\",\"datacontenttype\":\"text/plain\"}", SLICE("bytes")));
    assert_true(data_is("x"));
}

static void the_rest_is_a_struct(void **state)
{
    struct text expected = {0};
    read_event("{\"id\":\"1\",\"own\":[1,\"x\"],\"data\":1,\"time\":\"now\",\"data_base64\":\"\",\"n\":null}");
    assert_true(pb_struct_from_json(SLICE("{\"own\":[1,\"x\"],\"time\":\"now\",\"n\":null}"), &expected));
    assert_true(slice_is(parts.extensions, text_slice(&expected)));
    text_fini(&expected);
}

static void an_attribute_that_is_too_deep_is_told(void **state)
{
    char json[600] = "{\"own\":";
    memset(json + 7, '[', 200);
    memset(json + 207, ']', 200);
    strcpy(json + 407, "}");
    assert_string_equal(read_with(json, SLICE("")), "an attribute is nested too deeply");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(texts_have_fields_of_their_own), TEST(what_is_no_text_is_empty_there),
        TEST(data_of_a_text_type_is_the_text), TEST(data_of_a_json_type_is_its_json_again),
        TEST(without_a_type_data_is_json), TEST(data_of_another_type_is_empty),
        TEST(base64_is_bytes_whatever_the_type), TEST(base64_that_is_none_is_told),
        TEST(plain_bytes_stand_in_where_no_member_has_data), TEST(the_rest_is_a_struct),
        TEST(an_attribute_that_is_too_deep_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
