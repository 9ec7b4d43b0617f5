/* DeleteBulkState: many items in one call. HTTP has no such route.
 *
 *     read ──► ask ┄┄► reply
 */
#include "../state_block.h"

struct removals {
    struct trb_instance *store;
    struct trb_state_delete *items;
    struct trb_state_bulk_delete question;
    uint32_t count;
};

static trb_step ask, reply;

static struct trb_next refuse(struct trb_request *rq, struct failure f)
{
    struct removals *d = rq->state;
    return failure_refuse(rq, &BULK_DELETE_FAILED, &f, trb_printf(rq, "failed deleting state in state store %s",
                                                                  rq->kernel->instance_name(d->store).at));
}

static bool add(struct trb_request *rq, const struct common_state_item *item, struct trb_next *ret_refusal)
{
    struct removals *d = rq->state;
    struct trb_state_delete *to = &d->items[d->count++];
    struct item_fields f;
    item_read(rq, item, &f);                          /* a time to live means nothing here */
    *to = (struct trb_state_delete){.size = sizeof *to, .etag = f.etag, .metadata = f.metadata,
                                    .concurrency = f.concurrency, .consistency = f.consistency};
    return key_make(rq, d->store, slice_name(f.key), false, &to->key, ret_refusal);
}

struct trb_next state_delete_bulk_read(struct trb_request *rq)
{
    struct removals *d = trb_request_state(rq, sizeof *d);
    struct runtime_delete_bulk_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_delete_bulk_state_request_pb, &m, &refusal))
        return refusal;
    d->store = store_find(rq, m.store_name, true, &refusal);
    if (!d->store)
        return refusal;
    if (!m.states.count)
        return trb_reply_empty(rq, 204);
    d->items = trb_alloc(rq, m.states.count * sizeof *d->items);
    for (uint32_t i = 0; i < m.states.count; i++)
        if (!add(rq, &m.states.at[i], &refusal))
            return refusal;
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct removals *d = rq->state;
    d->question = (struct trb_state_bulk_delete){.size = sizeof d->question, .items = {d->items, d->count, sizeof *d->items}};
    if (rq->kernel->has_verb(d->store, TRB_AT(state, bulk_remove)))
        return trb_ask(rq, d->store, TRB_AT(state, bulk_remove), &d->question, TRB_GO(reply));
    return rq->kernel->ask_each(rq, d->store, TRB_AT(state, remove), d->items, d->count, sizeof *d->items, 0, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    struct failure f = failure_of_items(rq);
    return f.text.at ? refuse(rq, f) : trb_reply_empty(rq, 204);
}
