/* state: a store in another process: single items and transactions. Keys come complete; values go as they are. */
#include "state.h"
#include "kinds.h"
#include <base/mem.h>
#include <base/slice.h>

/* ------------------------------------------------------------------------------------- greeting */
/* Where a bit stands in caps is where its name stands here. */
static void hear_features(struct bridge *b, const struct components_features_response *m)
{
    static const char *const names[] = {"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL"};
    b->host->narrow(b->origin, features_caps(m, names, 4) | TRB_STATE_QUERY_ANYWAY);
    b->transact_max = 0;                        /* of a process that came back, too */
}

static const struct greeting greetings[] = {{STATE "Init", NULL}, {STATE "Features", hear_features}};
static const struct kind kind = {"state", greetings, 2};

static void start(void *self, struct trb_call *call, const void *setup)
{
    bridge_start(self, &kind, call, setup);
}

/* ---------------------------------------------------------------------------------------- items */
const struct components_etag *etag_of(struct trb_name etag, struct components_etag *room)
{
    room->value = etag;
    return etag.at ? room : NULL;
}

void get_write(const struct trb_state_get *q, struct components_get_request *to)
{
    *to = (struct components_get_request){.key = q->key, .metadata = q->metadata, .consistency = (int32_t)q->consistency};
}

const char *set_write(const struct trb_state_set *q, struct set_message *to)
{
    bool is_null = q->is_json && q->value.len == 4 && !memcmp(q->value.at, "null", 4);
    to->options = (struct components_state_options){(int32_t)q->concurrency, (int32_t)q->consistency};
    to->message = (struct components_set_request){.key = q->key, .value = {q->value.at, q->value.len},
                                                  .etag = etag_of(q->etag, &to->etag), .metadata = q->metadata,
                                                  .options = &to->options, .content_type = q->content_type};
    return is_null ? "an attempt to set a nil value was received, try to use Delete instead" : NULL;
}

void delete_write(const struct trb_state_delete *q, struct delete_message *to)
{
    to->options = (struct components_state_options){(int32_t)q->concurrency, (int32_t)q->consistency};
    to->message = (struct components_delete_request){.key = q->key, .etag = etag_of(q->etag, &to->etag),
                                                     .metadata = q->metadata, .options = &to->options};
}

static void on_got(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_get_response m;
    struct arena *arena = bridge_failed(w, err) ? NULL : bridge_read(w, message, &components_get_response_pb, &m);
    if (!arena)
        return;
    struct trb_state_item item = {.size = sizeof item, .value = {m.data.at, m.data.len, NULL}, .metadata = m.metadata,
                                  .etag = m.etag ? slice_name(m.etag->value) : (struct trb_slice){NULL, 0},
                                  .content_type = present(m.content_type)};
    ((struct bridge *)w->self)->host->done(w->call, &item, sizeof item);
    arena_destroy(arena);
}

static void get(void *self, struct trb_call *call, const void *question)
{
    struct components_get_request m;
    get_write(question, &m);
    bridge_ask(self, call, STATE "Get", &components_get_request_pb, &m, question, on_got);
}

static void set(void *self, struct trb_call *call, const void *question)
{
    struct set_message m;
    const char *fault = set_write(question, &m);
    if (fault)
        trb_fail(call, TRB_INVALID, "NULL_VALUE", "%s", fault);
    else
        bridge_ask(self, call, STATE "Set", &components_set_request_pb, &m.message, question, bridge_answer_nothing);
}

static void remove_one(void *self, struct trb_call *call, const void *question)
{
    struct delete_message m;
    delete_write(question, &m);
    bridge_ask(self, call, STATE "Delete", &components_delete_request_pb, &m.message, question, bridge_answer_nothing);
}

/* ---------------------------------------------------------------------------------- transactions */
struct operation {
    struct set_message set;
    struct delete_message remove;
};

