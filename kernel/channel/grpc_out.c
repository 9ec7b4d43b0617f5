/* grpc_out: a unary call of the app's own gRPC server: what is sent. Its answer: grpc_answer.c. */
#include <base/check.h>
#include <base/clock.h>
#include <base/codec.h>
#include <base/error.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <observe/trace.h>

static void add(struct outgoing *o, struct trb_slice name, struct trb_slice value)
{
    http_header_add(o->rq->arena, &o->head.headers, name, value);
}

/* ---------------------------------------------------------------------------------- metadata */
/* What the protocol itself says; metadata of that name is somebody else's hop. */
static bool is_reserved(struct trb_slice name)
{
    static const char *const reserved[] = {"content-type", "user-agent", "te", "grpc-timeout", "grpc-encoding",
                                           "grpc-accept-encoding", "grpc-message", "grpc-status", "grpc-message-type",
                                           "grpc-status-details-bin"};
    for (size_t i = 0; i < countof(reserved); i++)
        if (slice_is_nocase(name, slice_of(reserved[i])))
            return true;
    return !name.len || name.at[0] == ':';
}

static bool is_trace(struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("traceparent")) || slice_is_nocase(name, SLICE("grpc-trace-bin"));
}

static bool is_binary(struct trb_slice name)
{
    return name.len > 4 && slice_is_nocase(slice_skip(name, name.len - 4), SLICE("-bin"));
}

static struct trb_slice lowered(struct arena *arena, struct trb_slice name)
{
    char *at = arena_alloc(arena, name.len + 1);
    for (size_t i = 0; i < name.len; i++)
        at[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] | 0x20 : name.at[i]);
    return slice_from(at, name.len);
}

/* Values joined by commas are several; inside they may be padded, on the wire they are not. */
static void add_binary(struct outgoing *o, struct trb_slice name, struct trb_slice values)
{
    while (values.at) {
        struct trb_slice value = slice_trim(slice_split(&values, ','));
        char *bytes = arena_alloc(o->rq->arena, value.len * 3 / 4 + 3);
        size_t len;
        if (base64_decode(value, true, bytes, &len, NULL))
            add(o, name, grpc_bin_encode(o->rq->arena, slice_from(bytes, len)));
    }
}

/* The app hears its own token or none that is ours to give: somebody else's never beside it. */
static void add_given(struct outgoing *o)
{
    const struct trb_pairs *given = &o->question.headers;
    bool own_token = channel_setup()->app_token.len > 0;
    for (uint32_t i = 0; i < given->count; i++) {
        const struct trb_pair *p = trb_pair_at(given, i);
        struct trb_slice name = slice_name(p->key);
        if (is_reserved(name) || is_trace(name) || (own_token && slice_is_nocase(name, SLICE("dapr-api-token"))))
            continue;
        name = lowered(o->rq->arena, name);
        if (is_binary(name))
            add_binary(o, name, slice_name(p->value));
        else
            add(o, name, slice_name(p->value));
    }
}

/* --------------------------------------------------------------------------------- the trace */
static struct trb_slice text_of_bin(struct arena *arena, struct trb_slice bin)
{
    struct trace_context context;
    char *bytes = arena_alloc(arena, bin.len * 3 / 4 + 3), *text = arena_alloc(arena, TRACE_PARENT_LEN + 1);
    size_t len;
    if (!base64_decode(bin, true, bytes, &len, NULL) || !trace_parse_bin(slice_from(bytes, len), &context))
        return (struct trb_slice){NULL, 0};
    trace_text(&context, text);
    return slice_from(text, TRACE_PARENT_LEN);
}

/* Given with the call, in one form or the other, or what the request passes on. */
static struct trb_slice traceparent_of(struct outgoing *o)
{
    const struct trb_pairs *given = &o->question.headers;
    struct trb_slice text = slice_name(trb_pair_get(given, "traceparent"));
    struct trb_slice bin = slice_name(trb_pair_get(given, "grpc-trace-bin"));
    if (!text.len && bin.len)
        text = text_of_bin(o->rq->arena, bin);
    if (!text.len && !(o->question.flags & TRB_OUT_NO_TRACE))
        text = o->rq->traceparent;
    return text;
}

