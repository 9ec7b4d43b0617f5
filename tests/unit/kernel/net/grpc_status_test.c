/* Statuses, timeouts and texts as they stand in headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/net/grpc_status.c"

static uint64_t parse(const char *text)
{
    uint64_t ns = 0;
    assert_int_equal(grpc_timeout_parse(slice_of(text), &ns, NULL), 0);
    return ns;
}

static void refuse(const char *text, const char *sentence)
{
    uint64_t ns;
    struct trb_error err = ERROR_INIT;
    assert_int_equal(grpc_timeout_parse(slice_of(text), &ns, &err), TRB_INTERNAL);
    assert_string_equal(err.message, sentence);
    error_release(&err);
}

static void timeouts_have_digits_and_one_unit(void **state)
{
    assert_int_equal(parse("7n"), 7);
    assert_int_equal(parse("2999999u"), 2999999000u);
    assert_int_equal(parse("4999m"), 4999000000u);
    assert_int_equal(parse("3S"), 3000000000u);
    assert_int_equal(parse("2M"), 120000000000u);
    assert_int_equal(parse("1H"), 3600000000000u);
    assert_int_equal(parse("99999999H"), INT64_MAX);
    refuse("10zz", "malformed grpc-timeout: transport: timeout unit is not recognized: \"10zz\"");
    refuse("S", "malformed grpc-timeout: transport: timeout string is too short: \"S\"");
    refuse("", "malformed grpc-timeout: transport: timeout string is too short: \"\"");
    refuse("123456789S", "malformed grpc-timeout: transport: timeout string is too long: \"123456789S\"");
    refuse("-1S", "malformed grpc-timeout: transport: timeout is no number: \"-1S\"");
}

static void timeouts_keep_their_value_in_eight_digits(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0n"},
                 {99999999, "99999999n"},
                 {100000000, "100000u"},
                 {1500000000, "1500000u"},
                 {100000000001, "100001m"},
                 {INT64_MAX, "2562048H"}};
    for (size_t i = 0; i < countof(cases); i++) {
        char text[16];
        size_t len = grpc_timeout_text(cases[i].ns, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void messages_are_escaped_and_come_back(void **state)
{
    struct arena *a = arena_create(1u << 20);
    struct trb_slice said = SLICE("n\xc3\xa9%\n\xe2\x82\xac");
    struct trb_name wire = grpc_message_encode(a, said);
    assert_string_equal(wire.at, "n%C3%A9%25%0A%E2%82%AC");
    assert_true(slice_is(slice_name(grpc_message_decode(a, slice_name(wire))), said));
    assert_string_equal(grpc_message_decode(a, SLICE("50% of %zz %4")).at, "50% of %zz %4");
    assert_string_equal(grpc_message_encode(a, SLICE("plain ~ text")).at, "plain ~ text");
    arena_destroy(a);
}

static void content_types_of_grpc(void **state)
{
    assert_true(grpc_is_content_type(SLICE("application/grpc")));
    assert_true(grpc_is_content_type(SLICE("application/grpc+proto")));
    assert_true(grpc_is_content_type(SLICE("Application/GRPC; charset=x")));
    assert_false(grpc_is_content_type(SLICE("application/grpc-web")));
    assert_false(grpc_is_content_type(SLICE("text/plain")));
    assert_false(grpc_is_content_type((struct trb_slice){0}));
}

static void a_status_travels_whole(void **state)
{
    struct arena *a = arena_create(1u << 20);
    struct http_headers list = {0};
    char sentence[900];
    memset(sentence, 'x', sizeof sentence);
    struct trb_error err = ERROR_INIT, back = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "R", "short");
    err.text = buf_copy(slice_from(sentence, sizeof sentence));
    err.details = buf_copy(slice_from("\x08\x0e\0\1", 4));
    grpc_status_add(a, &list, &err);
    assert_true(slice_is(http_header_get(&list, SLICE("grpc-status-details-bin")), SLICE("CA4AAQ")));
    assert_int_equal(grpc_status_read(a, 200, &list, &back), TRB_UNAVAILABLE);
    assert_int_equal(back.code, TRB_UNAVAILABLE);
    assert_int_equal(back.retryable, 1);
    assert_true(slice_is(error_text(&back), slice_from(sentence, sizeof sentence)));
    assert_true(slice_is(buf_bytes(back.details), slice_from("\x08\x0e\0\1", 4)));
    error_release(&err);
    error_release(&back);
    arena_destroy(a);
}

static void success_has_an_empty_message(void **state)
{
    struct arena *a = arena_create(1u << 20);
    struct http_headers list = {0};
    grpc_status_add(a, &list, NULL);
    assert_int_equal(list.count, 2);
    assert_true(slice_is(list.at[0].value, SLICE("0")));
    assert_true(list.at[1].value.at && !list.at[1].value.len);
    assert_int_equal(grpc_status_read(a, 200, &list, NULL), TRB_OK);
    arena_destroy(a);
}

static void an_absent_status_is_read_from_http(void **state)
{
    struct arena *a = arena_create(1u << 20);
    struct http_headers none = {0};
    struct trb_error err = ERROR_INIT;
    assert_int_equal(grpc_status_read(a, 503, &none, &err), TRB_UNAVAILABLE);
    assert_string_equal(err.message,
                        "unexpected HTTP status code received from server: 503 (Service Unavailable)");
    assert_int_equal(grpc_status_read(a, 404, &none, NULL), TRB_UNIMPLEMENTED);
    assert_int_equal(grpc_status_read(a, 200, &none, NULL), TRB_INTERNAL);
    http_header_add(a, &none, SLICE("grpc-status"), SLICE("x"));
    assert_int_equal(grpc_status_read(a, 200, &none, NULL), TRB_INTERNAL);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_have_digits_and_one_unit),
        cmocka_unit_test(timeouts_keep_their_value_in_eight_digits),
        cmocka_unit_test(messages_are_escaped_and_come_back),
        cmocka_unit_test(content_types_of_grpc),
        cmocka_unit_test(a_status_travels_whole),
        cmocka_unit_test(success_has_an_empty_message),
        cmocka_unit_test(an_absent_status_is_read_from_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
