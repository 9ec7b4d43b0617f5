/* http: requests byte by byte, answers whole, halved, late and too large, cancelling, leases. */
#include "poll_host.h"
#include "web_server.h"
#include <base/slice.h>
#include <base/text.h>
#include <http/lease.h>
#include <setjmp.h>
#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

static struct web_server server;
static struct http *client;
static struct text said;
static int outstanding;

static void note(void *arg, const struct http_answer *a, const struct trb_error *err)
{
    outstanding--;
    if (err)
        text_addf(&said, "!%d %s;", err->code, err->message);
    else
        text_addf(&said, "%u %s %.*s%s;", a->status, a->reason, SLICE_ARG(a->body), a->is_cut ? " (cut)" : "");
}

static void begin(const char *const *answers, struct http_setup setup)
{
    struct trb_error err = {.size = sizeof err};
    web_start(&server, answers);
    setup.host = &poll_host;
    setup.product = "it";
    client = http_create(&setup, &err);
    assert_non_null(client);
    text_clear(&said);
    text_adds(&said, "");
    host_deadline_ns = 0;
    outstanding = 0;
}

static void end(void)
{
    host_take_back();
    client = http_destroy(client);
    web_stop(&server);
    text_fini(&said);
}

static struct http_call *ask(struct http_request r, const char *path)
{
    char url[200];
    snprintf(url, sizeof url, "%s%s", server.base, path);
    r.url = url;
    r.answered = r.answered ? r.answered : note;
    outstanding++;
    return http_ask(client, &r);
}

static const char *heard(void)
{
    while (outstanding)
        host_turn();
    return said.at;
}

#define ANSWERS(...) (const char *const[]){__VA_ARGS__, NULL}

static void a_get_says_no_more_than_it_must(void **state)
{
    char want[200];
    begin(ANSWERS(OK), (struct http_setup){0});
    ask((struct http_request){0}, "/a?b=c");
    assert_string_equal(heard(), "200 OK hi;");
    snprintf(want, sizeof want, "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUser-Agent: trilby\r\n\r\n", server.port);
    assert_string_equal(server.requests[0], want);
    end();
}

static void a_body_is_posted_with_its_headers(void **state)
{
    struct trb_pair headers[] = {{NAME("Content-Type"), NAME("application/json")}, {NAME("X-Empty"), NAME("")}};
    char want[300];
    begin(ANSWERS(OK, "HTTP/1.1 204 No Content\r\n\r\n", OK), (struct http_setup){.user_agent = "t/1"});
    ask((struct http_request){.headers = {headers, 2, sizeof *headers}, .body = SLICE("{\"a\":1}")}, "/");
    assert_string_equal(heard(), "200 OK hi;");
    snprintf(want, sizeof want, "POST / HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUser-Agent: t/1\r\nContent-Type: application/json\r\nX-Empty:\r\n"
             "Content-Length: 7\r\n\r\n{\"a\":1}", server.port);
    assert_string_equal(server.requests[0], want);
    ask((struct http_request){.method = "LIST"}, "/l");
    assert_string_equal(heard(), "200 OK hi;204 No Content ;");
    assert_memory_equal(server.requests[1], "LIST /l HTTP/1.1\r\n", 18);
    ask((struct http_request){.method = "PUT"}, "/p");
    heard();
    assert_memory_equal(server.requests[2], "PUT /p HTTP/1.1\r\n", 17);
    assert_non_null(strstr(server.requests[2], "Content-Length: 0\r\n"));
    assert_int_equal(server.connections, 1);
    end();
}

static void look_at_headers(void *arg, const struct http_answer *a, const struct trb_error *err)
{
    outstanding--;
    text_addf(&said, "%u=%.*s,%.*s", a->headers.count, SLICE_ARG(http_header(a, "X-a")), SLICE_ARG(http_header(a, "empty")));
    assert_null(http_header(a, "none").at);
    struct trb_data body = http_body_take(a);
    assert_memory_equal(body.at, "hello", 5);
    assert_non_null(body.owner);
    host_buf_unref(body.owner);
}

