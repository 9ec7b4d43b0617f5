/* answer: one way to answer a call and an item of a bulk, and bulks as their singles side by side. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

struct trb_call *wish_call(const struct grpc_wish *w)
{
    return w->index == ALONE ? w->call : ((const struct bulk *)w->call)->call;
}

static void settle(struct grpc_wish *w, const void *answer, size_t size, const struct trb_error *err)
{
    struct bulk *b = w->call;
    b->store->host->item(b->call, w->index, answer, size, err);
    if (--b->owed)
        return;
    trb_done(b->call);
    mem_free(b);
}

void wish_end(struct grpc_wish *w, const void *answer, size_t size, const struct trb_error *err)
{
    struct store *s = w->self;
    if (w->index != ALONE)
        settle(w, answer, size, err);
    else if (err)
        s->host->fail(w->call, err);
    else
        s->host->done(w->call, answer, size);
}

void error_bad_answer(struct trb_error *err)
{
    trb_error(err, TRB_INTERNAL, "PROTOCOL", "etcd's answer has an unexpected form");
}

void wish_fail_answer(struct grpc_wish *w)
{
    struct trb_error err = {0};
    error_bad_answer(&err);
    wish_end(w, NULL, 0, &err);
}

bool wish_may_repeat(struct grpc_wish *w, const struct trb_error *err)
{
    return err && err->code == TRB_UNAVAILABLE && w->tries++ < MAX_TRIES;
}

struct bulk *bulk_create(struct store *s, struct trb_call *call, uint32_t count)
{
    if (!count) {
        trb_done(call);
        return NULL;
    }
    struct bulk *b = mem_alloc(sizeof *b);
    *b = (struct bulk){.store = s, .call = call, .owed = count};
    return b;
}

void bulk_send(struct store *s, struct trb_call *call, const struct trb_list *items, void (*send)(struct grpc_wish *))
{
    struct bulk *b = bulk_create(s, call, items->count);
    for (uint32_t i = 0, count = b ? items->count : 0; i < count; i++) {
        struct grpc_wish w = {.self = s, .call = b, .question = trb_list_at(items, i), .index = i};
        send(&w);
    }
}
