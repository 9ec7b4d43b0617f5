/* state.redis: queryIndexes as they are read, and queries as RediSearch is asked. No server is needed. */
#include "plugins/state/redis/indexes.c"
#include "plugins/state/redis/query.c"
#include <setjmp.h>
#include <cmocka.h>

#define PEOPLE                                                                                                   \
    "[{\"name\":\"people\",\"indexes\":[{\"key\":\"person.org\",\"type\":\"TEXT\"},"                             \
    "{\"key\":\"id\",\"type\":\"NUMERIC\"}]},{\"name\":\"pets\",\"indexes\":[{\"key\":\"n\",\"type\":\"text\"}]}]"

static struct indexes *indexes;
static struct arena *arena;
static struct trb_error err;
static struct search made;

static int up(void **state)
{
    err = (struct trb_error){0};
    made = (struct search){0};
    arena = arena_create(1 << 20);
    indexes = NULL;
    return indexes_parse(PEOPLE, &indexes, &err);
}

static int down(void **state)
{
    text_fini(&made.filter);
    indexes_destroy(indexes);
    arena_destroy(arena);
    return 0;
}

static trb_code search(const char *query)
{
    text_fini(&made.filter);
    made = (struct search){0};
    return search_make(arena, index_find(indexes, SLICE("people")), slice_of(query), &made, &err);
}

static void assert_filter(const char *filter, const char *wanted)
{
    char query[600];
    snprintf(query, sizeof query, "{\"filter\":%s}", filter);
    assert_int_equal(search(query), TRB_OK);
    assert_string_equal(made.filter.at, wanted);
}

static void assert_refused(const char *query, const char *words)
{
    assert_int_equal(search(query), TRB_INVALID);
    assert_int_equal(err.kind, TRB_STATE_BAD_QUERY);
    assert_non_null(strstr(err.message, words));
}

static void indexes_have_names_keys_and_types(void **state)
{
    const struct index *x = index_find(indexes, SLICE("people"));
    assert_int_equal(x->count, 2);
    assert_string_equal(index_key_find(x, SLICE("person.org"))->alias.at, "var0");
    assert_string_equal(index_key_find(x, SLICE("id"))->alias.at, "var1");
    assert_true(index_key_find(x, SLICE("id"))->is_number);
    assert_null(index_key_find(x, SLICE("n")));
    assert_string_equal(index_find(indexes, SLICE("pets"))->keys[0].alias.at, "var0");
    assert_null(index_find(indexes, SLICE("plants")));
}

static void no_indexes_are_none(void **state)
{
    struct indexes *none = NULL;
    assert_int_equal(indexes_parse(NULL, &none, &err), TRB_OK);
    assert_int_equal(indexes_parse("", &none, &err), TRB_OK);
    assert_int_equal(indexes_parse("[]", &none, &err), TRB_OK);
    assert_null(none);
    assert_null(index_find(none, SLICE("people")));
}

static void indexes_that_cannot_be_read_are_refused(void **state)
{
    static const char *const texts[] = {
        "{", "1", "[1]", "[{\"name\":\"a\"}]", "[{\"name\":\"\",\"indexes\":[{\"key\":\"k\",\"type\":\"TEXT\"}]}]",
        "[{\"name\":\"a\",\"indexes\":[]}]", "[{\"name\":\"a\",\"indexes\":[{\"key\":\"\",\"type\":\"TEXT\"}]}]",
        "[{\"name\":\"a\",\"indexes\":[{\"key\":\"k\",\"type\":\"GEO\"}]}]"};
    for (uint32_t i = 0; i < countof(texts); i++) {
        struct indexes *none = NULL;
        assert_int_equal(indexes_parse(texts[i], &none, &err), TRB_INVALID);
        assert_memory_equal(err.message, "queryIndexes: ", 14);
        assert_null(none);
    }
}

