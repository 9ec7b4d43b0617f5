/* refusals: the errors of publishing, and the small things both kinds of it share. */
#include "refusals.h"

struct trb_next refuse_metadata(struct trb_request *rq, const struct trb_error_row *row, struct trb_pairs metadata,
                                struct trb_name message, bool has_resource)
{
    struct trb_refusal r = {
        .size = sizeof r, .row = row, .message = slice_name(message), .has_metadata = 1, .metadata = metadata,
        .has_resource = has_resource, .resource_type = SLICE("pubsub"),
        .resource_name = slice_name(rq->kernel->path(rq, "pubsub")), .resource_description = slice_name(message)};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next refuse_because(struct trb_request *rq, const struct trb_error_row *row, const char *key,
                               struct trb_slice value, struct trb_slice why, struct trb_name message)
{
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    bool key_first = strcmp(key, "error") < 0;
    pairs[!key_first] = (struct trb_pair){name_of(key), trb_printf(rq, "%.*s", SLICE_ARG(value))};
    pairs[key_first] = (struct trb_pair){NAME("error"), trb_printf(rq, "%.*s", SLICE_ARG(why))};
    return refuse_metadata(rq, row, (struct trb_pairs){pairs, 2, sizeof *pairs}, message, true);
}

struct trb_instance *pubsub_find(struct trb_request *rq, struct trb_next *ret_refusal)
{
    struct trb_name name = rq->kernel->path(rq, "pubsub");
    struct trb_instance *found = rq->kernel->find(rq, "pubsub", slice_name(name));
    if (!found)
        *ret_refusal = refuse_metadata(rq, &NOT_FOUND, rq->kernel->metadata(rq),
                                       trb_printf(rq, "pubsub %s is not found", name.at), false);
    return found;
}

bool may_publish(struct trb_request *rq, struct trb_instance *pubsub, struct trb_next *ret_refusal)
{
    struct trb_name topic = rq->kernel->path(rq, "topic");
    const char *app = rq->kernel->info->app_id.at;
    if (scopes_may_publish(rq->kernel->instance_data(pubsub), slice_name(topic)))
        return true;
    struct trb_name message = trb_printf(rq, "topic %s is not allowed for app id %s", topic.at, app);
    *ret_refusal = refuse_because(rq, &FORBIDDEN, "topic", slice_name(topic), slice_name(message), message);
    return false;
}

struct trb_slice event_trace(struct trb_request *rq)
{
    struct trb_slice trace = rq->kernel->traceparent(rq);
    static const char zero[] = "00-00000000000000000000000000000000-0000000000000000-";
    return !trace.at || slice_starts(trace, slice_of(zero)) ? SLICE("") : trace;
}

void give_data(struct trb_request *rq, struct text *t, struct trb_data *ret)
{
    char *at = trb_alloc(rq, t->len + 1);
    memcpy(at, t->at, t->len);
    *ret = (struct trb_data){at, t->len, NULL};
    text_fini(t);
}

void count_egress(struct trb_request *rq, struct trb_name topic, bool success, uint64_t ns)
{
    const struct trb_runtime_info *info = rq->kernel->info;
    struct trb_pair pairs[] = {{NAME("app_id"), info->app_id},
                               {NAME("component"), rq->kernel->path(rq, "pubsub")},
                               {NAME("namespace"), info->namespace_},
                               {NAME("success"), success ? NAME("true") : NAME("false")},
                               {NAME("topic"), topic}};
    struct trb_pairs labels = {pairs, 5, sizeof pairs[0]};
    rq->kernel->metric_add(rq->kernel->metric(rq->kernel, "dapr_component_pubsub_egress_count", &labels), 1);
    rq->kernel->metric_add(rq->kernel->metric(rq->kernel, "dapr_component_pubsub_egress_latencies", &labels),
                           (double)ns / 1e6);
}
