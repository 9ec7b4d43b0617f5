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
    EXPECT(lines, HEADERS_TO_APP, "X-Kept: 3");
    EXPECT(lines, HEADERS_TO_PEER, "X-Kept: 3");
    EXPECT(lines, HEADERS_TO_CLIENT, "X-Kept: 3");
}

static void names_become_canonical_and_grpc_ones_are_renamed(void **state)
{
    static const struct trb_pair lines[] = {P("x-MULTI-word", "1"), P("grpc-timeout", "1S"), P("Grpc-Foo", "2")};
    EXPECT(lines, HEADERS_TO_APP, "X-Multi-Word: 1|Dapr-Grpc-Timeout: 1S|Dapr-Grpc-Foo: 2");
    EXPECT(lines, HEADERS_TO_CLIENT, "X-Multi-Word: 1|Dapr-Grpc-Timeout: 1S|Dapr-Grpc-Foo: 2");
}

static void identity_and_binary_lines_are_dropped(void **state)
{
    static const struct trb_pair lines[] = {P("dapr-app-id", "x"), P("destination-app-id", "x"), P("Key-Bin", "x"), P("bin", "1"),
                                            P("-bin", "0")};
    EXPECT(lines, HEADERS_TO_APP, "Bin: 1");
    EXPECT(lines, HEADERS_TO_CLIENT, "Dapr-App-Id: x|Bin: 1");
}

static void length_type_and_trace_are_said_by_the_way_itself(void **state)
{
    static const struct trb_pair lines[] = {P("Content-Length", "1"), P("Content-Type", "a/b"), P("traceparent", "x"),
                                            P("tracestate", "y"), P("baggage", "k=v")};
    EXPECT(lines, HEADERS_TO_APP, "Content-Type: a/b|Baggage: k=v");
    EXPECT(lines, HEADERS_TO_PEER, "Baggage: k=v");
    EXPECT(lines, HEADERS_TO_CLIENT, "Content-Type: a/b|Traceparent: x|Tracestate: y|Baggage: k=v");
}

static void several_lines_of_one_name_keep_their_order(void **state)
{
    static const struct trb_pair lines[] = {P("Set-Cookie", "a=1"), P("X", "1"), P("set-cookie", "b=2"), P("Expect", "100-continue")};
    EXPECT(lines, HEADERS_TO_CLIENT, "Set-Cookie: a=1|X: 1|Set-Cookie: b=2|Expect: 100-continue");
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
        cmocka_unit_test(names_become_canonical_and_grpc_ones_are_renamed),
        cmocka_unit_test(identity_and_binary_lines_are_dropped),
        cmocka_unit_test(length_type_and_trace_are_said_by_the_way_itself),
        cmocka_unit_test(several_lines_of_one_name_keep_their_order),
        cmocka_unit_test(a_body_without_a_type_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
