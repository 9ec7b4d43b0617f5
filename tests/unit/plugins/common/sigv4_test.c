/* sigv4: against the examples that Amazon publishes: its test suite, IAM's ListUsers, and those of the pages of
 * Amazon S3 about authentication by header and by query. */
#include <aws/sigv4.h>
#include <base/slice.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_S 1440938160              /* 20150830T123600Z */
#define S3_S 1369353600                 /* 20130524T000000Z */

static const struct sigv4_keys suite_keys = {SLICE("AKIDEXAMPLE"), SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {0}};
static const struct sigv4_keys s3_keys = {SLICE("AKIAIOSFODNN7EXAMPLE"), SLICE("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {0}};

static void expect(const struct sigv4_keys *k, struct sigv4_request r, const char *signed_headers, const char *signature)
{
    struct text got = {0}, want = {0};
    sigv4_sign(k, &r, &got);
    text_addf(&want, "SignedHeaders=%s, Signature=%s", signed_headers, signature);
    assert_non_null(strstr(got.at, " Credential="));
    assert_string_equal(strstr(got.at, "SignedHeaders="), want.at);
    text_fini(&got);
    text_fini(&want);
}

static void suite(const char *method, const char *url, const char *signature)
{
    struct trb_pair date = {NAME("X-Amz-Date"), NAME("20150830T123600Z")};
    expect(&suite_keys, (struct sigv4_request){method, url, {&date, 1, sizeof date}, EMPTY, "us-east-1", "service", SUITE_S},
           "host;x-amz-date", signature);
}

static void the_published_suite_is_met(void **state)
{
    suite("GET", "https://example.amazonaws.com/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    suite("GET", "https://example.amazonaws.com:443", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
    suite("POST", "https://example.amazonaws.com/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
    suite("GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1",
          "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

static void iam_s_example_is_met(void **state)
{
    struct trb_pair headers[] = {{NAME("X-Amz-Date"), NAME("20150830T123600Z")},
                                 {NAME("Content-Type"), NAME("application/x-www-form-urlencoded;  charset=utf-8 ")}};
    struct text got = {0};
    struct sigv4_request r = {"GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", {headers, 2, sizeof *headers},
                              EMPTY, "us-east-1", "iam", SUITE_S};
    sigv4_sign(&suite_keys, &r, &got);
    assert_string_equal(got.at, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                        "SignedHeaders=content-type;host;x-amz-date, "
                        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    text_fini(&got);
}

static void s3_s_examples_are_met(void **state)
{
    char hash[SIGV4_HASH];
    struct trb_pair get[] = {{NAME("Range"), NAME("bytes=0-9")}, {NAME("x-amz-content-sha256"), NAME(EMPTY)},
                             {NAME("x-amz-date"), NAME("20130524T000000Z")}};
    expect(&s3_keys, (struct sigv4_request){"GET", "https://examplebucket.s3.amazonaws.com/test.txt", {get, 3, sizeof *get}, EMPTY,
                                            "us-east-1", "s3", S3_S},
           "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    sigv4_hash(SLICE("Welcome to Amazon S3."), hash);
    struct trb_pair put[] = {{NAME("Date"), NAME("Fri, 24 May 2013 00:00:00 GMT")}, {NAME("x-amz-storage-class"), NAME("REDUCED_REDUNDANCY")},
                             {NAME("x-amz-content-sha256"), name_of(hash)}, {NAME("x-amz-date"), NAME("20130524T000000Z")}};
    expect(&s3_keys, (struct sigv4_request){"PUT", "https://examplebucket.s3.amazonaws.com/test%24file.text", {put, 4, sizeof *put}, hash,
                                            "us-east-1", "s3", S3_S},
           "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
           "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    expect(&s3_keys, (struct sigv4_request){"GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", {get + 1, 2, sizeof *get}, EMPTY,
                                            "us-east-1", "s3", S3_S},
           "host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    expect(&s3_keys, (struct sigv4_request){"GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", {get + 1, 2, sizeof *get},
                                            EMPTY, "us-east-1", "s3", S3_S},
           "host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void a_presigned_url_is_the_published_one(void **state)
{
    struct text url = {0};
    struct sigv4_request r = {"GET", "https://examplebucket.s3.amazonaws.com/test.txt", {0}, NULL, "us-east-1", "s3", S3_S};
    sigv4_presign(&s3_keys, &r, 86400, &url);
    assert_string_equal(url.at, "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
                        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    text_fini(&url);
}

static void a_signature_of_an_earlier_attempt_does_not_count(void **state)
{
    struct trb_pair headers[] = {{NAME("Authorization"), NAME("old")}, {NAME("X-Amz-Date"), NAME("20150830T123600Z")}};
    expect(&suite_keys, (struct sigv4_request){"GET", "https://example.amazonaws.com/", {headers, 2, sizeof *headers}, EMPTY, "us-east-1",
                                               "service", SUITE_S},
           "host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_suite_is_met), cmocka_unit_test(iam_s_example_is_met), cmocka_unit_test(s3_s_examples_are_met),
        cmocka_unit_test(a_presigned_url_is_the_published_one), cmocka_unit_test(a_signature_of_an_earlier_attempt_does_not_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
