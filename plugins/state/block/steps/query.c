/* POST or PUT /v1.0-alpha1/state/{store}/query
 *
 *     parse ──► ask ┄┄► reply
 */
#include "../state_block.h"
#include <base/text.h>

struct query {
    struct trb_instance *store;
    struct trb_state_query question;
};

static trb_step ask, reply;

static struct trb_next refuse(struct trb_request *rq, const struct trb_error_row *row, struct trb_name message)
{
    struct query *q = rq->state;
    struct trb_refusal r = {.size = sizeof r, .row = row, .message = slice_name(message), .has_resource = 1,
                            .resource_type = SLICE("state"),
                            .resource_name = slice_name(rq->kernel->instance_name(q->store))};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next state_query_parse(struct trb_request *rq)
{
    struct query *q = trb_request_state(rq, sizeof *q);
    struct trb_next refusal;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return trb_refuse(rq, &BODY_READ, "failed to read request body: %s", cut);
    q->store = store_find(rq, false, &refusal);
    if (!q->store)
        return refusal;
    if (!rq->kernel->has_verb(q->store, TRB_AT(state, query)))
        return refuse(rq, &NO_QUERY, NAME("state store does not support querying"));
    if (((const struct store *)rq->kernel->instance_data(q->store))->encryption)
        return refuse(rq, &QUERY_FAILED, trb_printf(rq, "state store %s query failed: cannot query encrypted store",
                                                    rq->kernel->path(rq, "store").at));
    struct trb_data body = rq->kernel->body(rq);
    q->question = (struct trb_state_query){.size = sizeof q->question, .query = slice_from(body.at, body.len),
                                           .metadata = rq->kernel->metadata(rq)};
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(q->question.query, &v, &fault))
        return refuse(rq, &QUERY_FAILED, trb_printf(rq, "state store %s query failed: failed to parse JSON query "
                      "body: %s", rq->kernel->path(rq, "store").at, fault.message));
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct query *q = rq->state;
    return trb_ask(rq, q->store, TRB_AT(state, query), &q->question, TRB_GO(reply));
}

static void add_item(struct text *t, const struct trb_state_query_item *item, bool first)
{
    struct json_value v;
    struct json_fault fault;
    text_adds(t, first ? "{\"key\":" : ",{\"key\":");
    text_add_json(t, key_user(slice_name(item->key)), true);
    text_adds(t, ",\"data\":");
    if (json_parse(slice_from(item->value.at, item->value.len), &v, &fault))
        json_compact(v, t);
    else
        text_add_json(t, slice_from(item->value.at, item->value.len), true);
    if (item->etag.at) {
        text_adds(t, ",\"etag\":");
        text_add_json(t, item->etag, true);
    }
    text_addc(t, '}');
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    struct trb_slice token = {0};
    struct text t = {0};
    uint32_t n = 0;
    if (err)
        return refuse(rq, &QUERY_FAILED, trb_printf(rq, "state store %s query failed: %s",
                      rq->kernel->path(rq, "store").at, failure_text(rq, err).at));
    text_adds(&t, "{\"results\":[");
    for (uint32_t i = 0; i < rq->kernel->item_count(rq); i++) {
        const struct trb_state_query_item *item = rq->kernel->item(rq, i, &err);
        if (item && item->key.len)
            add_item(&t, item, !n++);
        else if (item)
            token = item->token;
    }
    text_adds(&t, "]");
    if (token.len) {
        text_adds(&t, ",\"token\":");
        text_add_json(&t, token, true);
    }
    text_adds(&t, "}\n");
    struct trb_name body = trb_printf(rq, "%.*s", (int)t.len, t.at);
    text_fini(&t);
    if (!n)
        return trb_reply_empty(rq, 204);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){body.at, body.len, NULL});
}
