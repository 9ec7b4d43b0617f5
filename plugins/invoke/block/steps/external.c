/* A URL, or an HTTPEndpoint by its name. Only a named endpoint's redirects are followed: a client that
 * wrote the URL itself sees them. */
#include "../invoke_block.h"

static trb_step follow, gathered;

static struct trb_slice base_of(const struct invoke *v)
{
    struct trb_slice base = slice_name(v->endpoint.base_url);
    while (base.len && base.at[base.len - 1] == '/')
        base.len--;
    return base;
}

static const char *base_text(struct trb_request *rq)
{
    const struct invoke *v = rq->state;
    return text_kept(rq, v->call.url).at;
}

/* The endpoint's own lines win over the client's. */
static void take_headers(struct trb_request *rq, struct invoke *v)
{
    const struct trb_pairs *own = &v->endpoint.headers;
    headers_take(rq, v, HEADERS_TO_APP, own->count + 1);
    for (uint32_t i = 0; i < own->count; i++)
        headers_unsay(v, trb_pair_at(own, i)->key.at);
    for (uint32_t i = 0; i < own->count; i++)
        headers_say(v, trb_pair_at(own, i)->key, trb_pair_at(own, i)->value);
}

/* A small body is kept while a redirect may ask for it again. */
struct trb_next invoke_external(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    int64_t length = rq->kernel->body_length(rq);
    if (v->endpoint.fault.len)
        return invoke_failed(rq, slice_name(v->endpoint.fault));
    if (slice_is(v->verb, SLICE("CONNECT")))
        return invoke_failed(rq, SLICE("rpc error: code = InvalidArgument desc = invalid HTTP verb"));
    take_headers(rq, v);
    v->call.to = TRB_TO_URL;
    v->call.url = base_of(v);
    v->call.tls = v->endpoint.tls;
    v->call.flags = v->follows ? 0 : TRB_OUT_APP_TOKEN;
    v->call.headers = v->headers;
    const char *fault = url_make(rq, v, base_text);
    if (fault)
        return invoke_failed(rq, slice_of(fault));
    if (!v->follows)
        return send_streamed(rq);
    v->then = TRB_GO(follow);
    if (length > 0 && length <= (int64_t)REPLAYED)
        return rq->kernel->body_gather(rq, TRB_GO(gathered));
    return send_streamed(rq);
}

static struct trb_next gathered(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    const char *fault = rq->kernel->body_fault(rq);
    if (fault)
        return invoke_failed(rq, slice_of(fault));
    v->call.body_mode = TRB_BODY_GIVEN;
    v->call.body = rq->kernel->body(rq);
    return rq->kernel->send(rq, &v->call, v->then);
}

/* ----------------------------------------------------------------------------------- redirects */
static struct trb_slice origin_of(struct trb_slice url)
{
    size_t at = slice_starts_nocase(url, SLICE("https://")) ? 8 : 7;
    while (at < url.len && !strchr("/?#", url.at[at]))
        at++;
    return slice_cut(url, at);
}

/* Location against the URL that was asked: absolute, //host, /path, or beside the last segment. */
static struct trb_slice resolve(struct trb_request *rq, const struct invoke *v, struct trb_slice location)
{
    struct trb_slice origin = origin_of(v->call.url), here = slice_skip(v->call.url, origin.len);
    struct trb_slice path = slice_name(trb_printf(rq, "%.*s%.*s", SLICE_ARG(here), SLICE_ARG(v->call.path)));
    struct trb_slice scheme = slice_cut(origin, slice_starts_nocase(origin, SLICE("https")) ? 6 : 5);
    if (target_is_url(location))
        return location;
    if (slice_starts(location, SLICE("//")))
        return slice_name(trb_printf(rq, "%.*s%.*s", SLICE_ARG(scheme), SLICE_ARG(location)));
    while (path.len && path.at[path.len - 1] != '/')
        path.len--;
    if (location.len && location.at[0] == '/')
        path.len = 0;
    return slice_name(trb_printf(rq, "%.*s%.*s%.*s", SLICE_ARG(origin), SLICE_ARG(path), SLICE_ARG(location)));
}

static void aim(struct trb_request *rq, struct invoke *v, struct trb_slice url)
{
    struct trb_slice query = url, origin = origin_of(url);
    struct trb_name referer = trb_printf(rq, "%.*s%.*s%s%.*s", SLICE_ARG(v->call.url), SLICE_ARG(v->call.path),
                                         v->call.query.len ? "?" : "", SLICE_ARG(v->call.query));
    bool is_same = slice_is_nocase(origin, origin_of(v->call.url));
    struct trb_slice path = slice_split(&query, '?');
    if (query.at)
        query = slice_split(&query, '#');
    else
        path = slice_split(&path, '#');
    v->call.url = origin;
    v->call.path = slice_skip(path, origin.len).len ? slice_skip(path, origin.len) : SLICE("/");
    v->call.query = query;
    if (!is_same) {
        headers_unsay(v, "authorization");
        headers_unsay(v, "cookie");
    }
    headers_unsay(v, "referer");
    headers_say(v, NAME("Referer"), referer);
}

static void forget_body(struct invoke *v)
{
    v->call.body_mode = TRB_BODY_ABSENT;
    headers_unsay(v, "content-type");
    headers_unsay(v, "content-encoding");
}

static bool is_redirect(const struct trb_outcome *o)
{
    return o->status == 301 || o->status == 302 || o->status == 303 || o->status == 307 || o->status == 308;
}

static struct trb_next follow(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct trb_slice location = o ? slice_name(trb_pair_get(&o->headers, "location")) : SLICE("");
    bool keeps_body = o && o->status >= 307;
    if (!o || !is_redirect(o) || !location.len || (keeps_body && v->call.body_mode == TRB_BODY_RELAYED))
        return TRB_GO(invoke_answer);
    if (v->redirects++ == REDIRECTS)
        return invoke_failed(rq, slice_name(trb_printf(rq, "Get \"%.*s\": stopped after 10 redirects",
                                                       SLICE_ARG(location))));
    if (!keeps_body) {
        forget_body(v);
        if (!slice_is(v->verb, SLICE("HEAD")))
            v->verb = v->call.method = SLICE("GET");
    }
    aim(rq, v, resolve(rq, v, slice_name(trb_printf(rq, "%.*s", SLICE_ARG(location)))));
    v->call.headers = v->headers;
    return rq->kernel->send(rq, &v->call, v->then);
}
