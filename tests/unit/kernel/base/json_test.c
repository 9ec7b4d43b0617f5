/* json_test: what is JSON, what is said of what is not, and that no byte of a value changes on the way. */
#include <base/json.h>
#include <base/slice.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SUITE "../shared/data/json-parsing/test_parsing"

static struct arena *arena;

static int open_arena(void **state)
{
    arena = arena_create(1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

static struct json_value parsed(const char *text)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(slice_of(text), &v, &fault))
        fail_msg("%s: %s at %zu", text, fault.message, fault.offset);
    return v;
}

static const char *fault_of(const char *text)
{
    static struct json_fault fault;
    struct json_value v;
    assert_false(json_parse(slice_of(text), &v, &fault));
    return fault.message;
}

static void assert_slice(struct trb_slice s, const char *wanted)
{
    if (!slice_is(s, slice_of(wanted)))
        fail_msg("'%.*s' instead of '%s'", SLICE_ARG(s), wanted);
}

static void a_value_is_a_slice_of_the_text(void **state)
{
    struct json_value v = parsed(" \t{\"a\": [1, 2.50e+07, 123456789012345678901234567890]}\n");
    assert_int_equal(v.kind, JSON_OBJECT);
    assert_slice(v.raw, "{\"a\": [1, 2.50e+07, 123456789012345678901234567890]}");
}

static void numbers_keep_their_digits(void **state)
{
    struct json_value list = parsed("[9007199254740993, -0.0, 1E400, 1.10]"), v;
    struct json_cursor c = json_enter(list);
    const char *wanted[] = {"9007199254740993", "-0.0", "1E400", "1.10"};
    for (int i = 0; i < 4; i++) {
        assert_true(json_next(&c, &v));
        assert_int_equal(v.kind, JSON_NUMBER);
        assert_slice(v.raw, wanted[i]);
    }
    assert_false(json_next(&c, &v));
}

static void the_last_of_two_members_counts(void **state)
{
    struct json_value v = parsed("{\"a\":1,\"b\":2,\"a\":3}");
    assert_slice(json_find(v, SLICE("a")).raw, "3");
    assert_int_equal(json_find(v, SLICE("c")).kind, JSON_NONE);
    assert_int_equal(json_find(v, SLICE("A")).kind, JSON_NONE);
    assert_slice(json_find_nocase(v, SLICE("B")).raw, "2");
}

static void several_members_are_found_in_one_walk(void **state)
{
    static const struct trb_slice names[] = {{"key", 3}, {"value", 5}, {"etag", 4}};
    struct json_value found[3];
    json_find_each(parsed("{\"KEY\":0,\"key\":1,\"Key\":2,\"v\\u0061lue\":{\"etag\":[\"}\"]},\"VALUE\":4,\"key\":5}"),
                   names, 3, found);
    assert_slice(found[0].raw, "5");
    assert_slice(found[1].raw, "{\"etag\":[\"}\"]}");
    assert_int_equal(found[2].kind, JSON_NONE);
    json_find_each(parsed("{\"Key\":1,\"KEY\":2}"), names, 1, found);
    assert_slice(found[0].raw, "2");
    json_find_each(parsed("[1]"), names, 1, found);
    assert_int_equal(found[0].kind, JSON_NONE);
}

static void elements_and_members_are_counted(void **state)
{
    assert_int_equal(json_count(parsed("[1,[2,3],{\"a\":4}]")), 3);
    assert_int_equal(json_count(parsed("{\"a\":1,\"a\":[2,3]}")), 2);
    assert_int_equal(json_count(parsed("[]")), 0);
    assert_int_equal(json_count(parsed("\"text\"")), 0);
    assert_int_equal(json_count((struct json_value){.kind = JSON_NONE}), 0);
}

static void a_blank_between_tokens_is_seen(void **state)
{
    assert_true(json_is_compact(parsed("{\"a b\":[1,\"\\\" \"]}")));
    assert_false(json_is_compact(parsed("{\"a\": 1}")));
    assert_false(json_is_compact(parsed("[1,\n2]")));
}

static void the_check_tells_the_shape_of_the_value_as_walking_it_would(void **state)
{
    static const char *const texts[] = {"[]", " [ ] ", "[1]", "[[1,2],[3]]", "{\"a\":[1,2],\"b\":{\"c\":1,\"d\":2}}", "[1, 2]", " [1]\n", "{}",
                                        "[{\"a\" :1}]", "[{\"a\":1} ]", "7", "\" a \"", "[\" , \",\"]\"]", "[[]]", "[[ ]]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_value v;
        struct json_shape shape;
        assert_true(json_parse_shape(slice_of(texts[i]), &v, &shape, NULL));
        assert_int_equal(shape.count, json_count(v));
        assert_int_equal(shape.is_compact, json_is_compact(v));
    }
}

