/* GET /v1.0/state/{store}/{key}
 *
 *     parse ──► ask ┄┄ the store answers ┄┄► reply
 */
#include "../state_block.h"

struct get {
    struct trb_instance *store;
    struct trb_state_get question;
};

static trb_step ask, reply;

struct trb_next state_get_parse(struct trb_request *rq)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct trb_next refusal;
    g->store = store_find(rq, true, &refusal);
    if (!g->store)
        return refusal;
    g->question = (struct trb_state_get){.size = sizeof g->question, .metadata = rq->kernel->metadata(rq)};
    consistency_parse(slice_name(rq->kernel->query(rq, "consistency")), &g->question.consistency);
    if (!key_make(rq, g->store, slice_name(rq->kernel->path(rq, "key")), false, &g->question.key, &refusal))
        return refusal;
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct get *g = rq->state;
    return trb_ask(rq, g->store, TRB_AT(state, get), &g->question, TRB_GO(reply));
}

static struct trb_next refuse(struct trb_request *rq, const char *why, uint32_t status)
{
    struct trb_name message = trb_printf(rq, "fail to get %s from state store %s: %s", rq->kernel->path(rq, "key").at,
                                         rq->kernel->path(rq, "store").at, why);
    struct trb_refusal r = {.size = sizeof r, .row = &GET_FAILED, .message = slice_name(message), .http_status = status};
    return rq->kernel->refuse(rq, &r);
}

static struct trb_next refuse_failure(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return refuse(rq, failure_text(rq, err).at, failure_status(err));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    const struct trb_state_item *item = k->answer(rq);
    struct trb_data value;
    const char *fault;
    if (!item)
        return refuse_failure(rq);
    if (!item->value.at || !item->value.len)
        return trb_reply_empty(rq, 204);
    if (!value_open(rq, ((struct get *)rq->state)->store, item->value, &value, &fault))
        return refuse(rq, fault, 0);
    k->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    if (item->etag.at)
        k->set_header(rq, SLICE("Etag"), item->etag);
    struct trb_name expiry = trb_pair_get(&item->metadata, "ttlExpireTime");
    if (expiry.at)
        k->set_header(rq, SLICE("Metadata.ttlexpiretime"), slice_name(expiry));
    return trb_reply(rq, 200, value);
}
