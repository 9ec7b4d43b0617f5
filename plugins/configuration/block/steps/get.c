/* GET /v1.0/configuration/{store}, and GetConfiguration.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 */
#include "../configuration_block.h"

struct get {
    struct trb_instance *store;
    struct trb_configuration_get *question;
};

typedef const struct trb_configuration_item *item;

/* The items that are there; those that a store failed at are left out by it. */
static item *items_of(struct trb_request *rq, uint32_t *ret_count)
{
    uint32_t n = rq->kernel->item_count(rq);
    item *items = trb_alloc(rq, (n + 1) * sizeof *items);
    *ret_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct trb_error *failure;
        item one = rq->kernel->item(rq, i, &failure);
        if (one)
            items[(*ret_count)++] = one;
    }
    return items;
}

static struct trb_next reply_http(struct trb_request *rq, const item *items, uint32_t count)
{
    struct text t = {0};
    if (!count)
        return trb_reply_empty(rq, 204);
    items_write(&t, items, count);
    text_addc(&t, '\n');
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    struct trb_next next = trb_reply(rq, 200, (struct trb_data){t.at, t.len, NULL});
    text_fini(&t);
    return next;
}

static struct trb_next reply_rpc(struct trb_request *rq, const item *items, uint32_t count)
{
    struct runtime_get_configuration_response m = {.items = {trb_alloc(rq, (count + 1) * sizeof *m.items.at), count}};
    struct common_configuration_item *values = trb_alloc(rq, (count + 1) * sizeof *values);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = item_message(items[i]);
        m.items.at[i].key = items[i]->key;
        m.items.at[i].value = &values[i];
    }
    return rpc_reply(rq, &runtime_get_configuration_response_pb, &m);
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct get *g = rq->state;
    const struct trb_error *failure = rq->kernel->answer(rq) ? NULL : rq->kernel->failure(rq);
    if (failure)
        return question_failed(rq, &GET_FAILED, "get", g->question, rq->kernel->instance_name(g->store),
                               component_said(rq, failure));
    uint32_t count;
    item *items = items_of(rq, &count);
    return rq->door == TRB_DOOR_GRPC ? reply_rpc(rq, items, count) : reply_http(rq, items, count);
}

static struct trb_next ask(struct trb_request *rq, struct trb_configuration_get *q)
{
    struct get *g = rq->state;
    g->question = q;
    return trb_ask(rq, g->store, TRB_AT(configuration, get), q, TRB_GO(reply));
}

struct trb_next get_parse(struct trb_request *rq)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct trb_next refusal;
    g->store = store_find(rq, rq->kernel->path(rq, "store"), &refusal);
    return g->store ? ask(rq, question_parse(rq)) : refusal;
}

struct trb_next get_read(struct trb_request *rq)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct runtime_get_configuration_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_configuration_request_pb, &m, &refusal))
        return refusal;
    g->store = store_find(rq, m.store_name, &refusal);
    return g->store ? ask(rq, question_make(rq, m.keys.at, m.keys.count, m.metadata)) : refusal;
}
