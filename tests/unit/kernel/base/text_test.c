/* text_test: slices are asked, texts grow, escapes are those of the wire. */
#include <base/codec.h>
#include <base/slice.h>
#include <base/text.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_text(struct text *t, const char *wanted)
{
    assert_int_equal(t->len, strlen(wanted));
    assert_memory_equal(t->at, wanted, t->len);
    text_clear(t);
}

static void absent_is_not_empty_but_equals_it(void **state)
{
    assert_null(slice_of(NULL).at);
    assert_non_null(slice_of("").at);
    assert_true(slice_is(slice_of(NULL), SLICE("")));
}

static void a_split_ends_with_absence(void **state)
{
    struct trb_slice rest = SLICE("a,,b");
    assert_true(slice_is(slice_split(&rest, ','), SLICE("a")));
    assert_true(slice_is(slice_split(&rest, ','), SLICE("")));
    assert_true(slice_is(slice_split(&rest, ','), SLICE("b")));
    assert_null(rest.at);
}

static void a_secret_is_whole_and_never_nothing(void **state)
{
    assert_true(slice_is_secret(SLICE("token"), SLICE("token")));
    assert_false(slice_is_secret(SLICE("toke"), SLICE("token")));
    assert_false(slice_is_secret(SLICE("tokentoken"), SLICE("token")));
    assert_false(slice_is_secret(SLICE("tokeN"), SLICE("token")));
    assert_false(slice_is_secret(SLICE(""), SLICE("")));
    assert_false(slice_is_secret(slice_of(NULL), SLICE("token")));
}

