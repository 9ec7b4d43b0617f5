/* status: an HTTP failure as google.rpc.Status, and any google.rpc.Status as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "plugins/invoke/block/status.c"
#include "plugins/invoke/block/status_json.c"

static void expect_json(trb_code code, const char *message, const struct text *details, const char *json)
{
    struct text t = {0};
    status_json(&t, code, slice_of(message), details ? text_slice(details) : (struct trb_slice){NULL, 0});
    assert_string_equal(t.at, json);
    text_fini(&t);
}

static void expect_http(uint32_t status, const char *text, struct trb_slice body, const char *json)
{
    struct text t = {0};
    trb_code code = 5;
    status_of_http(&t, code, slice_of(text), status, body);
    expect_json(code, text, &t, json);
    text_fini(&t);
}

#define INFO(reason, code, said) \
    "{\"code\":5,\"message\":\"" reason "\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"" \
    reason "\",\"domain\":\"dapr.io\",\"metadata\":{\"http.code\":\"" code "\",\"http.error_message\":\"" said "\"}}]}"

static void an_http_failure_tells_status_and_body(void **state)
{
    expect_http(404, "Not Found", SLICE("nope"), INFO("Not Found", "404", "nope"));
    expect_http(404, "Not Found", SLICE(""), INFO("Not Found", "404", ""));
}

static void a_status_without_a_text_has_none(void **state)
{
    expect_http(599, "", SLICE("x"), "{\"code\":5,\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                "\"domain\":\"dapr.io\",\"metadata\":{\"http.code\":\"599\",\"http.error_message\":\"x\"}}]}");
}

#define SIXTY "012345678901234567890123456789012345678901234567890123456789"

static void the_body_is_cut_to_63_bytes(void **state)
{
    expect_http(404, "Not Found", SLICE(SIXTY "abc"), INFO("Not Found", "404", SIXTY "abc"));
    expect_http(404, "Not Found", SLICE(SIXTY "abcd"), INFO("Not Found", "404", SIXTY "abc"));
    expect_http(404, "Not Found", SLICE(SIXTY "ab\xc3\xa4"), INFO("Not Found", "404", SIXTY "ab"));
    expect_http(404, "Not Found", SLICE(SIXTY "\xe2\x82\xac"), INFO("Not Found", "404", SIXTY "\xe2\x82\xac"));
}

static void bytes_that_are_no_text_become_question_marks(void **state)
{
    expect_http(404, "Not Found", SLICE("a\xff\xfe" "b\xc3"), INFO("Not Found", "404", "a??b?"));
    expect_http(404, "Not Found", SLICE(SIXTY "ab\xff" "cdefg"), INFO("Not Found", "404", SIXTY "ab?"));
}

static void what_is_empty_is_left_out_of_the_json(void **state)
{
    expect_json(20, "", NULL, "{\"code\":20}");
    expect_json(3, "say \"what\"\n<b>", NULL, "{\"code\":3,\"message\":\"say \\\"what\\\"\\n<b>\"}");
}

static void add_any(struct text *t, const char *type, struct text *message)
{
    size_t any = wire_begin(t, 3);
    wire_put_bytes(t, 1, slice_of(type));
    wire_put_bytes(t, 2, text_slice(message));
    wire_end(t, any);
    text_fini(message);
}

static void known_details_are_spelled_out(void **state)
{
    struct text t = {0}, m = {0};
    size_t part = wire_begin(&m, 1);
    wire_put_bytes(&m, 1, SLICE("name"));
    wire_put_bytes(&m, 2, SLICE("too long"));
    wire_end(&m, part);
    part = wire_begin(&m, 1);
    wire_put_bytes(&m, 2, SLICE("bad"));
    wire_end(&m, part);
    add_any(&t, "type.googleapis.com/google.rpc.BadRequest", &m);
    part = wire_begin(&m, 1);
    wire_put_uint(&m, 1, 3);
    wire_put_uint(&m, 2, 500000000);
    wire_end(&m, part);
    add_any(&t, "type.googleapis.com/google.rpc.RetryInfo", &m);
    wire_put_bytes(&m, 1, SLICE("at a"));
    wire_put_bytes_always(&m, 1, SLICE(""));
    wire_put_bytes(&m, 2, SLICE("d"));
    add_any(&t, "type.googleapis.com/google.rpc.DebugInfo", &m);
    expect_json(3, "m", &t,
                "{\"code\":3,\"message\":\"m\",\"details\":["
                "{\"@type\":\"type.googleapis.com/google.rpc.BadRequest\",\"fieldViolations\":["
                "{\"field\":\"name\",\"description\":\"too long\"},{\"description\":\"bad\"}]},"
                "{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"3.500000000s\"},"
                "{\"@type\":\"type.googleapis.com/google.rpc.DebugInfo\",\"stackEntries\":[\"at a\",\"\"],\"detail\":\"d\"}]}");
    text_fini(&t);
}

static void a_detail_of_an_unknown_type_keeps_its_bytes(void **state)
{
    struct text t = {0}, m = {0};
    text_adds(&m, "x\1");
    add_any(&t, "example.com/Mine", &m);
    expect_json(2, "m", &t, "{\"code\":2,\"message\":\"m\",\"details\":[{\"@type\":\"example.com/Mine\",\"value\":\"eAE=\"}]}");
    text_fini(&t);
}

static void broken_details_break_nothing(void **state)
{
    struct text t = {0};
    text_adds(&t, "\x1a\xff");
    expect_json(2, "m", &t, "{\"code\":2,\"message\":\"m\"}");
    text_clear(&t);
    text_adds(&t, "\x1a\x02\x0a\xff");
    expect_json(2, "m", &t, "{\"code\":2,\"message\":\"m\",\"details\":[{\"@type\":\"\",\"value\":\"\"}]}");
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_http_failure_tells_status_and_body), cmocka_unit_test(a_status_without_a_text_has_none),
        cmocka_unit_test(the_body_is_cut_to_63_bytes), cmocka_unit_test(bytes_that_are_no_text_become_question_marks),
        cmocka_unit_test(what_is_empty_is_left_out_of_the_json), cmocka_unit_test(known_details_are_spelled_out),
        cmocka_unit_test(a_detail_of_an_unknown_type_keeps_its_bytes), cmocka_unit_test(broken_details_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