static void headers_and_the_body_can_be_taken(void **state)
{
    begin(ANSWERS("HTTP/1.1 100 Continue\r\nIgnored: x\r\n\r\nHTTP/1.1 404\r\nx-A:  1:2 \r\nEmpty:\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), (struct http_setup){0});
    ask((struct http_request){.answered = look_at_headers}, "/");
    assert_string_equal(heard(), "3=1:2,");
    end();
}

static void many_wait_for_few_connections(void **state)
{
    begin(ANSWERS(OK, OK, OK, OK, OK), (struct http_setup){.max_connections = 1});
    for (int n = 0; n < 5; n++)
        ask((struct http_request){0}, "/");
    assert_string_equal(heard(), "200 OK hi;200 OK hi;200 OK hi;200 OK hi;200 OK hi;");
    assert_int_equal(server.connections, 1);
    end();
}

static void a_large_answer_is_refused_or_cut(void **state)
{
    begin(ANSWERS("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n",
                  "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef"), (struct http_setup){.max_answer_bytes = 5});
    ask((struct http_request){0}, "/");
    assert_string_equal(heard(), "!8 it: the answer exceeds 5 bytes;");
    text_clear(&said);
    ask((struct http_request){.cut = true}, "/");
    assert_string_equal(heard(), "200 OK abcde (cut);");
    text_clear(&said);
    ask((struct http_request){.max_answer_bytes = 6}, "/");
    assert_string_equal(heard(), "200 OK abcdef;");
    end();
}

static void a_half_answer_is_an_error(void **state)
{
    begin(ANSWERS("HTTP/1.1 200 OK\r\nContent-Length: 60\r\nConnection: close\r\n\r\nabc", "HTTP/1.1 200 OK\r\nConnection: close\r\n"),
          (struct http_setup){0});
    ask((struct http_request){0}, "/");
    assert_non_null(strstr(heard(), "!14 it: transfer closed with 57 bytes remaining to read;"));
    end();
}

static void what_is_no_http_is_an_error(void **state)
{
    begin(ANSWERS("+PONG\r\nclose\r\n"), (struct http_setup){0});
    ask((struct http_request){0}, "/");
    assert_memory_equal(heard(), "!14 it: Received HTTP/0.9 when not allowed", 30);
    end();
}

static void nobody_there_is_unavailable(void **state)
{
    begin(ANSWERS(OK), (struct http_setup){0});
    struct http_request r = {.url = "http://127.0.0.1:1/", .answered = note};
    outstanding = 1;
    http_ask(client, &r);
    assert_memory_equal(heard(), "!14 it: Failed to connect to 127.0.0.1 port 1", 44);
    end();
}

static void the_deadline_counts_in_every_stage(void **state)
{
    struct trb_call call = {.size = sizeof call, .host = &poll_host};
    begin(ANSWERS(WEB_STALL, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" WEB_STALL), (struct http_setup){0});
    host_deadline_ns = clock_now_ns() + 50 * CLOCK_MS;
    ask((struct http_request){.call = &call, .timeout_ns = 5000000000}, "/");
    assert_memory_equal(heard(), "!4 it: ", 7);
    assert_non_null(strstr(heard(), " timed out after "));
    text_clear(&said);
    ask((struct http_request){.timeout_ns = 50000000}, "/");
    assert_memory_equal(heard(), "!4 it: ", 7);
    assert_non_null(strstr(heard(), " timed out after "));
    end();
}

static void cancelling_tells_at_once(void **state)
{
    struct trb_call call = {.size = sizeof call, .host = &poll_host}, other = call;
    begin(ANSWERS(WEB_STALL, OK), (struct http_setup){0});
    ask((struct http_request){.call = &call}, "/1");
    while (!server.count)
        host_turn();
    http_cancel_for(client, &other, TRB_WHY_CLIENT);
    assert_string_equal(said.at, "");
    http_cancel_for(client, &call, TRB_WHY_CLIENT);
    assert_string_equal(said.at, "!1 it: the request was cancelled;");
    text_clear(&said);
    ask((struct http_request){.call = &call}, "/2");
    assert_string_equal(heard(), "200 OK hi;");
    end();
}

static void stopping_tells_who_waits(void **state)
{
    begin(ANSWERS(WEB_STALL), (struct http_setup){0});
    ask((struct http_request){0}, "/");
    while (!server.count)
        host_turn();
    host_take_back();
    client = http_destroy(client);
    assert_string_equal(said.at, "!14 it: the component is being stopped;");
    end();
}

static void a_connection_that_the_server_closed_is_made_again(void **state)
{
    begin(ANSWERS("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"),
          (struct http_setup){0});
    ask((struct http_request){0}, "/");
    heard();
    ask((struct http_request){0}, "/");
    assert_string_equal(heard(), "200 OK 1;200 OK 2;");
    assert_int_equal(server.connections, 2);
    end();
}

static void only_what_may_be_repeated_is_sent_again(void **state)
{
    begin(ANSWERS(OK, WEB_DROP, OK, WEB_DROP, OK, WEB_DROP, OK), (struct http_setup){0});
    ask((struct http_request){0}, "/");
    heard();
    ask((struct http_request){.method = "PUT", .body = SLICE("x")}, "/");
    assert_string_equal(heard(), "200 OK hi;200 OK hi;");
    text_clear(&said);
    ask((struct http_request){.body = SLICE("x")}, "/");
    assert_memory_equal(heard(), "!14 it: the server closed the connection without an answer", 58);
    assert_int_equal(server.count, 4);
    text_clear(&said);
    ask((struct http_request){.body = SLICE("yz")}, "/");
    assert_string_equal(heard(), "200 OK hi;");
    assert_non_null(strstr(server.requests[4], "Content-Length: 2\r\n"));
    ask((struct http_request){.body = SLICE("x"), .repeatable = true}, "/");
    assert_string_equal(heard(), "200 OK hi;200 OK hi;");
    end();
}

static void redirects_are_followed_when_asked_for(void **state)
{
    const char *moved = "HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nold";
    begin(ANSWERS(moved, moved, OK, moved, moved), (struct http_setup){0});
    ask((struct http_request){0}, "/");
    assert_string_equal(heard(), "307 Moved old;");
    text_clear(&said);
    ask((struct http_request){.max_redirects = 1}, "/");
    assert_string_equal(heard(), "200 OK hi;");
    assert_memory_equal(server.requests[2], "GET /there HTTP/1.1", 19);
    text_clear(&said);
    ask((struct http_request){.max_redirects = 1}, "/");
    assert_memory_equal(heard(), "!14 it: Maximum (1) redirects followed", 30);
    end();
}

static void lines_cannot_be_smuggled_in(void **state)
{
    struct trb_pair value[] = {{NAME("X-A"), NAME("1\r\nX-B: 2")}}, name[] = {{NAME("X A"), NAME("1")}}, nul[] = {{NAME("X-A"), NAME("1\0002")}};
    begin(ANSWERS(OK), (struct http_setup){0});
    ask((struct http_request){.headers = {value, 1, sizeof *value}}, "/");
    ask((struct http_request){.headers = {name, 1, sizeof *name}}, "/");
    ask((struct http_request){.headers = {nul, 1, sizeof *nul}}, "/");
    ask((struct http_request){.method = "GET /x HTTP/1.1\r\nX:"}, "/");
    ask((struct http_request){0}, "/a b");
    ask((struct http_request){0}, "/a\r\nb");
    assert_string_equal(said.at, "");
    const char *all = heard();
    int count = 0;
    for (const char *at = all; (at = strstr(at, "!3 ")); at++)
        count++;
    assert_int_equal(count, 6);
    assert_int_equal(server.count, 0);
    struct http_request file = {.url = "file:///etc/passwd", .answered = note};
    text_clear(&said);
    outstanding++;
    http_ask(client, &file);
    assert_memory_equal(heard(), "!3 ", 3);
    end();
}

static void certificates_are_looked_at_when_the_client_is_made(void **state)
{
    struct trb_error err = {.size = sizeof err};
    struct http_setup s = {.host = &poll_host, .product = "it", .tls = {.ca_pem = SLICE("no pem")}};
    assert_null(http_create(&s, &err));
    assert_string_equal(err.message, "it: the authority to trust is no certificate in PEM form");
    s.tls = (struct http_tls){.key_pem = SLICE("x")};
    assert_null(http_create(&s, &err));
    assert_int_equal(err.code, TRB_INVALID);
}

static void a_post_that_may_be_redirected_is_sent_again_only_by_a_redirect(void **state)
{
    const char *moved = "HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nold";
    begin(ANSWERS(moved, OK, WEB_DROP, moved, WEB_DROP, OK), (struct http_setup){0});
    ask((struct http_request){.body = SLICE("xyz"), .max_redirects = 1}, "/");
    assert_string_equal(heard(), "200 OK hi;");
    assert_memory_equal(server.requests[1], "POST /there HTTP/1.1", 20);
    assert_non_null(strstr(server.requests[1], "\r\n\r\nxyz"));
    text_clear(&said);
    ask((struct http_request){.body = SLICE("x"), .max_redirects = 1}, "/");
    assert_memory_equal(heard(), "!14 it: the server closed the connection without an answer", 58);
    assert_int_equal(server.count, 3);
    text_clear(&said);
    ask((struct http_request){.body = SLICE("x"), .max_redirects = 1}, "/");
    assert_memory_equal(heard(), "!14 it: the server closed the connection without an answer", 58);
    assert_int_equal(server.count, 5);
    end();
}

/* -------------------------------------------------------------------------------------- leases */
static struct lease lease;
static int fetches;

static void count_fetch(void *arg)
{
    fetches++;
}

static void lease_begin(void)
{
    lease_init(&lease, &(struct lease_setup){.host = &poll_host, .fetch = count_fetch});
    fetches = 0;
}

static void all_wait_for_one_fetch(void **state)
{
    begin(ANSWERS(OK, OK, OK), (struct http_setup){.max_connections = 1});
    lease_begin();
    ask((struct http_request){.signer = &lease.signer}, "/1");
    ask((struct http_request){.signer = &lease.signer}, "/2");
    assert_int_equal(fetches, 1);
    lease_got(&lease, SLICE("abc"), 3600000000000);
    ask((struct http_request){.signer = &lease.signer}, "/3");
    assert_string_equal(heard(), "200 OK hi;200 OK hi;200 OK hi;");
    for (int n = 0; n < 3; n++)
        assert_non_null(strstr(server.requests[n], "\r\nAuthorization: Bearer abc\r\n"));
    assert_int_equal(fetches, 1);
    end();
    lease_fini(&lease);
}

static void a_secret_that_no_header_can_carry_fails_the_call(void **state)
{
    begin(ANSWERS(OK), (struct http_setup){0});
    lease_begin();
    lease_got(&lease, SLICE("a key\n"), 0);
    ask((struct http_request){.signer = &lease.signer}, "/");
    assert_string_equal(heard(), "!3 it: the header Authorization has a name or a value that HTTP does not allow;");
    assert_int_equal(server.count, 0);
    end();
    lease_fini(&lease);
}

static void a_failed_fetch_is_told_and_tried_again_by_the_next(void **state)
{
    struct trb_error err = {.size = sizeof err};
    begin(ANSWERS(OK), (struct http_setup){0});
    lease_begin();
    trb_error(&err, TRB_UNAVAILABLE, "X", "no token today");
    ask((struct http_request){.signer = &lease.signer}, "/1");
    lease_failed(&lease, &err);
    assert_string_equal(heard(), "!14 no token today;");
    ask((struct http_request){.signer = &lease.signer}, "/1");
    assert_int_equal(fetches, 2);
    http_cancel_for(client, NULL, TRB_WHY_CLIENT);
    lease_got(&lease, SLICE("abc"), 0);
    end();
    lease_fini(&lease);
}

static void a_lease_is_renewed_before_it_ends_and_not_used_after(void **state)
{
    begin(ANSWERS(OK, OK), (struct http_setup){0});
    lease_begin();
    lease_got(&lease, SLICE("one"), 3600000000000);
    lease.renew_ns = clock_now_ns() - 1;
    ask((struct http_request){.signer = &lease.signer}, "/1");
    assert_string_equal(heard(), "200 OK hi;");
    assert_int_equal(fetches, 1);
    lease.end_ns = clock_now_ns() - 1;
    ask((struct http_request){.signer = &lease.signer}, "/2");
    lease_got(&lease, SLICE("two"), 3600000000000);
    heard();
    assert_non_null(strstr(server.requests[0], "Bearer one\r\n"));
    assert_non_null(strstr(server.requests[1], "Bearer two\r\n"));
    end();
    lease_fini(&lease);
}

static void a_refused_token_is_fetched_anew_once(void **state)
{
    const char *no = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    begin(ANSWERS(no, OK, no, no), (struct http_setup){0});
    lease_begin();
    lease_got(&lease, SLICE("old"), 3600000000000);
    ask((struct http_request){.signer = &lease.signer}, "/");
    while (!fetches)
        host_turn();
    lease_got(&lease, SLICE("new"), 3600000000000);
    assert_string_equal(heard(), "200 OK hi;");
    assert_non_null(strstr(server.requests[1], "Bearer new\r\n"));
    assert_null(strstr(server.requests[1], "Bearer old"));
    text_clear(&said);
    ask((struct http_request){.signer = &lease.signer}, "/");
    while (fetches < 2)
        host_turn();
    lease_got(&lease, SLICE("newer"), 3600000000000);
    assert_string_equal(heard(), "401 No ;");
    end();
    lease_fini(&lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_says_no_more_than_it_must), cmocka_unit_test(a_body_is_posted_with_its_headers),
        cmocka_unit_test(headers_and_the_body_can_be_taken), cmocka_unit_test(many_wait_for_few_connections),
        cmocka_unit_test(a_large_answer_is_refused_or_cut), cmocka_unit_test(a_half_answer_is_an_error),
        cmocka_unit_test(what_is_no_http_is_an_error), cmocka_unit_test(nobody_there_is_unavailable),
        cmocka_unit_test(the_deadline_counts_in_every_stage), cmocka_unit_test(cancelling_tells_at_once),
        cmocka_unit_test(stopping_tells_who_waits), cmocka_unit_test(a_connection_that_the_server_closed_is_made_again),
        cmocka_unit_test(only_what_may_be_repeated_is_sent_again), cmocka_unit_test(redirects_are_followed_when_asked_for), cmocka_unit_test(lines_cannot_be_smuggled_in),
        cmocka_unit_test(certificates_are_looked_at_when_the_client_is_made), cmocka_unit_test(all_wait_for_one_fetch),
        cmocka_unit_test(a_failed_fetch_is_told_and_tried_again_by_the_next),
        cmocka_unit_test(a_lease_is_renewed_before_it_ends_and_not_used_after),
        cmocka_unit_test(a_secret_that_no_header_can_carry_fails_the_call),
        cmocka_unit_test(a_post_that_may_be_redirected_is_sent_again_only_by_a_redirect),
        cmocka_unit_test(a_refused_token_is_fetched_anew_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
