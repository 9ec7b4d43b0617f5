/* POST or PUT /v1.0/publish/{pubsub}/{topic...}, and PublishEvent.
 *
 *     parse, rpc ──► ask ┄┄ the product has taken it ┄┄► reply
 */
#include "refusals.h"
#include <pb/runtime.h>
#include <rpc/rpc.h>

struct publish {
    struct target target;
    struct trb_pubsub_publish question;
};

static trb_step ask, reply;

static struct trb_next failed(struct trb_request *rq, struct trb_slice why)
{
    struct target *t = &((struct publish *)rq->state)->target;
    return refuse_because(rq, t, &PUBLISH_FAILED, "topic", slice_name(t->topic), why,
                          trb_printf(rq, "error when publishing to topic %s in pubsub %s: %.*s", t->topic.at,
                                     t->pubsub.at, SLICE_ARG(why)));
}

/* What both doors do once they know the target, the data and its type. */
static struct trb_next begin(struct trb_request *rq, struct trb_data data, struct trb_slice content_type)
{
    struct publish *p = rq->state;
    struct target *t = &p->target;
    struct trb_next refusal;
    if (!target_is_raw(rq, t, &refusal))
        return refusal;
    p->question = (struct trb_pubsub_publish){.size = sizeof p->question, .topic = t->broker_topic,
                                              .metadata = t->metadata, .data = data};
    if (content_type.len)
        p->question.content_type = name_copy(rq, content_type);
    if (!p->question.data.at)
        p->question.data.at = "";
    if (!t->is_raw && !event_make(rq, t, t->metadata, &p->question.content_type, &p->question.data, &refusal))
        return refusal;
    return target_is_allowed(rq, t, &refusal) ? TRB_GO(ask) : refusal;
}

struct trb_next publish_parse(struct trb_request *rq)
{
    struct publish *p = trb_request_state(rq, sizeof *p);
    struct trb_next refusal;
    target_from_http(rq, &p->target);
    if (!target_find(rq, &p->target, &refusal))
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    return cut ? failed(rq, slice_of(cut)) : begin(rq, rq->kernel->body(rq), rq->kernel->header(rq, "Content-Type"));
}

/* Bytes without an envelope carry their trace beside them. */
static void add_trace(struct trb_request *rq, struct trb_pairs *metadata)
{
    struct trb_slice trace = event_trace(rq);
    struct trb_pair *pairs = trb_alloc(rq, (metadata->count + 2) * sizeof *pairs);
    uint32_t n = metadata->count;
    if (!trace.len || pair_get(metadata, "traceid").at)
        return;
    for (uint32_t i = 0; i < n; i++)
        pairs[i] = *trb_pair_at(metadata, i);
    pairs[n++] = (struct trb_pair){NAME("traceid"), name_copy(rq, trace)};
    if (!pair_get(metadata, "tracestate").at)
        pairs[n++] = (struct trb_pair){NAME("tracestate"), name_copy(rq, event_trace_state(rq))};
    *metadata = (struct trb_pairs){pairs, n, sizeof *pairs};
}

struct trb_next publish_rpc(struct trb_request *rq)
{
    struct publish *p = trb_request_state(rq, sizeof *p);
    struct runtime_publish_event_request *m = trb_alloc(rq, sizeof *m);
    struct trb_next next;
    if (!rpc_read(rq, &runtime_publish_event_request_pb, m, &next))
        return next;
    p->target.pubsub = m->pubsub_name;
    p->target.topic = m->topic;
    p->target.metadata = m->metadata;
    if (!target_find(rq, &p->target, &next))
        return next;
    next = begin(rq, rpc_data(rq, m->data), slice_name(m->data_content_type));
    if (p->target.is_raw)
        add_trace(rq, &p->question.metadata);
    return next;
}

static struct trb_next ask(struct trb_request *rq)
{
    struct publish *p = rq->state;
    return trb_ask(rq, p->target.instance, TRB_AT(pubsub, publish), &p->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    struct publish *p = rq->state;
    count_egress(rq, &p->target, !err);
    if (err)
        return failed(rq, slice_name(component_text(rq, err)));
    return rq->door == TRB_DOOR_GRPC ? rpc_reply_empty(rq) : trb_reply_empty(rq, 204);
}
