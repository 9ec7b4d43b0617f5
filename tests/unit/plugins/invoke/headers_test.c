/* headers: which lines pass each way; and sniffing what has no type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "plugins/invoke/block/headers.c"
#include "plugins/invoke/block/sniff.c"

#define P(k, v) {{k, sizeof k - 1}, {v, sizeof v - 1}}

/* "Name: value|Name: value" of what passes. */
static void expect(const struct trb_pair *lines, uint32_t count, uint32_t way, const char *kept)
{
    struct trb_pairs from = {lines, count, sizeof *lines};
    char *names = malloc(headers_room(&from)), text[1024] = "";
    struct trb_pair *to = malloc((count + 1) * sizeof *to);
    struct trb_pairs out = headers_filter(&from, way, to, names);
    for (uint32_t i = 0; i < out.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s: %s", i ? "|" : "", to[i].key.at, to[i].value.at);
    assert_string_equal(text, kept);
    free(names);
    free(to);
}
#define EXPECT(lines, way, kept) expect(lines, sizeof lines / sizeof lines[0], way, kept)

static void hop_by_hop_lines_stay_on_their_hop(void **state)
{
    static const struct trb_pair lines[] = {
        P("Connection", "keep-alive, X-Foo"), P("connection", "x-bar"), P("Keep-Alive", "5"), P("Proxy-Connection", "x"),
        P("Transfer-Encoding", "chunked"), P("Upgrade", "h2c"), P("HTTP2-Settings", "x"), P("TE", "trailers"),
        P("Trailer", "x"), P("Proxy-Authorization", "x"), P("Proxy-Authenticate", "x"), P("X-Foo", "1"), P("X-Bar", "2"),
        P("x-kept", "3")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "X-Kept: 3");
    EXPECT(lines, HEADERS_TO_PEER | HEADERS_OF_HTTP, "X-Kept: 3");
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT, "X-Kept: 3");
}

static void a_connection_that_names_without_end_names_the_first(void **state)
{
    static const struct trb_pair lines[] = {
        P("Connection", ", x-a,,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,x-b"), P("X-A", "1"), P("X-B", "2")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "X-B: 2");
}

static void names_become_canonical_and_grpc_ones_are_renamed(void **state)
{
    static const struct trb_pair lines[] = {P("x-MULTI-word", "1"), P("grpc-timeout", "1S"), P("Grpc-Foo", "2")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "X-Multi-Word: 1|Dapr-Grpc-Timeout: 1S|Dapr-Grpc-Foo: 2");
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT, "X-Multi-Word: 1|Dapr-Grpc-Timeout: 1S|Dapr-Grpc-Foo: 2");
}

static void a_name_that_stays_is_not_copied(void **state)
{
    static const struct trb_pair lines[] = {P("X-Multi-Word", "1"), P("x-other", "2")};
    struct trb_pairs from = {lines, 2, sizeof *lines};
    struct trb_pair to[2];
    char names[64];
    (void)headers_filter(&from, HEADERS_TO_HTTP_APP, to, names);
    assert_ptr_equal(to[0].key.at, lines[0].key.at);
    assert_ptr_equal(to[1].key.at, names);
    (void)headers_filter(&from, HEADERS_TO_PEER, to, names);
    assert_ptr_equal(to[1].key.at, lines[1].key.at);
}

static void identity_and_binary_lines_are_dropped(void **state)
{
    static const struct trb_pair lines[] = {P("dapr-app-id", "x"), P("destination-app-id", "x"), P("Key-Bin", "x"), P("bin", "1"),
                                            P("-bin", "0")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "Bin: 1");
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT, "Dapr-App-Id: x|Bin: 1");
}

static void length_type_and_trace_are_said_by_the_way_itself(void **state)
{
    static const struct trb_pair lines[] = {P("Content-Length", "1"), P("Content-Type", "a/b"), P("traceparent", "x"),
                                            P("tracestate", "y"), P("baggage", "k=v")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "Baggage: k=v");
    EXPECT(lines, HEADERS_TO_PEER | HEADERS_OF_HTTP, "Content-Type: a/b|Baggage: k=v");
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT, "Content-Type: a/b|Traceparent: x|Tracestate: y|Baggage: k=v");
}

static void several_lines_of_one_name_keep_their_order(void **state)
{
    static const struct trb_pair lines[] = {P("Set-Cookie", "a=1"), P("X", "1"), P("set-cookie", "b=2"), P("Expect", "100-continue")};
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT, "Set-Cookie: a=1|X: 1|Set-Cookie: b=2|Expect: 100-continue");
}

static void http_lines_become_metadata(void **state)
{
    static const struct trb_pair lines[] = {
        P("content-type", "a/b"), P("Content-Length", "1"), P("ACCEPT", "*/*"), P("accept-encoding", "gzip"), P("X-Custom", "1"),
        P("grpc-foo", "g"), P("Host", "x"), P("Connection", "close"), P("Key-Bin", "eA=="), P("traceparent", "x")};
    EXPECT(lines, HEADERS_TO_GRPC_APP | HEADERS_OF_HTTP,
           "dapr-content-type: a/b|dapr-content-length: 1|dapr-accept: */*|accept-encoding: gzip|x-custom: 1|dapr-grpc-foo: g|"
           "key-bin: eA==");
    EXPECT(lines, HEADERS_TO_GRPC_CLIENT | HEADERS_OF_HTTP,
           "dapr-content-type: a/b|dapr-accept: */*|accept-encoding: gzip|x-custom: 1|dapr-grpc-foo: g|dapr-host: x|"
           "key-bin: eA==|traceparent: x");
}

