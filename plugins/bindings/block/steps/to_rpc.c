/* to_rpc: an application that speaks gRPC: OnBindingEvent for each event. grpc-api.md 5.2 */
#include "../bindings_block.h"
#include <base/error.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>

static struct trb_pairs headers_of(struct trb_request *rq, const struct trb_pairs *metadata)
{
    struct trb_name trace = trb_pair_get(metadata, "traceparent");
    struct trb_pair *to = trb_alloc(rq, sizeof *to);
    *to = (struct trb_pair){NAME("traceparent"), NAME("00-00000000000000000000000000000000-0000000000000000-00")};
    if (trace.len == to->value.len && strspn(trace.at, "0123456789abcdef-") == trace.len)
        to->value = trace;
    return (struct trb_pairs){to, 1, sizeof *to};
}

static void ask(struct trb_request *rq, struct delivery *d)
{
    struct runtime_binding_event_request m = {.name = d->binding->name, .metadata = d->event->metadata,
                                              .data = {d->event->data.at, d->event->data.len}};
    d->call = (struct trb_outcall){
        .size = sizeof d->call, .to = TRB_TO_APP_GRPC,
        .method = SLICE("/dapr.proto.runtime.v1.AppCallback/OnBindingEvent"), .headers = headers_of(rq, &d->event->metadata),
        .body_mode = TRB_BODY_GIVEN, .body = rpc_message(rq, &runtime_binding_event_request_pb, &m),
        .flags = TRB_OUT_NO_TRACE | TRB_OUT_NO_SLOT};
}

/* ------------------------------------------------------------------------------------ the answer */
/* Encoded anew; what is no JSON becomes null. */
static struct trb_data value_of(struct trb_request *rq, struct trb_slice data)
{
    struct json_value v;
    struct json_fault fault;
    struct text t = {0};
    if (!json_parse(data, &v, &fault))
        return (struct trb_data){"null", 4, NULL};
    json_canonical(v, &t);
    struct trb_name copy = name_copy(rq, text_slice(&t));
    text_fini(&t);
    return (struct trb_data){copy.at, copy.len, NULL};
}

static struct trb_next take(struct trb_request *rq, struct trb_data body, const struct runtime_binding_event_response *m)
{
    struct delivery *d = rq->state;
    d->answer = (struct trb_data){m->data.at, m->data.len, m->data.at ? body.owner : NULL};
    if (!m->to.count)
        return delivery_done(rq);
    d->to = m->to.at;
    d->to_count = m->to.count;
    d->is_parallel = m->concurrency == 1;
    d->copy = (struct trb_binding_invoke){.size = sizeof d->copy, .operation = NAME("create"),
                                          .data = value_of(rq, slice_from(m->data.at ? m->data.at : "", m->data.len))};
    return TRB_GO(forward_begin);
}

static struct trb_next hear(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct runtime_binding_event_response answer = {0};
    if (!o)
        return delivery_fail(rq, "error invoking app: %s", rq->kernel->failure(rq)->message);
    if (o->grpc_code)
        return delivery_fail(rq, "error invoking app: rpc error: code = %s desc = %.*s", error_code_name(o->grpc_code),
                             SLICE_ARG(o->reason));
    struct trb_data body = rq->kernel->outcome_body(rq);
    const char *fault = rpc_parse(rq, slice_from(body.at ? body.at : "", body.len), &runtime_binding_event_response_pb, &answer);
    return fault ? delivery_fail(rq, "error invoking app: its answer cannot be read: %s", fault) : take(rq, body, &answer);
}

const struct tongue rpc_tongue = {.ask = ask, .hear = hear};
