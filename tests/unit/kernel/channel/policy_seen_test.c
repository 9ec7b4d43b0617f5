/* What a policy is asked about a call of another sidecar is, byte for byte, what the app is called with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <channel/channel.h>
#include <channel/peer_codec.h>
#include <channel/peer_door.h>
#include <channel/proxy.h>
#include <request/request.h>
#include <string.h>

/* ------------------------------------------------------------------------ a stream without a wire */
struct grpc_stream {
    const struct grpc_service_handler *handler;
    struct grpc_stream_info info;
    void *owner;
    trb_code status;
    char sentence[256];
};

const struct grpc_stream_info *grpc_stream_info(const struct grpc_stream *s)
{
    return &s->info;
}

void grpc_stream_set_owner(struct grpc_stream *s, void *owner)
{
    s->owner = owner;
}

void *grpc_stream_owner(const struct grpc_stream *s)
{
    return s->owner;
}

void grpc_consume(struct grpc_stream *s, size_t bytes)
{
}

bool grpc_send_message(struct grpc_stream *s, struct trb_data message)
{
    return true;
}

void grpc_finish(struct grpc_stream *s, const struct trb_error *status)
{
    s->status = status ? status->code : TRB_OK;
    struct trb_slice text = status ? error_text(status) : SLICE("");
    snprintf(s->sentence, sizeof s->sentence, "%.*s", SLICE_ARG(text));
}

/* --------------------------------------------------------------------- who judges and who is called */
static struct loop *loop;
static struct trb_kernel kernel;
static char judged[256], called[256];
static bool is_strict;

static bool judge(struct trb_slice identity, struct trb_slice method, struct trb_slice verb, struct trb_error *err)
{
    snprintf(judged, sizeof judged, "%.*s", SLICE_ARG(method));
    if (is_strict)
        error_set(err, TRB_DENIED, "", "no");
    return is_strict;
}

static struct trb_next call_app(struct trb_request *rq)
{
    snprintf(called, sizeof called, "%.*s", SLICE_ARG(kernel.target(rq)));
    return trb_reply_empty(rq, 200);
}

static int set_up(void **state)
{
    static struct trb_runtime_info info = {.app_port = 1, .app_id = NAME("callee"), .app_channel_address = NAME("127.0.0.1")};
    static const struct trb_route route = {.methods = "POST", .path = "peer", .first = {call_app, "call_app", TRB_NEXT_GO},
                                           .flags = TRB_ROUTE_STREAM | TRB_ROUTE_PEER};
    static const struct trb_block block = {.size = sizeof block, .routes = &route, .route_count = 1, .route_size = sizeof route};
    static struct request_owner owner = {.kernel = &kernel};
    static const struct router_source source = {&block, &owner};
    static const struct router_setup router = {.sources = &source, .source_count = 1, .is_peer = true};
    static const struct channel_setup channel = {.info = &info};
    kernel.info = &info;
    loop = loop_create(0, NULL);
    loop_set_all(&loop, 1);
    request_kernel_fill(&kernel);
    channel_start(&channel);
    peer_door_set_router(router_create(&router));
    peer_door_set_policy(judge);
    proxy_set_policy(judge);
    return 0;
}

/* ------------------------------------------------------------------------------------- the calls */
struct run {
    struct grpc_stream stream;
    struct trb_slice method;
    struct job job;
};

static void end(void *arg)
{
    loop_stop(loop);
}

static void begin(void *arg)
{
    struct run *r = arg;
    struct text message = {0};
    struct trb_pair pair = {NAME("accept"), NAME("*/*")};
    struct peer_request q = {.method = r->method, .verb = 1, .has_extension = true, .metadata = {&pair, 1, sizeof pair}};
    peer_write_request(&message, &q);
    r->stream.handler->on_open(&r->stream);
    r->stream.handler->on_message(&r->stream, (struct trb_data){message.at, message.len, NULL});
    text_fini(&message);
    job_defer(loop, &r->job, end, r);
}

