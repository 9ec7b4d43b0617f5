/* invoke_fuzz: what strangers write into an invocation: an app's status, which becomes JSON that can be read; header
 * names and their Connection; targets; traces. */
#include <base/check.h>
#include <base/json.h>
#include <base/mem.h>
#include <stdlib.h>

#include "plugins/invoke/block/addressing.c"
#include "plugins/invoke/block/headers.c"
#include "plugins/invoke/block/status.c"
#include "plugins/invoke/block/status_json.c"
#include "plugins/invoke/block/trace.c"

static void expect_json(struct trb_slice message, struct trb_slice details)
{
    struct text t = {0};
    struct json_value root;
    struct json_fault fault;
    status_json(&t, 5, message, details);
    check(json_parse(text_slice(&t), &root, &fault));
    check(json_find(root, SLICE("code")).kind == JSON_NUMBER);
    text_fini(&t);
}

/* Whatever the body is, what is said of it is text. */
static void say_failure(struct trb_slice body)
{
    struct text t = {0};
    status_of_http(&t, 5, SLICE("Not Found"), 404, body);
    expect_json(SLICE("Not Found"), text_slice(&t));
    text_fini(&t);
}

/* A copy up to the end of the line, with a NUL behind it. */
static struct trb_name take_line(struct trb_slice *rest)
{
    struct trb_slice line = slice_split(rest, '\n');
    return (struct trb_name){mem_text(line.at, line.len), line.len};
}

/* Lines of the input are names and values in turn. */
static void filter(struct trb_slice input)
{
    static const uint32_t ways[] = {HEADERS_TO_HTTP_APP, HEADERS_TO_GRPC_APP, HEADERS_TO_GRPC_APP | HEADERS_OF_HTTP, HEADERS_TO_PEER,
                                    HEADERS_TO_HTTP_CLIENT, HEADERS_TO_GRPC_CLIENT | HEADERS_OF_HTTP,
                                    HEADERS_TO_GRPC_CLIENT | HEADERS_NO_GRPC, HEADERS_TO_CALLER};
    struct trb_pair lines[16];
    struct trb_pairs from = {lines, 0, sizeof *lines};
    while (input.at && from.count < 16) {
        struct trb_pair *line = &lines[from.count++];
        line->key = take_line(&input);
        line->value = take_line(&input);
    }
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct trb_pair *to = mem_zero((from.count + 1) * sizeof *to);
        char *names = malloc(headers_room(&from));
        struct trb_pairs kept = headers_filter(&from, ways[i], to, names);
        for (uint32_t n = 0; n < kept.count; n++)
            check(kept.at[n].key.len && !kept.at[n].key.at[kept.at[n].key.len] && !is_hop_by_hop(slice_name(kept.at[n].key)));
        free(names);
        mem_free(to);
    }
    for (uint32_t i = 0; i < from.count; i++) {
        mem_free((void *)(uintptr_t)lines[i].key.at);
        mem_free((void *)(uintptr_t)lines[i].value.at);
    }
}

static void address(struct trb_slice input)
{
    struct trb_slice path = input, authorization = slice_split(&path, '\n');
    struct address found;
    struct trb_slice escaped, bad;
    if (!path.at)
        path = SLICE("");
    char *room = malloc(2 * path.len + authorization.len + 2), *more = NULL;
    if (address_find((struct trb_slice){NULL, 0}, authorization, path, room, &found)) {
        check(found.target.len);
        more = malloc(3 * found.method.len + 2);
        if (method_path(found.method, more, &escaped, &bad))
            check(escaped.at[0] == '/' && strlen(escaped.at) == escaped.len);
    }
    free(more);
    free(room);
}

static void trace(struct trb_slice input)
{
    char text[TRACE_TEXT + 1], base64[TRACE_BASE64 + 1], again[TRACE_TEXT + 1];
    if (!trace_from_binary(input, text))
        return;
    check(trace_to_binary(slice_of(text), base64) && trace_from_binary(slice_of(base64), again) && !strcmp(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice input = slice_from((const char *)data, size);
    if (!size)
        return 0;
    expect_json(slice_skip(input, size / 2), input);
    say_failure(input);
    filter(input);
    address(input);
    trace(input);
    return 0;
}
