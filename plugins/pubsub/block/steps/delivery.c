/* delivery: see delivery.h.
 *
 *     … ──► end ──► (settled)
 *            └────► bury ┄┄ the dead letter topic has it ┄┄► buried ──► (settled)
 */
#include "delivery.h"
#include <base/clock.h>

#define BURIAL_NS (30 * CLOCK_S)

static trb_step bury, buried;

/* ------------------------------------------------------------------------------------ the ends */
static void count(struct trb_request *rq, struct delivery *d, const char *process, const char *status)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_pair pairs[] = {{NAME("app_id"), k->info->app_id},        {NAME("component"), d->sub->pubsub},
                               {NAME("namespace"), k->info->namespace_}, {NAME("process_status"), name_of(process)},
                               {NAME("status"), name_of(status)},        {NAME("topic"), d->sub->topic}};
    struct trb_pairs labels = {pairs, 6, sizeof pairs[0]};
    k->metric_add(k->metric(k, "dapr_component_pubsub_ingress_count", &labels), 1);
    k->metric_add(k->metric(k, "dapr_component_pubsub_ingress_latencies", &labels),
                  (double)(clock_now_ns() - d->began_ns) / 1e6);
}

static struct trb_next settle(struct trb_request *rq, uint32_t verdict)
{
    struct delivery *d = rq->state;
    return rq->kernel->settle(rq, verdict, d->why.code ? &d->why : NULL, (struct trb_data){NULL, 0, NULL});
}

struct trb_next delivery_end(struct trb_request *rq, uint32_t verdict, const char *process, const char *status)
{
    struct delivery *d = rq->state;
    if (process)
        count(rq, d, process, status);
    bool is_lost = verdict == TRB_RETRY || verdict == TRB_DROP;
    return is_lost && d->sub->dead_letter.len ? TRB_GO(bury) : settle(rq, verdict);
}

static void blame(struct delivery *d, const struct trb_kernel *k, const char *format, va_list ap)
{
    d->why = (struct trb_error){.size = sizeof d->why, .code = TRB_INTERNAL, .item = -1};
    vsnprintf(d->why.message, sizeof d->why.message, format, ap);
    k->log(TRB_LOG_ERROR, SCOPE, d->why.message);
}

void delivery_blame(struct delivery *d, const struct trb_kernel *k, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    blame(d, k, format, ap);
    va_end(ap);
}

struct trb_next delivery_fail(struct trb_request *rq, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    blame(rq->state, rq->kernel, format, ap);
    va_end(ap);
    return delivery_end(rq, TRB_RETRY, "retry", "retry");
}

#define SUCCESS 0
#define RETRY 1
#define DROP 2

struct trb_next delivery_judge(struct trb_request *rq, int32_t status)
{
    struct trb_name id = ((struct delivery *)rq->state)->id;
    if (status == SUCCESS)
        return delivery_end(rq, TRB_ACK, "success", "success");
    if (status == DROP) {
        say(rq->kernel, TRB_LOG_WARN, "DROP status returned from app while processing pub/sub event %s",
            id.at ? id.at : "");
        return delivery_end(rq, TRB_DROP, "drop", "success");
    }
    if (status == RETRY)
        return delivery_fail(rq, "RETRY status returned from app while processing pub/sub event %s",
                             id.at ? id.at : "");
    return delivery_fail(rq, "unknown status returned from app while processing pub/sub event %s, status: %d",
                         id.at ? id.at : "", status);
}

/* ----------------------------------------------------------------------- the dead letter topic */
static struct trb_name burial_place(struct trb_request *rq, struct trb_instance *i, const struct delivery *d)
{
    struct trb_slice prefix = scopes_topic_prefix(rq->kernel->instance_data(i));
    char *at = trb_alloc(rq, prefix.len + d->sub->dead_letter.len + 1);
    memcpy(at, prefix.at, prefix.len);
    memcpy(at + prefix.len, d->sub->dead_letter.at, d->sub->dead_letter.len);
    return (struct trb_name){at, prefix.len + d->sub->dead_letter.len};
}

static struct trb_next not_buried(struct trb_request *rq, const char *why)
{
    struct delivery *d = rq->state;
    say(rq->kernel, TRB_LOG_ERROR, "failed to send a message of topic %s to its dead letter topic %s: %s",
        d->sub->topic.at, d->sub->dead_letter.at, why);
    return settle(rq, TRB_RETRY);
}

/* In the request's memory: a product that is late may still read it when the event is gone. */
static struct trb_data bytes_copy(struct trb_request *rq, struct trb_data from)
{
    char *at;
    struct trb_data copy = rq->kernel->buffer(rq, from.len, &at);
    if (from.len)
        memcpy(at, from.at, from.len);
    return copy;
}

static struct trb_pairs pairs_copy(struct trb_request *rq, const struct trb_pairs *from)
{
    struct trb_pair *to = trb_alloc(rq, (from->count + 1) * sizeof *to);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct trb_pair *p = trb_pair_at(from, i);
        to[i] = (struct trb_pair){name_copy(rq, slice_name(p->key)), name_copy(rq, slice_name(p->value))};
    }
    return (struct trb_pairs){to, from->count, sizeof *to};
}

