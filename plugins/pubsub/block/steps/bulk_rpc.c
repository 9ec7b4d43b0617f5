/* BulkPublishEvent and BulkPublishEventAlpha1. grpc-api.md 3.2 */
#include "bulk.h"
#include <pb/runtime.h>
#include <rpc/rpc.h>

/* A map that is empty does not exist on the wire: the request's pairs join only where there is one. */
static bool add_entry(struct trb_request *rq, const struct runtime_bulk_publish_request_entry *from,
                      struct trb_next *ret_refusal)
{
    struct trb_pubsub_entry *e = bulk_entry(rq, from->entry_id, ret_refusal);
    if (!e)
        return false;
    if (from->content_type.len)
        e->content_type = from->content_type;
    e->metadata = from->metadata.count ? bulk_metadata(rq, from->metadata)
                                       : (struct trb_pairs){NULL, 0, sizeof(struct trb_pair)};
    e->data = rpc_data(rq, from->event);
    return bulk_entry_finish(rq, e, ret_refusal);
}

struct trb_next bulk_publish_rpc(struct trb_request *rq)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct runtime_bulk_publish_request *m = trb_alloc(rq, sizeof *m);
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_bulk_publish_request_pb, m, &refusal))
        return refusal;
    b->target.pubsub = m->pubsub_name;
    b->target.topic = m->topic;
    b->target.metadata = m->metadata;
    if (!target_find(rq, &b->target, &refusal) || !target_is_raw(rq, &b->target, &refusal))
        return refusal;
    for (uint32_t i = 0; i < m->entries.count; i++)
        if (!add_entry(rq, &m->entries.at[i], &refusal))
            return bulk_refused(rq, refusal);
    return bulk_begin(rq);
}

/* ---------------------------------------------------------------------------------- the answer */
static struct trb_next all_failed(struct trb_request *rq)
{
    struct target *t = bulk_target(rq);
    struct trb_name why = {NULL, 0};
    for (uint32_t i = 0; !why.at; i++)
        if (bulk_failure(rq, i))
            why = component_text(rq, bulk_failure(rq, i));
    return refuse_because(rq, t, &PUBLISH_FAILED, "topic", slice_name(t->topic), slice_name(why),
                          trb_printf(rq, "error when publishing to topic %s in pubsub %s: %s", t->topic.at,
                                     t->pubsub.at, why.at));
}

/* Which ones failed is told only where the product itself speaks of them one by one. */
struct trb_next bulk_reply_rpc(struct trb_request *rq, uint32_t failed)
{
    struct bulk *b = rq->state;
    struct runtime_bulk_publish_response answer = {0};
    if (failed && (b->singles || rq->kernel->failure(rq)))
        return all_failed(rq);
    answer.failed_entries.at = trb_alloc(rq, (failed + 1) * sizeof *answer.failed_entries.at);
    for (uint32_t i = 0; failed && i < b->count; i++) {
        const struct trb_error *err = bulk_failure(rq, i);
        if (err)
            answer.failed_entries.at[answer.failed_entries.count++] =
                (struct runtime_bulk_publish_response_failed_entry){b->entries[i].id, component_text(rq, err)};
    }
    return rpc_reply(rq, &runtime_bulk_publish_response_pb, &answer);
}
