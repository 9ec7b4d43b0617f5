/* refusals: the errors of publishing, and the small things both kinds of it share. */
#include "refusals.h"
#include <base/clock.h>

/* ------------------------------------------------------------------------------------ refusals */
struct trb_next refuse_metadata(struct trb_request *rq, const struct target *t, const struct trb_error_row *row,
                                struct trb_pairs metadata, struct trb_name message, bool has_resource)
{
    struct trb_refusal r = {
        .size = sizeof r, .row = row, .message = slice_name(message), .has_metadata = 1, .metadata = metadata,
        .has_resource = has_resource, .resource_type = SLICE("pubsub"),
        .resource_name = slice_name(t->pubsub), .resource_description = slice_name(message)};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next refuse_because(struct trb_request *rq, const struct target *t, const struct trb_error_row *row,
                               const char *key, struct trb_slice value, struct trb_slice why, struct trb_name message)
{
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    bool key_first = strcmp(key, "error") < 0;
    pairs[!key_first] = (struct trb_pair){name_of(key), name_copy(rq, value)};
    pairs[key_first] = (struct trb_pair){NAME("error"), name_copy(rq, why)};
    return refuse_metadata(rq, t, row, (struct trb_pairs){pairs, 2, sizeof *pairs}, message, true);
}

struct trb_next refuse_app(struct trb_request *rq, const struct target *t, const struct trb_error_row *row,
                           struct trb_slice why, struct trb_name message)
{
    struct trb_pair *app = trb_alloc(rq, sizeof *app);
    if (why.at)
        return refuse_because(rq, t, row, "appID", slice_name(rq->kernel->info->app_id), why, message);
    *app = (struct trb_pair){NAME("appID"), rq->kernel->info->app_id};
    return refuse_metadata(rq, t, row, (struct trb_pairs){app, 1, sizeof *app}, message, true);
}

/* ---------------------------------------------------------------------------------- the target */
static struct trb_name broker_topic(struct trb_request *rq, const struct target *t)
{
    struct trb_slice prefix = scopes_topic_prefix(rq->kernel->instance_data(t->instance));
    if (!prefix.len)
        return t->topic;
    char *at = trb_alloc(rq, prefix.len + t->topic.len + 1);
    memcpy(at, prefix.at, prefix.len);
    memcpy(at + prefix.len, t->topic.at, t->topic.len);
    return (struct trb_name){at, prefix.len + t->topic.len};
}

static struct trb_next empty(struct trb_request *rq, const struct target *t, const struct trb_error_row *row,
                             struct trb_name message)
{
    return refuse_metadata(rq, t, row, t->metadata, message, true);
}

void target_from_http(struct trb_request *rq, struct target *t)
{
    t->pubsub = rq->kernel->path(rq, "pubsub");
    t->topic = rq->kernel->path(rq, "topic");
    t->metadata = rq->kernel->metadata(rq);
}

/* In this order: grpc-api.md 3.2 */
bool target_find(struct trb_request *rq, struct target *t, struct trb_next *ret_refusal)
{
    static const struct trb_pair none;
    t->began_ns = clock_now_ns();
    if (!t->metadata.at)
        t->metadata.at = &none; /* a message has metadata, if empty: only a bulk's entry may have none */
    if (t->pubsub.len)
        t->instance = rq->kernel->find(rq, "pubsub", slice_name(t->pubsub));
    if (!t->pubsub.len)
        *ret_refusal = empty(rq, t, &NAME_EMPTY, NAME("pubsub name is empty"));
    else if (!t->instance)
        *ret_refusal = refuse_metadata(rq, t, &NOT_FOUND, t->metadata,
                                       trb_printf(rq, "pubsub %s is not found", t->pubsub.at), false);
    else if (!t->topic.len)
        *ret_refusal = empty(rq, t, &TOPIC_EMPTY, trb_printf(rq, "topic is empty in pubsub %s", t->pubsub.at));
    else
        t->broker_topic = broker_topic(rq, t);
    return t->broker_topic.at != NULL;
}

bool target_is_raw(struct trb_request *rq, struct target *t, struct trb_next *ret_refusal)
{
    struct trb_slice word = pair_get(&t->metadata, "rawPayload");
    if (boolean_parse(word, &t->is_raw))
        return true;
    struct trb_name message = trb_printf(rq, "failed deserializing metadata. Error: rawPayload value must be a valid "
                                         "boolean: actual is '%.*s'", SLICE_ARG(word));
    *ret_refusal = refuse_metadata(rq, t, &BAD_METADATA, t->metadata, message, true);
    return false;
}

bool target_is_allowed(struct trb_request *rq, const struct target *t, struct trb_next *ret_refusal)
{
    if (scopes_may_publish(rq->kernel->instance_data(t->instance), slice_name(t->topic)))
        return true;
    struct trb_name message = trb_printf(rq, "topic %s is not allowed for app id %s", t->topic.at,
                                         rq->kernel->info->app_id.at);
    *ret_refusal = refuse_because(rq, t, &FORBIDDEN, "topic", slice_name(t->topic), slice_name(message), message);
    return false;
}

/* ----------------------------------------------------------------------------------- the event */
struct trb_slice event_trace(struct trb_request *rq)
{
    struct trb_slice trace = rq->kernel->traceparent(rq);
    static const char zero[] = "00-00000000000000000000000000000000-0000000000000000-";
    return !trace.at || slice_starts(trace, slice_of(zero)) ? SLICE("") : trace;
}

struct trb_slice event_trace_state(struct trb_request *rq)
{
    struct trb_slice state = rq->kernel->tracestate(rq);
    return state.at ? state : SLICE("");
}

struct trb_data data_of(struct trb_request *rq, struct text *t)
{
    struct trb_name copy = name_copy(rq, text_slice(t));
    text_fini(t);
    return (struct trb_data){copy.at, copy.len, NULL};
}

bool event_make(struct trb_request *rq, const struct target *t, struct trb_pairs metadata, struct trb_name *content_type,
                struct trb_data *data, struct trb_next *ret_refusal)
{
    struct text text = {0};
    struct json_fault fault;
    struct envelope e = {
        .topic = slice_name(t->topic), .pubsub = slice_name(t->pubsub), .content_type = slice_name(*content_type),
        .data = slice_from(data->at ? data->at : "", data->len), .metadata = metadata,
        .source = slice_name(rq->kernel->info->app_id), .trace_parent = event_trace(rq),
        .trace_state = event_trace_state(rq),
        .has_ttl_support = rq->kernel->instance_caps(t->instance) & TRB_PUBSUB_MESSAGE_TTL};
    bool made = envelope_write(&e, &text, &fault);
    *data = data_of(rq, &text);
    *content_type = NAME("application/cloudevents+json");
    if (!made)
        *ret_refusal = refuse_app(rq, t, &BAD_CLOUD_EVENT, slice_of(fault.message), NAME("cannot create cloudevent"));
    return made;
}

/* --------------------------------------------------------------------------------- the metrics */
static void count(struct trb_request *rq, const struct target *t, bool success, const char *name, double by)
{
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_pair pairs[] = {{NAME("app_id"), info->app_id},
                               {NAME("component"), t->pubsub},
                               {NAME("namespace"), info->namespace_},
                               {NAME("success"), success ? NAME("true") : NAME("false")},
                               {NAME("topic"), t->topic}};
    struct trb_pairs labels = {pairs, 5, sizeof pairs[0]};
    rq->kernel->metric_add(rq->kernel->metric(rq->kernel, name, &labels), by);
}

void count_egress(struct trb_request *rq, const struct target *t, bool success)
{
    count(rq, t, success, "dapr_component_pubsub_egress_count", 1);
    count(rq, t, success, "dapr_component_pubsub_egress_latencies", (double)(clock_now_ns() - t->began_ns) / 1e6);
}

void count_bulk_egress(struct trb_request *rq, const struct target *t, bool success, uint32_t events)
{
    count(rq, t, success, "dapr_component_pubsub_egress_bulk_count", 1);
    count(rq, t, success, "dapr_component_pubsub_egress_bulk_event_count", events);
    count(rq, t, success, "dapr_component_pubsub_egress_bulk_latencies",
          (double)(clock_now_ns() - t->began_ns) / 1e6);
}
