/* cel_test: expressions over an event, and the language's public conformance cases where their folder
 * is there: those of its plain parts, which need no messages, times or types as values. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <cel/cel.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const char event_text[] =
    "{\"type\":\"big\",\"id\":\"I1\",\"data\":{\"n\":6,\"s\":\"t\\u00e9st\",\"l\":[1,2,3],\"f\":1.5,\"z\":null,\"b\":true,"
    "\"o\":{\"a\":1}},\"content-type\":\"x\"}";
static char fault[256];

/* 1, 0, -1: not evaluable, -2: does not compile. */
static int test(const char *source)
{
    static const char *const names[] = {"event", NULL};
    struct json_value event;
    struct json_fault bad;
    assert_true(json_parse(slice_of(event_text), &event, &bad));
    struct cel_variable v = {SLICE("event"), event};
    struct cel *c = cel_compile(slice_of(source), names, fault, sizeof fault);
    if (!c)
        return -2;
    int verdict = cel_test(c, &v, 1, fault, sizeof fault);
    cel_destroy(c);
    return verdict;
}

static void all_are(int wanted, const char *const *sources)
{
    for (; *sources; sources++)
        if (test(*sources) != wanted)
            fail_msg("%s: not %d, but %d (%s)", *sources, wanted, test(*sources), fault);
}

static void rules_that_match(void **state)
{
    static const char *const sources[] = {
        "event.type == 'big'", "event.data.n > 5", "event.data.n >= 6u && event.data.n <= 6.0", "event['id'] == \"I1\"",
        "event.data.s == 't\\u00e9st' && size(event.data.s) == 4", "event.data.l[1] == 2", "2 in event.data.l",
        "'n' in event.data", "has(event.data.n) && !has(event.data.m)", "event.data.z == null", "event.data.b",
        "event.type.startsWith('b') && event.type.endsWith('g') && event.type.contains('i')",
        "event.data.l.exists(x, x == 3) && event.data.l.all(x, x > 0)", "event.data.l.exists_one(x, x == 2)",
        "event.data.l.filter(x, x > 1) == [2, 3]", "event.data.l.map(x, x * 2.0) == [2, 4, 6]",
        "event.data == {'n': 6, 's': 'tést', 'l': [1, 2, 3], 'f': 1.5, 'z': null, 'b': true, 'o': {'a': 1}}",
        "event.data.n > 7 ? false : true", "true || event.nope", "event.nope || true", "!(false && event.nope)",
        "event.`content-type` == 'x'", "int(event.data.f) == 1 && string(event.data.n) == '6'", "// a remark\n true", NULL};
    all_are(1, sources);
}

