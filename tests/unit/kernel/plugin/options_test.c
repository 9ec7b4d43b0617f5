/* Options: one table of every type against right, wrong, missing, unknown and secret values. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/options.c"

struct self {
    const char *text, *secret;
    uint32_t flag, choice;
    int64_t number, span, ms;
    uint64_t bytes, secret_bytes;
    double decimal;
};

static const struct trb_option table[] = {
    TRB_STRING(struct self, text, "text", .aliases = "words|other", .doc = "A text."),
    TRB_STRING(struct self, secret, "secret", .sensitive = 1, .empty_is_absent = 1, .fallback = "none", .doc = "A secret."),
    TRB_BOOL(struct self, flag, "flag", .fallback = "true", .doc = "A flag."),
    TRB_INT(struct self, number, "number", .min = 1, .max = 10, .fallback = "5", .doc = "A number."),
    TRB_BYTES(struct self, bytes, "bytes", .fallback = "64KiB", .doc = "A size."),
    TRB_BYTES(struct self, secret_bytes, "secretBytes", .sensitive = 1, .doc = "A secret size."),
    TRB_DURATION(struct self, span, "span", .fallback = "5s", .doc = "A duration."),
    TRB_DURATION(struct self, ms, "ms", .bare_unit_ns = 1000000, .doc = "A duration in milliseconds."),
    TRB_CHOICE(struct self, choice, "choice", .choices = "red|green|blue", .fallback = "green", .doc = "A colour."),
    TRB_NUMBER(struct self, decimal, "decimal", .doc = "A decimal."),
    TRB_OPEN("x-", .doc = "Anything."),
};
static const struct trb_component component = {.type = "state.table", TRB_SELF(struct self, table)};
static const struct trb_option needed[] = {
    TRB_STRING(struct self, text, "host", .required = 1, .doc = "Where it is."),
    TRB_STRING(struct self, secret, "key", .required = 1, .doc = "What opens it."),
};
static const struct trb_component needy = {.type = "state.needy", TRB_SELF(struct self, needed)};

struct filled {
    struct self self;
    struct arena *keep;
    struct trb_error err;
    char warning[300];
    uint32_t warnings;
    trb_code code;
};

static void on_warning(void *arg, const char *sentence)
{
    struct filled *f = arg;
    f->warnings++;
    snprintf(f->warning, sizeof f->warning, "%s", sentence);
}

static struct filled fill(const struct trb_component *c, uint32_t count, const char *const *words, const char *const *places)
{
    struct filled f = {.keep = arena_create(1 << 20), .err = ERROR_INIT};
    struct trb_pair pairs[8];
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct trb_pair){{words[2 * i], strlen(words[2 * i])}, {words[2 * i + 1], strlen(words[2 * i + 1])}};
    struct options_input input = {.properties = {pairs, count, sizeof pairs[0]}, .places = places, .component = "it"};
    f.code = options_fill(c, &input, &f.self, f.keep, on_warning, &f, &f.err);
    return f;
}
#define FILL(c, ...) fill(c, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *) / 2, (const char *[]){__VA_ARGS__}, NULL)

static void empty(struct filled *f)
{
    f->keep = arena_destroy(f->keep);
}

static void defaults_fill_what_was_not_said(void **state)
{
    struct filled f = fill(&component, 0, NULL, NULL);
    assert_int_equal(f.code, TRB_OK);
    assert_null(f.self.text);
    assert_string_equal(f.self.secret, "none");
    assert_int_equal(f.self.flag, 1);
    assert_int_equal(f.self.number, 5);
    assert_int_equal(f.self.bytes, 65536);
    assert_int_equal(f.self.span, 5 * (int64_t)CLOCK_S);
    assert_int_equal(f.self.choice, 1);
    empty(&f);
}

static void values_land_in_their_members(void **state)
{
    struct filled f = FILL(&component, "TEXT", "hello", "Flag", "no", "number", "7", "bytes", "4Mi", "span", "1500ms", "ms",
                           "20", "choice", "BLUE", "decimal", "2.5");
    assert_int_equal(f.code, TRB_OK);
    assert_string_equal(f.self.text, "hello");
    assert_int_equal(f.self.flag, 0);
    assert_int_equal(f.self.number, 7);
    assert_int_equal(f.self.bytes, 4 << 20);
    assert_int_equal(f.self.span, 1500 * (int64_t)CLOCK_MS);
    assert_int_equal(f.self.ms, 20 * (int64_t)CLOCK_MS);
    assert_int_equal(f.self.choice, 2);
    assert_true(f.self.decimal == 2.5);
    empty(&f);
}

static void a_bare_duration_is_seconds_unless_said(void **state)
{
    struct filled f = FILL(&component, "span", "3", "ms", "1s");
    assert_int_equal(f.self.span, 3 * (int64_t)CLOCK_S);
    assert_int_equal(f.self.ms, (int64_t)CLOCK_S);
    empty(&f);
}

static void an_alias_is_as_good_as_the_name(void **state)
{
    struct filled f = FILL(&component, "Other", "alias");
    assert_string_equal(f.self.text, "alias");
    assert_int_equal(f.warnings, 0);
    empty(&f);
}

static void all_problems_are_said_at_once(void **state)
{
    struct filled f = FILL(&component, "number", "11", "choice", "pink", "span", "soon");
    assert_int_equal(f.code, TRB_INVALID);
    assert_non_null(strstr(f.err.message, "number: '11' is not accepted, it expects a whole number between 1 and 10"));
    assert_non_null(strstr(f.err.message, "choice: 'pink' is not accepted, it expects red|green|blue"));
    assert_non_null(strstr(f.err.message, "span: 'soon' is not accepted"));
    empty(&f);
}

static void a_problem_names_its_place(void **state)
{
    const char *words[] = {"number", "x"}, *places[] = {"redis.yaml:7"};
    struct filled f = fill(&component, 1, words, places);
    assert_non_null(strstr(f.err.message, "redis.yaml:7: number: 'x'"));
    empty(&f);
}

static void missing_required_ones_are_named_with_their_doc(void **state)
{
    struct filled f = FILL(&needy, "key", "");
    assert_int_equal(f.code, TRB_INVALID);
    assert_non_null(strstr(f.err.message, "host is required: Where it is."));
    assert_non_null(strstr(f.err.message, "key is required: What opens it."));
    empty(&f);
}

static void a_wrong_secret_is_never_shown(void **state)
{
    struct filled f = FILL(&component, "secretBytes", "hunter2!");
    assert_int_equal(f.code, TRB_INVALID);
    assert_null(strstr(f.err.message, "hunter2"));
    assert_non_null(strstr(f.err.message, "secretBytes"));
    empty(&f);
}

static void an_unknown_name_is_a_warning_and_an_open_one_is_none(void **state)
{
    struct filled f = FILL(&component, "x-anything", "1", "nonsense", "2");
    assert_int_equal(f.code, TRB_OK);
    assert_int_equal(f.warnings, 1);
    assert_non_null(strstr(f.warning, "state.table knows no option 'nonsense'"));
    empty(&f);
}

static void numbers_that_are_none_or_too_large_are_refused(void **state)
{
    struct filled f = FILL(&component, "span", "9223372036854775807", "bytes", "12 potatoes", "decimal", "1e999x");
    assert_int_equal(f.code, TRB_INVALID);
    assert_non_null(strstr(f.err.message, "span"));
    assert_non_null(strstr(f.err.message, "bytes"));
    assert_non_null(strstr(f.err.message, "decimal"));
    empty(&f);
}

static void an_empty_value_is_absent_for_all_but_texts(void **state)
{
    struct filled f = FILL(&component, "number", "", "choice", "", "text", "", "secret", "");
    assert_int_equal(f.code, TRB_OK);
    assert_int_equal(f.self.number, 5);
    assert_int_equal(f.self.choice, 1);
    assert_string_equal(f.self.text, "");
    assert_string_equal(f.self.secret, "none");
    empty(&f);
}

static void sensitive_names_are_known(void **state)
{
    assert_true(options_is_sensitive(&component, SLICE("SECRET")));
    assert_false(options_is_sensitive(&component, SLICE("text")));
    assert_false(options_is_sensitive(&component, SLICE("unknown")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_was_not_said),
        cmocka_unit_test(values_land_in_their_members),
        cmocka_unit_test(a_bare_duration_is_seconds_unless_said),
        cmocka_unit_test(an_alias_is_as_good_as_the_name),
        cmocka_unit_test(all_problems_are_said_at_once),
        cmocka_unit_test(a_problem_names_its_place),
        cmocka_unit_test(missing_required_ones_are_named_with_their_doc),
        cmocka_unit_test(a_wrong_secret_is_never_shown),
        cmocka_unit_test(an_unknown_name_is_a_warning_and_an_open_one_is_none),
        cmocka_unit_test(numbers_that_are_none_or_too_large_are_refused),
        cmocka_unit_test(an_empty_value_is_absent_for_all_but_texts),
        cmocka_unit_test(sensitive_names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
