/* oauth: what a token endpoint answers, and what is told of it. */
#include "poll_host.h"
#include "web_server.h"
#include <base/slice.h>
#include <base/text.h>
#include <oauth/oauth.h>
#include <setjmp.h>
#include <cmocka.h>

static struct web_server server;
static struct http *client;
static struct lease lease;
static struct oauth oauth;
static struct text said;
static bool is_over;

static void fetch(void *arg)
{
    struct trb_pairs none = {0};
    oauth_get(&oauth, server.base, &none, 5000000000);
}

static void note(void *arg, const struct http_answer *a, const struct trb_error *err)
{
    is_over = true;
    text_adds(&said, err ? err->message : "fine");
}

/* What is told of a call that needs a token, which the endpoint answers so. */
static const char *heard(const char *answer)
{
    const char *const answers[] = {answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NULL};
    struct trb_error err = {.size = sizeof err};
    web_start(&server, answers);
    client = http_create(&(struct http_setup){.host = &poll_host, .product = "it"}, &err);
    assert_non_null(client);
    oauth = (struct oauth){&lease, client, "it"};
    lease_init(&lease, &(struct lease_setup){.host = &poll_host, .fetch = fetch});
    text_clear(&said);
    is_over = false;
    http_ask(client, &(struct http_request){.url = server.base, .signer = &lease.signer, .answered = note});
    while (!is_over)
        host_turn();
    host_take_back();
    client = http_destroy(client);
    lease_fini(&lease);
    web_stop(&server);
    return said.at;
}

#define JSON(status, body) "HTTP/1.1 " status "\r\nConnection: close\r\n\r\n" body

static void a_token_is_used(void **state)
{
    assert_string_equal(heard(JSON("200 OK", "{\"access_token\":\"hush\",\"expires_in\":\"60\"}")), "fine");
}

static void a_refusal_is_quoted(void **state)
{
    assert_string_equal(heard(JSON("400 Bad", "{\"error\":\"x\",\"error_description\":\"who?\"}")),
                        "it: the token endpoint answered 400: who?");
}

static void what_is_no_refusal_is_not_quoted(void **state)
{
    assert_string_equal(heard(JSON("200 OK", "{\"accessToken\":\"hush\"}")),
                        "it: the token endpoint answered 200: no access_token is in it");
    assert_string_equal(heard(JSON("201 Created", "{\"access_token\":\"hush\"}")),
                        "it: the token endpoint answered 201: no access_token is in it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_token_is_used), cmocka_unit_test(a_refusal_is_quoted),
                                       cmocka_unit_test(what_is_no_refusal_is_not_quoted)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_fini(&said);
    return failed;
}
