/* Who may speak to the admin listener, and which token files are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include <stdio.h>
#include <stdlib.h>

#define exchange_connection said_connection
#include "kernel/admin/guard.c"

#define TOKEN "0123456789abcdef"

static struct connection_info who;
static struct http_header headers[4];
static struct exchange x;

const struct connection_info *said_connection(const struct exchange *unused)
{
    return &who;
}

static struct exchange *from(const char *host, const char *authorization, const char *origin)
{
    x = (struct exchange){.request = {.method = SLICE("GET"), .authority = slice_of(host), .headers = {headers, 0, 4}}};
    if (authorization)
        headers[x.request.headers.count++] = (struct http_header){SLICE("Authorization"), slice_of(authorization)};
    if (origin)
        headers[x.request.headers.count++] = (struct http_header){SLICE("ORIGIN"), slice_of(origin)};
    return &x;
}

/* 0: admitted. */
static trb_code judged(const struct guard *g, struct exchange *one)
{
    struct trb_error err = ERROR_INIT;
    bool is_in = guard_admits(g, one, &err);
    assert_int_equal(is_in, err.code == TRB_OK);
    return err.code;
}

static const struct guard tcp = {.token = TOKEN, .token_len = sizeof TOKEN - 1};

static void on_a_port_the_token_decides(void **state)
{
    assert_int_equal(judged(&tcp, from("localhost:1", "Bearer " TOKEN, NULL)), TRB_OK);
    assert_int_equal(judged(&tcp, from("127.0.0.1", "bearer " TOKEN, NULL)), TRB_OK);
    assert_int_equal(judged(&tcp, from("[::1]:99", "Bearer " TOKEN, NULL)), TRB_OK);
    static const char *const wrong[] = {NULL, "", "Bearer", "Bearer ", TOKEN, "Basic " TOKEN, "Bearer " TOKEN "x",
                                        "Bearer 0123456789abcde", "Bearer 0123456789abcdeF", "Bearer  " TOKEN};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(judged(&tcp, from("localhost", wrong[i], NULL)), TRB_UNAUTHENTICATED);
}

static void a_host_that_is_not_this_machine_is_refused_whatever_the_token(void **state)
{
    static const char *const hosts[] = {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.10",
                                        "10.0.0.1", "[::2]", "::1"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        assert_int_equal(judged(&tcp, from(hosts[i], "Bearer " TOKEN, NULL)), TRB_DENIED);
}

static void a_browser_is_refused_whatever_the_token(void **state)
{
    assert_int_equal(judged(&tcp, from("localhost", "Bearer " TOKEN, "http://localhost")), TRB_DENIED);
    assert_int_equal(judged(&tcp, from("localhost", "Bearer " TOKEN, "null")), TRB_DENIED);
}

static void on_a_socket_the_peers_user_decides(void **state)
{
    struct guard unix_ = {.is_unix = true};
    who = (struct connection_info){.is_unix = true, .has_uid = true, .uid = geteuid()};
    assert_int_equal(judged(&unix_, from("anything", NULL, NULL)), TRB_OK);
    who.uid = 0;
    assert_int_equal(judged(&unix_, from("anything", NULL, NULL)), TRB_OK);
    who.uid = geteuid() + 1;
    assert_int_equal(judged(&unix_, from("anything", "Bearer " TOKEN, NULL)), TRB_DENIED);
    who.has_uid = false;
    who.uid = geteuid();
    assert_int_equal(judged(&unix_, from("anything", NULL, NULL)), TRB_DENIED);
}

static struct exchange *changing(const char *method, const char *type, const char *mark)
{
    struct exchange *one = from("localhost", "Bearer " TOKEN, NULL);
    one->request.method = slice_of(method);
    if (type)
        headers[one->request.headers.count++] = (struct http_header){SLICE("content-type"), slice_of(type)};
    if (mark)
        headers[one->request.headers.count++] = (struct http_header){SLICE("x-trilby-admin"), slice_of(mark)};
    return one;
}

static void what_a_form_could_send_changes_nothing(void **state)
{
    static const char *const forms[] = {NULL, "", "text/plain", "Text/Plain; charset=utf-8", "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x", " ; application/json"};
    static const char *const others[] = {"application/yaml", "application/json; charset=utf-8", "text/yaml"};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_int_equal(judged(&tcp, changing("POST", forms[i], NULL)), TRB_DENIED);
        assert_int_equal(judged(&tcp, changing("POST", forms[i], "")), TRB_DENIED);
        assert_int_equal(judged(&tcp, changing("POST", forms[i], "1")), TRB_OK);
        assert_int_equal(judged(&tcp, changing("GET", forms[i], NULL)), TRB_OK);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(judged(&tcp, changing("PUT", others[i], NULL)), TRB_OK);
    assert_int_equal(judged(&tcp, changing("DELETE", NULL, NULL)), TRB_DENIED);
}

/* ------------------------------------------------------------------------------------- the file */
static char folder[] = "/tmp/guard-test-XXXXXX", path[64], other[64];

static int make_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(other, sizeof other, "%s/link", folder);
    return 0;
}

