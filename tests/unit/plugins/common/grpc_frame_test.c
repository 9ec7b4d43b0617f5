/* What gRPC puts on top of HTTP/2: frames, statuses, texts, timeouts; and endpoints as people write them. */
#include "plugins/common/grpc/frame.c"
#include <grpc/grpc.h>
#include <setjmp.h>
#include <cmocka.h>

static void a_message_has_a_head_of_five_bytes(void **state)
{
    char head[GRPC_HEAD];
    struct trb_slice message;
    grpc_frame_head(head, 0x01020304);
    assert_memory_equal(head, "\0\1\2\3\4", 5);
    assert_true(grpc_frame_only(SLICE("\0\0\0\0\2ab"), &message));
    assert_true(slice_is(message, SLICE("ab")));
    assert_true(grpc_frame_only(SLICE("\0\0\0\0\0"), &message));
    assert_int_equal(message.len, 0);
    assert_false(grpc_frame_only(SLICE(""), &message));
    assert_false(grpc_frame_only(SLICE("\0\0\0\0"), &message));
    assert_false(grpc_frame_only(SLICE("\0\0\0\0\3ab"), &message));
    assert_false(grpc_frame_only(SLICE("\0\0\0\0\1ab"), &message));
    assert_false(grpc_frame_only(SLICE("\1\0\0\0\2ab"), &message));
}

static void a_status_is_a_number(void **state)
{
    trb_code code = 99;
    assert_true(grpc_status_read(SLICE("0"), &code) && code == TRB_OK);
    assert_true(grpc_status_read(SLICE("14"), &code) && code == TRB_UNAVAILABLE);
    assert_true(grpc_status_read(SLICE("77"), &code) && code == TRB_UNKNOWN);
    assert_false(grpc_status_read(SLICE(""), &code));
    assert_false(grpc_status_read(SLICE("-1"), &code));
    assert_false(grpc_status_read(SLICE("100"), &code));
}

static void a_text_has_escapes(void **state)
{
    char to[8];
    assert_int_equal(grpc_text_read(SLICE("a%20b%"), to, sizeof to), 4);
    assert_string_equal(to, "a b%");
    assert_int_equal(grpc_text_read(SLICE("%c3%A9%zz"), to, sizeof to), 5);
    assert_string_equal(to, "\xc3\xa9%zz");
    assert_int_equal(grpc_text_read(SLICE("0123456789"), to, sizeof to), 7);
    assert_string_equal(to, "0123456");
}

static void a_timeout_has_at_most_eight_digits(void **state)
{
    char to[16];
    grpc_timeout_write(5000000000, to);
    assert_string_equal(to, "5000m");
    grpc_timeout_write(1999999, to);
    assert_string_equal(to, "2m");
    grpc_timeout_write(0, to);
    assert_string_equal(to, "1m");
    grpc_timeout_write(-5, to);
    assert_string_equal(to, "1m");
    grpc_timeout_write(99999999ll * 1000000, to);
    assert_string_equal(to, "99999999m");
    grpc_timeout_write(100000000ll * 1000000, to);
    assert_string_equal(to, "100000S");
    grpc_timeout_write(INT64_MAX, to);
    assert_string_equal(to, "99999999S");
}

static void an_answer_that_is_not_grpcs_has_a_code(void **state)
{
    assert_int_equal(grpc_status_of_http(404), TRB_UNIMPLEMENTED);
    assert_int_equal(grpc_status_of_http(503), TRB_UNAVAILABLE);
    assert_int_equal(grpc_status_of_http(200), TRB_UNKNOWN);
}

static void endpoints_are_read_as_people_write_them(void **state)
{
    static const struct {
        const char *given, *host, *text;
        uint32_t port, tls;
    } rows[] = {{"a", "a", "a:2379", 2379, 0},
                {"a:1", "a", "a:1", 1, 0},
                {"http://a:1/", "a", "a:1", 1, 0},
                {"HTTPS://a", "a", "a:2379", 2379, 1},
                {"[::1]:7", "::1", "[::1]:7", 7, 0},
                {"::1", "::1", "[::1]:2379", 2379, 0},
                {"unix:///run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock", 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct grpc_config c = {0};
        struct trb_error err = {0};
        assert_int_equal(grpc_config_add(&c, "endpoints", slice_of(rows[i].given), 2379, &err), TRB_OK);
        assert_string_equal(c.endpoints[0].host, rows[i].host);
        assert_string_equal(c.endpoints[0].text, rows[i].text);
        assert_int_equal(c.endpoints[0].port, rows[i].port);
        assert_int_equal(c.tls, rows[i].tls);
    }
}

static void what_is_no_endpoint_is_refused(void **state)
{
    static const char *const rows[] = {"", "http://", ":1", "a:", "a:0", "a:65536", "a/b", "http://a/b:1", "[::1", "[]:1", "unix:"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct grpc_config c = {0};
        struct trb_error err = {0};
        if (!grpc_config_add(&c, "endpoints", slice_of(rows[i]), 2379, &err) || strncmp(err.message, "endpoints: ", 11))
            fail_msg("'%s' was taken", rows[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_a_head_of_five_bytes),
        cmocka_unit_test(a_status_is_a_number),
        cmocka_unit_test(a_text_has_escapes),
        cmocka_unit_test(a_timeout_has_at_most_eight_digits),
        cmocka_unit_test(an_answer_that_is_not_grpcs_has_a_code),
        cmocka_unit_test(endpoints_are_read_as_people_write_them),
        cmocka_unit_test(what_is_no_endpoint_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