static void numbers_are_strict(void **state)
{
    uint64_t u = 7;
    int64_t i = 7;
    const char *bad[] = {"", " 1", "1 ", "+", "0x1", "1.0", "18446744073709551616", "99999999999999999999"};
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++)
        assert_false(slice_to_u64(slice_of(bad[n]), &u));
    assert_int_equal(u, 7);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_true(slice_to_i64(SLICE("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(slice_to_i64(SLICE("9223372036854775808"), &i));
}

static void truth_has_many_words(void **state)
{
    const char *yes[] = {"1", "t", "true", "TRUE", "y", "Yes", "on"};
    for (size_t n = 0; n < sizeof yes / sizeof yes[0]; n++)
        assert_true(slice_is_truthy(slice_of(yes[n])));
    assert_false(slice_is_truthy(SLICE("0")));
    assert_false(slice_is_truthy(SLICE("maybe")));
}

static void utf8_is_strict(void **state)
{
    assert_true(slice_is_utf8(SLICE("\xc3\xa9\xf0\x9f\x98\x80")));
    assert_false(slice_is_utf8(SLICE("\xc0\xaf")));
    assert_false(slice_is_utf8(SLICE("\xed\xa0\x80")));
    assert_false(slice_is_utf8(SLICE("\xf4\x90\x80\x80")));
    assert_false(slice_is_utf8(SLICE("\xe2\x82")));
}

static void json_strings_are_escaped_twice_as_carefully_for_html(void **state)
{
    struct text t = {0};
    text_add_json(&t, SLICE("a\"\\\n\x01<"), false);
    assert_text(&t, "\"a\\\"\\\\\\n\\u0001<\"");
    text_add_json(&t, SLICE("<&>\xe2\x80\xa8"), true);
    assert_text(&t, "\"\\u003c\\u0026\\u003e\\u2028\"");
    text_add_json(&t, SLICE("x\xff"), true);
    assert_text(&t, "\"x\\ufffd\"");
    text_fini(&t);
}

/* Texts are looked at several bytes at a time: each byte at each place, before and behind each other. */
static void every_byte_is_escaped_wherever_it_stands(void **state)
{
    char text[18];
    for (size_t at = 0; at < sizeof text; at++)
        for (unsigned c = 0; c < 0x80; c++) {
            struct text fast = {0}, slow = {0};
            memset(text, c % 3 ? '>' - 1 : 'x', sizeof text);
            text[at] = (char)c;
            text_add_json(&fast, slice_from(text, sizeof text), true);
            for (size_t i = 0; i < sizeof text; i++) {
                struct text one = {0};
                text_add_json(&one, slice_from(text + i, 1), true);
                text_add(&slow, slice_from(one.at + 1, one.len - 2));
                text_fini(&one);
            }
            assert_int_equal(fast.len, slow.len + 2);
            assert_memory_equal(fast.at + 1, slow.at, slow.len);
            text_fini(&fast);
            text_fini(&slow);
        }
}

static void pairs_are_an_object(void **state)
{
    struct trb_pair two[] = {{NAME("a"), NAME("<1>")}, {NAME("b\""), NAME("")}};
    struct trb_pairs pairs = {two, 2, sizeof two[0]}, none = {NULL, 0, 0};
    struct text t = {0};
    text_add_json_pairs(&t, &pairs);
    text_add_json_pairs(&t, &none);
    assert_true(slice_is(text_slice(&t), SLICE("{\"a\":\"\\u003c1\\u003e\",\"b\\\"\":\"\"}{}")));
    text_fini(&t);
}

static void quoted_text_is_gos(void **state)
{
    struct text t = {0};
    text_add_quoted(&t, SLICE("a\"b\n\xff\x7f\xc3\xa9"));
    assert_text(&t, "\"a\\\"b\\n\\xff\\x7f\xc3\xa9\"");
    text_fini(&t);
}

static void base64_goes_both_ways_for_every_length(void **state)
{
    char bytes[64], text[128], back[128];
    for (size_t len = 0; len < sizeof bytes; len++) {
        size_t got, written;
        random_bytes(bytes, len);
        written = base64_encode(slice_from(bytes, len), len & 1, text);
        assert_int_equal(written, base64_encoded_len(len, len & 1));
        assert_true(base64_decode(slice_from(text, written), true, back, &got, NULL));
        assert_int_equal(got, len);
        assert_memory_equal(back, bytes, len);
    }
}

static void bad_base64_says_where(void **state)
{
    char back[32];
    size_t len, bad = 99;
    assert_false(base64_decode(SLICE("YW!j"), true, back, &len, &bad));
    assert_int_equal(bad, 2);
    assert_false(base64_decode(SLICE("YQ"), false, back, &len, NULL));
    assert_false(base64_decode(SLICE("YQ==="), true, back, &len, NULL));
}

static void escapes_of_a_path_are_undone_or_refused(void **state)
{
    char back[32];
    size_t len;
    assert_true(percent_decode(SLICE("a%2Fb+c"), true, back, &len));
    assert_true(slice_is(slice_from(back, len), SLICE("a/b c")));
    assert_true(percent_decode(SLICE("a+b"), false, back, &len));
    assert_true(slice_is(slice_from(back, len), SLICE("a+b")));
    assert_false(percent_decode(SLICE("a%2"), false, back, &len));
    assert_false(percent_decode(SLICE("a%zz"), false, back, &len));
}

static void quantities_have_two_kinds_of_kilo(void **state)
{
    int64_t v;
    assert_true(quantity_parse(SLICE("4Mi"), &v) && v == 4194304);
    assert_true(quantity_parse(SLICE("1k"), &v) && v == 1000);
    assert_true(quantity_parse(SLICE("1.5G"), &v) && v == 1500000000);
    assert_true(quantity_parse(SLICE("1e3"), &v) && v == 1000);
    assert_true(quantity_parse(SLICE("-1"), &v) && v == -1);
    assert_false(quantity_parse(SLICE("4 Mi"), &v));
    assert_false(quantity_parse(SLICE("4MiB"), &v));
    assert_false(quantity_parse(SLICE(""), &v));
}

static void a_digest_is_the_standards(void **state)
{
    uint8_t digest[32];
    char text[65] = "";
    sha256(SLICE("abc"), digest);
    hex_encode(slice_from((char *)digest, 32), text);
    assert_memory_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_is_not_empty_but_equals_it),
        cmocka_unit_test(a_split_ends_with_absence),
        cmocka_unit_test(a_secret_is_whole_and_never_nothing),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(truth_has_many_words),
        cmocka_unit_test(utf8_is_strict),
        cmocka_unit_test(json_strings_are_escaped_twice_as_carefully_for_html),
        cmocka_unit_test(every_byte_is_escaped_wherever_it_stands),
        cmocka_unit_test(pairs_are_an_object),
        cmocka_unit_test(quoted_text_is_gos),
        cmocka_unit_test(base64_goes_both_ways_for_every_length),
        cmocka_unit_test(bad_base64_says_where),
        cmocka_unit_test(escapes_of_a_path_are_undone_or_refused),
        cmocka_unit_test(quantities_have_two_kinds_of_kilo),
        cmocka_unit_test(a_digest_is_the_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
