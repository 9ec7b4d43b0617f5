/* Answers: headers in their order and without what would break them, pieces with back-pressure, one end. */
#include "request_fixture.h"
#include "kernel/request/answer.c"
#include <request/refusal.h>

static void set(struct request *rq, const char *name, const char *value)
{
    request_set_header(rq, slice_of(name), value ? slice_of(value) : (struct trb_slice){NULL, 0});
}

static const char *headers_of(struct request *rq)
{
    static char text[512];
    size_t len = 0;
    text[0] = 0;
    request_sort_headers(&rq->out.headers);
    for (uint32_t i = 0; i < rq->out.headers.count; i++) {
        const struct http_header *h = &rq->out.headers.at[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%.*s;", SLICE_ARG(h->name), SLICE_ARG(h->value));
    }
    return text;
}

static void finish_request(struct request *rq)
{
    request_cancel(rq, TRB_WHY_CLIENT);
}

static void headers_are_sorted_and_lines_of_one_name_keep_their_order(void **state)
{
    struct request *rq = born();
    set(rq, "x-b", "1");
    set(rq, "x-a", "2");
    set(rq, "x-b", "3");
    set(rq, "x", "4");
    assert_string_equal(headers_of(rq), "x=4;x-a=2;x-b=1;x-b=3;");
    finish_request(rq);
}

static void very_many_headers_are_sorted_and_keep_their_order_too(void **state)
{
    struct request *rq = born();
    char name[16], value[16];
    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "x-%03u", 999 - i / 2 * 2);
        snprintf(value, sizeof value, "%04u", i);
        set(rq, name, value);
    }
    request_sort_headers(&rq->out.headers);
    for (uint32_t i = 1; i < 1000; i++) {
        const struct http_header *a = &rq->out.headers.at[i - 1], *b = &rq->out.headers.at[i];
        int order = memcmp(a->name.at, b->name.at, 5);
        assert_true(order < 0 || (order == 0 && memcmp(a->value.at, b->value.at, 4) < 0));
    }
    finish_request(rq);
}

static void some_headers_are_there_once(void **state)
{
    struct request *rq = born();
    set(rq, "content-type", "a/b");
    set(rq, "Content-Type", "c/d");
    set(rq, "etag", "1");
    set(rq, "ETag", "2");
    assert_string_equal(headers_of(rq), "content-type=c/d;etag=2;");
    set(rq, "ETAG", NULL);
    assert_string_equal(headers_of(rq), "content-type=c/d;");
    assert_false(request_has_header(rq, SLICE("etag")));
    finish_request(rq);
}

static void a_value_cannot_end_its_line_and_a_name_is_a_token(void **state)
{
    struct request *rq = born();
    request_set_header(rq, SLICE("x-a"), SLICE("one\r\nx-evil: 1\0two"));
    set(rq, "x-b\r\nx-evil", "1");
    set(rq, "", "1");
    set(rq, "x c", "1");
    assert_string_equal(headers_of(rq), "x-a=one  x-evil: 1 two;");
    finish_request(rq);
}

static void framing_is_the_codecs(void **state)
{
    struct request *rq = born();
    set(rq, "Content-Length", "7");
    set(rq, "transfer-encoding", "chunked");
    set(rq, "Connection", "close");
    set(rq, "connection", "upgrade");
    assert_string_equal(headers_of(rq), "");
    set(rq, "connection", "keep-alive");
    assert_string_equal(headers_of(rq), "connection=keep-alive;");
    finish_request(rq);
}

static void more_headers_than_there_is_room_for_are_kept(void **state)
{
    struct request *rq = born();
    char name[16];
    for (uint32_t i = 0; i < 3 * REQUEST_HEADERS; i++) {
        snprintf(name, sizeof name, "x-%02u", i);
        set(rq, name, "v");
    }
    assert_int_equal(rq->out.headers.count, 3 * REQUEST_HEADERS);
    finish_request(rq);
}

static void headers_come_too_late_behind_the_head(void **state)
{
    struct request *rq = born();
    request_reply_head(rq, 200, -1);
    set(rq, "x-late", "1");
    assert_string_equal(headers_of(rq), "");
    finish_request(rq);
}

static void an_answer_is_said_once(void **state)
{
    struct request *rq = born();
    request_pin(rq);
    request_reply(rq, 200, data_of("one"));
    request_reply(rq, 500, data_of("two"));
    request_reply_head(rq, 200, -1);
    assert_true(request_reply_piece(rq, data_of("three")));
    request_reply_cut(rq);
    request_end(rq);
    assert_string_equal(said.log, "whole 200 one;ended;");
    assert_int_equal(rq->out.status, 200);
    request_unpin(rq);
}

static void a_status_that_is_none_is_a_500(void **state)
{
    static const uint32_t odd[] = {0, 99, 101, 199, 1000, UINT32_MAX};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct request *rq = born();
        request_reply_head(rq, odd[i], -1);
        assert_string_equal(said.log, "head 500 -1;");
        finish_request(rq);
        rq = born();
        request_reply(rq, odd[i], data_of("x"));
        assert_string_equal(said.log, "whole 500 x;");
        finish_request(rq);
    }
}

