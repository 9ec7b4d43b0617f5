/* GET /v1.0/secrets/{store}/bulk, and GetBulkSecret: every secret that the scope lets through.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
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
    struct bulk *b = rq->state;
    return trb_refuse(rq, &GET_FAILED, "failed getting secrets from secret store %s: %.*s",
                      rq->kernel->instance_name(b->store).at, SLICE_ARG(why));
}

static struct trb_next begin(struct trb_request *rq, struct trb_name store, struct trb_pairs metadata)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct trb_next refusal;
    b->question = (struct trb_secret_bulk){.size = sizeof b->question, .metadata = metadata};
    b->store = store_find(rq, store, &refusal);
    if (!b->store)
        return refusal;
    if (!rq->kernel->has_verb(b->store, TRB_AT(secretstores, bulk)))
        return refuse(rq, SLICE("this secret store cannot list its secrets"));
    return TRB_GO(ask);
}

struct trb_next secret_bulk_parse(struct trb_request *rq)
{
    return begin(rq, rq->kernel->path(rq, "store"), rq->kernel->metadata(rq));
}

struct trb_next secret_bulk_read(struct trb_request *rq)
{
    struct runtime_get_bulk_secret_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_bulk_secret_request_pb, &m, &refusal))
        return refusal;
    return begin(rq, m.store_name, m.metadata);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    return trb_ask(rq, b->store, TRB_AT(secretstores, bulk), &b->question, TRB_GO(reply));
}

/* Those that the app may read. */
static struct runtime_get_bulk_secret_response secrets(struct trb_request *rq)
{
    struct trb_slice store = slice_name(rq->kernel->instance_name(((struct bulk *)rq->state)->store));
    uint32_t count = rq->kernel->item_count(rq);
    struct runtime_get_bulk_secret_response m = {.data = {trb_alloc(rq, count * sizeof *m.data.at + 1), 0}};
    struct runtime_secret_response *values = trb_alloc(rq, count * sizeof *values + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct trb_error *err;
        const struct trb_secret *s = rq->kernel->item(rq, i, &err);
        if (!s || !scope_allows(rq, store, slice_name(s->name)))
            continue;
        values[i].secrets = s->values;
        m.data.at[m.data.count++] = (struct runtime_get_bulk_secret_response_data_entry){s->name, &values[i]};
    }
    return m;
}

static struct trb_next reply_body(struct trb_request *rq, const struct runtime_get_bulk_secret_response *m)
{
    struct text t = {0};
    if (!rq->kernel->item_count(rq))
        return trb_reply_empty(rq, 204);
    for (uint32_t i = 0; i < m->data.count; i++) {
        text_addc(&t, i ? ',' : '{');
        text_add_json(&t, slice_name(m->data.at[i].key), true);
        text_addc(&t, ':');
        text_add_json_pairs(&t, &m->data.at[i].value->secrets);
    }
    text_adds(&t, m->data.count ? "}\n" : "{}\n");
    return reply_text(rq, &t);
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err)
        return refuse(rq, component_said(rq, err));
    struct runtime_get_bulk_secret_response m = secrets(rq);
    return rq->door == TRB_DOOR_GRPC ? rpc_reply(rq, &runtime_get_bulk_secret_response_pb, &m) : reply_body(rq, &m);
}
