/* grpc_check: everything a gRPC call can be refused for before a step or handler hears of it.
 *
 * First the head itself (HTTP statuses of their own), then the contract's order: access lists, token,
 * trace context, who answers. */
#include <base/codec.h>
#include <base/error.h>
#include <base/slice.h>
#include <request/grpc_private.h>
#include <request/refusal.h>
#include <string.h>

static void fault(struct grpc_fault *f, int http_status, trb_code code, struct trb_name text)
{
    f->http_status = http_status;
    error_set(&f->err, code, "", "%.*s", SLICE_ARG(text));
}

/* Offset of the bad byte in the value that has it, or -1: then *ret_last is the last of them. */
static int64_t bad_base64(struct arena *arena, struct trb_slice list, struct trb_slice *ret_last)
{
    size_t bad = 0;
    while (list.at)
        if (!grpc_bin_take(arena, &list, ret_last, &bad))
            return (int64_t)bad;
    return -1;
}

#define MAX_TRACE_BIN 64u           /* characters */

static bool check_binary(struct grpc_stream *s, struct grpc_fault *f)
{
    for (uint32_t i = 0; i < s->rq->headers->count; i++) {
        const struct http_header *h = &s->rq->headers->at[i];
        if (!slice_ends(h->name, SLICE("-bin")))
            continue;
        struct trb_slice bytes;
        int64_t bad = bad_base64(s->rq->arena, h->value, &bytes);
        if (bad < 0) {
            if (!s->trace_bin.at && h->value.len <= MAX_TRACE_BIN && slice_is(h->name, SLICE("grpc-trace-bin")))
                s->trace_bin = bytes;
            continue;
        }
        fault(f, 400, TRB_INTERNAL,
              arena_printf(s->rq->arena, "malformed binary metadata \"%.*s\" in header \"%.*s\": illegal base64 "
                           "data at input byte %lld", SLICE_ARG(h->value), SLICE_ARG(h->name), (long long)bad));
        return false;
    }
    return true;
}

static bool check_timeout(struct grpc_stream *s, struct grpc_fault *f)
{
    struct trb_slice text = request_header(s->rq, SLICE("grpc-timeout"));
    struct trb_error err = ERROR_INIT;
    uint64_t ns;
    if (!text.at)
        return true;
    if (grpc_timeout_parse(text, &ns, &err)) {
        struct trb_slice why = error_text(&err);
        const char *lead = slice_starts(why, SLICE("malformed grpc-timeout")) ? "" : "malformed grpc-timeout: ";
        fault(f, 400, TRB_INTERNAL, arena_printf(s->rq->arena, "%s%.*s", lead, SLICE_ARG(why)));
        error_release(&err);
        return false;
    }
    request_set_deadline(s->rq, loop_now_ns(s->rq->loop) + ns);
    return true;
}

static bool check_encoding(struct grpc_stream *s, struct grpc_fault *f)
{
    struct trb_slice encoding = request_header(s->rq, SLICE("grpc-encoding"));
    if (!encoding.len || slice_is(encoding, SLICE("identity")))
        return true;
    s->gzip = slice_is(encoding, SLICE("gzip"));
    bool is_raw = s->entry.handler && s->entry.handler->flags & GRPC_RAW;
    if (!s->gzip && !is_raw)
        fault(f, 200, TRB_UNIMPLEMENTED,
              arena_printf(s->rq->arena, "grpc: Decompressor is not installed for grpc-encoding \"%.*s\"",
                           SLICE_ARG(encoding)));
    return s->gzip || is_raw;
}

static bool has_method_name(struct trb_slice path)
{
    return path.len > 1 && path.at[0] == '/' && memchr(path.at + 1, '/', path.len - 1);
}

/* "application/grpc+proto;x" is answered as "application/grpc+proto". */
static struct trb_slice answer_type(struct trb_slice type)
{
    struct trb_slice plain = slice_trim(slice_split(&type, ';'));
    return plain.len ? plain : SLICE("application/grpc");
}

void grpc_check(struct grpc_stream *s, struct grpc_fault *f)
{
    struct trb_slice type = request_header(s->rq, SLICE("content-type"));
    struct arena *arena = s->rq->arena;
    s->content_type = SLICE("application/grpc");
    if (!slice_is(s->rq->method, SLICE("POST"))) {
        fault(f, 405, TRB_INTERNAL,
              arena_printf(arena, "Received a HEADERS frame with :method \"%.*s\" which should be POST",
                           SLICE_ARG(s->rq->method)));
    } else if (!type.at || !grpc_is_content_type(type)) {
        fault(f, 415, TRB_INVALID,
              arena_printf(arena, "invalid gRPC request content-type \"%.*s\"", SLICE_ARG(type)));
    } else if (s->content_type = answer_type(type), !check_timeout(s, f) || !check_binary(s, f)) {
        return;
    } else if (!has_method_name(s->rq->target)) {
        fault(f, 200, TRB_UNIMPLEMENTED,
              arena_printf(arena, "malformed method name: \"%.*s\"", SLICE_ARG(s->rq->target)));
    } else {
        check_encoding(s, f);
    }
}

