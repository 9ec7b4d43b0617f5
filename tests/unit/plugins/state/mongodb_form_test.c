/* form and address: JSON in BSON and back, patterns, URIs; no server. */
#include "plugins/state/mongodb/address.c"
#include "plugins/state/mongodb/form.c"
#include <base/error.h>
#include <setjmp.h>
#include <cmocka.h>

static bson_t doc;
static struct form form;

static bool put(const char *json)
{
    struct json_value v;
    struct json_fault fault;
    bson_reinit(&doc);
    assert_true(json_parse(slice_of(json), &v, &fault));
    return form_append(&doc, "value", v, &form);
}

static const char *back(void)
{
    static struct text t;
    bson_iter_t iter;
    text_clear(&t);
    assert_true(bson_iter_init_find(&iter, &doc, "value"));
    form_json(&iter, &t);
    return t.at;
}

static bson_type_t type(void)
{
    bson_iter_t iter;
    assert_true(bson_iter_init_find(&iter, &doc, "value"));
    return bson_iter_type(&iter);
}

static void what_is_common_comes_back_to_the_letter(void **state)
{
    static const char *const all[] = {
        "1", "0", "-0", "-17", "0.123456789", "1.5", "9007199254740993", "-9223372036854775808", "1e+21", "1.5e-7", "0.000001",
        "123456789012345680000", "true", "false", "null", "[]", "{}", "[[],{}]", "[1,[2,[3]]]", "{\"b\":1,\"a\":[1.5,\"x<y>&\"],\"u\":\"\303\251\",\"a2\":null}",
        "{\"\":1}", "[\"\",\"\\u0001\\n\\\"\"]", "{\"k\":\"$x\",\"a.b\":1}"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        assert_true(put(all[n]));
        assert_string_equal(back(), all[n]);
        assert_true(form.is_exact);
    }
}

static void numbers_are_doubles_where_those_keep_every_digit(void **state)
{
    const struct { const char *json; bson_type_t type; } all[] = {
        {"1", BSON_TYPE_DOUBLE}, {"9007199254740992", BSON_TYPE_DOUBLE}, {"9007199254740993", BSON_TYPE_INT64},
        {"0.5", BSON_TYPE_DOUBLE}, {"12345678901234567890", BSON_TYPE_DOUBLE}, {"true", BSON_TYPE_BOOL},
        {"null", BSON_TYPE_NULL}, {"\"x\"", BSON_TYPE_UTF8}, {"{}", BSON_TYPE_DOCUMENT}, {"[]", BSON_TYPE_ARRAY}};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        assert_true(put(all[n].json));
        assert_int_equal(type(), all[n].type);
    }
}

static void what_bson_would_change_is_told(void **state)
{
    static const char *const all[] = {"1.50", "1e3", "12345678901234567890", "{\"a\":1.0}", "[\"\\u00e9\"]", "[\"\\/\"]",
                                      "{\"a\":1,\"a\":2}", "0.1000000000000000055511151231257827"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        assert_true(put(all[n]));
        assert_false(form.is_exact);
    }
    assert_true(put("{\"a\":1,\"b\":3,\"a\":2}"));
    assert_string_equal(back(), "{\"b\":3,\"a\":2}");
}

static void a_text_is_the_string_of_its_json(void **state)
{
    assert_true(put("\"a\\u0001\\\"\""));
    bson_iter_t iter;
    bson_iter_init_find(&iter, &doc, "value");
    assert_string_equal(bson_iter_utf8(&iter, NULL), "\"a\\u0001\\\"\"");
    assert_true(form.is_exact);
    assert_false(form.needs_literal);
}

static void what_a_pipeline_would_take_for_an_expression_is_told(void **state)
{
    static const char *const all[] = {"[\"$x\"]", "{\"$a\":1}", "{\"a\":{\"b.c\":1}}", "{\"\":1}"};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        assert_true(put(all[n]));
        assert_true(form.needs_literal);
    }
    assert_true(put("{\"price\":\"5$\"}"));
    assert_false(form.needs_literal);
}

static void what_bson_cannot_hold_is_refused(void **state)
{
    char deep[400] = "";
    assert_false(put("{\"a\\u0000b\":1}"));
    assert_false(put("1e999"));
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_false(put(deep));
    assert_true(put("\"a\\u0000b\""));
    assert_true(put("[\"a\\u0000b\"]"));
    assert_true(form.is_exact);
}