static int remove_folder(void **state)
{
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static trb_code read_of(const char *text, mode_t mode, struct guard *g)
{
    struct trb_error err = ERROR_INIT;
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    fchmod(fd, mode);
    close(fd);
    *g = (struct guard){0};
    trb_code code = guard_read_token(g, path, &err);
    assert_int_equal(code == TRB_OK, g->token_len > 0);
    assert_int_equal(code != TRB_OK, strstr(err.message, path) != NULL);
    return code;
}

static void a_token_is_read_without_the_blanks_around_it(void **state)
{
    struct guard g;
    assert_int_equal(read_of("  " TOKEN "\n\n", 0600, &g), TRB_OK);
    assert_int_equal(g.token_len, 16);
    assert_memory_equal(g.token, TOKEN, 16);
    guard_wipe(&g);
    assert_int_equal(g.token[0], 0);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
    struct guard g;
    assert_int_equal(read_of(TOKEN, 0640, &g), TRB_DENIED);
    assert_int_equal(read_of(TOKEN, 0604, &g), TRB_DENIED);
    assert_int_equal(read_of(TOKEN, 0620, &g), TRB_DENIED);
    assert_int_equal(read_of(TOKEN, 0400, &g), TRB_OK);
    chmod(path, 0600);
}

static void short_and_endless_tokens_are_refused(void **state)
{
    struct guard g;
    char text[600];
    memset(text, 'x', sizeof text);
    text[15] = 0;
    assert_int_equal(read_of(text, 0600, &g), TRB_INVALID);
    assert_int_equal(read_of("", 0600, &g), TRB_INVALID);
    text[15] = 'x', text[256] = 0;
    assert_int_equal(read_of(text, 0600, &g), TRB_OK);
    text[256] = 'x', text[257] = 0;
    assert_int_equal(read_of(text, 0600, &g), TRB_INVALID);
    text[257] = 'x', text[599] = 0;
    assert_int_equal(read_of(text, 0600, &g), TRB_INVALID);
}

static void links_folders_and_nothing_are_refused(void **state)
{
    struct guard g = {0};
    struct trb_error err = ERROR_INIT;
    assert_int_equal(read_of(TOKEN, 0600, &g), TRB_OK);
    assert_int_equal(symlink(path, other), 0);
    assert_int_not_equal(guard_read_token(&g, other, &err), TRB_OK);
    assert_int_not_equal(guard_read_token(&g, folder, &err), TRB_OK);
    assert_int_not_equal(guard_read_token(&g, "", &err), TRB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_a_port_the_token_decides),
        cmocka_unit_test(a_host_that_is_not_this_machine_is_refused_whatever_the_token),
        cmocka_unit_test(a_browser_is_refused_whatever_the_token),
        cmocka_unit_test(on_a_socket_the_peers_user_decides),
        cmocka_unit_test(what_a_form_could_send_changes_nothing),
        cmocka_unit_test(a_token_is_read_without_the_blanks_around_it),
        cmocka_unit_test(a_file_that_others_can_read_is_refused),
        cmocka_unit_test(short_and_endless_tokens_are_refused),
        cmocka_unit_test(links_folders_and_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
