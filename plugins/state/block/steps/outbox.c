/* A transaction of a store with an outbox: before it begins an event for each upsert waits on the internal topic, and
 * the transaction writes a row for each: where the row is, the event goes out. http-api.md 5.12
 *
 *     outbox ──► send ┄┄► sent ──► (state_transact_ask)
 *                 ▲        │ one after the other
 *                 └────────┘
 */
#include "../state_block.h"
#include <base/codec.h>
#include <events/outbox_event.h>
#include <events/scopes.h>
#include <trilby/pubsub.h>

struct outgoing {
    const struct outbox *outbox;
    struct trb_instance *broker;
    struct trb_name topic;                  /* as the broker knows it */
    struct trb_pubsub_publish *events;
    uint32_t count, sent;
};

static trb_step send, sent;

static struct trb_next refuse_event(struct trb_request *rq, struct trb_name why)
{
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    pairs[0] = (struct trb_pair){NAME("appID"), rq->kernel->info->app_id};
    pairs[1] = (struct trb_pair){NAME("error"), why};
    struct trb_name message = trb_printf(rq, "error while publishing outbox message: %s", why.at);
    struct trb_refusal r = {.size = sizeof r, .row = &OUTBOX_FAILED, .message = slice_name(message), .has_metadata = 1,
                            .metadata = {pairs, 2, sizeof *pairs}};
    return rq->kernel->refuse(rq, &r);
}

/* ------------------------------------------------------------------------------------- projections */
static bool is_projection(const struct trb_state_operation *op)
{
    return op->kind == TRB_STATE_UPSERT && slice_is_truthy(pair_get(&op->metadata, "outbox.projection"));
}

/* What is published in place of the upsert of this key: the last one counts. */
static uint32_t source_of(const struct transact *x, const bool *projected, uint32_t i)
{
    struct trb_slice key = slice_name(x->operations[i].key);
    for (uint32_t n = x->count; n-- > 0;)
        if (projected[n] && slice_is(slice_name(x->operations[n].key), key))
            return n;
    return i;
}

/* ------------------------------------------------------------------------------------------ events */
static struct trb_slice content_type(const struct trb_state_operation *op)
{
    struct trb_slice of_metadata = pair_get(&op->metadata, "contentType");
    return op->content_type.len ? slice_name(op->content_type) : of_metadata.at ? of_metadata : SLICE("");
}

static struct trb_slice trace_of(struct trb_request *rq)
{
    struct trb_slice trace = rq->kernel->traceparent(rq);
    return !trace.at || slice_starts(trace, SLICE("00-00000000000000000000000000000000-0000000000000000-")) ? SLICE("")
                                                                                                       : trace;
}

static struct trb_slice given(struct trb_slice s)
{
    return s.at ? s : SLICE("");
}

/* op: whose event it is; from: whose value it carries. false: *ret_refusal. */
static bool write_event(struct trb_request *rq, const struct trb_state_operation *op, uint32_t from,
                        struct trb_name id, struct trb_next *ret_refusal)
{
    struct transact *x = rq->state;
    struct outgoing *o = x->outgoing;
    struct trb_data value = x->given[from].value;
    struct text t = {0};
    struct json_fault fault;
    struct outbox_event e = {
        .id = slice_name(id), .broker = slice_name(o->outbox->broker), .source = slice_name(rq->kernel->info->app_id),
        .trace_parent = trace_of(rq), .trace_state = given(rq->kernel->tracestate(rq)),
        .content_type = content_type(&x->operations[from]), .value = given(slice_from(value.at, value.len)),
        .is_json = x->given[from].is_json, .metadata = op->metadata};
    bool fine = outbox_event_write(&e, &t, &fault);
    if (fine)
        o->events[o->count++] = (struct trb_pubsub_publish){
            .size = sizeof *o->events, .topic = o->topic, .data = text_take(rq, &t),
            .content_type = NAME("application/cloudevents+json"), .metadata = {.stride = sizeof(struct trb_pair)}};
    else
        *ret_refusal = refuse_event(rq, trb_printf(rq, "cannot create cloudevent: %s", fault.message));
    text_fini(&t);
    return fine;
}

static struct trb_state_operation row_of(struct trb_name id)
{
    return (struct trb_state_operation){
        .size = sizeof(struct trb_state_operation), .kind = TRB_STATE_UPSERT, .key = id, .value = {"\"0\"", 3, NULL},
        .metadata = {.stride = sizeof(struct trb_pair)}, .is_json = 1};
}

