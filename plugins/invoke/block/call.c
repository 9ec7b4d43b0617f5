/* call: its beginning, its failures, and small things that asks, targets and answers have in common. */
#include "call.h"
#include "binary.h"
#include <base/method_path.h>

struct call *call_create(struct trb_request *rq, const struct asker *asker)
{
    struct call *c = trb_request_state(rq, sizeof *c);
    c->asker = asker;
    c->out.size = sizeof c->out;
    return c;
}

const char *call_clean(struct trb_request *rq, struct trb_slice method)
{
    struct call *c = rq->state;
    char *fault = trb_alloc(rq, METHOD_PATH_FAULT), *room = trb_alloc(rq, method.len + 1);
    return method_path_clean(method, room, &c->method, fault) ? NULL : trb_printf(rq, "invalid method: %s", fault).at;
}

/* ------------------------------------------------------------------------------------- failing */
static struct trb_next refuse(struct trb_request *rq, struct trb_slice why, uint32_t http_status)
{
    struct call *c = rq->state;
    struct trb_slice parts[] = {SLICE("failed to invoke, id: "), slice_name(c->target), SLICE(", err: "), why};
    struct trb_refusal r = {.size = sizeof r, .row = &FAILED, .http_status = http_status,
                            .message = slice_name(text_joined(rq, parts, sizeof parts / sizeof parts[0]))};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next client_refused(struct trb_request *rq, trb_code code, struct trb_slice why)
{
    return refuse(rq, slice_name(trb_printf(rq, "rpc error: code = %s desc = %.*s", error_code_name(code), SLICE_ARG(why))), 0);
}

struct trb_next client_failed(struct trb_request *rq, trb_code code, struct trb_slice why)
{
    return refuse(rq, why, code == TRB_DENIED ? 403 : 0);
}

struct trb_next client_no_app(struct trb_request *rq)
{
    return refuse(rq, SLICE("cannot invoke local endpoint: app channel not initialized"), 0);
}

struct trb_next app_failed(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_error *err = rq->kernel->failure(rq);
    if (!strcmp(err->reason, "NO_APP"))
        return c->asker->no_app(rq);
    if (!strcmp(err->reason, "APP_UNHEALTHY"))
        return c->asker->refused(rq, TRB_INTERNAL, slice_of(err->message));
    return c->asker->failed(rq, TRB_INTERNAL, slice_of(err->message));
}

/* ------------------------------------------------------------------------------------- texts */
struct trb_name text_joined(struct trb_request *rq, const struct trb_slice *parts, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++)
        len += parts[i].len;
    char *start = trb_alloc(rq, len + 1), *at = start;
    for (uint32_t i = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(at, parts[i].at, parts[i].len);
    *at = '\0';
    return (struct trb_name){start, len};
}

struct trb_name text_kept(struct trb_request *rq, struct trb_slice s)
{
    return text_joined(rq, &s, 1);
}

/* ------------------------------------------------------------------------------------- lines */
struct trb_pairs lines_take(struct trb_request *rq, const struct trb_pairs *from, uint32_t way, uint32_t extra)
{
    struct trb_pairs coded = *from;
    if (!(way & HEADERS_NO_BINARY))
        coded = binary_recode(rq, from, !(way & HEADERS_AS_GRPC));
    struct trb_pair *to = trb_alloc(rq, (coded.count + extra + 1) * sizeof *to);
    return headers_filter(&coded, way, to, trb_alloc(rq, headers_room(&coded)));
}

void lines_add(struct trb_pairs *lines, struct trb_name name, struct trb_name value)
{
    struct trb_pair *at = (struct trb_pair *)(uintptr_t)lines->at;
    at[lines->count++] = (struct trb_pair){name, value};
}

void lines_remove(struct trb_pairs *lines, const char *name)
{
    struct trb_pair *at = (struct trb_pair *)(uintptr_t)lines->at;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < lines->count; i++)
        if (!slice_is_nocase(slice_name(at[i].key), slice_of(name)))
            at[kept++] = at[i];
    lines->count = kept;
}
