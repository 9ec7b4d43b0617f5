/* Where every node stands, what aliases and merge keys become, what is refused and how that is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/config/yaml.c"
#include <stdlib.h>

struct reading {
    struct arena *arena;
    struct yaml_node *root;
    struct yaml_fault fault;
    trb_code code;
};

/* From a copy of its own size, gone before anybody looks at the tree. */
static struct reading read_slice(struct trb_slice text, uint32_t line)
{
    struct reading r = {.arena = arena_create(1u << 20)};
    char *copy = malloc(text.len ? text.len : 1);
    memcpy(copy, text.at, text.len);
    r.code = yaml_parse(r.arena, "a.yaml", line, slice_from(copy, text.len), &r.root, &r.fault);
    free(copy);
    return r;
}

static struct reading read_text(const char *text)
{
    return read_slice(slice_of(text), 1);
}

static struct reading read_good(const char *text)
{
    struct reading r = read_text(text);
    if (r.code)
        print_error("%s\n", r.fault.what);
    assert_int_equal(r.code, TRB_OK);
    return r;
}

static void finish(struct reading *r)
{
    r->arena = arena_destroy(r->arena);
}

static void expect_json(const char *text, const char *expected)
{
    struct reading r = read_good(text);
    struct text json = {0};
    yaml_to_json(r.root, &json);
    assert_string_equal(json.at, expected);
    text_fini(&json);
    finish(&r);
}

static void expect_place(const struct yaml_node *node, uint32_t line, uint32_t column)
{
    assert_non_null(node);
    assert_string_equal(node->place.file, "a.yaml");
    assert_int_equal(node->place.line, line);
    assert_int_equal(node->place.column, column);
}

static void every_node_knows_its_line_and_column(void **state)
{
    struct reading r = read_good("kind: Component\n"
                                 "metadata:\n"
                                 "  name: orders\n"
                                 "spec:\n"
                                 "  metadata:\n"
                                 "  - name: a\n"
                                 "    value: \"b\"\n"
                                 "  list: [1,\n"
                                 "         two, {x: y}]\n");
    expect_place(r.root, 1, 1);
    expect_place(yaml_get(r.root, "kind"), 1, 7);
    expect_place(yaml_path(r.root, "metadata.name"), 3, 9);
    struct yaml_node *items = yaml_path(r.root, "spec.metadata");
    expect_place(items, 6, 3);
    expect_place(items->items[0], 6, 5);
    expect_place(yaml_get(items->items[0], "value"), 7, 12);
    struct yaml_node *list = yaml_path(r.root, "spec.list");
    expect_place(list, 8, 9);
    expect_place(list->items[0], 8, 10);
    expect_place(list->items[1], 9, 10);
    expect_place(list->items[2], 9, 15);
    expect_place(yaml_get(list->items[2], "x"), 9, 19);
    assert_string_equal(yaml_place_text(r.arena, list->place), "a.yaml:8");
    finish(&r);
}

static void lines_count_from_where_the_text_stands_in_its_file(void **state)
{
    struct reading r = read_slice(SLICE("\nkind: A\n"), 41);
    expect_place(yaml_get(r.root, "kind"), 42, 7);
    finish(&r);
}

static void an_empty_text_has_no_root(void **state)
{
    const char *empty[] = {"", "\n", "# nothing\n", "  \n\n"};
    for (size_t i = 0; i < 4; i++) {
        struct reading r = read_good(empty[i]);
        assert_null(r.root);
        finish(&r);
    }
}

static void only_the_first_document_is_read(void **state)
{
    expect_json("---\na: 1\n---\n[ broken", "{\"a\":1}");
}

static void an_alias_is_the_node_it_names(void **state)
{
    struct reading r = read_good("a: &x {k: v}\nb: *x\nc: &x 5\nd: *x\n");
    assert_ptr_equal(yaml_get(r.root, "a"), yaml_get(r.root, "b"));
    assert_ptr_equal(yaml_get(r.root, "c"), yaml_get(r.root, "d"));
    expect_place(yaml_get(r.root, "b"), 1, 4);
    finish(&r);
}

static void merge_keys_bring_what_is_not_written(void **state)
{
    expect_json("base: &b {k: 1, l: 2}\nuse:\n  <<: *b\n  l: 3\n", "{\"base\":{\"k\":1,\"l\":2},\"use\":{\"k\":1,\"l\":3}}");
    expect_json("[&a {x: 1}, &b {x: 2, z: 3}, {<<: [*a, *b], w: 0}]",
                "[{\"x\":1},{\"x\":2,\"z\":3},{\"w\":0,\"x\":1,\"z\":3}]");
    expect_json("\"<<\": 5", "{\"\\u003c\\u003c\":5}");
}

