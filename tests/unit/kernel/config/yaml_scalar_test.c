/* What a plain scalar is, by the rules of YAML 1.1, and how it is spelled as text, as a property and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/config/yaml_scalar.c"

static struct yaml_node *read_one(struct arena *arena, const char *text)
{
    struct yaml_node *root = NULL;
    assert_int_equal(yaml_read(arena, "a", 1, slice_of(text), &root, NULL), TRB_OK);
    return root;
}

/* NULL: absent. */
struct spelling {
    const char *yaml, *text, *property, *json;
};

static const struct spelling spellings[] = {
    {"abc", "abc", "abc", "\"abc\""},
    {"~", NULL, NULL, "null"},
    {"null", NULL, NULL, "null"},
    {"NULL", NULL, NULL, "null"},
    {"nuLL", "nuLL", "nuLL", "\"nuLL\""},
    {"'null'", "null", "null", "\"null\""},
    {"''", "", "", "\"\""},
    {"yes", "true", "true", "true"},
    {"Off", "false", "false", "false"},
    {"y", "true", "true", "true"},
    {"N", "false", "false", "false"},
    {"TRUE", "true", "true", "true"},
    {"tRUE", "tRUE", "tRUE", "\"tRUE\""},
    {"\"yes\"", "yes", "yes", "\"yes\""},
    {"5", "5", "5", "5"},
    {"-5", "-5", "-5", "-5"},
    {"+5", "5", "5", "5"},
    {"007", "7", "7", "7"},
    {"08", "8", "8", "8"},
    {"0o17", "15", "15", "15"},
    {"0x1F", "31", "31", "31"},
    {"0b101", "5", "5", "5"},
    {"-0b101", "-5", "-5", "-5"},
    {"1_000", "1000", "1000", "1000"},
    {"0x", "0x", "0x", "\"0x\""},
    {"0xg", "0xg", "0xg", "\"0xg\""},
    {"1a", "1a", "1a", "\"1a\""},
    {"+", "+", "+", "\"+\""},
    {"9223372036854775807", "9223372036854775807", "9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "9223372036854775808", "9223372036854775808", "9223372036854775808"},
    {"-9223372036854775808", "-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
    {"18446744073709551616", "1.8446744073709552e+19", "18446744073709552000", "18446744073709552000"},
    {"1.0", "1", "1", "1"},
    {"1.10", "1.1", "1.1", "1.1"},
    {"-1.5", "-1.5", "-1.5", "-1.5"},
    {".5", "0.5", "0.5", "0.5"},
    {"5.", "5", "5", "5"},
    {"1e3", "1000", "1000", "1000"},
    {"1e6", "1e+06", "1000000", "1000000"},
    {"1.5E+7", "1.5e+07", "15000000", "15000000"},
    {"1e20", "1e+20", "100000000000000000000", "100000000000000000000"},
    {"1e21", "1e+21", "1e+21", "1e+21"},
    {"1.5e-5", "1.5e-05", "0.000015", "0.000015"},
    {"1e-7", "1e-07", "1e-7", "1e-7"},
    {"1e-10", "1e-10", "1e-10", "1e-10"},
    {"0.1", "0.1", "0.1", "0.1"},
    {"1234567.5", "1.2345675e+06", "1234567.5", "1234567.5"},
    {"-0.0", "-0", "-0", "-0"},
    {"1e999", "1e999", "1e999", "\"1e999\""},
    {".inf", "+Inf", "+Inf", "\".inf\""},
    {"-.Inf", "-Inf", "-Inf", "\"-.Inf\""},
    {".nan", "NaN", "NaN", "\".nan\""},
    {"inf", "inf", "inf", "\"inf\""},
    {"2001-12-14", "2001-12-14", "2001-12-14", "\"2001-12-14\""},
    {"1:30", "1:30", "1:30", "\"1:30\""},
    {"1.2.3", "1.2.3", "1.2.3", "\"1.2.3\""},
    {"._5", "._5", "._5", "\"._5\""},
    {"!!str 5", "5", "5", "\"5\""},
    {"!!int '5'", "5", "5", "5"},
    {"!!bool 'no'", "false", "false", "false"},
    {"!other 5", "5", "5", "\"5\""},
    {"!!binary aGk=", "hi", "hi", "\"hi\""},
    {"\"a\\n<&>\"", "a\n<&>", "a\n<&>", "\"a\\n\\u003c\\u0026\\u003e\""},
    {"|\n  5\n", "5\n", "5\n", "\"5\\n\""},
    {"[1, a, {b: ~}]", NULL, "[1,\"a\",{\"b\":null}]", "[1,\"a\",{\"b\":null}]"},
    {"{b: 1, a: [], c: {}}", NULL, "{\"a\":[],\"b\":1,\"c\":{}}", "{\"a\":[],\"b\":1,\"c\":{}}"},
    {"{1: x, true: z, ~: q, 1.0: o}", NULL, "{\"1\":\"o\",\"null\":\"q\",\"true\":\"z\"}",
     "{\"1\":\"o\",\"null\":\"q\",\"true\":\"z\"}"},
};

static void expect_name(const char *yaml, struct trb_name is, const char *wanted)
{
    if ((is.at && wanted && strcmp(is.at, wanted)) || !is.at != !wanted)
        fail_msg("%s became %s and not %s", yaml, is.at ? is.at : "absent", wanted ? wanted : "absent");
}

static void scalars_are_spelled_as_others_spell_them(void **state)
{
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const struct spelling *s = &spellings[i];
        struct arena *arena = arena_create(1u << 20);
        struct text json = {0};
        struct yaml_node *node = read_one(arena, s->yaml);
        yaml_to_json(node, &json);
        expect_name(s->yaml, (struct trb_name){json.at, json.len}, s->json);
        expect_name(s->yaml, yaml_text(arena, node), s->text);
        expect_name(s->yaml, yaml_value(arena, node), s->property);
        text_fini(&json);
        arena_destroy(arena);
    }
}

static void questions_take_no_for_an_answer(void **state)
{
    struct arena *arena = arena_create(1u << 20);
    struct yaml_node *n = read_one(arena, "[~, yes, 5, 1.5, x, 'yes', '5', [], 1e3, 18446744073709551615, 5.5e18]");
    bool truth = false;
    int64_t number = 0;
    double real = 0;
    assert_true(yaml_is_null(NULL) && yaml_is_null(n->items[0]) && !yaml_is_null(n->items[7]));
    assert_true(yaml_bool(n->items[1], &truth) && truth);
    assert_false(yaml_bool(n->items[2], &truth) || yaml_bool(n->items[5], &truth) || yaml_bool(NULL, &truth));
    assert_true(yaml_int(n->items[2], &number) && number == 5);
    assert_true(yaml_int(n->items[8], &number) && number == 1000);
    assert_false(yaml_int(n->items[3], &number) || yaml_int(n->items[6], &number) || yaml_int(n->items[9], &number) ||
                 yaml_int(n->items[10], &number) || yaml_int(n->items[7], &number));
    assert_true(yaml_number(n->items[3], &real) && real == 1.5);
    assert_true(yaml_number(n->items[2], &real) && real == 5);
    assert_true(yaml_number(n->items[9], &real) && real == 18446744073709551615.0);
    assert_false(yaml_number(n->items[4], &real) || yaml_number(n->items[1], &real));
    assert_true(yaml_is_text(n->items[4]) && yaml_is_text(n->items[5]) && !yaml_is_text(n->items[1]) &&
                !yaml_is_text(n->items[7]) && !yaml_is_text(NULL));
    arena_destroy(arena);
}

static void a_number_too_long_to_be_one_is_a_text(void **state)
{
    struct arena *arena = arena_create(1u << 20);
    char text[600];
    memset(text, '7', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_true(yaml_is_text(read_one(arena, text)));
    text[300] = '\0';
    double real;
    assert_true(yaml_number(read_one(arena, text), &real));
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_spelled_as_others_spell_them),
        cmocka_unit_test(questions_take_no_for_an_answer),
        cmocka_unit_test(a_number_too_long_to_be_one_is_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
