/* POST or PUT /v1.0/state/{store}/bulk, and GetBulkState: many keys, each with its own result.
 *
 *     parse (HTTP), read (gRPC) ──► ask ┄┄► reply
 */
#include "../state_block.h"
#include <base/text.h>

struct bulk {
    struct trb_instance *store;
    struct trb_state_get *items;
    struct trb_state_bulk_get question;
    uint32_t count;
};

static trb_step ask, reply;
#define MALFORMED_BODY "failed deserializing HTTP body: "

static bool begin(struct trb_request *rq, struct trb_name store, struct trb_next *ret_refusal)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    b->store = store_find(rq, store, true, ret_refusal);
    return b->store;
}

static void set_parallelism(struct trb_request *rq, int64_t n)
{
    ((struct bulk *)rq->state)->question.parallelism = n > 10000 ? 10000 : n > 0 ? (uint32_t)n : 0;
}

static bool add(struct trb_request *rq, struct trb_slice key, struct trb_pairs metadata, struct trb_next *ret_refusal)
{
    struct bulk *b = rq->state;
    struct trb_state_get *to = &b->items[b->count++];
    *to = (struct trb_state_get){.size = sizeof *to, .metadata = metadata};
    return key_make(rq, b->store, key, false, &to->key, ret_refusal);
}

/* ----------------------------------------------------------------------------------------- HTTP */
static struct trb_next refuse_type(struct trb_request *rq, struct json_value v, const char *type)
{
    return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go %s", json_kind_name(v), type);
}

static bool parse_key(struct trb_request *rq, struct json_value v, struct trb_pairs metadata, struct trb_next *ret_refusal)
{
    if (v.kind != JSON_STRING) {
        *ret_refusal = refuse_type(rq, v, "struct field BulkGetRequest.keys of type string");
        return false;
    }
    struct arena *scratch = arena_create(SIZE_MAX);
    bool is_added = add(rq, json_text(scratch, v), metadata, ret_refusal);
    arena_destroy(scratch);
    return is_added;
}

static struct trb_next parse_keys(struct trb_request *rq, struct json_value all)
{
    struct bulk *b = rq->state;
    struct json_value keys = json_find_nocase(all, SLICE("keys")), v;
    struct trb_pairs metadata;
    struct trb_next refusal;
    const char *fault = member_metadata(rq, all, "BulkGetRequest", rq->kernel->metadata(rq), &metadata);
    if (fault)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", fault);
    if (keys.kind == JSON_NONE || keys.kind == JSON_NULL)
        keys = (struct json_value){JSON_ARRAY, SLICE("[]")};
    if (keys.kind != JSON_ARRAY)
        return refuse_type(rq, keys, "struct field BulkGetRequest.keys of type []string");
    b->items = trb_alloc(rq, (keys.raw.len / 2 + 1) * sizeof *b->items);
    for (struct json_cursor c = json_enter(keys); json_next(&c, &v);)
        if (!parse_key(rq, v, metadata, &refusal))
            return refusal;
    struct json_value parallel = json_find_nocase(all, SLICE("parallelism"));
    int64_t n = 0;
    if (parallel.kind == JSON_NUMBER && slice_to_i64(parallel.raw, &n))
        set_parallelism(rq, n);
    return TRB_GO(ask);
}

struct trb_next state_bulk_parse(struct trb_request *rq)
{
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    if (!begin(rq, rq->kernel->path(rq, "store"), &refusal))
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s", cut);
    struct trb_data body = rq->kernel->body(rq);
    if (!json_parse(slice_from(body.at, body.len), &all, &fault))
        return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "%s",
                          fault_text(rq, slice_from(body.at, body.len), &fault).at);
    if (all.kind != JSON_OBJECT && all.kind != JSON_NULL)
        return refuse_type(rq, all, "value of type http.BulkGetRequest");
    return parse_keys(rq, all);
}

/* ----------------------------------------------------------------------------------------- gRPC */
struct trb_next state_bulk_read(struct trb_request *rq)
{
    struct runtime_get_bulk_state_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_bulk_state_request_pb, &m, &refusal) || !begin(rq, m.store_name, &refusal))
        return refusal;
    struct bulk *b = rq->state;
    b->items = trb_alloc(rq, m.keys.count * sizeof *b->items + 1);
    set_parallelism(rq, m.parallelism);
    for (uint32_t i = 0; i < m.keys.count; i++)
        if (!add(rq, slice_name(m.keys.at[i]), m.metadata, &refusal))
            return refusal;
    return TRB_GO(ask);
}

