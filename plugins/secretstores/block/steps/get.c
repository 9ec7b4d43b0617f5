/* GET /v1.0/secrets/{store}/{key}
 *
 *     parse ──► ask ┄┄► reply
 */
#include "../secrets_block.h"
#include <base/text.h>

struct get {
    struct trb_instance *store;
    struct trb_secret_get question;
};

static trb_step ask, reply;

struct trb_next secret_get_parse(struct trb_request *rq)
{
    struct get *g = trb_request_state(rq, sizeof *g);
    struct trb_next refusal;
    struct trb_name store = rq->kernel->path(rq, "store"), key = rq->kernel->path(rq, "key");
    g->store = store_find(rq, &refusal);
    if (!g->store)
        return refusal;
    if (!scope_allows(rq, slice_name(store), slice_name(key))) {
        struct text quoted = {0};
        text_add_quoted(&quoted, slice_name(key));
        text_adds(&quoted, " from ");
        text_add_quoted(&quoted, slice_name(store));
        struct trb_next no = trb_refuse(rq, &DENIED, "access denied by policy to get %s", quoted.at);
        text_fini(&quoted);
        return no;
    }
    g->question = (struct trb_secret_get){.size = sizeof g->question, .name = key, .metadata = rq->kernel->metadata(rq)};
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct get *g = rq->state;
    return trb_ask(rq, g->store, TRB_AT(secretstores, get), &g->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_secret *secret = rq->kernel->answer(rq);
    if (!secret)
        return trb_refuse(rq, &GET_FAILED, "failed getting secret with key %s from secret store %s: %.*s",
                          rq->kernel->path(rq, "key").at, rq->kernel->path(rq, "store").at,
                          SLICE_ARG(secret_failure_text(rq, rq->kernel->failure(rq))));
    if (!secret->values.at)
        return trb_reply_empty(rq, 204);
    struct text t = {0};
    add_values(&t, &secret->values);
    text_addc(&t, '\n');
    char *copy = trb_alloc(rq, t.len);
    size_t len = t.len;
    memcpy(copy, t.at, len);
    text_fini(&t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){copy, len, NULL});
}
