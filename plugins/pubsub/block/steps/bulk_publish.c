/* Many messages at once, whatever the door.
 *
 *     parse, rpc ──► ask ┄┄ each entry has its result ┄┄► reply
 */
#include "bulk.h"

static trb_step ask, reply;
#define PARALLEL 100

struct target *bulk_target(struct trb_request *rq)
{
    return &((struct bulk *)rq->state)->target;
}

/* ------------------------------------------------------------------------------------ entries */
static struct trb_next bad_id(struct trb_request *rq)
{
    static const char why[] = "entryId is duplicated or not present for entry";
    struct target *t = bulk_target(rq);
    return refuse_app(rq, t, &BAD_EVENTS, slice_of(why),
                      trb_printf(rq, "error marshaling events to bytes for topic %s pubsub %s. error: %s", t->topic.at,
                                 t->pubsub.at, why));
}

static struct trb_pubsub_entry *next_entry(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    if (b->count == b->room) {
        b->room = b->room ? b->room * 2 : 16;
        struct trb_pubsub_entry *more = trb_alloc(rq, b->room * sizeof *more);
        if (b->count)
            memcpy(more, b->entries, b->count * sizeof *more);
        b->entries = more;
    }
    b->entries[b->count] = (struct trb_pubsub_entry){.size = sizeof *b->entries};
    return &b->entries[b->count++];
}

struct trb_pubsub_entry *bulk_entry(struct trb_request *rq, struct trb_name id, struct trb_next *ret_refusal)
{
    struct bulk *b = rq->state;
    if (!id.len || map_set(&b->ids, slice_name(id), b)) {
        *ret_refusal = bad_id(rq);
        return NULL;
    }
    struct trb_pubsub_entry *e = next_entry(rq);
    e->id = id;
    return e;
}

bool bulk_entry_finish(struct trb_request *rq, struct trb_pubsub_entry *e, struct trb_next *ret_refusal)
{
    struct bulk *b = rq->state;
    return b->target.is_raw || event_make(rq, &b->target, e->metadata, &e->content_type, &e->data, ret_refusal);
}

struct trb_pairs bulk_metadata(struct trb_request *rq, struct trb_pairs own)
{
    struct trb_pairs wide = bulk_target(rq)->metadata;
    struct trb_pair *pairs = trb_alloc(rq, (own.count + wide.count + 1) * sizeof *pairs);
    uint32_t n = 0;
    for (; n < own.count; n++)
        pairs[n] = *trb_pair_at(&own, n);
    for (uint32_t i = 0; i < wide.count; i++)
        if (!pair_get(&own, trb_pair_at(&wide, i)->key.at).at)
            pairs[n++] = *trb_pair_at(&wide, i);
    return (struct trb_pairs){pairs, n, sizeof *pairs};
}

/* -------------------------------------------------------------------------------- the question */
struct trb_next bulk_refused(struct trb_request *rq, struct trb_next refusal)
{
    map_fini(&((struct bulk *)rq->state)->ids);
    return refusal;
}

static struct trb_next answer(struct trb_request *rq, uint32_t failed)
{
    return rq->door == TRB_DOOR_GRPC ? bulk_reply_rpc(rq, failed) : bulk_reply_http(rq, failed);
}

struct trb_next bulk_begin(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    struct trb_next refusal;
    map_fini(&b->ids);
    if (!b->count)
        return answer(rq, 0);
    return target_is_allowed(rq, &b->target, &refusal) ? TRB_GO(ask) : refusal;
}

static void make_singles(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    b->singles = trb_alloc(rq, b->count * sizeof *b->singles);
    for (uint32_t i = 0; i < b->count; i++)
        b->singles[i] = (struct trb_pubsub_publish){
            .size = sizeof *b->singles, .topic = b->target.broker_topic, .data = b->entries[i].data,
            .content_type = b->entries[i].content_type, .metadata = b->entries[i].metadata};
}

static struct trb_next ask(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    if (!rq->kernel->has_verb(b->target.instance, TRB_AT(pubsub, bulk_publish))) {
        make_singles(rq);
        return rq->kernel->ask_each(rq, b->target.instance, TRB_AT(pubsub, publish), b->singles, b->count,
                                    sizeof *b->singles, PARALLEL, TRB_GO(reply));
    }
    b->question = (struct trb_pubsub_bulk_publish){
        .size = sizeof b->question, .topic = b->target.broker_topic, .metadata = b->target.metadata,
        .entries = {b->entries, b->count, sizeof *b->entries}};
    return trb_ask(rq, b->target.instance, TRB_AT(pubsub, bulk_publish), &b->question, TRB_GO(reply));
}

/* ---------------------------------------------------------------------------------- the answer */
const struct trb_error *bulk_failure(struct trb_request *rq, uint32_t i)
{
    const struct trb_error *whole = rq->kernel->failure(rq), *err = NULL;
    if (i < rq->kernel->item_count(rq))
        rq->kernel->item(rq, i, &err);
    return err ? err : whole;
}

static struct trb_next reply(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    uint32_t failed = 0;
    for (uint32_t i = 0; i < b->count; i++)
        failed += bulk_failure(rq, i) != NULL;
    count_bulk_egress(rq, &b->target, !failed, b->count - failed);
    return answer(rq, failed);
}
