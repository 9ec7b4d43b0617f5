/* invoke_block: small things that local, remote and external calls have in common. */
#include "invoke_block.h"
#include <base/text.h>

/* ------------------------------------------------------------------------------------- failing */
static struct trb_next refuse(struct trb_request *rq, struct trb_slice why, uint32_t http_status)
{
    struct invoke *v = rq->state;
    struct trb_name message = trb_printf(rq, "failed to invoke, id: %s, err: %.*s", v->target.at, SLICE_ARG(why));
    struct trb_refusal r = {.size = sizeof r, .row = &FAILED, .message = slice_name(message),
                            .http_status = http_status};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next invoke_failed(struct trb_request *rq, struct trb_slice why)
{
    return refuse(rq, why, 0);
}

struct trb_next invoke_call_failed(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    struct invoke *v = rq->state;
    const char *text = err->message;
    if (v->call.to == TRB_TO_APP && !strcmp(err->reason, "APP_UNHEALTHY"))
        text = "rpc error: code = Internal desc = app is not in a healthy state";
    else if (v->call.to == TRB_TO_APP && !strcmp(err->reason, "NO_APP"))
        text = "cannot invoke local endpoint: app channel not initialized";
    return refuse(rq, slice_of(text), v->call.to == TRB_TO_PEER && err->code == TRB_DENIED ? 403 : 0);
}

/* --------------------------------------------------------------------------------------- verbs */
static bool is_one_of(struct trb_slice verb, const char *const *list)
{
    for (; *list; list++)
        if (slice_is(verb, slice_of(*list)))
            return true;
    return false;
}

struct trb_slice verb_of(struct trb_slice method)
{
    static const char *const kept[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "TRACE", "CONNECT",
                                       NULL};
    return is_one_of(method, kept) ? method : SLICE("POST");
}

bool verb_has_body(struct trb_slice verb)
{
    static const char *const list[] = {"POST", "PUT", "PATCH", "TRACE", NULL};
    return is_one_of(verb, list);
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

/* ------------------------------------------------------------------------------------- headers */
void headers_take(struct trb_request *rq, struct invoke *v, uint32_t way, uint32_t extra)
{
    struct trb_pairs all = rq->kernel->headers(rq);
    struct trb_pair *to = trb_alloc(rq, (all.count + extra + 1) * sizeof *to);
    v->headers = headers_filter(&all, way, to, trb_alloc(rq, headers_room(&all)));
}

void headers_say(struct invoke *v, struct trb_name name, struct trb_name value)
{
    struct trb_pair *at = (struct trb_pair *)(uintptr_t)v->headers.at;
    at[v->headers.count++] = (struct trb_pair){name, value};
}

void headers_unsay(struct invoke *v, const char *name)
{
    struct trb_pair *at = (struct trb_pair *)(uintptr_t)v->headers.at;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->headers.count; i++)
        if (!slice_is_nocase(slice_name(at[i].key), slice_of(name)))
            at[kept++] = at[i];
    v->headers.count = kept;
}

bool answer_headers(struct trb_request *rq, const struct trb_outcome *o)
{
    struct trb_pair *to = trb_alloc(rq, (o->headers.count + 1) * sizeof *to);
    struct trb_pairs kept = headers_filter(&o->headers, HEADERS_TO_CLIENT, to, trb_alloc(rq, headers_room(&o->headers)));
    bool has_type = false;
    for (uint32_t i = 0; i < kept.count; i++) {
        bool is_type = slice_is_nocase(slice_name(to[i].key), SLICE("content-type"));
        if (is_type && (o->status == 304 || !to[i].value.len))
            continue;
        has_type |= is_type;
        rq->kernel->set_header(rq, slice_name(to[i].key), slice_name(to[i].value));
    }
    return has_type;
}

struct trb_slice json_quoted(struct trb_request *rq, struct trb_slice s)
{
    struct text t = {0};
    text_add_json(&t, s, true);
    char *at = trb_alloc(rq, t.len + 1);
    memcpy(at, t.at, t.len);
    struct trb_slice quoted = slice_from(at, t.len);
    text_fini(&t);
    return quoted;
}

/* ------------------------------------------------------------------------------------- sending */
const char *url_make(struct trb_request *rq, struct invoke *v, url_base *base)
{
    struct trb_slice path, bad;
    if (!method_path(v->method, trb_alloc(rq, 3 * v->method.len + 2), &path, &bad))
        return trb_printf(rq, "parse \"%s/%.*s\": invalid URL escape \"%.*s\"", base(rq), SLICE_ARG(v->method),
                          SLICE_ARG(bad)).at;
    v->call.path = path;
    v->call.query = rq->kernel->raw_query(rq);
    return NULL;
}

static struct trb_next probe(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    bool is_empty = rq->kernel->body_ended(rq) && !rq->kernel->body_fault(rq);
    v->call.body_mode = is_empty ? TRB_BODY_ABSENT : TRB_BODY_RELAYED;
    return rq->kernel->send(rq, &v->call, v->then);
}

/* Of a body without a length nobody knows whether it is one: verbs that rarely have one wait and see. */
struct trb_next send_streamed(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    int64_t length = rq->kernel->body_length(rq);
    if (length == -1 && v->call.to != TRB_TO_PEER && !verb_has_body(v->verb))
        return rq->kernel->body_wait(rq, TRB_GO(probe));
    v->call.body_mode = length == 0 || length == -2 ? TRB_BODY_ABSENT : TRB_BODY_RELAYED;
    return rq->kernel->send(rq, &v->call, v->then);
}
