/* A URL, or an HTTPEndpoint by its name. Only a named endpoint's redirects are followed: a client that
 * wrote the URL itself sees them.
 *
 *     url ──► (gather) ──► send ┄┄ the URL answers ┄┄► taken ──► the asker's answer
 *                            ▲                           │
 *                            └───────── follow ◄─────────┘
 */
#include "../call.h"

#define REPLAYED (256u << 10)              /* bytes of a body that a redirect may ask for again */
#define REDIRECTS 10u

static trb_step taken;

static struct trb_slice base_of(const struct call *c)
{
    struct trb_slice base = slice_name(c->endpoint.base_url);
    while (base.len && base.at[base.len - 1] == '/')
        base.len--;
    return base;
}

static const char *base_text(struct trb_request *rq)
{
    return text_kept(rq, base_of(rq->state)).at;
}

/* The endpoint's own lines win over the client's. */
static void add_own_headers(struct call *c)
{
    const struct trb_pairs *own = &c->endpoint.headers;
    for (uint32_t i = 0; i < own->count; i++)
        lines_remove(&c->headers, trb_pair_at(own, i)->key.at);
    for (uint32_t i = 0; i < own->count; i++)
        lines_add(&c->headers, trb_pair_at(own, i)->key, trb_pair_at(own, i)->value);
}

/* A small body is kept while a redirect may ask for it again. */
struct trb_next to_url(struct trb_request *rq)
{
    struct call *c = rq->state;
    int64_t length = body_length(rq);
    if (c->endpoint.fault.len)
        return c->asker->failed(rq, TRB_INTERNAL, slice_name(c->endpoint.fault));
    const char *fault = http_request_make(rq, base_text, c->endpoint.headers.count + 1);
    if (fault)
        return c->asker->failed(rq, TRB_INVALID, slice_of(fault));
    add_own_headers(c);
    c->out.to = TRB_TO_URL;
    c->out.url = base_of(c);
    c->out.tls = c->endpoint.tls;
    c->out.flags = c->endpoint.is_bare ? TRB_OUT_APP_TOKEN : 0;
    c->out.headers = c->headers;
    c->then = TRB_GO(taken);
    bool is_kept = !c->endpoint.is_bare && length > 0 && length <= (int64_t)REPLAYED;
    return is_kept ? send_whole(rq) : send_streamed(rq);
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
static struct trb_slice resolve(struct trb_request *rq, const struct call *c, struct trb_slice location)
{
    struct trb_slice origin = origin_of(c->out.url), here = slice_skip(c->out.url, origin.len);
    struct trb_slice path = slice_name(trb_printf(rq, "%.*s%.*s", SLICE_ARG(here), SLICE_ARG(c->out.path)));
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

static void aim(struct trb_request *rq, struct call *c, struct trb_slice url)
{
    struct trb_slice query = url, origin = origin_of(url);
    struct trb_name referer = trb_printf(rq, "%.*s%.*s%s%.*s", SLICE_ARG(c->out.url), SLICE_ARG(c->out.path),
                                         c->out.query.len ? "?" : "", SLICE_ARG(c->out.query));
    bool is_same = slice_is_nocase(origin, origin_of(c->out.url));
    struct trb_slice path = slice_split(&query, '?');
    if (query.at)
        query = slice_split(&query, '#');
    else
        path = slice_split(&path, '#');
    c->out.url = origin;
    c->out.path = slice_skip(path, origin.len).len ? slice_skip(path, origin.len) : SLICE("/");
    c->out.query = query;
    if (!is_same) {
        lines_remove(&c->headers, "authorization");
        lines_remove(&c->headers, "cookie");
    }
    lines_remove(&c->headers, "referer");
    lines_add(&c->headers, NAME("Referer"), referer);
}

static void forget_body(struct call *c)
{
    c->out.body_mode = TRB_BODY_ABSENT;
    lines_remove(&c->headers, "content-type");
    lines_remove(&c->headers, "content-encoding");
}

static bool is_redirect(const struct trb_outcome *o)
{
    return o->status == 301 || o->status == 302 || o->status == 303 || o->status == 307 || o->status == 308;
}

/* A redirect that cannot be followed is the answer. */
static bool is_followed(const struct call *c, const struct trb_outcome *o, struct trb_slice location)
{
    bool keeps_body = o->status >= 307;
    return !c->endpoint.is_bare && is_redirect(o) && location.len && !(keeps_body && c->out.body_mode == TRB_BODY_RELAYED);
}

static struct trb_next follow(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct trb_slice location = slice_name(text_kept(rq, slice_name(trb_pair_get(&o->headers, "location"))));
    if (c->redirects++ == REDIRECTS)
        return c->asker->failed(rq, TRB_INTERNAL, slice_name(trb_printf(rq, "Get \"%s\": stopped after 10 redirects",
                                                                        location.at)));
    if (o->status < 307) {
        forget_body(c);
        if (!slice_is(c->verb, SLICE("HEAD")))
            c->verb = c->out.method = SLICE("GET");
    }
    aim(rq, c, resolve(rq, c, location));
    c->out.headers = c->headers;
    return rq->kernel->send(rq, &c->out, c->then);
}

static struct trb_next taken(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return c->asker->failed(rq, TRB_INTERNAL, slice_of(rq->kernel->failure(rq)->message));
    if (is_followed(c, o, slice_name(trb_pair_get(&o->headers, "location"))))
        return TRB_GO(follow);
    http_answer_take(c, o);
    return c->asker->answer;
}
