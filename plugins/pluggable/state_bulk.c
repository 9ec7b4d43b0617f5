/* state_bulk: many items in one call. What is written succeeds or fails as a whole; what is read, one by one. */
#include "kinds.h"
#include "state.h"
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>

/* ---------------------------------------------------------------------------------------- reading */
static void tell(struct grpc_wish *w, uint32_t index, const struct components_bulk_state_item *m)
{
    struct bridge *b = w->self;
    struct trb_state_item item = {.size = sizeof item};
    struct trb_error err = {0};
    if (m && m->error.len) {
        trb_error(&err, TRB_UNKNOWN, "NOT_READ", "%s", m->error.at);
        b->host->item(w->call, index, NULL, 0, &err);
        return;
    }
    if (m) {
        item.value = (struct trb_data){m->data.at, m->data.len, NULL};
        item.etag = m->etag ? slice_name(m->etag->value) : (struct trb_slice){NULL, 0};
        item.metadata = m->metadata;
        item.content_type = present(m->content_type);
    }
    b->host->item(w->call, index, &item, sizeof item, NULL);
}

/* A component may answer in another order, and leave out what is not there. */
static void on_got(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    const struct trb_state_bulk_get *q = w->question;
    struct components_bulk_get_response m;
    struct map found = {0};
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_bulk_get_response_pb, &m);
    if (!arena)
        return;
    for (uint32_t i = 0; i < m.items.count; i++)
        map_set(&found, slice_name(m.items.at[i].key), &m.items.at[i]);
    for (uint32_t i = 0; i < q->items.count; i++) {
        const struct trb_state_get *one = trb_list_at(&q->items, i);
        tell(w, i, map_get(&found, slice_name(one->key)));
    }
    trb_done(w->call);
    map_fini(&found);
    arena_destroy(arena);
}

void state_bulk_get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_get *q = question;
    struct components_get_request *items = mem_zero((q->items.count + 1) * sizeof *items);
    struct components_bulk_get_request_options options = {q->parallelism};
    for (uint32_t i = 0; i < q->items.count; i++)
        get_write(trb_list_at(&q->items, i), &items[i]);
    struct components_bulk_get_request m = {.items = {items, q->items.count}, .options = &options};
    bridge_ask(self, call, STATE "BulkGet", &components_bulk_get_request_pb, &m, q, on_got);
    mem_free(items);
}

/* ---------------------------------------------------------------------------------------- writing */
void state_bulk_set(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_set *q = question;
    uint32_t count = q->items.count;
    struct components_set_request *items = mem_zero((count + 1) * sizeof *items);
    struct set_message *rooms = mem_zero((count + 1) * sizeof *rooms);
    struct components_bulk_set_request_options options = {q->parallelism};
    const char *fault = NULL;
    for (uint32_t i = 0; i < count && !fault; i++) {
        fault = set_write(trb_list_at(&q->items, i), &rooms[i]);
        items[i] = rooms[i].message;
    }
    struct components_bulk_set_request m = {.items = {items, count}, .options = &options};
    if (fault)
        trb_fail(call, TRB_INVALID, "NULL_VALUE", "%s", fault);
    else
        bridge_ask(self, call, STATE "BulkSet", &components_bulk_set_request_pb, &m, q, bridge_answer_nothing);
    mem_free(rooms);
    mem_free(items);
}

void state_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_bulk_delete *q = question;
    uint32_t count = q->items.count;
    struct components_delete_request *items = mem_zero((count + 1) * sizeof *items);
    struct delete_message *rooms = mem_zero((count + 1) * sizeof *rooms);
    struct components_bulk_delete_request_options options = {q->parallelism};
    for (uint32_t i = 0; i < count; i++) {
        delete_write(trb_list_at(&q->items, i), &rooms[i]);
        items[i] = rooms[i].message;
    }
    struct components_bulk_delete_request m = {.items = {items, count}, .options = &options};
    bridge_ask(self, call, STATE "BulkDelete", &components_bulk_delete_request_pb, &m, q, bridge_answer_nothing);
    mem_free(rooms);
    mem_free(items);
}
