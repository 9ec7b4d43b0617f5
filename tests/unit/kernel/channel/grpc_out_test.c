/* grpc_out, grpc_answer: what a unary call of the app says in its head, and what becomes of each kind of
 * answer. The connection is the test's own. */
#include "../request/request_fixture.h"
#include "kernel/channel/grpc_answer.c"
#include "kernel/channel/grpc_out.c"
#include "kernel/channel/grpc_words.c"

static struct trb_runtime_info info = {.app_protocol = {"grpc", 4}};
static struct channel_setup setup = {.info = &info, .max_message = 100};
static struct outgoing out;
static struct trb_data sent_message;
static bool is_cancelled;
static struct trb_pair given[8];

const struct channel_setup *channel_setup(void)
{
    return &setup;
}

struct http_pool *pool_for_app(void)
{
    return NULL;
}

struct trb_slice app_authority(struct arena *arena)
{
    return SLICE("127.0.0.1:3001");
}

void http_pool_call(struct http_pool *p, struct http_call *call, const struct http_head *head, struct trb_data body)
{
    sent_message = body;
}

void http_call_cancel(struct http_call *call)
{
    is_cancelled = true;
}

void http_call_consume(struct http_call *call, size_t bytes)
{
    said.consumed += bytes;
}

void outgoing_fail(struct outgoing *o, const struct trb_error *err)
{
    o->failed = true;
    hear("fail %s %s;", error_code_name(err->code), err->message);
}

void outgoing_end(struct outgoing *o)
{
    hear("end;");
}

void outgoing_head(struct outgoing *o)
{
    hear("head %d %.*s;", o->outcome.grpc_code, SLICE_ARG(o->outcome.reason));
}

/* --------------------------------------------------------------------------------- the question */
static void begin(const char *message)
{
    memset(&said, 0, sizeof said);
    sent_message = (struct trb_data){0};
    is_cancelled = false;
    info.app_protocol = (struct trb_name){"grpc", 4};
    setup.app_token = (struct trb_slice){NULL, 0};
    out = (struct outgoing){.magic = OUTGOING_MAGIC, .began_ns = clock_now_ns()};
    out.question = (struct trb_outcall){.to = TRB_TO_APP_GRPC, .method = SLICE("/a.B/C"), .headers = {given, 0, sizeof given[0]}};
    if (message) {
        out.question.body_mode = TRB_BODY_GIVEN;
        out.question.body = (struct trb_data){message, strlen(message), NULL};
    }
    struct request_birth birth = {.loop = loop, .arena = arena_create(1 << 20), .door = &door};
    out.rq = request_create(&birth);
}

static void over(void)
{
    grpc_reader_fini(&out.reader);
    buf_unref(out.whole.owner);
    request_cancel(out.rq, TRB_WHY_CLIENT);
}

static void give(const char *name, const char *value)
{
    given[out.question.headers.count++] = (struct trb_pair){name_of(name), name_of(value)};
}

static const char *head_text(void)
{
    static struct text t;
    text_clear(&t);
    text_adds(&t, "");
    for (uint32_t i = 0; i < out.head.headers.count; i++)
        text_addf(&t, "%.*s: %.*s\n", SLICE_ARG(out.head.headers.at[i].name), SLICE_ARG(out.head.headers.at[i].value));
    return t.at;
}

#define USUAL "content-type: application/grpc\nuser-agent: grpc-c-trilby\nte: trailers\ngrpc-accept-encoding: gzip\n"

static void a_call_is_a_post_of_its_method_with_the_message_behind_its_prefix(void **state)
{
    begin("hello");
    grpc_out_start(&out);
    assert_true(slice_is(out.head.method, SLICE("POST")) && slice_is(out.head.target, SLICE("/a.B/C")));
    assert_true(slice_is(out.head.authority, SLICE("127.0.0.1:3001")) && slice_is(out.head.scheme, SLICE("http")));
    assert_string_equal(head_text(), USUAL);
    assert_int_equal(out.call.front_len, 5);
    assert_memory_equal(out.call.front, "\0\0\0\0\5", 5);
    assert_memory_equal(sent_message.at, "hello", 5);
    over();
}

static void a_message_is_not_copied(void **state)
{
    begin("x");
    struct trb_buf *big = buf_copy(SLICE("a large one"));
    out.question.body = buf_data(big);
    grpc_out_start(&out);
    assert_ptr_equal(sent_message.owner, big);
    assert_ptr_equal(sent_message.at, buf_bytes(big).at);
    buf_unref(big);
    over();
}

static void no_message_is_an_empty_one(void **state)
{
    begin(NULL);
    grpc_out_start(&out);
    assert_non_null(sent_message.at);
    assert_int_equal(sent_message.len, 0);
    assert_memory_equal(out.call.front, "\0\0\0\0\0", 5);
    over();
}

