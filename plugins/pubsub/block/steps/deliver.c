/* A message on its way to the application.
 *
 *     parse ──► call ┄┄ the app answers ┄┄► verdict ──► (settled)
 *       └──────────────────────────────────────┴────► bury ┄┄ dead letter topic ┄┄► buried
 */
#include "../pubsub_block.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/log.h>

struct delivery {
    struct subscription *sub;
    const struct trb_pubsub_event *event;
    struct trb_data body;                            /* what the app gets */
    struct trb_outcall call;
    struct trb_pubsub_publish burial;
    struct trb_error why;
    const char *process, *status;                    /* as the metric says it */
    uint64_t began_ns;
    uint32_t otherwise;                              /* the verdict when there is no dead letter topic */
    struct arena *scratch;
};

static trb_step call, gather, verdict, bury, buried;

/* ------------------------------------------------------------------------------------ the ends */
static struct trb_next settle(struct trb_request *rq, uint32_t how)
{
    struct delivery *d = rq->state;
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_pair pairs[] = {{NAME("app_id"), info->app_id},     {NAME("component"), d->sub->pubsub},
                               {NAME("namespace"), info->namespace_}, {NAME("process_status"), name_of(d->process)},
                               {NAME("status"), name_of(d->status)},  {NAME("topic"), d->sub->topic}};
    struct trb_pairs labels = {pairs, 6, sizeof pairs[0]};
    const struct trb_kernel *k = rq->kernel;
    k->metric_add(k->metric(k, "dapr_component_pubsub_ingress_count", &labels), 1);
    k->metric_add(k->metric(k, "dapr_component_pubsub_ingress_latencies", &labels),
                  (double)(clock_now_ns() - d->began_ns) / 1e6);
    arena_destroy(d->scratch);
    return k->settle(rq, how, d->why.code ? &d->why : NULL, (struct trb_data){NULL, 0, NULL});
}

static struct trb_next end_with(struct trb_request *rq, uint32_t how, const char *process, const char *status)
{
    struct delivery *d = rq->state;
    d->process = process;
    d->status = status;
    d->otherwise = how;
    return d->sub->dead_letter.len && how != TRB_ACK ? TRB_GO(bury) : settle(rq, how);
}

static TRB_PRINTF(2, 3) struct trb_next fail(struct trb_request *rq, const char *format, ...)
{
    struct delivery *d = rq->state;
    va_list ap;
    va_start(ap, format);
    vsnprintf(d->why.message, sizeof d->why.message, format, ap);
    va_end(ap);
    d->why.size = sizeof d->why;
    d->why.code = TRB_INTERNAL;
    d->why.item = -1;
    log_error("dapr.runtime", "%s", d->why.message);
    return end_with(rq, TRB_RETRY, "retry", "retry");
}

/* ------------------------------------------------------------------------------- the envelope */
static struct trb_slice member_text(struct delivery *d, struct json_value event, const char *name)
{
    struct json_value v = json_find(event, slice_of(name));
    return v.kind == JSON_STRING ? json_text(d->scratch, v) : (struct trb_slice){0};
}

static bool is_expired(struct delivery *d, struct json_value event, struct trb_slice *ret_id)
{
    int64_t until_ns;
    struct trb_slice text = member_text(d, event, "expiration");
    *ret_id = member_text(d, event, "id");
    return text.len && clock_parse_rfc3339(text, &until_ns) && until_ns <= clock_wall_ns();
}

static void wrap_raw(struct trb_request *rq, struct delivery *d)
{
    struct text t = {0};
    envelope_wrap_raw(d->event, slice_name(d->sub->pubsub), slice_name(d->sub->topic), &t);
    char *copy = trb_alloc(rq, t.len);
    memcpy(copy, t.at, t.len);
    d->body = (struct trb_data){copy, t.len, NULL};
    text_fini(&t);
}

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

static bool is_own_header(struct trb_slice name)
{
    return slice_is_nocase(name, SLICE("content-type")) || slice_is_nocase(name, SLICE("content-length")) ||
           slice_is_nocase(name, SLICE("pubsubname"));
}

static void make_headers(struct trb_request *rq, struct delivery *d, struct json_value event)
{
    struct trb_pair *to = trb_alloc(rq, (d->event->metadata.count + 3) * sizeof *to);
    uint32_t n = 0;
    to[n++] = (struct trb_pair){NAME("Content-Type"), NAME("application/cloudevents+json")};
    to[n++] = (struct trb_pair){NAME("Pubsubname"), d->sub->pubsub};
    struct trb_slice trace = member_text(d, event, "traceparent");
    if (trace.at)
        to[n++] = (struct trb_pair){NAME("Traceparent"), trace.len ? trb_printf(rq, "%.*s", SLICE_ARG(trace))
            : NAME("00-00000000000000000000000000000000-0000000000000000-00")};
    for (uint32_t i = 0; i < d->event->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&d->event->metadata, i);
        if (!is_own_header(slice_name(p->key)))
            to[n++] = (struct trb_pair){canonical(rq, p->key), p->value};
    }
    d->call.headers = (struct trb_pairs){to, n, sizeof *to};
}

