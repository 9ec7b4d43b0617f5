/* POST or PUT /v1.0/state/{store}/transaction, and ExecuteStateTransaction: all operations, or none.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 *                             └────► (outbox.c) ──►┘
 */
#include "../state_block.h"

static trb_step reply;
#define MALFORMED_BODY "failed deserializing HTTP body: "

static struct trb_next refuse_failed(struct trb_request *rq, const char *why)
{
    return trb_refuse(rq, &TRANSACTION_FAILED, "error while executing state transaction: %s", why);
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

struct trb_next state_transact_too_many(struct trb_request *rq, uint32_t count, uint32_t most)
{
    struct transact *x = rq->state;
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    pairs[0] = (struct trb_pair){NAME("currentOpsTransaction"), trb_printf(rq, "%u", count)};
    pairs[1] = (struct trb_pair){NAME("maxOpsPerTransaction"), trb_printf(rq, "%u", most)};
    struct trb_name message = trb_printf(rq, "the transaction contains %u operations, which is more than what the "
                                         "state store supports: %u", count, most);
    struct trb_refusal r = {.size = sizeof r, .row = &TOO_MANY, .message = slice_name(message), .has_metadata = 1,
                            .metadata = {pairs, 2, sizeof *pairs}, .has_resource = 1, .resource_type = SLICE("state"),
                            .resource_name = slice_name(rq->kernel->instance_name(x->store))};
    return rq->kernel->refuse(rq, &r);
}

static bool begin(struct trb_request *rq, struct trb_name store, struct trb_pairs metadata, struct trb_next *ret_refusal)
{
    struct transact *x = trb_request_state(rq, sizeof *x);
    x->question = (struct trb_state_transact){.size = sizeof x->question, .metadata = metadata};
    x->store = store_find(rq, store, true, ret_refusal);
    if (!x->store)
        return false;
    bool can = rq->kernel->instance_caps(x->store) & TRB_STATE_TRANSACTIONAL;
    if (!can)
        *ret_refusal = no_transactions(rq, x->store);
    return can;
}

/* 0: there is no such operation. */
static uint32_t kind_of(struct trb_name word)
{
    return slice_is(slice_name(word), SLICE("upsert")) ? TRB_STATE_UPSERT
           : slice_is(slice_name(word), SLICE("delete")) ? TRB_STATE_REMOVE : 0;
}

static struct trb_next bad_operation(struct trb_request *rq, struct trb_name word)
{
    return trb_refuse(rq, &BAD_OPERATION, "operation type %s not supported", word.at);
}

static bool add(struct trb_request *rq, uint32_t kind, struct item_fields *f, struct trb_next *ret_refusal)
{
    struct transact *x = rq->state;
    struct trb_state_operation *to = &x->operations[x->count];
    x->given[x->count++] = (struct transacted){f->value, f->is_json};
    if (kind == TRB_STATE_UPSERT && value_seal(rq, x->store, &f->value))
        f->is_json = 0;
    *to = (struct trb_state_operation){
        .size = sizeof *to, .kind = kind, .value = f->value, .etag = f->etag, .metadata = f->metadata,
        .content_type = f->content_type, .concurrency = f->concurrency, .consistency = f->consistency,
        .has_ttl = f->has_ttl, .ttl_s = f->ttl_s, .is_json = f->is_json};
    return key_make(rq, x->store, slice_name(f->key), true, &to->key, ret_refusal);
}

static void make_room(struct trb_request *rq, size_t count)
{
    struct transact *x = rq->state;
    x->operations = trb_alloc(rq, count * sizeof *x->operations);
    x->given = trb_alloc(rq, count * sizeof *x->given);
}

static struct trb_next asked(struct trb_request *rq)
{
    struct transact *x = rq->state;
    const struct trb_state_ops *ops = rq->kernel->instance_ops(x->store);
    if (!x->count)
        return trb_reply_empty(rq, 204);
    if (ops->transact_max && x->count > ops->transact_max)
        return state_transact_too_many(rq, x->count, ops->transact_max);
    return ((const struct store *)rq->kernel->instance_data(x->store))->outbox ? TRB_GO(state_outbox)
                                                                               : TRB_GO(state_transact_ask);
}

/* ----------------------------------------------------------------------------------------- HTTP */
static bool parse_request(struct trb_request *rq, struct json_value request, uint32_t kind, struct trb_next *ret_refusal)
{
    struct item_fields f = {0};
    const struct trb_error_row *row;
    const char *fault = item_parse(rq, request, "SetRequest", rq->kernel->metadata(rq), rq->kernel->body(rq), &f, &row);
    if (!fault)
        return add(rq, kind, &f, ret_refusal);
    *ret_refusal = row ? trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", fault) : refuse_failed(rq, fault);
    return false;
}

static bool parse_operation(struct trb_request *rq, struct json_value v, struct trb_next *ret_refusal)
{
    struct trb_name word = NAME("");
    if (v.kind != JSON_OBJECT || !member_text(rq, v, "operation", &word)) {
        *ret_refusal = trb_refuse(rq, &MALFORMED, MALFORMED_BODY
            "json: cannot unmarshal %s into Go struct field stateTransactionRequestBody.operations of type "
            "http.stateTransactionRequestBodyOperation", json_kind_name(v));
        return false;
    }
    struct json_value request = json_find_nocase(v, SLICE("request"));
    uint32_t kind = kind_of(word);
    if (request.kind == JSON_NONE || request.kind == JSON_NULL)
        request = (struct json_value){JSON_OBJECT, SLICE("{}")};
    if (kind && request.kind == JSON_OBJECT)
        return parse_request(rq, request, kind, ret_refusal);
    *ret_refusal = !kind ? bad_operation(rq, word)
        : trb_refuse(rq, &MALFORMED, MALFORMED_BODY "'' expected a map, got '%s'", json_kind_name(request));
    return false;
}

static struct trb_next parse_operations(struct trb_request *rq, struct json_value all)
{
    struct json_value list = json_find_nocase(all, SLICE("operations")), v;
    struct trb_next refusal;
    if (list.kind == JSON_NONE || list.kind == JSON_NULL)
        return trb_reply_empty(rq, 204);
    if (list.kind != JSON_ARRAY)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go struct field "
                          "stateTransactionRequestBody.operations of type []http.stateTransactionRequestBodyOperation",
                          json_kind_name(list));
    make_room(rq, json_count(list) + 1);
    for (struct json_cursor c = json_enter(list); json_next(&c, &v);)
        if (!parse_operation(rq, v, &refusal))
            return refusal;
    return asked(rq);
}