static void patterns(void **state)
{
    static const char *const match[] = {
        "event.type.matches('^b.g$')", "matches(event.type, 'ig')", "'a.b'.matches(r'a\\.b')", "'com.x.y'.matches('^com\\\\.')",
        "'x'.matches('')", "'é'.matches('^.$')", "'AB'.matches('(?i)ab')", "'ab'.matches('(?P<n>a)(?:b)')", "'_'.matches('[]_]')", NULL};
    static const char *const no_match[] = {"event.type.matches('^ig')", "'a\\n'.matches('a$')", "'٣'.matches('\\\\d')", NULL};
    static const char *const refused[] = {
        "'aa'.matches('(a)\\\\1')", "'a'.matches('(?=a)')", "'a'.matches('(?<!b)a')", "'a'.matches('(?>a)')", "'a'.matches('a++')",
        "'a'.matches('(*UCP)a')", "'a'.matches('(?R)')", "'a'.matches('(')", "'a'.matches('[a')", "'a'.matches('\\\\K')",
        "'a'.matches(1)", "event.data.n.matches('6')",
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabc'.matches('^(a+a+)+c$')", NULL};
    all_are(1, match);
    all_are(0, no_match);
    all_are(-1, refused);
}

static void rules_that_do_not(void **state)
{
    static const char *const sources[] = {"event.type == 'Big'", "event.type == 5", "event.data.n < 6", "4 in event.data.l",
                                          "event.data.l == [1, 2]", "has(event.missing)", NULL};
    all_are(0, sources);
}

static void rules_that_cannot_be_evaluated(void **state)
{
    static const char *const sources[] = {"event.data.m > 5", "event.type", "event.type > 5", "event.data.l[3] == 1",
                                          "1 / 0 == 1", "9223372036854775807 + 1 > 0", "event.type.size() && true",
                                          "event.data.l.all(x, x.y)", "int('x') == 1", NULL};
    all_are(-1, sources);
    test("event.data.m > 5");
    assert_string_equal(fault, "no such key: m");
}

static void rules_that_cannot_be_read(void **state)
{
    static const char *const sources[] = {"", "event.type ==", "event..a", "(true", "nothing == 1", "event.nothing()", "'x",
                                          "1 +", "true true", "has(event)", "99999999999999999999",
                                          "9223372036854775808", "'\\q'", "@", "x => x", NULL};
    all_are(-2, sources);
    test("event.type ==");
    assert_string_equal(fault, "ERROR: <input>:1:14: Syntax error: unexpected end of the expression");
    test("true &&\n  foo");
    assert_string_equal(fault, "ERROR: <input>:2:3: undeclared reference to 'foo' (in container '')");
}

static void depth_and_work_are_bounded(void **state)
{
    char deep[2001];
    memset(deep, '(', 2000);
    deep[2000] = 0;
    assert_int_equal(test(deep), -2);
    memset(deep, '!', 2000);
    assert_int_equal(test(deep), -2);
    const char *wide = "[1,2,3,4,5,6,7,8,9,0].all(a, [1,2,3,4,5,6,7,8,9,0].all(b, [1,2,3,4,5,6,7,8,9,0].all(c, "
                       "[1,2,3,4,5,6,7,8,9,0].all(d, [1,2,3,4,5,6,7,8,9,0].all(e, [1,2,3,4,5,6,7,8,9,0].all(f, "
                       "[1,2,3,4,5,6,7,8,9,0].all(g, [1,2,3,4,5,6,7,8,9,0].all(h, a < 100))))))))";
    assert_int_equal(test(wide), -1);
}

/* ------------------------------------------------------------------------- the public cases */
/* One file's text, cut at "expr:". A case counts when what it expects is a boolean, an error, or a
 * number that stands behind ==. */
static char *file_text(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t room = 1 << 20, len;
    if (!file)
        return NULL;
    char *text = mem_zero(room);
    len = fread(text, 1, room - 1, file);
    text[len] = 0;
    fclose(file);
    return text;
}

/* The text in quotes at *at, with the escapes of the format undone; false: not plain enough. */
static bool quoted(const char **at, char *to, size_t size)
{
    char quote = **at;
    size_t len = 0;
    if (quote != '"' && quote != '\'')
        return false;
    for (++*at; **at && **at != quote && len + 1 < size; ++*at) {
        char c = **at;
        if (c == '\\') {
            c = *++*at;
            if (!strchr("\\\"'n", c))
                return false;
            c = c == 'n' ? '\n' : c;
        }
        to[len++] = c;
    }
    to[len] = 0;
    return **at == quote;
}

static bool is_beyond(const char *source)
{
    static const char *const words[] = {"type(", "timestamp", "duration", "TestAllTypes", "google.", "optional", NULL};
    for (const char *const *w = words; *w; w++)
        if (strstr(source, *w))
            return true;
    return false;
}

/* What stands behind "value: { word". */
static const char *value_of(const char *body, const char *end, const char *word, char ret[64])
{
    const char *at = strstr(body, "value:");
    if (!at || at > end)
        return NULL;
    at += strlen("value:");
    at += strspn(at, " {\n");
    if (strncmp(at, word, strlen(word)))
        return NULL;
    at += strlen(word);
    at += strspn(at, " ");
    size_t len = strcspn(at, " \n}");
    snprintf(ret, 64, "%.*s", (int)len, at);
    return ret;
}

/* Runs the case that begins at "expr:"; returns 1 when it counted. */
static int run_case(const char *at, const char *end, const char *file)
{
    char source[4096], whole[4300], value[64];
    const char *from = at;
    for (const char *word = "type_env bindings container disable_check"; *word;) {
        char name[16];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word, " "), word);
        const char *found = strstr(at, name);
        if (found && found < end)
            return 0;
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    from += strcspn(from, "\"'");
    if (!quoted(&from, source, sizeof source) || strspn(from + 1, " \n") != strcspn(from + 1, "abcdefghijklmnopqrstuvwxyz}") ||
        is_beyond(source))
        return 0;
    const char *expected = strstr(from, "eval_error");
    bool is_error = expected && expected < end;
    snprintf(whole, sizeof whole, "%s", source);
    if (!is_error && value_of(from, end, "int64_value:", value))
        snprintf(whole, sizeof whole, "(%s) == %s", source, value);
    else if (!is_error && value_of(from, end, "bool_value:", value))
        snprintf(whole, sizeof whole, "(%s) == %s", source, value);
    else if (!is_error)
        return 0;
    int verdict = test(whole);
    if (is_error ? verdict >= 0 : verdict != 1)
        fail_msg("%s: %s: %d (%s)", file, whole, verdict, fault);
    return 1;
}

static int run_file(const char *folder, const char *file)
{
    char path[512];
    int counted = 0;
    snprintf(path, sizeof path, "%s/%s.textproto", folder, file);
    char *text = file_text(path);
    for (char *at = text ? strstr(text, "expr:") : NULL; at;) {
        char *next = strstr(at + 5, "expr:"), *end = next ? next : at + strlen(at);
        counted += run_case(at, end, file);
        at = next;
    }
    mem_free(text);
    return counted;
}

static void the_public_cases(void **state)
{
    static const char folder[] = "../shared/data/cel/tests/simple/testdata";
    static const char *const files[] = {"basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists",
                                        "logic", "macros", "parse", "plumbing", "string", NULL};
    int counted = 0;
    if (access(folder, R_OK)) {
        print_message("no conformance cases at %s: skipped\n", folder);
        skip();
    }
    for (const char *const *f = files; *f; f++)
        counted += run_file(folder, *f);
    print_message("%d public cases\n", counted);
    assert_true(counted > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_that_match),
        cmocka_unit_test(patterns),
        cmocka_unit_test(rules_that_do_not),
        cmocka_unit_test(rules_that_cannot_be_evaluated),
        cmocka_unit_test(rules_that_cannot_be_read),
        cmocka_unit_test(depth_and_work_are_bounded),
        cmocka_unit_test(the_public_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
