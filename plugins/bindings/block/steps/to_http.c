/* to_http: an application that speaks HTTP: a POST for each event. http-api.md 5.7
 *
 *     hear ──► gather ──► verdict
 */
#include "../bindings_block.h"

static trb_step verdict;

/* As the field's HTTP libraries spell a name: Foo-Bar. */
static struct trb_name canonical(struct trb_request *rq, struct trb_name name)
{
    char *at = trb_alloc(rq, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool upper = i == 0 || at[i - 1] == '-';
        at[i] = (char)(upper && c >= 'a' && c <= 'z' ? c - 32 : !upper && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return (struct trb_name){at, name.len};
}

/* Metadata must not speak for the connection, nor say again what we say. */
static bool is_own(struct trb_slice name)
{
    static const char *const own[] = {"content-type", "content-length", "traceparent", "host", "connection",
                                      "transfer-encoding", "keep-alive", "upgrade", "te", "trailer", "expect",
                                      "dapr-api-token", "user-agent", "accept-encoding"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (slice_is_nocase(name, slice_of(own[i])))
            return true;
    return false;
}

static bool is_token(struct trb_slice name)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    return name.len && strspn(name.at, alphabet) == name.len;
}

/* A value is one line. */
static struct trb_name one_line(struct trb_request *rq, struct trb_name value)
{
    struct trb_name copy = name_copy(rq, slice_name(value));
    for (size_t i = 0; i < copy.len; i++)
        if ((unsigned char)copy.at[i] < 0x20 || copy.at[i] == 0x7f)
            ((char *)(uintptr_t)copy.at)[i] = ' ';
    return copy;
}

static struct trb_pairs headers_of(struct trb_request *rq, const struct trb_pairs *metadata)
{
    struct trb_name trace = trb_pair_get(metadata, "traceparent");
    struct trb_pair *to = trb_alloc(rq, (metadata->count + 2) * sizeof *to);
    uint32_t n = 0;
    to[n++] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    for (uint32_t i = 0; i < metadata->count; i++) {
        const struct trb_pair *p = trb_pair_at(metadata, i);
        if (is_token(slice_name(p->key)) && !is_own(slice_name(p->key)))
            to[n++] = (struct trb_pair){canonical(rq, p->key), one_line(rq, p->value)};
    }
    to[n++] = (struct trb_pair){NAME("Traceparent"), trace.len ? one_line(rq, trace)
                                                               : NAME("00-00000000000000000000000000000000-0000000000000000-00")};
    return (struct trb_pairs){to, n, sizeof *to};
}

static void ask(struct trb_request *rq, struct delivery *d)
{
    struct trb_data body = d->event->data;
    body.at = body.at ? body.at : "";
    d->call = (struct trb_outcall){
        .size = sizeof d->call, .to = TRB_TO_APP, .method = SLICE("POST"), .path = slice_name(d->binding->path),
        .body_mode = TRB_BODY_GIVEN, .body = body, .headers = headers_of(rq, &d->event->metadata),
        .flags = TRB_OUT_NO_TRACE};
}

static struct trb_next no_answer(struct trb_request *rq)
{
    return delivery_fail(rq, "error invoking app: %s", rq->kernel->failure(rq)->message);
}

static struct trb_next hear(struct trb_request *rq)
{
    return rq->kernel->outcome(rq) ? rq->kernel->outcome_gather(rq, APP_ANSWER_MAX, TRB_GO(verdict)) : no_answer(rq);
}

/* Without resiliency policies any 2xx is taken at once. */
static struct trb_next verdict(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return no_answer(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status < 200 || o->status >= 300)
        return delivery_fail(rq, "fails to send binding event to http app channel, status code: %u body: %.*s", o->status,
                             body.len > 300 ? 300 : (int)body.len, body.at ? body.at : "");
    d->answer = body;
    return delivery_done(rq);
}

const struct tongue http_tongue = {.ask = ask, .hear = hear};