/* The operations without projections, and behind them the rows of their events. */
static bool write_all(struct trb_request *rq, const bool *projected, struct trb_next *ret_refusal)
{
    struct transact *x = rq->state;
    struct trb_state_operation *all = trb_alloc(rq, (2 * (size_t)x->count + 1) * sizeof *all);
    struct trb_state_operation *rows = trb_alloc(rq, ((size_t)x->count + 1) * sizeof *rows);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < x->count; i++) {
        if (projected[i])
            continue;
        const struct trb_state_operation *op = &x->operations[i];
        char uuid[UUID_TEXT];
        uuid_v4(uuid);
        struct trb_name id = trb_printf(rq, OUTBOX_KEY "%s", uuid);
        all[kept++] = *op;
        if (op->kind != TRB_STATE_UPSERT)
            continue;
        rows[x->outgoing->count] = row_of(id);
        if (!write_event(rq, op, source_of(x, projected, i), id, ret_refusal))
            return false;
    }
    for (uint32_t i = 0; i < x->outgoing->count; i++)
        all[kept + i] = rows[i];
    x->operations = all;
    x->count = kept + x->outgoing->count;
    return true;
}

/* --------------------------------------------------------------------------------------- the broker */
/* What could never go out must not be stored. */
static bool may_publish(struct trb_request *rq, struct trb_next *ret_refusal)
{
    const struct outbox *o = ((struct transact *)rq->state)->outgoing->outbox;
    struct trb_instance *i = rq->kernel->find(rq, "pubsub", slice_name(o->pubsub));
    if (!i)
        return true;
    struct trb_pairs properties = rq->kernel->instance_properties(i);
    struct scopes *scopes = scopes_create(&properties, rq->kernel->info);
    bool may = scopes_may_publish(scopes, slice_name(o->topic));
    scopes_destroy(scopes);
    if (!may)
        *ret_refusal = refuse_event(rq, trb_printf(rq, "topic %s is not allowed for app id %s", o->topic.at,
                                                   rq->kernel->info->app_id.at));
    return may;
}

static bool find_broker(struct trb_request *rq, struct trb_next *ret_refusal)
{
    struct outgoing *o = ((struct transact *)rq->state)->outgoing;
    o->broker = rq->kernel->find(rq, "pubsub", slice_name(o->outbox->broker));
    if (!o->broker) {
        *ret_refusal = refuse_event(rq, trb_printf(rq, "pubsub %s is not found", o->outbox->broker.at));
        return false;
    }
    struct trb_pairs properties = rq->kernel->instance_properties(o->broker);
    struct scopes *scopes = scopes_create(&properties, rq->kernel->info);
    o->topic = trb_printf(rq, "%.*s%s", SLICE_ARG(scopes_topic_prefix(scopes)), o->outbox->waiting.at);
    scopes_destroy(scopes);
    return true;
}

/* --------------------------------------------------------------------------------------- the steps */
static bool has_upsert(const struct transact *x)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (x->operations[i].kind == TRB_STATE_UPSERT)
            return true;
    return false;
}

struct trb_next state_outbox(struct trb_request *rq)
{
    struct transact *x = rq->state;
    const struct trb_state_ops *ops = rq->kernel->instance_ops(x->store);
    struct trb_next refusal;
    if (!has_upsert(x))
        return TRB_GO(state_transact_ask);
    bool *projected = trb_alloc(rq, x->count * sizeof *projected);
    for (uint32_t i = 0; i < x->count; i++)
        projected[i] = is_projection(&x->operations[i]);
    x->outgoing = trb_alloc(rq, sizeof *x->outgoing);
    x->outgoing->outbox = ((const struct store *)rq->kernel->instance_data(x->store))->outbox;
    x->outgoing->events = trb_alloc(rq, x->count * sizeof *x->outgoing->events);
    if (!find_broker(rq, &refusal) || !may_publish(rq, &refusal) || !write_all(rq, projected, &refusal))
        return refusal;
    if (ops->transact_max && x->count > ops->transact_max)
        return state_transact_too_many(rq, x->count, ops->transact_max);
    return TRB_GO(send);
}

static struct trb_next send(struct trb_request *rq)
{
    struct transact *x = rq->state;
    struct outgoing *o = x->outgoing;
    if (o->sent < o->count)
        return trb_ask(rq, o->broker, TRB_AT(pubsub, publish), &o->events[o->sent], TRB_GO(sent));
    return x->count ? TRB_GO(state_transact_ask) : trb_reply_empty(rq, 204);
}

static struct trb_next sent(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err)
        return refuse_event(rq, failure_text(rq, err));
    ((struct transact *)rq->state)->outgoing->sent++;
    return TRB_GO(send);
}