static const char *operation_write(const struct trb_state_operation *q, struct operation *room,
                                   struct components_transactional_state_operation *to)
{
    struct trb_state_set set = {.key = q->key, .value = q->value, .etag = q->etag, .metadata = q->metadata,
                                .content_type = q->content_type, .concurrency = q->concurrency,
                                .consistency = q->consistency, .is_json = q->is_json};
    struct trb_state_delete remove = {.key = q->key, .etag = q->etag, .metadata = q->metadata,
                                      .concurrency = q->concurrency, .consistency = q->consistency};
    *to = (struct components_transactional_state_operation){0};
    if (q->kind == TRB_STATE_REMOVE) {
        delete_write(&remove, &room->remove);
        to->delete = &room->remove.message;
        return NULL;
    }
    to->set = &room->set.message;
    return set_write(&set, &room->set);
}

static void send_transaction(struct bridge *b, struct trb_call *call, const struct trb_state_transact *q)
{
    uint32_t count = q->operations.count;
    struct components_transactional_state_operation *all = mem_zero((count + 1) * sizeof *all);
    struct operation *rooms = mem_zero((count + 1) * sizeof *rooms);
    const char *fault = NULL;
    for (uint32_t i = 0; i < count && !fault; i++)
        fault = operation_write(trb_list_at(&q->operations, i), &rooms[i], &all[i]);
    struct components_transactional_state_request m = {.operations = {all, count}, .metadata = q->metadata};
    if (fault)
        trb_fail(call, TRB_INVALID, "NULL_VALUE", "%s", fault);
    else
        bridge_ask(b, call, SERVICES "TransactionalStateStore/Transact", &components_transactional_state_request_pb, &m, q,
                   bridge_answer_nothing);
    mem_free(rooms);
    mem_free(all);
}

static void transact_within(struct bridge *b, struct trb_call *call, const struct trb_state_transact *q)
{
    struct trb_error err = {0};
    if (b->transact_max < 0 || q->operations.count <= (uint64_t)b->transact_max) {
        send_transaction(b, call, q);
        return;
    }
    trb_error(&err, TRB_INVALID, "TOO_MANY", "the store takes at most %lld operations in one transaction",
              (long long)b->transact_max);
    err.kind = TRB_STATE_TOO_MANY;
    err.item = (int32_t)(b->transact_max < INT32_MAX ? b->transact_max : INT32_MAX);
    b->host->fail(call, &err);
}

/* A component that does not say has no limit; it is not asked again. */
static void on_most(struct grpc_wish *w, struct trb_slice message, const struct trb_error *err)
{
    struct components_multi_max_size_response m = {0};
    struct bridge *b = w->self;
    struct arena *arena = NULL;
    bool is_said = !err && !message_read(message, &components_multi_max_size_response_pb, &m, &arena);
    b->transact_max = is_said && m.max_size > 0 ? m.max_size : -1;
    arena_destroy(arena);
    transact_within(b, w->call, w->question);
}

static void transact(void *self, struct trb_call *call, const void *question)
{
    struct bridge *b = self;
    struct grpc_wish w = {.answered = on_most, .self = b, .call = call, .question = question};
    struct text message = {0};
    if (b->transact_max) {
        transact_within(b, call, question);
        return;
    }
    grpc_message_begin(&message);
    grpc_ask(b->grpc, &w, SERVICES "TransactionalStoreMultiMaxSize/MultiMaxSize", &message, MAX_SIZE_NS);
}

/* ------------------------------------------------------------------------------------- manifest */
static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = get, .set = set, .remove = remove_one, .bulk_get = state_bulk_get,
    .bulk_set = state_bulk_set, .bulk_remove = state_bulk_remove, .transact = transact, .query = state_query};

const struct trb_component pluggable_state = {
    .size = sizeof pluggable_state, .block = "state", .type = "state.pluggable", .version = "v1",
    .summary = "A store in a process of its own, over the socket that is named as the type.",
    .caps = TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_QUERY | TRB_STATE_TTL | TRB_STATE_QUERY_ANYWAY,
    .run = TRB_ON_ONE_LOOP, TRB_SELF(struct bridge, bridge_options), .ops = &ops, .start = start, .stop = bridge_stop,
    .cancel = bridge_cancel};
