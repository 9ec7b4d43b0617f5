/* POST or PUT /v1.0/state/{store}/transaction: all operations, or none.
 *
 *     parse ──► ask ┄┄► reply
 */
#include "../state_block.h"

struct transact {
    struct trb_instance *store;
    struct trb_state_operation *operations;
    struct trb_state_transact question;
    uint32_t count;
};

static trb_step ask, reply;
#define MALFORMED_BODY "failed deserializing HTTP body: "

static bool refuse_operation(struct trb_request *rq, struct trb_next *ret, struct trb_next refusal)
{
    (void)rq;
    *ret = refusal;
    return false;
}

static bool fill(struct trb_request *rq, struct json_value request, struct trb_state_operation *to,
                 struct trb_next *ret)
{
    struct transact *x = rq->state;
    struct item_fields f = {0};
    const struct trb_error_row *row;
    if (request.kind == JSON_NONE || request.kind == JSON_NULL)
        request = (struct json_value){JSON_OBJECT, SLICE("{}")};
    if (request.kind != JSON_OBJECT)
        return refuse_operation(rq, ret, trb_refuse(rq, &MALFORMED, MALFORMED_BODY "'' expected a map, got '%s'",
                                                    kind_name(request)));
    const char *fault = item_parse(rq, request, "SetRequest", rq->kernel->metadata(rq), rq->kernel->body(rq), &f, &row);
    if (fault)
        return refuse_operation(rq, ret, row ? trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", fault)
                                : trb_refuse(rq, &TRANSACTION_FAILED, "error while executing state transaction: %s", fault));
    uint32_t kind = to->kind;
    if (kind == TRB_STATE_UPSERT)
        value_seal(rq, x->store, &f.value);
    *to = (struct trb_state_operation){
        .size = sizeof *to, .kind = kind, .value = f.value, .etag = f.etag, .metadata = f.metadata,
        .content_type = f.content_type, .concurrency = f.concurrency, .consistency = f.consistency,
        .has_ttl = f.has_ttl, .ttl_s = f.ttl_s};
    return key_make(rq, x->store, slice_name(f.key), true, &to->key, ret);
}

static bool parse_operation(struct trb_request *rq, struct json_value v, struct trb_state_operation *to,
                            struct trb_next *ret)
{
    struct trb_name word = NAME("");
    if (v.kind != JSON_OBJECT || !member_text(rq, v, "operation", &word))
        return refuse_operation(rq, ret, trb_refuse(rq, &MALFORMED, MALFORMED_BODY
            "json: cannot unmarshal %s into Go struct field stateTransactionRequestBody.operations of type "
            "http.stateTransactionRequestBodyOperation", kind_name(v)));
    if (slice_is(slice_name(word), SLICE("upsert")))
        to->kind = TRB_STATE_UPSERT;
    else if (slice_is(slice_name(word), SLICE("delete")))
        to->kind = TRB_STATE_REMOVE;
    else
        return refuse_operation(rq, ret, trb_refuse(rq, &BAD_OPERATION, "operation type %s not supported", word.at));
    return fill(rq, json_find_nocase(v, SLICE("request")), to, ret);
}

static struct trb_next too_many(struct trb_request *rq, uint32_t most)
{
    struct transact *x = rq->state;
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    pairs[0] = (struct trb_pair){NAME("currentOpsTransaction"), trb_printf(rq, "%u", x->count)};
    pairs[1] = (struct trb_pair){NAME("maxOpsPerTransaction"), trb_printf(rq, "%u", most)};
    struct trb_name message = trb_printf(rq, "the transaction contains %u operations, which is more than what the "
                                         "state store supports: %u", x->count, most);
    struct trb_refusal r = {.size = sizeof r, .row = &TOO_MANY, .message = slice_name(message), .has_metadata = 1,
                            .metadata = {pairs, 2, sizeof *pairs}, .has_resource = 1, .resource_type = SLICE("state"),
                            .resource_name = slice_name(rq->kernel->instance_name(x->store))};
    return rq->kernel->refuse(rq, &r);
}

static struct trb_next parse_operations(struct trb_request *rq, struct json_value all)
{
    struct transact *x = rq->state;
    struct json_value list = json_find_nocase(all, SLICE("operations")), v;
    const struct trb_state_ops *ops = rq->kernel->instance_ops(x->store);
    struct trb_next refusal;
    if (list.kind == JSON_NONE || list.kind == JSON_NULL)
        return trb_reply_empty(rq, 204);
    if (list.kind != JSON_ARRAY)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go struct field "
                          "stateTransactionRequestBody.operations of type []http.stateTransactionRequestBodyOperation",
                          kind_name(list));
    x->operations = trb_alloc(rq, (list.raw.len / 2 + 1) * sizeof *x->operations);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v); x->count++)
        if (!parse_operation(rq, v, &x->operations[x->count], &refusal))
            return refusal;
    if (!x->count)
        return trb_reply_empty(rq, 204);
    return ops->transact_max && x->count > ops->transact_max ? too_many(rq, ops->transact_max) : TRB_GO(ask);
}

static struct trb_next no_transactions(struct trb_request *rq, struct trb_instance *store)
{
    struct trb_name name = rq->kernel->instance_name(store);
    struct trb_refusal r = {
        .size = sizeof r, .row = &NO_TRANSACTIONS, .has_help = 1, .has_resource = 1,
        .message = slice_name(trb_printf(rq, "state store %s doesn't support transactions", name.at)),
        .help_url = SLICE("https://docs.dapr.io/reference/components-reference/supported-state-stores/"),
        .help_description = SLICE("Check the list of state stores and the features they support"),
        .resource_type = SLICE("state"), .resource_name = slice_name(name)};
    return rq->kernel->refuse(rq, &r);
}

struct trb_next state_transact_parse(struct trb_request *rq)
{
    struct transact *x = trb_request_state(rq, sizeof *x);
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    x->store = store_find(rq, true, &refusal);
    if (!x->store)
        return refusal;
    if (!(rq->kernel->instance_caps(x->store) & TRB_STATE_TRANSACTIONAL))
        return no_transactions(rq, x->store);
    const char *cut = rq->kernel->body_fault(rq);
    struct trb_data body = rq->kernel->body(rq);
    if (cut)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", cut);
    if (!json_parse(slice_from(body.at, body.len), &all, &fault))
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s",
                          fault_text(rq, slice_from(body.at, body.len), &fault).at);
    if (all.kind != JSON_OBJECT && all.kind != JSON_NULL)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go value of type "
                          "http.stateTransactionRequestBody", kind_name(all));
    return parse_operations(rq, all);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct transact *x = rq->state;
    x->question = (struct trb_state_transact){
        .size = sizeof x->question, .operations = {x->operations, x->count, sizeof *x->operations},
        .metadata = rq->kernel->metadata(rq)};
    return trb_ask(rq, x->store, TRB_AT(state, transact), &x->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? trb_refuse(rq, &TRANSACTION_FAILED, "error while executing state transaction: %s",
                            failure_text(rq, err).at)
               : trb_reply_empty(rq, 204);
}
