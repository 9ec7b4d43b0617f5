/* POST or PUT /v1.0/state/{store}, and SaveState: one item by set, several by bulk_set or many sets.
 *
 *     parse (HTTP), read (gRPC) ──► ask_one ┄┄► reply
 *                               └─► ask_all ┄┄► reply_all
 */
#include "../state_block.h"

struct save {
    struct trb_instance *store;
    struct trb_state_set *items;
    struct trb_state_bulk_set bulk;
    uint32_t count;
};

static trb_step ask_one, ask_all, reply, reply_all;
#define GO_TYPE "SetRequest"

static struct trb_next refuse(struct trb_request *rq, struct failure f)
{
    struct save *s = rq->state;
    return failure_refuse(rq, &SAVE_FAILED, &f, trb_printf(rq, "failed saving state in state store %s",
                                                           rq->kernel->instance_name(s->store).at));
}

static bool begin(struct trb_request *rq, struct trb_name store, struct trb_next *ret_refusal)
{
    struct save *s = trb_request_state(rq, sizeof *s);
    s->store = store_find(rq, store, true, ret_refusal);
    return s->store;
}

static bool add(struct trb_request *rq, struct item_fields *f, struct trb_next *ret)
{
    struct save *s = rq->state;
    struct trb_state_set *to = &s->items[s->count++];
    if (value_seal(rq, s->store, &f->value))
        f->is_json = 0;
    *to = (struct trb_state_set){.size = sizeof *to, .value = f->value, .etag = f->etag, .metadata = f->metadata,
                                 .content_type = f->content_type, .concurrency = f->concurrency,
                                 .consistency = f->consistency, .has_ttl = f->has_ttl, .ttl_s = f->ttl_s,
                                 .is_json = f->is_json};
    return key_make(rq, s->store, slice_name(f->key), false, &to->key, ret);
}

static struct trb_next asked(struct trb_request *rq)
{
    struct save *s = rq->state;
    return s->count == 0 ? trb_reply_empty(rq, 204) : s->count == 1 ? TRB_GO(ask_one) : TRB_GO(ask_all);
}

/* ----------------------------------------------------------------------------------------- HTTP */
static bool parse_item(struct trb_request *rq, struct json_value v, bool is_compact, struct trb_next *ret)
{
    struct item_fields f = {.is_compact = is_compact};
    const struct trb_error_row *row = &MALFORMED;
    const char *fault = v.kind == JSON_OBJECT || v.kind == JSON_NULL
        ? item_parse(rq, v, GO_TYPE, rq->kernel->metadata(rq), rq->kernel->body(rq), &f, &row)
        : trb_printf(rq, "json: cannot unmarshal %s into Go value of type state.SetRequest", json_kind_name(v)).at;
    if (fault)
        *ret = row ? trb_refuse(rq, row, "%s", fault) : refuse(rq, failure_said(fault));
    else if (!f.key.len)
        *ret = trb_refuse(rq, &MALFORMED, "\"key\" is a required field");
    return !fault && f.key.len && add(rq, &f, ret);
}

static struct trb_next parse_items(struct trb_request *rq, struct json_value array, struct json_shape shape)
{
    struct save *s = rq->state;
    struct json_cursor c = json_enter(array);
    struct json_value v;
    struct trb_next refusal;
    s->items = trb_alloc(rq, shape.count * sizeof *s->items + 1);
    if (shape.count == 1)
        return parse_item(rq, json_only(array), shape.is_compact, &refusal) ? asked(rq) : refusal;
    while (json_next(&c, &v))
        if (!parse_item(rq, v, shape.is_compact, &refusal))
            return refusal;
    return asked(rq);
}

struct trb_next state_save_parse(struct trb_request *rq)
{
    struct trb_next refusal;
    struct json_value all;
    struct json_fault fault;
    struct json_shape shape;
    if (!begin(rq, rq->kernel->path(rq, "store"), &refusal))
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return trb_refuse(rq, &MALFORMED, "%s", cut);
    struct trb_data body = rq->kernel->body(rq);
    if (!json_parse_shape(slice_from(body.at, body.len), &all, &shape, &fault))
        return trb_refuse(rq, &MALFORMED, "%s", fault_text(rq, slice_from(body.at, body.len), &fault).at);
    if (all.kind == JSON_NULL)
        return trb_reply_empty(rq, 204);
    if (all.kind != JSON_ARRAY)
        return trb_refuse(rq, &MALFORMED, "json: cannot unmarshal %s into Go value of type []state.SetRequest",
                          json_kind_name(all));
    return parse_items(rq, all, shape);
}

/* ----------------------------------------------------------------------------------------- gRPC */
/* A value is bytes, but one that says it is JSON must be. */
static const char *check_json(struct trb_request *rq, struct item_fields *f)
{
    struct json_value v;
    struct json_fault fault;
    struct trb_name type = trb_pair_get(&f->metadata, "contentType");
    if (!slice_is(slice_name(type), SLICE("application/json")))
        return NULL;
    if (!json_parse(slice_from(f->value.at, f->value.len), &v, &fault))
        return trb_printf(rq, "%s", fault.message).at;
    f->value = value_data(rq, v, f->value);
    f->is_json = 1;
    return NULL;
}

static bool read_item(struct trb_request *rq, const struct common_state_item *item, struct trb_next *ret)
{
    struct item_fields f;
    const char *no_ttl = item_read(rq, item, &f), *no_json = NULL;
    if (!f.key.len)
        *ret = trb_refuse(rq, &NO_KEY, "state key cannot be empty");
    else if ((no_json = check_json(rq, &f)))
        *ret = trb_refuse(rq, &BAD_JSON, "%s", no_json);
    else if (no_ttl)
        *ret = refuse(rq, failure_said(no_ttl));
    else
        return add(rq, &f, ret);
    return false;
}

struct trb_next state_save_read(struct trb_request *rq)
{
    struct runtime_save_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_save_state_request_pb, &m, &refusal) || !begin(rq, m.store_name, &refusal))
        return refusal;
    struct save *s = rq->state;
    s->items = trb_alloc(rq, m.states.count * sizeof *s->items + 1);
    for (uint32_t i = 0; i < m.states.count; i++)
        if (!read_item(rq, &m.states.at[i], &refusal))
            return refusal;
    return asked(rq);
}

/* ------------------------------------------------------------------------------------ both doors */
static struct trb_next ask_one(struct trb_request *rq)
{
    struct save *s = rq->state;
    return trb_ask(rq, s->store, TRB_AT(state, set), s->items, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? refuse(rq, failure_of(rq, err)) : trb_reply_empty(rq, 204);
}

static struct trb_next ask_all(struct trb_request *rq)
{
    struct save *s = rq->state;
    s->bulk = (struct trb_state_bulk_set){.size = sizeof s->bulk, .items = {s->items, s->count, sizeof *s->items}};
    if (rq->kernel->has_verb(s->store, TRB_AT(state, bulk_set)))
        return trb_ask(rq, s->store, TRB_AT(state, bulk_set), &s->bulk, TRB_GO(reply_all));
    return rq->kernel->ask_each(rq, s->store, TRB_AT(state, set), s->items, s->count, sizeof *s->items, 0,
                                TRB_GO(reply_all));
}

static struct trb_next reply_all(struct trb_request *rq)
{
    struct failure f = failure_of_items(rq);
    return f.text.at ? refuse(rq, f) : trb_reply_empty(rq, 204);
}
