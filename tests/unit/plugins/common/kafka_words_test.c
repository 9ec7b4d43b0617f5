/* kafka_words: failures as librdkafka says them, for those who write the options. */
#include <kafka/kafka_words.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static void assert_words(const char *said, const char *wanted)
{
    char to[KAFKA_WORDS];
    kafka_words(said, to);
    assert_string_equal(to, wanted);
}

static void options_stand_for_properties(void **state)
{
    assert_words("failed to read certificate #0 from ssl.ca.pem: not in PEM format?",
                 "failed to read certificate #0 from caCert: not in PEM format?");
    assert_words("ssl.key.pem", "clientKey");
    assert_words("", "");
}

static void timing_and_advice_are_left_out(void **state)
{
    assert_words("a:1: SASL authentication error: Authentication failed (after 312ms in state AUTH_REQ)",
                 "a:1: SASL authentication error: Authentication failed");
    assert_words("certificate could not be verified, verify that ssl.ca.location is correctly configured (after 9ms)",
                 "certificate could not be verified");
}

static void long_words_are_cut(void **state)
{
    char said[2 * KAFKA_WORDS + 12], to[KAFKA_WORDS];
    for (size_t n = KAFKA_WORDS - 12; n < KAFKA_WORDS + 2; n++) {
        memset(said, 'x', n);
        strcpy(said + n, "ssl.certificate.pem");
        kafka_words(said, to);
        assert_true(strlen(to) < KAFKA_WORDS);
    }
    memset(said, 'y', sizeof said - 1);
    said[sizeof said - 1] = '\0';
    kafka_words(said, to);
    assert_int_equal(strlen(to), KAFKA_WORDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_for_properties),
        cmocka_unit_test(timing_and_advice_are_left_out),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