static void the_only_element_is_what_stands_between_the_brackets(void **state)
{
    assert_slice(json_only(parsed("[{\"a\":[1,\"]\"]}]")).raw, "{\"a\":[1,\"]\"]}");
    assert_slice(json_only(parsed("[ \n\"]\"\t]")).raw, "\"]\"");
    assert_int_equal(json_only(parsed("[ 7 ]")).kind, JSON_NUMBER);
    assert_int_equal(json_only(parsed("[null]")).kind, JSON_NULL);
}

/* Sixteen, eight and one at a time: what ends a string is seen wherever it stands. */
static void a_string_ends_at_its_quote_wherever_that_stands(void **state)
{
    char text[160];
    for (int before = 0; before < 40; before++)
        for (int behind = 0; behind < 40; behind += 13) {
            struct json_value inner, list;
            snprintf(text, sizeof text, "[[\"%.*s\\\"[\xc3\xa9{ \",\"%.*s\"],{}]", before, "0123456789abcdefghijklmnopqrstuvwxyz,:]}-+",
                     behind, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
            list = parsed(text);
            struct json_cursor c = json_enter(list);
            assert_int_equal(json_count(list), 2);
            assert_true(json_next(&c, &inner));
            assert_int_equal(json_count(inner), 2);
            assert_true(json_is_compact(list));
        }
}

static void a_control_character_in_a_string_is_refused_wherever_it_stands(void **state)
{
    char text[64];
    for (int before = 0; before < 40; before++) {
        snprintf(text, sizeof text, "\"%.*s\x1f\"", before, "0123456789abcdefghijklmnopqrstuvwxyz,:]}-+");
        assert_string_equal(fault_of(text), "invalid character '\\x1f' in string literal");
        snprintf(text, sizeof text, "\"%.*s\xff\"", before, "0123456789abcdefghijklmnopqrstuvwxyz,:]}-+");
        assert_string_equal(fault_of(text), "invalid UTF-8 in string literal");
    }
}

static void escapes_are_undone_only_on_request(void **state)
{
    struct json_value v = parsed("\"a\\u00e9\\n\\\"\\ud83d\\ude00\"");
    assert_slice(v.raw, "\"a\\u00e9\\n\\\"\\ud83d\\ude00\"");
    assert_slice(json_text(arena, v), "a\xc3\xa9\n\"\xf0\x9f\x98\x80");
}

static void a_lonely_surrogate_becomes_the_replacement_character(void **state)
{
    assert_slice(json_text(arena, parsed("\"\\ud83d\"")), "\xef\xbf\xbd");
    assert_slice(json_text(arena, parsed("\"\\ude00x\"")), "\xef\xbf\xbdx");
}

static void a_text_without_escapes_is_not_copied(void **state)
{
    struct json_value v = parsed("\"plain\"");
    assert_ptr_equal(json_text(arena, v).at, v.raw.at + 1);
}

static void keys_are_compared_unescaped(void **state)
{
    struct json_value v = parsed("{\"\\u0061b\":true}"), value;
    struct json_cursor c = json_enter(v);
    struct trb_slice key;
    assert_true(json_member(&c, &key, &value));
    assert_true(json_key_is(key, SLICE("ab")));
    assert_int_equal(json_find(v, SLICE("ab")).kind, JSON_TRUE);
}

static void white_space_goes_and_every_token_stays(void **state)
{
    struct text t = {0};
    json_compact(parsed("{ \"b\" : [ 1 , 2.0 ] , \"a\" : \"x \\u003c y\" }"), &t);
    assert_slice(text_slice(&t), "{\"b\":[1,2.0],\"a\":\"x \\u003c y\"}");
    text_fini(&t);
}

static void the_canonical_form_sorts_and_escapes(void **state)
{
    struct text t = {0};
    json_canonical(parsed("{ \"b\" : 2.0 , \"a\" : \"<&>\" }"), &t);
    assert_slice(text_slice(&t), "{\"a\":\"\\u003c\\u0026\\u003e\",\"b\":2.0}");
    text_fini(&t);
}

static void the_canonical_form_sorts_any_number_of_members_and_keeps_the_last_of_a_name(void **state)
{
    struct text t = {0};
    json_canonical(parsed("{\"k\":1,\"j\":2,\"i\":3,\"h\":4,\"g\":5,\"f\":6,\"e\":7,\"d\":8,\"c\":9,\"a\":0,\"a\":{},\"e\":[]}"), &t);
    assert_string_equal(t.at, "{\"a\":{},\"c\":9,\"d\":8,\"e\":[],\"f\":6,\"g\":5,\"h\":4,\"i\":3,\"j\":2,\"k\":1}");
    text_clear(&t);
    json_canonical(parsed("{\"a\":1,\"a\":2,\"b\":3,\"b\":4}"), &t);
    assert_string_equal(t.at, "{\"a\":2,\"b\":4}");
    text_fini(&t);
}

static void a_fault_says_what_and_where(void **state)
{
    assert_string_equal(fault_of(""), "unexpected end of JSON input");
    assert_string_equal(fault_of("{\"a\":"), "unexpected end of JSON input");
    assert_string_equal(fault_of("x"), "invalid character 'x' looking for beginning of value");
    assert_string_equal(fault_of("{]"), "invalid character ']' looking for beginning of object key string");
    assert_string_equal(fault_of("{\"a\" 1}"), "invalid character '1' after object key");
    assert_string_equal(fault_of("[1 2]"), "invalid character '2' after array element");
    assert_string_equal(fault_of("{\"a\":1 2}"), "invalid character '2' after object key:value pair");
    assert_string_equal(fault_of("1 2"), "invalid character '2' after top-level value");
    assert_string_equal(fault_of("tru!"), "invalid character '!' in literal true (expecting 'e')");
    assert_string_equal(fault_of("\"\t\""), "invalid character '\\t' in string literal");
    assert_string_equal(fault_of("\"\\x\""), "invalid character 'x' in string escape code");
    assert_string_equal(fault_of("-x"), "invalid character 'x' in numeric literal");
}

static void depth_is_bounded(void **state)
{
    static char deep[2 * JSON_MAX_DEPTH + 4];
    struct json_value v;
    for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        assert_int_equal(json_parse(slice_from(deep, 2 * (size_t)depth), &v, NULL), depth == JSON_MAX_DEPTH);
    }
}

