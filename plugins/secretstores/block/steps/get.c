/* GET /v1.0/secrets/{store}/{key}, and GetSecret.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 */
#include "../secrets_block.h"
#include <base/text.h>

struct get {
    struct trb_instance *store;
    struct trb_secret_get question;
};

static trb_step ask, reply;

static struct trb_next deny(struct trb_request *rq, struct trb_name store, struct trb_name key)
{
    struct text quoted = {0};
    text_add_quoted(&quoted, slice_name(key));
    text_adds(&quoted, " from ");
    text_add_quoted(&quoted, slice_name(store));
    struct trb_next no = trb_refuse(rq, &DENIED, "access denied by policy to get %s", quoted.at);
    text_fini(&quoted);
    return no;
}

static struct trb_next begin(struct trb_request *rq, struct trb_name store, struct trb_name key, struct trb_pairs metadata)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct trb_next refusal;
    g->question = (struct trb_secret_get){.size = sizeof g->question, .name = key, .metadata = metadata};
    g->store = store_find(rq, store, &refusal);
    if (!g->store)
        return refusal;
    return scope_allows(rq, slice_name(store), slice_name(key)) ? TRB_GO(ask) : deny(rq, store, key);
}

struct trb_next secret_get_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    return begin(rq, k->path(rq, "store"), k->path(rq, "key"), k->metadata(rq));
}

struct trb_next secret_get_read(struct trb_request *rq)
{
    struct runtime_get_secret_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_secret_request_pb, &m, &refusal))
        return refusal;
    return begin(rq, m.store_name, m.key, m.metadata);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct get *g = rq->state;
    return trb_ask(rq, g->store, TRB_AT(secretstores, get), &g->question, TRB_GO(reply));
}

static struct trb_next refuse(struct trb_request *rq)
{
    struct get *g = rq->state;
    return trb_refuse(rq, &GET_FAILED, "failed getting secret with key %s from secret store %s: %.*s",
                      g->question.name.at, rq->kernel->instance_name(g->store).at,
                      SLICE_ARG(component_said(rq, rq->kernel->failure(rq))));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_secret *secret = rq->kernel->answer(rq);
    if (!secret)
        return refuse(rq);
    struct runtime_get_secret_response m = {.data = secret->values};
    if (rq->door == TRB_DOOR_GRPC)
        return rpc_reply(rq, &runtime_get_secret_response_pb, &m);
    if (!secret->values.at)
        return trb_reply_empty(rq, 204);
    struct text t = {0};
    text_add_json_pairs(&t, &secret->values);
    text_addc(&t, '\n');
    return reply_text(rq, &t);
}
