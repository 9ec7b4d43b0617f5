/* GET /v1.0/state/{store}/{key}, and GetState.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄ the store answers ┄┄► reply, reply_message
 */
#include "../state_block.h"

struct get {
    struct trb_instance *store;
    struct trb_name key;                  /* as the client says it */
    struct trb_state_get question;
};

static trb_step ask, reply;

static struct trb_next begin(struct trb_request *rq, struct trb_name store, struct trb_name key, uint32_t consistency,
                             struct trb_pairs metadata)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct trb_next refusal;
    g->key = key;
    g->store = store_find(rq, store, true, &refusal);
    if (!g->store)
        return refusal;
    g->question = (struct trb_state_get){.size = sizeof g->question, .consistency = consistency, .metadata = metadata};
    return key_make(rq, g->store, slice_name(key), false, &g->question.key, &refusal) ? TRB_GO(ask) : refusal;
}

struct trb_next state_get_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    uint32_t consistency;
    consistency_parse(slice_name(k->query(rq, "consistency")), &consistency);
    return begin(rq, k->path(rq, "store"), k->path(rq, "key"), consistency, k->metadata(rq));
}

struct trb_next state_get_read(struct trb_request *rq)
{
    struct runtime_get_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_state_request_pb, &m, &refusal))
        return refusal;
    return begin(rq, m.store_name, m.key, option_of(m.consistency), m.metadata);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct get *g = rq->state;
    return trb_ask(rq, g->store, TRB_AT(state, get), &g->question, TRB_GO(reply));
}

static struct trb_next refuse(struct trb_request *rq, struct failure f)
{
    struct get *g = rq->state;
    return failure_refuse(rq, &GET_FAILED, &f, trb_printf(rq, "fail to get %s from state store %s", g->key.at,
                                                          rq->kernel->instance_name(g->store).at));
}

static struct trb_next reply_message(struct trb_request *rq, const struct trb_state_item *item, struct trb_data value)
{
    struct runtime_get_state_response m = {
        .data = {value.at, value.len}, .etag = {item->etag.at, item->etag.len}, .metadata = item->metadata};
    return rpc_reply(rq, &runtime_get_state_response_pb, &m);
}

static struct trb_next reply_body(struct trb_request *rq, const struct trb_state_item *item, struct trb_data value)
{
    const struct trb_kernel *k = rq->kernel;
    if (!item->value.at || !item->value.len)
        return trb_reply_empty(rq, 204);
    k->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    if (item->etag.at)
        k->set_header(rq, SLICE("Etag"), item->etag);
    struct trb_name expiry = trb_pair_get(&item->metadata, "ttlExpireTime");
    if (expiry.at)
        k->set_header(rq, SLICE("Metadata.ttlexpiretime"), slice_name(expiry));
    return trb_reply(rq, 200, value);
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_state_item *item = rq->kernel->answer(rq);
    struct trb_data value;
    const char *fault;
    if (!item)
        return refuse(rq, failure_of(rq, rq->kernel->failure(rq)));
    if (!value_open(rq, ((struct get *)rq->state)->store, item->value, &value, &fault))
        return refuse(rq, failure_said(fault));
    return rq->door == TRB_DOOR_GRPC ? reply_message(rq, item, value) : reply_body(rq, item, value);
}
