/* get: one key, read through the leader. */
#include "store.h"
#include "value.h"
#include <base/clock.h>
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

void store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    bulk_send(self, call, &((const struct trb_state_bulk_get *)question)->items, get_send);
}
