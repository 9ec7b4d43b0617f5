/* POST or PUT /v1.0/state/{store}/bulk: many keys, each with its own result.
 *
 *     parse ──► ask ┄┄► reply
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

static struct trb_next refuse_type(struct trb_request *rq, struct json_value v, const char *type)
{
    return trb_refuse(rq, &MALFORMED, MALFORMED_BODY "json: cannot unmarshal %s into Go %s", kind_name(v), type);
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
    for (struct json_cursor c = json_enter(keys); json_next(&c, &v); b->count++) {
        struct trb_name key = {0};
        if (v.kind != JSON_STRING)
            return refuse_type(rq, v, "struct field BulkGetRequest.keys of type string");
        struct arena *scratch = arena_create(SIZE_MAX);
        key = trb_printf(rq, "%s", "");
        struct trb_slice text = json_text(scratch, v);
        bool fine = key_make(rq, b->store, text, false, &key, &refusal);
        arena_destroy(scratch);
        if (!fine)
            return refusal;
        b->items[b->count] = (struct trb_state_get){.size = sizeof *b->items, .key = key, .metadata = metadata};
    }
    struct json_value parallel = json_find_nocase(all, SLICE("parallelism"));
    int64_t n = 0;
    if (parallel.kind == JSON_NUMBER && slice_to_i64(parallel.raw, &n) && n > 0)
        b->question.parallelism = n > 10000 ? 10000 : (uint32_t)n;
    return TRB_GO(ask);
}

struct trb_next state_bulk_parse(struct trb_request *rq)
{
    struct bulk *b = trb_request_state(rq, sizeof *b);
    struct json_value all;
    struct json_fault fault;
    struct trb_next refusal;
    b->store = store_find(rq, true, &refusal);
    if (!b->store)
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

static void add_metadata(struct text *t, const struct trb_pairs *pairs)
{
    if (!pairs->count)
        return;
    text_adds(t, ",\"metadata\":{");
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (i)
            text_addc(t, ',');
        text_add_json(t, slice_name(p->key), true);
        text_addc(t, ':');
        text_add_json(t, slice_name(p->value), true);
    }
    text_addc(t, '}');
}

/* Data that is no JSON cannot stand in the answer as it is; it goes as text. */
static void add_data(struct text *t, struct trb_data data)
{
    struct json_value v;
    struct json_fault fault;
    struct trb_slice raw = slice_from(data.at, data.len);
    text_adds(t, ",\"data\":");
    if (json_parse(raw, &v, &fault))
        json_compact(v, t);
    else
        text_add_json(t, raw, true);
}

static void add_item(struct trb_request *rq, struct text *t, uint32_t i)
{
    struct bulk *b = rq->state;
    const struct trb_error *err = NULL;
    const struct trb_state_item *item = rq->kernel->item(rq, i, &err);
    struct trb_data value = {0};
    const char *fault = NULL;
    text_adds(t, i ? ",{\"key\":" : "{\"key\":");
    text_add_json(t, key_user(slice_name(b->items[i].key)), true);
    if (item && item->value.at && item->value.len && value_open(rq, b->store, item->value, &value, &fault))
        add_data(t, value);
    if (item && item->etag.at) {
        text_adds(t, ",\"etag\":");
        text_add_json(t, item->etag, true);
    }
    if (item)
        add_metadata(t, &item->metadata);
    if (err || fault) {
        text_adds(t, ",\"error\":");
        text_add_json(t, fault ? slice_of(fault) : slice_name(failure_text(rq, err)), true);
    }
    text_addc(t, '}');
}

static struct trb_next reply(struct trb_request *rq)
{
    struct bulk *b = rq->state;
    const struct trb_error *whole = b->count ? rq->kernel->failure(rq) : NULL;
    struct text t = {0};
    if (whole)
        return trb_refuse(rq, &BULK_GET_FAILED, "%s", failure_text(rq, whole).at);
    text_addc(&t, '[');
    for (uint32_t i = 0; i < b->count; i++)
        add_item(rq, &t, i);
    text_adds(&t, "]\n");
    char *copy = trb_alloc(rq, t.len);
    size_t len = t.len;
    memcpy(copy, t.at, len);
    text_fini(&t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){copy, len, NULL});
}
