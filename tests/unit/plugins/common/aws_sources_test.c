/* sources: keys that are asked for, and what is told when there are none. */
#include "poll_host.h"
#include "web_server.h"
#include <aws/aws.h>
#include <base/slice.h>
#include <base/text.h>
#include <setjmp.h>
#include <cmocka.h>

static struct web_server server;
static struct text said;
static bool is_over;

static void note(void *arg, const struct http_answer *a, const struct trb_error *err)
{
    is_over = true;
    text_adds(&said, err ? err->message : "fine");
}

/* What is told of a signed call, when the container's endpoint answers so. */
static const char *heard(const char *answer)
{
    const char *const answers[] = {answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL};
    const struct aws_config config = {.region = "us-east-1"};
    struct trb_error err = {.size = sizeof err};
    struct aws aws;
    web_start(&server, answers);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.base, 1);
    struct http *client = http_create(&(struct http_setup){.host = &poll_host, .product = "it"}, &err);
    assert_non_null(client);
    assert_true(aws_start(&aws, &config, &poll_host, client, "s3", "S3", &err));
    text_clear(&said);
    is_over = false;
    http_ask(client, &(struct http_request){.url = server.base, .signer = &aws.lease.signer, .answered = note});
    while (!is_over)
        host_turn();
    host_take_back();
    http_destroy(client);
    aws_stop(&aws);
    web_stop(&server);
    return said.at;
}

#define JSON(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

static void keys_of_a_container_are_used(void **state)
{
    assert_string_equal(heard(JSON("200 OK", "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"hush\"}")), "fine");
}

static void a_refusal_is_quoted(void **state)
{
    assert_string_equal(heard(JSON("403 No", "who?")), "aws: the container's credentials endpoint answered 403: who?");
}

static void what_is_no_refusal_is_not_quoted(void **state)
{
    assert_string_equal(heard(JSON("200 OK", "{\"accessKeyId\":\"a\",\"SecretAccessKey\":\"hush\"}")),
                        "aws: the container's credentials endpoint answered 200: no keys are in it");
}

int main(void)
{
    static const char *const away[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE",
                                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
                                       "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "HOME"};
    for (size_t n = 0; n < sizeof away / sizeof *away; n++)
        unsetenv(away[n]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(keys_of_a_container_are_used), cmocka_unit_test(a_refusal_is_quoted),
                                       cmocka_unit_test(what_is_no_refusal_is_not_quoted)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_fini(&said);
    return failed;
}