/* ---------------------------------------------------------------------------------- admission */

static void refuse_with_info(trb_code code, const char *title, const char *http_code, const char *why,
                             struct trb_error *err)
{
    struct trb_pair pairs[] = {{NAME("http.code"), name_of(http_code)},
                               {NAME("http.error_message"), name_of(why)}};
    struct refusal_info info = {.reason = title, .metadata = {pairs, 2, sizeof pairs[0]}};
    refusal_info_to_error(code, title, &info, err);
}

static bool is_listed(const struct api_rule *rules, uint32_t count, struct trb_slice name, struct trb_slice version)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_is(rules[i].name, name) && slice_is(rules[i].version, version))
            return true;
    return false;
}

static bool is_open(struct grpc_stream *s)
{
    const struct door_rules *rules = door_rules(s->door);
    const char *list_name = s->entry.method ? s->entry.method->list_name : NULL;
    struct trb_slice version = slice_of(list_name ? list_name : ""), name = slice_split(&version, '.');
    if (!slice_starts(s->rq->target, SLICE("/dapr.proto.runtime.")))
        return true;
    if (is_listed(rules->grpc_denied, rules->grpc_denied_count, name, version))
        return false;
    return !rules->grpc_allowed_count || is_listed(rules->grpc_allowed, rules->grpc_allowed_count, name, version);
}

static bool has_token(struct grpc_stream *s, struct trb_error *err)
{
    if (!s->door->setup.api_token.len || s->door->setup.is_public)
        return true;
    struct trb_slice given = door_take_header(s->x, SLICE("dapr-api-token"));
    s->rq->app_token = given;
    if (door_is_token(s->door, given))
        return true;
    refuse_with_info(TRB_UNAUTHENTICATED, "Unauthorized", "401",
                     given.at ? "authentication error: api token mismatch" : "missing api token in request metadata",
                     err);
    return false;
}

static bool has_app_id(struct grpc_stream *s)
{
    return request_header(s->rq, SLICE("dapr-callee-app-id")).len || request_header(s->rq, SLICE("dapr-app-id")).len;
}

static bool is_ours(struct trb_slice path)
{
    return slice_starts(path, SLICE("/dapr.proto.runtime.")) || slice_starts(path, SLICE("/dapr.proto.internals.")) ||
           slice_starts(path, SLICE("/TaskHubSidecarService"));
}

/* The trace step looks for a proxy's target, so its refusal has words of its own. */
static bool is_targeted(struct grpc_stream *s, struct trb_error *err)
{
    bool is_always = s->entry.method || (s->entry.handler && s->entry.handler->flags & GRPC_ALWAYS);
    if (is_always || has_app_id(s) || (s->entry.handler && is_ours(s->rq->target)))
        return true;
    if (s->door->setup.trace.is_on && !is_ours(s->rq->target))
        error_set(err, TRB_UNKNOWN, "", "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata");
    else
        error_set(err, TRB_UNKNOWN, "",
                  "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found");
    return false;
}

bool grpc_admit(struct grpc_stream *s, struct trb_error *err)
{
    if (!is_open(s)) {
        refuse_with_info(TRB_UNIMPLEMENTED, "Not Implemented", "501", "requested endpoint is not available", err);
        return false;
    }
    if (!has_token(s, err))
        return false;
    const char *bad_baggage = door_trace(s->door, s->rq, s->trace_bin);
    if (bad_baggage) {
        s->rq->baggage = (struct trb_slice){NULL, 0};
        error_set(err, TRB_INVALID, "", "invalid baggage header: %s", bad_baggage);
        return false;
    }
    if (is_ours(s->rq->target) && !s->entry.method && !s->entry.handler) {
        error_set(err, TRB_UNIMPLEMENTED, "", "method %.*s is not served: none of the loaded building blocks offers it",
                  SLICE_ARG(s->rq->target));
        return false;
    }
    if (!is_targeted(s, err))
        return false;
    if (!s->entry.method && !s->entry.handler)
        error_set(err, TRB_UNIMPLEMENTED, "", "unknown method %.*s", SLICE_ARG(s->rq->target));
    return s->entry.method || s->entry.handler;
}
