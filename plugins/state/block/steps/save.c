/* POST or PUT /v1.0/state/{store}: one item by set, several by bulk_set or many sets.
 *
 *     parse ──► ask_one ┄┄► reply
 *           └─► ask_all ┄┄► reply_all
 */
#include "../state_block.h"
#include <base/text.h>

struct save {
    struct trb_instance *store;
    struct trb_state_set *items;
    struct trb_state_bulk_set bulk;
    uint32_t count;
};

static trb_step ask_one, ask_all, reply, reply_all;
#define GO_TYPE "SetRequest"

static struct trb_next refuse(struct trb_request *rq, struct trb_slice text, uint32_t status)
{
    struct trb_name message = trb_printf(rq, "failed saving state in state store %s: %.*s",
                                         rq->kernel->path(rq, "store").at, SLICE_ARG(text));
    struct trb_refusal r = {.size = sizeof r, .row = &SAVE_FAILED, .message = slice_name(message), .http_status = status};
    return rq->kernel->refuse(rq, &r);
}

static bool parse_item(struct trb_request *rq, struct json_value v, struct trb_state_set *to, struct trb_next *ret)
{
    struct save *s = rq->state;
    struct item_fields f = {0};
    const struct trb_error_row *row = &MALFORMED;
    const char *fault = v.kind == JSON_OBJECT || v.kind == JSON_NULL
        ? item_parse(rq, v, GO_TYPE, rq->kernel->metadata(rq), rq->kernel->body(rq), &f, &row)
        : trb_printf(rq, "json: cannot unmarshal %s into Go value of type state.SetRequest", kind_name(v)).at;
    if (fault) {
        *ret = row ? trb_refuse(rq, row, "%s", fault) : refuse(rq, slice_of(fault), 0);
        return false;
    }
    if (!f.key.len) {
        *ret = trb_refuse(rq, &MALFORMED, "\"key\" is a required field");
        return false;
    }
    value_seal(rq, s->store, &f.value);
    *to = (struct trb_state_set){.size = sizeof *to, .value = f.value, .etag = f.etag, .metadata = f.metadata,
                                 .content_type = f.content_type, .concurrency = f.concurrency,
                                 .consistency = f.consistency, .has_ttl = f.has_ttl, .ttl_s = f.ttl_s};
    return key_make(rq, s->store, slice_name(f.key), false, &to->key, ret);
}

static uint32_t count_of(struct json_value array)
{
    struct json_cursor c = json_enter(array);
    struct json_value v;
    uint32_t n = 0;
    while (json_next(&c, &v))
        n++;
    return n;
}

static struct trb_next parse_items(struct trb_request *rq, struct json_value array)
{
    struct save *s = rq->state;
    struct json_cursor c = json_enter(array);
    struct json_value v;
    struct trb_next refusal;
    s->items = trb_alloc(rq, count_of(array) * sizeof *s->items + 1);
    while (json_next(&c, &v))
        if (!parse_item(rq, v, &s->items[s->count++], &refusal))
            return refusal;
    return s->count == 0 ? trb_reply_empty(rq, 204) : s->count == 1 ? TRB_GO(ask_one) : TRB_GO(ask_all);
}

struct trb_next state_save_parse(struct trb_request *rq)
{
    struct save *s = trb_request_state(rq, sizeof *s);
    struct trb_next refusal;
    struct json_value all;
    struct json_fault fault;
    s->store = store_find(rq, true, &refusal);
    if (!s->store)
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return trb_refuse(rq, &MALFORMED, "%s", cut);
    struct trb_data body = rq->kernel->body(rq);
    if (!json_parse(slice_from(body.at, body.len), &all, &fault))
        return trb_refuse(rq, &MALFORMED, "%s", fault_text(rq, slice_from(body.at, body.len), &fault).at);
    if (all.kind == JSON_NULL)
        return trb_reply_empty(rq, 204);
    if (all.kind != JSON_ARRAY)
        return trb_refuse(rq, &MALFORMED, "json: cannot unmarshal %s into Go value of type []state.SetRequest",
                          kind_name(all));
    return parse_items(rq, all);
}

static struct trb_next ask_one(struct trb_request *rq)
{
    struct save *s = rq->state;
    return trb_ask(rq, s->store, TRB_AT(state, set), s->items, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? refuse(rq, slice_name(failure_text(rq, err)), failure_status(err)) : trb_reply_empty(rq, 204);
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

/* One line per failed item; the first etag failure gives its status to the whole. */
static struct trb_next reply_all(struct trb_request *rq)
{
    const struct trb_error *whole = rq->kernel->failure(rq), *err;
    struct trb_name text = {0};
    uint32_t status = 0;
    if (whole)
        return refuse(rq, slice_name(failure_text(rq, whole)), failure_status(whole));
    for (uint32_t i = 0; i < rq->kernel->item_count(rq); i++) {
        rq->kernel->item(rq, i, &err);
        if (!err)
            continue;
        struct trb_name line = failure_text(rq, err);
        text = text.at ? trb_printf(rq, "%s\n%s", text.at, line.at) : line;
        status = status ? status : failure_status(err);
    }
    if (!text.at)
        return trb_reply_empty(rq, 204);
    if (status == 409)
        text = trb_printf(rq, "possible etag mismatch. error from state store: %s", text.at);
    else if (status == 400)
        text = trb_printf(rq, "invalid etag value: %s", text.at);
    return refuse(rq, slice_name(text), status);
}
