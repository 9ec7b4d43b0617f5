/* get: one key, read through the leader; and many keys, by one transaction of reads for each batch. */
#include "store.h"
#include "value.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>

static void get_send(struct grpc_wish *);

static void fail_record(struct grpc_wish *w)
{
    const struct trb_state_get *q = w->question;
    struct trb_error err = {0};
    trb_error(&err, TRB_INTERNAL, "BAD_RECORD", "the value of %.*s is not a message of this version of the store",
              SLICE_ARG(slice_cut(slice_name(q->key), 250)));
    wish_end(w, NULL, 0, &err);
}

static void finish(struct grpc_wish *w, const struct etcd_item *found)
{
    const struct store *s = w->self;
    struct trb_slice data = found->value;
    int64_t expiry_ns = 0;
    char etag[20], expiry[CLOCK_TEXT];
    if (s->is_v2 && !value_read(found->value, &data, &expiry_ns)) {
        fail_record(w);
        return;
    }
    struct trb_pair ttl = {.key = NAME("ttlExpireTime"), .value = {expiry, expiry_ns ? clock_rfc3339(expiry_ns, expiry) : 0}};
    struct trb_state_item item = {.size = sizeof item, .value = {data.at ? data.at : "", data.len, NULL},
                                  .etag = slice_decimal((uint64_t)found->mod_revision, etag)};
    if (expiry_ns)
        item.metadata = (struct trb_pairs){&ttl, 1, sizeof ttl};
    wish_end(w, &item, sizeof item, NULL);
}

static void on_got(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct trb_state_item none = {.size = sizeof none};
    struct etcd_item found;
    bool has;
    if (wish_may_repeat(w, err))
        get_send(w);
    else if (err)
        wish_end(w, NULL, 0, err);
    else if (!etcd_read_first(answer, &has, &found))
        wish_fail_answer(w);
    else if (has)
        finish(w, &found);
    else
        wish_end(w, &none, sizeof none, NULL);
}

static void get_send(struct grpc_wish *w)
{
    struct store *s = w->self;
    struct text message = {0};
    w->answered = on_got;
    grpc_message_begin(&message);
    etcd_put_range(&message, store_key(s, ((const struct trb_state_get *)w->question)->key), false);
    store_ask(s, wish_call(w), w, path_range, &message);
}

void store_get(void *self, struct trb_call *call, const void *question)
{
    struct grpc_wish w = {.self = self, .call = call, .question = question, .index = ALONE};
    get_send(&w);
}

/* ----------------------------------------------------------------------------------- many keys */
#define BATCH 64u                               /* keys of one request, whose answer has all their values */

struct batch {
    struct store *store;
    struct bulk *bulk;
    const struct trb_list *items;
    uint32_t first, count, tries;
};

static struct grpc_wish item_wish(const struct batch *b, uint32_t i)
{
    return (struct grpc_wish){.self = b->store, .call = b->bulk, .question = trb_list_at(b->items, b->first + i),
                              .index = b->first + i};
}

static void fail_from(const struct batch *b, uint32_t i, const struct trb_error *err)
{
    for (; i < b->count; i++) {
        struct grpc_wish w = item_wish(b, i);
        wish_end(&w, NULL, 0, err);
    }
}

/* How many the answer had. */
static uint32_t tell_each(const struct batch *b, struct wire_reader *answers)
{
    struct trb_slice range;
    uint32_t i = 0;
    for (; i < b->count && etcd_next_range(answers, &range); i++) {
        struct grpc_wish w = item_wish(b, i);
        on_got(&w, range, NULL);
    }
    return i;
}

static void batch_send(struct batch *);

static void on_batch(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct batch *b = w->call;
    struct wire_reader answers;
    struct trb_error own = {0};
    bool succeeded;
    if (err && err->code == TRB_UNAVAILABLE && b->tries++ < MAX_TRIES) {
        batch_send(b);
        return;
    }
    error_bad_answer(&own);
    if (err)
        fail_from(b, 0, err);
    else if (etcd_read_txn(answer, &succeeded, &answers))
        fail_from(b, tell_each(b, &answers), &own);
    else
        fail_from(b, 0, &own);
    mem_free(b);
}

static void batch_send(struct batch *b)
{
    struct grpc_wish w = {.answered = on_batch, .self = b->store, .call = b};
    struct text message = {0};
    grpc_message_begin(&message);
    for (uint32_t i = 0; i < b->count; i++) {
        const struct trb_state_get *q = trb_list_at(b->items, b->first + i);
        struct etcd_op op = etcd_op_begin(&message, ETCD_THEN, ETCD_OP_RANGE);
        etcd_put_range(&message, store_key(b->store, q->key), false);
        etcd_op_end(&message, op);
    }
    store_ask(b->store, b->bulk->call, &w, path_txn, &message);
}

void store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_list *items = &((const struct trb_state_bulk_get *)question)->items;
    struct bulk *bulk = bulk_create(s, call, items->count);
    uint32_t most = s->max_ops < BATCH ? (uint32_t)s->max_ops : BATCH, count = bulk ? items->count : 0;
    for (uint32_t first = 0; first < count; first += most) {
        struct batch *b = mem_alloc(sizeof *b);
        *b = (struct batch){.store = s, .bulk = bulk, .items = items, .first = first,
                            .count = count - first < most ? count - first : most};
        batch_send(b);
    }
}
