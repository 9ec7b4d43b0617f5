/* POST /v1.0-alpha1/lock/{store}, and TryLockAlpha1.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 */
#include "../lock_block.h"

#define FRONT "failed to try acquiring lock"

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_lock_taken *taken = rq->kernel->answer(rq);
    if (!taken)
        return lock_failed(rq, &TRY_FAILED, FRONT);
    struct runtime_try_lock_response message = {.success = taken->is_taken};
    if (rq->door == TRB_DOOR_GRPC)
        return rpc_reply(rq, &runtime_try_lock_response_pb, &message);
    return lock_reply_json(rq, taken->is_taken ? NAME("{\"success\":true}") : NAME("{\"success\":false}"));
}

static struct trb_next ask(struct trb_request *rq, struct wish *w)
{
    struct trb_next refusal;
    struct trb_lock_try *q = trb_alloc(rq, sizeof *q);
    *q = (struct trb_lock_try){.size = sizeof *q, .owner = w->owner, .expiry_s = w->expiry_s};
    if (!wish_check(rq, w, true, &refusal) || !wish_key(rq, w, &TRY_FAILED, FRONT, &q->resource, &refusal))
        return refusal;
    return trb_ask(rq, w->instance, TRB_AT(lock, try_lock), q, TRB_GO(reply));
}

struct trb_next lock_try_parse(struct trb_request *rq)
{
    struct wish w = {0};
    struct trb_next refusal;
    return wish_parse(rq, &w, &refusal) ? ask(rq, &w) : refusal;
}

struct trb_next lock_try_read(struct trb_request *rq)
{
    struct runtime_try_lock_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_try_lock_request_pb, &m, &refusal))
        return refusal;
    struct wish w = {.store = m.store_name, .resource = m.resource_id, .owner = m.lock_owner,
                     .expiry_s = m.expiry_in_seconds};
    return ask(rq, &w);
}
