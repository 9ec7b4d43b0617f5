/* crypto.dapr.jwks: key sets: which keys are taken, which are left out and why, what is no set at all. */
#include "plugins/crypto/dapr-jwks/keyset.c"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define KEY(kid) "{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"" kid "\"}"

static struct keyset parse(const char *text)
{
    struct trb_error err = {.size = sizeof err};
    struct keyset s = {0};
    assert_true(keyset_parse(slice_of(text), &s, &err));
    return s;
}

static bool has(const struct keyset *s, const char *id)
{
    struct crypto_key *k = keyset_find(s, slice_of(id));
    crypto_key_unref(k);
    return k;
}

static void keys_are_found_by_their_kid(void **state)
{
    struct keyset s = parse("{\"other\":1,\"keys\":[" KEY("a") "," KEY("a\\\"b") "]}");
    assert_int_equal(s.count, 2);
    assert_int_equal(s.skipped, 0);
    assert_true(has(&s, "a") && has(&s, "a\"b"));
    assert_false(has(&s, "A") || has(&s, ""));
    keyset_fini(&s);
}

static void one_key_is_a_set_of_one(void **state)
{
    struct keyset s = parse(KEY("alone"));
    assert_true(s.count == 1 && has(&s, "alone"));
    keyset_fini(&s);
}

static void a_key_that_cannot_be_used_does_not_spoil_the_others(void **state)
{
    struct keyset s = parse("{\"keys\":[17,{\"kty\":\"OCT\",\"kid\":\"x\"},{\"kty\":\"oct\",\"k\":\"AAAA\"}," KEY("a") "," KEY("a") "]}");
    assert_int_equal(s.count, 1);
    assert_int_equal(s.skipped, 4);
    assert_string_equal(s.why_skipped, "its kid is another's");
    keyset_fini(&s);
    s = parse("{\"keys\":[]}");
    assert_true(!s.count && !has(&s, "a"));
    keyset_fini(&s);
}

static void what_is_no_set_is_refused_and_leaves_the_old_one(void **state)
{
    static const char *const texts[] = {"", "x", "[]", "17", "{}", "{\"keys\":{}}", "{\"keys\":null}", "{\"kty\":1}", "[" KEY("a") "]"};
    struct keyset s = parse(KEY("old"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct trb_error err = {.size = sizeof err};
        assert_false(keyset_parse(slice_of(texts[i]), &s, &err));
        assert_true(err.code && err.message[0]);
        assert_true(has(&s, "old"));
    }
    keyset_fini(&s);
}

static void a_key_outlives_its_set(void **state)
{
    struct keyset s = parse(KEY("a"));
    struct crypto_key *k = keyset_find(&s, SLICE("a"));
    keyset_fini(&s);
    assert_true(crypto_key_is_symmetric(k));
    crypto_key_unref(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_their_kid), cmocka_unit_test(one_key_is_a_set_of_one),
        cmocka_unit_test(a_key_that_cannot_be_used_does_not_spoil_the_others),
        cmocka_unit_test(what_is_no_set_is_refused_and_leaves_the_old_one), cmocka_unit_test(a_key_outlives_its_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