static void names_are_lowered_and_the_protocols_own_are_left_out(void **state)
{
    begin("");
    give("X-Custom", "a");
    give("Content-Type", "text/plain");
    give("User-Agent", "me");
    give("te", "gzip");
    give("grpc-timeout", "1S");
    give("grpc-encoding", "gzip");
    give(":path", "/x");
    give("x-custom", "b");
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "x-custom: a\nx-custom: b\n");
    over();
}

static void binary_values_lose_their_padding_and_their_commas(void **state)
{
    begin("");
    give("A-Bin", "AQI=");
    give("b-bin", "AQ==,AgM");
    give("c-bin", "!!!");
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "a-bin: AQI\nb-bin: AQ\nb-bin: AgM\n");
    over();
}

static void the_app_token_is_exactly_one_value(void **state)
{
    begin("");
    give("Dapr-Api-Token", "of the client");
    setup.app_token = SLICE("ours");
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "dapr-api-token: ours\n");
    over();
    begin("");
    give("dapr-api-token", "of the client");
    setup.app_token = SLICE("ours");
    out.question.flags = TRB_OUT_NO_TOKEN;
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL);
    over();
}

static void without_an_app_token_the_given_one_passes(void **state)
{
    begin("");
    give("dapr-api-token", "of the client");
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "dapr-api-token: of the client\n");
    over();
}

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define BIN "AAAK92UZFs1D3YRI6yEcgDGcAbeta3FpIDMxAgE"
#define NONE_BIN "AAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAgA"

static void the_trace_is_told_in_both_forms(void **state)
{
    begin("");
    out.rq->traceparent = SLICE(PARENT);
    out.rq->tracestate = SLICE("a=b");
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "traceparent: " PARENT "\ntracestate: a=b\ngrpc-trace-bin: " BIN "\n");
    over();
}

static void a_trace_that_is_given_wins(void **state)
{
    begin("");
    out.rq->traceparent = SLICE(TRACE_NONE);
    give("traceparent", PARENT);
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "traceparent: " PARENT "\ngrpc-trace-bin: " BIN "\n");
    over();
    begin("");
    give("grpc-trace-bin", BIN);
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "traceparent: " PARENT "\ngrpc-trace-bin: " BIN "\n");
    over();
}

static void no_trace_is_all_zeros(void **state)
{
    begin("");
    out.rq->traceparent = SLICE(TRACE_NONE);
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL "traceparent: " TRACE_NONE "\ngrpc-trace-bin: " NONE_BIN "\n");
    over();
    begin("");
    out.rq->traceparent = SLICE(PARENT);
    out.question.flags = TRB_OUT_NO_TRACE;
    grpc_out_start(&out);
    assert_string_equal(head_text(), USUAL);
    over();
}

static uint64_t told_ns(void)
{
    uint64_t ns = 0;
    struct trb_slice text = http_header_get(&out.head.headers, SLICE("grpc-timeout"));
    return text.at && !grpc_timeout_parse(text, &ns, NULL) ? ns : 0;
}

static void the_shorter_time_is_told(void **state)
{
    begin("");
    out.question.timeout_ns = 5 * CLOCK_S;
    grpc_out_start(&out);
    assert_in_range(told_ns(), 4 * CLOCK_S, 5 * CLOCK_S + CLOCK_MS);
    over();
    begin("");
    out.question.timeout_ns = 500 * CLOCK_S;
    out.rq->deadline_ns = clock_now_ns() + 50 * CLOCK_S;
    grpc_out_start(&out);
    assert_in_range(told_ns(), 40 * CLOCK_S, 50 * CLOCK_S + CLOCK_MS);
    over();
    begin("");
    out.rq->deadline_ns = 1;
    grpc_out_start(&out);
    assert_int_equal(told_ns(), 1);
    over();
}

static void what_cannot_be_sent_is_refused(void **state)
{
    char large[102] = "";
    memset(large, 'x', 101);
    begin(large);
    grpc_out_start(&out);
    assert_string_equal(said.log, "fail ResourceExhausted trying to send message larger than max (101 vs. 100);");
    over();
    begin("");
    info.app_protocol = (struct trb_name){"http", 4};
    grpc_out_start(&out);
    assert_string_equal(said.log, "fail Internal the app speaks http, not gRPC: start it with --app-protocol grpc;");
    assert_null(sent_message.at);
    over();
}

/* ----------------------------------------------------------------------------------- the answer */
static void ask(void)
{
    begin("");
    grpc_out_start(&out);
}

/* lines: "name: value\n…", which must stay. */
static struct http_headers headers(const char *lines)
{
    struct http_headers h = {0};
    struct trb_slice rest = slice_of(lines);
    while (rest.len) {
        struct trb_slice line = slice_split(&rest, '\n'), value = line, name = slice_split(&value, ':');
        http_header_add(out.rq->arena, &h, name, slice_trim(value));
    }
    return h;
}