/* ------------------------------------------------------------------------------------ both doors */
static struct trb_next ask(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    if (!b->count)
        return TRB_GO(reply);
    b->question.size = sizeof b->question;
    b->question.items = (struct trb_list){b->items, b->count, sizeof *b->items};
    if (rq->kernel->has_verb(b->store, TRB_AT(state, bulk_get)))
        return trb_ask(rq, b->store, TRB_AT(state, bulk_get), &b->question, TRB_GO(reply));
    return rq->kernel->ask_each(rq, b->store, TRB_AT(state, get), b->items, b->count, sizeof *b->items,
                                b->question.parallelism, TRB_GO(reply));
}

/* Of item i: what to show of it. error: absent, or why it could not be read. */
static void show(struct trb_request *rq, uint32_t i, struct runtime_bulk_state_item *to)
{
    struct bulk *b = rq->state;
    const struct trb_error *err = NULL;
    const struct trb_state_item *item = rq->kernel->item(rq, i, &err);
    struct trb_slice key = key_user(slice_name(b->items[i].key));
    struct trb_data value = {0};
    const char *fault = NULL;
    *to = (struct runtime_bulk_state_item){.key = {key.at, key.len}};
    if (item && item->value.at && value_open(rq, b->store, item->value, &value, &fault))
        to->data = (struct trb_slice){value.at, value.len};
    if (item) {
        to->etag = (struct trb_name){item->etag.at, item->etag.len};
        to->metadata = item->metadata;
    }
    if (err || fault)
        to->error = fault ? failure_said(fault).text : failure_text(rq, err);
}

static void add_metadata(struct text *t, const struct trb_pairs *pairs)
{
    if (!pairs->count)
        return;
    text_adds(t, ",\"metadata\":");
    text_add_json_pairs(t, pairs);
}

/* Data that is no JSON cannot stand in the answer as it is; it goes as text. */
static void add_data(struct text *t, struct trb_slice raw)
{
    struct json_value v;
    struct json_fault fault;
    text_adds(t, ",\"data\":");
    if (json_parse(raw, &v, &fault))
        json_compact(v, t);
    else
        text_add_json(t, raw, true);
}

static void add_item(struct text *t, const struct runtime_bulk_state_item *item, bool is_first)
{
    text_adds(t, is_first ? "{\"key\":" : ",{\"key\":");
    text_add_json(t, slice_name(item->key), true);
    if (item->data.len)
        add_data(t, item->data);
    if (item->etag.at) {
        text_adds(t, ",\"etag\":");
        text_add_json(t, slice_name(item->etag), true);
    }
    add_metadata(t, &item->metadata);
    if (item->error.at) {
        text_adds(t, ",\"error\":");
        text_add_json(t, slice_name(item->error), true);
    }
    text_addc(t, '}');
}

static struct trb_next reply_body(struct trb_request *rq, const struct runtime_get_bulk_state_response *m)
{
    struct text t = {0};
    text_addc(&t, '[');
    for (uint32_t i = 0; i < m->items.count; i++)
        add_item(&t, &m->items.at[i], !i);
    text_adds(&t, "]\n");
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, text_take(rq, &t));
}

static struct trb_next reply(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    const struct trb_error *whole = b->count ? rq->kernel->failure(rq) : NULL;
    if (whole) {
        struct failure f = failure_of(rq, whole);
        return failure_refuse(rq, &BULK_GET_FAILED, &f, NAME(""));
    }
    struct runtime_get_bulk_state_response m = {
        .items = {trb_alloc(rq, b->count * sizeof(struct runtime_bulk_state_item) + 1), b->count}};
    for (uint32_t i = 0; i < b->count; i++)
        show(rq, i, &m.items.at[i]);
    return rq->door == TRB_DOOR_GRPC ? rpc_reply(rq, &runtime_get_bulk_state_response_pb, &m) : reply_body(rq, &m);
}