static void call_as_peer(struct run *r, const char *method, size_t len)
{
    uint32_t count;
    const struct grpc_service_handler *handlers = peer_door_handlers(&count);
    struct arena *arena = arena_create(1 << 20);
    *r = (struct run){.stream = {.handler = &handlers[1], .info = {.arena = arena, .loop = loop}}, .method = {method, len}};
    assert_string_equal(handlers[1].method, "CallLocal");
    judged[0] = called[0] = '\0';
    job_defer(loop, &r->job, begin, r);
    loop_run(loop);
    assert_int_equal(request_count(), 0);
    arena_destroy(arena);
}

static void assert_same(const char *method, const char *meant)
{
    struct run r;
    is_strict = false;
    call_as_peer(&r, method, strlen(method));
    assert_string_equal(judged, meant);
    assert_string_equal(called, judged);
    assert_int_equal(r.stream.status, TRB_OK);
}

static void dot_segments_are_resolved_before_anybody_judges(void **state)
{
    assert_same("admin/../public", "public");
    assert_same("admin/../../public", "public");
    assert_same("a/./b", "a/b");
}

static void repeated_and_trailing_slashes_are_gone_before_anybody_judges(void **state)
{
    assert_same("a///b/", "a/b");
    assert_same("/a", "/a");
}

static void nothing_is_decoded(void **state)
{
    assert_same("public/../admin%2Fsecret", "admin%2Fsecret");
    assert_same("admin%2F..%2Fpublic", "admin%2F..%2Fpublic");
    assert_same("a%25b", "a%25b");
    assert_same("admin%09/../public", "public");
}

static void backslashes_and_semicolons_are_letters(void **state)
{
    assert_same("admin\\..\\public", "admin\\..\\public");
    assert_same("public;../../admin", "admin");
}

static void what_must_not_be_is_refused_before_anybody_judges(void **state)
{
    static const struct trb_slice bad[] = {{"a#b", 3}, {"a?b", 3}, {"a\0b", 3}, {"a\tb", 3}, {"a\r\nb", 4}, {"a\x7f", 2}};
    for (size_t i = 0; i < countof(bad); i++) {
        struct run r;
        call_as_peer(&r, bad[i].at, bad[i].len);
        assert_int_equal(r.stream.status, TRB_INVALID);
        assert_non_null(strstr(r.stream.sentence, "invalid method: "));
        assert_string_equal(judged, "");
        assert_string_equal(called, "");
    }
}

static void what_is_denied_never_reaches_the_app(void **state)
{
    struct run r;
    is_strict = true;
    call_as_peer(&r, "public/../admin", 15);
    assert_string_equal(judged, "admin");
    assert_string_equal(called, "");
    assert_int_equal(r.stream.status, TRB_DENIED);
}

/* ------------------------------------------------------------------------------- the proxy's way */
static void forget(struct request *rq)
{
}

static const struct request_door no_door = {.release = forget};

static void a_proxied_call_is_judged_by_the_method_that_it_will_call(void **state)
{
    struct arena *arena = arena_create(1 << 20);
    struct request_birth birth = {.loop = loop, .arena = arena, .door_kind = TRB_DOOR_GRPC, .door = &no_door};
    struct request *rq = request_create(&birth);
    struct exchange x = {.request = {.target = SLICE("/pkg.Public/..//pkg.Admin/Do")}};
    struct http_headers headers = {0};
    http_header_add(arena, &headers, SLICE("dapr-callee-app-id"), SLICE("callee"));
    struct grpc_stream s = {.handler = proxy_handler(true), .status = TRB_UNKNOWN,
                            .info = {.arena = arena, .loop = loop, .headers = &headers, .request = rq}};
    rq->exchange = &x;
    judged[0] = '\0';
    is_strict = true;
    s.handler->on_open(&s);
    assert_string_equal(judged, "/pkg.Admin/Do");
    assert_int_equal(s.status, TRB_DENIED);
    request_end(rq);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dot_segments_are_resolved_before_anybody_judges),
        cmocka_unit_test(repeated_and_trailing_slashes_are_gone_before_anybody_judges),
        cmocka_unit_test(nothing_is_decoded),
        cmocka_unit_test(backslashes_and_semicolons_are_letters),
        cmocka_unit_test(what_must_not_be_is_refused_before_anybody_judges),
        cmocka_unit_test(what_is_denied_never_reaches_the_app),
        cmocka_unit_test(a_proxied_call_is_judged_by_the_method_that_it_will_call),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
