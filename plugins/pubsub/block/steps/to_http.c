/* to_http: an application that speaks HTTP: a POST for each message. Batches: to_http_many.c. http-api.md 5.5
 *
 *     hear ──► gather ──► verdict
 */
#include "to_http.h"

/* As given, with its slash; bytes that no request line may hold are escaped. */
static struct trb_slice path_of(struct trb_request *rq, struct trb_slice path)
{
    struct text t = {0};
    if (!path.len || path.at[0] != '/')
        text_addc(&t, '/');
    text_add_escaped(&t, path, "/-._~!$&'()*+,;=:@%?[]");
    struct trb_name name = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return slice_name(name);
}

static const char *read_route(struct trb_request *rq, struct delivery *d, struct trb_slice route)
{
    d->path = path_of(rq, route);
    return NULL;
}

/* ------------------------------------------------------------------------------------- headers */
/* As the field's HTTP libraries spell a name: Foo-Bar. */
static struct trb_name canonical(struct trb_request *rq, struct trb_name name)
{
    if (name.len && name.at[0] == '_')
        return name;
    char *at = trb_alloc(rq, name.len + 1);
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool upper = i == 0 || at[i - 1] == '-';
        at[i] = (char)(upper && c >= 'a' && c <= 'z' ? c - 32 : !upper && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return (struct trb_name){at, name.len};
}

/* Metadata must not speak for the connection, nor say again what we say. */
static bool is_own_header(struct trb_slice name)
{
    static const char *const own[] = {"content-type", "content-length", "pubsubname", "traceparent", "host",
                                      "connection", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer",
                                      "expect", "dapr-api-token", "user-agent", "accept-encoding"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (slice_is_nocase(name, slice_of(own[i])))
            return true;
    return false;
}

static void make_headers(struct trb_request *rq, struct alone *a)
{
    const struct trb_pairs *metadata = &a->delivery.event->metadata;
    struct trb_pair *to = trb_alloc(rq, (metadata->count + 3) * sizeof *to);
    struct trb_name trace = delivery_trace_header(&a->delivery);
    uint32_t n = 0;
    to[n++] = (struct trb_pair){NAME("Content-Type"), NAME("application/cloudevents+json")};
    for (uint32_t i = 0; i < metadata->count; i++) {
        const struct trb_pair *p = trb_pair_at(metadata, i);
        if (!is_own_header(slice_name(p->key)))
            to[n++] = (struct trb_pair){canonical(rq, p->key), p->value};
    }
    to[n++] = (struct trb_pair){NAME("Pubsubname"), a->delivery.sub->pubsub};
    if (trace.at)
        to[n++] = (struct trb_pair){NAME("Traceparent"), trace};
    a->call.headers = (struct trb_pairs){to, n, sizeof *to};
}

/* -------------------------------------------------------------------------------------- alone */
static trb_step verdict;

static void ask(struct trb_request *rq, struct alone *a)
{
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP, .method = SLICE("POST"), .path = a->delivery.path,
        .body_mode = TRB_BODY_GIVEN, .body = a->delivery.body, .flags = TRB_OUT_NO_TRACE};
    make_headers(rq, a);
}

static struct trb_next no_answer(struct trb_request *rq)
{
    return delivery_fail(rq, "error returned from app channel while sending pub/sub event to app: %s",
                         rq->kernel->failure(rq)->message);
}

static struct trb_next hear(struct trb_request *rq)
{
    return rq->kernel->outcome(rq) ? rq->kernel->outcome_gather(rq, APP_ANSWER_MAX, TRB_GO(verdict)) : no_answer(rq);
}

/* An answer that is no object with a text in status says no more than its HTTP status. */
static struct trb_name status_word(struct trb_request *rq, struct trb_data body)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(slice_from(body.at ? body.at : "", body.len), &v, &fault) || v.kind != JSON_OBJECT)
        return NAME("");
    return string_copy(rq, json_find_nocase(v, SLICE("status")));
}

static struct trb_next judge_word(struct trb_request *rq, struct trb_name word)
{
    if (!word.len || slice_is(slice_name(word), SLICE("SUCCESS")))
        return delivery_end(rq, TRB_ACK, "success", "success");
    if (slice_is(slice_name(word), SLICE("DROP"))) {
        say(rq->kernel, TRB_LOG_WARN, "DROP status returned from app while processing pub/sub event");
        return delivery_end(rq, TRB_DROP, "drop", "success");
    }
    if (slice_is(slice_name(word), SLICE("RETRY")))
        return delivery_fail(rq, "RETRY status returned from app while processing pub/sub event");
    return delivery_fail(rq, "unknown status returned from app while processing pub/sub event, status: %s", word.at);
}

static struct trb_next verdict(struct trb_request *rq)
{
    struct alone *a = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return no_answer(rq);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status >= 200 && o->status < 300)
        return judge_word(rq, status_word(rq, body));
    if (o->status != 404)
        return delivery_fail(rq, "retriable error returned from app while processing pub/sub event, topic: %s, body: "
                             "%.*s. status code returned: %u", a->delivery.sub->topic.at,
                             body.len > 200 ? 200 : (int)body.len, body.at ? body.at : "", o->status);
    say(rq->kernel, TRB_LOG_ERROR, "non-retriable error returned from app while processing pub/sub event, topic: %s. "
        "status code returned: 404", a->delivery.sub->topic.at);
    return delivery_end(rq, TRB_DROP, "drop", "drop");
}

const struct tongue http_tongue = {
    .read = read_route, .ask = ask, .hear = hear, .ask_many = http_ask_many, .hear_many = http_hear_many,
};
