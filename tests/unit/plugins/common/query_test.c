/* The query language: what it means, and what is refused with a sentence. */
#include "plugins/common/query/query.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena *arena;
static struct query query;
static struct trb_error err;

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    query = (struct query){0};
    return 0;
}

static int tear_down(void **state)
{
    arena = arena_destroy(arena);
    return 0;
}

static trb_code parse(const char *text)
{
    err = (struct trb_error){0};
    return query_parse(arena, slice_of(text), &query, &err);
}

static void refused(const char *text, const char *sentence)
{
    assert_int_equal(parse(text), TRB_INVALID);
    assert_int_equal(err.kind, TRB_STATE_BAD_QUERY);
    if (!strstr(err.message, sentence))
        fail_msg("\"%s\" does not say \"%s\"", err.message, sentence);
}

static void assert_text(struct trb_slice got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.at, want, got.len);
}

static void an_empty_query_asks_for_everything(void **state)
{
    const char *const all[] = {"{}", "{\"filter\":{}}", "{\"filter\":null,\"sort\":null,\"page\":null}", "{\"sort\":[],\"page\":{}}"};
    for (size_t i = 0; i < countof(all); i++) {
        assert_int_equal(parse(all[i]), TRB_OK);
        assert_null(query.filter);
        assert_int_equal(query.sort_count, 0);
        assert_int_equal(query.limit, 0);
        assert_int_equal(query.token.len, 0);
    }
}

static void each_comparison_has_a_key_and_a_value(void **state)
{
    for (uint32_t op = QUERY_EQ; op <= QUERY_LTE; op++) {
        char text[80];
        snprintf(text, sizeof text, "{\"filter\":{\"%s\":{\"person.org\":1.50}}}", query_op_name(op));
        assert_int_equal(parse(text), TRB_OK);
        assert_int_equal(query.filter->op, op);
        assert_text(slice_name(query.filter->key), "person.org");
        assert_int_equal(query.filter->value_count, 1);
        assert_text(query_value_text(arena, query.filter->values[0]), "1.50");
        assert_int_equal(query_op_is_order(op), op >= QUERY_GT);
    }
}

static void in_has_several_values(void **state)
{
    assert_int_equal(parse("{\"filter\":{\"IN\":{\"state\":[\"C\\u0041\",true,null]}}}"), TRB_OK);
    assert_int_equal(query.filter->op, QUERY_IN);
    assert_int_equal(query.filter->value_count, 3);
    assert_text(query_value_text(arena, query.filter->values[0]), "CA");
    assert_text(query_value_text(arena, query.filter->values[1]), "true");
    assert_text(query_value_text(arena, query.filter->values[2]), "null");
}

static void groups_nest(void **state)
{
    assert_int_equal(parse("{\"filter\":{\"OR\":[{\"EQ\":{\"a\":1}},{\"AND\":[{\"NEQ\":{\"b\":2}},{\"LT\":{\"c\":3}}]}]}}"), TRB_OK);
    assert_int_equal(query.filter->op, QUERY_OR);
    assert_int_equal(query.filter->node_count, 2);
    assert_int_equal(query.filter->nodes[0].op, QUERY_EQ);
    assert_int_equal(query.filter->nodes[1].op, QUERY_AND);
    assert_int_equal(query.filter->nodes[1].nodes[1].op, QUERY_LT);
}

static void sort_and_page_are_read(void **state)
{
    assert_int_equal(parse("{\"sort\":[{\"key\":\"a.b\",\"order\":\"DESC\"},{\"key\":\"c\"},{\"key\":\"d\",\"order\":\"asc\"}],"
                           "\"page\":{\"limit\":3,\"token\":\"6\"}}"), TRB_OK);
    assert_int_equal(query.sort_count, 3);
    assert_true(query.sorts[0].is_descending);
    assert_false(query.sorts[1].is_descending);
    assert_text(slice_name(query.sorts[0].key), "a.b");
    assert_int_equal(query.limit, 3);
    assert_text(slice_name(query.token), "6");
}

static void a_path_has_parts(void **state)
{
    struct trb_slice rest = SLICE("person.org.id");
    assert_text(query_path_next(&rest), "person");
    assert_text(query_path_next(&rest), "org");
    assert_text(query_path_next(&rest), "id");
    assert_null(rest.at);
}

static void what_has_no_meaning_is_refused(void **state)
{
    refused("", "no JSON");
    refused("[]", "no object");
    refused("{\"filter\":[]}", "one operator");
    refused("{\"filter\":{\"EQ\":{\"a\":1},\"NEQ\":{\"a\":1}}}", "one operator");
    refused("{\"filter\":{\"LIKE\":{\"a\":1}}}", "no operator \"LIKE\"");
    refused("{\"filter\":{\"EQ\":{}}}", "one key");
    refused("{\"filter\":{\"EQ\":{\"a\":1,\"b\":2}}}", "one key");
    refused("{\"filter\":{\"EQ\":5}}", "one key");
    refused("{\"filter\":{\"EQ\":{\"a\":[1]}}}", "not with an array");
    refused("{\"filter\":{\"EQ\":{\"a..b\":1}}}", "no path");
    refused("{\"filter\":{\"EQ\":{\"\":1}}}", "no path");
    refused("{\"filter\":{\"IN\":{\"a\":[]}}}", "one value or more");
    refused("{\"filter\":{\"IN\":{\"a\":1}}}", "one value or more");
    refused("{\"filter\":{\"IN\":{\"a\":[{}]}}}", "not with an object");
    refused("{\"filter\":{\"AND\":[{\"EQ\":{\"a\":1}}]}}", "two filters or more");
    refused("{\"filter\":{\"OR\":{}}}", "two filters or more");
    refused("{\"sort\":{}}", "sort takes a list");
    refused("{\"sort\":[{\"order\":\"ASC\"}]}", "sort takes a list");
    refused("{\"sort\":[{\"key\":\"a\",\"order\":\"up\"}]}", "ASC or DESC");
    refused("{\"sort\":[{\"key\":\"a\",\"order\":1}]}", "ASC or DESC");
    refused("{\"page\":[]}", "limit and token");
    refused("{\"page\":{\"limit\":-1}}", "whole number");
    refused("{\"page\":{\"limit\":1.5}}", "whole number");
    refused("{\"page\":{\"limit\":\"1\"}}", "whole number");
    refused("{\"page\":{\"token\":1}}", "token of a page");
}

static void nesting_has_a_limit(void **state)
{
    struct text t = {0};
    text_adds(&t, "{\"filter\":");
    for (unsigned i = 0; i <= QUERY_MAX_DEPTH; i++)
        text_adds(&t, "{\"AND\":[{\"EQ\":{\"a\":1}},");
    text_adds(&t, "{\"EQ\":{\"a\":1}}");
    for (unsigned i = 0; i <= QUERY_MAX_DEPTH; i++)
        text_adds(&t, "]}");
    text_adds(&t, "}");
    refused(t.at, "nested deeper");
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_query_asks_for_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_comparison_has_a_key_and_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_has_several_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(groups_nest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sort_and_page_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_has_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_meaning_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_has_a_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
