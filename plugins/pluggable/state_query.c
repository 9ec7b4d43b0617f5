/* state_query: the query of the API as a message; what it finds, item by item. */
#include "kinds.h"
#include "state.h"
#include <base/json.h>
#include <base/slice.h>

#define MEMORY (64u << 20)

/* {"EQ": {"a": 1}} is sent as the word and the JSON behind it. */
static void write_filter(struct arena *arena, struct json_value filter, struct components_query *to)
{
    struct json_cursor c = json_enter(filter);
    struct json_value value;
    struct trb_slice key;
    to->filter.at = arena_zero(arena, (json_count(filter) + 1) * sizeof *to->filter.at);
    while (filter.kind == JSON_OBJECT && json_member(&c, &key, &value)) {
        struct google_any *any = arena_zero(arena, sizeof *any);
        any->type_url = NAME("");
        any->value = value.raw;
        to->filter.at[to->filter.count].key = json_name(arena, (struct json_value){JSON_STRING, key});
        to->filter.at[to->filter.count++].value = any;
    }
}

static void write_sort(struct arena *arena, struct json_value sort, struct components_query *to)
{
    struct json_cursor c = json_enter(sort);
    struct json_value one;
    to->sort.at = arena_zero(arena, (json_count(sort) + 1) * sizeof *to->sort.at);
    while (sort.kind == JSON_ARRAY && json_next(&c, &one)) {
        struct trb_slice order = json_text(arena, json_find(one, SLICE("order")));
        to->sort.at[to->sort.count++] = (struct components_sorting){
            .key = json_name(arena, json_find(one, SLICE("key"))),
            .order = slice_is_nocase(order, SLICE("DESC")) ? COMPONENTS_SORTING_DESC : COMPONENTS_SORTING_ASC};
    }
}

static void write_page(struct arena *arena, struct json_value page, struct components_query *to)
{
    struct components_pagination *p = arena_zero(arena, sizeof *p);
    p->token = NAME("");
    if (page.kind == JSON_OBJECT) {
        slice_to_i64(json_find(page, SLICE("limit")).raw, &p->limit);
        if (json_find(page, SLICE("token")).kind == JSON_STRING)
            p->token = json_name(arena, json_find(page, SLICE("token")));
    }
    to->pagination = p;
}

static const char *query_write(struct arena *arena, struct trb_slice query, struct components_query *to)
{
    struct json_value all;
    struct json_fault fault = {0};
    if (!json_parse(query, &all, &fault) || all.kind != JSON_OBJECT)
        return "the query is no JSON object";
    write_filter(arena, json_find(all, SLICE("filter")), to);
    write_sort(arena, json_find(all, SLICE("sort")), to);
    write_page(arena, json_find(all, SLICE("page")), to);
    return NULL;
}

/* ----------------------------------------------------------------------------------------- answers */
static void on_found(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_query_response m;
    struct bridge *b = w->self;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_query_response_pb, &m);
    if (!arena)
        return;
    for (uint32_t i = 0; i < m.items.count; i++) {
        const struct components_query_item *one = &m.items.at[i];
        struct trb_state_query_item item = {.size = sizeof item, .key = one->key, .value = {one->data.at, one->data.len, NULL},
                                            .etag = one->etag ? slice_name(one->etag->value) : (struct trb_slice){NULL, 0}};
        if (one->error.len)
            item.error = slice_name(one->error);
        b->host->item(w->call, i, &item, sizeof item, NULL);
    }
    struct trb_state_query_item last = {.size = sizeof last, .key = NAME(""), .token = slice_name(m.token)};
    if (m.token.len)
        b->host->item(w->call, m.items.count, &last, sizeof last, NULL);
    trb_done(w->call);
    arena_destroy(arena);
}

void state_query(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_query *q = question;
    struct arena *arena = arena_create(MEMORY);
    struct components_query query = {0};
    const char *fault = query_write(arena, q->query, &query);
    struct components_query_request m = {.query = &query, .metadata = q->metadata};
    if (fault)
        trb_fail(call, TRB_INVALID, "BAD_QUERY", "%s", fault);
    else
        bridge_ask(self, call, SERVICES "QueriableStateStore/Query", &components_query_request_pb, &m, q, on_found);
    arena_destroy(arena);
}
