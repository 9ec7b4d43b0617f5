/* answer: one way to answer a call and an item of a bulk; and the three bulks, which are their singles
 * pipelined. */
#include "store.h"
#include <base/mem.h>

struct redis_wish wish_alone(struct store *s, struct trb_call *call, const void *question)
{
    return (struct redis_wish){.self = s, .call = call, .question = question, .index = ALONE};
}

struct redis_wish wish_item(struct bulk *b, uint32_t index, const void *question)
{
    return (struct redis_wish){.self = b->store, .call = b, .question = question, .index = index};
}

struct store *store_of(const struct redis_wish *w)
{
    return w->self;
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

static void settle(struct redis_wish *w, const void *answer, size_t size, const struct trb_error *err)
{
    struct bulk *b = w->call;
    const struct trb_host *host = store_of(w)->host;
    host->item(b->call, w->index, answer, size, err);
    if (--b->owed)
        return;
    host->done(b->call, NULL, 0);
    mem_free(b);
}

void wish_done(struct redis_wish *w, const void *answer, size_t size)
{
    if (w->index == ALONE)
        store_of(w)->host->done(w->call, answer, size);
    else
        settle(w, answer, size, NULL);
}

void wish_fail(struct redis_wish *w, const struct trb_error *err)
{
    if (w->index == ALONE)
        store_of(w)->host->fail(w->call, err);
    else
        settle(w, NULL, 0, err);
}

void wish_fail_reply(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct trb_error own = {0};
    if (!err)
        redis_reply_error(reply, &own);
    wish_fail(w, err ? err : &own);
}

bool wish_may_repeat(struct redis_wish *w, const struct trb_error *err)
{
    return err && err->code == TRB_UNAVAILABLE && (int64_t)w->tries++ < store_of(w)->config.max_retries;
}

static void send_all(struct store *s, struct trb_call *call, const struct trb_list *items, void (*send)(struct redis_wish *))
{
    struct bulk *b = bulk_create(s, call, items->count);
    for (uint32_t i = 0, count = b ? items->count : 0; i < count; i++) {
        struct redis_wish w = wish_item(b, i, trb_list_at(items, i));
        send(&w);
    }
}

void store_bulk_get(void *self, struct trb_call *call, const void *question)
{
    send_all(self, call, &((const struct trb_state_bulk_get *)question)->items, get_send);
}

void store_bulk_set(void *self, struct trb_call *call, const void *question)
{
    send_all(self, call, &((const struct trb_state_bulk_set *)question)->items, set_send);
}

void store_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    send_all(self, call, &((const struct trb_state_bulk_delete *)question)->items, remove_send);
}