static struct trb_next send_two(struct trb_request *public_)
{
    return request_reply_send(request_of(public_), data_of("two"), request_go_end());
}

static struct trb_next send_one(struct trb_request *public_)
{
    struct request *rq = request_of(public_);
    request_reply_head(rq, 200, -1);
    return request_reply_send(rq, data_of("one"), TRB_GO(send_two));
}

static void a_full_door_parks_the_sender_until_there_is_room(void **state)
{
    struct request *rq = born();
    said.is_full = true;
    request_start(rq, TRB_GO(send_one));
    assert_string_equal(said.log, "head 200 -1;piece one;");
    assert_false(request_reply_has_room(rq));
    said.is_full = false;
    request_room(rq);
    assert_string_equal(said.log, "head 200 -1;piece one;piece two;end;ended;release;");
}

static struct trb_next break_off(struct trb_request *public_)
{
    request_reply_head(request_of(public_), 200, 10);
    return request_go_cut();
}

static void a_broken_end_is_seen(void **state)
{
    request_start(born(), TRB_GO(break_off));
    assert_string_equal(said.log, "head 200 10;cut;ended;release;");
}

static const struct trb_error_row row = {.size = sizeof row, .code = "ERR_X", .category = "state", .reason = "DAPR_X",
                                         .http_status = 400, .grpc = TRB_INVALID};
static const struct trb_error_row plain_row = {.size = sizeof plain_row, .code = "ERR_Y", .http_status = 500,
                                               .grpc = TRB_INTERNAL};

static void expect_text(struct trb_buf *b, const char *wanted)
{
    struct trb_slice got = buf_bytes(b);
    assert_int_equal(got.len, strlen(wanted));
    assert_memory_equal(got.at, wanted, got.len);
    buf_unref(b);
}

static void a_refusal_in_json_has_its_details_in_the_contracts_order(void **state)
{
    struct trb_pair pairs[] = {{NAME("z"), NAME("1")}, {NAME("a"), NAME("<\"2\">")}};
    struct trb_refusal r = {.size = sizeof r, .row = &plain_row, .message = SLICE("it <failed> \"so\"\n")};
    expect_text(refusal_json(&r), "{\"errorCode\":\"ERR_Y\",\"message\":\"it \\u003cfailed\\u003e \\\"so\\\"\\n\"}");
    r = (struct trb_refusal){.size = sizeof r, .row = &row, .message = SLICE("m"), .has_resource = 1, .has_metadata = 1,
                             .resource_type = SLICE("state"), .resource_name = SLICE("store"),
                             .metadata = {pairs, 2, sizeof pairs[0]}};
    expect_text(refusal_json(&r),
                "{\"errorCode\":\"ERR_X\",\"message\":\"m\",\"details\":["
                "{\"@type\":\"type.googleapis.com/google.rpc.ResourceInfo\",\"description\":\"\",\"owner\":\"\","
                "\"resource_name\":\"store\",\"resource_type\":\"state\"},"
                "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"domain\":\"dapr.io\","
                "\"metadata\":{\"a\":\"\\u003c\\\"2\\\"\\u003e\",\"z\":\"1\"},\"reason\":\"DAPR_X\"}]}");
}

static void a_refusal_in_grpc_is_a_status_with_the_same_details(void **state)
{
    struct trb_refusal r = {.size = sizeof r, .row = &plain_row, .message = SLICE("m")};
    assert_null(refusal_status(&r));
    r.row = &row;
    r.has_violation = 1;
    r.field = SLICE("f");
    r.field_description = SLICE("d");
    /* Status{code 3, message "m", details [Any BadRequest{violations[{field, description}]}, Any ErrorInfo]} */
    static const char bad_request[] = "\x08\x03\x12\x01m\x1a\x35\x0a\x29type.googleapis.com/google.rpc.BadRequest"
                                      "\x12\x08\x0a\x06\x0a\x01" "f\x12\x01" "d";
    struct trb_buf *b = refusal_status(&r);
    struct trb_slice got = buf_bytes(b);
    assert_true(got.len > sizeof bad_request);
    assert_memory_equal(got.at, bad_request, sizeof bad_request - 1);
    assert_non_null(memmem(got.at, got.len, "\x0a\x06" "DAPR_X\x12\x07" "dapr.io", 17));
    buf_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_sorted_and_lines_of_one_name_keep_their_order),
        cmocka_unit_test(very_many_headers_are_sorted_and_keep_their_order_too),
        cmocka_unit_test(some_headers_are_there_once),
        cmocka_unit_test(a_value_cannot_end_its_line_and_a_name_is_a_token),
        cmocka_unit_test(framing_is_the_codecs),
        cmocka_unit_test(more_headers_than_there_is_room_for_are_kept),
        cmocka_unit_test(headers_come_too_late_behind_the_head),
        cmocka_unit_test(an_answer_is_said_once),
        cmocka_unit_test(a_status_that_is_none_is_a_500),
        cmocka_unit_test(a_full_door_parks_the_sender_until_there_is_room),
        cmocka_unit_test(a_broken_end_is_seen),
        cmocka_unit_test(a_refusal_in_json_has_its_details_in_the_contracts_order),
        cmocka_unit_test(a_refusal_in_grpc_is_a_status_with_the_same_details),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