static void comparisons(void **state)
{
    assert_filter("{}", "*");
    assert_filter("{\"EQ\":{\"person.org\":\"a\"}}", "@var0:(a)");
    assert_filter("{\"EQ\":{\"person.org\":5}}", "@var0:(5)");
    assert_filter("{\"NEQ\":{\"person.org\":\"a\"}}", "-@var0:(a)");
    assert_filter("{\"IN\":{\"person.org\":[\"a\",\"b c\"]}}", "@var0:(a|\"b c\")");
    assert_filter("{\"EQ\":{\"id\":-1.5}}", "@var1:[-1.5 -1.5]");
    assert_filter("{\"NEQ\":{\"id\":2}}", "@var1:[-inf (2]|@var1:[(2 +inf]");
    assert_filter("{\"GT\":{\"id\":2}}", "@var1:[(2 +inf]");
    assert_filter("{\"GTE\":{\"id\":2}}", "@var1:[2 +inf]");
    assert_filter("{\"LT\":{\"id\":2}}", "@var1:[-inf (2]");
    assert_filter("{\"LTE\":{\"id\":2}}", "@var1:[-inf 2]");
    assert_filter("{\"IN\":{\"id\":[1,2]}}", "@var1:[1 1]|@var1:[2 2]");
}

static void groups(void **state)
{
    assert_filter("{\"AND\":[{\"EQ\":{\"id\":1}},{\"OR\":[{\"EQ\":{\"id\":2}},{\"NEQ\":{\"person.org\":\"a\"}}]}]}",
                  "(@var1:[1 1]) ((@var1:[2 2])|(-@var0:(a)))");
}

static void a_value_is_never_read_as_a_query(void **state)
{
    assert_filter("{\"EQ\":{\"person.org\":\"a) @var1:[1 1] | (b\"}}", "@var0:(\"a var1 1 1 \\| b\")");
    assert_filter("{\"EQ\":{\"person.org\":\"-a*\"}}", "@var0:(a)");
    assert_filter("{\"EQ\":{\"person.org\":\"a/b\\\\c\"}}", "@var0:(a\\/b\\\\c)");
    assert_filter("{\"EQ\":{\"person.org\":\"\xc3\xa9_1\"}}", "@var0:(\xc3\xa9_1)");
}

static void pages_and_order(void **state)
{
    assert_int_equal(search("{}"), TRB_OK);
    assert_int_equal(made.limit, QUERY_PAGE);
    assert_null(made.sort.at);
    assert_int_equal(search("{\"sort\":[{\"key\":\"id\",\"order\":\"DESC\"}],\"page\":{\"limit\":3,\"token\":\"6\"}}"), TRB_OK);
    assert_int_equal(made.limit, 3);
    assert_int_equal(made.offset, 6);
    assert_string_equal(made.sort.at, "var1");
    assert_true(made.is_descending);
}

static void what_has_no_meaning_is_refused(void **state)
{
    assert_refused("{", "no JSON");
    assert_refused("{\"filter\":{\"EQ\":{\"x\":1}}}", "has no key 'x'");
    assert_refused("{\"filter\":{\"GT\":{\"person.org\":1}}}", "NUMERIC");
    assert_refused("{\"filter\":{\"EQ\":{\"id\":\"1\"}}}", "compared with numbers");
    assert_refused("{\"filter\":{\"EQ\":{\"person.org\":null}}}", "compared with texts");
    assert_refused("{\"filter\":{\"EQ\":{\"person.org\":\" - \"}}}", "no word");
    assert_refused("{\"sort\":[{\"key\":\"id\"},{\"key\":\"person.org\"}]}", "one key");
    assert_refused("{\"sort\":[{\"key\":\"x\"}]}", "to sort by");
    assert_refused("{\"page\":{\"token\":\"-1\"}}", "token");
    assert_refused("{\"page\":{\"token\":\"99999999999\"}}", "token");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(indexes_have_names_keys_and_types), TEST(no_indexes_are_none), TEST(indexes_that_cannot_be_read_are_refused),
        TEST(comparisons), TEST(groups), TEST(a_value_is_never_read_as_a_query), TEST(pages_and_order),
        TEST(what_has_no_meaning_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