static struct trb_next bury(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    struct trb_instance *i = rq->kernel->find(rq, "pubsub", slice_name(d->sub->pubsub));
    if (!i)
        return not_buried(rq, "the pubsub is leaving");
    if (!scopes_may_publish(rq->kernel->instance_data(i), slice_name(d->sub->dead_letter)))
        return not_buried(rq, "the app may not publish there");
    d->burial = (struct trb_pubsub_publish){
        .size = sizeof d->burial, .topic = burial_place(rq, i, d), .data = bytes_copy(rq, d->event->data),
        .metadata = pairs_copy(rq, &d->event->metadata)};
    if (d->event->content_type.at)
        d->burial.content_type = name_copy(rq, slice_name(d->event->content_type));
    return rq->kernel->ask_within(rq, i, TRB_AT(pubsub, publish), &d->burial, BURIAL_NS, TRB_GO(buried));
}

static struct trb_next buried(struct trb_request *rq)
{
    struct delivery *d = rq->state;
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err)
        return not_buried(rq, err->message);
    count(rq, d, "drop", "drop");
    d->why.code = 0;
    return settle(rq, TRB_ACK);
}

/* --------------------------------------------------------------------------------- the reading */
static struct trb_next drop(struct trb_request *rq, const char *format, struct trb_name id, const char *status)
{
    struct delivery *d = rq->state;
    char line[512];
    snprintf(line, sizeof line, format, id.at ? id.at : "", d->sub->pubsub.at, d->sub->topic.at);
    rq->kernel->log(TRB_LOG_WARN, SCOPE, line);
    return delivery_end(rq, TRB_DROP, "drop", status);
}

static struct trb_next drop_expired(struct trb_request *rq, struct trb_name id)
{
    char now[CLOCK_TEXT];
    clock_rfc3339(clock_wall_ns(), now);
    say(rq->kernel, TRB_LOG_WARN, "dropping expired pub/sub event %s as of %s", id.at ? id.at : "", now);
    return delivery_end(rq, TRB_DROP, "drop", "drop");
}

/* Older senders give the trace another name. */
static struct trb_name trace_of(struct trb_request *rq, struct json_value event)
{
    struct trb_name trace = string_copy(rq, json_find(event, SLICE("traceparent")));
    return trace.at ? trace : string_copy(rq, json_find(event, SLICE("traceid")));
}

static bool route(struct trb_request *rq, struct delivery *d, struct trb_next *ret)
{
    struct trb_slice path;
    struct fault fault;
    d->id = string_copy(rq, json_find(d->envelope, SLICE("id")));
    if (envelope_is_expired(d->envelope)) {
        *ret = drop_expired(rq, d->id);
        return false;
    }
    if (!subscription_path(d->sub, d->envelope, &path, &fault)) {
        *ret = delivery_fail(rq, "error finding matching route for event %s in pubsub %s and topic %s: %s",
                             d->id.at ? d->id.at : "", d->sub->pubsub.at, d->sub->topic.at, fault.text);
        return false;
    }
    if (!path.at) {
        *ret = drop(rq, "no matching route for event %s in pubsub %s and topic %s; skipping", d->id, "success");
        return false;
    }
    d->trace_parent = trace_of(rq, d->envelope);
    const char *why = d->listener->tongue->read(rq, d, path);
    if (why)
        *ret = delivery_fail(rq, "event %s in pubsub %s and topic %s cannot be delivered: %s", d->id.at ? d->id.at : "",
                             d->sub->pubsub.at, d->sub->topic.at, why);
    return !why;
}

static struct trb_slice envelope_of(struct trb_request *rq, struct delivery *d)
{
    struct trb_slice pubsub = slice_name(d->sub->pubsub), topic = slice_name(d->sub->topic);
    struct text t = {0};
    if (d->sub->is_raw) {
        envelope_wrap_raw(d->event, pubsub, topic, &t);
    } else if (envelope_is_binary(&d->event->metadata)) {
        envelope_from_binary(d->event, pubsub, topic, &t);
    } else {
        return slice_from(d->body.at ? d->body.at : "", d->body.len);
    }
    struct trb_name copy = name_copy(rq, text_slice(&t));
    text_fini(&t);
    if (d->sub->is_raw)
        d->body = (struct trb_data){copy.at, copy.len, NULL};
    return slice_name(copy);
}

bool delivery_read(struct trb_request *rq, struct delivery *d, struct trb_next *ret)
{
    struct json_fault fault;
    d->listener = rq->kernel->task_arg(rq);
    d->sub = d->listener->sub;
    d->event = rq->kernel->event(rq);
    d->body = d->event->data;
    d->began_ns = clock_now_ns();
    if (envelope_read(envelope_of(rq, d), &d->envelope, &fault))
        return route(rq, d, ret);
    *ret = delivery_fail(rq, "error deserializing cloud event in pubsub %s and topic %s: %s", d->sub->pubsub.at,
                         d->sub->topic.at, fault.message);
    return false;
}

struct trb_name delivery_trace_header(const struct delivery *d)
{
    return !d->trace_parent.at || d->trace_parent.len
        ? d->trace_parent : NAME("00-00000000000000000000000000000000-0000000000000000-00");
}
