/* DELETE /v1.0/state/{store}/{key}, and DeleteState.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄ the store answers ┄┄► reply
 */
#include "../state_block.h"

struct removal {
    struct trb_instance *store;
    struct trb_name key;                  /* as the client says it */
    struct trb_state_delete question;
};

static trb_step ask, reply;

static struct trb_next refuse(struct trb_request *rq, struct failure f)
{
    struct removal *d = rq->state;
    return failure_refuse(rq, &DELETE_FAILED, &f, trb_printf(rq, "failed deleting state with key %s", d->key.at));
}

/* false: *ret_refusal; else the question's key and metadata are there. */
static bool begin(struct trb_request *rq, struct trb_name store, struct trb_name key, struct trb_pairs metadata,
                  struct trb_next *ret_refusal)
{
    struct removal *d = trb_request_state(rq, sizeof *d);
    d->key = key;
    d->store = store_find(rq, store, true, ret_refusal);
    d->question = (struct trb_state_delete){.size = sizeof d->question, .metadata = metadata};
    return d->store && key_make(rq, d->store, slice_name(key), false, &d->question.key, ret_refusal);
}

static const char *options(struct trb_request *rq, struct trb_state_delete *q)
{
    struct trb_name word = rq->kernel->query(rq, "concurrency");
    if (!concurrency_parse(slice_name(word), &q->concurrency))
        return trb_printf(rq, "unrecognized concurrency model '%s'", word.at).at;
    word = rq->kernel->query(rq, "consistency");
    if (!consistency_parse(slice_name(word), &q->consistency))
        return trb_printf(rq, "unrecognized consistency model '%s'", word.at).at;
    return NULL;
}

struct trb_next state_delete_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    struct trb_next refusal;
    if (!begin(rq, k->path(rq, "store"), k->path(rq, "key"), k->metadata(rq), &refusal))
        return refusal;
    struct removal *d = rq->state;
    struct trb_slice etag = k->header(rq, "If-Match");
    if (etag.len)
        d->question.etag = trb_printf(rq, "%.*s", SLICE_ARG(etag));
    const char *fault = options(rq, &d->question);
    return fault ? refuse(rq, failure_said(fault)) : TRB_GO(ask);
}

struct trb_next state_delete_read(struct trb_request *rq)
{
    struct runtime_delete_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_delete_state_request_pb, &m, &refusal) ||
        !begin(rq, m.store_name, m.key, m.metadata, &refusal))
        return refusal;
    struct removal *d = rq->state;
    if (m.etag)
        d->question.etag = m.etag->value;
    if (m.options) {
        d->question.concurrency = option_of(m.options->concurrency);
        d->question.consistency = option_of(m.options->consistency);
    }
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct removal *d = rq->state;
    return trb_ask(rq, d->store, TRB_AT(state, remove), &d->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? refuse(rq, failure_of(rq, err)) : trb_reply_empty(rq, 204);
}