static struct trb_slice file_read(const char *name, char **ret_memory)
{
    char path[512];
    snprintf(path, sizeof path, SUITE "/%s", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *ret_memory = malloc(1 << 20);
    size_t len = fread(*ret_memory, 1, 1 << 20, f);
    fclose(f);
    return slice_from(*ret_memory, len);
}

static void suite_check(const char *name)
{
    struct json_value v;
    char *memory;
    struct trb_slice text = file_read(name, &memory);
    bool is_json = json_parse(text, &v, NULL);
    if ((name[0] == 'y' && !is_json) || (name[0] == 'n' && is_json))
        fail_msg("%s is %s", name, is_json ? "accepted" : "refused");
    free(memory);
}

static void the_public_suite_agrees(void **state)
{
    DIR *folder = opendir(SUITE);
    struct dirent *entry;
    uint32_t count = 0;
    if (!folder) {
        print_message("the public JSON suite is not at %s: skipped\n", SUITE);
        skip();
    }
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            suite_check(entry->d_name), count++;
    closedir(folder);
    assert_true(count > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_a_slice_of_the_text),
        cmocka_unit_test(numbers_keep_their_digits),
        cmocka_unit_test(the_last_of_two_members_counts),
        cmocka_unit_test(several_members_are_found_in_one_walk),
        cmocka_unit_test(elements_and_members_are_counted),
        cmocka_unit_test(a_blank_between_tokens_is_seen),
        cmocka_unit_test(the_check_tells_the_shape_of_the_value_as_walking_it_would),
        cmocka_unit_test(the_only_element_is_what_stands_between_the_brackets),
        cmocka_unit_test(a_string_ends_at_its_quote_wherever_that_stands),
        cmocka_unit_test(a_control_character_in_a_string_is_refused_wherever_it_stands),
        cmocka_unit_test(escapes_are_undone_only_on_request),
        cmocka_unit_test(a_lonely_surrogate_becomes_the_replacement_character),
        cmocka_unit_test(a_text_without_escapes_is_not_copied),
        cmocka_unit_test(keys_are_compared_unescaped),
        cmocka_unit_test(white_space_goes_and_every_token_stays),
        cmocka_unit_test(the_canonical_form_sorts_and_escapes),
        cmocka_unit_test(the_canonical_form_sorts_any_number_of_members_and_keeps_the_last_of_a_name),
        cmocka_unit_test(a_fault_says_what_and_where),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(the_public_suite_agrees),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
