/* DELETE /v1.0/state/{store}/{key}
 *
 *     parse ──► ask ┄┄ the store answers ┄┄► reply
 */
#include "../state_block.h"

struct removal {
    struct trb_instance *store;
    struct trb_state_delete question;
};

static trb_step ask, reply;

static struct trb_next refuse(struct trb_request *rq, const char *text, uint32_t status)
{
    struct trb_name message = trb_printf(rq, "failed deleting state with key %s: %s", rq->kernel->path(rq, "key").at, text);
    struct trb_refusal r = {.size = sizeof r, .row = &DELETE_FAILED, .message = slice_name(message), .http_status = status};
    return rq->kernel->refuse(rq, &r);
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
    struct removal *d = trb_request_state(rq, sizeof *d);
    struct trb_next refusal;
    d->store = store_find(rq, true, &refusal);
    if (!d->store)
        return refusal;
    d->question = (struct trb_state_delete){.size = sizeof d->question, .metadata = rq->kernel->metadata(rq)};
    if (!key_make(rq, d->store, slice_name(rq->kernel->path(rq, "key")), false, &d->question.key, &refusal))
        return refusal;
    struct trb_slice etag = rq->kernel->header(rq, "If-Match");
    if (etag.len)
        d->question.etag = trb_printf(rq, "%.*s", SLICE_ARG(etag));
    const char *fault = options(rq, &d->question);
    return fault ? refuse(rq, fault, 0) : TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct removal *d = rq->state;
    return trb_ask(rq, d->store, TRB_AT(state, remove), &d->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? refuse(rq, failure_text(rq, err).at, failure_status(err)) : trb_reply_empty(rq, 204);
}