static void merged_members_keep_their_order(void **state)
{
    struct reading r = read_good("[&a {q: 1, b: 2, z: 3}, {<<: *a}]");
    struct yaml_node *merged = r.root->items[1];
    assert_int_equal(merged->count, 3);
    assert_string_equal(merged->pairs[0].key->text.at, "q");
    assert_string_equal(merged->pairs[1].key->text.at, "b");
    assert_string_equal(merged->pairs[2].key->text.at, "z");
    finish(&r);
}

static void the_last_of_a_name_counts(void **state)
{
    expect_json("a: 1\nb: 2\na: 3\n", "{\"a\":3,\"b\":2}");
    struct reading r = read_good("a: 1\na: 3\n");
    assert_string_equal(yaml_get(r.root, "a")->text.at, "3");
    finish(&r);
}

static void a_repeated_name_can_be_found(void **state)
{
    struct reading r = read_good("a: &x {b: 1}\nc: [1, {d: 2,\n  e: 3, d: 4}]\nf: {<<: *x, b: 5}\n");
    const struct yaml_node *first = NULL, *again = yaml_repeated(r.root, &first);
    expect_place(first, 2, 9);
    expect_place(again, 3, 9);
    assert_null(yaml_repeated(yaml_get(r.root, "f"), &first));
    assert_null(yaml_repeated(NULL, &first));
    finish(&r);
}

static void names_match_exactly_or_without_case(void **state)
{
    struct reading r = read_good("Kind: x\nspec: {Name: y, name: z}\n");
    assert_null(yaml_get(r.root, "kind"));
    assert_string_equal(yaml_get_nocase(r.root, "kind")->text.at, "x");
    assert_string_equal(yaml_get_nocase(yaml_get(r.root, "spec"), "name")->text.at, "z");
    assert_null(yaml_get(NULL, "a"));
    assert_null(yaml_path(r.root, "spec.name.deeper"));
    finish(&r);
}

static void a_null_byte_in_a_name_does_not_end_it(void **state)
{
    struct reading r = read_good("\"a\\0b\": 1\n");
    assert_null(yaml_get(r.root, "a"));
    assert_int_equal(r.root->pairs[0].key->text.len, 3);
    finish(&r);
}

struct refused {
    const char *text;
    const char *said;                                      /* in the reference's form */
    uint32_t line, column;                                 /* where it truly is */
};

static const struct refused refused[] = {
    {"spec: [a\n", "yaml: line 1: did not find expected ',' or ']'", 2, 1},
    {"spec: [a", "yaml: line 1: did not find expected ',' or ']'", 2, 1},
    {"a: b: c\n", "yaml: mapping values are not allowed in this context", 1, 5},
    {"x: 1\na: b: c\n", "yaml: line 2: mapping values are not allowed in this context", 2, 5},
    {"a: 1\nb: @x\n", "yaml: line 2: found character that cannot start any token", 2, 4},
    {"a:\n  b: 1\n c: 2\n", "yaml: line 2: did not find expected key", 3, 2},
    {"a: *nobody\n", "yaml: unknown anchor 'nobody' referenced", 1, 4},
    {"a: &x [*x]\n", "yaml: anchor 'x' value contains itself", 1, 8},
    {"<<: 5\n", "yaml: map merge requires map or sequence of maps as the value", 1, 5},
    {"<<: [{}, 5]\n", "yaml: map merge requires map or sequence of maps as the value", 1, 10},
    {"a: \"\x01\"\n", "yaml: control characters are not allowed", 1, 5},
    {"a: 1\nb: \xff\n", "yaml: invalid leading UTF-8 octet", 2, 4},
    {"a: !!binary \"*\"\n", "yaml: !!binary value contains invalid base64 data", 1, 4},
    {"? [a]\n: b\n", "yaml: a mapping in it has a key that is no scalar", 1, 1},
};

static void faults_say_where_and_why(void **state)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct reading r = read_text(refused[i].text);
        assert_int_equal(r.code, TRB_INVALID);
        assert_string_equal(yaml_fault_text(r.arena, &r.fault).at, refused[i].said);
        assert_int_equal(r.fault.place.line, refused[i].line);
        assert_int_equal(r.fault.place.column, refused[i].column);
        finish(&r);
    }
}

static void a_fault_is_one_sentence_with_its_place(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct arena *arena = arena_create(1u << 20);
    struct yaml_node *root = NULL;
    assert_int_equal(yaml_read(arena, "f.yaml", 10, SLICE("a: 1\nb: @\n"), &root, &err), TRB_INVALID);
    assert_string_equal(err.message, "f.yaml:11:4: found character that cannot start any token");
    arena_destroy(arena);
}

static void nothing_is_nested_deeper_than_the_limit(void **state)
{
    char text[1024] = "";
    for (uint32_t depth = YAML_MAX_DEPTH; depth <= YAML_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        struct reading r = read_text(text);
        assert_int_equal(r.code, depth > YAML_MAX_DEPTH ? TRB_INVALID : TRB_OK);
        finish(&r);
    }
}