struct trb_slice grpc_trace_bin(struct arena *arena, struct trb_slice traceparent)
{
    struct trace_context context = {.flags = 0};
    char bin[TRACE_BIN_LEN];
    (void)trace_parse(traceparent, &context);
    trace_bin(&context, bin);
    return grpc_bin_encode(arena, slice_from(bin, sizeof bin));
}

/* Both forms, always: an app reads the one its library knows. */
static void add_trace(struct outgoing *o)
{
    struct trb_slice text = traceparent_of(o);
    if (!text.len)
        return;
    add(o, SLICE("traceparent"), text);
    if (o->rq->tracestate.len && !trb_pair_get(&o->question.headers, "tracestate").at)
        add(o, SLICE("tracestate"), o->rq->tracestate);
    add(o, SLICE("grpc-trace-bin"), grpc_trace_bin(o->rq->arena, text));
}

/* ---------------------------------------------------------------------------------- the head */
/* What is left of the request's time, or of the call's own when that is less. */
void grpc_add_timeout(struct outgoing *o)
{
    uint64_t now = clock_now_ns(), until = o->rq->deadline_ns, own = o->question.timeout_ns;
    char *text = arena_alloc(o->rq->arena, 16);
    if (own && (!until || o->began_ns + own < until))
        until = o->began_ns + own;
    if (until)
        add(o, SLICE("grpc-timeout"), slice_from(text, grpc_timeout_text(until > now ? until - now : 1, text)));
}

static void make_head(struct outgoing *o)
{
    const struct channel_setup *s = channel_setup();
    bool secure = slice_is(slice_name(s->info->app_protocol), SLICE("grpcs"));
    o->head = (struct http_head){.method = SLICE("POST"), .target = o->question.method, .authority = app_authority(o->rq->arena),
                                 .scheme = secure ? SLICE("https") : SLICE("http"), .content_length = HTTP_LENGTH_UNKNOWN};
    add(o, SLICE("content-type"), SLICE("application/grpc"));
    add(o, SLICE("user-agent"), SLICE(GRPC_USER_AGENT));
    add(o, SLICE("te"), SLICE("trailers"));
    add(o, SLICE("grpc-accept-encoding"), SLICE("gzip"));
    grpc_add_timeout(o);
    add_given(o);
    add_trace(o);
    if (s->app_token.len && !(o->question.flags & TRB_OUT_NO_TOKEN))
        add(o, SLICE("dapr-api-token"), s->app_token);
}

/* ------------------------------------------------------------------------------------ sending */
static bool is_refused(struct outgoing *o)
{
    const struct channel_setup *s = channel_setup();
    struct trb_error err = ERROR_INIT;
    size_t len = o->question.body.len;
    if (!slice_starts(slice_name(s->info->app_protocol), SLICE("grpc")))
        error_set(&err, TRB_INTERNAL, "NO_GRPC_APP", "the app speaks %s, not gRPC: start it with --app-protocol grpc",
                  s->info->app_protocol.at);
    else if (o->is_relayed)
        error_set(&err, TRB_INTERNAL, "NO_MESSAGE", "a unary call needs its whole message");
    else if (s->max_message && len > s->max_message)
        error_set(&err, TRB_EXHAUSTED, "GRPC_MESSAGE_TOO_LARGE", "trying to send message larger than max (%zu vs. %llu)",
                  len, (unsigned long long)s->max_message);
    else
        return false;
    outgoing_fail(o, &err);
    return true;
}

/* The message travels in its own memory, behind its prefix. */
void grpc_out_start(struct outgoing *o)
{
    struct trb_data message = o->question.body;
    if (is_refused(o))
        return;
    if (o->question.body_mode != TRB_BODY_GIVEN || !message.at)
        message = (struct trb_data){"", 0, NULL};
    grpc_reader_init(&o->reader, (size_t)channel_setup()->max_message, false);
    make_head(o);
    o->pool = pool_for_app();
    o->sent_bytes = message.len;
    o->protocol = &grpc_out_protocol;
    o->call = (struct http_call){.magic = HTTP_CALL_MAGIC, .events = &outgoing_events, .loop = o->rq->loop,
                                 .arena = o->rq->arena, .front_len = GRPC_PREFIX};
    grpc_frame_prefix(o->call.front, message.len);
    http_pool_call(o->pool, &o->call, &o->head, message);
}
