/* http_request: what a call becomes when it goes out as HTTP, to the app or to a URL, and what comes back.
 * grpc-api.md 4.3. */
#include "../call.h"

static const char *verb_fault(struct trb_slice verb)
{
    if (!verb.at)
        return "rpc error: code = InvalidArgument desc = missing HTTP extension field";
    if (!verb.len || slice_is(verb, SLICE("CONNECT")))
        return "rpc error: code = InvalidArgument desc = invalid HTTP verb";
    return NULL;
}

/* A body that is a message of some type and says nothing else is protobuf. */
static void add_type(struct trb_request *rq, struct call *c)
{
    struct trb_slice type = c->content_type;
    if (!type.len && c->type_url.len)
        type = SLICE("application/x-protobuf");
    if (type.len)
        lines_add(&c->headers, NAME("Content-Type"), text_kept(rq, type));
}

const char *http_request_make(struct trb_request *rq, url_base *base, uint32_t extra)
{
    struct call *c = rq->state;
    const char *fault = verb_fault(c->verb);
    struct trb_slice path, bad;
    if (fault)
        return fault;
    uint32_t token = rq->kernel->info->has_api_token ? HEADERS_NO_API_TOKEN : 0;
    c->headers = lines_take(rq, &c->metadata, HEADERS_TO_HTTP_APP | token, extra + 1);
    add_type(rq, c);
    if (!method_path(c->method, trb_alloc(rq, 3 * c->method.len + 2), &path, &bad))
        return trb_printf(rq, "parse \"%s%s%.*s\": invalid URL escape \"%.*s\"", base(rq),
                          slice_starts(c->method, SLICE("/")) ? "" : "/", SLICE_ARG(c->method), SLICE_ARG(bad)).at;
    c->out.method = c->verb;
    c->out.path = path;
    c->out.query = c->query;
    return NULL;
}

void http_answer_take(struct call *c, const struct trb_outcome *o)
{
    c->answer = (struct answer){.is_http = true, .is_ended = o->ended, .status = o->status, .headers = o->headers,
                                .content_type = slice_name(trb_pair_get(&o->headers, "content-type"))};
}