static void values_of_other_programs_have_a_json(void **state)
{
    bson_oid_t oid;
    bson_decimal128_t d;
    bson_oid_init_from_string(&oid, "0123456789abcdef01234567");
    bson_decimal128_from_string("1.50", &d);
    bson_t *inner = BCON_NEW("i", BCON_INT32(-5), "l", BCON_INT64(1234567890123), "o", BCON_OID(&oid), "d", BCON_DECIMAL128(&d),
                             "t", BCON_DATE_TIME(1500), "b", BCON_BIN(BSON_SUBTYPE_BINARY, (const uint8_t *)"\0\1\377", 3),
                             "n", BCON_DOUBLE(NAN), "m", BCON_MINKEY);
    bson_reinit(&doc);
    BSON_APPEND_DOCUMENT(&doc, "value", inner);
    assert_string_equal(back(), "{\"i\":-5,\"l\":1234567890123,\"o\":\"0123456789abcdef01234567\",\"d\":1.50,"
                                "\"t\":\"1970-01-01T00:00:01.5Z\",\"b\":\"AAH/\",\"n\":null,\"m\":null}");
    bson_destroy(inner);
}

static void patterns_become_anchored_expressions(void **state)
{
    const struct { const char *like, *regex; } all[] = {
        {"a%", "^a.*\\z"}, {"a_b", "^a.b\\z"}, {"100\\%", "^100%\\z"}, {"a\\_b\\\\", "^a_b\\\\\\z"}, {"a.b*(c)[d]|^$", "^a\\.b\\*\\(c\\)\\[d\\]\\|\\^\\$\\z"},
        {"x\\", "^x\\\\\\z"}, {"\303\251%", "^\303\251.*\\z"}};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        struct text t = {0};
        form_like(slice_of(all[n].like), &t);
        assert_string_equal(t.at, all[n].regex);
        text_fini(&t);
    }
}

static void uri_is(struct address a, const char *want)
{
    struct trb_error err = ERROR_INIT;
    struct text t = {0};
    a.database = "daprStore";
    if (address_make(&a, &t, &err))
        fail_msg("%s", err.message);
    assert_string_equal(t.at, want);
    text_fini(&t);
}

static void three_ways_name_the_server(void **state)
{
    uri_is((struct address){.connection = "mongodb://x/"}, "mongodb://x/");
    uri_is((struct address){.host = "a:1,b:2"}, "mongodb://a:1,b:2/daprStore");
    uri_is((struct address){.host = "a:1", .username = "u", .password = "p", .params = "?replicaSet=rs0"},
           "mongodb://u:p@a:1/daprStore?replicaSet=rs0");
    uri_is((struct address){.server = "s.example", .username = "u", .password = "p", .params = "tls=true"},
           "mongodb+srv://u:p@s.example/?tls=true");
    uri_is((struct address){.host = "a", .username = "u@x", .password = "p:/?#%"}, "mongodb://u%40x:p%3A%2F%3F%23%25@a/daprStore");
    uri_is((struct address){.host = "a", .username = "u", .password = "p%40ss"}, "mongodb://u:p%40ss@a/daprStore");
}

static void refused(struct address a, const char *words)
{
    struct trb_error err = ERROR_INIT;
    struct text t = {0};
    assert_int_equal(address_make(&a, &t, &err), TRB_INVALID);
    assert_non_null(strstr(err.message, words));
    text_fini(&t);
}

static void too_little_and_too_much_is_refused(void **state)
{
    refused((struct address){.params = "x"}, "one of connectionString, server and host is needed");
    refused((struct address){.server = "a", .host = "b"}, "server and host exclude each other");
    refused((struct address){.host = "b", .password = "x"}, "no username");
}

int main(void)
{
    bson_init(&doc);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_common_comes_back_to_the_letter), cmocka_unit_test(numbers_are_doubles_where_those_keep_every_digit),
        cmocka_unit_test(what_bson_would_change_is_told), cmocka_unit_test(a_text_is_the_string_of_its_json),
        cmocka_unit_test(what_a_pipeline_would_take_for_an_expression_is_told), cmocka_unit_test(what_bson_cannot_hold_is_refused),
        cmocka_unit_test(values_of_other_programs_have_a_json), cmocka_unit_test(patterns_become_anchored_expressions),
        cmocka_unit_test(three_ways_name_the_server), cmocka_unit_test(too_little_and_too_much_is_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bson_destroy(&doc);
    return failed;
}