static void head_comes(int status, const char *lines)
{
    struct http_head head = {.status = status, .headers = headers(lines)};
    outgoing_events.head(&out.call, &head);
}

static void data_comes(const char *bytes, size_t len)
{
    outgoing_events.data(&out.call, (struct trb_data){bytes, len, NULL});
}

static void end_comes(const char *trailers)
{
    struct http_headers h = trailers ? headers(trailers) : (struct http_headers){0};
    outgoing_events.end(&out.call, trailers ? &h : NULL);
}

#define GRPC "content-type: application/grpc\n"

static void a_message_and_its_status(void **state)
{
    ask();
    head_comes(200, GRPC "x-head: 1\n");
    data_comes("\0\0\0", 3);
    data_comes("\0\2o", 3);
    data_comes("k", 1);
    assert_string_equal(said.log, "");
    end_comes("grpc-status: 0\ngrpc-message:\nx-tail: 2\n");
    assert_string_equal(said.log, "end;head 0 ;");
    assert_int_equal(out.outcome.status, 0);
    assert_int_equal(out.outcome.content_length, 2);
    assert_memory_equal(out.whole.at, "ok", 2);
    assert_string_equal(trb_pair_get(&out.outcome.headers, "x-head").at, "1");
    assert_string_equal(trb_pair_get(&out.outcome.headers, "content-type").at, "application/grpc");
    assert_string_equal(trb_pair_get(&out.outcome.trailers, "x-tail").at, "2");
    assert_int_equal(out.outcome.trailers.count, 1);
    assert_int_equal(said.consumed, 7);
    over();
}

static void a_packed_message_is_unpacked(void **state)
{
    struct trb_buf *frame = grpc_frame(SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), true);
    ask();
    head_comes(200, GRPC "grpc-encoding: gzip\n");
    data_comes(buf_bytes(frame).at, buf_bytes(frame).len);
    end_comes("grpc-status: 0\n");
    assert_int_equal(out.whole.len, 40);
    assert_int_equal(out.outcome.headers.count, 1);
    buf_unref(frame);
    over();
}

static void a_status_with_details_passes_as_it_is(void **state)
{
    ask();
    head_comes(200, GRPC);
    end_comes("grpc-status: 20\ngrpc-message: a%25b\ngrpc-status-details-bin: CBQSAWE\n");
    assert_string_equal(said.log, "end;head 20 a%b;");
    assert_int_equal(out.outcome.details.len, 5);
    assert_memory_equal(out.outcome.details.at, "\x08\x14\x12\x01" "a", 5);
    assert_non_null(out.whole.owner);
    over();
}

static void a_long_text_is_kept_whole(void **state)
{
    char lines[3000] = "grpc-status: 2\ngrpc-message: ";
    size_t len = strlen(lines);
    memset(lines + len, 'x', 2000);
    lines[len + 2000] = '\0';
    ask();
    head_comes(200, GRPC);
    end_comes(lines);
    assert_int_equal(out.outcome.reason.len, 2000);
    over();
}

static void trailers_alone_are_trailers(void **state)
{
    ask();
    head_comes(200, GRPC "grpc-status: 5\ngrpc-message: nothing\nx-tail: 1\n");
    end_comes(NULL);
    assert_string_equal(said.log, "end;head 5 nothing;");
    assert_int_equal(out.outcome.headers.count, 0);
    assert_string_equal(trb_pair_get(&out.outcome.trailers, "x-tail").at, "1");
    over();
}

static void an_answer_of_nothing_is_an_empty_message(void **state)
{
    ask();
    head_comes(200, GRPC);
    end_comes("grpc-status: 0\n");
    assert_string_equal(said.log, "end;head 0 ;");
    assert_non_null(out.whole.owner);
    assert_int_equal(out.whole.len, 0);
    over();
}

static void an_answer_without_a_status_is_a_broken_one(void **state)
{
    ask();
    head_comes(200, GRPC);
    end_comes(NULL);
    assert_string_equal(said.log, "end;head 13 server closed the stream without sending trailers;");
    over();
}

static void what_is_no_grpc_is_named(void **state)
{
    ask();
    head_comes(404, "content-type: text/plain\n");
    data_comes("not found, really", 17);
    end_comes(NULL);
    assert_string_equal(said.log, "end;head 12 unexpected HTTP status code received from server: 404 (Not Found); "
                                  "transport: received unexpected content-type \"text/plain\";");
    over();
    ask();
    head_comes(503, "");
    end_comes(NULL);
    assert_string_equal(said.log, "end;head 14 unexpected HTTP status code received from server: 503 (Service Unavailable); "
                                  "malformed header: missing HTTP content-type;");
    over();
    ask();
    head_comes(200, "content-type: text/html\n");
    end_comes(NULL);
    assert_string_equal(said.log, "end;head 2 transport: received unexpected content-type \"text/html\";");
    over();
}