static void aliases_do_not_get_around_the_depth(void **state)
{
    struct text text = {0};
    text_adds(&text, "- &a0 [[[[[[[[[[x]]]]]]]]]]\n");
    for (int i = 1; i < 12; i++)
        text_addf(&text, "- &a%d [[[[[[[[[[*a%d]]]]]]]]]]\n", i, i - 1);
    struct reading r = read_text(text.at);
    assert_int_equal(r.code, TRB_INVALID);
    assert_non_null(strstr(r.fault.what, "nested deeper"));
    finish(&r);
    text_fini(&text);
}

static void a_bomb_of_aliases_is_refused_before_it_expands(void **state)
{
    struct text text = {0};
    text_adds(&text, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (int i = 1; i < 20; i++)
        text_addf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
                  i - 1, i - 1, i - 1, i - 1);
    struct reading r = read_text(text.at);
    assert_int_equal(r.code, TRB_INVALID);
    assert_string_equal(r.fault.what, "the document comes to more than 32 MiB in memory");
    finish(&r);
    text_fini(&text);
}

static void a_bomb_of_merge_keys_is_refused(void **state)
{
    struct text text = {0};
    text_adds(&text, "- &a {");
    for (int i = 0; i < 2000; i++)
        text_addf(&text, "k%d: v, ", i);
    text_adds(&text, "}\n");
    for (int i = 0; i < 1000; i++)
        text_adds(&text, "- {<<: *a}\n");
    struct reading r = read_text(text.at);
    assert_int_equal(r.code, TRB_INVALID);
    finish(&r);
    text_fini(&text);
}

static void directives_without_end_are_refused(void **state)
{
    struct text text = {0};
    for (int i = 0; i < 101; i++)
        text_addf(&text, "%%TAG !a%d! tag:x\n", i);
    text_adds(&text, "--- a\n");
    struct reading r = read_text(text.at);
    assert_int_equal(r.code, TRB_INVALID);
    assert_string_equal(r.fault.what, "there are more than 100 %TAG directives");
    finish(&r);
    r = read_good(strchr(text.at, '\n') + 1);
    finish(&r);
    text_fini(&text);
}

static void a_text_beyond_the_limit_is_refused(void **state)
{
    char *text = malloc(YAML_MAX_BYTES + 1);
    memset(text, '#', YAML_MAX_BYTES + 1);
    struct reading r = {.arena = arena_create(1u << 20)};
    r.code = yaml_parse(r.arena, "a", 1, slice_from(text, YAML_MAX_BYTES + 1), &r.root, &r.fault);
    assert_int_equal(r.code, TRB_INVALID);
    assert_string_equal(r.fault.what, "the text is larger than 16 MiB");
    finish(&r);
    free(text);
}

static void a_later_tree_lies_over_an_earlier_one_field_by_field(void **state)
{
    struct reading under = read_good("a: 1\nm: {x: 1, l: [1, 2]}\nkept: k\nv: 5\n");
    struct reading over = read_good("a: 2\nm: {l: [3], z: {q: 1}}\nv: null\n");
    struct yaml_node *both = yaml_merge(under.arena, under.root, over.root);
    struct text json = {0};
    yaml_to_json(both, &json);
    assert_string_equal(json.at, "{\"a\":2,\"kept\":\"k\",\"m\":{\"l\":[3],\"x\":1,\"z\":{\"q\":1}},\"v\":5}");
    text_fini(&json);
    assert_ptr_equal(yaml_merge(under.arena, under.root, NULL), under.root);
    assert_ptr_equal(yaml_merge(under.arena, NULL, over.root), over.root);
    finish(&under);
    finish(&over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_line_and_column),
        cmocka_unit_test(lines_count_from_where_the_text_stands_in_its_file),
        cmocka_unit_test(an_empty_text_has_no_root),
        cmocka_unit_test(only_the_first_document_is_read),
        cmocka_unit_test(an_alias_is_the_node_it_names),
        cmocka_unit_test(merge_keys_bring_what_is_not_written),
        cmocka_unit_test(merged_members_keep_their_order),
        cmocka_unit_test(the_last_of_a_name_counts),
        cmocka_unit_test(a_repeated_name_can_be_found),
        cmocka_unit_test(names_match_exactly_or_without_case),
        cmocka_unit_test(a_null_byte_in_a_name_does_not_end_it),
        cmocka_unit_test(faults_say_where_and_why),
        cmocka_unit_test(a_fault_is_one_sentence_with_its_place),
        cmocka_unit_test(nothing_is_nested_deeper_than_the_limit),
        cmocka_unit_test(aliases_do_not_get_around_the_depth),
        cmocka_unit_test(a_bomb_of_aliases_is_refused_before_it_expands),
        cmocka_unit_test(a_bomb_of_merge_keys_is_refused),
        cmocka_unit_test(directives_without_end_are_refused),
        cmocka_unit_test(a_text_beyond_the_limit_is_refused),
        cmocka_unit_test(a_later_tree_lies_over_an_earlier_one_field_by_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