static void metadata_stays_metadata(void **state)
{
    static const struct trb_pair lines[] = {P("accept", "x"), P("date", "y"), P("x-custom", "1"), P("x-custom", "2"), P("k-bin", "eA")};
    EXPECT(lines, HEADERS_TO_GRPC_APP, "accept: x|date: y|x-custom: 1|x-custom: 2|k-bin: eA");
    EXPECT(lines, HEADERS_TO_PEER, "accept: x|date: y|x-custom: 1|x-custom: 2|k-bin: eA");
    EXPECT(lines, HEADERS_TO_CALLER, "accept: x|date: y|x-custom: 1|x-custom: 2|k-bin: eA");
}

static void only_the_canonical_spelling_is_permanent(void **state)
{
    static const struct trb_pair lines[] = {P("Accept", "1"), P("accept", "2"), P("ACCEPT", "3"), P("If-Match", "4"), P("if-Match", "5")};
    EXPECT(lines, HEADERS_TO_GRPC_APP, "dapr-accept: 1|accept: 2|accept: 3|dapr-if-match: 4|if-match: 5");
}

static void metadata_of_grpc_becomes_http_lines(void **state)
{
    static const struct trb_pair lines[] = {
        P(":authority", "host"), P(":path", "/x"), P("content-type", "application/grpc"), P("user-agent", "client"),
        P("grpc-accept-encoding", "gzip"), P("grpc-trace-bin", "AA"), P("x-custom", "1"), P("te", "trailers"),
        P("dapr-api-token", "t")};
    EXPECT(lines, HEADERS_TO_HTTP_APP, "Dapr-Authority: host|Dapr-Path: /x|User-Agent: client|Dapr-Grpc-Accept-Encoding: gzip|"
           "X-Custom: 1|Dapr-Api-Token: t");
    EXPECT(lines, HEADERS_TO_HTTP_APP | HEADERS_NO_API_TOKEN,
           "Dapr-Authority: host|Dapr-Path: /x|User-Agent: client|Dapr-Grpc-Accept-Encoding: gzip|X-Custom: 1");
}

static void what_grpc_says_of_its_hop_is_not_passed_on(void **state)
{
    static const struct trb_pair lines[] = {
        P("content-type", "application/grpc"), P("grpc-status", "0"), P("grpc-message", ""), P("grpc-encoding", "gzip"),
        P("grpc-accept-encoding", "gzip"), P("grpc-status-details-bin", "AA"), P("server", "x")};
    EXPECT(lines, HEADERS_TO_GRPC_CLIENT | HEADERS_NO_GRPC, "server: x");
    EXPECT(lines, HEADERS_TO_HTTP_CLIENT | HEADERS_NO_TYPE | HEADERS_NO_GRPC, "Server: x");
    EXPECT(lines, HEADERS_TO_CALLER | HEADERS_NO_GRPC, "server: x");
}

static void expect_type(struct trb_slice bytes, const char *type)
{
    struct trb_slice is = sniff(bytes);
    assert_int_equal(is.len, strlen(type));
    assert_memory_equal(is.at, type, is.len);
}

static void a_body_without_a_type_is_looked_at(void **state)
{
    expect_type(SLICE("{\"a\":1}"), "text/plain; charset=utf-8");
    expect_type(SLICE("hello"), "text/plain; charset=utf-8");
    expect_type(SLICE(" \n<!doctype html><p>"), "text/html; charset=utf-8");
    expect_type(SLICE("<h1>x"), "text/html; charset=utf-8");
    expect_type(SLICE("<hello>"), "text/plain; charset=utf-8");
    expect_type(SLICE("<?xml version"), "text/xml; charset=utf-8");
    expect_type(SLICE("\x89PNG\r\n\x1a\n"), "image/png");
    expect_type(SLICE("\1\2\3"), "application/octet-stream");
    expect_type(SLICE("\x1f\x8b\x08\0"), "application/x-gzip");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_by_hop_lines_stay_on_their_hop),
        cmocka_unit_test(a_connection_that_names_without_end_names_the_first),
        cmocka_unit_test(names_become_canonical_and_grpc_ones_are_renamed),
        cmocka_unit_test(a_name_that_stays_is_not_copied),
        cmocka_unit_test(identity_and_binary_lines_are_dropped),
        cmocka_unit_test(length_type_and_trace_are_said_by_the_way_itself),
        cmocka_unit_test(several_lines_of_one_name_keep_their_order),
        cmocka_unit_test(http_lines_become_metadata),
        cmocka_unit_test(metadata_stays_metadata),
        cmocka_unit_test(only_the_canonical_spelling_is_permanent),
        cmocka_unit_test(metadata_of_grpc_becomes_http_lines),
        cmocka_unit_test(what_grpc_says_of_its_hop_is_not_passed_on),
        cmocka_unit_test(a_body_without_a_type_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