struct trb_next state_transact_parse(struct trb_request *rq)
{
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    if (!begin(rq, rq->kernel->path(rq, "store"), rq->kernel->metadata(rq), &refusal))
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    struct trb_data body = rq->kernel->body(rq);
    if (cut)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", cut);
    if (!json_parse(slice_from(body.at, body.len), &all, &fault))
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s",
                          fault_text(rq, slice_from(body.at, body.len), &fault).at);
    if (all.kind != JSON_OBJECT && all.kind != JSON_NULL)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go value of type "
                          "http.stateTransactionRequestBody", json_kind_name(all));
    return parse_operations(rq, all);
}

/* ----------------------------------------------------------------------------------------- gRPC */
/* The key is looked at before the operation. */
static bool read_operation(struct trb_request *rq, const struct runtime_transactional_state_operation *op,
                           struct trb_next *ret_refusal)
{
    static const struct common_state_item none = {.key = {"", 0}, .metadata = {.stride = sizeof(struct trb_pair)}};
    struct item_fields f;
    uint32_t kind = kind_of(op->operation_type);
    const char *fault = item_read(rq, op->request ? op->request : &none, &f);
    if (!add(rq, kind, &f, ret_refusal))
        return false;
    if (!kind)
        *ret_refusal = bad_operation(rq, op->operation_type);
    else if (fault && kind == TRB_STATE_UPSERT)
        *ret_refusal = refuse_failed(rq, fault);
    else
        return true;
    return false;
}

struct trb_next state_transact_read(struct trb_request *rq)
{
    struct runtime_execute_state_transaction_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_execute_state_transaction_request_pb, &m, &refusal) ||
        !begin(rq, m.store_name, m.metadata, &refusal))
        return refusal;
    make_room(rq, m.operations.count + 1);
    for (uint32_t i = 0; i < m.operations.count; i++)
        if (!read_operation(rq, &m.operations.at[i], &refusal))
            return refusal;
    return asked(rq);
}

/* ------------------------------------------------------------------------------------ both doors */
struct trb_next state_transact_ask(struct trb_request *rq)
{
    struct transact *x = rq->state;
    x->question.operations = (struct trb_list){x->operations, x->count, sizeof *x->operations};
    return trb_ask(rq, x->store, TRB_AT(state, transact), &x->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    struct transact *x = rq->state;
    if (err && err->kind == TRB_STATE_TOO_MANY)
        return state_transact_too_many(rq, x->count, (uint32_t)err->item);
    return err ? refuse_failed(rq, failure_text(rq, err).at) : trb_reply_empty(rq, 204);
}
