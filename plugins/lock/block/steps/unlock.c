/* POST /v1.0-alpha1/unlock/{store}, and UnlockAlpha1.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 */
#include "../lock_block.h"

#define FRONT "failed to release lock"

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_lock_released *released = rq->kernel->answer(rq);
    if (!released)
        return lock_failed(rq, &UNLOCK_FAILED, FRONT);
    struct runtime_unlock_response message = {.status = (int32_t)released->status};
    if (rq->door == TRB_DOOR_GRPC)
        return rpc_reply(rq, &runtime_unlock_response_pb, &message);
    return lock_reply_json(rq, trb_printf(rq, "{\"status\":%u}", released->status));
}

static struct trb_next ask(struct trb_request *rq, struct wish *w)
{
    struct trb_next refusal;
    struct trb_lock_release *q = trb_alloc(rq, sizeof *q);
    *q = (struct trb_lock_release){.size = sizeof *q, .owner = w->owner};
    if (!wish_check(rq, w, false, &refusal) || !wish_key(rq, w, &UNLOCK_FAILED, FRONT, &q->resource, &refusal))
        return refusal;
    return trb_ask(rq, w->instance, TRB_AT(lock, unlock), q, TRB_GO(reply));
}

struct trb_next lock_release_parse(struct trb_request *rq)
{
    struct wish w = {0};
    struct trb_next refusal;
    return wish_parse(rq, &w, &refusal) ? ask(rq, &w) : refusal;
}

struct trb_next lock_release_read(struct trb_request *rq)
{
    struct runtime_unlock_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_unlock_request_pb, &m, &refusal))
        return refusal;
    struct wish w = {.store = m.store_name, .resource = m.resource_id, .owner = m.lock_owner};
    return ask(rq, &w);
}
