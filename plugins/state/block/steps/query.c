/* POST or PUT /v1.0-alpha1/state/{store}/query, and QueryStateAlpha1.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
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

static struct trb_next refuse_failed(struct trb_request *rq, const char *why)
{
    struct query *q = rq->state;
    return refuse(rq, &QUERY_FAILED, trb_printf(rq, "state store %s query failed: %s",
                                                rq->kernel->instance_name(q->store).at, why));
}

static struct trb_next begin(struct trb_request *rq, struct trb_name store, struct trb_slice query, struct trb_pairs metadata)
{
    struct query *q = trb_request_state(rq, sizeof *q);
    struct trb_next refusal;
    struct json_value v;
    struct json_fault fault;
    q->question = (struct trb_state_query){.size = sizeof q->question, .query = query, .metadata = metadata};
    q->store = store_find(rq, store, false, &refusal);
    if (!q->store)
        return refusal;
    if (!(rq->kernel->instance_caps(q->store) & (TRB_STATE_QUERY | TRB_STATE_QUERY_ANYWAY)))
        return refuse(rq, &NO_QUERY, NAME("state store does not support querying"));
    if (((const struct store *)rq->kernel->instance_data(q->store))->encryption)
        return refuse_failed(rq, "cannot query encrypted store");
    if (!json_parse(query, &v, &fault))
        return refuse_failed(rq, trb_printf(rq, "failed to parse JSON query body: %s", fault.message).at);
    return TRB_GO(ask);
}

struct trb_next state_query_parse(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    const char *cut = k->body_fault(rq);
    if (cut)
        return trb_refuse(rq, &BODY_READ, "failed to read request body: %s", cut);
    struct trb_data body = k->body(rq);
    return begin(rq, k->path(rq, "store"), slice_from(body.at, body.len), k->metadata(rq));
}

struct trb_next state_query_read(struct trb_request *rq)
{
    struct runtime_query_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_query_state_request_pb, &m, &refusal))
        return refusal;
    return begin(rq, m.store_name, slice_name(m.query), m.metadata);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct query *q = rq->state;
    return trb_ask(rq, q->store, TRB_AT(state, query), &q->question, TRB_GO(reply));
}

/* --------------------------------------------------------------------------------------- answers */
/* What was found, without the last item, which carries the token. */
static struct runtime_query_state_response results(struct trb_request *rq)
{
    uint32_t count = rq->kernel->item_count(rq);
    struct runtime_query_state_response m = {.results = {trb_alloc(rq, count * sizeof *m.results.at + 1), 0}};
    for (uint32_t i = 0; i < count; i++) {
        const struct trb_error *err;
        const struct trb_state_query_item *item = rq->kernel->item(rq, i, &err);
        struct trb_slice key = item ? key_user(slice_name(item->key)) : SLICE("");
        if (item && item->key.len)
            m.results.at[m.results.count++] = (struct runtime_query_state_item){
                .key = {key.at, key.len}, .data = {item->value.at, item->value.len},
                .etag = {item->etag.at, item->etag.len}, .error = name_copy(rq, item->error)};
        else if (item)
            m.token = (struct trb_name){item->token.at, item->token.len};
    }
    return m;
}

static void add_item(struct text *t, const struct runtime_query_state_item *item, bool is_first)
{
    struct json_value v;
    struct json_fault fault;
    text_adds(t, is_first ? "{\"key\":" : ",{\"key\":");
    text_add_json(t, slice_name(item->key), true);
    text_adds(t, ",\"data\":");
    if (json_parse(slice_from(item->data.at, item->data.len), &v, &fault))
        json_compact(v, t);
    else
        text_add_json(t, slice_from(item->data.at, item->data.len), true);
    if (item->etag.at) {
        text_adds(t, ",\"etag\":");
        text_add_json(t, slice_name(item->etag), true);
    }
    if (item->error.len) {
        text_adds(t, ",\"error\":");
        text_add_json(t, slice_name(item->error), true);
    }
    text_addc(t, '}');
}

static struct trb_next reply_body(struct trb_request *rq, const struct runtime_query_state_response *m)
{
    struct text t = {0};
    if (!m->results.count)
        return trb_reply_empty(rq, 204);
    text_adds(&t, "{\"results\":[");
    for (uint32_t i = 0; i < m->results.count; i++)
        add_item(&t, &m->results.at[i], !i);
    text_adds(&t, "]");
    if (m->token.len) {
        text_adds(&t, ",\"token\":");
        text_add_json(&t, slice_name(m->token), true);
    }
    text_adds(&t, "}\n");
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, text_take(rq, &t));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err) {
        struct failure f = failure_of(rq, err);
        return f.structured ? failure_pass(rq, err) : refuse_failed(rq, f.text.at);
    }
    struct runtime_query_state_response m = results(rq);
    return rq->door == TRB_DOOR_GRPC ? rpc_reply(rq, &runtime_query_state_response_pb, &m) : reply_body(rq, &m);
}