static struct trb_next route(struct trb_request *rq, struct json_value event)
{
    struct delivery *d = rq->state;
    const char *fault = NULL;
    struct trb_slice path = rules_match(d->sub, event, &fault), id;
    if (is_expired(d, event, &id)) {
        char now[CLOCK_TEXT];
        clock_rfc3339(clock_wall_ns(), now);
        log_warn("dapr.runtime", "dropping expired pub/sub event %.*s as of %s", SLICE_ARG(id), now);
        return end_with(rq, TRB_DROP, "drop", "drop");
    }
    if (fault)
        return fail(rq, "error finding matching route for event %.*s in pubsub %s and topic %s: %s",
                    SLICE_ARG(id), d->sub->pubsub.at, d->sub->topic.at, fault);
    if (!path.at) {
        log_warn("dapr.runtime", "no matching route for event %.*s in pubsub %s and topic %s; skipping",
                 SLICE_ARG(id), d->sub->pubsub.at, d->sub->topic.at);
        return end_with(rq, TRB_DROP, "drop", "success");
    }
    make_headers(rq, d, event);
    d->call.path = path.len && path.at[0] == '/' ? path : slice_name(trb_printf(rq, "/%.*s", SLICE_ARG(path)));
    return TRB_GO(call);
}

struct trb_next event_parse(struct trb_request *rq)
{
    struct delivery *d = trb_request_state(rq, sizeof *d);
    struct json_value event;
    struct json_fault fault;
    d->sub = rq->kernel->task_arg(rq);
    d->event = rq->kernel->event(rq);
    d->body = d->event->data;
    d->began_ns = clock_now_ns();
    d->scratch = arena_create(SIZE_MAX);
    if (d->sub->is_raw)
        wrap_raw(rq, d);
    if (!json_parse(slice_from(d->body.at, d->body.len), &event, &fault))
        return fail(rq, "error deserializing cloud event in pubsub %s and topic %s: %s", d->sub->pubsub.at,
                    d->sub->topic.at, fault.message);
    if (event.kind != JSON_OBJECT)
        return fail(rq, "error deserializing cloud event in pubsub %s and topic %s: json: cannot unmarshal a value "
                    "that is no object into Go value of type map[string]interface {}", d->sub->pubsub.at,
                    d->sub->topic.at);
    return route(rq, event);
}

/* --------------------------------------------------------------------------------- the app */
static struct trb_next call(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    d->call.size = sizeof d->call;
    d->call.to = TRB_TO_APP;
    d->call.method = SLICE("POST");
    d->call.body_mode = TRB_BODY_GIVEN;
    d->call.body = d->body;
    d->call.flags = TRB_OUT_NO_TRACE;
    return rq->kernel->send(rq, &d->call, TRB_GO(gather));
}

static struct trb_next gather(struct trb_request *rq)
{
    if (!rq->kernel->outcome(rq))
        return fail(rq, "error returned from app channel while sending pub/sub event to app: %s",
                    rq->kernel->failure(rq)->message);
    return rq->kernel->outcome_gather(rq, 1 << 20, TRB_GO(verdict));
}

static struct trb_slice status_word(struct delivery *d, struct trb_data body)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(slice_from(body.at, body.len), &v, &fault) || v.kind != JSON_OBJECT)
        return SLICE("");
    return member_text(d, v, "status");
}

static struct trb_next verdict(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return fail(rq, "error returned from app channel while sending pub/sub event to app: %s",
                    rq->kernel->failure(rq)->message);
    struct trb_data body = rq->kernel->outcome_body(rq);
    if (o->status == 404) {
        log_error("dapr.runtime", "non-retriable error returned from app while processing pub/sub event: status code "
                  "returned: 404");
        return end_with(rq, TRB_DROP, "drop", "drop");
    }
    if (o->status < 200 || o->status > 299)
        return fail(rq, "retriable error returned from app while processing pub/sub event, topic: %s, body: %.*s. "
                    "status code returned: %u", d->sub->topic.at, body.len > 200 ? 200 : (int)body.len,
                    body.at ? body.at : "", o->status);
    struct trb_slice word = status_word(d, body);
    if (!word.len || slice_is(word, SLICE("SUCCESS")))
        return end_with(rq, TRB_ACK, "success", "success");
    if (slice_is(word, SLICE("DROP"))) {
        log_warn("dapr.runtime", "DROP status returned from app while processing pub/sub event");
        return end_with(rq, TRB_DROP, "drop", "success");
    }
    if (slice_is(word, SLICE("RETRY")))
        return fail(rq, "RETRY status returned from app while processing pub/sub event");
    return fail(rq, "unknown status returned from app while processing pub/sub event, status: %.*s", SLICE_ARG(word));
}

/* ----------------------------------------------------------------------- the dead letter topic */
static struct trb_next bury(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    struct trb_instance *pubsub = rq->kernel->find(rq, "pubsub", slice_name(d->sub->pubsub));
    if (!pubsub)
        return settle(rq, TRB_RETRY);
    d->burial = (struct trb_pubsub_publish){
        .size = sizeof d->burial, .topic = d->sub->dead_letter, .data = d->event->data,
        .content_type = d->event->content_type, .metadata = d->event->metadata};
    return trb_ask(rq, pubsub, TRB_AT(pubsub, publish), &d->burial, TRB_GO(buried));
}

static struct trb_next buried(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err) {
        log_error("dapr.runtime", "failed to send the event to the dead letter topic %s: %s", d->sub->dead_letter.at,
                  err->message);
        return settle(rq, TRB_RETRY);
    }
    d->why.code = 0;
    return settle(rq, TRB_ACK);
}
