/* What the status of a component's process becomes (contract, grpc-api 6.4), and which services its reflection names. */
#include "plugins/pluggable/reflection.h"
#include "plugins/pluggable/status.h"
#include <base/slice.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <wire/wire.h>
#include <cmocka.h>

#define RPC "type.googleapis.com/google.rpc."

static struct text details;

static int clear(void **state)
{
    text_fini(&details);
    return 0;
}

static void add_detail(const char *type, struct text *value)
{
    size_t any = wire_begin(&details, 3);
    wire_put_bytes(&details, 1, slice_of(type));
    wire_put_bytes(&details, 2, text_slice(value));
    wire_end(&details, any);
    text_fini(value);
}

static void add_violation(const char *field)
{
    struct text request = {0};
    size_t mark = wire_begin(&request, 1);
    wire_put_bytes(&request, 1, slice_of(field));
    wire_put_bytes(&request, 2, SLICE("why"));
    wire_end(&request, mark);
    add_detail(RPC "BadRequest", &request);
}

static void put_pair(struct text *info, const char *key, const char *value)
{
    size_t mark = wire_begin(info, 3);
    wire_put_bytes(info, 1, slice_of(key));
    wire_put_bytes(info, 2, slice_of(value));
    wire_end(info, mark);
}

static void add_kit(const char *http_code)
{
    struct text info = {0};
    wire_put_bytes(&info, 1, SLICE("REASON"));
    wire_put_bytes(&info, 2, SLICE("dapr.io"));
    put_pair(&info, "kit_error", "true");
    put_pair(&info, "http_code", http_code);
    put_pair(&info, "tag", "TAG");
    add_detail(RPC "ErrorInfo", &info);
}

static struct status read(trb_code code)
{
    struct status s;
    status_read(code, SLICE("text"), text_slice(&details), &s);
    return s;
}

static void a_violation_of_the_etag_is_a_mismatch_or_an_invalid_one(void **state)
{
    add_violation("etag");
    assert_int_equal(read(TRB_PRECONDITION).is, STATUS_ETAG_MISMATCH);
    assert_int_equal(read(TRB_INVALID).is, STATUS_ETAG_INVALID);
    assert_true(slice_is(read(TRB_INVALID).text, SLICE("why")));
    assert_int_equal(read(TRB_INTERNAL).is, STATUS_PLAIN);
}

static void another_field_or_two_of_them_are_a_plain_status(void **state)
{
    add_violation("key");
    assert_int_equal(read(TRB_PRECONDITION).is, STATUS_PLAIN);
    text_clear(&details);
    add_violation("etag");
    add_violation("etag");
    assert_int_equal(read(TRB_PRECONDITION).is, STATUS_PLAIN);
    assert_true(slice_is(read(TRB_PRECONDITION).text, SLICE("text")));
}

static void an_error_of_the_kit_is_passed_on_without_its_metadata(void **state)
{
    struct text written = {0};
    add_kit("509");
    struct status s = read(TRB_INTERNAL);
    assert_int_equal(s.is, STATUS_STRUCTURED);
    assert_int_equal(s.http_code, 509);
    assert_true(slice_is(s.tag, SLICE("TAG")));
    status_write(TRB_INTERNAL, &s, &written);
    assert_true(slice_contains(text_slice(&written), SLICE("REASON")));
    assert_false(slice_contains(text_slice(&written), SLICE("kit_error")));
    text_fini(&written);
}

static void a_kit_error_needs_a_number_and_one_info(void **state)
{
    add_kit("many");
    assert_int_equal(read(TRB_INTERNAL).is, STATUS_PLAIN);
    text_clear(&details);
    add_kit("509");
    add_kit("509");
    assert_int_equal(read(TRB_INTERNAL).is, STATUS_PLAIN);
}

static void rows_are_counted(void **state)
{
    struct text info = {0};
    put_pair(&info, "expected", "3");
    put_pair(&info, "affected", "1");
    add_detail(RPC "ErrorInfo", &info);
    struct status s = read(TRB_INTERNAL);
    assert_int_equal(s.is, STATUS_ROWS);
    assert_int_equal(s.expected * 10 + s.affected, 31);
    assert_int_equal(read(TRB_UNKNOWN).is, STATUS_PLAIN);
}

static void details_that_are_broken_are_none(void **state)
{
    add_kit("509");
    details.len--;
    assert_int_equal(read(TRB_INTERNAL).is, STATUS_PLAIN);
}

static void add_service(struct text *answer, const char *name)
{
    size_t service = wire_begin(answer, 1);
    wire_put_bytes(answer, 1, slice_of(name));
    wire_end(answer, service);
}

static void reflection_names_what_is_ours(void **state)
{
    struct text answer = {0};
    uint32_t services = 0;
    size_t list = wire_begin(&answer, 6);
    add_service(&answer, "dapr.proto.components.v1.StateStore");
    add_service(&answer, "dapr.proto.components.v1.InputBinding");
    add_service(&answer, "dapr.proto.components.v1.Unheard");
    add_service(&answer, "grpc.reflection.v1alpha.ServerReflection");
    wire_end(&answer, list);
    assert_null(reflection_read(text_slice(&answer), &services));
    assert_int_equal(services, REFLECTION_STATE | REFLECTION_INPUT);
    text_fini(&answer);
}

static void an_error_of_reflection_and_rubbish_are_no_list(void **state)
{
    uint32_t services = 0;
    assert_non_null(reflection_read(SLICE("\x3a\x00"), &services));
    assert_non_null(reflection_read(SLICE("\x32\x7f"), &services));
    assert_non_null(reflection_read(SLICE(""), &services));
    assert_int_equal(services, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, clear)
    const struct CMUnitTest tests[] = {
        CASE(a_violation_of_the_etag_is_a_mismatch_or_an_invalid_one),
        CASE(another_field_or_two_of_them_are_a_plain_status),
        CASE(an_error_of_the_kit_is_passed_on_without_its_metadata),
        CASE(a_kit_error_needs_a_number_and_one_info),
        CASE(rows_are_counted),
        CASE(details_that_are_broken_are_none),
        CASE(reflection_names_what_is_ours),
        CASE(an_error_of_reflection_and_rubbish_are_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