static void a_message_that_is_too_large_ends_the_call_at_its_prefix(void **state)
{
    ask();
    head_comes(200, GRPC);
    data_comes("\0\0\0\0\x65", 5);
    assert_string_equal(said.log, "fail ResourceExhausted grpc: received message larger than max (101 vs. 100);");
    assert_true(is_cancelled);
    over();
}

static void half_a_message_is_none(void **state)
{
    ask();
    head_comes(200, GRPC);
    data_comes("\0\0\0\0\5ab", 7);
    end_comes("grpc-status: 0\n");
    assert_string_equal(said.log, "fail Internal unexpected EOF;");
    over();
}

static void a_second_message_breaks_the_rules(void **state)
{
    ask();
    head_comes(200, GRPC);
    data_comes("\0\0\0\0\1a\0\0\0\0\1b", 12);
    assert_string_equal(said.log, "fail Internal cardinality violation: expected <EOF> for non server-streaming RPCs, but "
                                  "received another message;");
    over();
}

static void failing_is_said_as(trb_code code, const char *reason, const char *text, const char *wanted)
{
    struct trb_error err = ERROR_INIT;
    ask();
    error_set(&err, code, reason, "%s", text);
    outgoing_events.failed(&out.call, &err);
    assert_string_equal(said.log, wanted);
    over();
}

static void failures_have_the_texts_that_grpc_users_know(void **state)
{
    failing_is_said_as(TRB_UNAVAILABLE, "X", "dial tcp 127.0.0.1:1: connect: connection refused",
                       "fail Unavailable connection error: desc = \"transport: Error while dialing: dial tcp 127.0.0.1:1: "
                       "connect: connection refused\";");
    failing_is_said_as(TRB_UNAVAILABLE, "X", "tls: bad certificate",
                       "fail Unavailable connection error: desc = \"transport: authentication handshake failed: tls: bad "
                       "certificate\";");
    failing_is_said_as(TRB_UNAVAILABLE, "CONNECTION_CLOSED", "error reading server preface: EOF",
                       "fail Unavailable connection error: desc = \"error reading server preface: EOF\";");
    failing_is_said_as(TRB_UNAVAILABLE, "CONNECTION_CLOSED", "http: server closed idle connection",
                       "fail Unavailable error reading from server: EOF;");
    failing_is_said_as(TRB_INTERNAL, "STREAM_RESET", "stream terminated by RST_STREAM with error code: INTERNAL_ERROR",
                       "fail Internal stream terminated by RST_STREAM with error code: INTERNAL_ERROR;");
    failing_is_said_as(TRB_CANCELLED, "POOL_CLOSED", "context canceled", "fail Canceled context canceled;");
    failing_is_said_as(TRB_UNAVAILABLE, "X", "read tcp: \"a\"", "fail Unavailable error reading from server: read tcp: \"a\";");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_a_post_of_its_method_with_the_message_behind_its_prefix),
        cmocka_unit_test(a_message_is_not_copied),
        cmocka_unit_test(no_message_is_an_empty_one),
        cmocka_unit_test(names_are_lowered_and_the_protocols_own_are_left_out),
        cmocka_unit_test(binary_values_lose_their_padding_and_their_commas),
        cmocka_unit_test(the_app_token_is_exactly_one_value),
        cmocka_unit_test(without_an_app_token_the_given_one_passes),
        cmocka_unit_test(the_trace_is_told_in_both_forms),
        cmocka_unit_test(a_trace_that_is_given_wins),
        cmocka_unit_test(no_trace_is_all_zeros),
        cmocka_unit_test(the_shorter_time_is_told),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(a_message_and_its_status),
        cmocka_unit_test(a_packed_message_is_unpacked),
        cmocka_unit_test(a_status_with_details_passes_as_it_is),
        cmocka_unit_test(a_long_text_is_kept_whole),
        cmocka_unit_test(trailers_alone_are_trailers),
        cmocka_unit_test(an_answer_of_nothing_is_an_empty_message),
        cmocka_unit_test(an_answer_without_a_status_is_a_broken_one),
        cmocka_unit_test(what_is_no_grpc_is_named),
        cmocka_unit_test(a_message_that_is_too_large_ends_the_call_at_its_prefix),
        cmocka_unit_test(half_a_message_is_none),
        cmocka_unit_test(a_second_message_breaks_the_rules),
        cmocka_unit_test(failures_have_the_texts_that_grpc_users_know),
    };
    return cmocka_run_group_tests(tests, open_loop, close_loop);
}
