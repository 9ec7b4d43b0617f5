/* GET /v1.0/secrets/{store}/bulk: every secret that the scope lets through.
 *
 *     parse ──► ask ┄┄► reply
 */
#include "../secrets_block.h"
#include <base/text.h>

struct bulk {
    struct trb_instance *store;
    struct trb_secret_bulk question;
};

static trb_step ask, reply;

static struct trb_next refuse(struct trb_request *rq, struct trb_slice why)
{
    return trb_refuse(rq, &GET_FAILED, "failed getting secrets from secret store %s: %.*s",
                      rq->kernel->path(rq, "store").at, SLICE_ARG(why));
}

struct trb_next secret_bulk_parse(struct trb_request *rq)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct trb_next refusal;
    b->store = store_find(rq, &refusal);
    if (!b->store)
        return refusal;
    if (!rq->kernel->has_verb(b->store, TRB_AT(secretstores, bulk)))
        return refuse(rq, SLICE("this secret store cannot list its secrets"));
    b->question = (struct trb_secret_bulk){.size = sizeof b->question, .metadata = rq->kernel->metadata(rq)};
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    return trb_ask(rq, b->store, TRB_AT(secretstores, bulk), &b->question, TRB_GO(reply));
}

static void add_secrets(struct trb_request *rq, struct text *t)
{
    struct trb_slice store = slice_name(rq->kernel->path(rq, "store"));
    const struct trb_error *err;
    bool first = true;
    for (uint32_t i = 0; i < rq->kernel->item_count(rq); i++) {
        const struct trb_secret *s = rq->kernel->item(rq, i, &err);
        if (!s || !scope_allows(rq, store, slice_name(s->name)))
            continue;
        if (!first)
            text_addc(t, ',');
        first = false;
        text_add_json(t, slice_name(s->name), true);
        text_addc(t, ':');
        add_values(t, &s->values);
    }
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err)
        return refuse(rq, secret_failure_text(rq, err));
    if (!rq->kernel->item_count(rq))
        return trb_reply_empty(rq, 204);
    struct text t = {0};
    text_addc(&t, '{');
    add_secrets(rq, &t);
    text_adds(&t, "}\n");
    char *copy = trb_alloc(rq, t.len);
    size_t len = t.len;
    memcpy(copy, t.at, len);
    text_fini(&t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){copy, len, NULL});
}
